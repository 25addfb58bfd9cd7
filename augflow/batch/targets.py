"""The second half of a batch: what the model is asked to predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def batch_targets(
    class_mode: str,
    index_array: np.ndarray,
    classes: Sequence[Any] | np.ndarray | None,
    num_classes: int | None,
    labels: Any,
    dtype: Any,
) -> Any:
    """The targets of one batch, as Keras's legacy file iterators give them.

    Args:
        class_mode: "binary", "sparse", "categorical", "raw" or "multi_output".
        index_array: int array of shape (batch,), the positions of the batch's samples.
        classes: per sample its class number; for "categorical" also a list of class
            numbers (several labels). Used by "binary", "sparse" and "categorical".
        num_classes: the width of a "categorical" target.
        labels: for "raw" an array with one row a sample, for "multi_output" a list of
            such arrays.
        dtype: of the targets made from class numbers; raw targets keep their own.

    Returns:
        "binary", "sparse": shape (batch,). "categorical": (batch, num_classes), ones at
        the sample's classes. "raw": ``labels[index_array]``. "multi_output": a list of
        arrays.

    Raises:
        ValueError: another class mode.
    """
    if class_mode in ("binary", "sparse"):
        return np.asarray(_picked(classes, index_array)).astype(dtype)
    if class_mode == "categorical":
        return _ones_at(_picked(classes, index_array), num_classes, len(index_array), dtype)
    if class_mode == "raw":
        return labels[index_array]
    if class_mode == "multi_output":
        return [output[index_array] for output in labels]
    raise ValueError(
        f"class_mode {class_mode!r} has no targets; expected 'binary', 'sparse', "
        f"'categorical', 'raw' or 'multi_output'"
    )


def _picked(classes: Any, index_array: np.ndarray) -> Any:
    # A list is not made an array first: that would cost the whole data set a batch.
    if isinstance(classes, np.ndarray):
        return classes[index_array]
    return [classes[index] for index in index_array]


def _ones_at(picked: Any, num_classes: int | None, count: int, dtype: Any) -> np.ndarray:
    if num_classes is None:
        raise ValueError("categorical targets need num_classes. Received: None")
    targets = np.zeros((count, num_classes), dtype=dtype)
    several = [isinstance(numbers, list | tuple | np.ndarray) for numbers in picked]
    if any(several):
        lists = [
            list(numbers) if is_list else [numbers]
            for numbers, is_list in zip(picked, several, strict=True)
        ]
        rows = np.repeat(np.arange(count), [len(numbers) for numbers in lists])
        columns = np.asarray([number for numbers in lists for number in numbers], dtype=np.intp)
    else:
        rows = np.arange(count)
        columns = np.asarray(picked, dtype=np.intp)
    targets[rows, columns] = 1.0
    return targets
