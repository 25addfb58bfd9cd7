"""A file becomes an array: decode, resize, convert."""

from __future__ import annotations

import numpy as np

from augflow.decode import COLOR_MODES, decode, describe_failure
from augflow.errors import ImageReadError
from augflow.resize import FILTERS, convert_pixels, from_pillow, resize_image, resize_pixels
from augflow.settings import ReadSettings


def read_image(path: str, settings: ReadSettings) -> np.ndarray:
    """Read an image file with exactly the pixels of Keras's ``load_img``.

    Args:
        path: the file.
        settings: size, color mode and interpolation.

    Returns:
        (height, width, channels): uint8; for ``color_mode="grayscale"`` uint16 or int32
        where the file holds 16-bit or 32-bit gray. It may be read-only.

    Raises:
        ImageReadError: the file is no image, truncated or damaged; the decoder's own error
            is the ``__cause__``.
        FileNotFoundError: there is no such file; likewise IsADirectoryError, PermissionError.
        ValueError: an unknown color mode or interpolation.
    """
    with open(path, "rb", buffering=0) as file:
        data = file.read()
    return read_image_bytes(data, path, settings)


def read_image_bytes(data: bytes, path: str, settings: ReadSettings) -> np.ndarray:
    """Do what ``read_image`` does with a file that is already in memory.

    Args:
        data: the whole file.
        path: its name, for error messages.
        settings: size, color mode and interpolation.

    Returns:
        As ``read_image``.
    """
    settings_of_resize = (settings.target_size, settings.interpolation, settings.keep_aspect_ratio)
    _check(settings)
    try:
        decoded = decode(data, settings.color_mode)
        if not isinstance(decoded, np.ndarray):
            return from_pillow(resize_image(decoded, *settings_of_resize))
    except MemoryError:
        raise
    except Exception as error:
        # Pillow's plugins raise many types for damaged files; the file's name goes with all.
        raise ImageReadError(str(path), describe_failure(data, error)) from error
    if settings.color_mode == "grayscale" and settings.interpolation != "nearest":
        # Filters round to whole levels, so here the order shows; Keras converts first.
        return resize_pixels(convert_pixels(decoded, "grayscale"), *settings_of_resize)
    # Fewer channels or fewer pixels first: it gives the same bits.
    return convert_pixels(resize_pixels(decoded, *settings_of_resize), settings.color_mode)


def _check(settings: ReadSettings) -> None:
    """Refuse wrong settings here, so that they are not taken for a broken file."""
    for name, value, known in (
        ("color_mode", settings.color_mode, COLOR_MODES),
        ("interpolation", settings.interpolation, FILTERS),
    ):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {value!r}")
