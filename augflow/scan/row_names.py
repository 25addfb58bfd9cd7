"""How errors and warnings about a table name its columns, rows and values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

NAMES_SHOWN = 5


def check_present(dataframe: pandas.DataFrame, argument: str, columns: Sequence[Hashable]) -> None:
    """Raise unless each column is there, once.

    Raises:
        KeyError: a column is missing; the message lists those there are.
        TypeError: several columns have the name.
    """
    for column in columns:
        present = column is not None and column in dataframe.columns
        if not present:
            raise KeyError(
                f"{argument}={column!r} is not a column of the dataframe, which has "
                f"{list(dataframe.columns)}. Name one of these in `{argument}`."
            )
        if sum(name == column for name in dataframe.columns) > 1:
            raise TypeError(f"{argument}={column!r} names several columns. Rename all but one.")


def value_types(column: pandas.Series) -> set[type]:
    """The types of a column's values; a missing value of a categorical has none, as in Keras."""
    import pandas

    if isinstance(column.dtype, pandas.CategoricalDtype):
        column = column.dropna()
    return set(map(type, column.to_numpy(dtype=object)))


def first_of(names: Sequence[str]) -> str:
    """The first few of some names, and whether there are more."""
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")


def row_names(rows: pandas.Index, positions: np.ndarray) -> str:
    """The first few rows at some positions, by the labels of a dataframe's index."""
    shown = rows[positions[: NAMES_SHOWN + 1]].tolist()
    return first_of([repr(label) for label in shown])
