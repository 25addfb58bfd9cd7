"""How many samples of each class a part gets: whole numbers as near to the shares as there are."""

from __future__ import annotations

from itertools import combinations

import numpy as np

# Samples are counted in parts of this size, so that sums are exact.
_UNIT = 10**9

Table = list[list[int]]


def fair_counts(
    sizes: np.ndarray, shares: tuple[float, float, float], generator: np.random.Generator
) -> np.ndarray:
    """Divide each class among three parts.

    Each class gives each part its share of samples, rounded up or down, and so does the whole.
    What is rounded up is drawn, so that on average over seeds a class gives exactly its share
    (controlled rounding: Cox, Journal of the American Statistical Association 82, 1987). There
    are two exceptions. The first part has at least one sample of each class, and where that is
    more than its share, the others divide what is left. And where that would leave a part empty
    which has a share of a sample or more, it gets one from where there is most too much.

    Args:
        sizes: int array of shape (classes,), samples of each, at least 1.
        shares: of the parts, at least 0, of sum 1; the first above 0.
        generator: decides what is rounded up.

    Returns:
        An int64 array of shape (classes, 3); each row's sum is the class's size.
    """
    units = [round(share * _UNIT) for share in shares[1:]]
    units.insert(0, _UNIT - sum(units))
    table = np.outer(sizes, units)
    small = table[:, 0] < _UNIT
    if small.any():
        left = (sizes[small] - 1) * _UNIT
        second = (left * (units[1] / (units[1] + units[2]))).astype(np.int64)
        table[small] = np.column_stack([np.full(len(left), _UNIT), second, left - second])
    # One more row makes the sums of the columns whole, as those of the other rows are.
    table = np.vstack([table, -table.sum(axis=0) % _UNIT])
    counts = (table // _UNIT + _round((table % _UNIT).tolist(), generator))[:-1]
    _fill_empty(counts, np.outer(sizes, units) / _UNIT)
    return counts


def _round(fractions: Table, generator: np.random.Generator) -> np.ndarray:
    """Each to 0 or 1, so that the sums of rows and of columns stay.

    Args:
        fractions: rows of three numbers from 0 to below a unit, of which rows and columns have
            sums of whole units; they are changed.
    """
    # For each two columns the one row, at most, that has fractions in both.
    waiting: dict[tuple[int, ...], int] = {}
    for row in generator.permutation(len(fractions)).tolist():
        while pairs := _pairs(fractions[row]):
            met = next((p for p in pairs if _has_both(fractions, waiting.get(p), p)), None)
            if met is None:
                waiting.update(dict.fromkeys(pairs, row))
                break
            (one, two), other = met, waiting[met]
            _shift(fractions, [(row, one), (row, two), (other, two), (other, one)], generator)
    if any(_pairs(fractions[row]) for row in waiting.values()):
        # What is left are three rows with fractions in two columns each: they make a ring.
        first, second, third = waiting[0, 1], waiting[1, 2], waiting[0, 2]
        ring = [(first, 0), (first, 1), (second, 1), (second, 2), (third, 2), (third, 0)]
        _shift(fractions, ring, generator)
    return np.array(fractions) // _UNIT


def _pairs(row: list[int]) -> list[tuple[int, ...]]:
    """Each two columns in which a row has fractions."""
    return list(combinations([column for column, each in enumerate(row) if 0 < each < _UNIT], 2))


def _has_both(fractions: Table, row: int | None, pair: tuple[int, ...]) -> bool:
    return row is not None and pair in _pairs(fractions[row])


def _shift(fractions: Table, ring: list[tuple[int, int]], generator: np.random.Generator) -> None:
    """Raise every other cell of a ring and lower the rest by as much, until one is whole."""
    values = [fractions[row][column] for row, column in ring]
    room = min(_UNIT - max(values[::2]), min(values[1::2]))
    depth = min(min(values[::2]), _UNIT - max(values[1::2]))
    # So that each cell stays on average what it is.
    step = room if generator.integers(room + depth) < depth else -depth
    for row, column in ring:
        fractions[row][column] += step
        step = -step


def _fill_empty(counts: np.ndarray, wanted: np.ndarray) -> None:
    """Give a part that has no sample, but a share of one, one from where there is most too much."""
    for part in (1, 2):
        if counts[:, part].any() or wanted[:, part].sum() < 1:
            continue
        surplus = counts - wanted
        surplus[counts[:, 0] < 2, 0] = -np.inf
        if counts[:, 3 - part].sum() < 2:
            surplus[:, 3 - part] = -np.inf
        surplus[counts == 0] = surplus[:, part][:, None] = -np.inf
        row, giver = np.unravel_index(np.argmax(surplus), counts.shape)
        if np.isfinite(surplus[row, giver]):
            counts[row, giver] -= 1
            counts[row, part] += 1
