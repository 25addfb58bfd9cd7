"""A file becomes an array: decode, resize, convert."""

from __future__ import annotations

import numpy as np

from augflow.decode import COLOR_MODES, decode, describe_failure
from augflow.errors import ImageReadError
from augflow.orientation import orientation_of, turn_image, turn_pixels
from augflow.placement import placement
from augflow.read_scaled import DECODE_MODES, read_scaled
from augflow.resize import (
    FILTERS,
    convert_pixels,
    from_pillow,
    pad_pixels,
    resize_image,
    resize_pixels,
)
from augflow.settings import ReadSettings
from augflow.stage_times import DECODE, READ, RESIZE, StageClock


def read_image(path: str, settings: ReadSettings, clock: StageClock | None = None) -> np.ndarray:
    """Read an image file with exactly the pixels of Keras's ``load_img``.

    With ``settings.decode="fast"`` large JPEGs differ a little, see ``read_scaled``.

    Args:
        path: the file.
        settings: size, color mode and interpolation.
        clock: takes the times of reading, decoding and resizing.

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
    if clock is not None:
        clock.lap(READ)
    return read_image_bytes(data, path, settings, clock)


def read_image_bytes(
    data: bytes, path: str, settings: ReadSettings, clock: StageClock | None = None
) -> np.ndarray:
    """Do what ``read_image`` does with a file that is already in memory.

    Args:
        data: the whole file.
        path: its name, for error messages.
        settings: size, color mode and interpolation.
        clock: takes the times of decoding and resizing.

    Returns:
        As ``read_image``.
    """
    clock = clock or StageClock()
    settings_of_resize = (settings.target_size, settings.interpolation, settings.keep_aspect_ratio)
    _check(settings)
    try:
        orientation = orientation_of(data) if settings.exif else 1
        if settings.decode == "fast":
            pixels = read_scaled(data, settings, clock, orientation)
            if pixels is not None:
                return pixels
        resized_by_pillow = (
            settings.target_size is not None
            and settings.interpolation != "nearest"
            and settings.color_mode != "rgba"
        )
        decoded = decode(data, settings.color_mode, resized_by_pillow)
        clock.lap(DECODE)
        if not isinstance(decoded, np.ndarray):
            decoded = turn_image(decoded, orientation)
            pixels = from_pillow(resize_image(decoded, *settings_of_resize))
            clock.lap(RESIZE)
            return pixels
    except MemoryError:
        raise
    except Exception as error:
        # Pillow's plugins raise many types for damaged files; the file's name goes with all.
        raise ImageReadError(str(path), describe_failure(data, error)) from error
    pixels = _fitted(turn_pixels(decoded, orientation), settings)
    clock.lap(RESIZE)
    return pixels


def _fitted(decoded: np.ndarray, settings: ReadSettings) -> np.ndarray:
    """Decoded pixels in the size and color mode that are asked for."""
    size, keep = settings.target_size, settings.keep_aspect_ratio
    place = None
    if keep == "pad" and size is not None:
        height, width = decoded.shape[:2]
        place = placement(height, width, size, keep)
        size, keep = place.size, False
    if settings.color_mode == "grayscale" and settings.interpolation != "nearest":
        # Filters round to whole levels, so here the order shows; Keras converts first.
        gray = convert_pixels(decoded, "grayscale")
        pixels = resize_pixels(gray, size, settings.interpolation, bool(keep))
    else:
        # Fewer channels or fewer pixels first: it gives the same bits.
        pixels = resize_pixels(decoded, size, settings.interpolation, bool(keep))
        pixels = convert_pixels(pixels, settings.color_mode)
    if place is None:
        return pixels
    assert settings.target_size is not None
    return pad_pixels(pixels, place, settings.target_size)


def _check(settings: ReadSettings) -> None:
    """Refuse wrong settings here, so that they are not taken for a broken file."""
    for name, value, known in (
        ("color_mode", settings.color_mode, COLOR_MODES),
        ("interpolation", settings.interpolation, FILTERS),
        ("decode", settings.decode, DECODE_MODES),
    ):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {value!r}")
