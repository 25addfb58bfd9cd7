"""What may be given as ``ImageDataGenerator(augmentation=...)``, checked and made ready."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from augflow.companions.check_pipeline import albumentations_module, check_pipeline, looks_beside
from augflow.companions.moving import CompanionSettings
from augflow.companions.pipeline import (
    BOX_LABELS,
    BOX_ROWS,
    POINT_ROWS,
    Augmentation,
    is_of_albumentations,
    is_photometric,
)

_EXPECTED = (
    "a pipeline of albumentations, e.g. A.Compose([A.HorizontalFlip()]), the dictionary that "
    "A.to_dict makes of one, or a function f(image, rng) that returns an image of the same shape"
)

_ROUNDING = 1e-4


def checked_augmentation(value: Any) -> Any:
    """A pipeline of albumentations, or a function of an image and a generator.

    Args:
        value: one of these, a dictionary from ``A.to_dict``, or None.

    Returns:
        The value; of a dictionary its pipeline.

    Raises:
        ImportError: a dictionary, and albumentations is not installed.
        TypeError: anything else.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        albumentations = albumentations_module()
        try:
            return albumentations.from_dict(value)
        except Exception as error:
            # Whatever a strange dictionary leads to.
            raise TypeError(
                f"`augmentation` must be {_EXPECTED}. Received a dictionary of which no pipeline "
                f"can be made ({type(error).__name__}: {error}): {value!r}"
            ) from error
    if isinstance(value, list | tuple):
        raise TypeError(
            "`augmentation` must be one object: put the list into A.Compose([...]). Received: "
            f"{value!r}"
        )
    if isinstance(value, type):
        raise TypeError(
            f"`augmentation` must be {_EXPECTED}. Received the class {value.__name__}: call it, "
            f"e.g. {value.__name__}()"
        )
    if is_of_albumentations(value):
        if not hasattr(value, "set_random_state"):
            raise TypeError(
                f"`augmentation` needs albumentations 2.0.8 or newer. Received: {value!r} of "
                f"version {albumentations_module().__version__}"
            )
        return value
    if not callable(value) or isinstance(value, np.ufunc) or not _takes_two(value):
        raise TypeError(f"`augmentation` must be {_EXPECTED}. Received: {value!r}")
    return value


def make_augmentation(value: Any, companions: CompanionSettings | None) -> Augmentation:
    """A checked augmentation as the workers run it.

    Args:
        value: from ``checked_augmentation``.
        companions: what has to follow, None for nothing.

    Raises:
        TypeError: a pipeline that cannot be copied.
        ValueError: companions cannot follow it, or it needs what the flow does not have.
    """
    if not is_of_albumentations(value):
        if companions is not None and not is_photometric(value):
            raise ValueError(
                f"the augmentation {value!r} sees the image alone: masks, boxes and keypoints "
                "cannot follow what it moves. If it leaves every pixel in its place, say so "
                "with augmentation=augflow.photometric(function); otherwise use albumentations."
            )
        return Augmentation(function=value)
    try:
        pipeline = copy.deepcopy(value)
    except Exception as error:
        # What an object raises that cannot be copied is its own affair.
        raise TypeError(
            f"`augmentation` cannot be copied: {type(error).__name__}: {error}. Each flow and "
            "each worker has a copy of its own: leave out what is open or locked, e.g. files"
        ) from error
    check_pipeline(pipeline, companions)
    # What only changes colours is spared the boxes and points, and warnings about them.
    if companions is None or not looks_beside(pipeline):
        return Augmentation(pipeline=albumentations_module().Compose([pipeline]))
    return Augmentation(pipeline=_with_processors(pipeline, companions), takes_companions=True)


def _with_processors(pipeline: Any, companions: CompanionSettings) -> Any:
    """A composition that moves the flow's boxes and points, too."""
    albumentations = albumentations_module()
    boxes = points = None
    if companions.boxes is not None:
        boxes = albumentations.BboxParams(
            format="pascal_voc",
            label_fields=[BOX_LABELS, BOX_ROWS] if companions.has_labels else [BOX_ROWS],
            # It computes in float32, where what is left of the whole of a box is less than 1.
            min_visibility=max(0.0, companions.boxes.min_visibility - _ROUNDING),
            clip=True,
        )
    if companions.keypoints is not None:
        points = albumentations.KeypointParams(
            format="xy", label_fields=[POINT_ROWS], remove_invisible=False
        )
    return albumentations.Compose([pipeline], bbox_params=boxes, keypoint_params=points)


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        # Some functions of C tell no signature; the first call will show.
        return True
    return True
