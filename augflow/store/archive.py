"""A folder inside of a tar or zip file, read in place: indexed once, and never unpacked."""

from __future__ import annotations

import errno
import os
import posixpath
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

from augflow.base.regular_file import open_regular
from augflow.errors import ImageReadError
from augflow.store.archive_index import ArchiveFile, ArchiveIndex, archive_index
from augflow.store.folder_tree import FolderTree
from augflow.store.stored_file import StoredFile
from augflow.store.stored_folder import StoredFolder

# Of a zip's local header: its signature, and the lengths of what lies between it and the data.
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LOCAL_START = b"PK\x03\x04"
_DEFLATED = 8
# Archives that a process keeps open.
_MOST_OPEN = 64
_NAMES_SHOWN = 5
# The offset of a file that is not there.
_NOWHERE = -1


@dataclass(frozen=True, repr=False)
class ArchiveMember(StoredFile):
    """A file in an archive.

    Attributes:
        archive: which holds it.
        name: its path within.
        offset, size: where its bytes lie; in a zip, the offset of the header in front of them.
        method: None in a tar; in a zip how it is compressed: 0 or 8 (deflated).
        checksum: CRC-32 of the file in a zip.
    """

    archive: ArchiveFile
    name: str
    offset: int
    size: int
    method: int | None = None
    checksum: int = 0

    def __fspath__(self) -> str:
        return posixpath.join(self.archive.path, self.name)

    def read(self) -> bytes:
        """See ``StoredFile``.

        Raises:
            ImageReadError: the archive is truncated, damaged, or another than was indexed.
        """
        start = self.offset
        if start == _NOWHERE:
            raise FileNotFoundError(errno.ENOENT, "no such file in the archive", str(self))
        if self.method is not None:
            header = self._bytes_at(start, _LOCAL_HEADER.size)
            signature, of_name, of_extra = _LOCAL_HEADER.unpack(header)
            if signature != _LOCAL_START:
                raise ImageReadError(str(self), f"{self.archive.path!r} is damaged there")
            start += _LOCAL_HEADER.size + of_name + of_extra
        data = self._bytes_at(start, self.size)
        if self.method is None:
            return data
        try:
            data = zlib.decompress(data, -zlib.MAX_WBITS) if self.method == _DEFLATED else data
        except zlib.error as error:
            raise ImageReadError(str(self), f"its compressed data are damaged: {error}") from error
        if zlib.crc32(data) != self.checksum:
            raise ImageReadError(str(self), "its checksum in the archive is another one")
        return data

    def _bytes_at(self, start: int, size: int) -> bytes:
        descriptor = _opened(self.archive)
        if descriptor.archive != self.archive:
            raise ImageReadError(
                str(self), f"{self.archive.path!r} is not what it was when the flow was made"
            )
        data = os.pread(descriptor.number, size, start)
        while len(data) < size:
            more = os.pread(descriptor.number, size - len(data), start + len(data))
            if not more:
                raise ImageReadError(str(self), f"{self.archive.path!r} is truncated")
            data += more
        return data

    def key(self) -> bytes:
        """See ``StoredFile``."""
        return os.fsencode(os.path.abspath(self))

    def state(self) -> tuple[int, int]:
        """See ``StoredFile``."""
        return self.size, self.archive.modified


class _Descriptor:
    """An archive that is open, until nobody has this object any more."""

    def __init__(self, path: str) -> None:
        self.number = open_regular(path)
        self.archive = ArchiveFile.of(path, os.fstat(self.number))

    def __del__(self) -> None:
        # Where opening failed there is nothing to close.
        if hasattr(self, "number"):
            os.close(self.number)


@lru_cache(maxsize=_MOST_OPEN)
def _opened(archive: ArchiveFile) -> _Descriptor:
    return _Descriptor(archive.path)


class Archive(StoredFolder):
    """A folder inside of an archive.

    Args:
        path: of the archive.
        inner: the folder within; "" for all of it.

    Raises:
        FileNotFoundError: no such folder is in it.
        ValueError: it cannot be read in place; see ``archive_index``.
    """

    def __init__(self, path: str, inner: str = "") -> None:
        super().__init__(posixpath.join(path, inner) if inner else path)
        self._index: ArchiveIndex = archive_index(path)
        self._start = f"{inner}/" if inner else ""
        if inner and self.tree.read("") == ([], []):
            top = sorted({name.partition("/")[0] for name in self._index.rows})
            raise FileNotFoundError(
                f"the archive {path!r} has no files in a folder {inner!r}. At its top are: "
                f"{', '.join(map(repr, top[:_NAMES_SHOWN])) or 'none'}"
            )

    def _listed(self) -> FolderTree:
        cut = len(self._start)
        start = self._start
        return FolderTree(
            (name[cut:] for name in self._index.rows if name.startswith(start)),
            (name[cut:] for name in self._index.folders if name.startswith(start)),
        )

    def file(self, name: str) -> StoredFile:
        """See ``StoredFolder``."""
        index, whole = self._index, self._start + name
        row = index.rows.get(whole)
        if row is None:
            return ArchiveMember(index.file, whole, _NOWHERE, 0)
        method = int(index.methods[row])
        return ArchiveMember(
            index.file,
            whole,
            int(index.offsets[row]),
            int(index.sizes[row]),
            None if method < 0 else method,
            int(index.checksums[row]),
        )
