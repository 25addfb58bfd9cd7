"""The size of an image's file, without its pixels."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from PIL import Image

from augflow.base.settings import ReadSettings
from augflow.read.image_file import read_image
from augflow.read.loaders import find_loader
from augflow.read.orientation import orientation_of, swaps_sides
from augflow.store.stored_file import opened


def image_size(path: Any, settings: ReadSettings) -> tuple[int, int]:
    """The size that an image has before it is resized: after it was turned upright, if it is.

    Args:
        path: the file.
        settings: how it is read.

    Returns:
        (height, width) in pixels.

    Raises:
        ImageReadError: the file is no image, or no regular file.
        FileNotFoundError: there is no such file.
    """
    if settings.loaders and find_loader(path, settings.loaders) is not None:
        return _size_of_pixels(path, settings)
    try:
        with opened(path) as file:
            data = file.read() if settings.exif else None
            with Image.open(file if data is None else io.BytesIO(data)) as image:
                width, height = image.size
        swaps = data is not None and swaps_sides(orientation_of(data))
    except Exception:
        # Pillow does not know it, or it is broken: reading it tells, or raises.
        return _size_of_pixels(path, settings)
    return (width, height) if swaps else (height, width)


def _size_of_pixels(path: Any, settings: ReadSettings) -> tuple[int, int]:
    height, width, _ = read_image(path, replace(settings, target_size=None)).shape
    return height, width
