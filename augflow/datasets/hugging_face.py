"""``augflow.flow_from_dataset``: images of Hugging Face's `datasets`, which is not imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.images.dataframe import DataFrameIterator
from augflow.images.make_plan import is_transformer
from augflow.images.unlikely import warn_before_flow
from augflow.store.image_bytes import ImageBytes, images_of_cells

if TYPE_CHECKING:
    import pandas

# What a map-style data set of the library has, and what is asked of it here.
_METHODS = ("__len__", "__getitem__", "select_columns", "cast_column", "features")


def flow_from_dataset(
    dataset: Any,
    image: str = "image",
    label: str | None = "label",
    *,
    generator: Any = None,
    **options: Any,
) -> DatasetIterator:
    """Batches of the images of a data set of Hugging Face's `datasets`.

    Only the bytes of the images are read here, a batch at a time, and decoded in the workers; so
    the data set may be larger than memory.

    Args:
        dataset: a ``datasets.Dataset``: one split, not a stream.
        image: its column of images: of the library's ``Image`` feature, or of bytes. Defaults to
            "image".
        label: its column of labels, or None for images alone. Numbers of a ``ClassLabel`` keep
            their numbers, and have its names in ``class_indices``. Defaults to "label".
        generator: an ``ImageDataGenerator``, whose augmentation and workers the flow has; None
            (default) for images as they are.
        **options: the other arguments of ``ImageDataGenerator.flow_from_dataframe``, e.g.
            ``target_size``, ``batch_size``, ``class_mode``, ``seed``, ``weight_col``; those that
            name columns name those of the data set. ``class_mode`` is None without a label.

    Returns:
        A flow as ``flow_from_dataframe`` gives it; its ``dataframe_index`` has the positions in
        the data set of the rows that remain.

    Raises:
        TypeError: no data set of one split, or an argument that cannot be used.
        KeyError: a column that is not there.
        ValueError: as of ``flow_from_dataframe``.
    """
    _check_dataset(dataset)
    for name in ("dataframe", "directory", "x_col", "y_col", "validate_filenames"):
        if name in options:
            raise TypeError(
                f"`flow_from_dataset` has no argument `{name}`: the columns are `image=` and "
                f"`label=`. Received: {name}={options[name]!r}"
            )
    if label is None:
        options.setdefault("class_mode", None)
    given: dict[str, Any] = {}
    if generator is not None and is_transformer(generator):
        warn_before_flow(generator, options.get("subset"), options.get("augment"), of_files=True)
        given = generator._of_batches()
    return DatasetIterator(
        dataset, image, label, image_data_generator=generator, **{**given, **options}
    )


class DatasetIterator(DataFrameIterator):
    """Yields batches of the images of a data set; ``flow_from_dataset`` makes it, and explains the
    arguments. ``next(flow)`` gives what that of a ``DataFrameIterator`` gives."""

    def __init__(self, dataset: Any, image: str, label: str | None, **options: Any) -> None:
        self._column = image
        self._encoded = _undecoded(dataset, image)
        columns = [label, options.get("weight_col"), *_columns_of(options.get("extra_cols"))]
        wanted = [column for column in dict.fromkeys(columns) if column]
        table, names = _table_of(dataset, image, wanted, label)
        if names is not None and options.get("classes") is None:
            options["classes"] = names
        super().__init__(
            table, x_col=image, y_col=label or "class", validate_filenames=False, **options
        )

    def _names(self, indices: np.ndarray) -> list[Any]:
        rows = self.dataframe_index.take(indices).tolist()
        cells = self._encoded[rows][self._column]
        found = images_of_cells(cells, self._column, rows)
        # A row without an image is a broken file, which its name tells.
        return [
            ImageBytes(f"{self._column}[{row}]", b"") if each is None else each
            for each, row in zip(found, rows, strict=True)
        ]


def _check_dataset(dataset: Any) -> None:
    if all(hasattr(dataset, name) for name in _METHODS):
        return
    if isinstance(dataset, Mapping):
        raise TypeError(
            "flow_from_dataset takes one split of a data set, e.g. "
            f"dataset[{next(iter(dataset), 'train')!r}]. Received all of them: {[*dataset]}"
        )
    if hasattr(dataset, "features") and not hasattr(dataset, "__len__"):
        raise TypeError(
            "flow_from_dataset needs a data set that can be read at any row, and this is a stream "
            f"({type(dataset).__name__}): load it without streaming=True, or make one of a part "
            "of it: datasets.Dataset.from_list(list(dataset.take(1000)), features=dataset.features)"
        )
    raise TypeError(
        "flow_from_dataset takes a datasets.Dataset of Hugging Face. Received: "
        f"{type(dataset).__name__}"
    )


def _undecoded(dataset: Any, image: str) -> Any:
    """The column of images alone, as bytes or as dicts of bytes and path."""
    _check_column(dataset, "image", image)
    encoded = dataset.select_columns([image])
    feature = dataset.features[image]
    if getattr(feature, "decode", False):
        encoded = encoded.cast_column(image, replace(feature, decode=False))
    return encoded


def _check_column(dataset: Any, argument: str, column: Any) -> None:
    if column not in dataset.features:
        raise KeyError(
            f"{argument}={column!r} is no column of the data set, which has {[*dataset.features]}"
        )


def _columns_of(extra_cols: Any) -> list[Any]:
    values = extra_cols.values() if isinstance(extra_cols, Mapping) else extra_cols or ()
    return [
        column
        for wanted in values
        for column in (wanted if isinstance(wanted, list | tuple) else [wanted])
    ]


def _table_of(
    dataset: Any, image: str, columns: Sequence[str], label: str | None
) -> tuple[pandas.DataFrame, list[str] | None]:
    """The columns that stay in memory, a row a sample, and the names of classes."""
    import pandas

    # Names for messages; the images are read by row.
    table: dict[str, Any] = {image: [f"{image}[{row}]" for row in range(len(dataset))]}
    for column in columns:
        _check_column(dataset, "label" if column == label else "column", column)
        table[column] = list(dataset[column][:])
    names = None if label is None else _class_names(dataset.features[label])
    if names is not None:
        table[str(label)] = [_named(value, names) for value in table[str(label)]]
    return pandas.DataFrame(table), names


def _class_names(feature: Any) -> list[str] | None:
    """The names of a ``ClassLabel``, or of a list of them; None of other labels."""
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return None if names is None else list(names)


def _named(value: Any, names: list[str]) -> Any:
    """A label by its name; None for one that is missing, which the library numbers -1."""
    if isinstance(value, list | tuple | np.ndarray):
        return [names[number] for number in value]
    return None if value is None or value < 0 else names[value]
