"""Boxes that cannot be meant: fractions given as pixels, or all outside of their images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.warn_user import warn_user
from augflow.companions.annotations import Boxes, to_edges
from augflow.read.image_size import image_size

# So many images with boxes are looked at.
_IMAGES = 8


def warn_of_boxes(
    settings: Boxes,
    values: Sequence[np.ndarray],
    path: Callable[[int], str],
    read: ReadSettings,
) -> None:
    """Warn where the boxes of a column do not lie on their images.

    Args:
        settings: their format.
        values: for each image float64 of shape (boxes, 4), as given.
        path: of an image, by its place.
        read: how images are read.
    """
    filled = [(place, boxes) for place, boxes in enumerate(values) if len(boxes)]
    # Of "yolo" what is no fraction is refused.
    if not filled or settings.format == "yolo":
        return
    highest = max(float(boxes.max()) for _, boxes in filled)
    where = f"augflow: Boxes(column={settings.column!r}, format={settings.format!r})"
    if highest <= 1:
        warn_user(
            f"{where} has no value above {highest:g}, where pixels of the file are expected: "
            'fractions of the image, with the centre of each box, are format="yolo".'
        )
        return
    first = filled[:_IMAGES]
    if all(_is_outside(boxes, settings, path(place), read) for place, boxes in first):
        warn_user(
            f"{where}: all boxes of the first {len(first)} images that have some lie outside of "
            f"their image, e.g. {first[0][1][0].tolist()} of {path(first[0][0])!r}. They count in "
            'pixels of the file; of "pascal_voc" the last two are x_max and y_max, of "coco" '
            "width and height."
        )


def _is_outside(boxes: np.ndarray, settings: Boxes, path: str, read: ReadSettings) -> bool:
    try:
        height, width = image_size(path, read)
    except OSError:
        # What is broken is told when it is read.
        return False
    left, top, right, bottom = to_edges(boxes, settings.format, height, width).T
    return bool(((left >= width) | (top >= height) | (right <= 0) | (bottom <= 0)).all())
