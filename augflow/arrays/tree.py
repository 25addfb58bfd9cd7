"""Arrays of equally many rows, as one array or in tuples and dicts: checks, and picking rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from augflow.base.shorten import shortened
from augflow.base.structure import REFUSED_KINDS, check_unmasked
from augflow.scan.sample_values import is_reordered, is_table


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


def check_same_order(*values: tuple[str, Any]) -> None:
    """Raise where tables or columns have the same index in different orders.

    Rows go together by their places, and such a table would be sorted in another way than the
    others without anybody having meant it.

    Args:
        *values: what messages call it, and what ``tree_of_arrays`` takes, or None.

    Raises:
        ValueError: it names both.
    """
    first: tuple[str, Any] | None = None
    for name, index in (each for where, value in values for each in _indices(value, where)):
        if first is None:
            first = name, index
        elif not index.equals(first[1]) and is_reordered(index.tolist(), first[1].tolist()):
            raise ValueError(
                f"{name} has the same index as {first[0]}, in another order. Rows go together by "
                f"place: give {name} in the order of the other, with .loc[other.index], or "
                ".to_numpy() if its order is right"
            )


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


def rows_of(tree: Any, indices: np.ndarray) -> Any:
    """The same tree of some rows, in memory of their own and in the byte order of this machine."""
    if isinstance(tree, dict):
        return {key: rows_of(branch, indices) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple([rows_of(branch, indices) for branch in tree])
    # ``take`` is faster, but first copies all of an array that is laid out in another way: it
    # would read the whole of a memory-mapped file.
    flags = tree.flags
    # The method: np.take takes half a microsecond more.
    rows = tree.take(indices, 0) if flags.c_contiguous and flags.aligned else tree[indices]
    return rows if rows.dtype.isnative else rows.astype(rows.dtype.newbyteorder("="))


def _indices(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """The indices of all tables and columns, with what messages call these."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _indices(each, f"{where}[{key!r}]")
    elif isinstance(value, tuple) or _is_list_of_arrays(value):
        for number, each in enumerate(value):
            yield from _indices(each, f"{where}[{number}]")
    elif hasattr(value, "iloc") and hasattr(value, "index"):
        yield where, value.index


def _is_list_of_arrays(value: Any) -> bool:
    """Whether it is a list of arrays or columns; one of numbers or of lists is an array itself."""
    if not isinstance(value, list) or not value:
        return False
    return all(len(getattr(each, "shape", ())) > 0 for each in value)


def _as_column(value: Any, where: str) -> np.ndarray:
    _check_kind(value, where)
    _check_none_missing(value, where)
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = _stacked(array, where)
    except ValueError as error:
        raise ValueError(f"{where} makes no array: {_ragged(value) or error}") from error
    if array.dtype.kind in "US" and isinstance(value, list | tuple):
        _check_all_text(value, where)
    if array.dtype.kind in REFUSED_KINDS:
        raise TypeError(f"{where} must hold numbers or booleans. Received: dtype {array.dtype}")
    if array.ndim == 0:
        raise ValueError(f"{where} must have a row for each sample. Received: {shortened(value)}")
    return array


def _check_kind(value: Any, where: str) -> None:
    """Raise for what NumPy would take for one object, and not for rows."""
    received = f"{where} must be an array or column, or a tuple, list or dict of such. Received: "
    if value is None:
        raise ValueError(f"{received}None")
    if hasattr(value, "toarray"):
        raise TypeError(f"{received}a sparse {type(value).__name__}; .toarray() makes it one")
    if isinstance(value, set | frozenset) or hasattr(value, "__next__"):
        raise TypeError(f"{received}a {type(value).__name__}; list() or sorted() makes it a list")
    check_unmasked(value, f"{where} is an array")


def _ragged(value: Any) -> str:
    """Which row of lists has another length; "" where it is something else."""
    if not isinstance(value, list | tuple):
        return ""
    lengths = [len(each) if isinstance(each, list | tuple) else None for each in value]
    odd = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is None:
        return ""
    described = ["one value" if n is None else f"{n} values" for n in (lengths[odd], lengths[0])]
    return f"row {odd} has {described[0]} and row 0 has {described[1]}; bring them to one shape"


def _check_all_text(value: Any, where: str) -> None:
    """Raise where a list holds text and numbers, of which NumPy makes text only."""
    for row, each in enumerate(value):
        if isinstance(each, list | tuple):
            _check_all_text(each, f"{where}[{row}]")
        elif not isinstance(each, str | bytes | np.ndarray):
            raise TypeError(f"{where} holds text, and {each!r} in row {row}; give one or the other")


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
                ".astype('category').cat.codes: Keras takes no strings of NumPy"
            )
        if each is None:
            raise ValueError(f"row {row} has no value; fill it in or drop the row")
        if np.shape(each) != shape:
            raise ValueError(
                f"row {row} has shape {np.shape(each)} and row 0 has {shape}; bring them to one "
                "shape"
            )
    return np.stack([np.asarray(each) for each in column])
