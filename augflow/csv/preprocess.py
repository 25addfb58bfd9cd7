"""Columns of text: as they are, or what a function of the user's makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.base.shorten import shortened
from augflow.base.user_code import UserCode
from augflow.csv.numbers import parse_columns
from augflow.csv.read import line_of
from augflow.csv.table import CsvTable, RowSpans
from augflow.errors import CsvReadError


@dataclass(frozen=True)
class Column:
    """One column to read.

    Attributes:
        number: in the file, from 0.
        name: what errors call it.
        dtype: of its values, as ``np.dtype.str`` gives it.
        preprocess: makes an array from a ``pandas.Series`` of strings, a row for each; None
            for numbers, and for text as it is (a dtype of kind U).
        shape: of one row's value, () for a number.
    """

    number: int
    name: Any
    dtype: str
    preprocess: Callable[[Any], Any] | None = None
    shape: tuple[int, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it is read as strings."""
        return self.preprocess is not None or np.dtype(self.dtype).kind == "U"


class _UnfitError(ValueError):
    """A function returned what the dtype of the column cannot hold."""


# What an error of a row is raised by: file, line or row, column, cause.
ErrorOfRow = Callable[[str, int, Any, str], Exception]


def preprocessed(
    column: Column,
    series: Any,
    spans: RowSpans,
    locate: Callable[[int], tuple[str, int]],
    error_of: ErrorOfRow = CsvReadError,
    unit: str = "line",
) -> np.ndarray:
    """What a column of text is in a batch: an array of shape (rows, ...) of its dtype.

    Args:
        column: that is text.
        series: a ``pandas.Series`` of its strings.
        spans: the rows.
        locate: gives for a row its file, and which line or row of it that is.
        error_of: makes the error of a value that the dtype cannot hold.
        unit: what ``locate`` counts.

    Raises:
        CsvReadError: a value, or what the function returned, is what the dtype cannot hold.
        Exception: what the function raised, with a note that names file and line.
    """
    try:
        return _made(column, series)
    except Exception as error:
        first, last = _culprits(column, series)
        rows = spans.rows()
        path, line = locate(int(rows[first]))
        if isinstance(error, _UnfitError):
            raise error_of(path, line, column.name, str(error)) from None
        where = f"{path}, {unit} {line}"
        if last > first:
            until, last_line = locate(int(rows[last]))
            where = f"of rows from {where}, to {until}, {unit} {last_line}"
        error.add_note(f"in the preprocess of column {column.name!r}: {where}")
        raise


def undecodable(
    table: CsvTable, columns: list[Column], text: bytes, rows: int
) -> Iterator[tuple[int, Column, str]]:
    """Strings that the encoding does not know: replaced characters would make different ones equal.

    Args:
        table: which the rows are of.
        columns: those that are read as strings.
        text: the rows; other columns of them may hold anything.
        rows: how many they are.

    Returns:
        For each such string its row's place, its column, and what is wrong.
    """
    encoding = table.layout.encoding
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        # Latin-1 keeps every byte as it is.
        kinds: dict[int, np.dtype | None] = {column.number: None for column in columns}
        found = parse_columns(text, table.layout.separator, rows, kinds, "latin-1")
        for column in columns:
            for place, value in enumerate(found[column.number]):
                if isinstance(value, str) and not _is_decodable(value, encoding):
                    yield (
                        place,
                        column,
                        f"{value[:80]!r} (shown as Latin-1) is no {encoding.upper()}; encoding= "
                        "says which encoding it is",
                    )


def check_encoding(table: CsvTable, columns: list[Column], text: bytes, spans: RowSpans) -> None:
    """Refuse strings that the encoding does not know; see ``undecodable`` for the arguments.

    Raises:
        CsvReadError: one of them; it names file, line and column.
    """
    for place, column, cause in undecodable(table, columns, text, len(spans)):
        path, line = line_of(table, int(spans.rows()[place]))
        raise CsvReadError(path, line, column.name, cause)


def _is_decodable(value: str, encoding: str) -> bool:
    try:
        value.encode("latin-1").decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _made(column: Column, series: Any) -> np.ndarray:
    if column.preprocess is None:
        return _as_text(series.fillna("").to_numpy(object), column)
    with UserCode():
        answer = column.preprocess(series)
    values = np.asarray(answer)
    if values.shape[:1] != (len(series),):
        raise ValueError(
            f"a preprocess must return one value a row, {len(series)} here. Received an array "
            f"of shape {values.shape}"
        )
    kind = np.dtype(column.dtype).kind
    if kind == "U":
        return _as_text(values, column)
    if kind == "b" and values.dtype.kind in "UST":
        # Every string that is not empty would be True.
        values = values.astype(object)
    # Whatever cannot be cast without a loss is found below.
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(column.dtype)
    if cast.dtype.kind in "iub" and values.dtype.kind in "iufbO":
        _check_whole(values, cast)
    return cast


def _as_text(values: np.ndarray, column: Column) -> np.ndarray:
    """Text as an array of the column's dtype, which NumPy would fill with the beginnings of it."""
    texts = values.astype(str)
    cast = texts.astype(column.dtype, copy=False)
    wrong = cast != texts
    if wrong.any():
        text = str(texts[wrong][0])
        raise _UnfitError(
            f"{shortened(text)} has {len(text)} characters, and the dtype {cast.dtype.str[1:]!r} "
            f"room for {cast.dtype.itemsize // 4}: dtype={{{column.name!r}: 'U{len(text)}'}}"
        )
    return cast


def _check_whole(values: np.ndarray, cast: np.ndarray) -> None:
    """Refuse what a cast to integers or truth values has changed."""
    wrong = cast != values
    if values.dtype.kind == "O" and cast.dtype.kind != "b":
        # Strings of digits are as good as numbers, and are equal to none.
        wrong = [not isinstance(value, str) for value in values.flat] & wrong.ravel()
    if not wrong.any():
        return
    value = values.flat[int(np.flatnonzero(wrong)[0])]
    value = value.item() if isinstance(value, np.generic) else value
    raise _UnfitError(
        f"its preprocess returned {value!r}, which {cast.dtype.name} cannot hold; see dtype="
    )


def _culprits(column: Column, series: Any) -> tuple[int, int]:
    """The places of the first and the last of as few rows as can be told to fail by themselves."""
    first, stop = 0, len(series)
    while stop - first > 1:
        middle = (first + stop) // 2
        if _fails(column, series.iloc[first:middle]):
            stop = middle
        elif _fails(column, series.iloc[middle:stop]):
            first = middle
        else:
            # It takes both halves.
            break
    return first, stop - 1


def _fails(column: Column, part: Any) -> bool:
    try:
        _made(column, part.reset_index(drop=True))
    except Exception:
        # The error that is raised is the one of all rows; this only looks for its place.
        return True
    return False
