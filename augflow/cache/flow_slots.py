"""The cache of one flow: which slot each of its samples has."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.cache.folder import is_full
from augflow.cache.images import RAM, CacheInfo, ImageCache, open_cache
from augflow.cache.slots import path_key

# The slot of a sample that is not to be cached.
NO_SLOT = -1


class FlowCache:
    """A cache and the slots of a flow's samples in it. The cache lives as long as its flows.

    Args:
        cache: shared by all flows over the same files and settings.
        names: paths of the samples.

    Raises:
        OSError: the table of slots cannot be written.
    """

    def __init__(self, cache: ImageCache, names: Sequence[str]) -> None:
        self.cache = cache
        self._slots, admitted = cache.join([path_key(name) for name in names])
        # Most often all are admitted, and one array serves for both.
        self._used = self._slots
        if not admitted.all():
            self._used = np.where(admitted, self._slots, np.int32(NO_SLOT))

    def slots_of(self, indices: np.ndarray) -> list[int]:
        """The slot of each sample, ``NO_SLOT`` for those that are not to be cached."""
        return self._used[indices].tolist()

    def info(self) -> CacheInfo:
        """How full the cache is, of this flow's images."""
        return self.cache.info(self._slots)


class CurrentCache:
    """The cache of a flow whose files and settings may change: opened when it is asked for, and
    anew after a change."""

    def __init__(self) -> None:
        self._cache: FlowCache | None = None
        self._state: Any = None

    def get(self, state: Any, opened: Callable[[], FlowCache | None]) -> FlowCache | None:
        """The cache for a state of the flow.

        Args:
            state: differs from that of the last call wherever files or settings do.
            opened: opens it; gives None where there is no room.
        """
        if self._state is None or state != self._state:
            self._cache = opened()
            self._state = state
        return self._cache

    def info(self, state: Any, opened: Callable[[], FlowCache | None]) -> CacheInfo | None:
        """How full it is, None without one. Asking for that leaves nothing behind."""
        was_open = self._cache is not None
        cache = self.get(state, opened)
        info = None if cache is None else cache.info()
        if not was_open:
            self.forget()
        return info

    def forget(self) -> None:
        """Let go of it. It is closed where no other flow has it."""
        self._cache = self._state = None


def open_flow_cache(
    where: str,
    settings: ReadSettings,
    image_shape: tuple[int, int, int],
    names: Sequence[str],
) -> FlowCache | None:
    """The cache for a flow's files; None, after a warning, where there is no room for it.

    Args:
        where: by ``checked_cache``.
        settings: how the files are read.
        image_shape: (height, width, channels) of every image.
        names: paths of the samples.

    Raises:
        OSError: the directory cannot be used.
    """
    cache = open_cache(where, settings, image_shape)
    if cache is None:
        return None
    try:
        return FlowCache(cache, names)
    except OSError as error:
        if not is_full(error):
            raise
        cache.complain(f"it cannot take more files ({error}); images are decoded in every epoch")
        return None


def checked_cache(cache: Any) -> str | None:
    """Where images are to be cached: None, "ram" or the absolute path of a directory.

    Raises:
        TypeError: something else.
        ValueError: an empty path, or a file.
    """
    if cache is None or cache == RAM:
        return cache
    if not isinstance(cache, str | os.PathLike):
        raise TypeError(
            f'`cache` must be None, "ram" or the path of a directory. Received: {cache!r}'
        )
    path = os.fspath(cache)
    if not path or not isinstance(path, str):
        raise ValueError(
            f'`cache` must be None, "ram" or the path of a directory. Received: {cache!r}'
        )
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ValueError(f"`cache` must be a directory; {path!r} is a file")
    return os.path.abspath(path)


def check_outside(cache: str | None, directory: Any) -> None:
    """Refuse a cache among the class folders, where the next scan would take it for a class.

    Raises:
        ValueError: the cache lies in the directory of the images.
    """
    if cache is None or cache == RAM:
        return
    images = os.path.realpath(directory)
    if os.path.commonpath([images, os.path.realpath(cache)]) == images:
        raise ValueError(
            f"the cache {cache!r} lies in the directory of the images, {images!r}, where it "
            "would be taken for a class: give a directory beside it"
        )
