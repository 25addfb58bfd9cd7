"""Where an image comes to lie in one of another shape: distorted, cropped or padded.

Everything that has to move with an image (masks, boxes, points) asks the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from augflow.base.words import did_you_mean

# (left, top, right, bottom) in pixels, as Pillow's boxes are.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Placement:
    """A part of an image, and the part of the target that it is resized to.

    A point (x, y) of the image, counted in pixels from its left upper corner, comes to
    ``left + (x - source_left) * width_of(target) / width_of(source)``, and likewise down.

    Attributes:
        source: the part of the image that is used.
        target: the part of the target that it fills; what is left over is 0.
    """

    source: Box
    target: Box

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) that the source is resized to."""
        left, top, right, bottom = self.target
        return bottom - top, right - left


def placement(
    height: int, width: int, target_size: tuple[int, int], keep_aspect_ratio: bool | str
) -> Placement:
    """Where an image comes to lie in the target.

    Args:
        height: height of the image in pixels.
        width: width of the image.
        target_size: (height, width).
        keep_aspect_ratio: False: the whole image fills the whole target; True or "crop": its
            largest centred part of the target's shape does, by Keras's integer rule; "pad":
            the whole image, as large as it fits, lies in the middle of the target. Where the
            rest is odd, the right or lower edge has one pixel more.
    """
    whole: Box = (0, 0, width, height)
    target_height, target_width = target_size
    whole_target: Box = (0, 0, target_width, target_height)
    if keep_aspect_ratio == "pad":
        if width * target_height >= height * target_width:
            fitting = (_rounded(height * target_width, width), target_width)
        else:
            fitting = (target_height, _rounded(width * target_height, height))
        top, left = (target_height - fitting[0]) // 2, (target_width - fitting[1]) // 2
        return Placement(whole, (left, top, left + fitting[1], top + fitting[0]))
    if keep_aspect_ratio and (height, width) != tuple(target_size):
        return Placement(centre_box(height, width, target_height, target_width), whole_target)
    return Placement(whole, whole_target)


def centre_box(height: int, width: int, target_height: int, target_width: int) -> Box:
    """The largest centred crop of the target's aspect ratio, by Keras's integer rule.

    Args:
        height: height of the image in pixels, as all numbers here.
        width: width of the image.
        target_height: height that the crop will be resized to.
        target_width: width that the crop will be resized to.
    """
    crop_height = min(height, (width * target_height) // target_width)
    crop_width = min(width, (height * target_width) // target_height)
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return left, top, left + crop_width, top + crop_height


def checked_keep_aspect_ratio(value: Any) -> bool | str:
    """False, True (also for "crop") or "pad".

    Raises:
        ValueError: another text.
    """
    if isinstance(value, str):
        if value not in ("crop", "pad"):
            raise ValueError(
                '`keep_aspect_ratio` must be False, True, "crop" (the same as True) or "pad". '
                f"Received: {value!r}{did_you_mean(value, ('crop', 'pad'))}"
            )
        return "pad" if value == "pad" else True
    return bool(value)


def _rounded(numerator: int, denominator: int) -> int:
    """The nearest integer, at least 1; halves go up."""
    return max(1, (2 * numerator + denominator) // (2 * denominator))
