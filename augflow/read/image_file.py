"""A file becomes an array: decode, resize, convert."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from augflow.base.regular_file import NotRegularFileError
from augflow.base.settings import Loader, ReadSettings
from augflow.base.stage_times import DECODE, READ, RESIZE, StageClock
from augflow.errors import ImageReadError
from augflow.read.decode import COLOR_MODES, decode, describe_failure
from augflow.read.loaders import find_loader, load
from augflow.read.orientation import orientation_of, turn_image, turn_pixels
from augflow.read.placement import placement
from augflow.read.resample import uses_kernel
from augflow.read.resize import (
    FILTERS,
    can_convert,
    convert_pixels,
    from_pillow,
    pad_pixels,
    resize_image,
    resize_pixels,
)
from augflow.read.scaled import DECODE_MODES, read_scaled
from augflow.read.unchanged import decode_unchanged, is_npy
from augflow.store.stored_file import read_file


def read_image(path: Any, settings: ReadSettings, clock: StageClock | None = None) -> np.ndarray:
    """Read an image file with exactly the pixels of Keras's ``load_img``.

    With ``settings.decode="fast"`` large JPEGs differ a little, see ``read_scaled``.

    Args:
        path: the file; of this machine, or a ``StoredFile``.
        settings: size, color mode and interpolation.
        clock: takes the times of reading, decoding and resizing.

    Returns:
        (height, width, channels): uint8; for ``color_mode="grayscale"`` uint16 or int32
        where the file holds 16-bit or 32-bit gray; for "unchanged", and for arrays, the dtype
        of the file. It may be read-only.

    Raises:
        ImageReadError: the file is no image, truncated or damaged; the decoder's own error
            is the ``__cause__``. Or it is no regular file but, e.g., a named pipe. Or it has
            other channels or another dtype than ``settings.channels`` and ``settings.dtype``.
        FileNotFoundError: there is no such file; likewise IsADirectoryError, PermissionError.
        ValueError: an unknown color mode or interpolation, or an array that the color mode
            cannot show.
        ImportError: a package is needed that is not installed.
        Exception: whatever a loader of ``settings.loaders`` raised.
    """
    loader = find_loader(path, settings.loaders) if settings.loaders else None
    if loader is not None:
        return _read_by(loader, path, settings, clock or StageClock())
    try:
        data = read_file(path)
    except NotRegularFileError as error:
        raise ImageReadError(str(path), error.cause) from error
    if clock is not None:
        clock.lap(READ)
    return read_image_bytes(data, path, settings, clock)


def read_image_bytes(
    data: bytes, path: Any, settings: ReadSettings, clock: StageClock | None = None
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
    _check(settings)
    try:
        orientation = orientation_of(data) if settings.exif and not is_npy(data) else 1
        pixels = None
        if settings.decode == "fast":
            pixels = read_scaled(data, settings, clock, orientation)
        decoded = _decode(data, settings) if pixels is None else None
        if isinstance(decoded, Image.Image) and _leaves_pillow(decoded, settings):
            decoded = from_pillow(decoded)
        clock.lap(DECODE)
        if isinstance(decoded, Image.Image):
            resized = resize_image(
                turn_image(decoded, orientation),
                settings.target_size,
                settings.interpolation,
                settings.keep_aspect_ratio,
            )
            pixels = from_pillow(resized)
            clock.lap(RESIZE)
    except (MemoryError, ImportError):
        raise
    except Exception as error:
        # Pillow's plugins raise many types for damaged files; the file's name goes with all.
        raise ImageReadError(str(path), describe_failure(data, error)) from error
    if pixels is None:
        assert isinstance(decoded, np.ndarray)
        pixels = _fitted(turn_pixels(decoded, orientation), path, settings)
        clock.lap(RESIZE)
    _check_kind(pixels, path, settings)
    return pixels


def _decode(data: bytes, settings: ReadSettings) -> np.ndarray | Image.Image:
    if settings.color_mode == "unchanged" or is_npy(data):
        return decode_unchanged(data)
    resized_by_pillow = (
        settings.target_size is not None
        and settings.interpolation != "nearest"
        and not uses_kernel(settings.interpolation)
        and settings.color_mode != "rgba"
    )
    return decode(data, settings.color_mode, resized_by_pillow)


def _leaves_pillow(image: Image.Image, settings: ReadSettings) -> bool:
    """Whether the kernel resizes an image that only Pillow decodes."""
    return (
        image.mode in ("L", "RGB")
        and settings.target_size is not None
        and uses_kernel(settings.interpolation)
    )


def _read_by(loader: Loader, path: Any, settings: ReadSettings, clock: StageClock) -> np.ndarray:
    """What ``read_image`` does with a file that a user's function reads."""
    _check(settings)
    decoded = load(path, loader)
    clock.lap(DECODE)
    pixels = _fitted(decoded, path, settings)
    clock.lap(RESIZE)
    _check_kind(pixels, path, settings)
    return pixels


def _fitted(decoded: np.ndarray, path: Any, settings: ReadSettings) -> np.ndarray:
    """Decoded pixels in the size and color mode that are asked for."""
    if not can_convert(decoded.shape[2], decoded.dtype, settings.color_mode):
        raise ValueError(
            f"{path!r} holds {decoded.shape[2]} channel(s) of {decoded.dtype}, which "
            f"color_mode={settings.color_mode!r} cannot show. Use "
            'color_mode="unchanged", or convert them in a function given in `formats`.'
        )
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


def _check_kind(pixels: np.ndarray, path: Any, settings: ReadSettings) -> None:
    """Refuse an "unchanged" image that is not as the first one was."""
    if settings.channels is None:
        return
    found = (pixels.shape[2], pixels.dtype.name)
    if found != (settings.channels, settings.dtype):
        raise ImageReadError(
            str(path),
            f"it has {found[0]} channel(s) of {found[1]}, and the flow's first file has "
            f"{settings.channels} of {settings.dtype}",
        )


def _check(settings: ReadSettings) -> None:
    """Refuse wrong settings here, so that they are not taken for a broken file."""
    for name, value, known in (
        ("color_mode", settings.color_mode, (*COLOR_MODES, "unchanged")),
        ("interpolation", settings.interpolation, FILTERS),
        ("decode", settings.decode, DECODE_MODES),
    ):
        if value not in known:
            raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {value!r}")
