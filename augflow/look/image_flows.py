"""What flows of images say of themselves, for whoever looks at them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from augflow.base.words import RANDOM_TRANSFORMS
from augflow.look.facts import CLASS_KINDS, Facts, Meaning, classes_of_array, counted
from augflow.look.words import changed_settings, in_words


def augmentations_of(flow: Any) -> dict[str, Any]:
    """The random transforms that the images of a flow pass through: {argument: value}."""
    generator = flow.image_data_generator
    if generator is None or not flow.augment:
        return {}
    if not hasattr(generator, "_stage_settings"):
        # A stranger with methods of Keras's names.
        return {"image_data_generator": type(generator)}
    settings = changed_settings(generator, generator._plain())
    found = {name: value for name, value in settings.items() if name in RANDOM_TRANSFORMS}
    if generator._stage_settings() is None:
        found["methods of"] = type(generator)
    return found


def facts_of_files(flow: Any, facts: Facts) -> Facts:
    """The facts of a ``FileIterator``, added to those of any flow."""
    numbers = getattr(flow, "class_indices", None)
    classes = None
    if numbers and flow.class_mode in (*CLASS_KINDS, None):
        classes = counted(flow.classes, list(numbers))
    sampler = "" if flow.sampler is None else f", sampler={in_words(flow.sampler)}"
    return replace(
        facts,
        classes=classes,
        order=facts.order + sampler,
        augmentations=augmentations_of(flow),
        cache=None if flow.cache is None else str(flow.cache),
    )


def meaning_of_files(flow: Any) -> Meaning:
    """What the batches of a ``FileIterator`` mean."""
    numbers: dict[Any, int] = getattr(flow, "class_indices", None) or {}
    kind, boxes = flow.class_mode, None
    if flow._arrangement is not None and flow._arrangement.settings.boxes is not None:
        boxes = flow._arrangement.settings.boxes.format
    names = tuple(sorted(numbers, key=numbers.__getitem__)) if kind in CLASS_KINDS else None
    several = (
        kind == "categorical"
        and not isinstance(flow.classes, np.ndarray)
        and any(isinstance(one, list | tuple) for one in flow.classes)
    )
    return Meaning(
        kind=kind,
        class_names=names,
        several_labels=several,
        target_names=getattr(flow, "_target_names", None),
        name_column="filename",
        box_format=boxes,
        channels_first=flow.data_format == "channels_first",
    )


def facts_of_array(flow: Any, facts: Facts) -> Facts:
    """The facts of a ``NumpyArrayIterator``, added to those of any flow."""
    classes = classes_of_array(flow.y)
    counts = None if classes is None else counted(classes, range(int(classes.max()) + 1))
    return replace(facts, classes=counts, augmentations=augmentations_of(flow))


def meaning_of_array(flow: Any) -> Meaning:
    """What the batches of a ``NumpyArrayIterator`` mean."""
    return Meaning(
        kind=None if flow.y is None else "unknown",
        channels_first=flow.data_format == "channels_first",
    )
