"""The files of a cache in a directory, opened so that nothing else can be damaged or waited for.

Somebody else may have prepared the directory: through a link in the place of a file that augflow
writes to, any file of the user's would be written to, and a named pipe would be waited for
without end. So no link is followed, nothing is waited for, and what was opened is looked at
before it is used. The directory that the user names may be a link; what is in it may not.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import NoReturn

from augflow.base.regular_file import kind_of


def _flags(*names: str) -> int:
    """Flags of ``os.open``, as far as this system has them."""
    return sum(getattr(os, name, 0) for name in names)


_SAFE = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC")
# O_PATH: a folder can be used that may not be listed.
_FOLDER = _flags("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_PATH")


_MOST_SECONDS_TO_WAIT = 60.0


class UnsafeFileError(PermissionError):
    """In the place of a cache's file or folder lies something that augflow does not touch."""


def open_cache_file(path: str, *, writing: bool, folder: int | None = None) -> int:
    """Open a file of a cache that is there.

    Args:
        path: of the file.
        writing: open it for reading and writing; False: for reading alone.
        folder: descriptor of the folder it lies in, so that no other folder can take that
            one's place meanwhile; None: the path alone counts.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        UnsafeFileError: it is a link, a named pipe or anything else than a regular file, or it
            is to be written to and has other names.
        FileNotFoundError: there is none.
        OSError: it may not be opened.
    """
    flags = (os.O_RDWR if writing else os.O_RDONLY) | _SAFE
    try:
        with _named(path, folder) as name:
            descriptor = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        # A link and a socket cannot even be opened in this way.
        with _named(path, folder) as name:
            mode = os.lstat(name, dir_fd=folder).st_mode
        if not stat.S_ISREG(mode):
            _refuse(path, f"it is {kind_of(mode)}", error)
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        _refuse(path, f"it is {kind_of(status.st_mode)}")
    if writing and status.st_nlink > 1:
        os.close(descriptor)
        _refuse(path, f"it has {status.st_nlink - 1} other name(s) (hard links)")
    return descriptor


def make_cache_file(path: str, folder: int) -> int:
    """Make a file of a cache, empty, for reading and writing.

    Args:
        path: of the file.
        folder: descriptor of the folder it is to lie in.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        FileExistsError: something lies there, be it a link that leads nowhere.
        OSError: it cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE
    with _named(path, folder) as name:
        return os.open(name, flags, 0o666, dir_fd=folder)


def remove_cache_file(path: str, folder: int) -> None:
    """Remove a file of a cache, or a link in its place, if there is one.

    Args:
        path: of the file.
        folder: descriptor of the folder it lies in.

    Raises:
        OSError: it cannot be removed.
    """
    with suppress(FileNotFoundError), _named(path, folder) as name:
        os.unlink(name, dir_fd=folder)


def make_cache_folder(path: str) -> None:
    """Make a cache's folder, with those above it, unless it is there.

    Raises:
        UnsafeFileError: it is a link, or no folder.
        OSError: it cannot be made.
    """
    # Exists: a file lies there, or a link that leads nowhere. Opening it says which.
    with suppress(FileExistsError):
        os.makedirs(path, exist_ok=True)
    os.close(open_cache_folder(path))


def open_cache_folder(path: str) -> int:
    """Open a cache's folder, to reach the files in it.

    Returns:
        A descriptor, which the caller closes.

    Raises:
        UnsafeFileError: it is a link, or no folder.
        FileNotFoundError: there is none.
        OSError: it may not be opened.
    """
    try:
        return os.open(path, _FOLDER)
    except FileNotFoundError:
        raise
    except OSError as error:
        if not stat.S_ISDIR(mode := os.lstat(path).st_mode):
            _refuse(path, f"it is {kind_of(mode)}", error, "a folder and no link to one")
        raise


def hold_lock(descriptor: int, path: str) -> None:
    """Lock a file for this process alone; closing it, or a kill, lets go of it.

    Raises:
        TimeoutError: another process has held it for a minute.
    """
    import fcntl

    deadline = time.monotonic() + _MOST_SECONDS_TO_WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    errno.EAGAIN,
                    f"another process has held it for {_MOST_SECONDS_TO_WAIT:.0f} s",
                    path,
                ) from error
            time.sleep(0.01)


@contextmanager
def _named(path: str, folder: int | None) -> Generator[str]:
    """The name of a file as the system is to be given it; in errors it is the whole path."""
    try:
        yield path if folder is None else os.path.basename(path)
    except OSError as error:
        error.filename = path
        raise


def _refuse(
    path: str,
    what: str,
    error: OSError | None = None,
    expected: str = "a regular file with no links to it",
) -> NoReturn:
    raise UnsafeFileError(
        errno.EPERM,
        f"{what}, where a cache needs {expected}; remove it, or choose another directory for "
        "the cache",
        path,
    ) from error
