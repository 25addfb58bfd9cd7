"""Volumes loaded by one and the same function, through augflow and through what else there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.benchmarks.volumes import SIDE, cached_volumes, load_function
from tests.benchmarks.work import Contestant, Epochs, Work

Batches = Callable[[], Iterator[tuple[Any, Any]]]
Load = Callable[[int], np.ndarray]


def load(contestant: Contestant) -> None:
    """Everything is imported when it is first needed, in the epoch that is not counted."""


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """Epochs of batches of volumes (batch, 32, 32, 32), and their labels, both float32."""
    settings = dict(contestant.options)
    open_batches = READERS[settings.pop("reader")]
    own = load_function(str(cached_volumes(work.images)), work.load)
    batches = open_batches(own, work, **settings)

    def epoch() -> Iterator[int]:
        return (len(volumes) for volumes, _ in batches())

    return epoch


def numbers_as_labels(work: Work) -> np.ndarray:
    """A label for each volume: its number, (volumes,), float32."""
    return np.arange(work.images, dtype="float32")


def make_flow(own: Load, work: Work) -> Any:
    """``augflow.flow_from_loader`` over the volumes."""
    from augflow import flow_from_loader

    return flow_from_loader(
        own,
        range(work.images),
        numbers_as_labels(work),
        batch_size=work.batch_size,
        seed=0,
        workers=work.workers,
    )


def by_flow(own: Load, work: Work) -> Batches:
    """augflow's flow, by ``next()``."""
    flow = make_flow(own, work)
    return lambda: (next(flow) for _ in range(len(flow)))


def make_dataset(own: Load, work: Work, **settings: Any) -> Any:
    """The subclass of ``PyDataset`` that a user of Keras writes; ``settings`` are its own."""
    import keras

    labels = numbers_as_labels(work)

    class Volumes(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__(**settings)
            self.order = np.random.default_rng(0).permutation(len(labels))

        def __len__(self) -> int:
            return -(-len(labels) // work.batch_size)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            numbers = self.order[index * work.batch_size : (index + 1) * work.batch_size]
            batch = np.empty((len(numbers), SIDE, SIDE, SIDE), "float32")
            for row, number in enumerate(numbers):
                batch[row] = own(number)
            return batch, labels[numbers]

        def on_epoch_end(self) -> None:
            np.random.default_rng(1).shuffle(self.order)

    return Volumes()


def by_pydataset(own: Load, work: Work, **settings: Any) -> Batches:
    """Through Keras's reader, as ``fit`` does on backends other than TensorFlow."""
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    adapter = PyDatasetAdapter(make_dataset(own, work, **settings))

    def batches() -> Iterator[tuple[Any, Any]]:
        adapter.on_epoch_begin()
        yield from adapter.get_numpy_iterator()
        adapter.on_epoch_end()

    return batches


class Samples:
    """One volume and its label at a time, as torch's map-style data sets have them."""

    def __init__(self, own: Load, work: Work) -> None:
        self.own = own
        self.labels = numbers_as_labels(work)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.float32]:
        return self.own(number), self.labels[number]


def by_torch(own: Load, work: Work) -> Batches:
    """torch's ``DataLoader``, shuffled; its tensors are seen as arrays."""
    from torch.utils.data import DataLoader

    loader = DataLoader(
        Samples(own, work),
        batch_size=work.batch_size,
        shuffle=True,
        num_workers=work.workers,
        persistent_workers=work.workers > 0,
    )
    return lambda: ((volumes.numpy(), labels.numpy()) for volumes, labels in loader)


READERS: dict[str, Callable[..., Batches]] = {
    "flow": by_flow,
    "PyDataset": by_pydataset,
    "torch": by_torch,
}
