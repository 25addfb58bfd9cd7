"""Text of given rows, read from their blocks; nothing here knows columns or dtypes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from augflow.base.regular_file import NotRegularFileError, open_regular
from augflow.csv.records import Records, find_records, lines_before
from augflow.csv.table import CsvTable, RowSpans
from augflow.errors import CsvReadError


def read_text(table: CsvTable, spans: RowSpans) -> bytes:
    """The text of rows, one record after the other, each with the end of its line.

    Blocks that are wanted as a whole are taken as they are, blank lines included, and those that
    follow each other in a file are read at once.

    Args:
        table: the files.
        spans: the rows, each once.

    Raises:
        CsvReadError: a file has changed since it was indexed, or is no regular file any more.
        OSError: it cannot be read.
    """
    pieces: list[bytes] = []
    for file, of_file in groupby(_stretches(table, spans), key=lambda each: each.file):
        with _opened(table, file) as descriptor:
            for stretch in of_file:
                text = _text_of(table, descriptor, stretch)
                pieces.append(text)
                if not text.endswith((b"\n", b"\r")):
                    pieces.append(b"\n")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@dataclass(frozen=True)
class _Stretch:
    """Blocks ``first`` to ``stop`` of one file, side by side; ``rows`` of the only one, or all."""

    file: int
    first: int
    stop: int
    rows: np.ndarray | None


def _stretches(table: CsvTable, spans: RowSpans) -> Iterator[_Stretch]:
    """What to read for some rows, in their order."""
    if not len(spans.firsts):
        return
    begins, ends = table.block_of(spans.firsts), table.block_of(spans.stops - 1)
    counts = ends - begins + 1
    # The parts of spans that lie in one block each.
    steps = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    blocks = np.repeat(begins, counts) + steps
    starts, stops = table.first_rows[blocks], table.first_rows[blocks + 1]
    firsts = np.maximum(np.repeat(spans.firsts, counts), starts)
    lasts = np.minimum(np.repeat(spans.stops, counts), stops)
    whole = (firsts == starts) & (lasts == stops)
    files = table.files[blocks]
    # A stretch goes on with the block after its last, or with more rows of the same block.
    same = ~whole[1:] & (blocks[1:] == blocks[:-1])
    follows = (whole[1:] & whole[:-1]) & (blocks[1:] == blocks[:-1] + 1)
    cuts = np.flatnonzero(~(same | (follows & (files[1:] == files[:-1])))) + 1
    for begin, end in pairwise([0, *cuts.tolist(), len(blocks)]):
        rows = None
        if not whole[begin]:
            rows = RowSpans(firsts[begin:end], lasts[begin:end]).rows()
        yield _Stretch(int(files[begin]), int(blocks[begin]), int(blocks[end - 1]) + 1, rows)


def _text_of(table: CsvTable, descriptor: int, stretch: _Stretch) -> bytes:
    text = _block_text(table, descriptor, stretch.first, stretch.stop)
    if stretch.rows is not None:
        return _selected(table, stretch.first, text, stretch.rows)
    if not _has_lone_return(text):
        return text
    parts = []
    for block in range(stretch.first, stretch.stop):
        rows = np.arange(table.first_rows[block], table.first_rows[block + 1])
        text = _block_text(table, descriptor, block, block + 1)
        parts.append(_selected(table, block, text, rows))
    return b"".join(parts)


def line_of(table: CsvTable, row: int) -> tuple[str, int]:
    """The file of a row, and the number of its first line."""
    block = int(table.block_of(np.asarray([row]))[0])
    file = int(table.files[block])
    with _opened(table, file) as descriptor:
        text = _block_text(table, descriptor, block, block + 1)
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


def _block_text(table: CsvTable, descriptor: int, block: int, end: int) -> bytes:
    """The text from a block on to another one of its file, which is left out."""
    start, stop = int(table.starts[block]), int(table.stops[end - 1])
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


def _selected(table: CsvTable, block: int, text: bytes, rows: np.ndarray) -> bytes:
    """Some rows of a block, each with the end of its line if it has one."""
    records = _records(table, block, text)
    numbers = rows - table.first_rows[block]
    bounds = zip(records.starts[numbers].tolist(), records.ends[numbers].tolist(), strict=True)
    return b"".join([text[start:end] for start, end in bounds])


def _changed(path: str) -> CsvReadError:
    return CsvReadError(
        path, None, None, "the file has changed since it was indexed; make a new flow of it"
    )
