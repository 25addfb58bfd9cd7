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
import os
import statistics
import subprocess
import sys
import time

from tests.benchmarks.keras_ratio import (
    AUGFLOW_FIT,
    DEFAULT_COUNT,
    REPOSITORY,
    make_flow,
    median_ratio,
    read_as_fit,
)
from tests.benchmarks.photos import cached_photos

# name: (Keras's threads, whether the order is foreseen)
WAYS = {
    "split": (1, False),
    "2 threads": (2, False),
    "4 threads": (4, False),
    "predicted": (1, True),
    "predicted, 2 threads": (2, True),
}


def measure(way: str, folder: str) -> float:
    """Images a second over two epochs after one to warm up, their boundaries included."""
    threads, foreseen = WAYS[way]
    if not foreseen:
        from augflow.access_pattern import AccessPattern

        AccessPattern.upcoming = lambda self, count: []  # type: ignore[method-assign]
    flow = make_flow(AUGFLOW_FIT, folder)
    flow.workers = threads
    read_epoch = read_as_fit(flow)
    read_epoch()
    start = time.perf_counter()
    images = read_epoch() + read_epoch()
    return images / (time.perf_counter() - start)


def measure_in_process(way: str, folder: str) -> float:
    """``measure`` in a fresh process."""
    order = json.dumps([way, folder])
    finished = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.fit_ways", "--measure", order],
        cwd=REPOSITORY,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if finished.returncode != 0:
        raise RuntimeError(f"{way} failed:\n{finished.stderr}")
    return float(finished.stdout.splitlines()[-1])


def main() -> None:
    """Run the rounds and print the rates, and their ratios to "split"."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measure(*json.loads(options.measure)))
        return
    folder = str(cached_photos(options.images))
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.pairs):
        for way, values in rates.items():
            values.append(measure_in_process(way, folder))
    print(f"{'way':<24}{'images/s':>9}   against split")
    for way, values in rates.items():
        _, text = median_ratio(values, rates["split"])
        print(f"{way:<24}{statistics.median(values):>9.0f}   {text}")


if __name__ == "__main__":
    main()
