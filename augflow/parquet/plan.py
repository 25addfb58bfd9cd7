"""A batch of rows of Parquet and Arrow files: blocks are read whole, rows picked from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from augflow.base.stage_times import READ, StageClock
from augflow.csv.plan import CsvPlan, check_shape
from augflow.csv.preprocess import Column, preprocessed
from augflow.csv.table import RowSpans
from augflow.errors import ParquetReadError
from augflow.parquet.table import OpenFile, ParquetTable, import_pyarrow, rows_of_blocks
from augflow.parquet.values import UnfitValueError, numbers_of, series_of

# Blocks that are shuffled together, and built at once, take so much.
_GROUP_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class ParquetPlan(CsvPlan):
    """As that of CSV files, for a ``ParquetTable``: what differs is how values are read."""

    # Each part of a batch would read the same blocks.
    is_indivisible: bool = field(default=True, init=False)

    def sizes(self) -> tuple[int, int]:
        """See ``CsvPlan``: a block is read as a whole, so rows of few blocks are built at once."""
        sizes = np.diff(self.table.first_rows)
        blocks = max(1, int(_GROUP_BYTES / max(1.0, float(sizes.mean()) * self.row_bytes)))
        groups = max(1, len(sizes) // blocks)
        return blocks, min(self.table.rows, -(-len(sizes) // groups) * int(sizes.max()))

    def values(self, spans: RowSpans, clock: StageClock) -> dict[int, np.ndarray]:
        """See ``CsvPlan``.

        Raises:
            ParquetReadError: a value cannot be read as what it should be, or a file is damaged.
            Exception: whatever a ``preprocess`` raised.
        """
        columns = self.columns()
        read = self._read(spans, columns)
        clock.lap(READ)
        return {column.number: self._made(column, read[column.name], spans) for column in columns}

    def shape_of(self, column: Column, spans: RowSpans) -> tuple[int, ...]:
        """See ``CsvPlan``."""
        made = self._preprocessed(column, self._read(spans, [column])[column.name], spans)
        return made.shape[1:]

    @property
    def _parquet(self) -> ParquetTable:
        return cast(ParquetTable, self.table)

    def _read(self, spans: RowSpans, columns: list[Column]) -> dict[str, Any]:
        """Columns of rows, as ``pyarrow.ChunkedArray`` by name."""
        pyarrow = import_pyarrow()
        table, names = self._parquet, list(dict.fromkeys(column.name for column in columns))
        pieces: dict[str, list[Any]] = {name: [] for name in names}
        opened: tuple[int, OpenFile] | None = None
        last: tuple[int, dict[str, Any]] | None = None
        try:
            for block, rows in rows_of_blocks(table, spans):
                if last is None or last[0] != block:
                    file = int(table.files[block])
                    if opened is None or opened[0] != file:
                        if opened is not None:
                            opened[1].close()
                        opened = (file, OpenFile(table.paths[file], table.stamps[file]))
                    last = (block, opened[1].read(int(table.numbers[block]), names))
                for name, piece in last[1].items():
                    if isinstance(rows, slice):
                        piece = piece.slice(rows.start, rows.stop - rows.start)
                    else:
                        piece = piece.take(pyarrow.array(rows))
                    pieces[name].append(piece)
        finally:
            if opened is not None:
                opened[1].close()
        return {
            name: pyarrow.chunked_array(
                [chunk for piece in found for chunk in piece.chunks],
                type=found[0].type if found else None,
            )
            for name, found in pieces.items()
        }

    def _made(self, column: Column, read: Any, spans: RowSpans) -> np.ndarray:
        if column.is_text:
            values = self._preprocessed(column, read, spans)
            check_shape(column, values)
            return values
        try:
            return numbers_of(read, np.dtype(column.dtype))
        except UnfitValueError as error:
            raise self._explained_unfit(column, spans, error) from None

    def _preprocessed(self, column: Column, read: Any, spans: RowSpans) -> np.ndarray:
        try:
            series = series_of(read, column.preprocess is None)
        except UnfitValueError as error:
            raise self._explained_unfit(column, spans, error) from None
        locate = self._parquet.row_in_file
        return preprocessed(column, series, spans, locate, ParquetReadError, "row")

    def _explained_unfit(
        self, column: Column, spans: RowSpans, error: UnfitValueError
    ) -> ParquetReadError:
        rows = spans.rows()
        path, row = self._parquet.row_in_file(int(rows[error.place or 0]))
        number = None if error.place is None else row
        return ParquetReadError(path, number, column.name, str(error))
