"""color_mode="unchanged": from the bytes of a file to the values, dtype and bands that it holds."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
from PIL import Image

from augflow.read.decode import decode_plain
from augflow.read.orientation import TIFF_STARTS
from augflow.read.pillow import pixels_unchanged
from augflow.read.tiff import decode_tiff

_NPY_START = b"\x93NUMPY"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# Colour type to channels, and how OpenCV's (BGR, alpha last) are to be picked.
_DEEP_PNG = {2: [2, 1, 0], 4: [0, 3], 6: [2, 1, 0, 3]}


def is_npy(data: bytes) -> bool:
    """Whether a file is an array of NumPy's."""
    return data.startswith(_NPY_START)


def decode_unchanged(data: bytes) -> np.ndarray:
    """Decode the bytes of an image file, or of a ``.npy`` file.

    Args:
        data: the whole file.

    Returns:
        (height, width, channels) with the dtype and the channels of the file.

    Raises:
        ImportError: a package is needed that is not installed.
        Exception: whatever a decoder raises for a file that it cannot read.
    """
    if is_npy(data):
        return image_array(np.load(io.BytesIO(data), allow_pickle=False))
    if data.startswith(TIFF_STARTS):
        return decode_tiff(data)
    pixels = decode_plain(data)
    if pixels is None:
        pixels = _decode_deep_png(data)
    return pixels_unchanged(Image.open(io.BytesIO(data))) if pixels is None else pixels


def image_array(value: Any) -> np.ndarray:
    """An array as an image: three axes, a numeric dtype in this machine's byte order.

    Booleans become 0 and 1 of uint8.

    Args:
        value: an array or what NumPy makes one of, (height, width) or (height, width, channels).

    Raises:
        ValueError: another shape or dtype, or no pixels.
    """
    array = np.asarray(value)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not array.size or array.dtype.kind not in "biuf":
        raise ValueError(
            "expected an array of numbers of shape (height, width) or (height, width, channels), "
            f"got shape {np.shape(value)} of dtype {array.dtype}"
        )
    dtype = np.dtype("u1") if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, dtype)


def _decode_deep_png(data: bytes) -> np.ndarray | None:
    """PNGs with 16 bits and more than one channel, which Pillow makes 8-bit; None for others."""
    if not data.startswith(_PNG_START) or data[12:16] != b"IHDR":
        return None
    width, height, bits, colour_type = struct.unpack_from(">IIBB", data, 16)
    if bits != 16 or colour_type not in _DEEP_PNG:
        return None
    # All checksums first: OpenCV prints to the terminal what it thinks of a damaged file.
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.shape[:2] != (height, width):
        raise ValueError(f"OpenCV cannot decode this PNG of 16 bits, colour type {colour_type}")
    return np.ascontiguousarray(pixels[:, :, _DEEP_PNG[colour_type]])
