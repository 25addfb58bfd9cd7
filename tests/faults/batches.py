"""Whole batches, whatever they are made of: whether two are the same, and where they differ."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

_ROWS_NAMED = 12


def same(batch: Any, other: Any) -> bool:
    """Whether two batches agree in structure, names, dtypes, shapes and every byte."""
    return difference(batch, other) is None


def difference(batch: Any, other: Any, where: str = "batch") -> str | None:
    """The first difference in words: the part, and which of its rows; None for the same."""
    if type(batch) is not type(other):
        return f"{where}: {type(batch).__name__} and {type(other).__name__}"
    if isinstance(batch, dict):
        if list(batch) != list(other):
            return f"{where}: names {list(batch)} and {list(other)}"
        pairs = [(f"{where}[{name!r}]", batch[name], other[name]) for name in batch]
    elif isinstance(batch, tuple | list):
        if len(batch) != len(other):
            return f"{where}: {len(batch)} and {len(other)} parts"
        pairs = [(f"{where}[{k}]", batch[k], other[k]) for k in range(len(batch))]
    else:
        return _difference_of_arrays(np.asarray(batch), np.asarray(other), where)
    found = (difference(part, other_part, name) for name, part, other_part in pairs)
    return next((words for words in found if words is not None), None)


def _difference_of_arrays(array: np.ndarray, other: np.ndarray, where: str) -> str | None:
    if array.dtype != other.dtype or array.shape != other.shape:
        return f"{where}: {array.dtype}{array.shape} and {other.dtype}{other.shape}"
    if array.tobytes() == other.tobytes():
        return None
    if array.ndim == 0:
        return f"{where}: {array!r} and {other!r}"
    rows = [k for k in range(len(array)) if array[k].tobytes() != other[k].tobytes()]
    named = ", ".join(map(str, rows[:_ROWS_NAMED])) + (" ..." if len(rows) > _ROWS_NAMED else "")
    return f"{where}: {len(rows)} of {len(array)} rows differ: {named}"


def digest(batch: Any) -> bytes:
    """Sixteen bytes that stand for the whole batch, as ``same`` looks at it."""
    hasher = hashlib.blake2b(digest_size=16)
    _feed(hasher, batch)
    return hasher.digest()


def _feed(hasher: Any, part: Any) -> None:
    if isinstance(part, dict):
        hasher.update(f"dict {list(part)}".encode())
        for each in part.values():
            _feed(hasher, each)
    elif isinstance(part, tuple | list):
        hasher.update(f"{type(part).__name__} {len(part)}".encode())
        for each in part:
            _feed(hasher, each)
    else:
        array = np.ascontiguousarray(part)
        hasher.update(f"{array.dtype} {np.shape(part)}".encode())
        hasher.update(array)
