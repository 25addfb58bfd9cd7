"""Resizing by Pillow's filters: by the compiled kernel, where the installed Pillow does the same.

Both passes round to whole levels, so it shows which is first. Releases of Pillow differ in that;
the kernel is used where the installed one follows an order that is known here.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

import numpy as np
from PIL import Image

from augflow.native import resample as kernel

# Such that each order gives other pixels; the sizes lie on both sides of the newer rule.
_LOW, _HIGH, _TARGET = (20, 12), (21, 12), (10, 7)


class Order(Enum):
    """Which pass is first."""

    ROWS = "along the rows, always"
    BY_SIZES = "along the columns where the height shrinks by more than twice what the width does"


def uses_kernel(interpolation: str) -> bool:
    """Whether the kernel resizes images of uint8 by this filter, but for extreme shapes."""
    return kernel.knows(interpolation) and order_of_pillow() is not None


def resample(
    pixels: np.ndarray,
    target_size: tuple[int, int],
    interpolation: str,
    box: tuple[float, float, float, float] | None = None,
) -> np.ndarray | None:
    """Resize an image, or a part of it, to the bits that Pillow gives for each channel.

    Args:
        pixels: (height, width, channels).
        target_size: (height, width) in pixels.
        interpolation: the filter.
        box: (left, top, right, bottom) in pixels, between pixels too; None for the whole image.

    Returns:
        uint8 of the target's size; None where Pillow has to be asked.
    """
    # What Pillow says to a box without pixels is final.
    is_empty = box is not None and not (box[0] < box[2] and box[1] < box[3])
    if is_empty or not kernel.can_resample(pixels, interpolation):
        return None
    order = order_of_pillow()
    if order is None:
        return None
    rows_first = order is Order.ROWS or not _shrinks_height(pixels.shape, target_size)
    return kernel.resample(pixels, target_size, interpolation, box, rows_first)


@lru_cache(maxsize=1)
def order_of_pillow() -> Order | None:
    """Which pass the installed Pillow does first; None if it follows a rule that is not known."""
    # Numbers without a pattern, from a linear generator.
    levels = np.arange(_HIGH[0] * _HIGH[1], dtype=np.uint32) * 2654435761 >> 24
    found = []
    for height, width in (_LOW, _HIGH):
        pixels = levels[: height * width].astype(np.uint8).reshape(height, width, 1)
        image = Image.fromarray(pixels[:, :, 0])
        wanted = np.asarray(image.resize(_TARGET[::-1], Image.Resampling.BICUBIC))
        for rows_first in (True, False):
            resized = kernel.resample(pixels, _TARGET, "bicubic", None, rows_first)
            if np.array_equal(resized[:, :, 0], wanted):
                found.append(rows_first)
    if found == [True, True]:
        return Order.ROWS
    return Order.BY_SIZES if found == [True, False] else None


def _shrinks_height(shape: tuple[int, ...], target_size: tuple[int, int]) -> bool:
    """The rule of Pillow 13: ``ImagingResampleInner`` in its ``Resample.c``."""
    down, across = shape[0] - target_size[0], shape[1] - target_size[1]
    return down > 0 and down > 2 * across
