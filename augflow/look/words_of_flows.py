"""A flow in one line, for ``repr``."""

from __future__ import annotations

from augflow.look.facts import Facts

_CLASSES_SHOWN = 3


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
