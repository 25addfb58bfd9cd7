"""How many times faster than Keras's legacy ImageDataGenerator: ``next()`` and ``fit``.

    python -m tests.benchmarks.keras_ratio [--pairs 5] [--images 1399]

Real photographs (see ``photos.py``), "full affine" augmentation, 224 x 224 x 3, batches of
32. Every contestant runs in a process of its own, and all of them take turns, round after
round: whatever slows the machine for a while then slows both sides of a ratio. The ratio is
taken within each round; its median is the result, its smallest and largest are the spread.

"fit" reads the flow as ``model.fit`` does, through Keras's own epoch iterator, without a
model behind it: that is the rate at which a very fast model could be fed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.photos import DEFAULT_COUNT, cached_photos

FULL_AFFINE = {
    "rotation_range": 20,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 20,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}
TARGET_SIZE = (224, 224)
BATCH_SIZE = 32
AUGFLOW_WORKERS = 2
WANTED_NEXT_RATIO = 8.0
WANTED_FIT_RATIO = 4.0

# A flow that forks after TensorFlow has started threads may hang; it is then left out.
TIME_LIMIT_SECONDS = 300
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Contestant:
    """One way to read the flow.

    Attributes:
        label: the row's name in the table.
        library: "keras" or "augflow".
        way: "next" for ``next(flow)``, "fit" for Keras's epoch iterator.
        keras_workers: ``flow.workers``, Keras's own setting; 1 is its default.
        processes: ``flow.use_multiprocessing``, Keras's own setting.
    """

    label: str
    library: str
    way: str
    keras_workers: int = 1
    processes: bool = False


KERAS_NEXT = Contestant("Keras, next()", "keras", "next")
AUGFLOW_NEXT = Contestant("augflow, next()", "augflow", "next")
AUGFLOW_FIT = Contestant("augflow, fit", "augflow", "fit")
KERAS_FIT = (
    Contestant("Keras, fit, workers=1 (default)", "keras", "fit"),
    Contestant("Keras, fit, workers=2", "keras", "fit", keras_workers=2),
    Contestant("Keras, fit, workers=4", "keras", "fit", keras_workers=4),
    Contestant("Keras, fit, workers=2, processes", "keras", "fit", 2, processes=True),
)
# augflow beside what it is compared with.
CONTESTANTS = (KERAS_NEXT, AUGFLOW_NEXT, *KERAS_FIT, AUGFLOW_FIT)


def make_flow(contestant: Contestant, folder: str) -> Any:
    """The contestant's flow over ``folder``, with the same arguments for both libraries."""
    own_arguments: dict[str, Any] = {}
    if contestant.library == "augflow":
        from augflow import ImageDataGenerator

        own_arguments["workers"] = AUGFLOW_WORKERS
    else:
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    flow = ImageDataGenerator(**FULL_AFFINE, **own_arguments).flow_from_directory(
        folder, target_size=TARGET_SIZE, batch_size=BATCH_SIZE, class_mode="binary", seed=0
    )
    if contestant.library == "keras":
        flow.workers = contestant.keras_workers
        flow.use_multiprocessing = contestant.processes
    return flow


def read_by_next(flow: Any) -> Any:
    """A function that reads one epoch by ``next(flow)`` and returns the number of images."""

    def read_epoch() -> int:
        return sum(len(next(flow)[0]) for _ in range(len(flow)))

    return read_epoch


def read_as_fit(flow: Any) -> Any:
    """A function that reads one epoch as ``model.fit(flow)`` does, and returns the number of
    images."""
    import tensorflow as tf
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    epochs = TFEpochIterator(
        x=flow,
        steps_per_epoch=None,
        shuffle=True,
        steps_per_execution=1,
        distribute_strategy=tf.distribute.get_strategy(),
    )

    def read_epoch() -> int:
        return sum(int(next(batches)[0].shape[0]) for _, _, batches in epochs.enumerate_epoch())

    return read_epoch


def measure(contestant: Contestant, folder: str) -> float:
    """Images a second over one whole epoch, after one whole epoch to warm up.

    The warm-up brings the files into the page cache, starts workers and threads, and makes
    the second epoch begin as every later one does.
    """
    flow = make_flow(contestant, folder)
    read_epoch = read_by_next(flow) if contestant.way == "next" else read_as_fit(flow)
    read_epoch()
    start = time.perf_counter()
    images = read_epoch()
    seconds = time.perf_counter() - start
    if images != flow.samples:
        raise RuntimeError(f"an epoch gave {images} images of {flow.samples}")
    return images / seconds


def measure_in_process(contestant: Contestant, folder: str, cores: int) -> float | None:
    """``measure`` in a fresh process that may use ``cores`` cores.

    Returns:
        Images a second, or None if the process did not end in time.
    """
    order = json.dumps({"contestant": asdict(contestant), "folder": folder, "cores": cores})
    command = [sys.executable, "-m", "tests.benchmarks.keras_ratio", "--measure", order]
    # The accelerator is no part of this, and starting it takes seconds.
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        finished = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    if finished.returncode != 0:
        raise RuntimeError(f"{contestant.label} failed:\n{finished.stderr}")
    return float(finished.stdout.splitlines()[-1])


def answer_order(order: str) -> None:
    """The part that runs in a contestant's process: measure, print the rate as last line."""
    values = json.loads(order)
    if values["cores"] and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))[: values["cores"]]
        os.sched_setaffinity(0, allowed)
    print(measure(Contestant(**values["contestant"]), values["folder"]))


def median_ratio(ours: list[float], theirs: list[float]) -> tuple[float, str]:
    """The median over the rounds of ours / theirs, and a text with its spread."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    median = statistics.median(ratios)
    return median, f"{median:.1f} times  ({min(ratios):.1f} to {max(ratios):.1f})"


def report(rates: dict[str, list[float]]) -> bool:
    """Print rates and ratios; True if both wanted ratios are reached."""
    print(f"\n{'images/s':<36}{'median':>9}{'min':>9}{'max':>9}")
    for label, values in rates.items():
        median = statistics.median(values)
        print(f"{label:<36}{median:>9.0f}{min(values):>9.0f}{max(values):>9.0f}")

    best_keras = max(
        (contestant.label for contestant in KERAS_FIT if contestant.label in rates),
        key=lambda label: statistics.median(rates[label]),
    )
    next_ratio, next_text = median_ratio(rates[AUGFLOW_NEXT.label], rates[KERAS_NEXT.label])
    fit_ratio, fit_text = median_ratio(rates[AUGFLOW_FIT.label], rates[best_keras])
    _, default_text = median_ratio(rates[AUGFLOW_FIT.label], rates[KERAS_FIT[0].label])
    _, mixed_text = median_ratio(rates[AUGFLOW_NEXT.label], rates[best_keras])
    print(
        f"\nnext():  augflow / Keras                   {next_text}, wanted {WANTED_NEXT_RATIO:.0f}"
    )
    print(f"fit:     augflow / Keras at its best       {fit_text}, wanted {WANTED_FIT_RATIO:.0f}")
    print(f"fit:     augflow / Keras by default        {default_text}")
    print(f"augflow next() / Keras fit at its best     {mixed_text}")
    print(f"Keras at its best is {best_keras!r}.")
    return next_ratio >= WANTED_NEXT_RATIO and fit_ratio >= WANTED_FIT_RATIO


def main() -> int:
    """Run the rounds that the command line asks for; 1 if a wanted ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="rounds, each with all contestants")
    parser.add_argument("--images", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--folder", type=Path, help="class folders to read instead of our own")
    parser.add_argument("--cores", type=int, default=2, help="cores for each contestant; 0: all")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        answer_order(options.measure)
        return 0

    folder = options.folder or cached_photos(options.images)
    rates: dict[str, list[float]] = {contestant.label: [] for contestant in CONTESTANTS}
    for round_number in range(options.pairs):
        for contestant in CONTESTANTS:
            if contestant.label not in rates:
                continue
            rate = measure_in_process(contestant, str(folder), options.cores)
            if rate is None:
                print(f"{contestant.label}: not done in {TIME_LIMIT_SECONDS} s, left out")
                del rates[contestant.label]
                continue
            rates[contestant.label].append(rate)
            print(f"round {round_number + 1}  {contestant.label:<36}{rate:>9.0f}", flush=True)
    return 0 if report(rates) else 1


if __name__ == "__main__":
    sys.exit(main())
