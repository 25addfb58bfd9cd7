"""The helper functions of ``keras.preprocessing.image``: load, save and convert images."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from augflow.base.defaults import data_format as default_data_format
from augflow.base.defaults import floatx
from augflow.base.regular_file import NotRegularFileError, read_regular
from augflow.base.warn_user import warn_user
from augflow.errors import ImageReadError
from augflow.read.decode import COLOR_MODES, describe_failure, open_with_pillow
from augflow.read.placement import checked_keep_aspect_ratio
from augflow.read.resize import FILTERS, resize_image

PICTURE_EXTENSIONS = ("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")


def load_img(
    path: str | bytes | Path | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool | str = False,
) -> Image.Image:
    """Load an image file as Pillow's image.

    Args:
        path: the file, or its content in an ``io.BytesIO``.
        color_mode: "rgb", "rgba" or "grayscale"; grayscale keeps 16-bit and 32-bit gray.
        target_size: (height, width) in pixels, or None for the size of the file.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: True or "crop": cut the largest centred crop of the target's shape
            first; "pad": resize the whole image, and fill up with 0.

    Returns:
        A loaded image of mode RGB, RGBA, L, I;16 or I.

    Raises:
        ImageReadError: the file is no image, truncated or damaged, or no regular file.
        FileNotFoundError: there is no such file.
        TypeError: ``path`` is neither a path nor an ``io.BytesIO``.
        ValueError: an unknown color mode, interpolation or way to keep the aspect ratio.
    """
    if color_mode not in COLOR_MODES:
        raise ValueError(
            f"`color_mode` must be one of {', '.join(COLOR_MODES)}. Received: {color_mode!r}"
        )
    if target_size is not None and interpolation not in FILTERS:
        raise ValueError(
            f"`interpolation` must be one of {', '.join(FILTERS)}. Received: {interpolation!r}"
        )
    keep = checked_keep_aspect_ratio(keep_aspect_ratio)
    if isinstance(path, io.BytesIO):
        name, file = "<io.BytesIO>", path
    elif isinstance(path, str | bytes | os.PathLike):
        name = os.fsdecode(path)
        try:
            file = io.BytesIO(read_regular(name))
        except NotRegularFileError as error:
            raise ImageReadError(name, error.cause) from error
    else:
        raise TypeError(
            "`path` must be a str, bytes, pathlib.Path or io.BytesIO. "
            f"Received: {path!r} of type {type(path).__name__}"
        )
    try:
        image = open_with_pillow(file, color_mode)
        return resize_image(image, target_size, interpolation, keep)
    except MemoryError:
        raise
    except Exception as error:
        # Pillow's plugins raise many types for damaged files; the file's name goes with all.
        raise ImageReadError(name, describe_failure(file.getvalue(), error)) from error


def img_to_array(
    img: Image.Image | np.ndarray, data_format: str | None = None, dtype: Any = None
) -> np.ndarray:
    """Convert Pillow's image to an array.

    Args:
        img: an image, or an array of shape (height, width) or (height, width, channels).
        data_format: "channels_last", "channels_first" or None for Keras's configured default.
        dtype: of the result; None means Keras's configured float type (float32).

    Returns:
        (height, width, channels), or (channels, height, width) for "channels_first".

    Raises:
        ValueError: an unknown data format, or not two or three dimensions.
    """
    channels_first = _is_channels_first(data_format)
    pixels = np.asarray(img, dtype=floatx() if dtype is None else dtype)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3:
        raise ValueError(
            "Expected an image of two or three dimensions. "
            f"Received: an image of shape {pixels.shape}"
        )
    return pixels.transpose(2, 0, 1) if channels_first else pixels


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Image.Image:
    """Convert an array to Pillow's image.

    Args:
        x: one image of three dimensions with 1, 3 or 4 channels.
        data_format: "channels_last", "channels_first" or None for Keras's configured default.
        scale: stretch the values to 0..255. Without it fractions are cut off.
        dtype: what is computed in; None means Keras's configured float type (float32).

    Returns:
        An image of mode L, RGB or RGBA; of mode I for one channel with values above 255.

    Raises:
        ValueError: an unknown data format, not three dimensions, or another number of channels.
    """
    channels_first = _is_channels_first(data_format)
    pixels = np.asarray(x, dtype=floatx() if dtype is None else dtype)
    if pixels.ndim != 3:
        raise ValueError(
            f"Expected one image of three dimensions. Received: an array of shape {pixels.shape}"
        )
    if channels_first:
        pixels = pixels.transpose(1, 2, 0)
    channels = pixels.shape[2]
    if channels not in (1, 3, 4):
        raise ValueError(
            "Expected 1, 3 or 4 channels (grayscale, RGB or RGBA). "
            f"Received: an array of shape {np.shape(x)}, so {channels} channels. "
            "Check `data_format`."
        )
    if scale:
        pixels = pixels - np.min(pixels)
        largest = np.max(pixels)
        if largest != 0:
            pixels = pixels / largest
        pixels = pixels * 255
    if channels == 1:
        deep = np.max(pixels) > 255
        return Image.fromarray(pixels[:, :, 0].astype(np.int32 if deep else np.uint8))
    return Image.fromarray(pixels.astype(np.uint8))


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Save an array as an image file.

    Args:
        path: a path or a file object.
        x: one image of three dimensions with 1, 3 or 4 channels.
        data_format: "channels_last", "channels_first" or None for Keras's configured default.
        file_format: e.g. "png"; None takes it from the file's extension.
        scale: stretch the values to 0..255. Without it fractions are cut off.
        **kwargs: handed to Pillow's ``Image.save``.
    """
    if file_format is None and isinstance(path, str | Path):
        file_format = Path(path).suffix[1:].lower()
    if file_format:
        # Pillow knows formats by name, and these two by an ending that is not their name.
        file_format = {"jpg": "jpeg", "tif": "tiff"}.get(file_format.lower(), file_format)
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format and file_format.lower() == "jpeg":
        warn_user(
            "JPEG files have no alpha channel: saving without it. Use PNG to keep it.",
        )
        image = image.convert("RGB")
    image.save(path, format=file_format or None, **kwargs)


def list_pictures(
    directory: str | Path, ext: str | tuple[str, ...] = PICTURE_EXTENSIONS
) -> list[str]:
    """List the image files in a directory and below.

    Args:
        directory: where to look.
        ext: the extensions to list, without their dot.

    Returns:
        Paths that begin with ``directory``, sorted.
    """
    endings = tuple(f".{one}" for one in ((ext,) if isinstance(ext, str) else ext))
    return sorted(
        os.path.join(folder, name)
        for folder, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(endings)
    )


def _is_channels_first(data_format: str | None) -> bool:
    name = str(data_format or default_data_format()).lower()
    if name not in ("channels_first", "channels_last"):
        raise ValueError(
            '`data_format` must be "channels_first", "channels_last" or None. '
            f"Received: {data_format!r}"
        )
    return name == "channels_first"
