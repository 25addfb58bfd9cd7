"""Caches of decoded images as a process sees them: which file has which slot, and what fits.

Flows over the same files and settings share one ``ImageCache``, found by ``open_cache``.
"""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.warn_user import warn_user
from augflow.cache.folder import CacheFolder, folder_name, is_full
from augflow.cache.slots import (
    DTYPES,
    RECORD_BYTES,
    CachePlace,
    SlotStore,
    bytes_on_disk,
    slot_stride,
)
from augflow.memory.free_space import readable
from augflow.memory.segments import SharedFile

RAM = "ram"
_RECORD_FIELDS = np.dtype(
    [("sums", "<u4", 3), ("code", "<u4"), ("size", "<i8"), ("modified", "<i8")]
)
assert _RECORD_FIELDS.itemsize == RECORD_BYTES


@dataclass(frozen=True)
class CacheInfo:
    """How full a cache is, of one flow's images.

    Attributes:
        images: how many different files the flow has.
        cached: how many of them are in the cache.
        bytes: what those take.
        bytes_needed: what all images take, those in the cache included; for those that are
            not, 8-bit pixels are assumed unless their dtype is known.
        bytes_free: free memory or disk space; None where the system does not say.
        where: "ram", or the folder of the cache files.
    """

    images: int
    cached: int
    bytes: int
    bytes_needed: int
    bytes_free: int | None
    where: str

    def __str__(self) -> str:
        free = "" if self.bytes_free is None else f", {readable(self.bytes_free)} free"
        return (
            f"Cache {self.where!r}: {self.cached:,} of {self.images:,} images "
            f"({readable(self.bytes)}), needs {readable(self.bytes_needed)}{free}."
        )


class Files(Protocol):
    """The two files of a cache, and the table of their slots."""

    def assign(self, paths: list[bytes]) -> np.ndarray:
        """The slot of each path, int32; new paths get new slots, and the files their length.

        In files that are only read, new paths get numbers of slots that are not there.
        """

    def place(self) -> CachePlace:
        """Where the files lie."""

    def intact(self) -> bool:
        """Whether they are all there, and as long as they have to be."""


class MemoryFiles:
    """Cache files in memory that are gone with this object."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        self._image_shape = image_shape
        self._pixels, self._headers = SharedFile(), SharedFile()
        self._slots: dict[bytes, int] = {}

    def assign(self, paths: list[bytes]) -> np.ndarray:
        """See ``Files``."""
        table = self._slots
        slots = np.array([table.setdefault(path, len(table)) for path in paths], np.int32)
        self._headers.lengthen(len(table) * RECORD_BYTES)
        self._pixels.lengthen(len(table) * slot_stride(self._image_shape))
        return slots

    def intact(self) -> bool:
        """See ``Files``."""
        return True

    def place(self) -> CachePlace:
        """See ``Files``."""
        pixels, headers = self._pixels, self._headers
        return CachePlace(
            pixels.path, headers.path, pixels.inode, headers.inode, self._image_shape, True
        )


class ImageCache:
    """One cache in this process: its files, what is admitted to it, what was said about it.

    Args:
        files: the cache's files.
        where: "ram", or the folder.
        itemsize: bytes of a pixel that is not in it yet.
    """

    def __init__(self, files: Files, where: str, itemsize: int = 1) -> None:
        self.where = where
        self._itemsize = itemsize
        self.place = files.place()
        self._files = files
        self._lock = threading.Lock()
        self._store: SlotStore | None = None
        self._admitted = np.zeros(0, bool)
        self._complained = False

    @property
    def store(self) -> SlotStore:
        """This process's own access to the files."""
        if self._store is None:
            self._store = SlotStore(self.place)
        return self._store

    def is_usable(self) -> bool:
        """Whether its files are still those in their place, and whole: a folder may have been
        removed, and made anew by another process."""
        return self.place.exists() and self._files.intact()

    def join(self, paths: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Find or make the slots of files, and admit as many new ones as there is room for.

        Args:
            paths: by ``slots.path_key``.

        Returns:
            The slot of each path, int32, and whether it is admitted, bool.

        Raises:
            OSError: the table cannot be written.
        """
        with self._lock:
            slots = self._files.assign(paths)
            records = self._records()
            filled = np.zeros(max(len(self._admitted), int(slots.max(initial=-1)) + 1), bool)
            there = _is_filled(records)[: len(filled)]
            filled[: len(there)] = there
            admitted = filled.copy()
            admitted[: len(self._admitted)] |= self._admitted
            new = np.unique(slots[~admitted[slots]])
            fitting = self._fitting(len(new), int((admitted & ~filled).sum()))
            admitted[new[:fitting]] = True
            self._admitted = admitted
        if len(new) and self.place.read_only is not None:
            self.complain(
                f"it is only read ({self.place.read_only}): {len(new):,} images that are not in "
                "it are decoded in every epoch"
            )
        elif fitting < len(new):
            info = self.info(slots)
            self.complain(
                f"{info.images:,} images need {readable(info.bytes_needed)}, "
                f"{readable(info.bytes_free or 0)} free: {len(new) - fitting:,} images will "
                "not be cached but decoded in every epoch"
            )
        return slots, admitted[slots]

    def _fitting(self, wanted: int, promised: int) -> int:
        """How many of the wanted images have room beside those that are promised theirs."""
        if self.place.read_only is not None:
            return 0
        room = self.place.room()
        if room is None:
            return wanted
        size = bytes_on_disk(self.place.image_shape, self._itemsize)
        return min(wanted, max(0, room.usable // size - promised))

    def _records(self) -> np.ndarray:
        try:
            with os.fdopen(self.place.open_headers(), "rb") as file:
                return np.fromfile(file, _RECORD_FIELDS)
        except FileNotFoundError:
            # Somebody has removed the folder, or made another; who reads or fills will say so.
            return np.zeros(0, _RECORD_FIELDS)

    def info(self, slots: np.ndarray) -> CacheInfo:
        """How full the cache is, of the given slots."""
        slots = np.unique(slots)
        records = self._records()
        records = records[slots[slots < len(records)]]
        records = records[_is_filled(records)]
        shape = self.place.image_shape
        taken = sum(
            int((records["code"] == code).sum()) * bytes_on_disk(shape, dtype.itemsize)
            for code, dtype in DTYPES.items()
        )
        missing = (len(slots) - len(records)) * bytes_on_disk(shape, self._itemsize)
        room = self.place.room()
        return CacheInfo(
            images=len(slots),
            cached=len(records),
            bytes=taken,
            bytes_needed=taken + missing,
            bytes_free=None if room is None else room.free,
            where=self.where,
        )

    def complain(self, trouble: str) -> None:
        """Warn the user, once for all flows that use the cache."""
        with self._lock:
            first = not self._complained
            self._complained = True
        if first:
            _warn(self.where, trouble)

    def complain_of_stop(self, trouble: str) -> None:
        """Warn the user, once, that a process has had to stop filling the cache."""
        self.complain(
            f"nothing more is stored ({trouble}): images that are not in it are decoded in "
            "every epoch"
        )


def _is_filled(records: np.ndarray) -> np.ndarray:
    return np.isin(records["code"], list(DTYPES))


def _warn(where: str, trouble: str) -> None:
    warn_user(f"augflow: cache {where!r}: {trouble}.")


_caches: weakref.WeakValueDictionary[tuple[str, ReadSettings], ImageCache] = (
    weakref.WeakValueDictionary()
)
_opening = threading.Lock()


def _renew_locks() -> None:
    """In a forked child nobody will release what another thread of its parent held."""
    global _opening
    _opening = threading.Lock()
    for cache in list(_caches.values()):
        cache._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def open_cache(
    where: str, settings: ReadSettings, image_shape: tuple[int, int, int]
) -> ImageCache | None:
    """The cache of this process for images read with the settings.

    Args:
        where: "ram", or the absolute path of a directory, made if missing.
        settings: how the images are read.
        image_shape: (height, width, channels) of every image.

    Returns:
        The cache; None, after a warning, if there is no room for even an empty one.

    Raises:
        OSError: the directory cannot be used.
    """
    with _opening:
        cache = _caches.get((where, settings))
        if cache is None or not cache.is_usable():
            try:
                cache = _new_cache(where, settings, image_shape)
            except OSError as error:
                if not is_full(error):
                    raise
                _warn(where, f"it cannot be made ({error}); images are decoded in every epoch")
                return None
            _caches[where, settings] = cache
        return cache


def _new_cache(where: str, settings: ReadSettings, image_shape: tuple[int, int, int]) -> ImageCache:
    itemsize = np.dtype(settings.dtype or np.uint8).itemsize
    if where == RAM:
        return ImageCache(MemoryFiles(image_shape), RAM, itemsize)
    folder = CacheFolder(where, folder_name(settings), image_shape)
    return ImageCache(folder, folder.path, itemsize)
