"""The legacy class and its drop-in: augflow and Keras, which take the same arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.work import Contestant, Epochs, UnavailableError, Work


def generator_class(contestant: Contestant) -> Any:
    """The contestant's ``ImageDataGenerator``."""
    if contestant.options.get("library") == "keras":
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    else:
        from augflow import ImageDataGenerator
    return ImageDataGenerator


def make_generator(contestant: Contestant, work: Work) -> Any:
    """The contestant's generator, with the same arguments for both libraries."""
    made = generator_class(contestant)
    if contestant.options.get("library") == "keras":
        return made(**work.arguments)
    return made(**work.arguments, workers=work.workers)


def make_flow(contestant: Contestant, work: Work) -> Any:
    """The contestant's flow over the photographs.

    Raises:
        UnavailableError: this version of the library has no such argument.
    """
    options = contestant.options
    generator = make_generator(contestant, work)
    common = {"batch_size": work.batch_size, "seed": 0}
    if options.get("in_memory"):
        from tests.benchmarks.arrays import photo_arrays

        flow = generator.flow(*photo_arrays(work), **common)
    else:
        extra = options.get("flow", {})
        accepted = inspect.signature(generator.flow_from_directory).parameters
        for name in extra:
            if name not in accepted:
                raise UnavailableError(f"this version of augflow has no `{name}=`")
        flow = generator.flow_from_directory(
            str(work.make_folder()),
            target_size=work.size,
            class_mode="binary",
            interpolation=work.interpolation,
            **common,
            **extra,
        )
    # Threads of Keras's own; augflow's processes are the generator's.
    flow.workers = options.get("keras_workers", 1)
    if options.get("library") == "keras":
        flow.use_multiprocessing = options.get("processes", False)
    return flow


def read_by_next(flow: Any) -> Epochs:
    """Epochs read by ``next(flow)``."""

    def read_epoch() -> Iterator[int]:
        for _ in range(len(flow)):
            yield len(next(flow)[0])

    return read_epoch


def read_in_turn(flows: list[Any]) -> Epochs:
    """Epochs of several flows at once, read by ``next(flow)``: a batch of each in turn."""

    def read_epoch() -> Iterator[int]:
        for _ in range(len(flows[0])):
            for flow in flows:
                yield len(next(flow)[0])

    return read_epoch


def read_as_fit(flow: Any) -> Epochs:
    """Epochs read as ``model.fit(flow)`` reads them: through Keras's own epoch iterator.

    There is no model behind it: this is the rate at which a very fast one could be fed.
    """
    import tensorflow as tf
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    epochs = TFEpochIterator(
        x=flow,
        steps_per_epoch=None,
        shuffle=True,
        steps_per_execution=1,
        distribute_strategy=tf.distribute.get_strategy(),
    )

    # fit's loop lets go of an epoch's iterator only when the next epoch's takes its place. Freed at
    # once, its prefetching still runs, and taking that down waits for a sleeping thread of tf.data.
    batches: Any = None

    def read_epoch() -> Iterator[int]:
        nonlocal batches
        for _, _, batches in epochs.enumerate_epoch():
            yield int(next(batches)[0].shape[0])

    return read_epoch


def load(contestant: Contestant) -> None:
    """Import what the contestant needs, so that it is not measured."""
    generator_class(contestant)
    if contestant.options.get("way") == "fit":
        import keras.src.backend.tensorflow.trainer  # noqa: F401


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """The epochs of the contestant's flow over the photographs."""
    if work.flows > 1:
        return read_in_turn([make_flow(contestant, work) for _ in range(work.flows)])
    flow = make_flow(contestant, work)
    return read_as_fit(flow) if contestant.options.get("way") == "fit" else read_by_next(flow)


def open_fit_input(contestant: Contestant, work: Work) -> Any:
    """What ``model.fit`` is given."""
    if contestant.options.get("library") == "training":
        return _same_batch(work)
    return make_flow(contestant, work)


def _same_batch(work: Work) -> Any:
    import keras
    import numpy as np

    class SameBatch(keras.utils.PyDataset):
        """One batch of noise, as often as an epoch has batches."""

        stream = np.random.RandomState(0)
        images = stream.uniform(size=(work.batch_size, *work.size, 3)).astype(np.float32)
        classes = (np.arange(work.batch_size) % 2).astype(np.float32)

        def __len__(self) -> int:
            return -(-work.images // work.batch_size)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            size = min(work.batch_size, work.images - index * work.batch_size)
            return self.images[:size], self.classes[:size]

    return SameBatch()


def open_small_arrays(contestant: Contestant, work: Work) -> Epochs:
    """The epochs of a flow over small arrays in memory."""
    from tests.benchmarks.arrays import small_arrays

    generator = make_generator(contestant, work)
    images, classes = small_arrays(work.images, work.side)
    return read_by_next(generator.flow(images, classes, batch_size=work.batch_size, seed=0))


def scan_folder(contestant: Contestant, work: Work) -> Callable[[], Any]:
    """A function that makes a flow over the empty files, looking for them in their folders."""
    from tests.benchmarks.empty_files import empty_files

    generator, folder = make_generator(contestant, work), str(empty_files(work.images))
    return lambda: generator.flow_from_directory(folder, class_mode="sparse", seed=0)


def scan_table(contestant: Contestant, work: Work) -> Callable[[], Any]:
    """A function that makes a flow over the empty files from a dataframe that names them."""
    from tests.benchmarks.empty_files import empty_files, table_of_files

    generator, folder = make_generator(contestant, work), str(empty_files(work.images))
    table = table_of_files(work.images)
    return lambda: generator.flow_from_dataframe(table, folder, class_mode="sparse", seed=0)
