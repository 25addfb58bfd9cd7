"""Where each output pixel of an affine map comes from, in SciPy's own arithmetic.

Whether a coordinate is outside the image, and to which pixel it rounds, may hang on the last
bit: so these functions do what ``NI_GeometricTransform`` and ``map_coordinate`` of SciPy's
``ndimage`` do, operation by operation, in float64.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

# The first two rows of an affine matrix: output (row, column, 1) to input row and column.
Coefficients = list[list[float]]

_ROUNDING_MARGIN = 1e-6


def farthest_reach(coefficients: Coefficients, height: int, width: int) -> float:
    """The largest number that can turn up while a coordinate is computed.

    Args:
        coefficients: first two rows of the matrix.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Returns:
        A bound on every coordinate and its partial sums, in pixels; inf if any is not finite.
    """
    (a, b, c), (d, e, f) = coefficients
    rows = abs(c) + abs(a) * height + abs(b) * width
    columns = abs(f) + abs(d) * height + abs(e) * width
    # Comparisons with NaN are false, so NaN counts as infinite.
    return max(rows, columns) if rows + columns < math.inf else math.inf


@lru_cache(maxsize=64)
def _counting(size: int) -> np.ndarray:
    numbers = np.arange(size, dtype=np.float64)
    numbers.flags.writeable = False
    return numbers


def input_coordinates(
    coefficients: Coefficients, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute where all output pixels come from, summed in SciPy's order.

    Args:
        coefficients: first two rows of the matrix.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Returns:
        Input rows and input columns, new float64 arrays of shape (height, width).
    """
    (a, b, c), (d, e, f) = coefficients
    down, right = _counting(height), _counting(width)
    return np.add.outer(c + down * a, right * b), np.add.outer(f + down * d, right * e)


def stays_inside(coefficients: Coefficients, height: int, width: int) -> bool:
    """Whether all coordinates are safely inside: the four corners decide."""
    for (down, right, start), size in zip(coefficients, (height, width), strict=True):
        down, right = down * (height - 1), right * (width - 1)
        if start + min(down, 0.0) + min(right, 0.0) < _ROUNDING_MARGIN:
            return False
        if start + max(down, 0.0) + max(right, 0.0) > size - 1 - _ROUNDING_MARGIN:
            return False
    return True


def are_outside(rows: np.ndarray, columns: np.ndarray, height: int, width: int) -> np.ndarray:
    """Mark the coordinates for which SciPy's "constant" gives ``cval``.

    Args:
        rows: input rows, float64.
        columns: input columns, float64 of the same shape.
        height: height of the image in pixels.
        width: width of the image in pixels.

    Returns:
        bool of the same shape.
    """
    outside = rows < 0
    outside |= rows > height - 1
    outside |= columns < 0
    outside |= columns > width - 1
    return outside


def fold_wrap(coordinates: np.ndarray, size: int) -> np.ndarray:
    """Bring coordinates into [0, size - 1] as SciPy's "wrap" does (``map_coordinate``).

    Its period is size - 1, and both ends of the range are kept.
    """
    period = size - 1
    if period < 1:
        return np.zeros_like(coordinates)
    turns = np.trunc(coordinates / period)
    turns -= coordinates < 0
    turns[(coordinates >= 0) & (coordinates <= period)] = 0
    return coordinates - period * turns


def fold_reflect(coordinates: np.ndarray, size: int) -> np.ndarray:
    """Bring coordinates near [0, size - 1] as SciPy's "reflect" does (``map_coordinate``)."""
    if size <= 1:
        return np.zeros_like(coordinates)
    period = 2 * size
    folded = coordinates.copy()
    below = folded[coordinates < 0]
    below = np.where(below < -period, period * np.trunc(-below / period) + below, below)
    mirrored = np.where(below > -1e-15, 1e-15, -below) - 1
    folded[coordinates < 0] = np.where(below < -size, below + period, mirrored)
    above = folded[coordinates > size - 1]
    above -= period * np.trunc(above / period)
    folded[coordinates > size - 1] = np.where(above >= size, period - above - 1, above)
    return folded
