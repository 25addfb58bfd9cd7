"""A file that is not a file of this machine, but can be read as one, in any process."""

from __future__ import annotations

import io
import os
from abc import abstractmethod
from typing import Any, BinaryIO

from augflow.base.regular_file import read_regular, refuse_special, regular_file


class StoredFile(os.PathLike[str]):
    """A file of a table, an archive or a bucket, in the place of a path.

    It travels to workers, so it holds all that they need to read it. As a path it is its name.
    """

    @abstractmethod
    def __fspath__(self) -> str:
        """Its name: what messages call it, and whose ending counts."""

    @abstractmethod
    def read(self) -> bytes:
        """All of its bytes.

        Raises:
            OSError: it cannot be read.
        """

    @abstractmethod
    def key(self) -> bytes:
        """What a cache calls it: the same in all runs, and another one for other files."""

    @abstractmethod
    def state(self) -> tuple[int, int]:
        """Its size in bytes, and a number that differs where what it holds differs.

        Raises:
            OSError: it cannot be asked for.
        """

    def __str__(self) -> str:
        return self.__fspath__()

    def __repr__(self) -> str:
        # As that of the path in whose place it stands.
        return repr(self.__fspath__())


def read_file(path: Any) -> bytes:
    """The content of a file.

    Args:
        path: of a regular file of this machine, or a stored file.

    Raises:
        OSError: it cannot be read; see ``read_regular``.
    """
    # Most often text, which tells sooner than the class of something else.
    if not isinstance(path, str) and isinstance(path, StoredFile):
        return path.read()
    return read_regular(path)


def opened(path: Any) -> BinaryIO:
    """A file to read bytes from.

    Args:
        path: of a regular file of this machine, or a stored file, all of which is read at once.

    Raises:
        OSError: it cannot be read; see ``regular_file``.
    """
    return io.BytesIO(path.read()) if isinstance(path, StoredFile) else regular_file(path)


def plain_name(path: Any) -> Any:
    """What a file is called in reports: a path as it is, and of a stored file its name alone."""
    return os.fspath(path) if isinstance(path, StoredFile) else path


def as_argument(path: Any) -> Any:
    """What a user's function gets to read a file by: the path, or of a stored file its bytes as an
    open file that has its name.

    Raises:
        NotRegularFileError: the path leads to a named pipe, a socket or a device, for which the
            function might wait.
        OSError: a stored file cannot be read.
    """
    if not isinstance(path, StoredFile):
        refuse_special(path)
        return path
    file = io.BytesIO(path.read())
    file.name = os.fspath(path)
    return file
