"""What may be given as ``ImageDataGenerator(augmentation=...)``, checked and made ready."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

from augflow.augmentation import BOX_ROWS, POINT_ROWS, Augmentation, is_photometric
from augflow.companions import CompanionSettings

_EXPECTED = (
    "a pipeline of albumentations, e.g. A.Compose([A.HorizontalFlip()]), the dictionary that "
    "A.to_dict makes of one, or a function f(image, rng) that returns an image of the same shape"
)


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
        return _albumentations().from_dict(value)
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
    if _is_of_albumentations(value):
        if not hasattr(value, "set_random_state"):
            raise TypeError(
                f"`augmentation` needs albumentations 2.0.8 or newer. Received: {value!r} of "
                f"version {_albumentations().__version__}"
            )
        return value
    if not callable(value) or not _takes_two(value):
        raise TypeError(f"`augmentation` must be {_EXPECTED}. Received: {value!r}")
    return value


def make_augmentation(value: Any, companions: CompanionSettings | None) -> Augmentation:
    """A checked augmentation as the workers run it.

    Args:
        value: from ``checked_augmentation``.
        companions: what has to follow, None for nothing.

    Raises:
        ValueError: companions cannot follow it.
    """
    if not _is_of_albumentations(value):
        if companions is not None and not is_photometric(value):
            raise ValueError(
                f"the augmentation {value!r} sees the image alone: masks, boxes and keypoints "
                "cannot follow what it moves. If it leaves every pixel in its place, say so "
                "with augmentation=augflow.photometric(function); otherwise use albumentations."
            )
        return Augmentation(function=value)
    pipeline = copy.deepcopy(value)
    boxes = None if companions is None else companions.boxes
    points = None if companions is None else companions.keypoints
    _check_pipeline(pipeline, companions)
    visibility = 0.0 if boxes is None else boxes.min_visibility
    albumentations = _albumentations()
    wrapped = albumentations.Compose(
        [pipeline],
        bbox_params=None
        if boxes is None
        else albumentations.BboxParams(
            format="pascal_voc", label_fields=[BOX_ROWS], min_visibility=visibility, clip=True
        ),
        keypoint_params=None
        if points is None
        else albumentations.KeypointParams(
            format="xy", label_fields=[POINT_ROWS], remove_invisible=False
        ),
    )
    return Augmentation(pipeline=wrapped, min_visibility=visibility)


def _check_pipeline(pipeline: Any, companions: CompanionSettings | None) -> None:
    if companions is None:
        return
    if getattr(pipeline, "processors", None):
        raise ValueError(
            "leave bbox_params and keypoint_params out of A.Compose: the flow's boxes= and "
            f"keypoints= say what they are. Received: {sorted(pipeline.processors)}"
        )
    moving = _moving_transforms(pipeline)
    if companions.matrix and moving:
        raise ValueError(
            "with_transform_matrix=True cannot know how albumentations moves pixels: "
            f"{', '.join(moving)}. Pass augment=False to this flow, or move pixels with Keras's "
            "own arguments only, e.g. rotation_range."
        )


def _moving_transforms(transform: Any) -> list[str]:
    """The names of the transforms that are not for colours alone."""
    inner = getattr(transform, "transforms", None)
    if inner is not None:
        return [name for one in inner for name in _moving_transforms(one)]
    colours_alone = isinstance(transform, _albumentations().ImageOnlyTransform)
    return [] if colours_alone else [type(transform).__name__]


def _is_of_albumentations(value: Any) -> bool:
    return any(kind.__module__.split(".")[0] == "albumentations" for kind in type(value).__mro__)


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        # Some functions of C tell no signature; the first call will show.
        return True
    return True


def _albumentations() -> Any:
    try:
        import albumentations
    except ImportError as error:
        raise ImportError(
            "this `augmentation` needs albumentations: pip install 'augflow[albumentations]'"
        ) from error
    return albumentations
