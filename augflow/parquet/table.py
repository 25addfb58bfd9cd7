"""Parquet and Arrow files as one table: which row lies in which row group of which file.

Arrow files (Feather's second version) consist of record batches. Both are called blocks here, as
those of CSV files are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from augflow.base.regular_file import regular_file
from augflow.csv.table import RowSpans
from augflow.errors import ParquetReadError

_PARQUET = b"PAR1"
_ARROW = b"ARROW1"
_OLD_FEATHER = b"FEA1"


def import_pyarrow() -> Any:
    """The module pyarrow.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            'Parquet and Arrow files need pyarrow: pip install "keras-augflow[parquet]"'
        ) from error
    return pyarrow


@dataclass(frozen=True, eq=False)
class ParquetTable:
    """All blocks of all files, in the order of the files.

    Attributes:
        columns: of every file.
        paths: of the files.
        stamps: size and time of change of each, as opened.
        first_rows: int64 array of shape (blocks + 1,): the number of each block's first row in
            the whole table, and at its end the number of rows.
        files, numbers: of each block its file, and its number in it.
        layout: how the files are read, for caches.
        malformed: rows that lack fields; there are none.
    """

    columns: list[str]
    paths: list[str]
    stamps: list[tuple[int, int]]
    first_rows: np.ndarray
    files: np.ndarray
    numbers: np.ndarray
    layout: str = "columns of Arrow"
    malformed: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return int(self.first_rows[-1])

    def block_of(self, rows: np.ndarray) -> np.ndarray:
        """The block of each row."""
        return np.searchsorted(self.first_rows, rows, side="right") - 1

    def row_in_file(self, row: int) -> tuple[str, int]:
        """The file of a row, and its number there, from 0."""
        file = int(self.files[self.block_of(np.asarray([row]))[0]])
        first = int(self.first_rows[np.searchsorted(self.files, file)])
        return self.paths[file], row - first


class OpenFile:
    """A Parquet or Arrow file that is open, and closed at the end of a ``with``.

    Args:
        path: of the file.
        stamp: size and time of change that it must have, None for any.

    Raises:
        ParquetReadError: it is neither, or has changed.
        OSError: it cannot be read.
    """

    def __init__(self, path: str, stamp: tuple[int, int] | None = None) -> None:
        pyarrow = import_pyarrow()
        self._path = path
        # A named pipe would be waited for.
        with regular_file(path) as file:
            begin = file.read(len(_ARROW))
            status = os.fstat(file.fileno())
        self.stamp = (status.st_size, status.st_mtime_ns)
        if stamp is not None and self.stamp != stamp:
            raise ParquetReadError(
                path, None, None, "the file has changed since it was opened; make a new flow of it"
            )
        if begin.startswith(_OLD_FEATHER):
            raise ParquetReadError(
                path, None, None, "it is Feather of version 1; write it with version=2"
            )
        if not begin.startswith((_PARQUET, _ARROW)):
            raise ParquetReadError(
                path, None, None, f"it is neither Parquet nor Arrow: it begins with {begin!r}"
            )
        try:
            if begin.startswith(_PARQUET):
                self._file = import_module("pyarrow.parquet").ParquetFile(path, memory_map=False)
                self._is_parquet = True
            else:
                self._source = pyarrow.OSFile(path)
                self._file = pyarrow.ipc.open_file(self._source)
                self._is_parquet = False
        except pyarrow.ArrowException as error:
            raise ParquetReadError(path, None, None, str(error)) from error

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        if self._is_parquet:
            self._file.close()
        else:
            self._source.close()

    @property
    def columns(self) -> list[str]:
        """Their names."""
        schema = self._file.schema_arrow if self._is_parquet else self._file.schema
        return list(schema.names)

    def block_sizes(self) -> list[int]:
        """Rows of each block."""
        if self._is_parquet:
            about = self._file.metadata
            return [about.row_group(number).num_rows for number in range(about.num_row_groups)]
        pyarrow = import_pyarrow()
        # Nothing but the first column is read.
        options = pyarrow.ipc.IpcReadOptions(included_fields=[0])
        few = pyarrow.ipc.open_file(self._source, options=options)
        return [few.get_batch(number).num_rows for number in range(few.num_record_batches)]

    def read(self, block: int, columns: list[str]) -> dict[str, Any]:
        """Some columns of a block, as ``pyarrow.ChunkedArray`` by name.

        Raises:
            ParquetReadError: it is damaged.
        """
        pyarrow = import_pyarrow()
        try:
            if self._is_parquet:
                # Several workers do several of them at once.
                table = self._file.read_row_group(block, columns=columns, use_threads=False)
            else:
                table = pyarrow.Table.from_batches([self._file.get_batch(block).select(columns)])
            table.validate(full=False)
        except (pyarrow.ArrowException, OSError) as error:
            raise ParquetReadError(self._path, None, None, f"block {block}: {error}") from error
        return {name: table.column(name) for name in columns}


def open_parquet(paths: list[str]) -> ParquetTable:
    """Look through files, and put them together.

    Raises:
        ParquetReadError: one is neither Parquet nor Arrow, columns differ, or there are no rows.
        ImportError: pyarrow is not installed.
        OSError: one cannot be read.
    """
    columns: list[str] = []
    sizes: list[int] = []
    files: list[int] = []
    numbers: list[int] = []
    stamps = []
    for number, path in enumerate(paths):
        with OpenFile(path) as file:
            _check_columns(path, file.columns, columns if number else None, paths[0])
            columns = file.columns
            own = file.block_sizes()
            stamps.append(file.stamp)
        # Writers leave empty ones behind, too.
        kept = [block for block, size in enumerate(own) if size]
        sizes += [own[block] for block in kept]
        numbers += kept
        files += [number] * len(kept)
    if not sizes:
        raise ParquetReadError(paths[0], None, None, "there are no rows")
    first_rows = np.concatenate([[0], np.cumsum(sizes)])
    return ParquetTable(columns, paths, stamps, first_rows, np.asarray(files), np.asarray(numbers))


def _check_columns(path: str, found: list[str], wanted: list[str] | None, first: str) -> None:
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ParquetReadError(path, None, twice, "there are several columns of this name")
    if wanted is not None and found != wanted:
        raise ParquetReadError(
            path,
            None,
            None,
            f"its columns ({', '.join(found[:8])}) are not those of {first} "
            f"({', '.join(wanted[:8])}); files of one flow need the same columns in the same order",
        )


def rows_of_blocks(
    table: ParquetTable, spans: RowSpans
) -> Iterator[tuple[int, slice | np.ndarray]]:
    """For each block that rows lie in, one after the other, which of its rows these are.

    Returns:
        The block's number, and a slice where rows follow each other, else their numbers in the
        block: an int64 array of shape (rows,).
    """
    rows = spans.rows()
    if not len(rows):
        return
    blocks = table.block_of(rows)
    cuts = np.flatnonzero(np.diff(blocks)) + 1
    for begin, end in pairwise([0, *cuts.tolist(), len(rows)]):
        block = int(blocks[begin])
        within = rows[begin:end] - table.first_rows[block]
        if (np.diff(within) == 1).all():
            yield block, slice(int(within[0]), int(within[-1]) + 1)
        else:
            yield block, within
