"""Which way keeps the workers busy under Keras's ``fit``, which permutes the batch indices.

    python -m tests.benchmarks.fit_ways [--pairs 5] [--images 1399]

Every way reads the flow through Keras's own epoch iterator, in a process of its own, in turn:

- split: each batch is begun when it is asked for, its rows split over the workers;
- threads: so, too, and Keras's own threads (``flow.workers``) ask for several at once;
- predicted: what augflow does; the permutation is foreseen, and whole batches are read ahead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from tests.benchmarks.contestants import AUGFLOW_FIT
from tests.benchmarks.in_process import run_in_process
from tests.benchmarks.photos import DEFAULT_COUNT
from tests.benchmarks.read_flows import make_flow, read_as_fit
from tests.benchmarks.results import median_ratio
from tests.benchmarks.work import Work

# name: (Keras's threads, whether the order is foreseen)
WAYS = {
    "split": (1, False),
    "2 threads": (2, False),
    "4 threads": (4, False),
    "predicted": (1, True),
    "predicted, 2 threads": (2, True),
}

# Enough of them to meet with TensorFlow's waits between epochs, see epoch_waits.py.
EPOCHS = 8


def measure(way: str, images: int) -> float:
    """Images a second over whole epochs after one to warm up, their boundaries included."""
    threads, foreseen = WAYS[way]
    if not foreseen:
        from augflow.order.access_pattern import AccessPattern

        AccessPattern.upcoming = lambda self, count: []  # type: ignore[method-assign]
    flow = make_flow(AUGFLOW_FIT, Work(images=images))
    flow.workers = threads
    read_epoch = read_as_fit(flow)
    sum(read_epoch())
    start = time.perf_counter()
    read = sum(sum(read_epoch()) for _ in range(EPOCHS))
    return read / (time.perf_counter() - start)


def measure_in_process(way: str, images: int) -> float:
    """``measure`` in a fresh process."""
    answer = run_in_process("tests.benchmarks.fit_ways", [way, images])
    if answer is None:
        raise TimeoutError(f"{way} did not end in time")
    return answer["images_per_second"]


def main() -> None:
    """Run the rounds and print the rates, and their ratios to "split"."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        speed = measure(*json.loads(options.measure))
        print("\n" + json.dumps({"images_per_second": speed}))
        return
    Work(images=options.images).make_folder()
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.pairs):
        for way, values in rates.items():
            values.append(measure_in_process(way, options.images))
    print(f"{'way':<24}{'images/s':>9}   against split")
    for way, values in rates.items():
        ratio = median_ratio(values, rates["split"])
        print(
            f"{way:<24}{statistics.median(values):>9.0f}   {ratio.median:.1f} times  "
            f"({ratio.least:.1f} to {ratio.most:.1f})"
        )


if __name__ == "__main__":
    main()
