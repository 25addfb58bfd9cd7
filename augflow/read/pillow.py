"""Pillow's images as arrays that keep what the file holds."""

from __future__ import annotations

import numpy as np
from PIL import Image


def pixels_unchanged(image: Image.Image) -> np.ndarray:
    """The pixels of Pillow's image with their own dtype and bands.

    Palettes become the colours they stand for, and one bit becomes 0 or 255.

    Args:
        image: of any mode, loaded or not.

    Returns:
        (height, width, bands) in the dtype of the image's mode, in this machine's byte order.

    Raises:
        Exception: whatever Pillow raises for a damaged file.
    """
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA"):
        has_alpha = image.mode == "PA" or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    pixels = np.asarray(image)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
