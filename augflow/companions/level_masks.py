"""Rows of a table with different numbers of masks: brought to one number, by empty masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

_LISTS = (list, tuple, np.ndarray)


def with_level_masks(
    dataframe: pandas.DataFrame, columns: Sequence[Any]
) -> tuple[pandas.DataFrame, str | None]:
    """The table with as many masks in each row as the row with most of them has.

    Where a column holds lists of different lengths, the shorter ones are filled up at their end
    with None, which stands for an empty mask. An empty list is an image without any. Done before
    a subset is taken, so that all subsets have the same number.

    Args:
        dataframe: all rows, of which flows take subsets.
        columns: with the masks; others than lists stay as they are.

    Returns:
        The table, a copy where anything was filled up, and a sentence about it, or None.
    """
    told = []
    for column in columns:
        cells = dataframe[column].to_numpy().tolist()
        if not any(isinstance(cell, _LISTS) for cell in cells):
            continue
        lists = [list(cell) if isinstance(cell, _LISTS) else [cell] for cell in cells]
        lengths = [len(each) for each in lists]
        least, most = min(lengths), max(lengths)
        if least == most:
            continue
        filled = [each + [None] * (most - len(each)) for each in lists]
        level = np.empty(len(filled), dtype=object)
        level[:] = filled
        dataframe = dataframe.copy(deep=False)
        dataframe[column] = level
        told.append(
            f"The rows of y_col={column!r} have {least} to {most} masks: those with fewer get "
            f"empty ones at the end, {most} in all."
        )
    return dataframe, " ".join(told) or None
