"""Masks: integer images that hold a class number for each pixel."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from augflow.decode import describe_failure
from augflow.errors import ImageReadError
from augflow.placement import placement
from augflow.resize import resize_pixels
from augflow.settings import ReadSettings

# "1" holds one bit a pixel, "P" indices of a palette.
_INTEGER_MODES = frozenset({"1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N"})
# Gray PNGs of 2 and 4 bits: Pillow spreads their values over 0 to 255.
_SPREAD_MODES = {"L;2": 85, "L;4": 17}
_ADVICE = (
    "A mask holds one integer a pixel, e.g. a gray or palette PNG; other encodings are read by "
    "mask_loader=, a function from the value to an integer array of shape (height, width)"
)


@dataclass(frozen=True)
class MaskSettings:
    """How a sample's masks become an array.

    Attributes:
        count: masks of a sample, the last axis of the array.
        dtype: of the array.
        fill: class number of what moves in from outside of the image; None: as the image's
            ``fill_mode`` says, and 0 for "constant".
        loader: reads one value into an array of shape (height, width), or (height, width,
            masks); None for the files of masks.
    """

    count: int
    dtype: str
    fill: int | None = None
    loader: Callable[[Any], Any] | None = None


def read_mask(path: Any) -> np.ndarray:
    """Read a mask's file: palette indices and gray values as they are.

    Args:
        path: a file that Pillow reads, of one channel.

    Returns:
        An integer array of shape (height, width).

    Raises:
        ImageReadError: the file is no image, truncated or damaged.
        ValueError: it is an image of colours, or of fractions.
        FileNotFoundError: there is no such file.
    """
    with open(path, "rb") as file:
        try:
            with Image.open(file) as image:
                mode, spread = image.mode, _spread_of(image)
                pixels = np.asarray(image)
        except MemoryError:
            raise
        except Exception as error:
            # Pillow's plugins raise many types for damaged files; the name goes with all.
            file.seek(0)
            raise ImageReadError(os.fspath(path), describe_failure(file.read(16), error)) from error
    if mode not in _INTEGER_MODES:
        raise ValueError(
            f"the mask {os.fspath(path)!r} is an image of mode {mode!r}, with colours or "
            f"fractions. {_ADVICE}."
        )
    return pixels.astype(np.uint8) if mode == "1" else pixels // np.array(spread, pixels.dtype)


def _spread_of(image: Image.Image) -> int:
    tiles = getattr(image, "tile", None)
    how = tiles[0][3] if tiles else None
    return _SPREAD_MODES.get(how, 1) if isinstance(how, str) else 1


def load_mask(value: Any, settings: MaskSettings) -> np.ndarray:
    """One value as an array, by the user's loader or from a file.

    Args:
        value: a path, or what the loader takes.
        settings: the loader and the dtype.

    Returns:
        (height, width, masks), of an integer dtype; of a float dtype only where the settings
        ask for one.

    Raises:
        TypeError, ValueError: the loader gave something else.
    """
    if settings.loader is None:
        return read_mask(value)[:, :, None]
    loaded = np.asarray(settings.loader(value))
    if loaded.dtype == bool:
        loaded = loaded.astype(np.uint8)
    kinds = "iuf" if np.dtype(settings.dtype).kind == "f" else "iu"
    if loaded.dtype.kind not in kinds:
        raise TypeError(
            f"mask_loader must return integers (or bool). Received dtype {loaded.dtype} for "
            f"{value!r}. Convert the array, or pass mask_dtype='float32'."
        )
    if loaded.ndim not in (2, 3) or loaded.size == 0:
        raise ValueError(
            "mask_loader must return an array of shape (height, width) or (height, width, "
            f"masks). Received shape {loaded.shape} for {value!r}"
        )
    return loaded[:, :, None] if loaded.ndim == 2 else loaded


def load_masks(
    values: tuple[Any, ...], settings: MaskSettings, read: ReadSettings, size: tuple[int, int]
) -> np.ndarray:
    """All masks of one sample, resized as its image is, by picking pixels.

    Args:
        values: one for each mask, or for each array of several masks.
        settings: see ``MaskSettings``.
        read: how the image is resized.
        size: (height, width) of the image's file in pixels.

    Returns:
        (target height, target width, masks) of the settings' dtype.

    Raises:
        ValueError: a mask of another shape than the image, another number of masks, or values
            that the dtype does not hold.
    """
    parts = []
    for value in values:
        mask = load_mask(value, settings)
        _check_shape(mask, value, size)
        parts.append(_resized(mask, settings.fill or 0, read))
    masks = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
    if masks.shape[2] != settings.count:
        raise ValueError(
            f"expected {settings.count} mask(s) a sample, as the first sample has. Received "
            f"{masks.shape[2]} for {_shown(values)}"
        )
    return _as_dtype(masks, np.dtype(settings.dtype), values)


def _resized(mask: np.ndarray, fill: int, read: ReadSettings) -> np.ndarray:
    """A mask in the place where its image comes to lie."""
    if read.target_size is None or read.keep_aspect_ratio != "pad":
        return resize_pixels(mask, read.target_size, "nearest", bool(read.keep_aspect_ratio))
    height, width, count = mask.shape
    place = placement(height, width, read.target_size, "pad")
    left, top, right, bottom = place.target
    padded = np.full((*read.target_size, count), fill, mask.dtype)
    padded[top:bottom, left:right] = resize_pixels(mask, place.size)
    return padded


def _check_shape(mask: np.ndarray, value: Any, size: tuple[int, int]) -> None:
    """A mask may be a smaller or larger copy, but not of another shape."""
    (height, width), (image_height, image_width) = mask.shape[:2], size
    # Rounding the sides of a smaller copy moves each by less than a pixel.
    if abs(height * image_width - width * image_height) > max(image_height, image_width):
        raise ValueError(
            f"the mask {value!r} is {height} x {width} pixels (height x width), its image "
            f"{image_height} x {image_width}: they must show the same part in the same "
            "orientation"
        )


def _as_dtype(masks: np.ndarray, dtype: np.dtype, values: tuple[Any, ...]) -> np.ndarray:
    if dtype.kind in "iu" and not np.can_cast(masks.dtype, dtype):
        limits = np.iinfo(dtype)
        lowest, highest = int(masks.min()), int(masks.max())
        if lowest < limits.min or highest > limits.max:
            raise ValueError(
                f"mask_dtype={dtype.name!r} holds {limits.min} to {limits.max}; the mask "
                f"{_shown(values)} has values from {lowest} to {highest}. Pass "
                "mask_dtype='int32'."
            )
    return masks.astype(dtype, copy=False)


def _shown(values: tuple[Any, ...]) -> str:
    return repr(values[0] if len(values) == 1 else values)
