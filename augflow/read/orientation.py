"""Orientation by EXIF: which way up a photograph was taken, and turning it upright.

The eight orientations are those of Exif 2.32, tag 0x0112; what they mean for pixels is
``PIL.ImageOps.exif_transpose``'s.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from augflow.read.placement import Box

_ORIENTATION_TAG = 0x0112
_PNG_START = b"\x89PNG\r\n\x1a\n"
# Where a PNG may keep the tag. Without these words Pillow need not decode it to find out.
_PNG_WORDS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Exchange rows and columns first, then flip left and right, then upside down.
_STEPS = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
_METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(data: bytes) -> int:
    """The orientation that a file's EXIF or XMP data give, as Pillow reads them.

    Args:
        data: the whole file.

    Returns:
        1 (upright) to 8. For TIFF files 1: every decoder has turned them already.

    Raises:
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    if data.startswith(TIFF_STARTS):
        return 1
    if data.startswith(_PNG_START) and not any(word in data for word in _PNG_WORDS):
        return 1
    with Image.open(io.BytesIO(data)) as image:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in _STEPS else 1


def swaps_sides(orientation: int) -> bool:
    """Whether turning the image upright exchanges its height and width."""
    return orientation >= 5


def turn_pixels(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image upright.

    Args:
        pixels: (height, width, channels), any dtype.
        orientation: 1 to 8.

    Returns:
        A C-contiguous array; ``pixels`` itself for 1.
    """
    if orientation == 1:
        return pixels
    swaps, horizontal, vertical = _STEPS[orientation]
    turned = pixels.transpose(1, 0, 2) if swaps else pixels
    return np.ascontiguousarray(turned[:: -1 if vertical else 1, :: -1 if horizontal else 1])


def turn_image(image: Image.Image, orientation: int) -> Image.Image:
    """Turn Pillow's image upright; ``image`` itself for 1."""
    return image if orientation == 1 else image.transpose(_METHODS[orientation])


def box_before_turning(box: Box, height: int, width: int, orientation: int) -> Box:
    """Where a part of the upright image lies in the image as it was stored.

    Args:
        box: (left, top, right, bottom) in the upright image.
        height: of the upright image, in pixels.
        width: likewise.
        orientation: 1 to 8.
    """
    if orientation == 1:
        return box
    swaps, horizontal, vertical = _STEPS[orientation]
    left, top, right, bottom = box
    if horizontal:
        left, right = width - right, width - left
    if vertical:
        top, bottom = height - bottom, height - top
    return (top, left, bottom, right) if swaps else (left, top, right, bottom)
