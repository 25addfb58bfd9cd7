"""Rows of a CSV file as batches of float32, by augflow and by what people write without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.csv_files import cached_rows, column_names
from tests.benchmarks.work import Contestant, Epochs, Work

# pandas is fastest with chunks of about so many rows.
CHUNK_ROWS = 65_536


def load(contestant: Contestant) -> None:
    """Everything is imported when it is first needed, in the epoch that is not counted."""


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """Epochs of batches of shape (batch, columns), float32."""
    path = cached_rows(work.images, work.columns)
    options = contestant.options
    if "flow" in options:
        cache = path.parent / "columns" if options.get("is_cached") else None
        return _flow(path, work, options["flow"] | {"cache": cache})
    batches = READERS[options["reader"]](path, work)

    def epoch() -> Iterator[int]:
        return (len(batch) for batch in batches())

    return epoch


def _flow(path: Path, work: Work, settings: dict[str, Any]) -> Epochs:
    import augflow

    flow = augflow.flow_from_csv(
        path,
        column_names(work.columns),
        batch_size=work.batch_size,
        seed=0,
        workers=work.workers,
        **settings,
    )
    if settings["cache"] is not None:
        # Nobody waits for this but the first run over a file.
        for _ in flow.epoch():
            pass

    def epoch() -> Iterator[int]:
        for _ in range(len(flow)):
            yield len(next(flow))

    return epoch


Batches = Callable[[], Iterator[np.ndarray]]


def _cut(chunks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Batches of chunks of any size; what is left of one goes into the next."""
    rest: np.ndarray | None = None
    for chunk in chunks:
        rows = chunk if rest is None else np.concatenate([rest, chunk])
        whole = len(rows) - len(rows) % size
        for start in range(0, whole, size):
            yield rows[start : start + size]
        rest = rows[whole:]
    if rest is not None and len(rest):
        yield rest


def by_generator(path: Path, work: Work) -> Batches:
    """The tutorial's generator: a line at a time, in plain Python."""

    def batches() -> Iterator[np.ndarray]:
        rows: list[list[float]] = []
        with path.open() as file:
            next(file)
            for line in file:
                rows.append([float(field) for field in line.split(",")])
                if len(rows) == work.batch_size:
                    yield np.array(rows, "float32")
                    rows = []
        if rows:
            yield np.array(rows, "float32")

    return batches


def by_pandas(path: Path, work: Work) -> Batches:
    """``pandas.read_csv(chunksize=)``, cut to size."""

    def batches() -> Iterator[np.ndarray]:
        import pandas as pd

        chunks = pd.read_csv(path, dtype="float32", chunksize=CHUNK_ROWS)
        return _cut((chunk.to_numpy() for chunk in chunks), work.batch_size)

    return batches


def by_pyarrow(path: Path, work: Work) -> Batches:
    """pyarrow's streaming reader, which parses with all cores, cut to size."""

    def batches() -> Iterator[np.ndarray]:
        import pyarrow as pa
        from pyarrow import csv

        kinds = dict.fromkeys(column_names(work.columns), pa.float32())
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=4 << 20),
            convert_options=csv.ConvertOptions(column_types=kinds),
        )
        chunks = (
            np.stack([column.to_numpy(zero_copy_only=False) for column in part.columns], axis=1)
            for part in reader
        )
        return _cut(chunks, work.batch_size)

    return batches


class Slices:
    """The batches of a file by where they begin, each read and parsed by itself."""

    def __init__(self, path: Path, work: Work) -> None:
        self.path, self.columns = path, work.columns
        self.offsets = []
        with path.open("rb") as file:
            file.readline()
            for number in range(work.images):
                if number % work.batch_size == 0:
                    self.offsets.append(file.tell())
                file.readline()
            self.offsets.append(file.tell())

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        begin, end = self.offsets[index : index + 2]
        with self.path.open("rb") as file:
            file.seek(begin)
            text = file.read(end - begin).decode()
        numbers = np.fromstring(text.replace("\n", ","), "float32", sep=",")
        return numbers.reshape(-1, self.columns)


def by_offsets(path: Path, work: Work) -> Batches:
    """A ``PyDataset`` that notes where its batches begin, and reads each by itself."""
    import keras

    class Rows(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.slices = Slices(path, work)

        def __len__(self) -> int:
            return len(self.slices)

        def __getitem__(self, index: int) -> np.ndarray:
            return self.slices[index]

    dataset = Rows()
    return lambda: (dataset[index] for index in range(len(dataset)))


def by_torch(path: Path, work: Work) -> Batches:
    """torch's ``DataLoader``, whose processes parse a batch at a time."""
    from torch.utils.data import DataLoader

    loader = DataLoader(
        Slices(path, work),
        batch_size=None,
        # Arrays as they are: a tensor's shared memory takes longer than all else of small batches.
        collate_fn=np.asarray,
        num_workers=work.workers,
        persistent_workers=work.workers > 0,
    )
    return lambda: iter(loader)


def by_tf_data(path: Path, work: Work) -> Batches:
    """``tf.data.experimental.make_csv_dataset``, with its columns put side by side."""
    import tensorflow as tf

    dataset = tf.data.experimental.make_csv_dataset(
        str(path),
        work.batch_size,
        column_defaults=[tf.float32] * work.columns,
        shuffle=False,
        num_epochs=1,
        prefetch_buffer_size=tf.data.AUTOTUNE,
    ).map(
        lambda columns: tf.stack(list(columns.values()), axis=1),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return lambda: dataset.as_numpy_iterator()


READERS: dict[str, Callable[[Path, Work], Batches]] = {
    "generator": by_generator,
    "pandas": by_pandas,
    "pyarrow": by_pyarrow,
    "offsets": by_offsets,
    "tf.data": by_tf_data,
    "torch": by_torch,
}
