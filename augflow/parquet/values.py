"""Columns of Arrow as numbers of a dtype: nothing is rounded to fit, and nothing made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from augflow.parquet.table import import_pyarrow


class UnfitValueError(ValueError):
    """A value that a dtype cannot hold.

    Attributes:
        place: of the value in its column; None where it is the column's type.
    """

    def __init__(self, place: int | None, cause: str) -> None:
        super().__init__(cause)
        self.place = place


def numbers_of(column: Any, dtype: np.dtype) -> np.ndarray:
    """Numbers and truth values of a column.

    Args:
        column: a ``pyarrow.ChunkedArray``.
        dtype: of kind f, i, u or b.

    Returns:
        An array of shape (rows,) of that dtype, which must not be written to; NaN where a value is
        missing.

    Raises:
        UnfitValueError: the column holds no numbers, or one that the dtype cannot hold.
    """
    types = import_pyarrow().types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_decimal(column.type):
        column = column.cast("float64")
    kind = column.type
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise UnfitValueError(None, f"it holds {kind}, no numbers; see preprocess=")
    if column.null_count:
        if dtype.kind != "f":
            place = int(np.argmax(column.is_null().to_numpy()))
            raise UnfitValueError(
                place, f"a value is missing, and {dtype.name} has no NaN as float dtypes have"
            )
        column = column.cast("float64" if not types.is_floating(kind) else kind)
    values = np.asarray(column.to_numpy())
    if values.dtype == dtype:
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(dtype)
    if dtype.kind != "f":
        wrong = cast != values
        if wrong.any():
            place = int(np.argmax(wrong))
            raise UnfitValueError(place, f"{values[place].item()!r} does not fit into {dtype.name}")
    return cast


def series_of(column: Any, is_plain_text: bool) -> Any:
    """A column as a ``pandas.Series``, for a function of the user's, or as text.

    Args:
        column: a ``pyarrow.ChunkedArray``.
        is_plain_text: whether it is to be text without a function.

    Raises:
        UnfitValueError: it is to be text, and is none.
    """
    types = import_pyarrow().types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if is_plain_text and not (types.is_string(kind) or types.is_large_string(kind)):
        raise UnfitValueError(None, f"it holds {kind}, no text; see dtype= and preprocess=")
    return column.to_pandas().reset_index(drop=True)
