"""Whether a pipeline of albumentations fits what a flow has beside its images."""

from __future__ import annotations

from typing import Any

import numpy as np

from augflow.companions.moving import CompanionSettings

# Transforms that look at boxes or masks without saying so, as far as attributes do not tell.
_LOOKING = {
    "BBoxSafeRandomCrop": "bboxes",
    "RandomSizedBBoxSafeCrop": "bboxes",
    "AtLeastOneBBoxRandomCrop": "bboxes",
    "CropNonEmptyMaskIfExists": "any mask",
}
_NAMES = {
    "mask": "one mask an image",
    "masks": "masks",
    "any mask": "masks",
    "bboxes": "boxes",
    "keypoints": "keypoints",
    "labels": "the boxes' labels",
}


def check_pipeline(pipeline: Any, companions: CompanionSettings | None) -> None:
    """Raise unless all transforms find what they need, and what there is can follow them.

    Args:
        pipeline: a transform or composition.
        companions: what the flow moves with its images, None for nothing.

    Raises:
        ValueError: names the transform, and what to do.
    """
    # Of those of a composition inside of another albumentations leaves no trace.
    inside = sorted(getattr(pipeline, "processors", None) or ())
    if companions is not None and inside:
        raise ValueError(
            "leave bbox_params and keypoint_params out of A.Compose: the flow's boxes= and "
            f"keypoints= say what they are. Received: {inside}"
        )
    there = _there(companions)
    for transform in _transforms(pipeline):
        _check_needs(transform, there)
        _check_fill(transform, companions)
    moving = [type(one).__name__ for one in _transforms(pipeline) if not _is_colours(one)]
    if companions is not None and companions.matrix and moving:
        raise ValueError(
            "with_transform_matrix=True cannot know how albumentations moves pixels: "
            f"{', '.join(moving)}. Pass augment=False to this flow, or move pixels with Keras's "
            "own arguments only, e.g. rotation_range."
        )


def looks_beside(pipeline: Any) -> bool:
    """Whether it moves pixels, or looks at more than the image."""
    return any(not _is_colours(one) or _needs(one) for one in _transforms(pipeline))


def albumentations_module() -> Any:
    """The package.

    Raises:
        ImportError: it is not installed; the message says how to.
    """
    try:
        import albumentations
    except ImportError as error:
        raise ImportError(
            "this `augmentation` needs albumentations: in a clone of augflow "
            "pip install '.[albumentations]'"
        ) from error
    return albumentations


def _transforms(pipeline: Any) -> list[Any]:
    """A transform, or all that are in a composition."""
    inner = getattr(pipeline, "transforms", None)
    return [pipeline] if inner is None else [one for part in inner for one in _transforms(part)]


def _is_colours(transform: Any) -> bool:
    return isinstance(transform, albumentations_module().ImageOnlyTransform)


def _needs(transform: Any) -> set[str]:
    """What a transform looks at beside the image."""
    needs = set(getattr(transform, "targets_as_params", ())) - {"image"}
    if getattr(transform, "mask_indices", None) is not None:
        needs.add("mask")
    elif getattr(transform, "bbox_labels", None) is not None:
        needs |= {"bboxes", "labels"}
    name = _LOOKING.get(type(transform).__name__)
    return needs if name is None else needs | {name}


def _there(companions: CompanionSettings | None) -> set[str]:
    there: set[str] = set()
    if companions is None:
        return there
    if companions.masks is not None:
        there |= {"any mask", "mask" if companions.masks.count == 1 else "masks"}
    if companions.boxes is not None:
        there |= {"bboxes", "labels"} if companions.has_labels else {"bboxes"}
    if companions.keypoints is not None:
        there.add("keypoints")
    return there


def _check_needs(transform: Any, there: set[str]) -> None:
    name = type(transform).__name__
    for need in sorted(_needs(transform) - there):
        if need not in _NAMES:
            raise ValueError(
                f"A.{name} needs {need!r} beside the image, which a flow cannot give it. Leave it "
                "out, or use a function f(image, rng) that calls it."
            )
        raise ValueError(
            f"A.{name} looks at {_NAMES[need]}, which this flow does not have. Leave it out, or "
            "pass augment=False to this flow."
        )
    wanted = getattr(transform, "bbox_labels", None) or ()
    if not all(isinstance(label, int | float | np.number) for label in wanted):
        raise ValueError(
            f"A.{name}(bbox_labels=...) must hold class numbers, as the flow's boxes have. "
            f"Received: {list(wanted)}"
        )


def _check_fill(transform: Any, companions: CompanionSettings | None) -> None:
    fill = getattr(transform, "fill_mask", None)
    if companions is None or companions.masks is None or not isinstance(fill, int | float):
        return
    dtype = np.dtype(companions.masks.dtype)
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max:
        raise ValueError(
            f"A.{type(transform).__name__}(fill_mask={fill}) does not fit into mask_dtype="
            f"{dtype.name!r}: pass another mask_dtype"
        )
