"""Resizing and converting decoded pixels, to the bits that Pillow gives."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from augflow.native import kernel
from augflow.native.resample import pick
from augflow.read.placement import Box, Placement, placement
from augflow.read.resample import resample

CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "hamming": Image.Resampling.HAMMING,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}

# What Pillow resizes as it is; everything else becomes its float32.
_PILLOW_DTYPES: dict[str, np.dtype] = {"u1": np.dtype(np.uint8), "i4": np.dtype(np.int32)}

FractionalBox = tuple[float, float, float, float]


def resize_image(
    image: Image.Image,
    target_size: tuple[int, int] | None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool | str = False,
) -> Image.Image:
    """Resize Pillow's image as Keras's ``load_img`` does.

    Args:
        image: any image.
        target_size: (height, width) in pixels; None or the image's own size changes nothing.
        interpolation: one of ``FILTERS``.
        keep_aspect_ratio: see ``placement``.

    Returns:
        A new image, or ``image`` itself if it has that size.

    Raises:
        ValueError: an unknown interpolation.
    """
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if not keep_aspect_ratio:
        return resize_box(image, target_size, interpolation, None)
    place = placement(image.height, image.width, target_size, keep_aspect_ratio)
    if keep_aspect_ratio != "pad":
        return resize_box(image, target_size, interpolation, place.source)
    padded = Image.new(image.mode, (target_size[1], target_size[0]))
    padded.paste(resize_image(image, place.size, interpolation), place.target[:2])
    return padded


def resize_box(
    image: Image.Image,
    target_size: tuple[int, int],
    interpolation: str,
    box: FractionalBox | None,
) -> Image.Image:
    """Resize a part of Pillow's image, None for all of it, as Pillow does.

    Args:
        image: any image.
        target_size: (height, width) in pixels.
        interpolation: one of ``FILTERS``.
        box: (left, top, right, bottom) in pixels, between pixels too.

    Returns:
        A new image.

    Raises:
        ValueError: an unknown interpolation.
    """
    return image.resize((target_size[1], target_size[0]), _filter(interpolation), box=box)


def average_windows(
    pixels: np.ndarray, box: Box, scale: int, target_size: tuple[int, int]
) -> np.ndarray:
    """What Pillow's box filter makes of an image, estimated from a smaller copy of it.

    Pillow averages whole pixels of the full size. Their windows begin and end between the
    pixels of the copy, which therefore count in part.

    Args:
        pixels: the copy, uint8 of shape (height, width, channels); each pixel stands for
            ``scale`` x ``scale`` pixels of the full size.
        box: (left, top, right, bottom) of the part to resize, in pixels of the full size.
        scale: see ``pixels``.
        target_size: (height, width) in pixels.

    Returns:
        uint8 of shape (target height, target width, channels).
    """
    height, width, channels = pixels.shape
    left, top, right, bottom = box
    windows = _window_weights(top, bottom, target_size[0], scale)
    rows = _weighted_rows(pixels.reshape(height, width * channels), windows)
    columns = rows.reshape(-1, width, channels).transpose(1, 0, 2).reshape(width, -1)
    windows = _window_weights(left, right, target_size[1], scale)
    means = _weighted_rows(columns, windows).reshape(-1, target_size[0], channels)
    return np.rint(means.transpose(1, 0, 2)).astype(np.uint8)


def resize_pixels(
    pixels: np.ndarray,
    target_size: tuple[int, int] | None,
    interpolation: str = "nearest",
    crop: bool = False,
) -> np.ndarray:
    """Resize an array of pixels. Gray and RGB in 8 bits give the same bits as ``resize_image``.

    Other dtypes and numbers of channels are resized channel by channel with the same filters:
    int32 and 8 bits by Pillow's integers, all others by its float32; integers are rounded and
    kept within their dtype. "nearest" picks pixels and changes none.

    Args:
        pixels: (height, width, channels) of any integer or float dtype.
        target_size: (height, width) in pixels; None or the image's own size changes nothing.
        interpolation: one of ``FILTERS``.
        crop: take the largest centred crop of the target's shape first.

    Returns:
        (height, width, channels) of the same dtype; ``pixels`` itself if it has that size.

    Raises:
        ValueError: an unknown interpolation.
    """
    height, width, channels = pixels.shape
    if target_size is None or (height, width) == tuple(target_size):
        return pixels
    is_plain = pixels.dtype == np.uint8 and channels in (1, 3)
    if interpolation != "nearest":
        box = placement(height, width, target_size, crop).source
        resized = resample(pixels, target_size, interpolation, box)
        if resized is not None:
            return resized
        if not is_plain:
            return _resize_channels(pixels, target_size, interpolation, crop)
        image = to_pillow(pixels)
        return from_pillow(resize_image(image, target_size, interpolation, crop))
    if kernel.IS_ON or crop or not is_plain:
        left, top, right, bottom = placement(height, width, target_size, crop).source
        rows = _nearest_indices(top, bottom, target_size[0])
        columns = _nearest_indices(left, right, target_size[1])
        return pick(pixels, rows, columns) if kernel.IS_ON else pixels[rows][:, columns]
    # Chosen by measurement: it picks Pillow's pixels for all sizes, twice as fast.
    resized = cv2.resize(
        pixels, (target_size[1], target_size[0]), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return resized.reshape(target_size[0], target_size[1], channels)


def resize_part(
    pixels: np.ndarray, target_size: tuple[int, int], interpolation: str, box: FractionalBox
) -> np.ndarray:
    """Resize a part of an array of gray or RGB pixels in 8 bits, as ``resize_box`` does."""
    resized = resample(pixels, target_size, interpolation, box)
    if resized is not None:
        return resized
    return from_pillow(resize_box(to_pillow(pixels), target_size, interpolation, box))


def pad_pixels(pixels: np.ndarray, place: Placement, target_size: tuple[int, int]) -> np.ndarray:
    """Lay a resized image into its place of the target; the rest is 0.

    Args:
        pixels: (height, width, channels) of ``place.size``, any dtype.
        place: see ``placement``.
        target_size: (height, width).

    Returns:
        Array of the target's size; ``pixels`` itself where it fills the target.
    """
    if place.size == tuple(target_size):
        return pixels
    left, top, right, bottom = place.target
    padded = np.zeros((*target_size, pixels.shape[2]), pixels.dtype)
    padded[top:bottom, left:right] = pixels
    return padded


def can_convert(channels: int, dtype: np.dtype, color_mode: str) -> bool:
    """Whether ``convert_pixels`` can make a color mode of such pixels."""
    wanted = CHANNELS.get(color_mode, channels)
    return (
        channels == wanted
        or (channels == 1 and wanted == 3)
        or (dtype == np.uint8 and channels in (1, 3, 4))
    )


def convert_pixels(pixels: np.ndarray, color_mode: str) -> np.ndarray:
    """Convert gray, RGB or RGBA pixels to a color mode: the same bits as Pillow's ``convert``.

    Args:
        pixels: (height, width, channels), such as ``can_convert`` allows. Other dtypes than
            uint8 only have gray repeated.
        color_mode: "rgb", "rgba", "grayscale" or "unchanged".

    Returns:
        (height, width, 3, 4 or 1); ``pixels`` itself if nothing changes.
    """
    channels: int = pixels.shape[2]
    wanted = CHANNELS.get(color_mode, channels)
    if channels == wanted:
        return pixels
    if pixels.dtype != np.uint8:
        return np.repeat(pixels, wanted, axis=2)
    if channels == 4:
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    if color_mode == "grayscale":
        return from_pillow(to_pillow(pixels).convert("L"))
    if color_mode == "rgb":
        return pixels if channels == 4 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA if channels == 1 else cv2.COLOR_RGB2RGBA)


def to_pillow(pixels: np.ndarray) -> Image.Image:
    """Pillow's image of uint8 pixels of shape (height, width, 1 or 3)."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def from_pillow(image: Image.Image) -> np.ndarray:
    """The pixels of Pillow's image, (height, width, channels), in the dtype of its mode."""
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _resize_channels(
    pixels: np.ndarray, target_size: tuple[int, int], interpolation: str, crop: bool
) -> np.ndarray:
    resized = np.empty((*target_size, pixels.shape[2]), pixels.dtype)
    computed = _PILLOW_DTYPES.get(pixels.dtype.str[1:], np.dtype(np.float32))
    limits = np.iinfo(pixels.dtype) if pixels.dtype.kind in "iu" else None
    for channel in range(pixels.shape[2]):
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, channel], computed))
        values = np.asarray(resize_image(image, target_size, interpolation, crop))
        if limits is not None and values.dtype != pixels.dtype:
            # In float64, where the limits of 32 bits are exact.
            values = np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max)
        resized[:, :, channel] = values
    return resized


def _filter(interpolation: str) -> Image.Resampling:
    if interpolation not in FILTERS:
        raise ValueError(
            f"`interpolation` must be one of {', '.join(FILTERS)}. Received: {interpolation!r}"
        )
    return FILTERS[interpolation]


@lru_cache(maxsize=512)
def _nearest_indices(start: int, end: int, size: int) -> np.ndarray:
    """The rows (or columns) that Pillow's nearest resize picks from a box.

    Pillow adds up the step in float64 (``ImagingScaleAffine``), rounding and all.
    """
    step = (end - start) / size
    positions = np.full(size, step)
    positions[0] = start + step * 0.5
    indices = np.cumsum(positions).astype(np.int32)
    indices.flags.writeable = False
    return indices


@lru_cache(maxsize=64)
def _window_weights(start: int, end: int, size: int, scale: int) -> list[tuple[int, np.ndarray]]:
    """For each output row the first row of the smaller copy, and the weights from there on.

    The windows are those of ``precompute_coeffs`` in Pillow's ``Resample.c``.
    """
    step = (end - start) / size
    result = []
    for row in range(size):
        centre = start + (row + 0.5) * step
        first = max(int(centre - 0.5 * step + 0.5), 0)
        last = max(int(centre + 0.5 * step + 0.5), first + 1)
        places = np.arange(first, last) // scale
        counts = np.bincount(places - places[0])
        result.append((int(places[0]), (counts / counts.sum()).astype(np.float32)))
    return result


def _weighted_rows(values: np.ndarray, windows: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Weighted sums of neighbouring rows: float32 of shape (windows, columns)."""
    sums = np.empty((len(windows), values.shape[1]), np.float32)
    for row, (first, weights) in enumerate(windows):
        # Converted a window at a time: that stays in the processor's cache.
        part = values[first : first + len(weights)].astype(np.float32, copy=False)
        np.matmul(weights, part, out=sums[row])
    return sums
