"""Arrays as pictures: values brought into the range that a screen shows, volumes cut through."""

from __future__ import annotations

import base64
import io

import numpy as np

# Rounding, and interpolation of higher order, go a little beyond a range.
_SLACK = 1e-3
_FEWEST_PIXELS = 4
_COLOURS = (1, 3, 4)


def is_picture(shape: tuple[int, ...], channels_first: bool = False) -> bool:
    """Whether samples of a shape can be shown: images (height, width[, channels]), or volumes
    (depth, height, width[, channels])."""
    return _kind(shape, channels_first) is not None


def picture_of(sample: np.ndarray, channels_first: bool = False) -> np.ndarray:
    """A sample as something to look at.

    Args:
        sample: an image or a volume, see ``is_picture``; of a volume the middle slice is shown.
        channels_first: whether an image is (channels, height, width).

    Returns:
        uint8 of shape (height, width, 3), or (height, width, 4) with transparency. Values from 0
        to 1, from -1 to 1 and from 0 to 255 are known by their range; others, such as those of
        ``preprocess_input``, are stretched between the least and the greatest.

    Raises:
        ValueError: a sample of another shape.
    """
    image = _as_image(np.asarray(sample), channels_first)
    levels = _as_levels(image)
    if levels.shape[2] == 1:
        return np.repeat(levels, 3, axis=2)
    if levels.shape[2] not in _COLOURS:
        # Bands, of which a screen shows three.
        levels = levels[..., :3] if levels.shape[2] > 3 else levels[..., [0, 1, 1]]
    return levels


def data_uri(picture: np.ndarray, height: int) -> str:
    """A picture as a data URI of a JPEG (PNG with transparency), for a page that holds all of it.

    Args:
        picture: as from ``picture_of``.
        height: in pixels; larger ones are made smaller.
    """
    from PIL import Image

    image = Image.fromarray(picture)
    if image.height > height:
        image = image.resize((max(1, round(image.width * height / image.height)), height))
    form = "PNG" if picture.shape[2] == 4 else "JPEG"
    stream = io.BytesIO()
    image.save(stream, form, quality=85)
    return f"data:image/{form.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def _kind(shape: tuple[int, ...], channels_first: bool) -> str | None:
    if len(shape) == 3 and channels_first and shape[0] in _COLOURS:
        return "channels first"
    if len(shape) == 2 and min(shape) >= _FEWEST_PIXELS:
        return "grey"
    if len(shape) == 3 and min(shape[:2]) >= _FEWEST_PIXELS:
        return "volume" if shape[2] > 4 and shape[2] >= min(shape[:2]) else "image"
    if len(shape) == 4 and min(shape[:3]) >= _FEWEST_PIXELS:
        return "volume of channels"
    return None


def _as_image(sample: np.ndarray, channels_first: bool) -> np.ndarray:
    """One image (height, width, channels)."""
    kind = _kind(sample.shape, channels_first)
    if kind is None:
        raise ValueError(
            "expected an image (height, width[, channels]) or a volume (depth, height, width"
            f"[, channels]). Received an array of shape {sample.shape}"
        )
    if kind == "channels first":
        return np.moveaxis(sample, 0, 2)
    if kind == "grey":
        return sample[..., np.newaxis]
    if kind == "volume":
        return sample[len(sample) // 2, :, :, np.newaxis]
    return sample[len(sample) // 2] if kind == "volume of channels" else sample


def _as_levels(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        # Class numbers and bits would be black.
        return image
    values = np.nan_to_num(image.astype(np.float32))
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if low >= -_SLACK and high <= 1 + _SLACK:
        scaled = values * 255
    elif low >= -1 - _SLACK and high <= 1 + _SLACK:
        scaled = (values + 1) * 127.5
    elif low >= -255 * _SLACK and high <= 255 * (1 + _SLACK):
        scaled = values
    else:
        scaled = (values - low) * (255 / (high - low or 1))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
