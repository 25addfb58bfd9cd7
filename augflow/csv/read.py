"""Text of given rows, read from their blocks; nothing here knows columns or dtypes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

import numpy as np

from augflow.base.regular_file import NotRegularFileError, open_regular
from augflow.csv.records import Records, find_records, lines_before
from augflow.csv.table import CsvTable
from augflow.errors import CsvReadError


def read_text(table: CsvTable, rows: np.ndarray) -> bytes:
    """The text of rows, one record after the other, each with the end of its line.

    Blocks that are wanted as a whole are taken as they are, blank lines included.

    Args:
        table: the files.
        rows: int64 array of shape (rows,), ascending, each row once.

    Raises:
        CsvReadError: a file has changed since it was indexed, or is no regular file any more.
        OSError: it cannot be read.
    """
    blocks = table.block_of(rows)
    firsts = np.flatnonzero(np.diff(blocks, prepend=-1))
    wanted = np.diff(firsts, append=len(rows))
    pieces: list[bytes] = []
    runs = zip(blocks[firsts].tolist(), firsts.tolist(), wanted.tolist(), strict=True)
    for file, of_file in groupby(runs, key=lambda run: int(table.files[run[0]])):
        with _opened(table, file) as descriptor:
            for block, first, count in of_file:
                whole = count == table.first_rows[block + 1] - table.first_rows[block]
                text = _block_text(table, descriptor, block)
                if not whole or _has_lone_return(text):
                    numbers = rows[first : first + count] - table.first_rows[block]
                    text = _selected(table, block, text, numbers)
                pieces.append(text)
                if not text.endswith((b"\n", b"\r")):
                    pieces.append(b"\n")
    return b"".join(pieces)


def line_of(table: CsvTable, row: int) -> tuple[str, int]:
    """The file of a row, and the number of its first line."""
    block = int(table.block_of(np.asarray([row]))[0])
    file = int(table.files[block])
    with _opened(table, file) as descriptor:
        text = _block_text(table, descriptor, block)
    records = _records(table, block, text)
    start = records.starts[row - table.first_rows[block]]
    line = int(table.lines[block]) + int(lines_before(records, start))
    # The first record of a block is where its line was counted; blank lines lie behind.
    return table.paths[file], line - int(lines_before(records, records.starts[0]))


@contextmanager
def _opened(table: CsvTable, file: int) -> Iterator[int]:
    path = table.paths[file]
    try:
        descriptor = open_regular(path)
    except NotRegularFileError as error:
        raise CsvReadError(path, None, None, error.cause) from error
    try:
        status = os.fstat(descriptor)
        if (status.st_size, status.st_mtime_ns) != table.stamps[file]:
            raise _changed(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _block_text(table: CsvTable, descriptor: int, block: int) -> bytes:
    start, stop = int(table.starts[block]), int(table.stops[block])
    text = os.pread(descriptor, stop - start, start)
    while len(text) < stop - start:
        more = os.pread(descriptor, stop - start - len(text), start + len(text))
        if not more:
            raise _changed(table.paths[table.files[block]])
        text += more
    return text


def _has_lone_return(text: bytes) -> bool:
    # Where a blank line ends in one, pandas takes the next separator for a part of it.
    return b"\r" in text and text.count(b"\r") != text.count(b"\r\n")


def _records(table: CsvTable, block: int, text: bytes) -> Records:
    records = find_records(text, table.layout.separator, is_last=True)
    if len(records.starts) != table.first_rows[block + 1] - table.first_rows[block]:
        raise _changed(table.paths[table.files[block]])
    return records


def _selected(table: CsvTable, block: int, text: bytes, numbers: np.ndarray) -> bytes:
    records = _records(table, block, text)
    bounds = zip(records.starts[numbers].tolist(), records.ends[numbers].tolist(), strict=True)
    return b"".join([text[start:end] for start, end in bounds])


def _changed(path: str) -> CsvReadError:
    return CsvReadError(
        path, None, None, "the file has changed since it was indexed; make a new flow of it"
    )
