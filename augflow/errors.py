"""The errors that are augflow's own.

Wherever Keras or Python has a fitting type (ValueError, TypeError, IndexError), that type
is raised instead; a user's exception keeps its own type.
"""

from __future__ import annotations

import errno
from typing import Any

from PIL import UnidentifiedImageError

# What has run out when a file cannot be opened, which says nothing about the file.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


class ImageReadError(UnidentifiedImageError):
    """An image file cannot be read: it is truncated, damaged or no image.

    A subclass of ``PIL.UnidentifiedImageError`` and so of ``OSError``, as Pillow's own.

    Attributes:
        path: the file, as it was asked for.
        cause: what the decoder said.
        what: what the file is to be, "image" or "mask".
    """

    def __init__(self, path: str, cause: str, what: str = "image") -> None:
        super().__init__(f"cannot read {what} {path!r}: {cause}")
        self.path = path
        self.cause = cause
        self.what = what

    def __reduce__(self) -> tuple[Any, ...]:
        # The state carries the notes that were added on the way.
        return type(self), (self.path, self.cause, self.what), self.__dict__


class CsvReadError(ValueError):
    """A CSV file cannot be read: a bad row or value, or a file that is no plain CSV.

    Attributes:
        path: the file.
        line: of the record's first line, from 1; None where the whole file is meant.
        column: its name or number; None where the whole record is meant.
        cause: what is wrong.
    """

    def __init__(self, path: str, line: int | None, column: Any, cause: str) -> None:
        where = "" if line is None else f", line {line}"
        where += "" if column is None else f", column {column!r}"
        super().__init__(f"{path}{where}: {cause}")
        self.path = path
        self.line = line
        self.column = column
        self.cause = cause

    def __reduce__(self) -> tuple[Any, ...]:
        # The state carries the notes that were added on the way.
        return type(self), (self.path, self.line, self.column, self.cause), self.__dict__


class ParquetReadError(ValueError):
    """A Parquet or Arrow file cannot be read, or holds what a column cannot take.

    Attributes:
        path: the file.
        row: in the file, from 0; None where the whole file is meant.
        column: its name; None where the whole row is meant.
        cause: what is wrong.
    """

    def __init__(self, path: str, row: int | None, column: Any, cause: str) -> None:
        where = "" if row is None else f", row {row}"
        where += "" if column is None else f", column {column!r}"
        super().__init__(f"{path}{where}: {cause}")
        self.path = path
        self.row = row
        self.column = column
        self.cause = cause

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.row, self.column, self.cause), self.__dict__


class WorkerDiedError(RuntimeError):
    """Worker processes died again and again over the same batch."""


class SampleTimeoutError(TimeoutError):
    """A sample has taken longer than ``timeout=`` allows: reading it, or a function of the user's.

    Attributes:
        name: of the sample, e.g. the path of its file.
    """

    def __init__(self, message: str, name: Any = None) -> None:
        super().__init__(message)
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self.args, self.name), self.__dict__


class BatchIndexError(IndexError, ValueError):
    """A batch index is out of range: an IndexError, as for a sequence, and Keras's ValueError."""


class InterpreterExitingError(RuntimeError):
    """A batch was asked for while the interpreter exits."""


def is_broken_file(error: BaseException) -> bool:
    """Whether an error means that a file cannot be read: damaged, missing, not permitted.

    False for what has run out (memory, file descriptors), and for all other errors.
    """
    return isinstance(error, OSError) and error.errno not in _SHORTAGES


def is_broken_sample(error: BaseException) -> bool:
    """Whether an error of what loads a sample tells of that sample.

    False for what has run out and for packages that are missing, which every sample would meet.
    """
    if isinstance(error, OSError):
        return is_broken_file(error)
    return isinstance(error, Exception) and not isinstance(error, MemoryError | ImportError)


def reason_of(error: BaseException) -> str:
    """What is wrong with a file, without its name: one line."""
    if isinstance(error, ImageReadError):
        return error.cause
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def reason_beside(error: BaseException) -> str:
    """What is wrong with what goes with a file, e.g. its mask: one line that says so."""
    if isinstance(error, ImageReadError):
        # The message names the file, which is another one.
        return str(error)
    return f"its masks, boxes or keypoints: {type(error).__name__}: {error}"
