"""Colour transforms: channel shift and brightness, value for value as Keras's legacy class."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image


def shift_channels(image: np.ndarray, intensity: float) -> np.ndarray:
    """Add one number to all channels and keep the range of the image.

    Args:
        image: (height, width, channels), a float or integer dtype.
        intensity: what is added, in grey levels.

    Returns:
        A new array of the same shape, clipped to the smallest and largest value of the whole
        image. A float image keeps its dtype, an integer one becomes float64 by
        a float, as in Keras.
    """
    smallest, largest = image.min(), image.max()
    # A Python number keeps the image's own precision; a NumPy scalar would raise it.
    shifted = image + (intensity.item() if isinstance(intensity, np.generic) else intensity)
    np.clip(shifted, smallest, largest, out=shifted)
    return shifted


def shift_brightness(
    image: np.ndarray, brightness: float, rescale_to_full_range: bool
) -> np.ndarray:
    """Multiply the brightness by way of 8-bit levels, as Keras and Pillow do.

    The values are cut to whole levels before and after the multiplication. Values below 0
    or above 255 are first stretched to 0..255 and brought back afterwards.

    Args:
        image: (height, width, channels) with 1, 3 or 4 channels; a fourth one is opacity
            and stays as it is. Any float or integer dtype. Other channels are taken for an axis
            of the image if the width is 1, 3 or 4: then the image has its channels last, and
            its generator has ``data_format="channels_first"``.
        brightness: 0 is black, 1 leaves the image as it is, above 1 is brighter.
        rescale_to_full_range: stretch the image to 0..255 whatever its values are
            (Keras's ``scale=True``).

    Returns:
        A new float32 array of the same shape.

    Raises:
        ValueError: another number of channels.
    """
    channels = image.shape[2]
    if channels not in (1, 3, 4) and image.shape[1] in (1, 3, 4):
        turned = shift_brightness(np.moveaxis(image, 2, 0), brightness, rescale_to_full_range)
        return np.moveaxis(turned, 0, 2)
    if channels not in (1, 3, 4):
        raise ValueError(
            "Brightness needs 1, 3 or 4 channels (grayscale, RGB or RGBA). Received: an image "
            f"of shape {image.shape}. Leave out `brightness_range`, or use "
            "`preprocessing_function` for images with other channels."
        )
    smallest, largest = image.min(), image.max()
    beyond_8_bit = bool(smallest < 0 or largest > 255)
    stretch = beyond_8_bit or rescale_to_full_range
    levels = _to_levels(image, smallest, stretch)
    table = _brightness_table(brightness)
    # LUT drops a single channel's axis.
    brightened = cv2.LUT(np.ascontiguousarray(levels), table).reshape(image.shape)
    if channels == 4:
        brightened[:, :, 3] = levels[:, :, 3]
    if beyond_8_bit and not rescale_to_full_range:
        return (brightened / 255 * (largest - smallest) + smallest).astype(np.float32, copy=False)
    return brightened


def _to_levels(image: np.ndarray, smallest: np.generic, stretch: bool) -> np.ndarray:
    """The image as uint8: fractions cut off, stretched to 0..255 first if asked for."""
    if not stretch:
        return image.astype(np.uint8)
    stretched = image.astype(np.float32)
    stretched -= np.float32(smallest)
    highest = stretched.max()
    if highest != 0:
        stretched /= highest
    stretched *= 255
    return stretched.astype(np.uint8)


def _brightness_table(brightness: float) -> np.ndarray:
    """What Pillow's ``ImageEnhance.Brightness`` makes of each of the 256 levels, float32.

    That class blends the image with black, pixel by pixel; so 256 pixels tell all.
    """
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None, :])
    black = Image.new("L", ramp.size, 0)
    return np.asarray(Image.blend(black, ramp, brightness), dtype=np.float32)[0]
