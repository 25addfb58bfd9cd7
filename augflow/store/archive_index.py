"""Where the files of a tar or zip file lie in it."""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile
import weakref
import zipfile
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from augflow.base.progress import Progress
from augflow.base.regular_file import regular_file
from augflow.base.warn_user import warn_user

_STORED, _DEFLATED = 0, 8
# In the place of a zip's method: as it is, and without a header in front.
_IN_TAR = -1
_ENCRYPTED = 1


@dataclass(frozen=True)
class ArchiveFile:
    """An archive in the state in which it was indexed.

    Attributes:
        path: of the file.
        size: in bytes.
        modified: its time of modification, in nanoseconds.
    """

    path: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> ArchiveFile:
        """The archive, in the state that the system tells."""
        return cls(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, eq=False)
class ArchiveIndex:
    """What is in an archive.

    Attributes:
        file: the archive.
        rows: {path of a file within: its row in the arrays}.
        offsets, sizes: int64, of the data in a tar, of the header and the packed data in a zip.
        methods: int8, how they are compressed; -1 in a tar.
        checksums: uint32, CRC-32 of the files of a zip.
        folders: paths of folders that have an entry of their own, which may be empty.
    """

    file: ArchiveFile
    rows: dict[str, int]
    offsets: np.ndarray
    sizes: np.ndarray
    methods: np.ndarray
    checksums: np.ndarray
    folders: list[str]


_indexes: weakref.WeakValueDictionary[ArchiveFile, ArchiveIndex] = weakref.WeakValueDictionary()


def is_archive(path: str) -> bool:
    """Whether a regular file is a tar or zip file."""
    with regular_file(path) as file:
        if zipfile.is_zipfile(file):
            return True
        file.seek(0)
        return tarfile.is_tarfile(file)


def archive_index(path: str) -> ArchiveIndex:
    """The index of an archive; flows that are open share one.

    Args:
        path: of a tar or zip file.

    Raises:
        ValueError: it cannot be read in place: a tar that is compressed as a whole, or files of a
            zip that are encrypted or compressed in a way other than deflate.
        OSError, zipfile.BadZipFile, tarfile.TarError: it is damaged or cannot be read.
    """
    with regular_file(path) as file:
        archive = ArchiveFile.of(path, os.fstat(file.fileno()))
        index = _indexes.get(archive)
        if index is None:
            found = _Found(path)
            with Progress(f"Indexing {path!r}", "files") as progress:
                if zipfile.is_zipfile(file):
                    _index_zip(file, found, progress)
                else:
                    file.seek(0)
                    _index_tar(file, found, "", 0, progress)
            if found.links:
                warn_user(
                    f"augflow: {found.links:,} symbolic links in the archive {path!r} are not "
                    "followed: what they lead to counts only where it lies itself."
                )
            index = _indexes[archive] = found.index(archive)
        return index


@dataclass
class _Found:
    """The entries of an archive as they come."""

    path: str
    rows: dict[str, int] = field(default_factory=dict)
    entries: list[tuple[int, int, int, int]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: int = 0

    def add(self, name: str, offset: int, size: int, method: int, checksum: int) -> None:
        # Of several entries of a name the last counts, as when the archive is unpacked.
        self.rows[name] = len(self.entries)
        self.entries.append((offset, size, method, checksum))

    def index(self, archive: ArchiveFile) -> ArchiveIndex:
        columns = np.array(self.entries, dtype=np.int64).reshape(-1, 4).T
        return ArchiveIndex(
            archive,
            self.rows,
            columns[0].copy(),
            columns[1].copy(),
            columns[2].astype(np.int8),
            columns[3].astype(np.uint32),
            self.folders,
        )


def _index_zip(file: BinaryIO, found: _Found, progress: Progress) -> None:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            progress.update(1)
            name = _plain(entry.filename)
            if entry.is_dir():
                found.folders.append(name)
            elif stat.S_ISLNK(entry.external_attr >> 16):
                found.links += 1
            elif entry.flag_bits & _ENCRYPTED:
                raise ValueError(f"{found.path!r} is encrypted ({name!r}): unpack it")
            elif entry.compress_type not in (_STORED, _DEFLATED):
                raise ValueError(
                    f"{name!r} in {found.path!r} is compressed by method {entry.compress_type}; "
                    "read in place are files that are stored or deflated, as `zip` makes them. "
                    "Pack it anew, e.g. with `zip -0 -r`, or unpack it"
                )
            else:
                offset, size = entry.header_offset, entry.compress_size
                found.add(name, offset, size, entry.compress_type, entry.CRC)


def _index_tar(file: Any, found: _Found, prefix: str, start: int, progress: Progress) -> None:
    """Index a tar, and those that lie in it, whose names are folders: ImageNet's way."""
    try:
        archive = tarfile.TarFile(fileobj=file)
    except tarfile.ReadError as error:
        if start:
            raise
        raise ValueError(
            f"{found.path!r} cannot be read in place ({error}): if the tar is compressed as a "
            "whole, unpack that with gunzip, xz -d or bunzip2 (images hardly shrink), or all of it"
        ) from error
    with archive:
        while (entry := archive.next()) is not None:
            progress.update(1)
            # It would keep each of them.
            archive.members.clear()  # type: ignore[attr-defined]
            name = (prefix + _plain(entry.name)).rstrip("/")
            if entry.isdir():
                found.folders.append(name)
            elif entry.issym():
                found.links += 1
            elif entry.islnk():
                row = found.rows.get(prefix + _plain(entry.linkname))
                if row is not None:
                    found.rows[name] = row
            elif entry.issparse():
                raise ValueError(
                    f"{name!r} in {found.path!r} is a sparse file, which is not read in place: "
                    "pack it anew without --sparse, or unpack it"
                )
            elif entry.isreg() and name.lower().endswith(".tar"):
                inner = _Window(file, entry.offset_data, entry.size)
                folder = f"{name[:-4]}/"
                _index_tar(inner, found, folder, start + entry.offset_data, progress)
            elif entry.isreg():
                found.add(name, start + entry.offset_data, entry.size, _IN_TAR, 0)


def _plain(name: str) -> str:
    """A path within an archive: "./cats/1.jpg" is "cats/1.jpg", and "./" is ""."""
    plain = posixpath.normpath(name).lstrip("/")
    return "" if plain == "." else plain


class _Window:
    """A part of a file as a file, to be read from its beginning."""

    def __init__(self, file: Any, start: int, size: int) -> None:
        self._file, self._start, self._size, self._place = file, start, size, 0

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._place)
        size = left if size < 0 else min(size, left)
        # Whoever reads around it has moved the file's own place.
        self._file.seek(self._start + self._place)
        data = self._file.read(size)
        self._place += len(data)
        return data
