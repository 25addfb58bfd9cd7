"""How often ``fit`` waits for TensorFlow before the first batch of an epoch, and how long.

    python -m tests.benchmarks.epoch_waits [--epochs 40] [--batches 64]

When an epoch's reader is taken down, ``tf.data`` wakes the thread that tunes it. The thread then
looks whether it is to end; if it does so before that is written down, it sleeps on, and ``fit``
with it. Each contestant is read by ``fit`` with a model that does next to nothing, in a process of
its own, by Keras's default of one thread:

- asleep: a ``PyDataset`` that sleeps 10 ms for each batch, on a quiet machine;
- asleep, busy: the same, while two other processes compute;
- augflow: ``flow_from_loader`` with 2 workers, as in ``loader_fit``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.in_process import keep_to_cores, run_in_process
from tests.benchmarks.read_volumes import make_flow
from tests.benchmarks.volumes import load_function, write_volumes
from tests.benchmarks.work import Work

BATCH_SIZE = 32
CONTESTANTS = ("asleep", "asleep, busy", "augflow")
BATCH_SECONDS = 0.01
# Iterators and the like take some 40 ms.
WAIT_SECONDS = 0.2


def sleeping_dataset(batches: int) -> Any:
    """Batches of zeros, each after 10 ms."""
    import keras

    class Asleep(keras.utils.PyDataset):
        def __len__(self) -> int:
            return batches

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            time.sleep(BATCH_SECONDS)
            return np.zeros((BATCH_SIZE, 4), "float32"), np.zeros(BATCH_SIZE, "float32")

    return Asleep()


def seconds_to_first_batches(data: Any, epochs: int) -> list[float]:
    """Seconds from the begin of each epoch to its first batch, without the first epoch."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.begin = 0.0
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.begin = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                self.seconds.append(time.perf_counter() - self.begin)

    clock = Clock()
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data, epochs=1 + epochs, verbose=0, callbacks=[clock])
    return clock.seconds[1:]


def compute_for_ever() -> None:
    """What another program does."""
    while True:
        pass


def measure(contestant: str, folder: str, epochs: int, batches: int) -> list[float]:
    """``seconds_to_first_batches`` of one contestant."""
    keep_to_cores(2)
    busy = contestant.endswith("busy")
    others = [
        multiprocessing.get_context("spawn").Process(target=compute_for_ever, daemon=True)
        for _ in range(2 if busy else 0)
    ]
    for other in others:
        other.start()
    if contestant == "augflow":
        # Volumes that are decompressed and normalised.
        work = Work(images=batches * BATCH_SIZE, batch_size=BATCH_SIZE)
        data = make_flow(load_function(folder, "real work"), work)
    else:
        data = sleeping_dataset(batches)
    seconds = seconds_to_first_batches(data, epochs)
    for other in others:
        other.terminate()
        other.join()
    return seconds


def main() -> None:
    """Measure each contestant once, and print its waits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batches", type=int, default=64)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print("\n" + json.dumps({"seconds": measure(*json.loads(options.measure))}))
        return
    with tempfile.TemporaryDirectory(prefix="augflow-volumes-") as folder:
        write_volumes(Path(folder), options.batches * BATCH_SIZE)
        for contestant in CONTESTANTS:
            order = [contestant, folder, options.epochs, options.batches]
            answer = run_in_process("tests.benchmarks.epoch_waits", order, 600)
            if answer is None:
                print(f"{contestant}: did not end in time")
                continue
            waits = [each for each in answer["seconds"] if each > WAIT_SECONDS]
            typical = f", {statistics.median(waits):.2f} s each" if waits else ""
            print(f"{contestant}: {len(waits)} of {options.epochs} epochs waited{typical}")


if __name__ == "__main__":
    main()
