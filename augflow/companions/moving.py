"""What moves with an image: masks, boxes, keypoints, and the matrix of the move itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from augflow.base.settings import ReadSettings, TransformSettings
from augflow.base.user_code import UserCode
from augflow.companions.annotations import (
    LABEL_DTYPE,
    NO_LABEL,
    Boxes,
    Keypoints,
    from_edges,
    parse_boxes,
    parse_points,
    to_edges,
)
from augflow.companions.masks import MaskSettings, load_masks
from augflow.memory.layout import Field
from augflow.read.image_size import image_size
from augflow.transform.apply import Move, transform_image
from augflow.transform.draw import Column
from augflow.transform.point_matrix import map_boxes, map_points, resize_matrix, warp_matrix

# A box of which all is inside may lose this part of its area to rounding.
_ROUNDING = 1e-6


class Record(NamedTuple):
    """Where one sample's companions come from.

    Attributes:
        masks: paths, or what the loader takes.
        boxes: an array, or what the loader takes; None for the path of the image.
        labels: of the boxes, None for none.
        points: likewise.
    """

    masks: tuple[Any, ...] = ()
    boxes: Any = None
    labels: Any = None
    points: Any = None


@dataclass(frozen=True)
class CompanionSettings:
    """What moves with the images of a flow.

    Attributes:
        masks, boxes, keypoints: how they are read, None for none. Boxes and keypoints know
            their number.
        has_labels: whether boxes have labels.
        matrix: whether each sample's matrix is delivered.
    """

    masks: MaskSettings | None = None
    boxes: Boxes | None = None
    has_labels: bool = False
    keypoints: Keypoints | None = None
    matrix: bool = False

    def fields(self, image_shape: tuple[int, int, int], channels_first: bool) -> dict[str, Field]:
        """The arrays that a batch gets, by their names in the targets."""
        height, width, _ = image_shape
        fields = {}
        if self.masks is not None:
            count = self.masks.count
            shape = (count, height, width) if channels_first else (height, width, count)
            fields["masks"] = Field(shape, np.dtype(self.masks.dtype).str)
        if self.boxes is not None:
            most = self.boxes.max_boxes or 1
            fields["boxes"] = Field((most, 4), "<f4")
            if self.has_labels:
                fields["labels"] = Field((most,), np.dtype(LABEL_DTYPE).str)
            fields["valid"] = Field((most,), "|b1")
        if self.keypoints is not None:
            most = self.keypoints.max_points or 1
            fields["keypoints"] = Field((most, 2), "<f4")
            fields["visible"] = Field((most,), "|b1")
        if self.matrix:
            fields["transform_matrix"] = Field((3, 3), "<f8")
        return fields

    def user_functions(self) -> list[Any]:
        """The functions of the user that read companions."""
        sources = (self.masks, self.boxes, self.keypoints)
        return [one.loader for one in sources if one is not None and one.loader is not None]


@dataclass
class Companions:
    """The companions of one image, as they lie on it at the moment.

    Attributes:
        masks: (height, width, masks), None for none.
        boxes: float64 of shape (boxes, 4): edges in pixels, inside of the image.
        labels: int64 of shape (boxes,), None for none.
        points: float64 of shape (points, 2), also outside of the image; NaN where there is
            none.
        visible: bool of shape (points,): those that have been inside all the way.
        matrix: from points of the image to points of the file.
        size: (height, width) of the image in pixels.
    """

    masks: np.ndarray | None
    boxes: np.ndarray
    labels: np.ndarray | None
    points: np.ndarray
    visible: np.ndarray
    matrix: np.ndarray
    size: tuple[int, int]


def read_companions(
    settings: CompanionSettings,
    record: Record,
    path: Any,
    read: ReadSettings,
    move: Move,
    transform: TransformSettings | None,
) -> Companions:
    """Read one sample's companions and move them as the image is moved.

    Args:
        settings: what there is.
        record: where it comes from.
        path: of the image's file.
        read: how the image is read.
        move: of the image.
        transform: how pixels are moved, None for no transform.

    Raises:
        TypeError, ValueError, OSError: they cannot be read, or do not fit.
    """
    assert read.target_size is not None
    parameters, matrix = move
    size = image_size(path, read)
    height, width = read.target_size
    flips = bool(parameters[Column.FLIP_HORIZONTAL]), bool(parameters[Column.FLIP_VERTICAL])
    moved = warp_matrix(matrix, height, width, *flips)
    resized = resize_matrix(*size, read.target_size, read.keep_aspect_ratio)
    # In two steps: what was cropped away does not come back with a transform.
    steps = np.linalg.inv(resized), np.linalg.inv(moved)
    masks = None
    if settings.masks is not None:
        masks = load_masks(record.masks, settings.masks, read, size)
        if transform is not None:
            masks = _move_masks(masks, parameters, matrix, transform, settings.masks.fill)
    boxes, labels = np.empty((0, 4)), None
    if settings.boxes is not None:
        boxes, labels = _read_boxes(settings.boxes, settings.has_labels, record, path)
        boxes = to_edges(boxes, settings.boxes.format, *size)
        for step in steps:
            boxes = map_boxes(step, boxes)
            boxes, kept = clip_boxes(boxes, height, width, settings.boxes.min_visibility)
            labels = None if labels is None else labels[kept]
    points, visible = np.empty((0, 2)), np.empty(0, bool)
    if settings.keypoints is not None:
        points = _read_points(settings.keypoints, record, path)
        visible = np.ones(len(points), bool)
        for step in steps:
            points = map_points(step, points)
            visible &= are_inside(points, height, width)
    return Companions(masks, boxes, labels, points, visible, resized @ moved, (height, width))


def write_companions(
    settings: CompanionSettings,
    companions: Companions,
    arrays: dict[str, np.ndarray],
    row: int,
    channels_first: bool,
) -> None:
    """Write one sample's companions into its row of the batch.

    Args:
        settings: what there is.
        companions: of the sample.
        arrays: of the whole batch, by the names of ``settings.fields``.
        row: of the batch.
        channels_first: whether masks come before rows and columns.
    """
    height, width = companions.size
    if companions.masks is not None:
        masks = companions.masks
        arrays["masks"][row] = masks.transpose(2, 0, 1) if channels_first else masks
    if settings.boxes is not None:
        count = len(companions.boxes)
        most = len(arrays["valid"][row])
        if count > most:
            raise ValueError(
                f"the augmentation made {count} boxes, more than max_boxes={most}: it splits "
                "them, as A.RandomGridShuffle does. Raise `max_boxes` or leave that transform out"
            )
        form = settings.boxes.format
        _write_padded(arrays["boxes"][row], from_edges(companions.boxes, form, height, width), 0)
        if companions.labels is not None:
            _write_padded(arrays["labels"][row], companions.labels, NO_LABEL)
        arrays["valid"][row] = np.arange(most) < count
    if settings.keypoints is not None:
        _write_padded(arrays["keypoints"][row], np.nan_to_num(companions.points), 0)
        _write_padded(arrays["visible"][row], companions.visible, False)
    if settings.matrix:
        arrays["transform_matrix"][row] = companions.matrix


def clip_boxes(
    boxes: np.ndarray, height: int, width: int, min_visibility: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cut boxes at the image's edges, and drop those of which too little is left.

    Args:
        boxes: float64 of shape (boxes, 4): edges in pixels.
        height: of the image in pixels.
        width: likewise.
        min_visibility: the least fraction of a box's area; a box without area is dropped.

    Returns:
        The boxes that are kept, and which of the given ones those are: int of shape (kept,).
    """
    clipped = np.clip(boxes, 0, (width, height, width, height))
    left = _areas(clipped)
    least = min_visibility * (1 - _ROUNDING) * _areas(boxes)
    kept = np.flatnonzero((left > 0) & (left >= least))
    return clipped[kept], kept


def are_inside(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Which points lie on pixels of an image: bool of shape (points,), False for NaN."""
    inside = (points >= -0.5) & (points <= (width - 0.5, height - 0.5))
    return np.asarray(inside.all(axis=1))


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _move_masks(
    masks: np.ndarray,
    parameters: np.ndarray,
    matrix: np.ndarray | None,
    transform: TransformSettings,
    fill: int | None,
) -> np.ndarray:
    """The image's own warp and flips, by picking pixels, without its colours."""
    geometry = parameters.copy()
    geometry[[Column.CHANNEL_SHIFT_INTENSITY, Column.BRIGHTNESS]] = np.nan
    # cval is a colour, and no class number.
    mode = transform.fill_mode if fill is None else "constant"
    picking = replace(transform, interpolation_order=0, fill_mode=mode, cval=fill or 0)
    return transform_image(masks, geometry, matrix, picking)


def _read_boxes(
    settings: Boxes, has_labels: bool, record: Record, path: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    value, labels = record.boxes, record.labels
    if settings.loader is not None:
        with UserCode(_note, "Boxes", settings.column, value):
            value = settings.loader(path if settings.column is None else value)
            boxes, labels = parse_boxes(value, settings)
        if has_labels != (labels is not None):
            which = "no labels" if has_labels else "labels"
            raise ValueError(f"the boxes' loader gave {which}, unlike for the first sample")
        return boxes, labels
    # Columns were checked when the flow was made.
    return value, labels


def _read_points(settings: Keypoints, record: Record, path: Any) -> np.ndarray:
    if settings.loader is None:
        return np.asarray(record.points)
    with UserCode(_note, "Keypoints", settings.column, record.points):
        value = settings.loader(path if settings.column is None else record.points)
        return parse_points(value, settings)


def _note(kind: str, column: Any, value: Any) -> str:
    given = "the path of the image" if column is None else f"{value!r} of column {column!r}"
    return f"augflow: the loader of {kind} was given {given}"


def _write_padded(row: np.ndarray, values: np.ndarray, padding: Any) -> None:
    row[: len(values)] = values
    row[len(values) :] = padding
