"""The user's own augmentation: albumentations, or a function of an image and a generator.

It runs after Keras's random transforms, on 8-bit levels. Each sample has generators of its own,
made for (seed, epoch, sample), so neither the number of workers nor their order can be seen.
albumentations is not imported here: a pipeline arrives as an object, ready to be called.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augflow.companions.masks import check_range
from augflow.companions.moving import Companions, are_inside, clip_boxes
from augflow.order.streams import globals_as

_MARK = "_augflow_is_photometric"
_LARGEST_IN_FLOAT32 = 1 << 24
_BEYOND_OVERSHOOT = 511
# What a pipeline carries along to tell which boxes and points are left.
BOX_ROWS, POINT_ROWS = "augflow_box_rows", "augflow_point_rows"
# The first label field is the one that transforms such as ConstrainedCoarseDropout look at.
BOX_LABELS = "augflow_box_labels"


def photometric(function: Callable[..., Any]) -> Callable[..., Any]:
    """Promise that an augmentation function leaves every pixel in its place.

    A function for ``ImageDataGenerator(augmentation=...)`` sees the image alone. Where masks,
    boxes or keypoints have to stay on the image, augflow takes it only with this promise.

    Args:
        function: takes (image, rng), returns an image of the same shape.

    Returns:
        The function itself, marked, so this may be used as a decorator; of what takes no mark,
        e.g. a method, a callable that stands for it.

    Raises:
        TypeError: no function, or a transform of albumentations, of which is known what it does.
    """
    if not callable(function) or is_of_albumentations(function):
        raise TypeError(
            "photometric takes a function f(image, rng); a pipeline of albumentations needs no "
            f"promise. Received: {function!r}"
        )
    try:
        setattr(function, _MARK, True)
    except AttributeError:
        return _Promised(function)
    return function


@dataclass(frozen=True)
class _Promised:
    """A photometric function that cannot be marked."""

    function: Callable[..., Any]

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> Any:
        return self.function(image, rng)


def is_photometric(function: Any) -> bool:
    """Whether the promise was given for a function."""
    return isinstance(function, _Promised) or bool(getattr(function, _MARK, False))


def is_of_albumentations(value: Any) -> bool:
    """Whether it is an object of albumentations, without importing that."""
    return any(kind.__module__.split(".")[0] == "albumentations" for kind in type(value).__mro__)


@dataclass(frozen=True)
class Augmentation:
    """What a flow does to each image after Keras's transforms.

    Attributes:
        function: called as ``function(image, rng)``; None for a pipeline.
        pipeline: a composition of albumentations, with parameters for boxes and points where
            there are any; None for a function.
        takes_companions: whether the pipeline moves masks, boxes and points, or looks at them.
    """

    function: Callable[..., Any] | None = None
    pipeline: Any = None
    takes_companions: bool = False

    def apply(
        self, image: np.ndarray, rng: np.random.Generator, companions: Companions | None
    ) -> tuple[np.ndarray, Companions | None]:
        """Augment one image, and what moves with it.

        Args:
            image: (height, width, channels), levels from 0 to 255 of any dtype; not changed.
            rng: the sample's own.
            companions: what lies on the image, None for nothing.

        Returns:
            The image, of the same shape and of the dtype that came out, and its companions.

        Raises:
            TypeError, ValueError: what came out is no image, or one of another shape.
        """
        levels = to_levels(image)
        # Transforms that draw from `random` or `np.random` draw from this sample's numbers, too.
        with globals_as(int(rng.integers(2**32))):
            if self.function is not None:
                augmented = self.function(levels, rng)
            else:
                taken = companions if self.takes_companions else None
                data = self._call_pipeline(levels, rng, taken)
                augmented = data["image"]
        augmented = _checked(augmented, levels.shape, self.function)
        if companions is not None and self.takes_companions:
            companions = _moved(companions, data)
        return augmented, companions

    def _call_pipeline(
        self, image: np.ndarray, rng: np.random.Generator, companions: Companions | None
    ) -> dict[str, Any]:
        # Not set_random_seed: it gives each transform a generator of the same seed, so that all
        # of them draw the same numbers.
        self.pipeline.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        data: dict[str, Any] = {"image": image}
        if companions is not None:
            processors = self.pipeline.processors
            if companions.masks is not None:
                masks = _for_opencv(companions.masks)
                # What looks at a mask looks for one only.
                data |= {"mask": masks[0]} if len(masks) == 1 else {"masks": masks}
            if "bboxes" in processors:
                data["bboxes"] = companions.boxes
                data[BOX_ROWS] = np.arange(len(companions.boxes))
                if companions.labels is not None:
                    data[BOX_LABELS] = companions.labels
            if "keypoints" in processors:
                data["keypoints"] = np.nan_to_num(companions.points)
                data[POINT_ROWS] = np.arange(len(companions.points))
        result: dict[str, Any] = self.pipeline(**data)
        return result


def _moved(companions: Companions, data: dict[str, Any]) -> Companions:
    """What a pipeline has made of the companions of an image."""
    masks, boxes, labels = companions.masks, companions.boxes, companions.labels
    points = companions.points
    if masks is not None:
        found = list(data["masks"]) if "masks" in data else [data["mask"]]
        masks = _as_masks(np.stack(found, axis=2), masks.dtype)
    if BOX_ROWS in data:
        rows = np.asarray(data[BOX_ROWS], np.intp)
        boxes = np.asarray(data["bboxes"], np.float64).reshape(-1, 4)
        # albumentations has cut them and counted what is left; this is for its roundings.
        boxes, kept = clip_boxes(boxes, *companions.size, 0.0)
        labels = None if labels is None else labels[rows[kept]]
    if POINT_ROWS in data:
        rows = np.asarray(data[POINT_ROWS], np.intp)
        # What the pipeline has removed, and what was not there before, is not there.
        points = np.full_like(points, np.nan)
        points[rows] = np.asarray(data["keypoints"], np.float64).reshape(-1, 2)
        points[np.isnan(companions.points)] = np.nan
    visible = companions.visible & are_inside(points, *companions.size)
    return replace(
        companions, masks=masks, boxes=boxes, labels=labels, points=points, visible=visible
    )


def _as_masks(moved: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Masks that albumentations has moved, of the flow's dtype again."""
    if dtype.kind in "iu" and moved.dtype.kind == "f":
        moved = np.rint(moved)
    check_range(moved, dtype, "after the augmentation")
    return moved.astype(dtype, copy=False)


def to_levels(image: np.ndarray) -> np.ndarray:
    """An image rounded and clipped to 8-bit levels: a new uint8 array.

    Raises:
        ValueError: levels far beyond 255, of a 16-bit image; splines overshoot a little.
    """
    if image.dtype == np.uint8:
        return image.copy()
    # Not so for NaN, too.
    if image.size and not image.max() <= _BEYOND_OVERSHOOT:
        raise ValueError(
            "an augmentation works on 8-bit levels, 0 to 255. Received an image with levels up "
            f"to {image.max()}: convert the files, or use preprocessing_function"
        )
    if image.dtype.kind == "f":
        image = np.rint(image)
    return np.clip(image, 0, 255).astype(np.uint8)


def check_levels(images: np.ndarray) -> None:
    """Raise unless an array of images holds levels from 0 to 255.

    Raises:
        ValueError: levels below 0 or above 255, fractions between 0 and 1, or NaN.
    """
    if images.dtype == np.uint8 or not images.size:
        return
    lowest, highest = images.min(), images.max()
    scaled = highest <= 1 and images.dtype.kind == "f" and bool((images % 1 != 0).any())
    # Not so for NaN, too.
    if not (lowest >= 0 and highest <= 255) or scaled:
        raise ValueError(
            "an augmentation works on 8-bit levels: `x` must hold levels from 0 to 255. Received "
            f"values from {lowest} to {highest}. Give the images as they were read, and scale "
            "them with ImageDataGenerator(rescale=1/255)."
        )


def check_levels_dtype(dtype: str) -> None:
    """Raise unless files of a dtype, read as they are, hold 8-bit levels.

    Raises:
        ValueError: they do not.
    """
    if dtype != "uint8":
        raise ValueError(
            "an augmentation works on 8-bit levels, 0 to 255. Received files of "
            f'{dtype} with color_mode="unchanged": use preprocessing_function instead'
        )


def _for_opencv(masks: np.ndarray) -> np.ndarray:
    """Masks as (masks, height, width) of a dtype that OpenCV warps."""
    if masks.dtype.kind != "f" and masks.size and int(masks.max()) > _LARGEST_IN_FLOAT32:
        raise ValueError(
            f"albumentations moves class numbers up to {_LARGEST_IN_FLOAT32}. Received a mask "
            f"with {int(masks.max())}: number the classes from 0."
        )
    dtype = np.uint8 if masks.dtype == np.uint8 else np.float32
    return np.ascontiguousarray(masks.transpose(2, 0, 1), dtype=dtype)


def _checked(image: Any, shape: tuple[int, ...], function: Any) -> np.ndarray:
    who = "the augmentation" if function is None else f"the augmentation {function!r}"
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "uifb":
        hint = " Leave ToTensorV2 out." if type(image).__module__.startswith("torch") else ""
        what = f"one of dtype {image.dtype}" if isinstance(image, np.ndarray) else None
        raise TypeError(
            f"{who} must return an array of numbers of shape {shape}. Received: "
            f"{what or type(image).__name__}.{hint}"
        )
    if image.shape == shape[:2] and shape[2] == 1:
        return image[:, :, None]
    if image.shape != shape:
        back = (
            f"bring the pipeline back to it, e.g. with A.Resize({shape[0]}, {shape[1]}) or "
            f"A.RandomResizedCrop(({shape[0]}, {shape[1]}))"
            if function is None
            else "return an image of that size"
        )
        raise ValueError(
            f"{who} must keep the shape of the image, {shape} (height, width, channels). "
            f"Received: {image.shape}. All images of a batch have the flow's target_size: set "
            f"that, and {back}."
        )
    return image
