"""A batch of rows of CSV files: parsed by pandas, written into the rows of shared memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from augflow.batch_plan import Built, Job
from augflow.csv_read import line_of, read_text
from augflow.csv_table import CsvTable
from augflow.errors import CsvReadError
from augflow.layout import Field, Layout
from augflow.slot_store import SlotStore
from augflow.stage_times import DECODE, READ, StageClock

# What pandas raises for a value that does not fit; its own types are ValueErrors.
_PARSE_ERRORS = (ValueError, OverflowError)


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


@dataclass(frozen=True)
class Output:
    """One array of a batch: a column by itself, or several side by side.

    Attributes:
        columns: all of one dtype.
        is_stacked: whether the array has an axis for its columns.
    """

    columns: tuple[Column, ...]
    is_stacked: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        if self.is_stacked:
            return (sum(prod(column.shape) for column in self.columns),)
        return self.columns[0].shape

    @property
    def dtype(self) -> str:
        """Of the array."""
        return self.columns[0].dtype


@dataclass(frozen=True, eq=False)
class CsvPlan:
    """What every batch of a flow of CSV rows has in common.

    Attributes:
        table: the indexed files.
        outputs: the arrays of a batch.
    """

    table: CsvTable
    outputs: tuple[Output, ...]
    cache: None = field(default=None, init=False)
    is_indivisible: bool = field(default=False, init=False)

    @property
    def layout(self) -> Layout:
        """One array an output."""
        return Layout(tuple(Field(output.shape, output.dtype) for output in self.outputs))

    @property
    def calls_user_code(self) -> bool:
        """Whether a ``preprocess`` takes part."""
        return any(column.preprocess for column in self._columns())

    def user_code(self) -> str:
        """The columns whose ``preprocess`` takes part."""
        names = [column.name for column in self._columns() if column.preprocess]
        return f"the preprocess of {names}"

    def _columns(self) -> list[Column]:
        return [column for output in self.outputs for column in output.columns]

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Build the job's rows in place, see ``BatchPlan``; its names are numbers of rows."""
        rows = np.asarray(job.names, np.int64)
        places: np.ndarray | slice = slice(None)
        if not len(rows):
            return Built()
        if not (np.diff(rows) == 1).all():
            places = np.argsort(rows)
            rows = rows[places]
        if not (np.diff(rows) > 0).all():
            raise ValueError("the rows of a batch must differ")
        values = self.values(rows, clock)
        for output, array in zip(self.outputs, arrays, strict=True):
            _write(output, values, places, array[job.start : job.stop])
        clock.lap(DECODE)
        return Built()

    def values(self, rows: np.ndarray, clock: StageClock) -> dict[int, np.ndarray]:
        """The values of rows, by the number of the column.

        Args:
            rows: int64 array of shape (rows,), ascending, each row once.
            clock: takes the times of reading and parsing.

        Raises:
            CsvReadError: a value cannot be read as what it should be.
            Exception: whatever a ``preprocess`` raised.
        """
        columns = {column.number: column for column in self._columns()}
        text = read_text(self.table, rows)
        clock.lap(READ)
        try:
            frame = self._parsed(text, len(rows), list(columns.values()))
        except _PARSE_ERRORS as error:
            raise self._explained(rows, error) from None
        return {
            number: _array_of(column, frame[number], rows) for number, column in columns.items()
        }

    def shape_of(self, column: Column, rows: np.ndarray) -> tuple[int, ...]:
        """The shape that a column's ``preprocess`` gives a row, by what it makes of some rows."""
        frame = self._parsed(read_text(self.table, rows), len(rows), [column])
        return _preprocessed(column, frame[column.number], rows).shape[1:]

    def _parsed(self, text: bytes, rows: int, columns: list[Column]) -> Any:
        import pandas as pd

        frame = pd.read_csv(
            io.BytesIO(text),
            sep=self.table.layout.separator,
            header=None,
            index_col=False,
            usecols=sorted(column.number for column in columns),
            dtype={
                column.number: str if column.preprocess else np.dtype(column.dtype)
                for column in columns
            },
            engine="c",
            low_memory=False,
            encoding_errors="replace",
        )
        if len(frame) != rows:
            raise ValueError(f"pandas read {len(frame)} rows where {rows} were expected")
        return frame

    def _explained(self, rows: np.ndarray, error: Exception) -> CsvReadError:
        """An error that names the row and the column which pandas's error does not name."""
        numbers = [column for column in self._columns() if column.preprocess is None]
        while len(rows) > 1:
            half = rows[: len(rows) // 2]
            rows = half if self._fails(half, numbers) else rows[len(rows) // 2 :]
        path, line = line_of(self.table, int(rows[0]))
        for column in numbers:
            if self._fails(rows, [column]):
                text = replace(column, preprocess=str)
                value = self._parsed(read_text(self.table, rows), 1, [text]).iat[0, 0]
                kind = np.dtype(column.dtype).name
                cause = (
                    f"{value!r} cannot be read as {kind}; for other columns than numbers see "
                    "preprocess="
                )
                if value != value:
                    cause = f"a value is missing, and {kind} has no NaN as float dtypes have"
                return CsvReadError(path, line, column.name, cause)
        return CsvReadError(path, line, None, f"rows up to this one do not fit together: {error}")

    def _fails(self, rows: np.ndarray, columns: list[Column]) -> bool:
        try:
            self._parsed(read_text(self.table, rows), len(rows), columns)
        except CsvReadError:
            raise
        except _PARSE_ERRORS:
            return True
        return False


def _array_of(column: Column, series: Any, rows: np.ndarray) -> np.ndarray:
    """The values of a column: shape (rows, *column.shape)."""
    if column.preprocess is None:
        numbers: np.ndarray = series.to_numpy()
        return numbers
    values = _preprocessed(column, series, rows)
    if values.shape[1:] != column.shape:
        raise ValueError(
            f"the preprocess of column {column.name!r} returned an array of shape {values.shape} "
            f"for {len(rows)} rows, but of each of the first rows it made one of {column.shape}"
        )
    return values


def _preprocessed(column: Column, series: Any, rows: np.ndarray) -> np.ndarray:
    assert column.preprocess is not None
    try:
        values = np.asarray(column.preprocess(series))
        if values.shape[:1] != (len(rows),):
            raise ValueError(
                f"a preprocess must return one value a row, {len(rows)} here. Received an array "
                f"of shape {values.shape}"
            )
        return values.astype(column.dtype)
    except Exception as error:
        error.add_note(f"in the preprocess of column {column.name!r}, rows {rows[0]}-{rows[-1]}")
        raise


def _write(
    output: Output, values: dict[int, np.ndarray], places: np.ndarray | slice, array: np.ndarray
) -> None:
    parts = [values[column.number] for column in output.columns]
    if not output.is_stacked:
        array[places] = parts[0]
        return
    # Side by side first: whole rows find their places twice as fast as single values.
    widths = [prod(column.shape) for column in output.columns]
    array[places] = np.concatenate(
        [part.reshape(len(array), width) for part, width in zip(parts, widths, strict=True)],
        axis=1,
    )
