"""Flows and generators in words: a flow in one line, the settings that are not the default ones."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from augflow.base.shorten import shortened
from augflow.look.facts import Facts

# Where an attribute has another name than the argument.
_ATTRIBUTES = {"validation_split": "_validation_split"}
_CLASSES_SHOWN = 3


def changed_settings(generator: Any, plain: Any) -> dict[str, Any]:
    """The arguments of a generator that differ from those of one made without any.

    Args:
        generator: to be described.
        plain: of the same kind, with all defaults.

    Returns:
        {argument: value}, in the order of the signature.
    """
    changed = {}
    for name in inspect.signature(type(plain)).parameters:
        attribute = _ATTRIBUTES.get(name, name)
        value, default = (vars(one).get(attribute) for one in (generator, plain))
        if not _are_equal(value, default):
            changed[name] = value
    return changed


def as_call(name: str, settings: dict[str, Any]) -> str:
    """Settings as a call that makes them: "ImageDataGenerator(rotation_range=20)"."""
    return f"{name}({', '.join(f'{key}={in_words(value)}' for key, value in settings.items())})"


def in_words(value: Any) -> str:
    """A setting in a few characters: functions by their names, numbers of four digits."""
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return str(name)
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        inner = ", ".join(in_words(one) for one in value[:6])
        more = ", ..." if len(value) > 6 else ""
        return f"[{inner}{more}]" if isinstance(value, list) else f"({inner}{more})"
    text = " ".join(shortened(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _are_equal(value: Any, default: Any) -> bool:
    if value is default:
        return True
    if callable(value) or callable(default):
        return False
    try:
        return bool(np.array_equal(value, default))
    except (TypeError, ValueError):
        # Of a kind that cannot be compared: a list of arrays of different shapes.
        return False


def in_one_line(facts: Facts) -> str:
    """A flow as ``repr`` shows it.

    Args:
        facts: of the flow.

    Returns:
        E.g. "<DirectoryIterator: 19 images of 2 classes (cat 11, flower 8), 3 batches of
        (8, 32, 32, 3) float32, shuffled, seed 1, augmented>".
    """
    parts = [f"{facts.samples:,} {facts.unit}{_classes(facts)}", _batches(facts)]
    if facts.subset:
        parts.append(f"subset {facts.subset!r}")
    parts.append(facts.order)
    if facts.augmentations:
        parts.append("augmented")
    if facts.cache:
        parts.append(f"cache {facts.cache!r}")
    return f"<{facts.name}: {', '.join(part for part in parts if part)}>"


def _classes(facts: Facts) -> str:
    if not facts.classes:
        return ""
    if len(facts.classes) > _CLASSES_SHOWN:
        return f" of {len(facts.classes):,} classes"
    counts = ", ".join(f"{name} {count:,}" for name, count in facts.classes.items())
    noun = "class" if len(facts.classes) == 1 else "classes"
    return f" of {len(facts.classes)} {noun} ({counts})"


def _batches(facts: Facts) -> str:
    noun = "batch" if facts.batches == 1 else "batches"
    first = f" of {facts.batch[0][1]} {facts.batch[0][2]}" if facts.batch else ""
    return f"{facts.batches:,} {noun}{first}"
