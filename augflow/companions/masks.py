"""Masks: integer images that hold a class number for each pixel."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from augflow.base.regular_file import NotRegularFileError
from augflow.base.settings import ReadSettings
from augflow.base.user_code import UserCode
from augflow.errors import ImageReadError
from augflow.read.decode import describe_failure
from augflow.read.placement import placement
from augflow.read.resize import resize_pixels
from augflow.store.stored_file import as_argument, opened

# "1" holds one bit a pixel, "P" indices of a palette.
_INTEGER_MODES = frozenset({"1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N"})
# Pillow spreads gray pixels of 2 and 4 bits over 0 to 255; the key is in its name of how it reads.
_SPREADS = {"2": 85, "4": 17}
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
        binary: whether files are read as 0 and 1, see ``as_binary``.
    """

    count: int
    dtype: str
    fill: int | None = None
    loader: Callable[[Any], Any] | None = None
    binary: bool = False


def read_mask(path: Any) -> np.ndarray:
    """Read a mask's file: palette indices and gray values as they are stored.

    Of files of one bit a pixel what is shown as white is 1.

    Args:
        path: a file that Pillow reads, of one channel.

    Returns:
        An integer array of shape (height, width).

    Raises:
        ImageReadError: the file is no image, truncated or damaged, or no regular file.
        ValueError: it is an image of colours, or of fractions.
        FileNotFoundError: there is no such file.
    """
    with _opened(path) as file:
        try:
            with Image.open(file) as image:
                mode, stored = image.mode, _stored_by(image)
                pixels = np.asarray(image)
        except MemoryError:
            raise
        except Exception as error:
            # Pillow's plugins raise many types for damaged files; the name goes with all.
            file.seek(0)
            cause = describe_failure(file.read(16), error)
            raise ImageReadError(os.fspath(path), cause, "mask") from error
    if mode not in _INTEGER_MODES:
        raise ValueError(
            f"the mask {os.fspath(path)!r} is an image of mode {mode!r}, with colours or "
            f"fractions. {_ADVICE}."
        )
    return pixels.astype(np.uint8) if mode == "1" else stored(pixels)


def _opened(path: Any) -> BinaryIO:
    try:
        return opened(path)
    except NotRegularFileError as error:
        raise ImageReadError(os.fspath(path), error.cause, "mask") from error


def _stored_by(image: Image.Image) -> Callable[[np.ndarray], np.ndarray]:
    """What brings gray pixels back that Pillow scales or turns round while it reads them."""
    if not isinstance(image, ImageFile) or not image.tile or image.mode not in ("L", "I"):
        return _as_they_are
    tile = image.tile[0]
    arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
    if tile.codec_name in ("ppm", "ppm_plain"):
        shown = 255 if image.mode == "L" else 65535
        return partial(_unscaled, highest=arguments[-1], shown=shown)
    name, _, how = str(arguments[0] if arguments else "").partition(";")
    if name != "L" or not how:
        return _as_they_are
    # "I": 0 is white, and Pillow turns the values round.
    return partial(_unspread, spread=_SPREADS.get(how[0], 1), inverted="I" in how)


def _as_they_are(pixels: np.ndarray) -> np.ndarray:
    return pixels


def _unspread(pixels: np.ndarray, spread: int, inverted: bool) -> np.ndarray:
    return (np.uint8(255) - pixels if inverted else pixels) // np.uint8(spread)


def _unscaled(pixels: np.ndarray, highest: int, shown: int) -> np.ndarray:
    """The values of a PGM file, whose highest is shown as white."""
    if highest == shown:
        return pixels
    return np.rint(pixels * (highest / shown)).astype(pixels.dtype)


def load_mask(value: Any, settings: MaskSettings) -> np.ndarray:
    """One value as an array, by the user's loader or from a file.

    Args:
        value: a path, or what the loader takes.
        settings: the loader and the dtype.

    Returns:
        (height, width, masks), of an integer dtype; of a float dtype only where the settings
        ask for one.

    Raises:
        ImageReadError: the file is broken, or a path leads to no regular file; in the latter
            case the loader is not called.
        TypeError, ValueError: the loader gave something else.
    """
    if settings.loader is None:
        mask = read_mask(value)
        return (as_binary(mask) if settings.binary else mask)[:, :, None]
    argument = value
    if isinstance(value, str | os.PathLike):
        try:
            argument = as_argument(value)
        except NotRegularFileError as error:
            raise ImageReadError(os.fspath(value), error.cause, "mask") from error
    with UserCode(_note, value):
        loaded = np.asarray(settings.loader(argument))
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


def as_binary(mask: np.ndarray) -> np.ndarray:
    """A mask of black and white as uint8 of 0 and 1.

    Of 8-bit masks the lighter half is 1, so that what JPEG has blurred falls on a side; masks of 0
    and 1 stay as they are. Of others all but 0 is 1.

    Args:
        mask: integers of any shape.
    """
    border = 127 if mask.dtype == np.uint8 and mask.max(initial=0) > 1 else 0
    return (mask > border).astype(np.uint8)


def _note(value: Any) -> str:
    return f"augflow: mask_loader was given {value!r}"


def load_masks(
    values: tuple[Any, ...],
    settings: MaskSettings,
    read: ReadSettings,
    size: tuple[int, int] | None,
) -> np.ndarray:
    """All masks of one sample, resized as its image is, by picking pixels.

    Args:
        values: one for each mask, or for each array of several masks; of files, None for an empty
            mask.
        settings: see ``MaskSettings``; with a ``count`` of 0 any number will do.
        read: how the image is resized.
        size: (height, width) of the image's file in pixels; None where it is not known.

    Returns:
        (target height, target width, masks) of the settings' dtype.

    Raises:
        ValueError: a mask of another shape than the image, another number of masks, or values
            that the dtype does not hold.
    """
    parts = []
    for value in values:
        if value is None and settings.loader is None:
            # Through the same resizing: what is padded around the image is so here, too.
            empty = np.zeros((*(size or read.target_size or (1, 1)), 1), np.uint8)
            parts.append(_resized(empty, settings, read))
            continue
        mask = load_mask(value, settings)
        if size is not None:
            _check_shape(mask, value, size)
        check_range(mask, np.dtype(settings.dtype), repr(value))
        parts.append(_resized(mask, settings, read))
    masks = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
    if settings.count and masks.shape[2] != settings.count:
        raise ValueError(
            f"expected {settings.count} mask(s) a sample, as the first sample has. Received "
            f"{masks.shape[2]} for {values[0] if len(values) == 1 else values!r}"
        )
    return masks


def _resized(mask: np.ndarray, settings: MaskSettings, read: ReadSettings) -> np.ndarray:
    """A mask in the place where its image comes to lie, of the settings' dtype."""
    dtype = np.dtype(settings.dtype)
    if read.target_size is None or read.keep_aspect_ratio != "pad":
        cropped = bool(read.keep_aspect_ratio)
        return resize_pixels(mask, read.target_size, "nearest", cropped).astype(dtype, copy=False)
    height, width, count = mask.shape
    place = placement(height, width, read.target_size, "pad")
    left, top, right, bottom = place.target
    # The file's dtype need not hold the class of the padding.
    padded = np.full((*read.target_size, count), settings.fill or 0, dtype)
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


def check_range(masks: np.ndarray, dtype: np.dtype, what: str) -> None:
    """Raise unless a dtype holds the class numbers of masks.

    Args:
        masks: of any numbers.
        dtype: of the batch's masks.
        what: the name of the masks for the message.

    Raises:
        ValueError: it does not.
    """
    if dtype.kind not in "iu" or np.can_cast(masks.dtype, dtype):
        return
    limits = np.iinfo(dtype)
    lowest, highest = int(masks.min()), int(masks.max())
    if lowest < limits.min or highest > limits.max:
        raise ValueError(
            f"mask_dtype={dtype.name!r} holds {limits.min} to {limits.max}; the mask "
            f"{what} has values from {lowest} to {highest}. Pass mask_dtype='int32'."
        )
