"""Files that a user names, opened so that nothing is ever waited for that is no file.

Opening a named pipe waits for somebody who writes to it, for ever if nobody does; so does reading
from a device or a terminal. So a file is opened without waiting, and looked at before it is read.
What is looked at is what was opened: a second look by the path would cost time, and see what
has come to lie there since.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any, BinaryIO

# O_NONBLOCK: no waiting for the other end of a pipe; files themselves do not know it. O_NOCTTY: a
# terminal does not become that of this process. Systems without pipes in folders lack these.
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)
# What opening something says where nobody could read from it: a socket, a device without a driver.
_NOT_TO_BE_OPENED = frozenset({errno.ENXIO, errno.ENODEV})
_PIECE_BYTES = 64 << 10
_KINDS = {
    stat.S_IFREG: "a regular file",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class NotRegularFileError(OSError):
    """A path leads to a named pipe, a socket or a device.

    Attributes:
        cause: "it is a named pipe, not a regular file".
    """

    @property
    def cause(self) -> str:
        """What it is instead, without the path."""
        return str(self.strerror)


def kind_of(mode: int) -> str:
    """What a file's mode says that it is: "a named pipe"."""
    return _KINDS.get(stat.S_IFMT(mode), "neither a file nor a directory")


def open_regular(path: Any) -> int:
    """Open a regular file for reading, or say at once that it is none.

    Args:
        path: of the file, or of a link that leads to it.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        NotRegularFileError: a named pipe, a socket or a device.
        IsADirectoryError: a directory.
        OSError: as ``open`` raises it: there is no such file, it may not be read, ...
    """
    return _open(path)[0]


def read_regular(path: Any) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file, or of a link that leads to it.

    Raises:
        OSError: as ``open_regular``, or it cannot be read.
    """
    descriptor, size = _open(path)
    try:
        # A byte more than there should be: most often the next call finds the end.
        data = os.read(descriptor, size + 1)
        rest = []
        while more := os.read(descriptor, _PIECE_BYTES):
            rest.append(more)
    finally:
        os.close(descriptor)
    return b"".join([data, *rest]) if rest else data


def regular_file(path: Any, buffering: int = -1) -> BinaryIO:
    """A regular file as an object to read bytes from, as ``open(path, "rb")`` gives it.

    Args:
        path: of the file, or of a link that leads to it.
        buffering: as that of ``open``.

    Raises:
        TypeError: it is no path; a number is no file that is open already.
        OSError: as ``open_regular``.
    """
    return open(os.fspath(path), "rb", buffering=buffering, opener=_opener)


def refuse_special(path: Any) -> None:
    """Raise for what would be waited for, before a function of the user's opens it.

    What does not exist, a directory and a text that is no path are left to that function.

    Raises:
        NotRegularFileError: a named pipe, a socket or a device.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _not_regular(path, mode)


def _open(path: Any) -> tuple[int, int]:
    """A descriptor of a regular file, and its size in bytes."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        descriptor = _open_after(error, path)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return descriptor, status.st_size
    os.close(descriptor)
    raise _not_regular(path, status.st_mode)


def _opener(path: str, flags: int) -> int:
    return open_regular(path)


def _open_after(error: OSError, path: Any) -> int:
    """What opening gives that has failed once; most often the same error."""
    if error.errno not in _NOT_TO_BE_OPENED and not isinstance(error, BlockingIOError):
        raise error
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise _not_regular(path, mode) from error
    if isinstance(error, BlockingIOError):
        # Somebody holds a lease on the file (a file server does) and has now been asked for it.
        return os.open(path, _FLAGS & ~os.O_NONBLOCK)
    raise error


def _not_regular(path: Any, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return NotRegularFileError(errno.EINVAL, f"it is {kind_of(mode)}, not a regular file", path)
