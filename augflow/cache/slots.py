"""Decoded images in numbered slots of two shared files: read, verified, filled by whoever comes.

``pixels`` holds one image a slot, at a page-aligned stride wide enough for 4-byte pixels; the
file is sparse, so an 8-bit image takes a quarter of it. ``headers`` holds a record a slot: which
file, of which size and time, the images' dtype and checksum.

What makes it safe while several processes fill and read:

- A record is written after its pixels and wiped before them. A killed writer leaves an empty
  slot; a reader looks at the record again after it has copied the pixels.
- A record is only believed for the file it was made from, unchanged, and pixels only if their
  checksum fits (looked at once in each process). Everything else is decoded anew.
- Files are written by ``pwrite``, so a full disk is an OSError and no SIGBUS. They are never
  shortened.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import time
import zlib
from array import array
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.stage_times import READ, StageClock
from augflow.cache.files import open_cache_file
from augflow.memory.free_space import Room, free_disk, free_memory, readable
from augflow.read.image_file import read_image
from augflow.store.stored_file import StoredFile

PAGE = 4096
# Checksum of the rest (begun with the slot's number), of the path, of the pixels; dtype; size
# and time of modification (nanoseconds) of the image file.
_RECORD = struct.Struct("<IIIIqq")
RECORD_BYTES = _RECORD.size
_EMPTY = bytes(RECORD_BYTES)
_NAMES = ("u1", "<u2", "<i4", "<f4", "i1", "<i2", "<u4", "<f2")
DTYPES = {code: np.dtype(name) for code, name in enumerate(_NAMES, start=1)}
_CODES = {dtype: code for code, dtype in DTYPES.items()}
_WIDEST = 4
# After this many bytes written, the room that is left is looked at again.
_LOOK_AFTER_BYTES = 16 << 20
# Another process that decodes the same image is waited for, but not for ever: it may be stopped.
_MOST_SECONDS_TO_WAIT = 5.0
# A file that somebody has cut is not written to: it would grow again, and show zeros where other
# processes remember pixels that they have verified.
_SHORTENED = "somebody has shortened its file of pixels"


@dataclass(frozen=True)
class CachePlace:
    """Where the files of a cache lie, for any process.

    Attributes:
        pixels, headers: paths of the two files.
        pixels_inode, headers_inode: what must be behind them.
        image_shape: (height, width, channels) of every image.
        in_memory: whether they take memory rather than disk.
        read_only: why nothing is stored in them; None where images are.
    """

    pixels: str
    headers: str
    pixels_inode: int
    headers_inode: int
    image_shape: tuple[int, int, int]
    in_memory: bool
    read_only: str | None = None

    def exists(self) -> bool:
        """Whether the files are still there."""
        try:
            return self.headers_inode == os.stat(self.headers).st_ino
        except OSError:
            return False

    def open_pixels(self) -> int:
        """A descriptor of the pixels, also for writing unless they are only read.

        Raises:
            UnsafeFileError: something else than a file lies there, see ``cache_file``.
            OSError: it is gone, or may not be opened.
        """
        return self._open(self.pixels, self.pixels_inode)

    def open_headers(self) -> int:
        """A descriptor of the headers, as ``open_pixels``."""
        return self._open(self.headers, self.headers_inode)

    def _open(self, path: str, inode: int) -> int:
        if self.in_memory:
            # The path is a link of the system's: what it leads to has no name of its own.
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        else:
            descriptor = open_cache_file(path, writing=self.read_only is None)
        if os.fstat(descriptor).st_ino != inode:
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "another file has taken its place", path)
        return descriptor

    def room(self) -> Room | None:
        """What is free where the files lie."""
        return free_memory() if self.in_memory else free_disk(os.path.dirname(self.pixels))


def bytes_on_disk(image_shape: tuple[int, int, int], itemsize: int = 1) -> int:
    """Bytes that one image takes: whole pages."""
    return -(-prod(image_shape) * itemsize // PAGE) * PAGE


def slot_stride(image_shape: tuple[int, int, int]) -> int:
    """Bytes from one slot of the pixels to the next."""
    return bytes_on_disk(image_shape, _WIDEST)


class SlotStore:
    """One process's access to the files of a cache. A file that cannot be opened is a trouble
    to be told, and images are then read as without a cache.

    Attributes:
        trouble: why nothing is stored any more; None while all is well.
    """

    def __init__(self, place: CachePlace) -> None:
        self.place = place
        self.trouble: str | None = None
        self._stride = slot_stride(place.image_shape)
        self._count = prod(place.image_shape)
        self._map: mmap.mmap | None = None
        self._verified = array("Q")
        self._until_look = 0
        self._pixels = self._headers = -1
        try:
            self._pixels = place.open_pixels()
            self._headers = place.open_headers()
        except OSError as error:
            self.trouble = f"it cannot be opened: {error}"

    def __del__(self) -> None:
        for descriptor in (getattr(self, "_pixels", -1), getattr(self, "_headers", -1)):
            if descriptor >= 0:
                os.close(descriptor)

    def fetch(
        self,
        slot: int,
        path: Any,
        settings: ReadSettings,
        dtype: str | None,
        clock: StageClock | None = None,
    ) -> np.ndarray:
        """The image of a file: from its slot, else read and put there.

        Args:
            slot: number of the slot, the file's own.
            path: the file.
            settings: how it is read.
            dtype: of the result; None for that of the file's pixels.
            clock: takes the times of the stages; what the cache itself takes counts as reading.

        Returns:
            What ``read_image(path, settings).astype(dtype)`` returns, a new array; with
            ``dtype=None`` what ``read_image`` returns.

        Raises:
            Exception: whatever ``read_image`` raises.
        """
        clock = clock or StageClock()
        if self._headers < 0:
            return _as(read_image(path, settings, clock), dtype)
        try:
            label = _label(path)
        except OSError:
            # Reading it fails, too, or it has just come back; either way that is the answer.
            return _as(read_image(path, settings, clock), dtype)
        image = self._load(slot, label, dtype)
        clock.lap(READ)
        if image is not None:
            return image
        if self.trouble is None and self.place.read_only is not None:
            self.trouble = f"it is only read: {self.place.read_only}"
        if self.trouble is not None:
            return _as(read_image(path, settings, clock), dtype)
        with self._claim(slot):
            image = self._load(slot, label, dtype)
            if image is not None:
                return image
            decoded = read_image(path, settings, clock)
            self._save(slot, label, decoded)
            clock.lap(READ)
        return _as(decoded, dtype)

    def holds(self, slot: int, path: Any) -> bool:
        """Whether a slot seems to have the image of a file; a later look may find it damaged."""
        if self._headers < 0:
            return False
        record = os.pread(self._headers, RECORD_BYTES, slot * RECORD_BYTES)
        if len(record) < RECORD_BYTES:
            return False
        _, path_sum, _, _, size, modified = _RECORD.unpack(record)
        return (path_sum, size, modified) == _label(path)

    # Reading

    def _load(self, slot: int, label: tuple[int, int, int], dtype: str | None) -> np.ndarray | None:
        """A copy of the pixels of a slot if they are those of the labelled file."""
        try:
            return self._load_or_fail(slot, label, dtype)
        except OSError as error:
            self.trouble = f"it cannot be read: {error}"
            return None

    def _load_or_fail(
        self, slot: int, label: tuple[int, int, int], dtype: str | None
    ) -> np.ndarray | None:
        record = os.pread(self._headers, RECORD_BYTES, slot * RECORD_BYTES)
        if len(record) < RECORD_BYTES:
            return None
        checksum, path_sum, pixel_sum, code, size, modified = _RECORD.unpack(record)
        if (path_sum, size, modified) != label or code not in DTYPES:
            return None
        if checksum != zlib.crc32(record[4:], slot):
            return None
        pixels = self._pixels_of(slot, DTYPES[code])
        if pixels is None or not self._verify(slot, pixel_sum, pixels):
            return None
        image = pixels.reshape(self.place.image_shape).astype(dtype or pixels.dtype)
        # A process that found the file changed may have written meanwhile.
        if os.pread(self._headers, RECORD_BYTES, slot * RECORD_BYTES) != record:
            return None
        return image

    def _pixels_of(self, slot: int, dtype: np.dtype) -> np.ndarray | None:
        start = slot * self._stride
        end = start + self._count * dtype.itemsize
        # Beyond the end of a file, its mapping is a SIGBUS: somebody may have cut it.
        size = os.fstat(self._pixels).st_size
        if size < end:
            self.trouble = _SHORTENED
            return None
        mapped = self._map
        if mapped is None or len(mapped) < end:
            try:
                mapped = self._map = mmap.mmap(self._pixels, size, access=mmap.ACCESS_READ)
            except ValueError:
                # It was cut since it was asked for its size.
                self.trouble = _SHORTENED
                return None
        return np.frombuffer(mapped, dtype, self._count, start)

    def _verify(self, slot: int, pixel_sum: int, pixels: np.ndarray) -> bool:
        known = self._verified
        if slot >= len(known):
            known.extend([0] * (slot + 1024 + len(known) // 2 - len(known)))
        # The bit above the 32 of the checksum tells a checksum of 0 from none.
        mark = pixel_sum | 1 << 32
        if known[slot] == mark:
            return True
        if zlib.crc32(pixels.data) != pixel_sum:
            return False
        known[slot] = mark
        return True

    # Filling

    @contextmanager
    def _claim(self, slot: int) -> Generator[None]:
        """Keep other processes from decoding the same image; the kernel ends it with us."""
        import fcntl

        begin = slot * RECORD_BYTES
        deadline = time.monotonic() + _MOST_SECONDS_TO_WAIT
        claimed = False
        while not claimed and time.monotonic() < deadline:
            try:
                fcntl.lockf(self._headers, fcntl.LOCK_EX | fcntl.LOCK_NB, RECORD_BYTES, begin)
                claimed = True
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    # A file system without locks: the worst is that two do the same work.
                    break
                time.sleep(0.001)
        try:
            yield
        finally:
            if claimed:
                fcntl.lockf(self._headers, fcntl.LOCK_UN, RECORD_BYTES, begin)

    def _save(self, slot: int, label: tuple[int, int, int], image: np.ndarray) -> None:
        code = _CODES.get(image.dtype)
        if code is None or image.shape != self.place.image_shape:
            return
        image = np.ascontiguousarray(image)
        path_sum, size, modified = label
        rest = _RECORD.pack(0, path_sum, zlib.crc32(image.data), code, size, modified)[4:]
        record = zlib.crc32(rest, slot).to_bytes(4, "little") + rest
        try:
            if os.fstat(self._pixels).st_size < (slot + 1) * self._stride:
                self.trouble = _SHORTENED
                return
            self._look_for_room(image.nbytes)
            os.pwrite(self._headers, _EMPTY, slot * RECORD_BYTES)
            _write_all(self._pixels, image.reshape(-1).view(np.uint8), slot * self._stride)
            os.pwrite(self._headers, record, slot * RECORD_BYTES)
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def _look_for_room(self, wanted: int) -> None:
        """Raise an OSError if storing would take what has to stay free."""
        self._until_look -= wanted
        if self._until_look > 0:
            return
        self._until_look = _LOOK_AFTER_BYTES
        room = self.place.room()
        if room is not None and room.usable < wanted:
            what = "memory" if self.place.in_memory else "disk space"
            raise OSError(errno.ENOSPC, f"only {readable(room.free)} of {what} are left")


def _as(image: np.ndarray, dtype: str | None) -> np.ndarray:
    return image if dtype is None else image.astype(dtype)


def _label(path: Any) -> tuple[int, int, int]:
    """What tells a file and its state: checksum of the path, size, time of modification."""
    if isinstance(path, StoredFile):
        return zlib.crc32(path.key()), *path.state()
    state = os.stat(path)
    return zlib.crc32(path_key(path)), state.st_size, state.st_mtime_ns


def path_key(path: Any) -> bytes:
    """The name under which a file is cached: its absolute path, or what a stored file says."""
    if isinstance(path, StoredFile):
        return path.key()
    return os.fsencode(os.path.abspath(path))


def _write_all(descriptor: int, data: np.ndarray, offset: int) -> None:
    view = data.data
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written
