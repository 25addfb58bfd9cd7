"""Large JPEGs, decoded at a fraction of their size: fast, and close to the exact pixels.

A JPEG holds blocks of 8 x 8 pixels as frequencies. libjpeg can leave out the highest of them and
compute blocks of 4 x 4, 2 x 2 or 1 pixel instead, which costs a third of the time. Where the
image is to become much smaller anyway, the filter that follows takes away most of the difference.
"""

from __future__ import annotations

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.stage_times import DECODE, RESIZE, StageClock
from augflow.read.decode import decode_scaled_jpeg, is_jpeg, plain_size
from augflow.read.orientation import box_before_turning, swaps_sides, turn_pixels
from augflow.read.placement import Box, placement
from augflow.read.resize import (
    average_windows,
    convert_pixels,
    pad_pixels,
    resize_part,
)

DECODE_MODES = ("exact", "fast")

# How many times the target's size has to be left, so that the result keeps 50 dB to the exact
# one (docs/large-photos.md has the measurements). The box filter cuts off sharply at its
# window's ends, which lie between the pixels of a smaller image. "nearest" has no such bound.
_MARGINS = {"nearest": 2.0, "box": 5.0}
_USUAL_MARGIN = 2.5
_SCALES = (8, 4, 2)


def read_scaled(
    data: bytes, settings: ReadSettings, clock: StageClock, orientation: int = 1
) -> np.ndarray | None:
    """Decode a JPEG at the smallest scale that leaves enough pixels, then resize.

    Args:
        data: the whole file.
        settings: size, color mode and interpolation, all of them valid.
        clock: takes the times.
        orientation: how the file is to be turned, see ``orientation``. The small image is, last.

    Returns:
        As ``read_image``; None where the file has to be read the exact way: it is no plain
        JPEG, not large enough, or damaged.
    """
    if settings.target_size is None or not is_jpeg(data):
        return None
    size = plain_size(data)
    if size is None:
        return None
    height, width, channels = size
    upright = (width, height) if swaps_sides(orientation) else (height, width)
    place = placement(*upright, settings.target_size, settings.keep_aspect_ratio)
    box = box_before_turning(place.source, *upright, orientation)
    target = place.size[::-1] if swaps_sides(orientation) else place.size
    scale = choose_scale(box, target, settings.interpolation)
    if scale == 1:
        return None
    gray = channels == 1 or settings.color_mode == "grayscale"
    pixels = decode_scaled_jpeg(data, height, width, gray, scale)
    if pixels is None:
        return None
    clock.lap(DECODE)
    if settings.interpolation == "box":
        resized = average_windows(pixels, box, scale, target)
    else:
        left, top, right, bottom = (side / scale for side in box)
        # Not the whole image: its last row and column may stand for less than ``scale`` pixels.
        part = (left, top, right, bottom)
        resized = resize_part(pixels, target, settings.interpolation, part)
    result = convert_pixels(resized, settings.color_mode)
    result = pad_pixels(turn_pixels(result, orientation), place, settings.target_size)
    clock.lap(RESIZE)
    return result


def choose_scale(box: Box, target_size: tuple[int, int], interpolation: str) -> int:
    """The largest divisor that leaves the filter's margin in both directions.

    Args:
        box: (left, top, right, bottom) of what will be resized, in pixels.
        target_size: (height, width) in pixels.
        interpolation: one of ``resize.FILTERS``.

    Returns:
        8, 4 or 2, or 1 where none of them does.
    """
    left, top, right, bottom = box
    ratio = min((bottom - top) / target_size[0], (right - left) / target_size[1])
    margin = _MARGINS.get(interpolation, _USUAL_MARGIN)
    return next((scale for scale in _SCALES if ratio / scale >= margin), 1)
