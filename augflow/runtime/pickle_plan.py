"""How a plan travels to the workers: with the place it was made at, and without its files' bytes.

Functions are pickled by cloudpickle. A memory-mapped array is sent as the name of its file, since
it was mapped so that it need not be in memory. Functions of the user's modules are sent by name, to
be imported in the workers, but for those of modules that import a framework: a function that loads
a file needs none, and travels by itself.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.runtime.imports_of_workers import modules_that_bring

# Of a plan with functions by value. Data of a module that are larger are better imported.
_MOST_BYTES = 16 << 20

# cloudpickle's register of modules is one for the process.
_registering = threading.Lock()


def _after_fork() -> None:
    global _registering
    _registering = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


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
    surroundings = pickle.dumps(Surroundings.now())
    by_value = _pickled_by_value(plan)
    return surroundings + (pickle_with_maps(plan) if by_value is None else by_value)


def _pickled_by_value(plan: Any) -> bytes | None:
    """The plan with the functions themselves, of modules whose import takes long.

    Such a function is a copy, with copies of what it names of its module, as functions of scripts
    are. None where that does not work, or is not worth it.
    """
    modules = modules_that_bring()
    if not modules:
        return None
    import cloudpickle

    with _registering:
        known = cloudpickle.list_registry_pickle_by_value()
        modules = [module for module in modules if module.__name__ not in known]
        try:
            for module in modules:
                cloudpickle.register_pickle_by_value(module)
            pickled = pickle_with_maps(plan) if modules else None
        except Exception:
            # What the module holds need not be what can be pickled. Sent by name, as all other
            # functions are, it says by itself what is wrong with it.
            pickled = None
        finally:
            for name in {module.__name__ for module in modules}:
                if name in cloudpickle.list_registry_pickle_by_value():
                    cloudpickle.unregister_pickle_by_value(sys.modules[name])
    return pickled if pickled is not None and len(pickled) <= _MOST_BYTES else None


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
