"""From the bytes of an image file to pixels: OpenCV where it is Pillow's equal, else Pillow.

Pillow's pixels are the reference. OpenCV decodes plain JPEG and PNG files to the same bits in
a third of the time; every other kind of file goes to Pillow, and so does every file that
OpenCV refuses, because Pillow's verdict is final.
"""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

COLOR_MODES = ("rgb", "rgba", "grayscale")

_GRAYSCALE_PILLOW_MODES = ("L", "I;16", "I")
_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
# Baseline, extended and progressive Huffman-coded frames: what libjpeg decodes everywhere.
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PNG_GRAYSCALE, _PNG_RGB = 0, 2
# Chunks that leave a PNG to Pillow: transparency, animation, and colour profiles, since
# libpng inside OpenCV prints a warning for each of the many slightly wrong ones.
_PNG_SPECIAL_CHUNKS = frozenset({b"tRNS", b"acTL", b"fcTL", b"iCCP"})
# Measured: from here on OpenCV's decoder and a copy into Pillow's memory take longer than
# Pillow's decoder.
_LARGE_PIXELS = 1 << 19
_OPENCV_GRAYSCALE = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
_OPENCV_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# These flags ask for a scale and, alone, for gray; with that for RGB they give RGB.
_OPENCV_SCALED = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def decode(
    data: bytes, color_mode: str, resized_by_pillow: bool = False
) -> np.ndarray | Image.Image:
    """Decode the bytes of an image file.

    Args:
        data: the whole file.
        color_mode: "rgb", "rgba" or "grayscale"; only Pillow's image is converted to it.
        resized_by_pillow: whether Pillow gets the pixels next, in this color mode.

    Returns:
        A uint8 array of shape (height, width, 1 or 3), gray or RGB as the file is and not
        yet converted; or Pillow's image, converted as Keras's ``load_img`` converts it.

    Raises:
        ValueError: an unknown color mode.
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    if color_mode not in COLOR_MODES:
        raise ValueError(
            f"`color_mode` must be one of {', '.join(COLOR_MODES)}. Received: {color_mode!r}"
        )
    pixels = decode_plain(data, resized_by_pillow)
    return open_with_pillow(io.BytesIO(data), color_mode) if pixels is None else pixels


def decode_plain(data: bytes, resized_by_pillow: bool = False) -> np.ndarray | None:
    """Decode a plain 8-bit JPEG or PNG with OpenCV, to the bits that Pillow gives.

    Args:
        data: the whole file.
        resized_by_pillow: whether Pillow gets the pixels next.

    Returns:
        uint8 of shape (height, width, 1 or 3), gray or RGB; None where Pillow has to be asked.
    """
    size_and_channels = plain_size(data)
    if (
        size_and_channels is None
        or _is_huge(*size_and_channels[:2])
        or (resized_by_pillow and _is_large_jpeg(data, *size_and_channels))
    ):
        return None
    flags = _OPENCV_GRAYSCALE if size_and_channels[2] == 1 else _OPENCV_RGB
    return _decode_with_opencv(data, flags, *size_and_channels)


def is_jpeg(data: bytes) -> bool:
    """Whether a file begins as a JPEG does."""
    return data.startswith(_JPEG_START)


def decode_scaled_jpeg(
    data: bytes, height: int, width: int, gray: bool, scale: int
) -> np.ndarray | None:
    """Decode a plain JPEG (see ``plain_size``) at a fraction of its size.

    Args:
        data: the whole file.
        height: of the image in its full size, in pixels.
        width: likewise.
        gray: decode the luminance only.
        scale: 2, 4 or 8; a pixel stands for ``scale`` x ``scale`` pixels of the full size.

    Returns:
        uint8 of shape (ceil(height / scale), ceil(width / scale), 1 or 3), gray or RGB; None
        where Pillow has to be asked.
    """
    flags = _OPENCV_SCALED[scale] | (_OPENCV_GRAYSCALE if gray else _OPENCV_RGB)
    scaled = (-(-height // scale), -(-width // scale))
    if _is_huge(height, width):
        return None
    return _decode_with_opencv(data, flags, *scaled, 1 if gray else 3)


def open_with_pillow(file: io.BytesIO, color_mode: str) -> Image.Image:
    """Decode with Pillow and convert to the color mode by Keras's rules.

    Args:
        file: the whole file.
        color_mode: "rgb", "rgba" or "grayscale". Grayscale keeps 16-bit and 32-bit gray.

    Returns:
        A loaded image of mode RGB, RGBA, L, I;16 or I.
    """
    image: Image.Image = Image.open(file)
    if color_mode == "grayscale":
        wanted = image.mode if image.mode in _GRAYSCALE_PILLOW_MODES else "L"
    else:
        wanted = color_mode.upper()
    if image.mode != wanted:
        return image.convert(wanted)
    image.load()
    return image


def describe_failure(data: bytes, error: Exception) -> str:
    """Say in words why a file cannot be decoded.

    Args:
        data: the whole file.
        error: what Pillow raised.

    Returns:
        One line.
    """
    if not data:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return f"no image format that Pillow knows (it starts with {data[:8]!r})"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def plain_size(data: bytes) -> tuple[int, int, int] | None:
    """Look at the header: is this a file that OpenCV decodes exactly as Pillow does?

    Args:
        data: the whole file.

    Returns:
        (height, width, channels) of an 8-bit gray or RGB JPEG or PNG, else None.
    """
    if data.startswith(_JPEG_START):
        return _plain_jpeg(data)
    if data.startswith(_PNG_START):
        return _plain_png(data)
    return None


def _plain_jpeg(data: bytes) -> tuple[int, int, int] | None:
    """Walk over the marker segments up to the frame header (ITU T.81, annex B)."""
    position, end = 2, len(data) - 9
    while position < end:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _JPEG_FRAMES:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, position + 4)
            plain = bits == 8 and channels in (1, 3) and height > 0 and width > 0
            return (height, width, channels) if plain else None
        if marker in _JPEG_OTHER_FRAMES or marker == 0xDA or marker < 0xC0:
            return None
        position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return None


def _plain_png(data: bytes) -> tuple[int, int, int] | None:
    """Walk over the chunks up to the pixel data (PNG specification, section 5)."""
    if data[12:16] != b"IHDR" or not data.endswith(_PNG_END):
        # Over a truncated file OpenCV writes dozens of warnings before it gives up.
        return None
    width, height, bits, colour_type = struct.unpack_from(">IIBB", data, 16)
    if bits != 8 or colour_type not in (_PNG_GRAYSCALE, _PNG_RGB) or not (width and height):
        return None
    position = 33
    while position + 8 <= len(data):
        name = data[position + 4 : position + 8]
        if name == b"IDAT":
            return height, width, 1 if colour_type == _PNG_GRAYSCALE else 3
        if name in _PNG_SPECIAL_CHUNKS:
            return None
        position += 12 + int.from_bytes(data[position : position + 4])
    return None


def _is_large_jpeg(data: bytes, height: int, width: int, channels: int) -> bool:
    """Whether copying the pixels to Pillow would cost more than OpenCV's decoder saves."""
    return is_jpeg(data) and channels == 3 and height * width >= _LARGE_PIXELS


def _is_huge(height: int, width: int) -> bool:
    """Whether Pillow warns of a decompression bomb, or refuses it."""
    largest = Image.MAX_IMAGE_PIXELS
    return largest is not None and height * width > largest


def _decode_with_opencv(
    data: bytes, flags: int, height: int, width: int, channels: int
) -> np.ndarray | None:
    """Decode a plain file to the expected size; None where Pillow has to be asked."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        # Not a verdict: Pillow reads the same bytes next.
        return None
    if pixels is None or pixels.shape[:2] != (height, width):
        return None
    return pixels.reshape(height, width, channels)
