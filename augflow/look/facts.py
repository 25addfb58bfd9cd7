"""What a flow states of itself, as values: everything in this room works on these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Class modes whose targets are numbers of classes.
CLASS_KINDS = ("categorical", "binary", "sparse")
# More different numbers than this are no classes.
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Meaning:
    """What the arrays of a flow's batches mean.

    Attributes:
        kind: a class mode: "categorical", "binary", "sparse", "raw", "multi_output", "input" or
            "mask"; None where the batches have no targets, "unknown" where nobody has said what
            these are.
        class_names: in the order of their numbers, None where there are no classes.
        several_labels: whether a sample may have several classes.
        target_names: of the columns of "raw" and "multi_output", None where they have none.
        name_column: what a sample is named by: "filename", "id", "row" or "sample".
        box_format: of boxes among the targets, see ``Boxes``; None for none.
        channels_first: whether images are (channels, height, width).
    """

    kind: str | None = "unknown"
    class_names: tuple[Any, ...] | None = None
    several_labels: bool = False
    target_names: tuple[str, ...] | None = None
    name_column: str = "sample"
    box_format: str | None = None
    channels_first: bool = False


@dataclass(frozen=True)
class Facts:
    """What there is to say of a flow.

    Attributes:
        name: of its class.
        samples, unit: how many there are of what, e.g. "images".
        batches: an epoch.
        batch: (what it is, shape, dtype) of each array of a batch, or fewer where it is not known.
        order: e.g. "shuffled, seed 3".
        subset: "training", "validation" or None.
        classes: {name: samples}, None where there are none.
        augmentations: those that are on, {argument: value}.
        workers: worker processes asked for, None for one a CPU.
        cache: where images are kept, None for nowhere.
    """

    name: str
    samples: int
    unit: str
    batches: int
    batch: tuple[tuple[str, tuple[int, ...], str], ...] = ()
    order: str = ""
    subset: str | None = None
    classes: dict[Any, int] | None = None
    augmentations: dict[str, Any] = field(default_factory=dict)
    workers: int | None = 0
    cache: str | None = None


def counted(classes: Any, names: Any) -> dict[Any, int]:
    """How many samples each class has.

    Args:
        classes: of each sample its number, or a list of numbers.
        names: of the classes, by their numbers.

    Returns:
        {name: samples}, in the order of the numbers.
    """
    if not isinstance(classes, np.ndarray):
        lists = [one if isinstance(one, list | tuple | np.ndarray) else (one,) for one in classes]
        classes = np.fromiter((number for numbers in lists for number in numbers), np.intp)
    counts = np.bincount(classes.astype(np.intp).ravel(), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=False))


def classes_of_array(targets: Any) -> np.ndarray | None:
    """The class numbers that targets hold; None where they are something else.

    Args:
        targets: integers of shape (samples,) or (samples, 1), or one-hot of shape (samples,
            classes).
    """
    if not isinstance(targets, np.ndarray) or not len(targets):
        return None
    if targets.ndim == 2 and targets.shape[1] > 1 and targets.dtype.kind in "biuf":
        is_one_hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()
        return targets.argmax(axis=1) if is_one_hot else None
    flat = targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets
    if flat.ndim != 1 or flat.dtype.kind not in "biu":
        return None
    numbers: np.ndarray = flat.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= _MOST_CLASSES:
        return None
    return numbers


def arrays_in(batch: Any) -> tuple[tuple[str, np.ndarray], ...]:
    """The arrays of a batch with words for what they are: "inputs", "targets['boxes']"."""
    parts = batch if isinstance(batch, tuple) else (batch,)
    words = ("inputs", "targets", "weights")
    found: list[tuple[str, np.ndarray]] = []
    for word, part in zip(words, parts, strict=False):
        _collect(word, part, found)
    return tuple(found)


def _collect(word: str, part: Any, found: list[tuple[str, np.ndarray]]) -> None:
    if isinstance(part, dict):
        for key, value in part.items():
            _collect(f"{word}[{key!r}]", value, found)
    elif isinstance(part, list | tuple):
        for number, value in enumerate(part):
            _collect(f"{word}[{number}]", value, found)
    elif isinstance(part, np.ndarray):
        found.append((word, part))
