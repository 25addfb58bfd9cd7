"""One pass over a CSV file: where blocks of its records begin, checked on the way.

Only the offsets of blocks are kept, so that the index of any file stays small; a block is read
as a whole. Blocks are cut by bytes, not by rows, so that none is large because rows elsewhere in
the file are short. The pass holds one piece of the file at a time.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import numpy as np

from augflow.base.regular_file import NotRegularFileError, regular_file
from augflow.csv.records import (
    Records,
    all_have_fields,
    field_counts,
    find_records,
    last_quote,
    lines_before,
)
from augflow.errors import CsvReadError

_PIECE_BYTES = 256 << 10
_PORTION_BYTES = 2 << 20
# A quote that is never closed would take the rest of the file.
_LONGEST_RECORD_BYTES = 64 << 20
# A block costs a read, so it should not be too small; rows of it that are not asked for are
# looked through in vain, so it should not be too large. The first record that begins so many
# bytes after the block begins the next one.
_BLOCK_BYTES = 32 << 10
MOST_BLOCKS = 1 << 20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FOREIGN_BEGINNINGS = {
    b"\x1f\x8b": "is compressed by gzip: its rows can only be read from the beginning on, not "
    "in any order. Decompress it first: gunzip -k",
    b"PK\x03\x04": "is a zip archive. Unpack it first",
    b"BZh": "is compressed by bzip2. Decompress it first",
    b"\xfd7zXZ": "is compressed by xz. Decompress it first",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd. Decompress it first",
    b"\xff\xfe": "is UTF-16. Convert it to UTF-8 first",
    b"\xfe\xff": "is UTF-16. Convert it to UTF-8 first",
    b"PAR1": "is a Parquet file, not CSV",
}


@dataclass(frozen=True)
class CsvFormat:
    """How the text is to be read.

    Attributes:
        separator: one ASCII character.
        header: whether the first record names the columns.
        encoding: of the text; one that leaves ASCII as it is.
    """

    separator: str = ","
    header: bool = True
    encoding: str = "utf-8"


@dataclass(frozen=True, eq=False)
class CsvIndex:
    """Where the rows of one file are.

    Attributes:
        first_rows: int64 array of shape (blocks + 1,): the number of each block's first record,
            not counting the header, and at its end the number of records.
        offsets: int64 array of shape (blocks + 1,): where the blocks begin, and the last ends.
        lines: int64 array of shape (blocks,): the number of each block's first line, from 1.
        malformed: int64 array of the numbers of records with more or fewer fields than there are
            columns, ascending.
        columns: their names, or their numbers from 0 in a file without header.
        size, changed: of the file when it was indexed, in bytes and in nanoseconds (mtime).
    """

    first_rows: np.ndarray
    offsets: np.ndarray
    lines: np.ndarray
    malformed: np.ndarray
    columns: list[Any]
    size: int
    changed: int

    @property
    def rows(self) -> int:
        """Records without the header."""
        return int(self.first_rows[-1])


class ProgressLine(Protocol):
    """What is told how many bytes are done."""

    def update(self, steps: int) -> None:
        """Say that so many more bytes are done."""


def _empty() -> array[int]:
    return array("q")


@dataclass
class _Pass:
    """What is known of a file so far."""

    path: str
    layout: CsvFormat
    forgives: bool
    columns: list[Any] | None = None
    rows: int = 0
    lines: int = 0
    end: int = 0
    block_bytes: int = field(default_factory=lambda: _BLOCK_BYTES)
    block_starts: array[int] = field(default_factory=_empty)
    block_rows: array[int] = field(default_factory=_empty)
    block_lines: array[int] = field(default_factory=_empty)
    malformed: array[int] = field(default_factory=_empty)

    def add(self, text: bytes, offset: int, records: Records) -> None:
        """Take in the records of the text at an offset of the file."""
        if self.columns is None and len(records.starts):
            self.columns = _columns(self, text, records)
            if self.layout.header:
                records = Records(
                    records.starts[1:],
                    records.ends[1:],
                    records.line_ends,
                    records.rest,
                    _after(records.separators, int(records.ends[0])),
                    records.inside,
                )
        if len(records.starts):
            assert self.columns is not None
            if not all_have_fields(records, len(self.columns)):
                self._take_note_of_malformed(text, records)
            self._add_blocks(offset, records)
        self.lines += int(lines_before(records, records.rest))

    def _add_blocks(self, offset: int, records: Records) -> None:
        starts = records.starts
        number = 0
        if self.block_starts:
            number = int(np.searchsorted(starts, self._next_block() - offset))
        while number < len(starts):
            self.block_starts.append(offset + int(starts[number]))
            self.block_rows.append(self.rows + number)
            self.block_lines.append(self.lines + 1 + int(lines_before(records, starts[number])))
            if len(self.block_starts) > MOST_BLOCKS:
                self._merge_blocks()
            number = int(np.searchsorted(starts, self._next_block() - offset))
        self.rows += len(starts)
        self.end = offset + int(records.ends[-1])

    def _next_block(self) -> int:
        """Where the next block may begin."""
        return self.block_starts[-1] + self.block_bytes

    def _merge_blocks(self) -> None:
        """Make one block of two."""
        self.block_bytes *= 2
        self.block_starts = self.block_starts[::2]
        self.block_rows = self.block_rows[::2]
        self.block_lines = self.block_lines[::2]

    def _take_note_of_malformed(self, text: bytes, records: Records) -> None:
        assert self.columns is not None
        counts = field_counts(records)
        wrong = np.flatnonzero(counts != len(self.columns))
        if self.forgives:
            self.malformed.extend((self.rows + wrong).tolist())
            return
        number = int(wrong[0])
        start = int(records.starts[number])
        line = self.lines + 1 + int(lines_before(records, start))
        shown = (
            text[start : int(records.ends[number])][:80]
            .decode(self.layout.encoding, "replace")
            .rstrip()
        )
        raise CsvReadError(
            self.path,
            line,
            None,
            f"{fields_expected(counts[number], len(self.columns), self.layout)}: {shown!r}",
        )

    def complain_of_end(self, text: bytes, records: Records) -> None:
        """Raise for text that goes on and on without the end of a record."""
        longest = f"within {_LONGEST_RECORD_BYTES >> 20} MB or before the end of the file"
        position, what = records.rest, f"no end of the record {longest}"
        if records.inside:
            position = last_quote(text, self.layout.separator)
            what = f"a quote is opened here and not closed {longest}"
        line = self.lines + 1 + int(lines_before(records, position))
        raise CsvReadError(self.path, line, None, what)


def fields_expected(found: int, columns: int, layout: CsvFormat) -> str:
    """What is wrong with a record of another number of fields than there are columns."""
    return f"{found} fields where {columns} are expected (separator {layout.separator!r})"


def index_file(
    path: str, layout: CsvFormat, progress: ProgressLine, forgives: bool = False
) -> CsvIndex:
    """Read a file once and say where its rows are.

    Args:
        path: of the file.
        layout: how it is to be read.
        progress: is told the bytes read.
        forgives: note records with more or fewer fields than the first one, and raise nothing.

    Raises:
        CsvReadError: a record has more or fewer fields than the first one, a quote is not
            closed, the file has no columns, or it is no plain text or no regular file.
        OSError: it cannot be read.
    """
    with _opened(path) as file:
        status = os.fstat(file.fileno())
        state = _Pass(path, layout, forgives)
        for _ in _read_pieces(file, state, progress):
            pass
    if state.columns is None:
        raise CsvReadError(path, None, None, "the file is empty: it has no columns")
    return CsvIndex(
        first_rows=np.append(np.asarray(state.block_rows), state.rows),
        offsets=np.append(np.asarray(state.block_starts), state.end),
        lines=np.array(state.block_lines),
        malformed=np.array(state.malformed),
        columns=state.columns,
        size=status.st_size,
        changed=status.st_mtime_ns,
    )


def portions(path: str, layout: CsvFormat) -> Iterator[CsvIndex]:
    """Indexes of one part of a file after the other, each of whole blocks, without the last ones.

    Args:
        path, layout: see ``index_file``.

    Raises:
        CsvReadError, OSError: see ``index_file``; when the part is come to.
    """
    with _opened(path) as file:
        status = os.fstat(file.fileno())
        state = _Pass(path, layout, forgives=False)
        begin = 0
        for _ in _read_pieces(file, state, _NoProgress()):
            end = len(state.block_starts) - 1
            if state.block_bytes != _BLOCK_BYTES:
                # Two blocks have become one.
                return
            if end < 0 or state.block_starts[end] - state.block_starts[begin] < _PORTION_BYTES:
                continue
            assert state.columns is not None
            yield CsvIndex(
                first_rows=np.array(state.block_rows[begin : end + 1]),
                offsets=np.array(state.block_starts[begin : end + 1]),
                lines=np.array(state.block_lines[begin:end]),
                malformed=np.array(state.malformed, np.int64),
                columns=state.columns,
                size=status.st_size,
                changed=status.st_mtime_ns,
            )
            begin = end


class _NoProgress:
    def update(self, steps: int) -> None:
        """Nobody is to know."""


def _opened(path: str) -> BinaryIO:
    try:
        return regular_file(path, buffering=0)
    except NotRegularFileError as error:
        raise CsvReadError(path, None, None, error.cause) from error


def _read_pieces(file: BinaryIO, state: _Pass, progress: ProgressLine) -> Iterator[None]:
    """Take in a file, and pause after each piece of it."""
    offset, text = 0, b""
    while True:
        # A record that is longer than a piece is looked through a few times, not many.
        piece = file.read(max(_PIECE_BYTES, len(text)))
        is_last = not piece
        if offset == 0 and not text:
            _check_beginning(state.path, piece)
            if piece.startswith(_BYTE_ORDER_MARK):
                offset, piece = len(_BYTE_ORDER_MARK), piece[len(_BYTE_ORDER_MARK) :]
        progress.update(len(piece))
        text += piece
        records = find_records(text, state.layout.separator, is_last=is_last, with_separators=True)
        if len(text) - records.rest > _LONGEST_RECORD_BYTES or (records.inside and is_last):
            state.complain_of_end(text, records)
        state.add(text, offset, records)
        offset += records.rest
        text = text[records.rest :]
        if is_last:
            return
        yield


def _check_beginning(path: str, piece: bytes) -> None:
    for beginning, what in _FOREIGN_BEGINNINGS.items():
        if piece.startswith(beginning):
            raise CsvReadError(path, None, None, f"the file {what}")


def _columns(state: _Pass, text: bytes, records: Records) -> list[Any]:
    """The names of the columns as pandas gives them, or their numbers."""
    if not state.layout.header:
        return list(range(int(field_counts(records)[0])))
    import io

    import pandas as pd

    first = text[records.starts[0] : records.ends[0]]
    try:
        header = pd.read_csv(
            io.BytesIO(first.decode(state.layout.encoding).encode()),
            sep=state.layout.separator,
            nrows=0,
            index_col=False,
        )
    except UnicodeDecodeError as error:
        raise CsvReadError(
            state.path,
            state.lines + 1,
            None,
            f"the header is no {state.layout.encoding.upper()} ({error}); encoding= says which "
            "encoding it is",
        ) from None
    return list(header.columns)


def _after(separators: np.ndarray | None, position: int) -> np.ndarray:
    assert separators is not None
    return separators[np.searchsorted(separators, position) :]
