"""The folder of stored columns: files for each, made under a lock, anew where sources have changed.

In the user's directory each set of source files has a folder of its own, named by the first of
them. In it:

- ``source``: which files the columns come from, with their sizes and times of change. Where that is
  not what they are now, all columns are removed.
- two files a column, see ``stored``. Their names have a digest of what they hold: the column, its
  dtype and the function that made it. Others are other files, and stay.
- ``lock``: holds nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.cache.files import (
    UnsafeFileError,
    hold_lock,
    make_cache_file,
    make_cache_folder,
    open_cache_file,
    open_cache_folder,
    remove_cache_file,
)
from augflow.columnar.store import ColumnStore
from augflow.columnar.stored import HEADER_BYTES, StoredColumn
from augflow.memory.free_space import readable

# Raised whenever the files, or what is read from sources, change.
_FORMAT = 1
_UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@dataclass(frozen=True)
class ColumnToStore:
    """What tells the values of a column from any others.

    Attributes:
        name: for people.
        what: everything that the values depend on besides the source files.
        dtype, shape: of a row's value.
    """

    name: str
    what: str
    dtype: str
    shape: tuple[int, ...]


def open_store(
    directory: str,
    paths: list[str],
    source: dict[str, Any],
    first_rows: np.ndarray,
    columns: dict[int, ColumnToStore],
) -> ColumnStore | None:
    """The stored columns of a table, made where they are not there.

    Args:
        directory: the user's, made if missing.
        paths: of the source files.
        source: what JSON can hold of their content: sizes, times of change, how they are read.
        first_rows: int64 array of shape (blocks + 1,): the first row of each block.
        columns: by their number in the table.

    Returns:
        The store; None, after a warning, where there is no room for it.

    Raises:
        UnsafeFileError: the folder or a file is a link or anything else that is not to be touched.
        OSError: it can neither be written nor read.
    """
    whole = [os.path.realpath(path) for path in paths]
    stem = re.sub(r"[^\w.-]", "_", os.path.basename(whole[0]))[:60]
    digest = hashlib.sha256(json.dumps([whole, source["read"]]).encode()).hexdigest()
    path = os.path.join(directory, f"{stem}-{digest[:16]}-v{_FORMAT}")
    about = json.dumps({"format": _FORMAT, "paths": whole, **source}, indent=1).encode()
    about_blocks = hashlib.sha256(about + first_rows.tobytes()).digest()
    make_cache_folder(path)
    try:
        with _locked(path) as folder:
            _make_source(path, folder, about)
            stored = {
                number: _made(path, folder, column, about_blocks, first_rows)
                for number, column in columns.items()
            }
    except OSError as error:
        if error.errno not in _UNWRITABLE or isinstance(error, UnsafeFileError):
            raise
        return _read_only(path, about, about_blocks, first_rows, columns, error)
    store = ColumnStore(path, stored, first_rows, is_writable=True)
    needed, free = store.bytes_to_come(), store.bytes_free()
    if free is not None and needed > free:
        warn_user(
            f"augflow: the cache in {path} needs {readable(needed)} more, but {readable(free)} are "
            "free: it is not used, and rows are read from their files in each epoch. Free some "
            "space, or choose another directory."
        )
        return None
    return store


def forget(store: ColumnStore) -> None:
    """Remove the columns of a store: what they hold is not what their source gives."""
    store.close()
    with _locked(store.folder) as folder:
        for column in store.columns.values():
            for path in (column.records_path, column.values_path):
                remove_cache_file(path, folder)


def _made(
    path: str,
    folder: int,
    column: ColumnToStore,
    source: bytes,
    first_rows: np.ndarray,
) -> StoredColumn:
    """A column whose files are there, with nothing in them where they are new."""
    stem = _stem(path, column)
    stored = _found(stem, folder, column, source, first_rows)
    if stored is not None:
        return stored
    # Other processes may have the old ones mapped.
    for ending in (".records", ".values"):
        remove_cache_file(stem + ending, folder)
    stored = StoredColumn(
        stem, _identity(column, source) + os.urandom(32), column.dtype, column.shape
    )
    sizes = stored.sizes(int(first_rows[-1]), len(first_rows) - 1)
    places = zip((stored.values_path, stored.records_path), sizes, strict=True)
    for place, size in places:
        with os.fdopen(make_cache_file(place, folder), "wb") as file:
            if place == stored.records_path:
                file.write(stored.header)
            file.truncate(size)
    return stored


def _found(
    stem: str,
    folder: int | None,
    column: ColumnToStore,
    source: bytes,
    first_rows: np.ndarray,
) -> StoredColumn | None:
    """A column whose files are there and whole, None where they are not."""
    found = StoredColumn(stem, b"", column.dtype, column.shape)
    sizes = found.sizes(int(first_rows[-1]), len(first_rows) - 1)
    header = b""
    for place, size in zip((found.values_path, found.records_path), sizes, strict=True):
        try:
            descriptor = open_cache_file(place, writing=False, folder=folder)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_size != size:
                return None
            header = file.read(HEADER_BYTES)
    if not header.startswith(_identity(column, source)):
        return None
    return StoredColumn(stem, header, column.dtype, column.shape)


def _identity(column: ColumnToStore, source: bytes) -> bytes:
    """The first half of the header; the second is drawn when the files are made."""
    return hashlib.sha256(source + repr(column).encode()).digest()


def _stem(path: str, column: ColumnToStore) -> str:
    name = re.sub(r"[^\w.-]", "_", column.name)[:60]
    digest = hashlib.sha256(repr(column).encode()).hexdigest()[:16]
    return os.path.join(path, f"{name}-{np.dtype(column.dtype).name}-{digest}")


def _make_source(path: str, folder: int, about: bytes) -> None:
    """Begin anew where the sources are not what they were."""
    place = os.path.join(path, "source")
    if _read(place, folder) == about:
        return
    for entry in os.listdir(path):
        if entry.endswith((".values", ".records")):
            remove_cache_file(os.path.join(path, entry), folder)
    remove_cache_file(place, folder)
    with os.fdopen(make_cache_file(place, folder), "wb") as file:
        file.write(about)


def _read(place: str, folder: int | None) -> bytes | None:
    try:
        descriptor = open_cache_file(place, writing=False, folder=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _read_only(
    path: str,
    about: bytes,
    source: bytes,
    first_rows: np.ndarray,
    columns: dict[int, ColumnToStore],
    obstacle: OSError,
) -> ColumnStore:
    """A store that is read, and not written."""
    stored = {}
    if _read(os.path.join(path, "source"), None) == about:
        for number, column in columns.items():
            found = _found(_stem(path, column), None, column, source, first_rows)
            if found is not None:
                stored[number] = found
    if len(stored) < len(columns):
        raise OSError(
            obstacle.errno,
            f"no cache of these files is in it, and none can be made ({obstacle}); choose another "
            "directory",
            path,
        ) from obstacle
    warn_user(f"augflow: the cache in {path} is only read: {obstacle}")
    return ColumnStore(path, stored, first_rows, is_writable=False)


@contextmanager
def _locked(path: str) -> Generator[int]:
    """The folder; other processes, and flows of this one, change none of its files meanwhile."""
    folder = open_cache_folder(path)
    try:
        place = os.path.join(path, "lock")
        with suppress(FileExistsError):
            os.close(make_cache_file(place, folder))
        descriptor = open_cache_file(place, writing=True, folder=folder)
        try:
            hold_lock(descriptor, place)
            yield folder
        finally:
            # The kernel lets go of it then, as it does when the process is killed.
            os.close(descriptor)
    finally:
        os.close(folder)
