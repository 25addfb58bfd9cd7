"""Boxes and keypoints: how they are given, and how they are delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FORMATS = ("pascal_voc", "coco", "yolo")
# In the place of a label where there is no box; Keras's ``ignore_class`` takes it.
NO_LABEL = -1
LABEL_DTYPE = "int32"


@dataclass(frozen=True)
class Boxes:
    """Boxes that move with the image: pass it as ``boxes=`` of a flow.

    Coordinates count pixel edges: the first pixel is the box from (0, 0) to (1, 1).

    Args:
        column: of the dataframe: for each row an array or list of boxes, shape (boxes, 4), in
            pixels of the original file (for "yolo" in fractions of its sides). An empty list
            for none.
        format: "pascal_voc" (default): x_min, y_min, x_max, y_max. "coco": x_min, y_min,
            width, height. "yolo": x_centre, y_centre, width, height, as fractions of the image.
            Boxes are delivered in the same format, in pixels of the delivered image (or in
            fractions of it).
        labels: column of the boxes' class numbers, a list of ints for each row; None for none.
        loader: function from the column's value (without ``column``: from the image's path) to
            the boxes, or to a dict with "boxes" and "labels". Runs in the workers.
        max_boxes: boxes of a sample, to which it is padded; needed with a loader. Defaults to
            the most in a row.
        min_visibility: from 0 to 1: a box is dropped if less than this fraction of its area is
            inside of the image after a transform. Defaults to 0: if nothing of it is.

    Raises:
        TypeError, ValueError: a value that cannot be used.
    """

    column: Any = None
    format: str = "pascal_voc"
    labels: Any = None
    loader: Callable[[Any], Any] | None = None
    max_boxes: int | None = None
    min_visibility: float = 0.0

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"`format` must be one of {FORMATS}. Received: {self.format!r}")
        _check_source("Boxes", self.column, self.loader)
        _check_most("max_boxes", self.max_boxes, self.loader)
        if self.labels is not None and self.loader is not None:
            raise ValueError(
                'with a loader, labels come from it: return {"boxes": ..., "labels": ...} and '
                f"leave `labels` out. Received: labels={self.labels!r}"
            )
        visibility = self.min_visibility
        if not isinstance(visibility, int | float | np.number) or not 0 <= visibility <= 1:
            raise ValueError(
                f"`min_visibility` must be from 0 to 1. Received: {self.min_visibility!r}"
            )


@dataclass(frozen=True)
class Keypoints:
    """Keypoints that move with the image: pass it as ``keypoints=`` of a flow.

    Coordinates count pixel centres: (0, 0) is the middle of the first pixel.

    Args:
        column: of the dataframe: for each row an array or list of points, shape (points, 2):
            x, y in pixels of the original file; or (points, 3) with a third number that is 0
            where a point is not visible. NaN for a point that is not there.
        loader: function from the column's value (without ``column``: from the image's path) to
            the points. Runs in the workers.
        max_points: points of a sample, to which it is padded; needed with a loader. Defaults
            to the most in a row.

    Raises:
        TypeError, ValueError: a value that cannot be used.
    """

    column: Any = None
    loader: Callable[[Any], Any] | None = None
    max_points: int | None = None

    def __post_init__(self) -> None:
        _check_source("Keypoints", self.column, self.loader)
        _check_most("max_points", self.max_points, self.loader)


def _check_source(name: str, column: Any, loader: Any) -> None:
    if loader is not None and not callable(loader):
        raise TypeError(f"`loader` must be a function. Received: {loader!r}")
    if column is None and loader is None:
        raise ValueError(f"{name} needs a `column`, a `loader` or both. Received neither")


def _check_most(name: str, most: Any, loader: Any) -> None:
    if most is None:
        if loader is not None:
            raise ValueError(
                f"`{name}` is needed with a loader: every sample is padded to that many"
            )
        return
    if not isinstance(most, int | np.integer) or isinstance(most, bool) or most < 1:
        raise ValueError(f"`{name}` must be an int of at least 1. Received: {most!r}")


def parse_boxes(value: Any, settings: Boxes) -> tuple[np.ndarray, np.ndarray | None]:
    """The boxes of one sample as arrays, checked.

    Args:
        value: boxes, or a loader's dict.
        settings: format and number.

    Returns:
        float64 of shape (boxes, 4) as given, and int64 of shape (boxes,) or None.

    Raises:
        TypeError, ValueError: a wrong shape, numbers that are none, sides below 0, or too many.
    """
    labels = None
    # In a column a dict is an error: its labels would have no place among the other rows'.
    if isinstance(value, Mapping) and settings.loader is not None:
        labels = value.get("labels")
        if "boxes" not in value:
            raise ValueError(
                f'expected a dict with "boxes" (and "labels"). Received: {list(value)}'
            )
        value = value["boxes"]
    boxes = _as_floats(value, "boxes", (4,))
    if not np.isfinite(boxes).all():
        raise ValueError(f"boxes must be finite numbers. Received: {boxes.tolist()}")
    sides = boxes[:, 2:] - boxes[:, :2] if settings.format == "pascal_voc" else boxes[:, 2:]
    wrong = np.flatnonzero((sides < 0).any(axis=1))
    if len(wrong):
        raise ValueError(
            f"box {boxes[wrong[0]].tolist()} has a negative side in the format "
            f"{settings.format!r}. Is the format right?"
        )
    if settings.format == "yolo" and len(boxes) and not (np.abs(boxes) <= 2).all():
        raise ValueError(
            f'"yolo" boxes are fractions of the image\'s sides. Received: {boxes.tolist()}'
        )
    if settings.max_boxes is not None and len(boxes) > settings.max_boxes:
        raise ValueError(
            f"{len(boxes)} boxes are more than max_boxes={settings.max_boxes}: raise it"
        )
    return boxes, None if labels is None else parse_labels(labels, len(boxes))


def parse_labels(labels: Any, count: int) -> np.ndarray:
    """The class numbers of one sample's boxes as int64 of shape (boxes,), checked.

    Args:
        labels: an int for each box.
        count: of the boxes.

    Raises:
        ValueError: another number of them, no integers, or larger ones than int32 holds.
    """
    numbers = np.asarray(labels)
    if numbers.dtype.kind == "f" and np.isfinite(numbers).all() and (numbers % 1 == 0).all():
        # pandas makes floats of integers as soon as one of them is missing.
        numbers = np.asarray([int(number) for number in numbers.ravel()]).reshape(numbers.shape)
    if numbers.shape != (count,) or (count and numbers.dtype.kind not in "iu"):
        raise ValueError(
            f"expected {count} label(s), a class number (int) for each box; names become "
            f"numbers with a dict. Received: {labels!r}"
        )
    limits = np.iinfo(LABEL_DTYPE)
    if count and (numbers.min() < limits.min or numbers.max() > limits.max):
        raise ValueError(
            f"labels must fit into {LABEL_DTYPE}, {limits.min} to {limits.max}: number the classes "
            f"from 0. Received: {labels!r}"
        )
    return numbers.astype(np.int64)


def parse_points(value: Any, settings: Keypoints) -> np.ndarray:
    """The keypoints of one sample, checked.

    Args:
        value: points, as ``Keypoints`` describes them.
        settings: how many.

    Returns:
        float64 of shape (points, 2); NaN where a point is not there or not visible.

    Raises:
        TypeError, ValueError: a wrong shape, numbers that are none, or too many.
    """
    points = _as_floats(value, "keypoints", (2, 3))
    if np.isinf(points).any():
        raise ValueError(
            f"keypoints must be finite numbers, or NaN for none. Received: {points.tolist()}"
        )
    if settings.max_points is not None and len(points) > settings.max_points:
        raise ValueError(
            f"{len(points)} keypoints are more than max_points={settings.max_points}: raise it"
        )
    if points.shape[1] == 3:
        points = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
    return points


def _as_floats(value: Any, name: str, widths: tuple[int, ...]) -> np.ndarray:
    if isinstance(value, str):
        raise TypeError(
            f"expected a list of {name}. Received the text {value[:60]!r}: pass loader=json.loads "
            "(or another parser), or parse the column first"
        )
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
        valid = False
    else:
        if numbers.shape == (0,):
            return np.empty((0, widths[0]))
        valid = numbers.ndim == 2 and numbers.shape[1] in widths
    if not valid:
        expected = " or ".join(f"({name}, {width})" for width in widths)
        hint = ""
        if numbers.ndim == 1 and len(numbers) in widths:
            one = name[:-1] if name == "keypoints" else "box"
            hint = (
                f". One {one} is a list of one: {[numbers.tolist()]}; a table with a row for each "
                f"{one} becomes one with a row for each image by groupby(x_col).agg(list)"
            )
        raise ValueError(
            f"expected numbers of shape {expected}, or an empty list for none. Received: "
            f"{value!r}{hint}"
        )
    return numbers


def to_edges(boxes: np.ndarray, box_format: str, height: int, width: int) -> np.ndarray:
    """Boxes of a format as x_min, y_min, x_max, y_max in pixels: a new array."""
    if box_format == "pascal_voc":
        return boxes.copy()
    if box_format == "coco":
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=1) * (width, height, width, height)


def from_edges(boxes: np.ndarray, box_format: str, height: int, width: int) -> np.ndarray:
    """The inverse of ``to_edges``."""
    if box_format == "pascal_voc":
        return boxes
    sides = boxes[:, 2:] - boxes[:, :2]
    if box_format == "coco":
        return np.concatenate([boxes[:, :2], sides], axis=1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([middle, sides], axis=1) / (width, height, width, height)
