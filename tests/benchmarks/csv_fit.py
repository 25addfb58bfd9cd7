"""Milliseconds a step of ``model.fit`` over rows of a CSV file, by the way the rows come.

    python -m tests.benchmarks.csv_fit [--rounds 5] [--rows 1000000] [--batch-size 250]

A small network is trained on one column of two with Keras's defaults (``shuffle=True``): on arrays
in memory, on a ``PyDataset`` that cuts its batches from arrays in memory, on ``flow_from_csv`` from
its cache, and on ``flow_from_csv`` without one, with ``shuffle=True`` and ``shuffle=False`` of
``fit``. All take turns in one process, round after round; a ratio is taken within each round, and
its median is the result. The difference between the first two is what Keras takes for any dataset
in Python. Processor time is that of this process, TensorFlow's threads included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WAYS = ("arrays", "PyDataset of arrays", "from the cache", "no cache", "no cache, shuffle=False")
# Way, against which other, at most how many times its seconds.
WANTED = (
    ("from the cache", "arrays", 1.1),
    ("from the cache", "PyDataset of arrays", 1.1),
    ("no cache", "no cache, shuffle=False", 1.25),
)


def make_ways(path: Path, rows: int, batch_size: int) -> dict[str, Callable[[Any], None]]:
    """Functions that train a model for an epoch."""
    import keras
    import pandas as pd

    import augflow

    table = pd.DataFrame(
        np.random.default_rng(0).normal(size=(rows, 2)).round(5), columns=["a", "b"]
    )
    table.to_csv(path, index=False)
    x, y = table[["a"]].to_numpy("float32"), table["b"].to_numpy("float32")

    class Cut(keras.utils.PyDataset):
        """Batches of arrays in memory, in the order of the rows."""

        def __len__(self) -> int:
            return -(-rows // batch_size)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            part = slice(index * batch_size, (index + 1) * batch_size)
            return x[part], y[part]

    reading = {"batch_size": batch_size, "shuffle": True, "seed": 0, "workers": 2}
    cached = augflow.flow_from_csv(path, ["a"], "b", cache=path.parent / "columns", **reading)
    for _ in cached.epoch():
        pass
    plain = augflow.flow_from_csv(path, ["a"], "b", **reading)
    cut = Cut()
    return {
        "arrays": lambda model: model.fit(x, y, batch_size=batch_size, verbose=0),
        "PyDataset of arrays": lambda model: model.fit(cut, verbose=0),
        "from the cache": lambda model: model.fit(cached, verbose=0),
        "no cache": lambda model: model.fit(plain, verbose=0),
        "no cache, shuffle=False": lambda model: model.fit(plain, shuffle=False, verbose=0),
    }


def measure(path: Path, rows: int, batch_size: int, rounds: int) -> dict[str, list[Any]]:
    """Milliseconds a step and of processor time a step, of each way and round."""
    import keras

    ways = make_ways(path, rows, batch_size)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    steps = -(-rows // batch_size)
    found: dict[str, list[Any]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name in WAYS:
            begin, processor = time.perf_counter(), time.process_time()
            ways[name](model)
            seconds, processor = time.perf_counter() - begin, time.process_time() - processor
            # The first round builds the graphs.
            if number:
                found[name].append((1000 * seconds / steps, 1000 * processor / steps))
                print(f"round {number}  {name:<26}{found[name][-1][0]:>9.3f} ms a step", flush=True)
    return found


def main() -> int:
    """Run what the command line asks for; 1 if something wanted is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch-size", type=int, default=250)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="augflow-csv-") as folder:
        path = Path(folder) / "rows.csv"
        found = measure(path, options.rows, options.batch_size, options.rounds)
    print(f"\n{'median, ms a step':<28}{'wall':>9}{'processor':>11}")
    for name in WAYS:
        walls, processors = zip(*found[name], strict=True)
        print(f"{name:<28}{statistics.median(walls):>9.3f}{statistics.median(processors):>11.3f}")
    reached = True
    for name, other, most in WANTED:
        ratios = [
            ours[0] / theirs[0] for ours, theirs in zip(found[name], found[other], strict=True)
        ]
        median = statistics.median(ratios)
        reached &= median <= most
        print(
            f"{name} / {other}: {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
            f"wanted at most {most}"
        )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
