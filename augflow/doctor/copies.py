"""Which images show the same: copies byte for byte, and copies that were saved anew."""

from __future__ import annotations

import numpy as np

from augflow.doctor.survey import Looks

# Of 64 bits. With one band of 8 bits more, one band at least is the same in both.
_MOST_BITS = 7
# Thumbnails of a copy saved anew differ by so many levels on average, and go up and down together.
_MOST_LEVELS = 4.0
_LEAST_CORRELATION = 0.98
# Less than that is a plain area, of which the hash says nothing: levels, standard deviation.
_LEAST_CONTRAST = 4.0
_ROWS_AT_ONCE = 512


def exact_groups(looks: Looks, rows: list[int]) -> list[list[int]]:
    """Rows whose files are the same byte for byte, in groups of two and more."""
    groups: dict[bytes, list[int]] = {}
    for row in rows:
        groups.setdefault(looks.digests[row].tobytes(), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def near_groups(looks: Looks, rows: list[int]) -> list[list[int]]:
    """Rows that show nearly the same, in groups of two and more.

    Args:
        looks: of all files.
        rows: to compare, of different files.
    """
    if len(rows) < 2:
        return []
    thumbnails = looks.thumbnails[rows].reshape(len(rows), -1).astype(np.float32)
    kept = np.flatnonzero(thumbnails.std(axis=1) >= _LEAST_CONTRAST)
    rows_kept = np.asarray(rows, dtype=int)[kept]
    pairs = _alike(looks.hashes[rows_kept], thumbnails[kept])
    return [sorted(rows_kept[one] for one in group) for group in _joined(pairs)]


def _alike(hashes: np.ndarray, thumbnails: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of positions that are near by their hashes and by their thumbnails."""
    words = hashes.copy().view(np.uint64).reshape(-1)
    normal = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    found: set[tuple[int, int]] = set()
    for band in range(hashes.shape[1]):
        order = np.argsort(hashes[:, band], kind="stable")
        ends = np.flatnonzero(np.diff(hashes[order, band])) + 1
        for bucket in np.split(order, ends):
            for start in range(0, len(bucket), _ROWS_AT_ONCE):
                ones = bucket[start : start + _ROWS_AT_ONCE]
                differ = np.bitwise_count(words[ones, None] ^ words[None, bucket])
                left, right = np.nonzero(differ <= _MOST_BITS)
                left, right = ones[left], bucket[right]
                forward = left < right
                left, right = left[forward], right[forward]
                together = (normal[left] * normal[right]).sum(axis=1) >= _LEAST_CORRELATION
                levels = np.abs(thumbnails[left] - thumbnails[right]).mean(axis=1)
                same = together & (levels <= _MOST_LEVELS)
                found.update(zip(left[same].tolist(), right[same].tolist(), strict=True))
    return sorted(found)


def _joined(pairs: list[tuple[int, int]]) -> list[list[int]]:
    """Groups of all that are connected by pairs."""
    parent: dict[int, int] = {}

    def root(one: int) -> int:
        parent.setdefault(one, one)
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for one, other in pairs:
        parent[root(one)] = root(other)
    groups: dict[int, list[int]] = {}
    for one in sorted(parent):
        groups.setdefault(root(one), []).append(one)
    return list(groups.values())
