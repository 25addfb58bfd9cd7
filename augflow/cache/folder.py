"""A cache that stays on disk: its folder, and the table that gives each file its slot.

The folder is named by the settings, so that others are other folders. In it:

- ``paths``: a first line that says what this is, then a line a slot, the absolute path. Lines
  are only ever appended, with ``lock`` held. A damaged or torn line does no harm: each record
  knows its path, so a slot that has come to a wrong file is filled anew.
- ``headers`` and ``pixels``: see ``slots``.
- ``lock``: holds nothing.

All are opened by ``cache_file``. Where they cannot be written (a file system that is only read,
files of another user) they are read, and nothing is locked, made or changed.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.cache.files import (
    UnsafeFileError,
    hold_lock,
    make_cache_file,
    make_cache_folder,
    open_cache_file,
    open_cache_folder,
    remove_cache_file,
)
from augflow.cache.slots import RECORD_BYTES, CachePlace, slot_stride
from augflow.cache.table import add_paths, line_of, parse_table, slots_of

# Raised whenever the files or the pixels that augflow reads change.
FORMAT = 1
_NAMES = ("paths", "headers", "pixels")
_FULL = frozenset(
    number
    for name in ("ENOSPC", "EDQUOT", "ENOMEM", "EFBIG", "EMFILE", "ENFILE", "EAGAIN")
    if (number := getattr(errno, name, None)) is not None
)
# What says that files may not be written here, though perhaps read.
_UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def is_full(error: OSError) -> bool:
    """Whether an error says that something has run out, rather than that it is wrong."""
    return error.errno in _FULL


def folder_name(settings: ReadSettings) -> str:
    """A readable name for the images that settings give: "224x224-rgb-nearest-v1"."""
    assert settings.target_size is not None
    height, width = settings.target_size
    parts = [f"{height}x{width}", settings.color_mode, settings.interpolation]
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in ("target_size", "color_mode", "interpolation") or value == field.default:
            continue
        parts.append(field.name if value is True else f"{field.name}={value}")
    return "-".join([*parts, f"v{FORMAT}"])


class CacheFolder:
    """The files of one cache. Where they cannot be written, a cache that is whole is read.

    Attributes:
        path: of the folder.
        read_only: why nothing is stored in it; None where images are.

    Args:
        directory: the user's, made if missing.
        name: of the folder in it.
        image_shape: (height, width, channels) of every image.

    Raises:
        UnsafeFileError: the folder or a file is a link or anything else that is not to be
            touched, see ``cache_file``.
        OSError: the folder cannot be made, or neither be written nor read.
    """

    def __init__(self, directory: str, name: str, image_shape: tuple[int, int, int]) -> None:
        self.path = os.path.join(directory, name)
        self._image_shape = image_shape
        shape = " x ".join(map(str, image_shape))
        self._first_line = f"augflow image cache, version {FORMAT}, {shape}\n".encode()
        make_cache_folder(self.path)
        obstacle = self._obstacle()
        self.read_only = None if obstacle is None else str(obstacle)
        if obstacle is None:
            with self._locked() as folder:
                self._make_files(folder)
        elif not self.intact():
            raise OSError(
                obstacle.errno,
                f"no whole cache is in it, and none can be made ({obstacle}); choose another "
                "directory",
                self.path,
            ) from obstacle

    def place(self) -> CachePlace:
        """See ``images.Files``."""
        with self._opened() as folder:
            pixels, headers = self._status(folder, "pixels"), self._status(folder, "headers")
        return CachePlace(
            self._file("pixels"),
            self._file("headers"),
            pixels.st_ino,
            headers.st_ino,
            self._image_shape,
            False,
            self.read_only,
        )

    def assign(self, paths: list[bytes]) -> np.ndarray:
        """See ``images.Files``."""
        if self.read_only is not None:
            with self._opened() as folder, self._reading(folder) as file:
                table, slots = parse_table(file.read())
            add_paths(table, paths, slots)
            return slots_of(table, paths)
        with self._locked() as folder, self._writing(folder) as file:
            data = file.read()
            if not data.endswith(b"\n"):
                # A process was killed, or a disk full, in the middle of a line.
                file.write(b"\n")
                data += b"\n"
            table, slots = parse_table(data)
            added = add_paths(table, paths, slots)
            # First, so that files too short for the table are known to have been cut.
            for name, size in self._sizes(slots + len(added)):
                self._lengthen(folder, name, size)
            file.write(b"".join(map(line_of, added)))
        return slots_of(table, paths)

    def intact(self) -> bool:
        """See ``images.Files``."""
        try:
            with self._opened() as folder, self._reading(folder) as file:
                known = file.readline() == self._first_line
                sizes = self._sizes(file.read().count(b"\n"))
                there = [self._status(folder, name).st_size for name, _ in sizes]
        except FileNotFoundError:
            return False
        return known and all(found >= size for found, (_, size) in zip(there, sizes, strict=True))

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _sizes(self, slots: int) -> list[tuple[str, int]]:
        stride = slot_stride(self._image_shape)
        return [("headers", slots * RECORD_BYTES), ("pixels", slots * stride)]

    def _obstacle(self) -> OSError | None:
        """Why the files cannot be written, None if they can; those that lack are no obstacle."""
        try:
            with self._opened() as folder:
                for name in _NAMES:
                    with suppress(FileNotFoundError):
                        os.close(self._open(folder, name))
                # Last, because it is made: nothing is, beside files that are only read.
                os.close(self._open_or_make(folder, "lock"))
        except OSError as error:
            if error.errno not in _UNWRITABLE or isinstance(error, UnsafeFileError):
                raise
            return error
        return None

    def _make_files(self, folder: int) -> None:
        """Begin anew where ``paths`` is none of ours, or files are missing or were cut."""
        if not self.intact():
            # New files, because other processes may have the old ones mapped.
            for name in _NAMES:
                remove_cache_file(self._file(name), folder)
            with os.fdopen(make_cache_file(self._file("paths"), folder), "wb") as file:
                file.write(self._first_line)
        for name in _NAMES:
            os.close(self._open_or_make(folder, name))

    @contextmanager
    def _opened(self) -> Generator[int]:
        """The folder, so that all of its files are looked for in the same one."""
        folder = open_cache_folder(self.path)
        try:
            yield folder
        finally:
            os.close(folder)

    def _open(self, folder: int, name: str) -> int:
        """Open a file for writing, if it is this user's.

        Raises:
            PermissionError: it is another user's.
            OSError: as ``open_cache_file``.
        """
        path = self._file(name)
        descriptor = open_cache_file(path, writing=True, folder=folder)
        owner = os.fstat(descriptor).st_uid
        if self._is_ours(owner):
            return descriptor
        os.close(descriptor)
        raise PermissionError(errno.EACCES, f"it belongs to user {owner}", path)

    def _is_ours(self, owner: int) -> bool:
        """Whether files of an owner are this user's."""
        if owner == os.geteuid():
            return True
        # File systems that show all files as one user's (FAT, network drives, NFS to root) show
        # what we make as that one's, too.
        try:
            with tempfile.TemporaryFile(dir=self.path) as file:
                return owner == os.fstat(file.fileno()).st_uid
        except OSError:
            return False

    def _open_or_make(self, folder: int, name: str) -> int:
        with suppress(FileNotFoundError):
            return self._open(folder, name)
        with suppress(FileExistsError):
            return make_cache_file(self._file(name), folder)
        # Another process was faster.
        return self._open(folder, name)

    def _writing(self, folder: int) -> BinaryIO:
        return os.fdopen(self._open(folder, "paths"), "r+b")

    def _reading(self, folder: int) -> BinaryIO:
        path = self._file("paths")
        return os.fdopen(open_cache_file(path, writing=False, folder=folder), "rb")

    def _status(self, folder: int, name: str) -> os.stat_result:
        descriptor = open_cache_file(self._file(name), writing=False, folder=folder)
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def _lengthen(self, folder: int, name: str, size: int) -> None:
        descriptor = self._open(folder, name)
        try:
            if os.fstat(descriptor).st_size < size:
                os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Generator[int]:
        """The folder; others, also flows of this process, do not change the table meanwhile."""
        with self._opened() as folder:
            descriptor = self._open_or_make(folder, "lock")
            try:
                hold_lock(descriptor, self._file("lock"))
                yield folder
            finally:
                # The kernel lets go of it then, as it does when the process is killed.
                os.close(descriptor)
