"""Rows a second of ``flow_from_csv`` with 2 workers against ``pandas.read_csv(chunksize=)`` alone.

    python -m tests.benchmarks.csv_ratio [--rounds 5] [--megabytes 200] [--large-megabytes 2048]

Both read the same ten float columns of a file with eleven, as float32. Every contestant runs in
a process of its own, and all take turns, round after round; a ratio is taken within each round,
and its median is the result. pandas is measured with chunks of the flow's batch size and with
larger ones; what counts is the best of those.

Then a flow goes once through a file of 2 GB, in order and shuffled, and the most memory that
each process ever held is read from the system, with what it shares with others counted in full.
From all this follows what a file of 100 million rows would take. The files hold random numbers
(the same text again and again, so that they are quickly written), lie in a temporary folder and
are removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

WANTED_RATIO = 1.0
WANTED_MEGABYTES = 300
PROJECTED_ROWS = 100_000_000
COLUMNS = [f"c{number}" for number in range(10)]
WORKERS = 2
# A measurement of single batches ends after so many.
MOST_BATCHES = 400
PANDAS_CHUNKS = (1024, 16_384, 65_536)
FLOWS = {
    "augflow in order, batches of 1024": {"batch_size": 1024, "shuffle": False},
    "augflow shuffled, batches of 1024": {"batch_size": 1024, "shuffle": True},
    "augflow in order, batches of 32": {"batch_size": 32, "shuffle": False},
    "augflow shuffled, batches of 32": {"batch_size": 32, "shuffle": True},
}
# As Keras's fit reads by default: shuffled indices.
BY_INDEX = {
    "augflow shuffled, 1024, any index": {"batch_size": 1024, "shuffle": True},
    "augflow shuffled, 32, any index": {"batch_size": 32, "shuffle": True},
}
COUNTED = list(FLOWS)[:2]


def write_file(path: Path, megabytes: int) -> None:
    """A header, an ID and ten random numbers a row."""
    import pandas as pd

    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(200_000, 10)).round(5), columns=COLUMNS)
    frame.insert(0, "id", np.arange(len(frame)))
    text = frame.to_csv(index=False, header=False).encode()
    with path.open("wb") as file:
        file.write((",".join(frame.columns) + "\n").encode())
        while file.tell() < megabytes << 20:
            file.write(text)


def make_flow(path: str, settings: dict[str, Any]) -> Any:
    import augflow

    return augflow.flow_from_csv(path, COLUMNS, seed=0, workers=WORKERS, **settings)


def time_pandas(path: str, chunk: int) -> float:
    """Rows a second."""
    import pandas as pd

    rows, begin = 0, time.perf_counter()
    chunks = pd.read_csv(path, usecols=COLUMNS, dtype="float32", chunksize=chunk)
    for frame in chunks:
        rows += len(frame[COLUMNS].to_numpy())
    return rows / (time.perf_counter() - begin)


def time_batches(batches: Iterator[np.ndarray], warm: int, most: int) -> float:
    """Rows a second, after the first batches."""
    for _ in islice(batches, warm):
        pass
    rows, begin = 0, time.perf_counter()
    for batch in islice(batches, most):
        rows += len(batch)
    return rows / (time.perf_counter() - begin)


def time_flow(path: str, settings: dict[str, Any]) -> float:
    """Rows a second by ``next()``; the index is there, the workers have begun."""
    with make_flow(path, settings) as flow:
        return time_batches(flow, len(flow) // 10, len(flow))


def time_by_index(path: str, settings: dict[str, Any]) -> float:
    """Rows a second by index, in the order that Keras's fit shuffles."""
    import random

    with make_flow(path, settings) as flow:
        order = list(range(flow.num_batches))
        random.shuffle(order)
        return time_batches((flow[index] for index in order), 50, MOST_BATCHES)


def measure_memory(path: str, settings: dict[str, Any]) -> dict[str, float]:
    """Seconds for the index and for an epoch, and the most megabytes of each process."""
    import psutil

    begin = time.perf_counter()
    flow = make_flow(path, settings)
    indexed = time.perf_counter()
    rows = sum(len(next(flow)) for _ in range(len(flow)))
    end = time.perf_counter()
    own = os.getpid()
    found = {"index": indexed - begin, "epoch": end - indexed, "rows": rows, "main": peak_of(own)}
    workers = [
        child for child in psutil.Process().children() if "LokyProcess" in "".join(child.cmdline())
    ]
    found["worker"] = max(peak_of(worker.pid) for worker in workers)
    flow.close()
    return found


def peak_of(process: int) -> float:
    """The most memory in megabytes that a process has held."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


MEASUREMENTS: dict[str, Callable[[str, Any], Any]] = {
    "pandas": time_pandas,
    "flow": time_flow,
    "by_index": time_by_index,
    "memory": measure_memory,
}


def in_a_process(measurement: str, path: Path, settings: Any) -> Any:
    """What a measurement gives in a process of its own."""
    arguments = json.dumps([measurement, str(path), settings])
    command = [sys.executable, "-m", "tests.benchmarks.csv_ratio", "--measure", arguments]
    finished = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    return json.loads(finished.stdout.splitlines()[-1])


def run_rounds(path: Path, rounds: int) -> dict[str, list[float]]:
    """Rates of all contestants, round after round."""
    jobs: dict[str, tuple[str, Any]] = {
        f"pandas, chunks of {chunk}": ("pandas", chunk) for chunk in PANDAS_CHUNKS
    }
    jobs |= {name: ("flow", settings) for name, settings in FLOWS.items()}
    jobs |= {name: ("by_index", settings) for name, settings in BY_INDEX.items()}
    # The index is made before anything is timed.
    in_a_process("by_index", path, next(iter(BY_INDEX.values())))
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name, (measurement, settings) in jobs.items():
            rates[name].append(in_a_process(measurement, path, settings))
            print(f"round {number + 1}  {name:<36}{rates[name][-1]:>12,.0f} rows/s", flush=True)
    return rates


def report_rates(rates: dict[str, list[float]]) -> bool:
    """Print medians and ratios; True if the wanted ratio is reached."""
    print(f"\n{'rows/s':<38}{'median':>12}{'min':>12}{'max':>12}")
    for name, found in rates.items():
        print(
            f"{name:<38}{statistics.median(found):>12,.0f}{min(found):>12,.0f}{max(found):>12,.0f}"
        )
    pandas = [found for name, found in rates.items() if name.startswith("pandas")]
    best = [max(each) for each in zip(*pandas, strict=True)]
    reached = True
    for name in COUNTED:
        ratios = [ours / theirs for ours, theirs in zip(rates[name], best, strict=True)]
        median = statistics.median(ratios)
        reached &= median >= WANTED_RATIO
        print(
            f"{name} / pandas at its best: {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f}),"
            f" wanted {WANTED_RATIO:.1f}"
        )
    return reached


def report_memory(path: Path) -> bool:
    """Print memory and the projection; True if no process takes more than is wanted."""
    size = path.stat().st_size
    reached = True
    for shuffle in (False, True):
        for index in path.parent.glob(path.name + ".*"):
            index.unlink()
        found = in_a_process("memory", path, {"batch_size": 1024, "shuffle": shuffle})
        kept = sum(index.stat().st_size for index in path.parent.glob(path.name + ".*"))
        reached &= max(found["main"], found["worker"]) <= WANTED_MEGABYTES
        scale = PROJECTED_ROWS / found["rows"]
        print(
            f"\n{size / 1e9:.2f} GB, {found['rows']:,} rows, "
            f"{'shuffled' if shuffle else 'in order'}\n"
            f"  index: {found['index']:.1f} s, {size / found['index'] / 1e6:.0f} MB/s, "
            f"{kept / 1e6:.1f} MB on disk\n"
            f"  epoch: {found['epoch']:.1f} s, {found['rows'] / found['epoch']:,.0f} rows/s\n"
            f"  most memory: main process {found['main']:.0f} MB, "
            f"a worker {found['worker']:.0f} MB, wanted <= {WANTED_MEGABYTES}\n"
            f"  projected to {PROJECTED_ROWS:,} such rows ({size * scale / 1e9:.1f} GB): "
            f"index {found['index'] * scale:.0f} s once, {kept * scale / 1e6:.1f} MB; "
            f"epoch {found['epoch'] * scale / 60:.1f} min"
        )
    return reached


def main() -> int:
    """Run what the command line asks for; 1 if something wanted is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200, help="of the file to time")
    parser.add_argument(
        "--large-megabytes", type=int, default=2048, help="0: no memory is measured"
    )
    parser.add_argument("--folder", help="where the temporary folder is to be")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measurement, path, settings = json.loads(options.measure)
        print(json.dumps(MEASUREMENTS[measurement](path, settings)))
        return 0
    with tempfile.TemporaryDirectory(prefix="augflow-csv-", dir=options.folder) as folder:
        path = Path(folder) / "rows.csv"
        reached = True
        if options.rounds:
            write_file(path, options.megabytes)
            reached = report_rates(run_rounds(path, options.rounds))
        if options.large_megabytes:
            write_file(path, options.large_megabytes)
            reached &= report_memory(path)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
