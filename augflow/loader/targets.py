"""Labels of samples as targets: one array, or several where a label is a tuple or a dict."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from augflow.scan.sample_values import in_order, values_of

_MOST_PARTS = 3  # of what Keras takes: inputs, targets, weights


def labels_of(labels: Any, ids: Sequence[Any]) -> Any:
    """Labels as arrays of one row a sample.

    Args:
        labels: a dict from ID to label, or a sequence in the order of the IDs. A label that is a
            tuple or a dict is several targets, each of which may be that again.
        ids: of the samples.

    Returns:
        An array of shape (samples, ...), or a tuple or dict of such, in the form of the first.

    Raises:
        TypeError, ValueError: labels that are built differently, an ID without one, or something
            else than numbers; it names the ID.
    """
    return _column(in_order(labels, ids, "labels"), ids, "labels")


def _column(values: Any, ids: Sequence[Any], what: str) -> Any:
    if isinstance(values, np.ndarray) and values.dtype != np.dtype(object):
        return values_of(values, ids, what)
    listed = values.tolist() if hasattr(values, "tolist") else values
    first = listed[0]
    if not isinstance(first, tuple | Mapping):
        return values_of(values, ids, what)
    for name, each in zip(ids, listed, strict=True):
        if _form(each) != _form(first):
            raise ValueError(
                f"`{what}` must be built alike. Received: {_described(each)} for ID {name!r}, and "
                f"{_described(first)} for ID {ids[0]!r}"
            )
    if not first:
        raise ValueError(f"`{what}` must hold a target. Received: {first!r} for ID {ids[0]!r}")
    if isinstance(first, Mapping):
        return {
            key: _column([each[key] for each in listed], ids, f"{what}[{key!r}]") for key in first
        }
    return tuple(
        _column([each[number] for each in listed], ids, f"{what}[{number}]")
        for number in range(len(first))
    )


def _form(label: Any) -> Any:
    """What labels have in common that are built alike."""
    if isinstance(label, Mapping):
        return set(label)
    return len(label) if isinstance(label, tuple) else None


def _described(label: Any) -> str:
    if isinstance(label, Mapping):
        return f"a dict with the keys {list(label)}"
    return f"a tuple of {len(label)}" if isinstance(label, tuple) else repr(label)


def rows_of(labels: Any, rows: Any) -> Any:
    """Some rows of labels; ``rows``: a slice or an int array of shape (batch,)."""
    if isinstance(labels, dict):
        return {key: rows_of(each, rows) for key, each in labels.items()}
    if isinstance(labels, tuple):
        return tuple(rows_of(each, rows) for each in labels)
    return labels[rows]


def least_rows(labels: Any) -> int:
    """The rows that all of the labels have."""
    if isinstance(labels, dict | tuple):
        parts = labels.values() if isinstance(labels, dict) else labels
        return min(least_rows(each) for each in parts)
    return len(labels)


def checked_num_classes(num_classes: Any, labels: Any) -> int | None:
    """The number of classes that labels are made one-hot by, None for labels as they are.

    Raises:
        TypeError, ValueError: no such number, or no labels of one class each.
    """
    if num_classes is None:
        return None
    if labels is None:
        raise ValueError(
            f"`num_classes` is for `labels`, and there are none. Received: {num_classes!r}"
        )
    if isinstance(labels, dict | tuple):
        raise ValueError(
            "`num_classes` is for labels of one target, and these have several. Received: "
            f"num_classes={num_classes!r}. Give one-hot arrays as labels, or use a loss that takes "
            "class numbers"
        )
    try:
        number = operator.index(num_classes)
    except TypeError:
        raise TypeError(f"`num_classes` must be an int. Received: {num_classes!r}") from None
    if number < 1:
        raise ValueError(f"`num_classes` must be at least 1. Received: {num_classes!r}")
    return number


def check_both_parts(labels: np.ndarray, part: slice) -> None:
    """Raise where a class is missing in one of the parts, as it is if samples are sorted by it."""
    inside = np.zeros(len(labels), dtype=bool)
    inside[part] = True
    if inside.all():
        return
    alone = np.setxor1d(labels[inside], labels[~inside])
    if len(alone):
        raise ValueError(
            "the training and the validation subset have different classes, as they have if the "
            f"samples are sorted by class: only one of them has class {alone[0]}. "
            "augflow.partition splits by chance, class by class"
        )


def check_parts(tree: Any, *, has_labels: bool, has_weights: bool, inputs_only: bool) -> None:
    """Raise unless what ``load`` returns can be told apart as inputs, targets, weights."""
    parts = len(tree) if isinstance(tree, tuple) else 1
    if inputs_only and (has_labels or has_weights):
        other = "labels" if has_labels else "sample_weight"
        raise ValueError(
            f"`inputs_only=True` is for a flow without targets. Received: `{other}` beside it; "
            "with `labels` all that `load` returns is the input anyway"
        )
    if has_labels or inputs_only:
        return
    if parts > _MOST_PARTS:
        raise ValueError(
            f"without `labels`, a tuple from `load` is (inputs, targets) or (inputs, targets, "
            f"weights). Received: {parts} items. Several inputs are a tuple or dict in the "
            "place of inputs, e.g. ((a, b), target), or, without targets, all that `load` "
            "returns with inputs_only=True"
        )
    if has_weights and parts != 2:
        found = "inputs only" if parts == 1 else "weights of its own"
        raise ValueError(
            "`sample_weight` needs `labels`, or a `load` that returns (inputs, targets). "
            f"Received: a `load` that returns {found}"
        )


def check_model(tree: Any, model: Any) -> None:
    """Raise where a model of several inputs would take the second one for its targets.

    Keras's own message speaks of a missing input, and of nothing that was done here.
    """
    inputs = getattr(model, "inputs", None)
    if not isinstance(tree, tuple) or not isinstance(tree[0], int):
        return
    if not isinstance(inputs, list) or len(inputs) < 2:
        return
    raise ValueError(
        f"the model has {len(inputs)} inputs, and `load` returns a tuple of {len(tree)}: "
        "without `labels` that is (inputs, targets), as for fit, so its first item would be "
        "the only input. Give inputs_only=True for a flow whose `load` returns inputs alone; "
        "with targets, let it return ((first, second), targets)"
    )
