"""Moving pixels: the warp, and flips.

A matrix maps output (row, column, 1) to input (row, column, 1), as
``scipy.ndimage.affine_transform`` wants it. SciPy defines what every pixel must be. The compiled
kernel computes the orders 0 and 1 as SciPy does. Where there is none, OpenCV computes them (order
1 up to ten times faster than SciPy); the rest of this file says when it may, and keeps the
differences below 0.05 of 255 grey levels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from augflow.base.opencv import cv2
from augflow.native import kernel
from augflow.transform.coordinates import (
    Coefficients,
    are_outside,
    farthest_reach,
    fold_reflect,
    fold_wrap,
    input_coordinates,
    stays_inside,
)

# OpenCV computes coordinates in float32. An image of pure noise then differs from SciPy by
# about 2e-5 grey levels per pixel of reach, so larger reaches are cut into tiles.
_LONGEST_REACH = 1500.0
_TILE = 384
# From so many pixels on, a faster warp makes up for two more passes over them.
_WORTH_A_FOURTH_CHANNEL = 96 * 96
# Beyond this, neighbouring float64 coordinates are further apart than the digits that matter.
_FARTHEST = 1e12

_FAST_MODES = frozenset(kernel.FILL_MODES)
_BORDERS = {
    "nearest": cv2.BORDER_REPLICATE,
    "constant": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
}
_FLIPPED_BY_OPENCV = (np.dtype(np.float32), np.dtype(np.uint8))
_LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def flip(image: np.ndarray, horizontal: bool, vertical: bool) -> np.ndarray:
    """Mirror an image.

    Args:
        image: (height, width, channels), any dtype.
        horizontal: mirror left and right.
        vertical: mirror top and bottom.

    Returns:
        A new array, or a view of ``image`` for rare dtypes; ``image`` itself if nothing is
        flipped.
    """
    if not (horizontal or vertical):
        return image
    if image.dtype in _FLIPPED_BY_OPENCV and image.flags.c_contiguous and image.shape[2] <= 4:
        # Ten times as fast as copying a reversed view.
        direction = -1 if horizontal and vertical else 1 if horizontal else 0
        return cv2.flip(image, direction).reshape(image.shape)
    return image[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Warp every channel as ``scipy.ndimage.affine_transform`` does.

    Args:
        image: (height, width, channels), a float or integer dtype, any number of channels.
            float16, which SciPy refuses, is computed in float32.
        matrix: float64 of shape (3, 3), output (row, column, 1) to input.
        fill_mode: what lies outside the image, by SciPy's names.
        cval: the value outside for ``fill_mode="constant"``.
        order: 0 takes the nearest pixel, 1 is bilinear, 2 to 5 are splines.
        out: C-contiguous float32 array of the image's shape, to be written into; it must
            not overlap ``image``. Values are then computed in floating point and not
            rounded, also for an integer image.

    Returns:
        ``out``, or a new array of the image's shape and dtype. Orders 0 and 2 to 5 and
        integer images are SciPy's values; bilinear float images are within 0.05 of them
        for values from 0 to 255.

    Raises:
        ValueError: the matrix holds NaN, infinity or coordinates beyond 1e12 pixels.
        RuntimeError: the fill mode or order is unknown to SciPy.
    """
    height, width, _ = image.shape
    coefficients: Coefficients = matrix[:2].tolist()
    reach = farthest_reach(coefficients, height, width)
    if not reach < _FARTHEST:
        raise ValueError(
            "Expected a matrix of finite numbers that stays within 1e12 pixels. "
            f"Received: matrix={matrix.tolist()}. Check the ranges of the transforms."
        )
    if image.size == 0:
        return image.copy() if out is None else out
    if _is_for_kernel(image, fill_mode, order, out):
        return _warp_by_kernel(image, matrix, fill_mode, cval, order, out)
    if order == 1 and fill_mode in _FAST_MODES and (out is not None or image.dtype.kind == "f"):
        source = image
        if image.dtype != np.float32 or not image.flags.c_contiguous:
            source = np.ascontiguousarray(image, dtype=np.float32)
        target = np.empty(image.shape, np.float32) if out is None else out
        if fill_mode == "wrap":
            done = _warp_wrapped(source, coefficients, target)
        else:
            done = _warp_bilinear(source, coefficients, fill_mode, cval, reach, target)
        if done:
            return target if out is not None else target.astype(image.dtype, copy=False)
    if order == 0 and fill_mode in _FAST_MODES:
        return _pick_pixels(image, coefficients, fill_mode, cval, out)
    return _warp_with_scipy(image, matrix, fill_mode, cval, order, out)


def _is_for_kernel(image: np.ndarray, fill_mode: str, order: int, out: np.ndarray | None) -> bool:
    if not kernel.IS_ON or fill_mode not in _FAST_MODES or image.dtype.kind not in "biuf":
        return False
    # SciPy rounds integers that it blends; orders 0 and those of a float target need no rounding.
    return order == 0 or (order == 1 and (out is not None or image.dtype.kind == "f"))


def _warp_by_kernel(
    image: np.ndarray,
    matrix: np.ndarray,
    fill_mode: str,
    cval: float,
    order: int,
    out: np.ndarray | None,
) -> np.ndarray:
    """What ``warp`` gives, by the compiled kernel."""
    moves = np.zeros((1, kernel.MOVE_LENGTH))
    moves[0, :6] = matrix[:2].ravel()
    source = image if image.flags.aligned else image.copy()
    if order == 0 and (out is None or out.dtype == image.dtype):
        target = np.empty(image.shape, image.dtype) if out is None else out
        value = _as_scipy_stores(cval, image.dtype)
        kernel.pick_pixels(source[np.newaxis], target[np.newaxis], moves, fill_mode, value)
        return target
    if source.dtype not in (np.uint8, np.float32):
        source = source.astype(np.float32)
    target = np.empty(image.shape, np.float32) if out is None else out
    kernel.warp_images(
        source[np.newaxis],
        target[np.newaxis],
        moves,
        fill_mode,
        cval,
        order,
        np.ones(image.shape[2], np.float32),
        np.zeros(image.shape[2], np.float32),
    )
    return target if out is not None else target.astype(image.dtype, copy=False)


def _warp_bilinear(
    source: np.ndarray,
    coefficients: Coefficients,
    fill_mode: str,
    cval: float,
    reach: float,
    target: np.ndarray,
) -> bool:
    """Warp float32 images bilinearly for nearest, reflect and constant."""
    height, width, _ = source.shape
    if reach <= _LONGEST_REACH:
        _call_opencv(source, coefficients, _BORDERS[fill_mode], target)
    elif not _warp_in_tiles(source, coefficients, fill_mode == "reflect", target):
        return False
    if fill_mode == "constant" and not stays_inside(coefficients, height, width):
        outside = are_outside(*input_coordinates(coefficients, height, width), height, width)
        _fill(target, outside, cval)
    return True


def _call_opencv(
    source: np.ndarray, coefficients: Coefficients, border: int, target: np.ndarray
) -> None:
    """Warp float32 pixels into ``target``; both may be windows of larger arrays."""
    (a, b, c), (d, e, f) = coefficients
    # OpenCV counts (x, y), SciPy (row, column).
    by_x_and_y = np.array(((e, d, f), (b, a, c)))
    height, width, channels = target.shape
    if channels == 3 and width * height >= _WORTH_A_FOURTH_CHANNEL:
        # OpenCV interpolates four channels to the same bits a third faster than three.
        padded = cv2.cvtColor(source, cv2.COLOR_RGB2RGBA)
        warped = cv2.warpAffine(padded, by_x_and_y, (width, height), None, _LINEAR, border)
        cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, dst=target)
        return
    if channels == 3 or channels == 4 or channels == 1:
        cv2.warpAffine(source, by_x_and_y, (width, height), target, _LINEAR, border)
        return
    # With any other number of channels OpenCV rounds coordinates to 1/32 pixel.
    for part in _channel_groups(channels):
        group = np.ascontiguousarray(source[:, :, part])
        warped = cv2.warpAffine(group, by_x_and_y, (width, height), None, _LINEAR, border)
        target[:, :, part] = warped.reshape(height, width, -1)


@lru_cache(maxsize=64)
def _channel_groups(channels: int) -> list[slice]:
    """Cut channels into groups of 4, 3 or 1, those that OpenCV warps precisely."""
    groups, start = [], 0
    while start < channels:
        left = channels - start
        step = 4 if left >= 4 else 3 if left == 3 else 1
        groups.append(slice(start, start + step))
        start += step
    return groups


def _warp_in_tiles(
    source: np.ndarray, coefficients: Coefficients, reflect: bool, target: np.ndarray
) -> bool:
    """Warp an image whose coordinates are too large for float32, tile by tile.

    Each tile reads a window of the source with its own origin, which keeps the numbers
    small. Returns False, with nothing promised about ``target``, where the image is shrunk
    so much that even one tile reaches too far.
    """
    (a, b, c), (d, e, f) = coefficients
    height, width, _ = source.shape
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = target[top : top + _TILE, left : left + _TILE]
            tile_height, tile_width, _ = tile.shape
            row, column = c + a * top + b * left, f + d * top + e * left
            rows, first_row = _window(row, a * tile_height, b * tile_width, height, reflect)
            columns, first_column = _window(column, d * tile_height, e * tile_width, width, reflect)
            local = [[a, b, row - first_row], [d, e, column - first_column]]
            if farthest_reach(local, tile_height, tile_width) > _LONGEST_REACH:
                return False
            window = source[rows][:, columns]
            _call_opencv(window, local, cv2.BORDER_REPLICATE, tile)
    return True


def _window(
    start: float, down: float, right: float, size: int, reflect: bool
) -> tuple[slice | np.ndarray, int]:
    """The source rows (or columns) that a tile reads, and the coordinate of the first."""
    low = int(np.floor(start + min(down, 0.0) + min(right, 0.0))) - 1
    high = int(np.ceil(start + max(down, 0.0) + max(right, 0.0))) + 2
    if low >= 0 and high <= size:
        return slice(low, high), low
    if not reflect:
        # Everything beyond the edge has the edge's value.
        low, high = min(max(low, 0), size - 1), min(max(high, 1), size)
        return slice(low, high), low
    if high - low > 4 * _LONGEST_REACH:
        return slice(0, 1), low - int(4 * _LONGEST_REACH)
    folded = np.arange(low, high) % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded), low


def _warp_wrapped(source: np.ndarray, coefficients: Coefficients, target: np.ndarray) -> bool:
    """Warp float32 images bilinearly for "wrap"; False where they are too large for it."""
    height, width, channels = source.shape
    if max(height, width) > _LONGEST_REACH:
        return False
    rows, columns = input_coordinates(coefficients, height, width)
    rows = fold_wrap(rows, height).astype(np.float32)
    columns = fold_wrap(columns, width).astype(np.float32)
    for part in _channel_groups(channels):
        group = np.ascontiguousarray(source[:, :, part])
        moved = cv2.remap(group, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        target[:, :, part] = moved.reshape(height, width, -1)
    return True


def _pick_pixels(
    image: np.ndarray,
    coefficients: Coefficients,
    fill_mode: str,
    cval: float,
    out: np.ndarray | None,
) -> np.ndarray:
    """Order 0: each output pixel is one input pixel, chosen by SciPy's rounding."""
    height, width, channels = image.shape
    rows, columns = input_coordinates(coefficients, height, width)
    outside = None
    if not stays_inside(coefficients, height, width):
        if fill_mode == "constant":
            outside = are_outside(rows, columns, height, width)
        elif fill_mode == "wrap":
            rows, columns = fold_wrap(rows, height), fold_wrap(columns, width)
        elif fill_mode == "reflect":
            rows, columns = fold_reflect(rows, height), fold_reflect(columns, width)
        # Clipping before rounding gives the same pixel and keeps the integers in range.
        np.clip(rows, 0, height - 1, out=rows)
        np.clip(columns, 0, width - 1, out=columns)
    rows += 0.5
    columns += 0.5
    chosen = rows.astype(np.intp)
    chosen *= width
    chosen += columns.astype(np.intp)
    pixels = np.ascontiguousarray(image).reshape(-1, channels)
    if out is None or out.dtype == image.dtype:
        picked = np.empty(image.shape, image.dtype) if out is None else out
        np.take(pixels, chosen, axis=0, out=picked, mode="clip")
    else:
        picked = out
        picked[...] = np.take(pixels, chosen, axis=0)
    if outside is not None:
        _fill(picked, outside, _as_scipy_stores(cval, picked.dtype))
    return picked


def _fill(target: np.ndarray, where: np.ndarray, value: float) -> None:
    """Write ``value`` into all channels where the (height, width) mask is true."""
    if target.dtype == np.float32 and target.shape[2] <= 4:
        # Eight times as fast as a masked assignment.
        cv2.copyTo(np.full_like(target, value), where.view(np.uint8), target)
    else:
        target[where] = value


def _as_scipy_stores(value: float, dtype: np.dtype) -> float | int:
    """A double as SciPy writes it into an array: integers rounded half away from 0, clipped."""
    if dtype.kind not in "iu":
        return value
    limits = np.iinfo(dtype)
    rounded = int(value + 0.5) if value > 0 else int(value - 0.5)
    return min(max(rounded, int(limits.min)), int(limits.max))


def _warp_with_scipy(
    image: np.ndarray,
    matrix: np.ndarray,
    fill_mode: str,
    cval: float,
    order: int,
    out: np.ndarray | None,
) -> np.ndarray:
    # Imported here because it takes longer than the rest of this package together.
    from scipy import ndimage

    source = image.astype(np.float32) if image.dtype == np.float16 else image
    warped = np.empty(source.shape, source.dtype) if out is None else out
    for channel in range(source.shape[2]):
        ndimage.affine_transform(
            source[:, :, channel],
            matrix[:2, :2],
            matrix[:2, 2],
            output=warped[:, :, channel],
            order=order,
            mode=fill_mode,
            cval=cval,
        )
    return warped if out is not None else warped.astype(image.dtype, copy=False)
