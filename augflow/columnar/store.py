"""The stored columns of a flow: blocks go in, any rows come out; in each process that has a part.

What it holds is never needed: where a block is missing, damaged, or cannot be stored, its rows are
read from their source.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.columnar.stored import OpenColumn, StoredColumn
from augflow.memory.free_space import free_disk

# Shorter runs of rows are picked one by one.
_SHORTEST_RUN = 64
# Blocks are read from their source as many at a time as take so much.
_BYTES_AT_ONCE = 16 << 20

# Reads the blocks from where to where (rows, ascending) from their source.
Source = Callable[[np.ndarray, np.ndarray], Mapping[int, np.ndarray] | None]


class ColumnStore:
    """Columns of a table in files; pickled by their paths, and opened where they are used.

    Args:
        folder: where they lie.
        columns: by their number in the table.
        first_rows: int64 array of shape (blocks + 1,): the first row of each block, and the
            number of all rows.
        is_writable: whether blocks can be stored.
    """

    def __init__(
        self,
        folder: str,
        columns: Mapping[int, StoredColumn],
        first_rows: np.ndarray,
        is_writable: bool,
    ) -> None:
        self.folder = folder
        self.columns = dict(columns)
        self.first_rows = first_rows
        self.is_writable = is_writable
        self._restore()

    def _restore(self) -> None:
        self._opened: dict[int, OpenColumn] | None = None
        self._is_given_up = False
        # Rows that are known to be all there.
        self._stored: tuple[int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name[0] != "_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._restore()

    @property
    def row_bytes(self) -> int:
        """What a row takes in all columns."""
        return sum(column.row_bytes for column in self.columns.values())

    def has_all(self, first: int, stop: int) -> bool:
        """Whether all of these rows have been stored, in all columns."""
        if (first, stop) != self._stored:
            columns = self._columns()
            blocks = slice(*np.searchsorted(self.first_rows, [first + 1, stop]) - [1, 0])
            if not columns or not all(each.have_been_stored(blocks) for each in columns.values()):
                return False
            self._stored = (first, stop)
        return True

    def count_stored(self) -> int:
        """Rows that are stored in all columns."""
        return min((column.count_stored() for column in self._columns().values()), default=0)

    def holds(self, firsts: np.ndarray, stops: np.ndarray) -> bool:
        """Whether rows can be read from here.

        Args:
            firsts, stops: int64 arrays of shape (runs,): rows from where to where.
        """
        return not len(self._missing(self._blocks(firsts, stops)))

    def fill(self, firsts: np.ndarray, stops: np.ndarray, source: Source) -> bool:
        """Store the blocks of some rows that are not there yet.

        Args:
            firsts, stops: as in ``holds``.
            source: reads whole blocks; it raises, or returns None, for those that are not to be
                stored.

        Returns:
            Whether all of these rows can be read from here now.
        """
        missing = self._missing(self._blocks(firsts, stops))
        if not len(missing):
            return True
        if not self.is_writable or self._is_given_up:
            return False
        most = max(1, _BYTES_AT_ONCE // max(1, self.row_bytes))
        rows = np.cumsum(self.first_rows[missing + 1] - self.first_rows[missing])
        cuts = np.flatnonzero(np.diff(rows // most)) + 1
        for part in np.split(missing, cuts):
            self._fill_blocks(part, source)
        return not len(self._missing(missing))

    def _fill_blocks(self, blocks: np.ndarray, source: Source) -> None:
        starts, ends = self.first_rows[blocks], self.first_rows[blocks + 1]
        try:
            values = source(starts, ends)
        except Exception:
            # A row that cannot be read keeps its block out of the store. Whoever asks for that
            # row has the error; these rows may be none of them.
            values = None
        if values is not None:
            self._keep(blocks, ends - starts, values)
        elif len(blocks) > 1:
            for half in np.array_split(blocks, 2):
                self._fill_blocks(half, source)

    def read(self, firsts: np.ndarray, stops: np.ndarray) -> dict[int, np.ndarray]:
        """The values of rows that ``holds``: by the number of the column, of shape (rows, ...)."""
        sizes = stops - firsts
        columns = self._columns()
        if len(firsts) == 1:
            run = slice(int(firsts[0]), int(stops[0]))
            return {number: column.values[run] for number, column in columns.items()}
        if sizes.sum() < _SHORTEST_RUN * len(firsts):
            within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            rows = np.repeat(firsts, sizes) + within
            return {number: column.values[rows] for number, column in columns.items()}
        runs = [slice(*run) for run in zip(firsts.tolist(), stops.tolist(), strict=True)]
        return {
            number: np.concatenate([column.values[run] for run in runs])
            for number, column in columns.items()
        }

    def bytes_to_come(self) -> int:
        """What the files will take beyond what they take now."""
        whole = int(self.first_rows[-1]) * self.row_bytes
        there = sum(os.stat(column.values_path).st_blocks * 512 for column in self.columns.values())
        return max(0, whole - there)

    def bytes_free(self) -> int | None:
        """What may still be taken of the disk; None where the system does not say."""
        room = free_disk(self.folder)
        return None if room is None else room.usable

    def close(self) -> None:
        """Let go of the files; they are opened again when they are needed."""
        opened, self._opened = vars(self).get("_opened"), None
        for column in (opened or {}).values():
            column.close()

    def _columns(self) -> dict[int, OpenColumn]:
        """The columns as this process has opened them; none where that has failed."""
        if self._opened is None and not self._is_given_up:
            found: dict[int, OpenColumn] = {}
            try:
                for number, column in self.columns.items():
                    found[number] = OpenColumn(column, self.first_rows, self.is_writable)
            except OSError as error:
                for opened in found.values():
                    opened.close()
                self._give_up(f"cannot be used any more ({error})")
            else:
                self._opened = found
        return self._opened or {}

    def _blocks(self, firsts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """The blocks of rows, each once."""
        begins = np.searchsorted(self.first_rows, firsts, side="right") - 1
        ends = np.searchsorted(self.first_rows, stops - 1, side="right")
        if len(firsts) == 1:
            return np.arange(begins[0], ends[0])
        marks = np.zeros(len(self.first_rows), np.int64)
        np.add.at(marks, begins, 1)
        np.add.at(marks, ends, -1)
        return np.flatnonzero(np.cumsum(marks))

    def _missing(self, blocks: np.ndarray) -> np.ndarray:
        columns = self._columns()
        if not columns:
            return blocks
        if not all(column.is_whole for column in columns.values()):
            self.close()
            self._give_up("has been cut while it was in use")
            return blocks
        there = np.ones(len(blocks), bool)
        for column in columns.values():
            there &= column.are_there(blocks)
        return blocks[~there]

    def _keep(
        self, blocks: np.ndarray, sizes: np.ndarray, values: Mapping[int, np.ndarray]
    ) -> None:
        columns = self._columns()
        borders = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        try:
            for place, block in enumerate(blocks.tolist()):
                for number, column in columns.items():
                    if column.are_there(blocks[place : place + 1]).all():
                        # Another flow has stored it, which has other columns beside it.
                        continue
                    column.keep(block, values[number][borders[place] : borders[place + 1]])
        except OSError as error:
            self.is_writable = False
            warn_user(
                f"augflow: the cache in {self.folder} is not filled any further: {error}. What is "
                "missing is read from the files in each epoch."
            )

    def _give_up(self, why: str) -> None:
        self._is_given_up = True
        warn_user(f"augflow: the cache in {self.folder} {why}; rows are read from their files.")
