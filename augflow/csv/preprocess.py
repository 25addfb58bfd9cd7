"""Columns of text that a function of the user's makes numbers of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

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
            for numbers.
        shape: of one row's value, () for a number.
    """

    number: int
    name: Any
    dtype: str
    preprocess: Callable[[Any], Any] | None = None
    shape: tuple[int, ...] = ()


class _UnfitError(ValueError):
    """A function returned what the dtype of the column cannot hold."""


def preprocessed(table: CsvTable, column: Column, series: Any, spans: RowSpans) -> np.ndarray:
    """What a column's function makes of strings: an array of shape (rows, ...) of its dtype.

    Args:
        table: which the rows are of.
        column: with a ``preprocess``.
        series: a ``pandas.Series`` of its strings.
        spans: the rows.

    Raises:
        CsvReadError: the function returned a value that the dtype cannot hold.
        Exception: what the function raised, with a note that names file and line.
    """
    try:
        return _made(column, series)
    except Exception as error:
        first, last = _culprits(column, series)
        rows = spans.rows()
        path, line = line_of(table, int(rows[first]))
        if isinstance(error, _UnfitError):
            raise CsvReadError(path, line, column.name, str(error)) from None
        where = f"{path}, line {line}"
        if last > first:
            until, last_line = line_of(table, int(rows[last]))
            where = f"of rows from {where}, to {until}, line {last_line}"
        error.add_note(f"in the preprocess of column {column.name!r}: {where}")
        raise


def check_encoding(table: CsvTable, columns: list[Column], text: bytes, spans: RowSpans) -> None:
    """Refuse strings that are no UTF-8: replaced characters would make different ones equal.

    Args:
        table: which the rows are of.
        columns: those that are read as strings.
        text: the rows; other columns of them may hold anything.
        spans: the rows.

    Raises:
        CsvReadError: a string is no UTF-8; it names file, line and column.
    """
    try:
        text.decode()
    except UnicodeDecodeError:
        # Latin-1 keeps every byte as it is.
        kinds: dict[int, np.dtype | None] = {column.number: None for column in columns}
        found = parse_columns(text, table.layout.separator, len(spans), kinds, "latin-1")
        for column in columns:
            for row, value in zip(spans.rows().tolist(), found[column.number], strict=True):
                _check_string(table, column, row, value)


def _check_string(table: CsvTable, column: Column, row: int, value: Any) -> None:
    if not isinstance(value, str):
        return
    try:
        value.encode("latin-1").decode()
    except UnicodeDecodeError:
        path, line = line_of(table, row)
        raise CsvReadError(
            path,
            line,
            column.name,
            f"{value[:80]!r} (shown as Latin-1) is no UTF-8; convert the file: "
            "iconv -f LATIN1 -t UTF-8, or whatever encoding it has",
        ) from None


def _made(column: Column, series: Any) -> np.ndarray:
    assert column.preprocess is not None
    with UserCode():
        answer = column.preprocess(series)
    values = np.asarray(answer)
    if values.shape[:1] != (len(series),):
        raise ValueError(
            f"a preprocess must return one value a row, {len(series)} here. Received an array "
            f"of shape {values.shape}"
        )
    if np.dtype(column.dtype).kind == "b" and values.dtype.kind in "UST":
        # Every string that is not empty would be True.
        values = values.astype(object)
    # Whatever cannot be cast without a loss is found below.
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(column.dtype)
    if cast.dtype.kind in "iub" and values.dtype.kind in "iufbO":
        _check_whole(values, cast)
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
