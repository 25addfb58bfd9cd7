"""Values that belong to samples, given by ID or in the samples' order: labels and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from augflow.base.shorten import shortened
from augflow.base.structure import check_unmasked

_MOST_NAMED = 3


def checked_ids(ids: Any, what: str = "ids") -> Sequence[Any]:
    """IDs as a sequence: one a sample, in order.

    Args:
        ids: a list, tuple, range, one-dimensional array, column of a table or iterator.
        what: the argument, for messages.

    Raises:
        TypeError, ValueError: something else, or no ID at all.
    """
    if isinstance(ids, str | bytes | Mapping | set | frozenset):
        raise TypeError(
            f"`{what}` must be a list of IDs. Received a {type(ids).__name__}"
            + ("; put it into a list for a single one" if isinstance(ids, str | bytes) else "")
            + ("; augflow.partition reads a file of IDs" if isinstance(ids, str) else "")
            + ("; list() gives its keys" if isinstance(ids, Mapping) else "")
            + ("; sorted() gives it an order" if isinstance(ids, set | frozenset) else "")
        )
    if is_table(ids):
        columns = list(ids.columns)
        one = columns[0] if columns else "path"
        raise TypeError(
            f"`{what}` must be a list of IDs. Received a {type(ids).__name__} with the columns "
            f"{columns}; give one of them, e.g. table[{one!r}]"
        )
    if isinstance(ids, np.ndarray) and ids.ndim != 1:
        raise ValueError(f"`{what}` must have one axis. Received an array of shape {ids.shape}")
    if not isinstance(ids, range):
        try:
            ids = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        except TypeError:
            raise TypeError(f"`{what}` must be a list of IDs. Received: {shortened(ids)}") from None
    if len(ids) == 0:
        raise ValueError(f"`{what}` is empty: there is no sample to load")
    return ids  # type: ignore[no-any-return]


def is_table(value: Any) -> bool:
    """Whether a value is a table of columns, as a pandas.DataFrame."""
    return hasattr(value, "columns") and hasattr(value, "iloc")


def in_order(values: Any, ids: Sequence[Any], what: str) -> Sequence[Any]:
    """One value a sample, in the order of ``ids``.

    Args:
        values: a dict from ID to value, or a sequence in the order of the IDs.
        ids: of the samples.
        what: the argument, for messages.

    Raises:
        TypeError, ValueError: an ID without a value, or another number of values.
    """
    if isinstance(values, Mapping):
        _check_has_all(values, ids, what)
        return [values[each] for each in ids]
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise TypeError(
            f"`{what}` must be a dict from ID to value, or a sequence in the order of the IDs. "
            f"Received: {shortened(values)}"
        )
    if len(values) != len(ids):
        raise ValueError(
            f"`{what}` must have one value for each ID. Received: {len(values)} values for "
            f"{len(ids)} IDs{_outputs_hint(values, ids)}"
        )
    _check_order(values, ids, what)
    return values  # type: ignore[no-any-return]


def values_of(values: Any, ids: Sequence[Any], what: str) -> np.ndarray:
    """One number, or array of numbers, a sample.

    Args:
        values, ids, what: see ``in_order``.

    Returns:
        An array of shape (samples, ...).

    Raises:
        TypeError, ValueError: as ``in_order``, or values that make no array of numbers.
    """
    listed = in_order(values, ids, what)
    if getattr(listed, "dtype", None) == np.dtype(object):
        # A column of arrays: NumPy stacks those of a list.
        listed = listed.tolist()  # type: ignore[attr-defined]
    check_unmasked(listed, f"`{what}` is an array")
    try:
        array = np.asarray(listed)
    except ValueError:
        shape = np.shape(listed[0])
        odd = next(place for place in range(len(ids)) if np.shape(listed[place]) != shape)
        raise ValueError(
            f"`{what}` must have values of one shape. Received: shape {np.shape(listed[odd])} for "
            f"ID {ids[odd]!r}, and {shape} for ID {ids[0]!r}"
        ) from None
    if array.dtype.kind not in "iubfc":
        plain = list(listed)
        odd = next((n for n, each in enumerate(plain) if isinstance(each, str | None)), 0)
        raise TypeError(
            f"`{what}` must hold numbers. Received: {plain[odd]!r} for ID {ids[odd]!r}. "
            "augflow.partition numbers classes that have names"
        )
    return array


def class_numbers(labels: np.ndarray, ids: Sequence[Any], num_classes: int) -> np.ndarray:
    """Labels as class numbers.

    Returns:
        An int64 array of shape (samples,), each from 0 to ``num_classes`` - 1.

    Raises:
        ValueError: a label that is no such number; it names the ID.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iubf":
        raise ValueError(
            "with `num_classes`, labels must be class numbers, one a sample. Received: an array of "
            f"shape {labels.shape} and dtype {labels.dtype}"
        )
    # Compared as they are: a float that is out of range for int64 has no defined conversion.
    wrong = ~((labels >= 0) & (labels < num_classes) & (labels == np.floor(labels)))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"labels must be class numbers from 0 to {num_classes - 1} (num_classes="
            f"{num_classes}). Received: {labels[first].item()!r} for ID {ids[first]!r}, and "
            f"{int(wrong.sum()) - 1} more out of range"
        )
    return labels.astype(np.int64)


def checked_weights(weights: np.ndarray, ids: Sequence[Any], kind: str = "ID") -> np.ndarray:
    """Raise unless the weights are finite numbers, one a sample; ``kind``: of the IDs."""
    if weights.ndim != 1 or weights.dtype.kind not in "iubf":
        raise ValueError(
            "`sample_weight` must hold one number a sample. Received: an array of shape "
            f"{weights.shape} and dtype {weights.dtype}"
        )
    wrong = ~np.isfinite(weights)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"`sample_weight` must be finite. Received: {weights[first]} for {kind} {ids[first]!r}"
        )
    return weights


def _outputs_hint(values: Any, ids: Sequence[Any]) -> str:
    """What to do about arrays that are the targets of several outputs each."""
    if not isinstance(values, tuple | list) or not values:
        return ""
    if any(isinstance(each, str) or np.shape(each)[:1] != (len(ids),) for each in values):
        return ""
    return ". For several outputs, let `load` return (inputs, targets) and leave `labels` out"


def _check_has_all(values: Mapping[Any, Any], ids: Sequence[Any], what: str) -> None:
    try:
        missing = [each for each in ids if each not in values]
    except TypeError as error:
        raise TypeError(
            f"`{what}` is a dict, so IDs must be usable as its keys ({error}); give a sequence in "
            "the order of the IDs instead"
        ) from error
    if not missing:
        return
    named = ", ".join(repr(each) for each in missing[:_MOST_NAMED])
    more = ", ..." if len(missing) > _MOST_NAMED else ""
    hint = _outputs_hint(list(values.values()), ids)
    if str(missing[0]) in values:
        kind = type(missing[0]).__name__
        hint = f". It has {str(missing[0])!r}, a str, but the ID is of type {kind}"
    raise ValueError(
        f"`{what}` has no value for {len(missing)} of {len(ids)} IDs: {named}{more}{hint}"
    )


def is_reordered(names: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two lists have the same names in different orders.

    A column whose index has the names of the samples in another order than these may be meant by
    name or by place, and nothing tells which.
    """
    try:
        return list(names) != list(others) and set(names) == set(others)
    except (TypeError, ValueError):
        # What cannot be hashed or compared is no index.
        return False


def _check_order(values: Any, ids: Sequence[Any], what: str) -> None:
    """Raise where a column of a table may be meant by ID and has another order than the IDs."""
    if hasattr(values, "to_dict") and is_reordered(values.index.tolist(), ids):
        raise ValueError(
            f"`{what}` has the IDs as its index, in another order than the IDs. Give "
            f"{what}.to_dict() to go by ID, or {what}.to_numpy() to go by place"
        )
