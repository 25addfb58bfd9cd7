"""The measurements, each in a process of its own: ``measure_in_process`` starts it.

A measurement returns numbers by name: ``images_per_second``, ``seconds``, ``megabytes`` and so on.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.benchmarks.contestants import CONTESTANTS
from tests.benchmarks.in_process import TIME_LIMIT_SECONDS, keep_to_cores, run_in_process
from tests.benchmarks.work import Contestant, Epochs, Job, UnavailableError, Work

# Fast contestants read several epochs: one of theirs is over before the machine's noise is.
LEAST_SECONDS = 2.0
# Many contestants in a section, each with epochs of a fraction of a second.
LEAST_SECONDS_OF_VOLUMES = 1.0
MEGABYTE = 1_000_000
Figures = dict[str, float]


def resident_megabytes() -> float:
    """Memory of this process and its children in MB; pages that they share count once."""
    import psutil

    this = psutil.Process()
    total = 0
    for process in [this, *this.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue  # a helper process ended meanwhile
        # The proportional share is known on Linux only.
        total += getattr(memory, "pss", memory.rss)
    return total / MEGABYTE


def _read(epochs: Epochs) -> int:
    return sum(epochs())


def _rate_of(epochs: Epochs, work: Work, least_seconds: float = LEAST_SECONDS) -> Figures:
    # The first epoch brings files into the page cache, starts workers, fills caches.
    _check_count(_read(epochs), work)
    images = 0
    start = time.perf_counter()
    while (seconds := time.perf_counter() - start) < least_seconds:
        read = _read(epochs)
        _check_count(read, work)
        images += read
    return {"images_per_second": images / seconds, "megabytes": resident_megabytes()}


def _check_count(images: int, work: Work) -> None:
    """All images once; DALI fills its last batch."""
    expected = work.flows * work.images
    if not work.folder and not expected <= images <= expected + work.batch_size:
        raise RuntimeError(f"an epoch gave {images} images of {expected}")


def rate(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Images a second over whole epochs after a first one; memory at their end."""
    work.make_folder()
    return _rate_of(module.open_epochs(contestant, work), work)


def small_arrays(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Likewise, of small arrays in memory."""
    return _rate_of(module.open_small_arrays(contestant, work), work)


def rows(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Rows a second of a CSV file over whole epochs after a first one; memory at their end."""
    figures = _rate_of(module.open_epochs(contestant, work), work)
    return {"rows_per_second": figures.pop("images_per_second"), **figures}


def volumes(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Volumes a second over whole epochs after a first one; memory at their end."""
    epochs = module.open_epochs(contestant, work)
    figures = _rate_of(epochs, work, LEAST_SECONDS_OF_VOLUMES)
    return {"volumes_per_second": figures.pop("images_per_second"), **figures}


def first_batch(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Seconds from nothing but imports to the first batch."""
    work.make_folder()
    module.load(contestant)
    start = time.perf_counter()
    epoch = module.open_epochs(contestant, work)()
    next(epoch)
    seconds = time.perf_counter() - start
    # A process that ends within an epoch of TensorFlow's iterator may hang, Keras's own flow too.
    _read(lambda: epoch)
    return {"seconds": seconds}


def memory(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Memory after the imports, and after the first and the last of many epochs, in MB."""
    work.make_folder()
    module.load(contestant)
    imported = resident_megabytes()
    epochs = module.open_epochs(contestant, work)
    _read(epochs)
    gc.collect()
    first = highest = resident_megabytes()
    for _ in range(work.epochs - 1):
        _read(epochs)
        highest = max(highest, resident_megabytes())
    gc.collect()
    last = resident_megabytes()
    return {
        "imported_megabytes": imported,
        "first_megabytes": first,
        "last_megabytes": last,
        "highest_megabytes": max(highest, last),
        "growth": last / first,
    }


def fit(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Images a second of ``model.fit`` with a light model, after a first epoch."""
    import keras

    class Clock(keras.callbacks.Callback):
        """Takes the time from the end of the first epoch to the end of the last."""

        start = seconds = 0.0
        epochs = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 0:
                self.start = time.perf_counter()
                return
            self.epochs, self.seconds = epoch, time.perf_counter() - self.start
            self.model.stop_training = self.seconds >= LEAST_SECONDS

    source = module.open_fit_input(contestant, work)
    clock = Clock()
    light_model(work).fit(source, epochs=1_000, verbose=0, callbacks=[clock])
    speed = clock.epochs * work.images / clock.seconds
    return {"images_per_second": speed, "megabytes": resident_megabytes()}


def light_model(work: Work) -> Any:
    """A model that takes little time beside the images: two convolutions, two classes."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((*work.size, 3)),
            layers.Conv2D(8, 8, strides=8, activation="relu"),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("sgd", "binary_crossentropy")
    return model


def _scan(module: Any, contestant: Contestant, work: Work, prepare: Callable[..., Any]) -> Figures:
    module.load(contestant)
    find = prepare(contestant, work)
    gc.collect()
    before = resident_megabytes()
    start = time.perf_counter()
    found = find()
    seconds = time.perf_counter() - start
    gc.collect()
    figures = {"seconds": seconds, "megabytes": resident_megabytes() - before}
    del found
    return figures


def scan_folder(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Seconds to find the empty files in their folders, and the memory that the result takes."""
    return _scan(module, contestant, work, module.scan_folder)


def scan_table(module: Any, contestant: Contestant, work: Work) -> Figures:
    """Likewise, to check a dataframe that names them; the dataframe's memory is not counted."""
    return _scan(module, contestant, work, module.scan_table)


MEASUREMENTS: dict[str, Callable[[Any, Contestant, Work], Figures]] = {
    "rate": rate,
    "small_arrays": small_arrays,
    "rows": rows,
    "volumes": volumes,
    "first_batch": first_batch,
    "memory": memory,
    "fit": fit,
    "scan_folder": scan_folder,
    "scan_table": scan_table,
}


def measure(job: Job) -> Figures:
    """Do the job in this process.

    Raises:
        UnavailableError: the contestant cannot do it here.
    """
    keep_to_cores(job.work.cores)
    contestant = CONTESTANTS[job.contestant]
    module = import_module(f"tests.benchmarks.{contestant.module}")
    return MEASUREMENTS[job.measurement](module, contestant, job.work)


def measure_in_process(job: Job, time_limit: float = TIME_LIMIT_SECONDS) -> Figures | None:
    """``measure`` in a fresh process.

    Returns:
        The figures, or None if the process did not end in time.

    Raises:
        UnavailableError: the contestant cannot do it here.
        MeasurementFailedError: it ended with an error.
    """
    answer = run_in_process("tests.benchmarks.measure", job.as_dict(), time_limit)
    if answer is not None and "unavailable" in answer:
        raise UnavailableError(answer["unavailable"])
    return answer


def main() -> None:
    """The part that runs in a contestant's process: measure, print the figures as last line."""
    _, _, order = sys.argv
    try:
        answer: dict[str, Any] = dict(measure(Job.from_dict(json.loads(order))))
    except UnavailableError as problem:
        answer = {"unavailable": str(problem)}
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
