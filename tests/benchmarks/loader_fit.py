"""``flow_from_loader`` in ``fit`` against the same ``keras.utils.PyDataset`` at its best setting.

    python -m tests.benchmarks.loader_fit [--rounds 5] [--volumes 512]

The loads are those of the section ``loader`` of ``python -m tests.benchmarks``, which reads them
in a loop: volumes of 32 x 32 x 32 float32, batches of 32, in two kinds of files:

- real work: compressed ``.npz`` files, which are decompressed and normalised: as one writes it,
  in place (two arrays less), and from the int16 of a scanner;
- no work: ``.npy`` files, which are only read.

Both sides load with the same function, and are read by ``model.fit`` on TensorFlow, with a model
that looks at 32 numbers of a volume; the flow's ``workers`` attribute, Keras's number of threads,
is tried with 1 and 2. Each contestant runs in a process of its own, all of them in turn, round
after round. A ratio is that of augflow to PyDataset's best setting (the one with the highest
median), taken within each round. The limit is two bare processes that call the function and hand
nothing over; they keep freed memory, as augflow's workers do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.in_process import keep_to_cores, run_in_process
from tests.benchmarks.read_volumes import make_dataset, make_flow
from tests.benchmarks.results import median_ratio
from tests.benchmarks.volumes import DEFAULT_COUNT, LOADS, SIDE, load_function, write_volumes
from tests.benchmarks.work import Work

# name: ``workers`` of the flow, Keras's threads
FLOWS = {"augflow, 2 workers": 1, "the same, flow.workers = 2": 2}
LIMIT = "limit: 2 bare processes"
# name: (workers, use_multiprocessing)
SETTINGS = {
    "PyDataset, 1 thread": (1, False),
    "PyDataset, 2 threads": (2, False),
    "PyDataset, 4 threads": (4, False),
    "PyDataset, 2 processes": (2, True),
    "PyDataset, 4 processes": (4, True),
}
LEAST_SECONDS = 2.0
FIT_VOLUMES = 16_384


def fit_rate(flow: Any, volumes: int) -> float:
    """Volumes a second in ``fit``, whole epochs and what lies between them, without the first."""
    import keras

    ends: list[float] = []
    model = keras.Sequential(
        [
            keras.layers.Input((SIDE, SIDE, SIDE)),
            keras.layers.Lambda(lambda volume: volume[:, 0, 0]),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    # Many epochs: between two of them TensorFlow waits sometimes, see epoch_waits.py.
    epochs = 1 + max(FIT_VOLUMES // volumes, 1)
    note_end = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
    )
    model.fit(flow, epochs=epochs, verbose=0, callbacks=[note_end])
    return volumes * (epochs - 1) / (ends[-1] - ends[0])


def load_only(folder: str, load: str, volumes: int) -> float:
    """Calls of the load function a second, with nothing around them."""
    own = load_function(folder, load)
    calls, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < LEAST_SECONDS:
        own(calls % volumes)
        calls += 1
    return calls / seconds


def measure(contestant: str, load: str, folder: str, volumes: int) -> float:
    """Volumes a second over whole epochs, after one to warm up."""
    keep_to_cores(2)
    if contestant == LIMIT:
        # Not for all: what is imported changes how the allocator behaves.
        from augflow.runtime.processes import ALLOCATOR_VARIABLES, KEPT_BYTES

        os.environ.update(dict.fromkeys(ALLOCATOR_VARIABLES, str(KEPT_BYTES)))
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            return sum(pool.starmap(load_only, [(folder, load, volumes)] * 2, chunksize=1))
    own, work = load_function(folder, load), Work(images=volumes, load=load)
    if contestant in FLOWS:
        flow = make_flow(own, work)
        flow.workers = FLOWS[contestant]
    else:
        workers, processes = SETTINGS[contestant]
        flow = make_dataset(own, work, workers=workers, use_multiprocessing=processes)
    return fit_rate(flow, volumes)


def report(rates: dict[str, dict[str, list[float]]]) -> bool:
    """Print rates and ratios; True if all that was wanted is reached."""
    reached = True
    for load, found in rates.items():
        print(f"\n{load:<34}{'volumes/s':>9}      min      max")
        for contestant, values in found.items():
            if values:
                print(
                    f"  {contestant:<32}{statistics.median(values):>9.0f}{min(values):>9.0f}"
                    f"{max(values):>9.0f}"
                )
            else:
                print(f"  {contestant:<32}   did not end in time")
        theirs = {name: found[name] for name in SETTINGS if found[name]}
        best = max(theirs, key=lambda name: statistics.median(theirs[name]))
        ours = [name for name in FLOWS if found.get(name)]
        ratios = [median_ratio(found[name], theirs[best]) for name in ours]
        for name, ratio in zip(ours, ratios, strict=True):
            print(
                f"  {name} / {best}: {ratio.median:.2f} times ({ratio.least:.2f} to "
                f"{ratio.most:.2f}), wanted {LOADS[load]}"
            )
        reached = reached and max(ratio.median for ratio in ratios) >= LOADS[load]
    return reached


def main() -> int:
    """Run the rounds; 1 if a wanted ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--volumes", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--loads", nargs="+", choices=list(LOADS), default=list(LOADS))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        speed = measure(*json.loads(options.measure))
        print("\n" + json.dumps({"volumes_per_second": speed}))
        return 0
    rates: dict[str, dict[str, list[float]]] = {
        load: {name: [] for name in (*FLOWS, *SETTINGS, LIMIT)} for load in options.loads
    }
    with tempfile.TemporaryDirectory(prefix="augflow-volumes-") as folder:
        write_volumes(Path(folder), options.volumes)
        for number in range(options.rounds):
            for load, found in rates.items():
                for contestant in found:
                    if number and not found[contestant]:
                        continue
                    order = [contestant, load, folder, options.volumes]
                    answer = run_in_process("tests.benchmarks.loader_fit", order, 60)
                    if answer is not None:
                        found[contestant].append(answer["volumes_per_second"])
            print(f"round {number + 1} of {options.rounds}", flush=True)
    return 0 if report(rates) else 1


if __name__ == "__main__":
    sys.exit(main())
