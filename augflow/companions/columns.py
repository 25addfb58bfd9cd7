"""Masks, boxes and keypoints of a table's rows, checked before the first batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.user_code import UserCode
from augflow.companions.annotations import Boxes, Keypoints, parse_boxes, parse_labels, parse_points
from augflow.companions.moving import CompanionSettings
from augflow.companions.pair_masks import check_files, warn_of_lossy
from augflow.errors import is_broken_file
from augflow.store.open_folder import joined_path
from augflow.store.stored_folder import StoredFolder

if TYPE_CHECKING:
    import pandas


class RowNames:
    """What errors call the rows of a table: by the index, and by the file where that is not clear.

    Args:
        dataframe: the rows of the flow; None for a directory, which has only files.
        filenames: of the same rows.
    """

    def __init__(self, dataframe: pandas.DataFrame | None, filenames: Sequence[Any]) -> None:
        self._labels = None if dataframe is None else dataframe.index
        self._filenames = filenames

    def __len__(self) -> int:
        return len(self._filenames)

    def of(self, place: int) -> str:
        """The name of the row at a place."""
        name = repr(self._filenames[place])
        if self._labels is None:
            return f"file {name}"
        label = self._labels[place : place + 1].tolist()[0]
        return f"row {label!r}" if self._labels.is_unique else f"row {label!r} (file {name})"


def mask_values(
    dataframe: pandas.DataFrame,
    y_col: Any,
    directory: str | StoredFolder,
    loader: Any,
    names: RowNames,
    joins: bool,
    options: Any = None,
) -> list[tuple[Any, ...]]:
    """For each row its masks: paths that exist, or what the loader takes.

    Args:
        dataframe: the rows of the flow, see ``with_level_masks``.
        y_col: a column, or a list of columns. A cell is a path, or a list of paths, among which
            None stands for an empty mask; with a loader anything.
        directory: what relative paths start at: a path, or a stored folder.
        loader: of masks, None for files.
        names: of the rows, for messages.
        joins: whether a loader is to get paths that start at ``directory``.
        options: of fsspec, for addresses.

    Raises:
        TypeError: a cell that is no path; the message names its row.
        ValueError: a row without masks, or no path to be joined.
        FileNotFoundError: masks that are not there; the message names the first.
    """
    columns = y_col if isinstance(y_col, list) else [y_col]
    cells = list(zip(*(dataframe[column].to_numpy().tolist() for column in columns), strict=True))
    if loader is not None:
        return _joined_cells(cells, y_col, directory, options) if joins else cells
    paths = [_paths_in(row, names, place, columns) for place, row in enumerate(cells)]
    there = [[path for path in row if path is not None] for row in paths]
    check_files(there, names.of, y_col, directory)
    joined = [
        tuple(None if path is None else joined_path(directory, path, options) for path in row)
        for row in paths
    ]
    warn_of_lossy([path for row in joined for path in row if path is not None])
    return joined


def _joined_cells(
    cells: list[tuple[Any, ...]], y_col: Any, directory: str | StoredFolder, options: Any
) -> list[tuple[Any, ...]]:
    """Cells whose paths start at a folder; others, e.g. NaN for no mask, as they are."""
    if cells and not any(_is_path(cell) for row in cells for cell in row):
        raise ValueError(
            f"mask_directory={os.fspath(directory)!r} is where the paths of y_col={y_col!r} start, "
            f"which holds none, e.g. {cells[0][0]!r}: leave mask_directory out"
        )
    return [
        tuple(joined_path(directory, cell, options) if _is_path(cell) else cell for cell in row)
        for row in cells
    ]


def _is_path(cell: Any) -> bool:
    return isinstance(cell, str | os.PathLike)


def _paths_in(
    cells: tuple[Any, ...], names: RowNames, place: int, columns: list[Any]
) -> list[str | None]:
    found: list[str | None] = []
    for cell, column in zip(cells, columns, strict=True):
        is_list = isinstance(cell, list | tuple | np.ndarray)
        for path in list(cell) if is_list else [cell]:
            if path is None and is_list:
                found.append(None)
                continue
            if not _is_path(path):
                raise TypeError(
                    f"{names.of(place)} of y_col={column!r} must hold the path of a mask, or a "
                    f"list of paths. Received: {path!r} of type {type(path).__name__}. Other "
                    "values are read by mask_loader="
                )
            found.append(os.fspath(path))
    if not found:
        raise ValueError(f"{names.of(place)} of y_col={columns!r} names no mask")
    return found


def column_values(
    source: Boxes | Keypoints | None, dataframe: pandas.DataFrame | None
) -> list[Any] | None:
    """The cells that a source names; None where its loader takes the path of the image.

    Raises:
        ValueError: a column, but no table.
        KeyError: no such column.
    """
    if source is None or source.column is None:
        return None
    return _cells(type(source).__name__, "column", source.column, dataframe)


def label_values(boxes: Boxes | None, dataframe: pandas.DataFrame | None) -> list[Any] | None:
    """The cells of the boxes' labels, None where there are none; errors as ``column_values``."""
    if boxes is None or boxes.labels is None:
        return None
    return _cells("Boxes", "labels", boxes.labels, dataframe)


def _cells(kind: str, argument: str, column: Any, dataframe: pandas.DataFrame | None) -> list[Any]:
    if dataframe is None:
        raise ValueError(
            f"a directory has no columns: use {kind}(loader=...), which gets each image's path, "
            f"or flow_from_dataframe. Received: {kind}({argument}={column!r})"
        )
    if column not in dataframe.columns:
        raise KeyError(
            f"{kind}({argument}={column!r}) is not a column of the dataframe, which has "
            f"{list(dataframe.columns)}"
        )
    cells: list[Any] = dataframe[column].tolist()
    return cells


def checked_boxes(
    settings: CompanionSettings,
    values: list[Any] | None,
    labels: list[Any] | None,
    names: RowNames,
    paths: Iterable[Any],
    skips: bool,
) -> tuple[CompanionSettings, list[Any] | None, list[Any] | None]:
    """Parse all boxes of a column, or try a loader on the first sample.

    Args:
        settings: with boxes.
        values: of the column, None where the loader takes the path.
        labels: of their column, None for none.
        names: of the samples, for messages.
        paths: of the images.
        skips: whether broken files are left out.

    Returns:
        The settings with the number of boxes and whether they have labels, and the values and
        labels as arrays, where there is no loader.

    Raises:
        TypeError, ValueError: what ``parse_boxes`` raises, with the row and the column.
    """
    boxes = settings.boxes
    assert boxes is not None
    if boxes.loader is not None:
        has_labels = False
        if len(names):
            loader = boxes.loader
            tried = try_on_first(
                lambda value: parse_boxes(loader(value), boxes),
                paths if values is None else values,
                "the loader of Boxes",
                skips,
            )
            has_labels = tried[1] is not None
        return replace(settings, has_labels=has_labels), values, None
    assert values is not None
    parsed, numbers = [], []
    for place, value in enumerate(values):
        with _Naming(names, place, boxes.column):
            parsed.append(parse_boxes(value, boxes)[0])
    for place, own in enumerate(labels or ()):
        with _Naming(names, place, boxes.labels):
            numbers.append(parse_labels(own, len(parsed[place])))
    most = boxes.max_boxes or max(map(len, parsed), default=1) or 1
    settings = replace(
        settings, boxes=replace(boxes, max_boxes=most), has_labels=labels is not None
    )
    return settings, parsed, numbers if labels else None


def checked_points(
    settings: CompanionSettings,
    values: list[Any] | None,
    names: RowNames,
    paths: Iterable[Any],
    skips: bool,
) -> tuple[CompanionSettings, list[Any] | None]:
    """Parse all keypoints of a column, or try a loader; see ``checked_boxes``."""
    points = settings.keypoints
    assert points is not None
    if points.loader is not None:
        if len(names):
            loader = points.loader
            try_on_first(
                lambda value: parse_points(loader(value), points),
                paths if values is None else values,
                "the loader of Keypoints",
                skips,
            )
        return settings, values
    assert values is not None
    parsed = []
    for place, value in enumerate(values):
        with _Naming(names, place, points.column):
            parsed.append(parse_points(value, points))
    most = points.max_points or max(map(len, parsed), default=1) or 1
    return replace(settings, keypoints=replace(points, max_points=most)), parsed


def try_on_first(load: Callable[[Any], Any], values: Iterable[Any], what: str, skips: bool) -> Any:
    """What a loader gives for the first sample; a wrong one is better known now than later.

    Args:
        load: calls the user's loader.
        values: what it takes, one a sample, at least one.
        what: the loader's name for messages.
        skips: whether broken files are left out: then the first that can be read tells.

    Raises:
        Exception: what the loader raises; if all files are broken, for the first.
    """
    broken: OSError | None = None
    for value in values:
        try:
            with UserCode(_note, what, value):
                answer = load(value)
        except OSError as error:
            if not (skips and is_broken_file(error)):
                raise
            broken = broken or error
        else:
            return answer
    assert broken is not None
    raise broken


def _note(what: str, value: Any) -> str:
    return f"augflow: while trying {what} on {value!r}"


class _Naming:
    """Adds the row and the column to an error."""

    def __init__(self, names: RowNames, place: int, column: Any) -> None:
        self._names, self._place, self._column = names, place, column

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, TypeError | ValueError):
            where = f"{self._names.of(self._place)}, column {self._column!r}"
            raise type(error)(f"{where}: {error}") from error
