"""Coordinates: from the delivered image to the file it was read from, and back.

Two conventions meet here, those of COCO, OpenCV and albumentations. A *point* (x, y) counts
pixel centres: (0, 0) is the middle of the first pixel. A *box* counts pixel edges: the first
pixel is the box (0, 0, 1, 1). So a box's corner is the point half a pixel before it.
"""

from __future__ import annotations

import numpy as np

from augflow.read.placement import placement


def resize_matrix(
    height: int, width: int, target_size: tuple[int, int], keep_aspect_ratio: bool | str
) -> np.ndarray:
    """The matrix from points of the resized image to points of the file.

    Args:
        height: of the file's image in pixels.
        width: likewise.
        target_size: (height, width) in pixels.
        keep_aspect_ratio: see ``placement``.

    Returns:
        float64 of shape (3, 3), (x, y, 1) to (x, y, 1).
    """
    place = placement(height, width, target_size, keep_aspect_ratio)
    left, top, right, bottom = place.source
    to_left, to_top, to_right, to_bottom = place.target
    by_x, by_y = (right - left) / (to_right - to_left), (bottom - top) / (to_bottom - to_top)
    # Half a pixel each way, since points count from the middle of the first pixel.
    return np.array(
        [
            [by_x, 0.0, left + (0.5 - to_left) * by_x - 0.5],
            [0.0, by_y, top + (0.5 - to_top) * by_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )


def warp_matrix(
    matrix: np.ndarray | None, height: int, width: int, horizontal: bool, vertical: bool
) -> np.ndarray:
    """The matrix from points of the transformed image to points of the resized one.

    Args:
        matrix: of the warp, output (row, column, 1) to input; None for none.
        height: of the images in pixels.
        width: likewise.
        horizontal: whether the warped image is mirrored left and right.
        vertical: whether it is mirrored top and bottom.

    Returns:
        float64 of shape (3, 3), (x, y, 1) to (x, y, 1).
    """
    flips = np.eye(3)
    if horizontal:
        flips[0] = -1.0, 0.0, width - 1.0
    if vertical:
        flips[1] = 0.0, -1.0, height - 1.0
    if matrix is None:
        return flips
    swapped = matrix[[1, 0, 2]][:, [1, 0, 2]]
    return np.asarray(swapped @ flips)


def map_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Move points by a matrix, e.g. predicted ones back into the original file.

    Args:
        matrix: shape (3, 3), or (batch, 3, 3) for a matrix a sample: ``"transform_matrix"`` as
            a flow delivers it.
        points: shape (points, 2) or (batch, points, 2): (x, y) in pixels, counted from the
            middle of the first pixel.

    Returns:
        float64 of the shape of ``points`` (with the batch of ``matrix``).

    Raises:
        ValueError: shapes that do not fit.
    """
    matrix, points = _fitting(matrix, points, "points", 2)
    moved = points @ np.swapaxes(matrix[..., :2, :2], -1, -2)
    return np.asarray(moved + matrix[..., None, :2, 2])


def map_boxes(matrix: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Move boxes by a matrix: the upright boxes around their moved corners.

    Args:
        matrix: as for ``map_points``.
        boxes: shape (boxes, 4) or (batch, boxes, 4): (x_min, y_min, x_max, y_max) in pixels,
            counted from the edge of the first pixel ("pascal_voc").

    Returns:
        float64 of the shape of ``boxes`` (with the batch of ``matrix``), not clipped.

    Raises:
        ValueError: shapes that do not fit.
    """
    matrix, boxes = _fitting(matrix, boxes, "boxes", 4)
    corners = boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]] - 0.5
    corners = corners.reshape(*boxes.shape[:-2], boxes.shape[-2] * 4, 2)
    moved = map_points(matrix, corners) + 0.5
    moved = moved.reshape(*moved.shape[:-2], boxes.shape[-2], 4, 2)
    return np.concatenate([moved.min(axis=-2), moved.max(axis=-2)], axis=-1)


def _fitting(
    matrix: np.ndarray, values: np.ndarray, name: str, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, of shapes that fit."""
    matrix, values = np.asarray(matrix, np.float64), np.asarray(values, np.float64)
    if matrix.ndim not in (2, 3) or matrix.shape[-2:] != (3, 3):
        raise ValueError(
            f"`matrix` must be of shape (3, 3) or (batch, 3, 3). Received: {matrix.shape}"
        )
    if values.shape == (0,):
        values = values.reshape(0, width)
    received = f"Received: {name} of shape {values.shape}, matrix of shape {matrix.shape}"
    if values.ndim not in (2, 3) or values.shape[-1] != width:
        raise ValueError(
            f"`{name}` must be of shape ({name}, {width}) or (batch, {name}, {width}). {received}"
        )
    if matrix.ndim != 3:
        return matrix, values
    if values.ndim == 3 and len(values) != len(matrix):
        raise ValueError(f"`{name}` and `matrix` must be of the same batch. {received}")
    if values.ndim == 2 and len(values) == len(matrix) > 1:
        raise ValueError(
            f"is each of the `{name}` of another sample of the batch, or do all belong to each? "
            f"Pass {name}[:, None] for one a sample, or {name}[None].repeat(len(matrix), 0) for "
            f"all. {received}"
        )
    return matrix, values
