"""A batch of rows of CSV files: parsed by pandas, written into the rows of shared memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from augflow.base.stage_times import DECODE, READ, StageClock
from augflow.batch.plan import BadSample, Built, Job, declared_state
from augflow.batch.request import Request
from augflow.cache.slots import SlotStore
from augflow.columnar.store import ColumnStore
from augflow.csv.index import fields_expected
from augflow.csv.numbers import PARSE_ERRORS, fault_of, parse_columns, unreadable
from augflow.csv.preprocess import Column, check_encoding, preprocessed, undecodable
from augflow.csv.read import line_of, read_text
from augflow.csv.records import field_counts, find_records
from augflow.csv.row_order import DrawnRows, blocks_of_group, most_rows_of_unit
from augflow.csv.table import CsvTable, RowSpans, spans_of
from augflow.errors import CsvReadError
from augflow.memory.layout import Field, Layout
from augflow.order.find_generators import find_generators
from augflow.order.held_generators import HeldGenerators
from augflow.runtime.engine import build_here

_MOST_EARLY_BYTES = 16 << 20
# To find the line of a row costs reading its block.
_MOST_NAMED = 20


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
        skips: whether rows that cannot be read are left out.
        stored: keeps the columns that have been parsed; None for nothing.
    """

    table: CsvTable
    outputs: tuple[Output, ...]
    skips: bool = False
    stored: ColumnStore | None = None
    cache: None = field(default=None, init=False)
    is_indivisible: bool = field(default=False, init=False)

    @property
    def leaves_out(self) -> bool:
        """See ``BatchPlan``."""
        return self.skips

    @cached_property
    def layout(self) -> Layout:
        """One array an output."""
        return Layout(tuple(Field(output.shape, output.dtype) for output in self.outputs))

    @property
    def row_bytes(self) -> int:
        """What a row takes in the arrays of a batch."""
        return sum(field.bytes_of(1) for field in self.layout.fields)

    def sizes(self) -> tuple[int, int]:
        """How many blocks are shuffled together at least, and rows built at once at most."""
        group_blocks = blocks_of_group(self.table.block_bytes)
        return group_blocks, most_rows_of_unit(self.row_bytes, self.table.first_rows, group_blocks)

    @property
    def calls_user_code(self) -> bool:
        """Whether a ``preprocess`` takes part."""
        return any(column.preprocess for column in self._columns())

    @cached_property
    def held_generators(self) -> HeldGenerators:
        """See ``BatchPlan``; rows are parsed together, so none of them can be seeded for."""
        functions = [(f"preprocess[{each.name!r}]", each.preprocess) for each in self._columns()]
        return find_generators(functions).all_beyond_reach()

    def __getstate__(self) -> dict[str, Any]:
        return declared_state(self)

    def user_code(self) -> str:
        """The columns whose ``preprocess`` takes part."""
        names = [column.name for column in self._columns() if column.preprocess]
        return f"the preprocess of {names}"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``; the rows of a job are parsed together."""
        block = self.table.block_of(name)
        return f"a batch with row {int(name)}, in {self.table.paths[self.table.files[block]]!r}"

    def columns(self) -> list[Column]:
        """The columns that take part, each once."""
        return list({column.number: column for column in self._columns()}.values())

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
        if not len(job.names):
            return Built()
        # Rows are parsed together: none of them has a time of its own.
        clock.begin(job.start, None)
        names: Any = job.names
        drawn = names.to_read() if isinstance(names, DrawnRows) else _to_read(np.asarray(names))
        spans, places = drawn
        bad: list[BadSample] = []
        stored = self._stored_values(spans, clock)
        if stored is not None:
            values = stored
        elif self.skips:
            values, reasons = self.readable_values(spans, clock)
            if reasons:
                places, bad = self._left_out(spans, places, reasons, job.start)
        else:
            values = self.values(spans, clock)
        if len(bad) < job.stop - job.start:
            for output, array in zip(self.outputs, arrays, strict=True):
                _write(output, values, places, array[job.start : job.stop])
        clock.lap(DECODE)
        return Built(bad=bad)

    def _stored_values(self, spans: RowSpans, clock: StageClock) -> dict[int, np.ndarray] | None:
        """The values of rows from the store, which is filled with them; None where it cannot be."""
        store = self.stored
        if store is None or not store.fill(
            spans.firsts, spans.stops, partial(self._whole_blocks, clock)
        ):
            return None
        found = store.read(spans.firsts, spans.stops)
        clock.lap(READ)
        return found

    def _whole_blocks(
        self, clock: StageClock, firsts: np.ndarray, stops: np.ndarray
    ) -> dict[int, np.ndarray] | None:
        """The values of blocks; None where a row of theirs is left out."""
        if not self.skips:
            return self.values(RowSpans(firsts, stops), clock)
        found, reasons = self.readable_values(RowSpans(firsts, stops), clock)
        return None if reasons else found

    def values(self, spans: RowSpans, clock: StageClock) -> dict[int, np.ndarray]:
        """The values of rows, by the number of the column.

        Args:
            spans: the rows, each once.
            clock: takes the times of reading and parsing.

        Raises:
            CsvReadError: a value cannot be read as what it should be.
            Exception: whatever a ``preprocess`` raised.
        """
        columns = self.columns()
        text = read_text(self.table, spans)
        clock.lap(READ)
        try:
            found = self._parsed(text, len(spans), columns)
        except PARSE_ERRORS as error:
            raise self._explained(spans.rows(), error) from None
        strings = [column for column in columns if column.is_text]
        if strings:
            check_encoding(self.table, strings, text, spans)
        return self._with_strings(found, strings, spans)

    def readable_values(
        self, spans: RowSpans, clock: StageClock
    ) -> tuple[dict[int, np.ndarray], dict[int, str]]:
        """As ``values``, of those rows that can be read.

        Returns:
            Their values; and for each place of another row among ``spans`` why it is none.
        """
        columns = self.columns()
        strings = [column for column in columns if column.is_text]
        reasons = self._malformed(spans)
        kept = _without(spans, reasons)
        text = read_text(self.table, kept)
        clock.lap(READ)
        wrong: dict[int, str] = {}
        found: dict[int, Any] = {}
        if len(kept):
            try:
                found = self._parsed(text, len(kept), columns)
            except PARSE_ERRORS:
                wrong = self._wrong_values(text, len(kept), columns)
            if strings:
                for place, column, cause in undecodable(self.table, strings, text, len(kept)):
                    wrong.setdefault(place, f"column {column.name!r}: {cause}")
        if wrong:
            places = np.delete(np.arange(len(spans)), list(reasons))
            reasons |= {int(places[place]): reason for place, reason in wrong.items()}
            kept = _without(kept, wrong)
            text = read_text(self.table, kept)
            found = self._parsed(text, len(kept), columns) if len(kept) else {}
        return (self._with_strings(found, strings, kept) if len(kept) else {}), reasons

    def _with_strings(
        self, found: dict[int, Any], strings: list[Column], spans: RowSpans
    ) -> dict[int, np.ndarray]:
        for column in strings:
            values = preprocessed(column, found[column.number], spans, partial(line_of, self.table))
            check_shape(column, values)
            found[column.number] = values
        return found

    def _malformed(self, spans: RowSpans) -> dict[int, str]:
        """The places of rows whose fields are too many or too few, and how many they are."""
        if not self.table.malformed_among(spans):
            return {}
        rows = spans.rows()
        places = np.flatnonzero(np.isin(rows, self.table.malformed))
        text = read_text(self.table, spans_of(rows[places]))
        layout = self.table.layout
        records = find_records(text, layout.separator, is_last=True, with_separators=True)
        columns = len(self.table.columns)
        return {
            place: fields_expected(count, columns, layout)
            for place, count in zip(places.tolist(), field_counts(records).tolist(), strict=True)
        }

    def _wrong_values(self, text: bytes, rows: int, columns: list[Column]) -> dict[int, str]:
        """The places of rows with a value that cannot be read, and the first such value."""
        separator, encoding = self.table.layout.separator, self.table.layout.encoding
        numbers = [column for column in columns if not column.is_text]
        kinds: dict[int, np.dtype | None] = {column.number: None for column in numbers}
        texts = parse_columns(text, separator, rows, kinds, encoding)
        wrong: dict[int, str] = {}
        for column in numbers:
            values, dtype = texts[column.number], np.dtype(column.dtype)
            for place in np.flatnonzero(unreadable(values, dtype)).tolist():
                fault = fault_of(values.iat[place], dtype)
                wrong.setdefault(place, f"column {column.name!r}: {fault}")
        return wrong

    def _left_out(
        self, spans: RowSpans, places: np.ndarray | None, reasons: dict[int, str], start: int
    ) -> tuple[np.ndarray, list[BadSample]]:
        """For each row its place among the readable ones, and the rows that have none."""
        is_read = np.ones(len(spans), bool)
        is_read[list(reasons)] = False
        numbers = np.cumsum(is_read) - 1
        if places is None:
            places = np.arange(len(spans))
        rows = spans.rows()
        bad: list[BadSample] = []
        for row in np.flatnonzero(~is_read[places]).tolist():
            name = None
            if len(bad) < _MOST_NAMED:
                path, line = line_of(self.table, int(rows[places[row]]))
                name = f"{path}, line {line}"
            bad.append(BadSample(start + row, name, reasons[int(places[row])]))
        return numbers[places], bad

    def shape_of(self, column: Column, spans: RowSpans) -> tuple[int, ...]:
        """The shape that a column's ``preprocess`` gives a row, by what it makes of some rows."""
        text = read_text(self.table, spans)
        check_encoding(self.table, [column], text, spans)
        strings = self._parsed(text, len(spans), [column])[column.number]
        return preprocessed(column, strings, spans, partial(line_of, self.table)).shape[1:]

    def _parsed(self, text: bytes, rows: int, columns: list[Column]) -> dict[int, Any]:
        dtypes = {
            column.number: None if column.is_text else np.dtype(column.dtype) for column in columns
        }
        layout = self.table.layout
        return parse_columns(text, layout.separator, rows, dtypes, layout.encoding)

    def _explained(self, rows: np.ndarray, error: Exception) -> CsvReadError:
        """An error that names the row and the column which pandas's error does not name."""
        numbers = [column for column in self._columns() if not column.is_text]
        while len(rows) > 1:
            half = rows[: len(rows) // 2]
            rows = half if self._fails(half, numbers) else rows[len(rows) // 2 :]
        path, line = line_of(self.table, int(rows[0]))
        for column in numbers:
            if self._fails(rows, [column]):
                text = read_text(self.table, spans_of(rows))
                layout = self.table.layout
                kinds: dict[int, np.dtype | None] = {column.number: None}
                strings = parse_columns(text, layout.separator, 1, kinds, layout.encoding)
                value = strings[column.number].iat[0]
                return CsvReadError(
                    path, line, column.name, fault_of(value, np.dtype(column.dtype))
                )
        return CsvReadError(path, line, None, f"rows up to this one do not fit together: {error}")

    def _fails(self, rows: np.ndarray, columns: list[Column]) -> bool:
        try:
            self._parsed(read_text(self.table, spans_of(rows)), len(rows), columns)
        except CsvReadError:
            raise
        except PARSE_ERRORS:
            return True
        return False


def check_shape(column: Column, values: np.ndarray) -> None:
    if values.shape[1:] != column.shape:
        raise ValueError(
            f"the preprocess of column {column.name!r} returned an array of shape {values.shape} "
            f"for {len(values)} rows, but of each of the first rows it made one of {column.shape}"
        )


def early_arrays(plan: CsvPlan, tables: Iterable[CsvTable]) -> Iterator[list[np.ndarray]]:
    """The rows of tables that are parts of one, as the arrays of a batch, a piece at a time."""
    most = max(1, _MOST_EARLY_BYTES // max(1, plan.row_bytes))
    for table in tables:
        part = replace(plan, table=table)
        for first in range(0, table.rows, most):
            rows: Any = np.arange(first, min(first + most, table.rows))
            yield build_here(part, Request(None, len(rows), 0, rows))[0].arrays


def _without(spans: RowSpans, places: Iterable[int]) -> RowSpans:
    """Rows but for those at some places."""
    taken = list(places)
    return spans_of(np.delete(spans.rows(), taken)) if taken else spans


def _to_read(rows: np.ndarray) -> tuple[RowSpans, np.ndarray | None]:
    """As ``DrawnRows.to_read``, for rows that are given by their numbers."""
    if (np.diff(rows) == 1).all():
        return spans_of(rows), None
    order = np.argsort(rows)
    ascending = rows[order]
    if not (np.diff(ascending) > 0).all():
        raise ValueError("the rows of a batch must differ")
    places = np.empty(len(rows), np.int64)
    places[order] = np.arange(len(rows))
    return spans_of(ascending), places


def _write(
    output: Output, values: dict[int, np.ndarray], places: np.ndarray | None, array: np.ndarray
) -> None:
    parts = [values[column.number] for column in output.columns]
    if output.is_stacked:
        widths = [prod(column.shape) for column in output.columns]
        parts = [part.reshape(len(part), width) for part, width in zip(parts, widths, strict=True)]
        if places is None:
            np.concatenate(parts, axis=1, out=array)
            return
        # Side by side first: whole rows find their places twice as fast as single values.
        parts = [np.concatenate(parts, axis=1)]
    if places is None:
        array[:] = parts[0]
    else:
        # The mode only spares a copy; all places are there.
        np.take(parts[0], places, axis=0, out=array, mode="clip")
