"""A strip of a few samples of a flow, as it would hand them over now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import numpy as np

from augflow.look.facts import Meaning, classes_of_array
from augflow.look.pixels import is_picture, picture_of

_SAMPLES = 6
# A function of the user's that loads slowly is not to hold up a notebook.
_PATIENCE_SECONDS = 3.0


def strip_of(
    read: Callable[..., Any], samples: int, meaning: Meaning, names: Callable[[np.ndarray], Any]
) -> Iterator[tuple[str, Any]]:
    """Samples from all over the data, each with its name.

    Args:
        read: gives the ``Part`` of some places, as ``flow.beside.some_beside``.
        samples: how many there are.
        meaning: of their batches.
        names: of samples, by their numbers.

    Yields:
        (name, picture), with a text in the place of one that cannot be read. None for samples that
        are no pictures.
    """
    spread = np.linspace(0, samples - 1, _SAMPLES if samples else 0)
    places: list[int] = np.unique(spread.astype(int)).tolist()
    end = monotonic() + _PATIENCE_SECONDS
    for draw, place in enumerate(places):
        if monotonic() > end:
            return
        try:
            part = read([place], draw)
        except Exception as error:
            # One broken file among six, or a function of the user's: the others are still shown.
            yield f"sample {place}", f"{type(error).__name__}: {error}"
            continue
        if part.left_out:
            for number, reason in part.left_out.items():
                yield str(names(np.array([number]))[0]), reason
            continue
        image = first_picture(part.batch, meaning)
        if image is None:
            return
        label = label_of(part.batch, 0, meaning)
        name = str(names(part.indices)[0])
        yield f"{name} ({label})" if label else name, picture_of(image, meaning.channels_first)


def first_picture(batch: Any, meaning: Meaning, row: int = 0) -> np.ndarray | None:
    """The first of a sample's inputs that can be shown; None where there is none."""
    inputs = batch[0] if isinstance(batch, tuple) else batch
    queue = [inputs]
    while queue:
        one = queue.pop(0)
        if isinstance(one, dict):
            queue += one.values()
        elif isinstance(one, list | tuple):
            queue += one
        elif _holds_pictures(one, meaning.channels_first):
            sample: np.ndarray = one[row]
            return sample
    return None


def targets_of(batch: Any) -> Any:
    """The targets of a batch, None for none."""
    return batch[1] if isinstance(batch, tuple) and len(batch) > 1 else None


def label_of(batch: Any, row: int, meaning: Meaning) -> str:
    """The target of a sample in words; "" for one that words do not say."""
    targets = targets_of(batch)
    if isinstance(targets, dict):
        targets = targets.get("target")
    if isinstance(targets, list | tuple):
        return ", ".join(_number(one[row]) for one in targets if np.ndim(one[row]) == 0)
    if not isinstance(targets, np.ndarray) or meaning.kind in ("input", "mask"):
        return ""
    names, target = meaning.class_names, targets[row]
    if names is not None:
        numbers = np.flatnonzero(target) if np.ndim(target) else [int(target)]
        return ", ".join(str(names[number]) for number in numbers if number < len(names))
    if np.ndim(target) and classes_of_array(targets[row : row + 1]) is not None:
        return str(int(np.argmax(target)))
    if np.size(target) <= 4 and np.ndim(target) <= 1:
        return ", ".join(map(_number, np.ravel(target)))
    return ""


def _holds_pictures(one: Any, channels_first: bool) -> bool:
    if not isinstance(one, np.ndarray) or one.dtype.kind not in "biuf":
        return False
    return is_picture(one.shape[1:], channels_first)


def _number(value: Any) -> str:
    return f"{value:.4g}" if np.asarray(value).dtype.kind == "f" else str(value)
