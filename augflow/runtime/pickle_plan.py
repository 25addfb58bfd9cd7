"""How a plan travels to the workers: with the place it was made at, and without its files' bytes.

Functions are pickled by cloudpickle. A memory-mapped array is sent as the name of its file, since
it was mapped so that it need not be in memory.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Surroundings:
    """What relative paths and imports mean in a process.

    Attributes:
        folder: the current directory; None where it has been removed.
        search_path: ``sys.path``.
    """

    folder: str | None
    search_path: list[str]

    @classmethod
    def now(cls) -> Surroundings:
        """Those of this process."""
        return cls(current_folder(), list(sys.path))

    def enter(self) -> None:
        """Make them those of this process.

        Raises:
            OSError: the folder is gone, or may not be entered.
        """
        if self.folder is not None and self.folder != current_folder():
            os.chdir(self.folder)
        if sys.path != self.search_path:
            sys.path[:] = self.search_path


def current_folder() -> str | None:
    """The current directory; None where it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


def pickle_plan(plan: Any) -> bytes:
    """A plan, and the surroundings it is to be used in.

    Raises:
        Exception: what pickling a user's object raises.
    """
    return pickle.dumps(Surroundings.now()) + pickle_with_maps(plan)


def load_plan(pickled: bytes) -> tuple[Surroundings, Any]:
    """What ``pickle_plan`` was given; enters the surroundings, as imports may need them.

    Raises:
        Exception: what unpickling a user's object raises.
        OSError: the current directory is gone.
    """
    stream = io.BytesIO(pickled)
    surroundings: Surroundings = pickle.load(stream)
    surroundings.enter()
    return surroundings, pickle.load(stream)


def pickle_with_maps(value: Any) -> bytes:
    """``cloudpickle.dumps``, with memory-mapped arrays as the names of their files."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, np.ndarray):
                mapped = _as_map(value)
                if mapped is not None:
                    return mapped
            return super().reducer_override(value)

    stream = io.BytesIO()
    Pickler(stream).dump(value)
    return stream.getvalue()


def _as_map(array: np.ndarray) -> tuple[Callable[..., np.ndarray], tuple[Any, ...]] | None:
    """How to map an array's part of its file again; None for an array that is not mapped."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    # Changes to a copy-on-write map are in memory alone.
    if not isinstance(root, np.memmap) or not root.filename or root.mode == "c" or not array.size:
        return None
    low, high = np.lib.array_utils.byte_bounds(array)
    begin = root.offset + low - root.__array_interface__["data"][0]
    inside = array.__array_interface__["data"][0] - low
    mode = "r" if root.mode == "r" else "r+"
    place = (os.fspath(root.filename), mode, begin, high - low)
    return _map_again, (*place, array.shape, array.dtype, inside, array.strides)


def _map_again(
    path: str,
    mode: Any,
    begin: int,
    size: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    inside: int,
    strides: tuple[int, ...],
) -> np.ndarray:
    buffer = np.memmap(path, np.uint8, mode, begin, (size,))
    return np.ndarray(shape, dtype, buffer, inside, strides)
