"""Columns of a table as inputs of a model, beside the image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.user_code import UserCode
from augflow.scan.row_names import check_present, row_names

if TYPE_CHECKING:
    import pandas

Preprocess = Mapping[Hashable, Callable[[np.ndarray], Any]]

# float32 has 24 bits for the digits of a number.
_LARGEST_EXACT_INT = 2**24


@dataclass(frozen=True, eq=False)
class TableInputs:
    """What the columns give, a row a sample.

    Attributes:
        arrays: by the name of the input; under None the one table of a list of columns.
        image_key: the image's name among named inputs.
    """

    arrays: dict[str | None, np.ndarray]
    image_key: str

    def beside(self, images: Any, indices: np.ndarray) -> Any:
        """A batch's inputs: (images, table), or a dict of named arrays."""
        batch = {name: array[indices] for name, array in self.arrays.items()}
        # A tuple, since TensorFlow takes no lists where Keras describes batches to it.
        return (images, batch[None]) if None in batch else {self.image_key: images, **batch}

    def part(self, rows: slice) -> TableInputs:
        """Those of a part of the rows, without a copy."""
        parts = {name: array[rows] for name, array in self.arrays.items()}
        return TableInputs(parts, self.image_key)


def check_extra_cols(
    dataframe: pandas.DataFrame, extra_cols: Any, preprocess: Any, image_key: Any
) -> None:
    """Raise unless the three arguments fit together and to the table; see ``read_extra_cols``.

    Raises:
        KeyError: a column is not there.
        TypeError, ValueError: what was received, and what to do.
    """
    if extra_cols is None:
        if preprocess is not None:
            raise ValueError("`preprocess` is for the columns in `extra_cols`, which is None")
    elif not isinstance(extra_cols, list | tuple | dict):
        raise TypeError(
            "`extra_cols` must be a list of columns, or a dict of input names and columns. "
            f"Received: {extra_cols!r}"
        )
    elif not extra_cols:
        raise ValueError("`extra_cols` names no column; leave it out")
    if image_key is not None and not isinstance(extra_cols, dict):
        raise ValueError(
            f"image_key={image_key!r} names the image among named inputs: give `extra_cols` as a "
            f"dict. Received extra_cols={extra_cols!r}"
        )
    if isinstance(extra_cols, dict):
        for name in extra_cols:
            if not isinstance(name, str):
                raise TypeError(f"the names of inputs must be str. Received: {name!r}")
        if _image_key(image_key) in extra_cols:
            raise ValueError(
                f"the image and a column would both be the input {_image_key(image_key)!r}. "
                "Rename one in `extra_cols`, or the image with image_key=..."
            )
    columns = _columns_of(extra_cols)
    check_present(dataframe, "extra_cols", columns)
    for wanted in extra_cols.values() if isinstance(extra_cols, dict) else (extra_cols or (),):
        repeated = _repeated(wanted) if isinstance(wanted, list | tuple) else []
        if repeated:
            raise ValueError(
                f"`extra_cols` names the column {repeated[0]!r} more than once in {wanted!r}; "
                "name it once"
            )
    if not isinstance(preprocess, Mapping | None):
        raise TypeError(
            f"`preprocess` must be a dict of columns and functions. Received: {preprocess!r}"
        )
    for column, function in (preprocess or {}).items():
        if column not in columns:
            raise ValueError(
                f"`preprocess` has the column {column!r}, which is not in `extra_cols`: {columns}"
            )
        if not callable(function):
            raise TypeError(f"preprocess[{column!r}] must be a function. Received: {function!r}")


def read_extra_cols(
    dataframe: pandas.DataFrame,
    extra_cols: Any,
    preprocess: Preprocess | None = None,
    image_key: str | None = None,
) -> TableInputs:
    """Read the columns as arrays of numbers, once, in this process.

    Args:
        dataframe: one row a sample.
        extra_cols: list of columns for one float32 table of shape (rows, columns), where a
            column of arrays takes as many as an array has numbers; or dict {input name: column
            or list of columns}: a column gives (rows, *shape of a value), a list a table.
        preprocess: {column: function}: gets the whole column as an array of shape (rows,) and
            returns an array of numbers with one row for each.
        image_key: the image's name among named inputs; None for "image".

    Raises:
        TypeError: a value that is no number, or several.
        ValueError: missing values, arrays of different shapes, numbers that float32 cannot
            hold, or a function that returned something else than a row for each value.
    """
    functions = preprocess or {}

    def read(column: Hashable) -> np.ndarray:
        return _read_column(dataframe[column], functions.get(column))

    arrays: dict[str | None, np.ndarray] = {}
    if isinstance(extra_cols, dict):
        for name, wanted in extra_cols.items():
            if isinstance(wanted, list | tuple):
                arrays[name] = _as_table(dataframe, {column: read(column) for column in wanted})
            else:
                arrays[name] = _as_input(read(wanted))
    else:
        arrays[None] = _as_table(dataframe, {column: read(column) for column in extra_cols})
    return TableInputs(arrays, _image_key(image_key))


def _repeated(columns: Sequence[Hashable]) -> list[Hashable]:
    return [column for column, count in Counter(columns).items() if count > 1]


def _image_key(image_key: str | None) -> str:
    return "image" if image_key is None else image_key


def _columns_of(extra_cols: Any) -> list[Hashable]:
    if not isinstance(extra_cols, dict):
        return list(extra_cols or ())
    lists = [_as_list(wanted) for wanted in extra_cols.values()]
    return [column for wanted in lists for column in wanted]


def _as_list(wanted: Any) -> list[Hashable]:
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def _read_column(column: pandas.Series, function: Any) -> np.ndarray:
    if function is not None:
        values = _preprocessed(column, function)
    elif _is_numeric(column):
        _check_no_gaps(column, column.isna().to_numpy(), "")
        values = column.to_numpy()
        if values.dtype.kind == "O":  # pandas's own integers and booleans
            values = np.array(values.tolist())
    else:
        _check_no_gaps(column, column.isna().to_numpy(), "")
        values = _stacked(column)
    if values.dtype.kind == "f":
        gaps = np.isnan(_flat(values)).any(axis=1)
        _check_no_gaps(column, gaps, "what `preprocess` gives for " if function else "")
        _check_fits(column, values)
    return values


def _is_numeric(column: pandas.Series) -> bool:
    from pandas.api import types

    return bool(types.is_numeric_dtype(column.dtype)) and column.dtype.kind in "biuf"


def _check_no_gaps(column: pandas.Series, gaps: np.ndarray, what: str) -> None:
    rows = np.flatnonzero(gaps)
    if len(rows):
        raise ValueError(
            f"{what}the column {column.name!r} of `extra_cols` has {len(rows)} missing value(s), "
            f"in row {row_names(column.index, rows)}. Fill them with "
            f"dataframe[{column.name!r}].fillna(...), drop the rows with dataframe.dropna("
            f"subset=[{column.name!r}]), or handle them in preprocess={{{column.name!r}: ...}}."
        )


def _check_fits(column: pandas.Series, values: np.ndarray) -> None:
    """Raise where float32 would make an infinity of a number."""
    flat = _flat(values)
    too_large = (np.abs(flat) > np.finfo(np.float32).max) & np.isfinite(flat)
    rows = np.flatnonzero(too_large.any(axis=1))
    if len(rows):
        raise ValueError(
            f"the column {column.name!r} of `extra_cols` has numbers beyond 3.4e38, which float32 "
            f"cannot hold, in row {row_names(column.index, rows)}. Scale them."
        )


def _stacked(column: pandas.Series) -> np.ndarray:
    """A column of numbers, lists or arrays, all of one shape."""
    rows = column.tolist()
    arrays: list[np.ndarray] = []
    for row, value in zip(column.index.tolist(), rows, strict=True):
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.empty(0, dtype=object)  # lists of different lengths within
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"row {row!r} of the column {column.name!r} in `extra_cols` has {value!r} of type "
                f"{type(value).__name__}; expected a number or an array of numbers. Turn the "
                f"column into numbers with preprocess={{{column.name!r}: function}}."
            )
        if arrays and array.shape != arrays[0].shape:
            raise ValueError(
                f"row {row!r} of the column {column.name!r} in `extra_cols` has an array of shape "
                f"{array.shape}, row {column.index[0]!r} one of shape {arrays[0].shape}. Pad or "
                f"cut them to one shape, e.g. with preprocess={{{column.name!r}: function}}."
            )
        arrays.append(array)
    return np.stack(arrays) if arrays else np.empty(0, dtype=np.float32)


def _preprocessed(column: pandas.Series, function: Any) -> np.ndarray:
    name = getattr(function, "__qualname__", None) or repr(function)
    where = f"preprocess[{column.name!r}] ({name})"
    with UserCode(_note, where, len(column)):
        answer = function(column.to_numpy())
    if not hasattr(answer, "__len__") or len(answer) != len(column):
        raise ValueError(
            f"{where} returned {_described(answer)} for {len(column)} rows; expected one row for "
            "each."
        )
    try:
        values = np.asarray(answer)
    except ValueError:
        values = np.empty(len(column), dtype=object)  # lists of different lengths
    if values.dtype.kind == "O":
        # A Series of arrays, or a list of them, is a column like any other.
        values = _stacked(column.__class__(list(answer), index=column.index, name=column.name))
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{where} returned values of dtype {values.dtype}; expected numbers")
    return values


def _note(where: str, rows: int) -> str:
    return f"augflow: in {where}, which got the whole column of {rows} rows"


def _described(answer: Any) -> str:
    if hasattr(answer, "__len__"):
        return f"{len(answer)} values of type {type(answer).__name__}"
    return f"{answer!r} of type {type(answer).__name__}"


def _as_input(values: np.ndarray) -> np.ndarray:
    """Integers as they are, since float32 would change large IDs; all else as float32."""
    return values if values.dtype.kind in "iu" else values.astype(np.float32)


def _as_table(dataframe: pandas.DataFrame, columns: dict[Hashable, np.ndarray]) -> np.ndarray:
    """The columns side by side: float32 of shape (rows, numbers)."""
    flat = []
    for column, values in columns.items():
        if values.dtype.kind in "iu":
            inexact = np.abs(_flat(values).astype(np.float64)) > _LARGEST_EXACT_INT
            rows = np.flatnonzero(inexact.any(axis=1))
            if len(rows):
                raise ValueError(
                    f"the column {column!r} has integers beyond 2**24 (row "
                    f"{row_names(dataframe.index, rows)}), which float32 rounds. If these are "
                    f"numbers of something, give them an input of their own, extra_cols="
                    f"{{'name': {column!r}}}, where integers stay integers; if not, scale them."
                )
        flat.append(_flat(values).astype(np.float32))
    return np.concatenate(flat, axis=1)


def _flat(values: np.ndarray) -> np.ndarray:
    # -1 would be ambiguous without rows.
    return values.reshape(len(values), prod(values.shape[1:]))
