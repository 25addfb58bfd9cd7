"""Several indexed CSV files as one table: which row lies in which block of which file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.csv.index import CsvFormat, CsvIndex
from augflow.errors import CsvReadError


@dataclass(frozen=True, eq=False)
class RowSpans:
    """Rows of a table, as stretches of consecutive ones; the rows of a block are side by side.

    Attributes:
        firsts, stops: int64 arrays of shape (spans,): the first row of each, and the one after
            its last.
    """

    firsts: np.ndarray
    stops: np.ndarray

    def __len__(self) -> int:
        return int((self.stops - self.firsts).sum())

    def rows(self) -> np.ndarray:
        """Their numbers: an int64 array of shape (rows,)."""
        sizes = self.stops - self.firsts
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        return np.arange(total) + np.repeat(self.firsts - (ends - sizes), sizes)


def spans_of(rows: np.ndarray) -> RowSpans:
    """Rows in an order in which those of one block are side by side, and ascend."""
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    begins = np.concatenate([[0], cuts])[: len(rows)]
    lasts = np.concatenate([cuts, [len(rows)]])[: len(rows)] - 1
    return RowSpans(rows[begins], rows[lasts] + 1)


@dataclass(frozen=True, eq=False)
class CsvTable:
    """All blocks of all files, in the order of the files.

    Attributes:
        layout: how the files are read.
        columns: of every file.
        paths: of the files.
        stamps: size and time of change of each, as indexed.
        first_rows: int64 array of shape (blocks + 1,): the number of each block's first row in
            the whole table, and at its end the number of rows.
        malformed: int64 array of the numbers of rows with more or fewer fields than columns.
        files, starts, stops, lines: of each block its file, the bytes from where to where, and
            the number of its first line.
    """

    layout: CsvFormat
    columns: list[Any]
    paths: list[str]
    stamps: list[tuple[int, int]]
    first_rows: np.ndarray
    malformed: np.ndarray
    files: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    lines: np.ndarray

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return int(self.first_rows[-1])

    @property
    def block_bytes(self) -> float:
        """Bytes a block, on average."""
        return float((self.stops - self.starts).mean())

    def malformed_among(self, spans: RowSpans) -> bool:
        """Whether one of some rows is malformed."""
        if not len(self.malformed):
            return False
        borders = np.searchsorted(self.malformed, [spans.firsts, spans.stops])
        return bool((borders[0] < borders[1]).any())

    def block_of(self, rows: np.ndarray) -> np.ndarray:
        """The block of each row."""
        return np.searchsorted(self.first_rows, rows, side="right") - 1


def make_table(paths: list[str], indexes: list[CsvIndex], layout: CsvFormat) -> CsvTable:
    """Put files together.

    Raises:
        CsvReadError: their columns differ.
    """
    columns = indexes[0].columns
    for path, index in zip(paths, indexes, strict=True):
        if index.columns != columns:
            raise CsvReadError(
                path,
                None,
                None,
                f"its columns {_shown(index.columns)} are not those of {paths[0]},"
                f" {_shown(columns)}; files of one flow need the same columns in the same order",
            )
    sizes = [np.diff(index.first_rows) for index in indexes]
    counts = [len(size) for size in sizes]
    before = np.cumsum([0, *[index.rows for index in indexes]])
    return CsvTable(
        layout=layout,
        columns=columns,
        paths=paths,
        stamps=[(index.size, index.changed) for index in indexes],
        first_rows=np.concatenate([[0], *sizes]).cumsum(),
        malformed=np.concatenate(
            [first + index.malformed for first, index in zip(before, indexes, strict=False)]
        ),
        files=np.repeat(np.arange(len(paths)), counts),
        starts=np.concatenate([index.offsets[:-1] for index in indexes]),
        stops=np.concatenate([index.offsets[1:] for index in indexes]),
        lines=np.concatenate([index.lines for index in indexes]),
    )


def _shown(columns: list[Any]) -> str:
    text = ", ".join(map(str, columns[:8]))
    return f"({text}, … {len(columns)} in all)" if len(columns) > 8 else f"({text})"
