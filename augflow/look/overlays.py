"""What lies on a picture: masks as outlines, boxes, keypoints."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from augflow.companions.annotations import to_edges
from augflow.look.facts import Meaning
from augflow.look.strip import targets_of

# Told apart by most people who see colours differently (Okabe and Ito).
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7", "#0072B2")
_MOST_CLASSES = 32


class Overlay(NamedTuple):
    """What lies on one picture.

    Attributes:
        outlines: bool arrays of shape (height, width): areas, each to be outlined.
        boxes: float64 of shape (boxes, 4): x_min, y_min, x_max, y_max, in pixel edges.
        box_labels: int of shape (boxes,), None for none.
        points: float64 of shape (points, 2): x, y, in pixel centres.
    """

    outlines: list[np.ndarray]
    boxes: np.ndarray
    box_labels: np.ndarray | None
    points: np.ndarray


def overlay_of(batch: Any, row: int, meaning: Meaning, shape: tuple[int, ...]) -> Overlay:
    """What lies on the picture of a sample.

    Args:
        batch: as the flow hands it over.
        row: of the sample.
        meaning: of the batch.
        shape: of the sample, an image or a volume.
    """
    targets = targets_of(batch)
    named = targets if isinstance(targets, dict) else {}
    masks = named.get("masks", None if named else targets)
    height, width = shape[1:3] if meaning.channels_first else shape[:2]
    outlines = []
    if isinstance(masks, np.ndarray):
        outlines = _outlines(masks[row], shape, meaning.channels_first)
    boxes, labels = np.empty((0, 4)), None
    if "boxes" in named and meaning.box_format is not None:
        valid = named["valid"][row]
        given = named["boxes"][row][valid].astype(np.float64)
        boxes = to_edges(given, meaning.box_format, height, width)
        labels = named["labels"][row][valid] if "labels" in named else None
    points = np.empty((0, 2))
    if "keypoints" in named:
        points = named["keypoints"][row][named["visible"][row]].astype(np.float64)
    return Overlay(outlines, boxes, labels, points)


def draw_overlay(axes: Any, overlay: Overlay) -> None:
    """Draw what lies on a picture that ``axes.imshow`` has drawn.

    Args:
        axes: of matplotlib.
        overlay: what to draw.
    """
    for number, area in enumerate(overlay.outlines):
        colour = COLOURS[number % len(COLOURS)]
        # Framed by nothing, so that an area at the edge has an outline there, too.
        framed = np.pad(area, 1).astype(np.float32)
        sides = [np.arange(-1, side + 1) for side in reversed(area.shape)]
        axes.contour(*sides, framed, levels=[0.5], colors=[colour], linewidths=1.5)
    for number, (left, top, right, bottom) in enumerate(overlay.boxes.tolist()):
        label = None if overlay.box_labels is None else int(overlay.box_labels[number])
        colour = COLOURS[(label or 0) % len(COLOURS)]
        # Pixel edges: the first pixel's middle is 0 for matplotlib.
        x = np.array([left, right, right, left, left]) - 0.5
        y = np.array([top, top, bottom, bottom, top]) - 0.5
        axes.plot(x, y, color=colour, linewidth=1.5)
        if label is not None:
            axes.text(left, top, str(label), color="white", backgroundcolor=colour, fontsize=6)
    if len(overlay.points):
        axes.plot(*overlay.points.T, ".", color=COLOURS[4], markersize=6, markeredgecolor="white")


def _outlines(mask: np.ndarray, shape: tuple[int, ...], channels_first: bool) -> list[np.ndarray]:
    """The areas of a mask of class numbers; none where a target is no mask of the sample."""
    if mask.dtype.kind not in "biu":
        return []
    is_volume = len(shape) == 4 or (len(shape) == 3 and mask.shape == shape)
    if is_volume and mask.shape[:3] == shape[:3]:
        mask = mask[len(mask) // 2]
    elif channels_first and mask.ndim == 3:
        mask = np.moveaxis(mask, 0, 2)
    sides = shape[1:3] if is_volume or channels_first else shape[:2]
    if mask.ndim not in (2, 3) or mask.shape[:2] != sides:
        return []
    layers = mask[..., np.newaxis] if mask.ndim == 2 else mask
    areas = []
    for layer in np.moveaxis(layers, 2, 0):
        numbers = np.unique(layer)
        areas += [layer == number for number in numbers[numbers > 0][:_MOST_CLASSES]]
    return areas
