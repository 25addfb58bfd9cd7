"""A table of what a model predicts for each sample, beside what is true of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.look.facts import Meaning, classes_of_array
from augflow.look.masks_on_disk import saved_masks
from augflow.look.model_outputs import Outputs, asked
from augflow.look.strip import targets_of

if TYPE_CHECKING:
    import pandas

_TRUE, _PREDICTED = "true", "predicted"
# A class is predicted by a sigmoid above this, as Keras counts.
_THRESHOLD = 0.5


def table_of_predictions(
    parts: Iterable[Any],
    model: Any,
    meaning: Meaning,
    numbers: Sequence[int] | np.ndarray,
    names: list[Any],
    folder: Any = None,
) -> pandas.DataFrame:
    """What a model predicts for each sample.

    Args:
        parts: ``Part``s of the flow, which together hold each sample at least once.
        model: see ``model_outputs.asked``.
        meaning: of the flow's batches.
        numbers: of all samples, ascending: the row of each.
        names: of all samples, in that order.
        folder: where predicted masks go.

    Returns:
        See ``Iterator.predictions``.
    """
    outputs, truth = Outputs(len(names)), _Truth(len(names))
    errors = np.zeros(len(names))
    passes, left_out = 1, 0
    saved: dict[int, str] = {}
    for part in parts:
        passes = part.round + 1
        left_out += len(part.left_out)
        if not len(part.indices):
            continue
        rows = np.searchsorted(numbers, part.indices)
        given = part.batch[0] if isinstance(part.batch, tuple) else part.batch
        made, targets = asked(model, given), targets_of(part.batch)
        if meaning.kind == "mask":
            files = [names[row] for row in rows.tolist()]
            paths, made = saved_masks(made, targets, files, folder, meaning.channels_first)
            saved.update(zip(rows.tolist(), paths, strict=True))
            targets = None
        if meaning.kind == "input":
            errors[rows] += _squared_errors(made, targets)
            made = np.empty((len(rows), 0))
        outputs.add(rows, made)
        if part.round == 0:
            truth.add(rows, targets)
    if left_out:
        warn_user(
            f"augflow: {left_out // passes} sample(s) could not be read; their predictions are "
            "empty. The flow's `bad_files`, or augflow.verify(flow), names them."
        )
    columns: dict[Any, Any] = {meaning.name_column: names}
    read = outputs.were_read()
    if meaning.kind == "input":
        columns["error"] = np.where(read, errors / passes, np.nan)
    elif meaning.kind == "mask":
        columns[_PREDICTED] = [saved.get(row) for row in range(len(names))]
        columns["accuracy"] = outputs.means()[0] if read.any() else np.full(len(names), np.nan)
    else:
        columns |= _columns(outputs, truth, meaning, read)
    return _frame(columns, meaning)


def _frame(columns: dict[Any, Any], meaning: Meaning) -> pandas.DataFrame:
    import pandas

    frame = pandas.DataFrame(
        {key: pandas.Series(values, dtype=_dtype(values)) for key, values in columns.items()}
    )
    if meaning.class_names is not None:
        frame.attrs["classes"] = list(meaning.class_names)
    return frame


def _dtype(values: Any) -> Any:
    return values.dtype if isinstance(values, np.ndarray) else object


class _Truth:
    """The targets of all samples, as the batches have them."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self.arrays: list[np.ndarray] = []

    def add(self, rows: np.ndarray, targets: Any) -> None:
        if isinstance(targets, dict):
            targets = targets.get("target")
        parts = list(targets) if isinstance(targets, list | tuple) else [targets]
        arrays = [np.asarray(one) for one in parts if one is not None]
        if not self.arrays:
            self.arrays = [np.zeros((self._samples, *one.shape[1:]), one.dtype) for one in arrays]
        for whole, one in zip(self.arrays, arrays, strict=True):
            whole[rows] = one


def _columns(outputs: Outputs, truth: _Truth, meaning: Meaning, read: np.ndarray) -> dict[Any, Any]:
    """All columns but that of the names."""
    means, targets = outputs.means(), truth.arrays
    if not means:
        return {}
    if meaning.kind == "multi_output" or len(means) > 1:
        return _of_several(outputs, means, targets, meaning, read)
    first = means[0].reshape(len(read), -1)
    if meaning.class_names is not None:
        return _of_classes(first, targets[0] if targets else None, meaning, read)
    true = targets[0] if targets else None
    classes = classes_of_array(true) if meaning.kind == "unknown" else None
    if classes is not None and classes.max() < max(first.shape[1], 2):
        known = Meaning("sparse", tuple(range(max(first.shape[1], 2))))
        return _of_classes(first, classes, known, read)
    if true is None and first.shape[1] > 1:
        known = Meaning(None, tuple(range(first.shape[1])))
        return _of_classes(first, None, known, read)
    return _of_values(first, true, "", meaning.target_names, read)


def _of_classes(
    made: np.ndarray, true: np.ndarray | None, meaning: Meaning, read: np.ndarray
) -> dict[Any, Any]:
    names = meaning.class_names
    assert names is not None
    probabilities = _probabilities(made, names)
    columns: dict[Any, Any] = {}
    if meaning.several_labels:
        if true is not None:
            columns[_TRUE] = _blank(_several(true > _THRESHOLD, names), read)
        columns[_PREDICTED] = _blank(_several(probabilities > _THRESHOLD, names), read)
    else:
        if true is not None:
            numbers = true.argmax(axis=1) if true.ndim > 1 and true.shape[1] > 1 else true.ravel()
            columns[_TRUE] = _blank([names[int(number)] for number in numbers.tolist()], read)
        columns[_PREDICTED] = _blank([names[one] for one in _chosen(made)], read)
    for number, name in enumerate(names):
        # A class may be called as one of the other columns is.
        taken = name in (_TRUE, _PREDICTED, meaning.name_column)
        columns[f"probability of {name}" if taken else name] = probabilities[:, number]
    return columns


def _chosen(made: np.ndarray) -> list[int]:
    """The number of the class that is predicted; of one sigmoid as Keras counts."""
    if made.shape[1] == 1:
        return (made[:, 0] > _THRESHOLD).astype(int).tolist()
    chosen: list[int] = np.nan_to_num(made, nan=-np.inf).argmax(axis=1).tolist()
    return chosen


def _probabilities(made: np.ndarray, names: Sequence[Any]) -> np.ndarray:
    """One column a class; of one sigmoid that of the second class, and what is left."""
    if made.shape[1] == 1 and len(names) == 2:
        return np.concatenate([1 - made, made], axis=1)
    if made.shape[1] != len(names):
        raise ValueError(
            f"the model gives {made.shape[1]} value(s) a sample, and this flow has {len(names)} "
            f"classes: {list(names)[:5]}. The last layer must have one unit a class, or a single "
            'one with a sigmoid for class_mode="binary"'
        )
    return made


def _several(chosen: np.ndarray, names: Sequence[Any]) -> list[Any]:
    return [tuple(names[one] for one in np.flatnonzero(row).tolist()) for row in chosen]


def _blank(values: list[Any], read: np.ndarray) -> list[Any]:
    return [value if known else None for value, known in zip(values, read.tolist(), strict=True)]


def _of_several(
    outputs: Outputs,
    means: list[np.ndarray],
    targets: list[np.ndarray],
    meaning: Meaning,
    read: np.ndarray,
) -> dict[Any, Any]:
    """Several outputs: columns of each, named by the target's column, the model's name for it, or
    its number."""
    named = meaning.target_names
    if named is None or len(named) != len(means):
        named = tuple(map(str, outputs.names or range(len(means))))
    columns: dict[Any, Any] = {}
    for number, (name, made) in enumerate(zip(named, means, strict=True)):
        true = targets[number] if len(targets) == len(means) else None
        flat = made.reshape(len(made), -1)
        classes = None if true is None else classes_of_array(true)
        if classes is not None and flat.shape[1] > 1:
            columns[f"{_TRUE}_{name}"] = _blank(classes.tolist(), read)
            columns[f"{_PREDICTED}_{name}"] = _blank(_chosen(flat), read)
            columns |= {f"{name}_{each}": flat[:, each] for each in range(flat.shape[1])}
        else:
            columns |= _of_values(flat, true, f"_{name}", None, read)
    return columns


def _of_values(
    made: np.ndarray,
    true: np.ndarray | None,
    suffix: str,
    names: Sequence[str] | None,
    read: np.ndarray,
) -> dict[Any, Any]:
    """The values of a regression."""
    columns: dict[Any, Any] = {}
    for word, values in ((_TRUE, true), (_PREDICTED, made)):
        if values is None:
            continue
        flat = values.reshape(len(read), -1)
        if not read.all() and flat.dtype.kind in "biuf":
            flat = np.where(read[:, np.newaxis], flat, np.nan)
        if flat.shape[1] == 1:
            columns[f"{word}{suffix}"] = flat[:, 0]
            continue
        fits = names is not None and len(names) == flat.shape[1]
        for number in range(flat.shape[1]):
            name = names[number] if fits and names is not None else number
            columns[f"{word}{suffix}_{name}"] = flat[:, number]
    return columns


def _squared_errors(made: Any, targets: np.ndarray) -> np.ndarray:
    """The mean squared error of each reconstruction."""
    difference = np.asarray(made, np.float64) - targets
    errors: np.ndarray = (difference**2).reshape(len(difference), -1).mean(axis=1)
    return errors


def check_can_predict(meaning: Meaning, rounds: Any, folder: Any, draws: Callable[[], bool]) -> int:
    """The number of rounds, checked.

    Args:
        meaning: of the flow.
        rounds, folder: as given.
        draws: whether two readings of a sample may differ.

    Raises:
        TypeError, ValueError: it is no int of at least 1; or cannot be more than 1 here.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int | np.integer):
        raise TypeError(f"`rounds` must be an int of at least 1. Received: {rounds!r}")
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1. Received: {rounds!r}")
    if meaning.kind == "mask" and rounds > 1:
        raise ValueError(
            "the masks of differently moved images cannot be averaged: use rounds=1 with "
            f'class_mode="mask". Received: rounds={rounds}'
        )
    if rounds > 1 and not draws():
        raise ValueError(
            f"rounds={rounds} averages over random draws, and this flow draws nothing: give its "
            "ImageDataGenerator random transforms, or use rounds=1"
        )
    if (meaning.kind == "mask") != (folder is not None):
        raise ValueError(
            "`save_masks_to` is the folder that predicted masks are written to: needed with "
            f'class_mode="mask", and of no use otherwise. Received: {folder!r} for class_mode='
            f"{meaning.kind!r}"
        )
    return int(rounds)
