"""``flow_from_loader`` against the same ``keras.utils.PyDataset`` at its best ``workers`` setting.

    python -m tests.benchmarks.loader_ratio [--rounds 5] [--volumes 512]

Volumes of 32 x 32 x 32 float32, batches of 32, in two kinds of files:

- real work: compressed ``.npz`` files, which are decompressed and normalised: as one writes it,
  in place (two arrays less), and from the int16 of a scanner;
- no work: ``.npy`` files, which are only read.

Both sides load with the same function, and are read in two ways: "loop" iterates over the batches
in NumPy, as ``fit`` does on backends other than TensorFlow, and for augflow that is ``next()``;
"fit" is ``model.fit`` on TensorFlow, with a model that looks at 32 numbers of a volume, and the
flow's ``workers`` attribute, Keras's number of threads, is tried with 1 and 2, too. Each contestant
runs in a process of its own, all of them in turn, round after round. A ratio is that of augflow to
PyDataset's best setting (the one with the highest median), taken within each round. The limit is
two bare processes that call the function and hand nothing over; they keep freed memory, as
augflow's workers do.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.in_process import keep_to_cores, run_in_process
from tests.benchmarks.results import median_ratio

SIDE = 32
BATCH_SIZE = 32
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
WANTED = {
    "real work": 1.7,
    "real work in place": 1.7,
    "real work on int16": 1.7,
    "no work": 1.0,
}
WAYS = ("loop", "fit")
LEAST_SECONDS = 2.0
FIT_VOLUMES = 16_384


def write_volumes(folder: Path, count: int) -> None:
    """Smooth noise, as a scan might be, once compressed and once not."""
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = random.normal(size=(8, 8, 8)).astype("float32")
        volume = np.kron(coarse, np.ones((4, 4, 4), "float32"))
        volume += random.normal(scale=0.1, size=volume.shape).astype("float32").round(1)
        np.save(folder / f"{number}.npy", volume)
        np.savez_compressed(folder / f"{number}.npz", volume=volume)
        scan = (100 * volume + 1000).astype("int16")
        np.savez_compressed(folder / f"{number}-scan.npz", volume=scan)


def load_function(folder: str, work: str) -> Callable[[int], np.ndarray]:
    """What loads one volume, on both sides."""

    def decompress(number: int, kind: str = "") -> np.ndarray:
        with np.load(f"{folder}/{number}{kind}.npz") as file:
            volume: np.ndarray = file["volume"]
        return volume

    def normalise(number: int) -> np.ndarray:
        volume = decompress(number)
        normalised: np.ndarray = (volume - volume.mean()) / volume.std()
        return normalised

    def normalise_in_place(number: int) -> np.ndarray:
        volume = decompress(number)
        volume -= volume.mean()
        volume /= volume.std()
        return volume

    def normalise_scan(number: int) -> np.ndarray:
        volume = decompress(number, "-scan").astype("float32")
        normalised: np.ndarray = (volume - volume.mean()) / volume.std()
        return normalised

    def read(number: int) -> np.ndarray:
        volume: np.ndarray = np.load(f"{folder}/{number}.npy")
        return volume

    functions = (normalise, normalise_in_place, normalise_scan, read)
    return dict(zip(WANTED, functions, strict=True))[work]


def make_dataset(load: Callable[[int], np.ndarray], labels: np.ndarray, setting: str) -> Any:
    """The subclass that a user of Keras writes."""
    import keras

    class Volumes(keras.utils.PyDataset):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.order = np.random.default_rng(0).permutation(len(labels))

        def __len__(self) -> int:
            return -(-len(labels) // BATCH_SIZE)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            numbers = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
            batch = np.empty((len(numbers), SIDE, SIDE, SIDE), "float32")
            for row, number in enumerate(numbers):
                batch[row] = load(number)
            return batch, labels[numbers]

        def on_epoch_end(self) -> None:
            np.random.default_rng(1).shuffle(self.order)

    workers, processes = SETTINGS[setting]
    return Volumes(workers=workers, use_multiprocessing=processes)


def read_loop(flow: Any, is_ours: bool) -> Callable[[], Iterator[int]]:
    """Epochs of batches as NumPy arrays."""
    if is_ours:
        return lambda: (len(next(flow)[0]) for _ in range(len(flow)))
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    adapter = PyDatasetAdapter(flow)

    def read_epoch() -> Iterator[int]:
        adapter.on_epoch_begin()
        for images, _ in adapter.get_numpy_iterator():
            yield len(images)
        adapter.on_epoch_end()

    return read_epoch


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


def load_only(folder: str, work: str, volumes: int) -> float:
    """Calls of the load function a second, with nothing around them."""
    load = load_function(folder, work)
    calls, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < LEAST_SECONDS:
        load(calls % volumes)
        calls += 1
    return calls / seconds


def measure(contestant: str, work: str, way: str, folder: str, volumes: int) -> float:
    """Volumes a second over whole epochs, after one to warm up."""
    keep_to_cores(2)
    if contestant == LIMIT:
        # Not for all: what is imported changes how the allocator behaves.
        from augflow.runtime.processes import ALLOCATOR_VARIABLES, KEPT_BYTES

        os.environ.update(dict.fromkeys(ALLOCATOR_VARIABLES, str(KEPT_BYTES)))
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            return sum(pool.starmap(load_only, [(folder, work, volumes)] * 2, chunksize=1))
    load = load_function(folder, work)
    labels = (np.arange(volumes) % 2).astype("float32")
    if contestant in FLOWS:
        from augflow import flow_from_loader

        flow: Any = flow_from_loader(
            load, range(volumes), labels, batch_size=BATCH_SIZE, seed=0, workers=2
        )
        flow.workers = FLOWS[contestant]
    else:
        flow = make_dataset(load, labels, contestant)
    if way == "fit":
        return fit_rate(flow, volumes)
    read_epoch = read_loop(flow, contestant in FLOWS)
    assert sum(read_epoch()) == volumes
    read, start = 0, time.perf_counter()
    while time.perf_counter() - start < LEAST_SECONDS:
        read += sum(read_epoch())
    return read / (time.perf_counter() - start)


def contestants(way: str) -> list[str]:
    """Who is measured in a way of reading."""
    # In a loop of next(), nobody asks for Keras's threads.
    flows = [name for name, threads in FLOWS.items() if way == "fit" or threads == 1]
    return [*flows, *SETTINGS, LIMIT]


def report(rates: dict[tuple[str, str], dict[str, list[float]]]) -> bool:
    """Print rates and ratios; True if all that was wanted is reached."""
    reached = True
    for (work, way), found in rates.items():
        print(f"\n{work}, {way:<22}{'volumes/s':>9}      min      max")
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
                f"{ratio.most:.2f}), wanted {WANTED[work]}"
            )
        reached = reached and max(ratio.median for ratio in ratios) >= WANTED[work]
    return reached


def main() -> int:
    """Run the rounds; 1 if a wanted ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--volumes", type=int, default=512)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--works", nargs="+", choices=list(WANTED), default=list(WANTED))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        speed = measure(*json.loads(options.measure))
        print("\n" + json.dumps({"volumes_per_second": speed}))
        return 0
    rates: dict[tuple[str, str], dict[str, list[float]]] = {
        (work, way): {name: [] for name in contestants(way)}
        for work in options.works
        for way in options.ways
    }
    with tempfile.TemporaryDirectory(prefix="augflow-volumes-") as folder:
        write_volumes(Path(folder), options.volumes)
        for number in range(options.rounds):
            for (work, way), found in rates.items():
                for contestant in found:
                    if number and not found[contestant]:
                        continue
                    order = [contestant, work, way, folder, options.volumes]
                    answer = run_in_process("tests.benchmarks.loader_ratio", order, 60)
                    if answer is not None:
                        found[contestant].append(answer["volumes_per_second"])
            print(f"round {number + 1} of {options.rounds}", flush=True)
    return 0 if report(rates) else 1


if __name__ == "__main__":
    sys.exit(main())
