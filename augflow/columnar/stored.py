"""One column on disk: a file of values and a file of records, which say what of it is there.

``values`` holds the rows of the column one after the other, in its dtype, and nothing else.
``records`` begins with a header that tells these files from any others, and then has eight bytes
for each block of rows: a checksum of its values, and a bit that is set once they are written. A
record is written after its values, so whatever is killed in between leaves a block that is not
there.
"""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass

import numpy as np

from augflow.cache.files import open_cache_file

HEADER_BYTES = 64
# Above the checksum, which has 32 bits.
_IS_THERE = 1 << 32


@dataclass(frozen=True)
class StoredColumn:
    """Which column it is, and where its files lie.

    Attributes:
        stem: path of its files without ending.
        header: the first bytes of its records.
        dtype: of its values, as ``np.dtype.str`` gives it.
        shape: of one row's value, () for a number.
    """

    stem: str
    header: bytes
    dtype: str
    shape: tuple[int, ...]

    @property
    def values_path(self) -> str:
        """Of the file of values."""
        return self.stem + ".values"

    @property
    def records_path(self) -> str:
        """Of the file of records."""
        return self.stem + ".records"

    @property
    def row_bytes(self) -> int:
        """What a row takes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def sizes(self, rows: int, blocks: int) -> tuple[int, int]:
        """Bytes of the file of values and of that of records."""
        return rows * self.row_bytes, HEADER_BYTES + 8 * blocks


class OpenColumn:
    """The files of one column in this process, mapped for reading.

    Args:
        column: which.
        first_rows: int64 array of shape (blocks + 1,): the first row of each block, and the
            number of all rows.
        is_writable: whether blocks can be stored.

    Raises:
        OSError: the files are not there, are others than they were, or have been cut.
    """

    def __init__(self, column: StoredColumn, first_rows: np.ndarray, is_writable: bool) -> None:
        self._column = column
        self._first_rows = first_rows
        rows, blocks = int(first_rows[-1]), len(first_rows) - 1
        self._sizes = column.sizes(rows, blocks)
        self._descriptors: list[int] = []
        try:
            for path in (column.values_path, column.records_path):
                self._descriptors.append(open_cache_file(path, writing=is_writable))
            if (
                os.pread(self._descriptors[1], HEADER_BYTES, 0) != column.header
                or not self.is_whole
            ):
                raise OSError(f"{column.stem}: these are not the files that the cache had")
            self.values = _mapped(self._descriptors[0], 0, (rows, *column.shape), column.dtype)
            self._records = _mapped(self._descriptors[1], HEADER_BYTES, (blocks,), "<u8")
        except BaseException:
            self.close()
            raise
        # Blocks of which this process has compared the checksum.
        self._checked = np.zeros(blocks, bool)

    @property
    def is_whole(self) -> bool:
        """Whether the files have their size still: reading a map of a file that was cut ends the
        process."""
        sizes = tuple(os.fstat(descriptor).st_size for descriptor in self._descriptors)
        return sizes == self._sizes

    def have_been_stored(self, blocks: slice) -> bool:
        """Whether all of these blocks have, as they are or not."""
        return bool(self._records[blocks].all())

    def count_stored(self) -> int:
        """How many rows have been stored."""
        return int(np.diff(self._first_rows)[self._records != 0].sum())

    def are_there(self, blocks: np.ndarray) -> np.ndarray:
        """Of each of these blocks whether it is stored, and as it was written.

        Args:
            blocks: int64 array of shape (blocks,), their numbers.

        Returns:
            A bool array of the same shape.
        """
        if self._checked[blocks].all():
            return np.ones(len(blocks), bool)
        for block in blocks[~self._checked[blocks]].tolist():
            record = int(self._records[block])
            if record:
                start, stop = self._first_rows[block : block + 2]
                self._checked[block] = record == _record_of(self.values[start:stop])
        return self._checked[blocks]

    def keep(self, block: int, values: np.ndarray) -> None:
        """Store the values of a block.

        Raises:
            OSError: they cannot be written.
        """
        data = np.ascontiguousarray(values, self._column.dtype)
        _write(self._descriptors[0], data, int(self._first_rows[block]) * self._column.row_bytes)
        record = np.array([_record_of(data)], "<u8")
        _write(self._descriptors[1], record, HEADER_BYTES + 8 * block)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; the maps last as long as somebody holds them."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _record_of(values: np.ndarray) -> int:
    return _IS_THERE | zlib.crc32(values.reshape(-1).view(np.uint8).data)


def _write(descriptor: int, data: np.ndarray, offset: int) -> None:
    rest = data.reshape(-1).view(np.uint8).data
    while len(rest):
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _mapped(descriptor: int, offset: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if not math.prod(shape):
        return np.empty(shape, dtype)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return np.asarray(np.memmap(file, dtype, "r", offset, shape))
