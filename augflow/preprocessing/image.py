"""Everything that scripts take from ``keras.preprocessing.image``, under the same names.

The ``random_*`` functions have no seed argument: like Keras's they draw from NumPy's global
generator, so ``np.random.seed`` governs them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from augflow.flow.iterator import Iterator
from augflow.generator import ImageDataGenerator
from augflow.images.array import NumpyArrayIterator
from augflow.images.dataframe import DataFrameIterator
from augflow.images.directory import DirectoryIterator

# Keras's name for what flows of files share: for class Own(BatchFromFilesMixin, Iterator).
from augflow.images.files import FileIterator as BatchFromFilesMixin
from augflow.order.streams import global_stream
from augflow.read.load_and_save import array_to_img, img_to_array, list_pictures, load_img, save_img
from augflow.transform.affine_matrix import affine_matrices
from augflow.transform.colour import shift_brightness, shift_channels
from augflow.transform.warp import warp

__all__ = [
    "BatchFromFilesMixin",
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "transform_matrix_offset_center",
    "validate_filename",
]


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Rotate an image by an angle drawn from [-rg, rg] degrees.

    Args:
        x: one image, rank 3.
        rg: largest angle in degrees.
        row_axis, col_axis, channel_axis: which axis of x is which. Defaults: channels first.
        fill_mode: "nearest" (default), "constant", "reflect" or "wrap".
        cval: value outside of the image for "constant".
        interpolation_order: of the spline, 0 to 5. Defaults to 1.

    Returns:
        The rotated image, of the same shape.
    """
    theta = global_stream().uniform(-rg, rg)
    return apply_affine_transform(
        x,
        theta=theta,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shift an image by up to ``wrg`` of its width and ``hrg`` of its height.

    The other arguments and the result are those of ``random_rotation``.
    """
    stream = global_stream()
    tx = stream.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = stream.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x,
        tx=tx,
        ty=ty,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shear an image by an angle drawn from [-intensity, intensity] degrees.

    The other arguments and the result are those of ``random_rotation``.
    """
    shear = global_stream().uniform(-intensity, intensity)
    return apply_affine_transform(
        x,
        shear=shear,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def random_zoom(
    x: np.ndarray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoom rows and columns by factors drawn from ``zoom_range`` = (lowest, highest).

    The other arguments and the result are those of ``random_rotation``.

    Raises:
        ValueError: ``zoom_range`` is no pair.
    """
    if len(zoom_range) != 2:
        raise ValueError(
            f"`zoom_range` should be a tuple or list of two floats. Received: {zoom_range!r}"
        )
    zx, zy = 1.0, 1.0
    if not (zoom_range[0] == 1 and zoom_range[1] == 1):
        zx, zy = global_stream().uniform(zoom_range[0], zoom_range[1], 2)
    return apply_affine_transform(
        x,
        zx=zx,
        zy=zy,
        row_axis=row_axis,
        col_axis=col_axis,
        channel_axis=channel_axis,
        fill_mode=fill_mode,
        cval=cval,
        order=interpolation_order,
    )


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Add ``intensity`` grey levels to an image, within its own minimum and maximum.

    Args:
        x: one image, rank 3.
        intensity: grey levels to add.
        channel_axis: which axis holds the channels; all are shifted alike.

    Returns:
        The shifted image, of the same shape.
    """
    return shift_channels(x, intensity)


def random_channel_shift(
    x: np.ndarray, intensity_range: float, channel_axis: int = 0
) -> np.ndarray:
    """``apply_channel_shift`` by an intensity drawn from [-intensity_range, intensity_range]."""
    intensity = global_stream().uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """Multiply an image's brightness, in 8-bit levels as Pillow does.

    Args:
        x: one image, shape (height, width, 1, 3 or 4).
        brightness: factor.
        scale: stretch the values to 0..255 first. Defaults to True.

    Returns:
        A float32 image of the same shape.
    """
    return shift_brightness(x, brightness, scale)


def random_brightness(
    x: np.ndarray, brightness_range: Sequence[float], scale: bool = True
) -> np.ndarray:
    """``apply_brightness_shift`` by a factor drawn from ``brightness_range``.

    Raises:
        ValueError: ``brightness_range`` is no pair.
    """
    if len(brightness_range) != 2:
        raise ValueError(
            "`brightness_range` should be a tuple or list of two floats. "
            f"Received: {brightness_range!r}"
        )
    factor = global_stream().uniform(brightness_range[0], brightness_range[1])
    return apply_brightness_shift(x, factor, scale)


def transform_matrix_offset_center(matrix: Any, x: int, y: int) -> np.ndarray:
    """The 3 x 3 ``matrix`` applied about the centre of an image of x rows and y columns."""
    offset = np.array([float(x) / 2 - 0.5, float(y) / 2 - 0.5])
    to_centre, from_centre = np.eye(3), np.eye(3)
    to_centre[:2, 2], from_centre[:2, 2] = offset, -offset
    return to_centre @ matrix @ from_centre


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Rotate, shift, shear and zoom an image, in this order.

    Args:
        x: one image, rank 3.
        theta: rotation in degrees.
        tx: shift along the rows' axis in pixels.
        ty: shift along the columns' axis in pixels.
        shear: shear angle in degrees.
        zx: zoom along the rows' axis.
        zy: zoom along the columns' axis.
        row_axis, col_axis, channel_axis: which axis of x is which. Defaults: channels first.
        fill_mode: "nearest" (default), "constant", "reflect" or "wrap".
        cval: value outside of the image for "constant".
        order: of the spline, 0 to 5. Defaults to 1.

    Returns:
        The transformed image, of the same shape; x itself if nothing is to be done.

    Raises:
        ValueError: the axes are not 0, 1 and 2 in some order, the channels lie in the middle,
            or x does not have rank 3.
    """
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2]:
        raise ValueError(
            "`row_axis`, `col_axis` and `channel_axis` must be 0, 1 and 2 in some order. "
            f"Received: {(row_axis, col_axis, channel_axis)}"
        )
    if x.ndim != 3:
        raise ValueError(f"`x` must be one image of rank 3. Received shape: {x.shape}")
    if channel_axis not in (0, 2):
        raise ValueError(f"`channel_axis` must be 0 or 2. Received: {channel_axis}")
    if theta == 0 and tx == 0 and ty == 0 and shear == 0 and zx == 1 and zy == 1:
        return x
    values = np.array([[theta], [tx], [ty], [shear], [zx], [zy]], dtype=np.float64)
    matrix = affine_matrices(
        theta=values[0],
        tx=values[1],
        ty=values[2],
        shear=values[3],
        zx=values[4],
        zy=values[5],
        height=x.shape[row_axis],
        width=x.shape[col_axis],
        swap=col_axis > row_axis,
    )[0]
    image = np.moveaxis(x, channel_axis, 2)
    moved = warp(image, matrix, fill_mode=fill_mode, cval=cval, order=order)
    return np.moveaxis(moved, 2, channel_axis)


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """Reverse an array along one axis."""
    return np.flip(np.asarray(x), axis)


def validate_filename(filename: str, white_list_formats: Collection[str]) -> bool:
    """Whether a path is that of a file, and ends in one of the given endings, in any case."""
    return filename.lower().endswith(tuple(white_list_formats)) and os.path.isfile(filename)
