"""Resizing by Pillow's filters, to Pillow's bits, by the compiled kernel.

Pillow's resizing is arithmetic of integers: weights of 22 binary digits, two passes, and levels
that are rounded after each. Exact sums of integers are the same in any order, so vectors can add
them up as it suits them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from augflow.native import kernel
from augflow.native.kernel import COMPILED, PATH, PATH_NAMES

# As the kernel numbers them.
FILTERS = {"box": 0, "bilinear": 1, "hamming": 2, "bicubic": 3, "lanczos": 4}
# (left, top, right, bottom) in pixels, between pixels too.
FractionalBox = tuple[float, float, float, float]

# Beyond this, sizes are no exact floats, which Pillow's boxes are.
_LONGEST = 1 << 24
# Some releases of Pillow do the second pass first where an image is so much higher than wide.
_NARROW = 100


def knows(interpolation: str) -> bool:
    """Whether there is a kernel, and it has this filter."""
    return kernel.IS_ON and interpolation in FILTERS


def can_resample(pixels: np.ndarray, interpolation: str) -> bool:
    """Whether ``resample`` takes an image and a filter."""
    height, width = pixels.shape[:2]
    return (
        knows(interpolation)
        and pixels.dtype == np.uint8
        and max(height, width) <= _LONGEST
        and height <= _NARROW * width
    )


def resample(
    pixels: np.ndarray,
    target_size: tuple[int, int],
    interpolation: str,
    box: FractionalBox | None = None,
    rows_first: bool = True,
    path: str = PATH,
) -> np.ndarray:
    """Resize an image, or a part of it, as Pillow resizes each of its channels.

    Other threads run meanwhile.

    Args:
        pixels: uint8 of shape (height, width, channels), such as ``can_resample`` allows.
        target_size: (height, width) in pixels.
        interpolation: one of ``FILTERS``.
        box: the part, None for all of it.
        rows_first: whether the first pass is along the rows. It rounds, so the order shows.
        path: one of ``kernel.PATHS``.

    Returns:
        A new array: uint8 of shape (target height, target width, channels).

    Raises:
        ValueError: the box does not lie within the image, or holds nothing.
        OverflowError: the image would take more bytes than a number of 64 bits can say.
    """
    height, width, channels = pixels.shape
    left, top, right, bottom = box or (0, 0, width, height)
    number = FILTERS[interpolation]
    columns = _weigh(width, left, right, target_size[1], number)
    rows = _weigh(height, top, bottom, target_size[0], number)
    if columns is None and rows is None:
        return pixels.copy()
    if not (pixels.strides[2] == 1 and pixels.strides[1] == channels):
        pixels = np.ascontiguousarray(pixels)
    resized = np.empty((*target_size, channels), np.uint8)
    COMPILED.resample(pixels, resized, columns, rows, rows_first, PATH_NAMES.index(path))
    return resized


def pick(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """``pixels[rows][:, columns]`` in one pass, while other threads run.

    Args:
        pixels: any dtype of fixed size, shape (height, width, channels).
        rows, columns: int32, from 0 on.

    Returns:
        A new array, C-contiguous.

    Raises:
        ValueError: there are no such rows or columns.
    """
    channels, bytes_each = pixels.shape[2], pixels.itemsize
    if pixels.strides[1:] != (channels * bytes_each, bytes_each):
        pixels = np.ascontiguousarray(pixels)
    picked = np.empty((len(rows), len(columns), channels), pixels.dtype)
    COMPILED.pick(pixels, picked, rows, columns)
    return picked


# A table takes 15 KB for 224 pixels of a photograph of 500 by "lanczos", and 100 microseconds.
@lru_cache(maxsize=128)
def _weigh(size: int, low: float, high: float, count: int, filter_number: int) -> bytes | None:
    """The weights along an axis; None where all pixels stay as they are, and none is rounded."""
    if size == count and low == 0 and high == size:
        return None
    return COMPILED.weigh(size, low, high, count, filter_number)
