"""Arrays of equally many rows, as one array or in tuples and dicts: checks, and picking rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from augflow.sample_structure import REFUSED_KINDS
from augflow.sample_values import is_table


def tree_of_arrays(value: Any, where: str) -> Any:
    """Arrays in tuples and dicts, made from what users have.

    Arrays, memory-mapped ones too, are taken as they are and not copied.

    Args:
        value: an array or column of a table; a tuple or list of arrays; a dict; a table
            (pandas.DataFrame), which becomes a dict of its columns. A column may hold arrays or
            lists of one shape, which are stacked.
        where: what messages call it, e.g. "inputs".

    Returns:
        An array, or a tuple or dict of such. A list of arrays becomes a tuple, since TensorFlow
        takes no lists where Keras describes batches to it.

    Raises:
        TypeError, ValueError: something that makes no array of numbers; names column and row.
    """
    if is_table(value):
        names = list(value.columns)
        if len(set(names)) < len(names):
            raise ValueError(f"{where} has several columns of one name. Received: {names}")
        value = {name: value[name] for name in names}
    if isinstance(value, Mapping | tuple) or _is_list_of_arrays(value):
        if not value:
            raise ValueError(f"{where} is an empty {type(value).__name__}")
        if isinstance(value, Mapping):
            return {key: tree_of_arrays(each, f"{where}[{key!r}]") for key, each in value.items()}
        return tuple(tree_of_arrays(each, f"{where}[{n}]") for n, each in enumerate(value))
    return _as_column(value, where)


def map_arrays(tree: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """The same tree with the function's results in place of the arrays."""
    if isinstance(tree, dict):
        return {key: map_arrays(branch, function) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map_arrays(branch, function) for branch in tree)
    return function(tree)


def named_arrays(tree: Any, where: str) -> Iterator[tuple[str, np.ndarray]]:
    """All arrays with what messages call them."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from named_arrays(branch, f"{where}[{key!r}]")
    elif isinstance(tree, tuple):
        for number, branch in enumerate(tree):
            yield from named_arrays(branch, f"{where}[{number}]")
    else:
        yield where, tree


def rows_of(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Some rows, in memory of their own and in the byte order of this machine."""
    # ``take`` is faster, but first copies all of an array that is laid out in another way: it
    # would read the whole of a memory-mapped file.
    if array.flags.c_contiguous and array.flags.aligned:
        rows = np.take(array, indices, axis=0)
    else:
        rows = array[indices]
    return rows.astype(rows.dtype.newbyteorder("="), copy=False)


def _is_list_of_arrays(value: Any) -> bool:
    """Whether it is a list of arrays or columns; one of numbers or of lists is an array itself."""
    if not isinstance(value, list) or not value:
        return False
    return all(len(getattr(each, "shape", ())) > 0 for each in value)


def _as_column(value: Any, where: str) -> np.ndarray:
    _check_none_missing(value, where)
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = _stacked(array, where)
    except ValueError as error:
        raise ValueError(f"{where} makes no array: {error}") from error
    if array.dtype.kind in REFUSED_KINDS:
        raise TypeError(
            f"{where} must hold numbers, booleans or text. Received: dtype {array.dtype}"
        )
    if array.ndim == 0:
        raise ValueError(f"{where} must have a row for each sample. Received: {value!r}")
    return array


def _check_none_missing(value: Any, where: str) -> None:
    """Raise where a column of a table lacks a value and has no NaN for it."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if kind == "f" or not hasattr(value, "isna"):
        return
    missing = np.flatnonzero(value.isna())
    if len(missing):
        raise ValueError(
            f"{where} has no value in {len(missing)} rows, the first of them row {missing[0]}; "
            "fill them in or drop the rows"
        )


def _stacked(column: np.ndarray, where: str) -> np.ndarray:
    """A column of objects as numbers: those of one shape are stacked."""
    if column.ndim != 1 or not len(column):
        raise ValueError(f"objects of shape {column.shape}")
    shape = np.shape(column[0])
    for row, each in enumerate(column):
        if isinstance(each, str):
            raise TypeError(
                f"{where} holds text, {each!r} in row {row}. Number it, for pandas with "
                ".astype('category').cat.codes; for a model that takes text, give an array of "
                "dtype str"
            )
        if each is None:
            raise ValueError(f"row {row} has no value; fill it in or drop the row")
        if np.shape(each) != shape:
            raise ValueError(
                f"row {row} has shape {np.shape(each)} and row 0 has {shape}; bring them to one "
                "shape"
            )
    return np.stack([np.asarray(each) for each in column])
