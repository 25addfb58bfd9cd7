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

from augflow.companions import Companions, are_inside, clip_boxes
from augflow.streams import globals_as

_MARK = "_augflow_is_photometric"
_LARGEST_IN_FLOAT32 = 1 << 24
_BEYOND_OVERSHOOT = 511
# What a pipeline carries along to tell which boxes and points are left.
BOX_ROWS, POINT_ROWS = "augflow_box_rows", "augflow_point_rows"


def photometric(function: Callable[..., Any]) -> Callable[..., Any]:
    """Promise that an augmentation function leaves every pixel in its place.

    A function for ``ImageDataGenerator(augmentation=...)`` sees the image alone. Where masks,
    boxes or keypoints have to stay on the image, augflow takes it only with this promise.

    Args:
        function: takes (image, rng), returns an image of the same shape.

    Returns:
        The function itself, marked; so this may be used as a decorator.
    """
    setattr(function, _MARK, True)
    return function


def is_photometric(function: Any) -> bool:
    """Whether the promise was given for a function."""
    return bool(getattr(function, _MARK, False))


@dataclass(frozen=True)
class Augmentation:
    """What a flow does to each image after Keras's transforms.

    Attributes:
        function: called as ``function(image, rng)``; None for a pipeline.
        pipeline: a composition of albumentations, with parameters for boxes and points where
            there are any; None for a function.
        min_visibility: see ``Boxes``.
    """

    function: Callable[..., Any] | None = None
    pipeline: Any = None
    min_visibility: float = 0.0

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
                data = self._call_pipeline(levels, rng, companions)
                augmented = data["image"]
        augmented = _checked(augmented, levels.shape, self.function)
        if self.function is None and companions is not None:
            companions = self._moved(companions, data)
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
                data["masks"] = _for_opencv(companions.masks)
            if "bboxes" in processors:
                data["bboxes"] = companions.boxes
                data[BOX_ROWS] = np.arange(len(companions.boxes))
            if "keypoints" in processors:
                data["keypoints"] = np.nan_to_num(companions.points)
                data[POINT_ROWS] = np.arange(len(companions.points))
        result: dict[str, Any] = self.pipeline(**data)
        return result

    def _moved(self, companions: Companions, data: dict[str, Any]) -> Companions:
        masks, boxes, labels = companions.masks, companions.boxes, companions.labels
        points = companions.points
        if masks is not None:
            moved = np.stack(list(data["masks"]), axis=2)
            masks = moved.astype(masks.dtype, copy=False)
        if BOX_ROWS in data:
            rows = np.asarray(data[BOX_ROWS], np.intp)
            boxes = np.asarray(data["bboxes"], np.float64).reshape(-1, 4)
            boxes, kept = clip_boxes(boxes, *companions.size, self.min_visibility)
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


def to_levels(image: np.ndarray) -> np.ndarray:
    """An image rounded and clipped to 8-bit levels: a new uint8 array.

    Raises:
        ValueError: levels far beyond 255, of a 16-bit image; splines overshoot a little.
    """
    if image.dtype == np.uint8:
        return image.copy()
    if image.size and image.max() > _BEYOND_OVERSHOOT:
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
        ValueError: levels below 0 or above 255, or fractions between 0 and 1.
    """
    if images.dtype == np.uint8 or not images.size:
        return
    lowest, highest = images.min(), images.max()
    scaled = highest <= 1 and images.dtype.kind == "f" and bool((images % 1 != 0).any())
    if lowest < 0 or highest > 255 or scaled:
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
        raise TypeError(
            f"{who} must return an array of shape {shape}. Received: {type(image).__name__}.{hint}"
        )
    if image.shape == shape[:2] and shape[2] == 1:
        return image[:, :, None]
    if image.shape != shape:
        raise ValueError(
            f"{who} must keep the shape of the image, {shape} (height, width, channels). "
            f"Received: {image.shape}. All images of a batch have the flow's target_size: set "
            "that, and bring the pipeline back to it, e.g. with A.Resize"
            f"({shape[0]}, {shape[1]}) or A.RandomResizedCrop(({shape[0]}, {shape[1]}))."
        )
    return image
