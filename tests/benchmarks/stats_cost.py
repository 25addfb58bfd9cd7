"""What taking the times costs where batches are cheapest: small arrays, built in this process.

python -m tests.benchmarks.stats_cost
"""

from __future__ import annotations

import time
from collections.abc import Callable

from augflow import ImageDataGenerator
from augflow.base.stage_times import AUGMENT, STANDARDIZE, StageClock, Work
from augflow.report.epoch_meter import EpochMeter
from tests.benchmarks.arrays import small_arrays
from tests.benchmarks.work import FULL_AFFINE, WITHOUT_AUGMENTATION

_REPEATS = 5
_IMAGES = 10_000
_BATCH = 32


def microseconds(call: Callable[[], object], calls: int) -> float:
    """The least mean time of one call, of several rounds."""
    rounds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append((time.perf_counter() - start) / calls)
    return min(rounds) * 1e6


def cost_of_a_batch() -> float:
    """Microseconds that the meter and the clock take for a batch built as a whole."""
    meter, work = EpochMeter(), Work(_BATCH)

    def take_times() -> None:
        with meter.visit(1_000) as visit:
            visit.batch_is((0, 0, 0), _BATCH)
            clock = StageClock()
            clock.skip()
            for stage in (AUGMENT, AUGMENT, STANDARDIZE):
                clock.lap(stage)
            clock.work(_BATCH)
            meter.add(work, 0)

    return microseconds(take_times, 20_000)


def main() -> None:
    """Print the cost and the batches it is a part of."""
    cost = cost_of_a_batch()
    print(f"taking the times: {cost:.1f} microseconds a batch")
    images, classes = small_arrays(_IMAGES, 32)
    for name, arguments in (("full affine", FULL_AFFINE), ("rescale", WITHOUT_AUGMENTATION)):
        flow = ImageDataGenerator(**arguments, workers=0).flow(
            images, classes, batch_size=_BATCH, seed=0
        )
        whole = microseconds(lambda flow=flow: next(flow), len(flow))  # type: ignore[misc]
        print(f"{name}: {whole:.0f} microseconds a batch, {cost / whole:.1%} of them for that")


if __name__ == "__main__":
    main()
