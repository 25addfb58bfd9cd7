"""A column of labels to classes: which there are, and the number of each row's.

For strings and lists, rows and class lists are those of Keras's legacy ``DataFrameIterator``.
Booleans and numbers, which Keras refuses, are classes as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.scan.class_order import sort_classes
from augflow.scan.row_names import NAMES_SHOWN, first_of, row_names, value_types

if TYPE_CHECKING:
    import pandas

_SINGLE_LABELS = ("str", "bool", "number")
_LISTS = (list, tuple)
# More numbers than this, most of them once or twice, are rather values to be estimated.
_FEWEST_SUSPICIOUS_CLASSES = 20


def check_labels(dataframe: pandas.DataFrame, y_col: Hashable, class_mode: str) -> None:
    """Raise unless all labels can be classes, and of one kind; missing ones are passed over.

    Args:
        dataframe: one row a sample.
        y_col: the column of labels.
        class_mode: "binary", "sparse" or "categorical"; the last takes lists of labels, too.

    Raises:
        TypeError: a label of another type, or labels of several kinds.
    """
    labels = dataframe[y_col]
    labels = labels[labels.notna().to_numpy()]
    allowed = {*_SINGLE_LABELS, "list"} if class_mode == "categorical" else {*_SINGLE_LABELS}
    types = value_types(labels)
    wrong = sorted(kind.__name__ for kind in types if _kind(kind) not in allowed)
    if wrong:
        lists = ", or lists or tuples of these" if class_mode == "categorical" else ""
        raise TypeError(
            f"all values in y_col={y_col!r} must be str, bool or numbers{lists} (labels for "
            f'class_mode="{class_mode}"). Received values of type: {", ".join(wrong)}. Convert '
            f"them with dataframe[{y_col!r}].astype(str)."
        )
    if len({_kind(kind) for kind in types}) > 1 or any(issubclass(kind, _LISTS) for kind in types):
        _check_one_kind(labels, y_col)


def check_two_classes(
    dataframe: pandas.DataFrame, y_col: Hashable, classes: Collection[Any] | None
) -> None:
    """Raise unless there are two classes, in the table or as they are given.

    Raises:
        ValueError: another number of classes.
    """
    found, where = class_list(classes), "given in `classes`"
    if not found:
        found = sorted(set(map(_plain, dataframe[y_col].dropna().unique().tolist())))
        where = f"found in y_col={y_col!r}"
    if len(found) != 2:
        raise ValueError(
            f'class_mode="binary" needs 2 classes, {len(found)} were {where}: '
            f'{first_of([repr(name) for name in found])}. Use "categorical" or "sparse" for '
            "another number."
        )


def class_list(classes: Collection[Any] | None) -> list[Any]:
    """The given classes without repetitions, as plain Python values; empty for None."""
    if isinstance(classes, str):
        raise TypeError(f"`classes` must be a list of class names. Received: {classes!r}")
    return list(dict.fromkeys(map(_plain, () if classes is None else classes)))


def keep_classes(
    dataframe: pandas.DataFrame,
    y_col: Hashable,
    classes: Collection[Any] | None,
    class_order: str = "text",
) -> tuple[pandas.DataFrame, list[Any]]:
    """The rows with a label among the classes, and the class list; warnings name the others.

    Args:
        dataframe: one row a sample.
        y_col: the column of labels, as ``check_labels`` allows them.
        classes: the classes to keep, in the order of their numbers; None or empty: all
            that occur, sorted. Labels outside are taken out of lists; a row without any
            label left is dropped.
        class_order: see ``class_order.sort_classes``.

    Returns:
        (a new dataframe, the classes without repetitions, as plain Python values).

    Raises:
        TypeError: ``classes`` are a single str, or of another kind than the labels.
    """
    dataframe = _without_missing(dataframe, y_col)
    labels = dataframe[y_col]
    has_lists = any(issubclass(kind, _LISTS) for kind in value_types(labels))
    found = _all_classes(labels, has_lists)
    wanted = class_list(classes)
    if not wanted:
        _warn_of_regression(found, len(labels), y_col)
        return dataframe, sort_classes(found, class_order)
    _check_same_kind(found, wanted, y_col)
    kept: list[Any] | None = None
    if has_lists:
        kept = _labels_among(labels, set(wanted))
        rows = np.fromiter((label is not None for label in kept), dtype=bool, count=len(kept))
    else:
        among = set(wanted)
        rows = labels.isin([one for one in found if one in among]).to_numpy(dtype=bool)
    _warn_of_others(labels, ~rows, y_col)
    dataframe = dataframe[rows]
    if kept is not None:
        dataframe = dataframe.copy(deep=False)
        column = np.empty(len(dataframe), dtype=object)
        for position, label in enumerate(label for label in kept if label is not None):
            column[position] = label
        dataframe[y_col] = column
    return dataframe, wanted


def class_numbers(
    dataframe: pandas.DataFrame, y_col: Hashable, class_indices: Mapping[Any, int]
) -> list[Any]:
    """The number of each row's class, or a list of numbers where a row has several labels."""
    return [
        [class_indices[one] for one in label] if isinstance(label, _LISTS) else class_indices[label]
        for label in dataframe[y_col].tolist()
    ]


def _plain(label: Any) -> Any:
    # So that class_indices prints, compares and pickles plainly.
    return label.item() if isinstance(label, np.generic) else label


def _kind(kind: type) -> str:
    """Labels of one kind can be compared and sorted."""
    if issubclass(kind, str):
        return "str"
    if issubclass(kind, bool | np.bool_):
        return "bool"
    if issubclass(kind, int | float | np.integer | np.floating):
        return "number"
    return "list" if issubclass(kind, _LISTS) else kind.__name__


def _check_one_kind(labels: pandas.Series, y_col: Hashable) -> None:
    examples: dict[str, str] = {}
    for row, label in zip(labels.index, labels.tolist(), strict=True):
        for one in label if isinstance(label, _LISTS) else (label,):
            if one is None or one != one:
                raise TypeError(f"the list {label!r} of row {row!r} in y_col={y_col!r} has a gap.")
            examples.setdefault(_kind(type(one)), f"row {row!r} has {one!r}")
    if len(examples) > 1:
        shown = "; ".join(f"{kind}: {example}" for kind, example in examples.items())
        raise TypeError(
            f"the labels in y_col={y_col!r} are of several kinds ({shown}), which have no common "
            f"order. Make them one kind, e.g. with dataframe[{y_col!r}].astype(str)."
        )


def _check_same_kind(found: Iterable[Any], wanted: Iterable[Any], y_col: Hashable) -> None:
    # True equals 1 and False equals 0, so these may be named by one another.
    present = {_kind(type(label)).replace("bool", "number"): label for label in found}
    given = {_kind(type(label)).replace("bool", "number"): label for label in wanted}
    if present and not set(present) & set(given):
        raise TypeError(
            f"`classes` and the labels in y_col={y_col!r} are of different types, so no label is "
            f"among the classes: {next(iter(given.values()))!r} in `classes`, "
            f"{next(iter(present.values()))!r} in the column. Give the classes as the column has "
            "them."
        )


def _all_classes(labels: pandas.Series, has_lists: bool) -> set[Any]:
    if not has_lists:
        return set(map(_plain, labels.unique().tolist()))
    found: set[Any] = set()
    for label in labels.tolist():
        found.update(map(_plain, label if isinstance(label, _LISTS) else (label,)))
    return found


def _without_missing(dataframe: pandas.DataFrame, y_col: Hashable) -> pandas.DataFrame:
    missing = dataframe[y_col].isna().to_numpy()
    rows = np.flatnonzero(missing)
    if len(rows):
        warn_user(
            f"{len(rows)} row(s) have no label in y_col={y_col!r}; they are left out: "
            f"{row_names(dataframe.index, rows)}",
        )
    return dataframe[~missing]


def _warn_of_others(labels: pandas.Series, others: np.ndarray, y_col: Hashable) -> None:
    rows = np.flatnonzero(others)
    if not len(rows):
        return
    some = rows[: NAMES_SHOWN + 1]
    shown = zip(labels.index[some].tolist(), labels.iloc[some].tolist(), strict=True)
    warn_user(
        f"{len(rows)} row(s) have a label in y_col={y_col!r} that is not in `classes`; they are "
        f"left out: {first_of([f'{row!r} ({label!r})' for row, label in shown])}",
    )


def _warn_of_regression(found: Collection[Any], rows: int, y_col: Hashable) -> None:
    numbers = all(_kind(type(label)) == "number" for label in found)
    if numbers and len(found) > _FEWEST_SUSPICIOUS_CLASSES and 2 * len(found) > rows:
        warn_user(
            f"y_col={y_col!r} holds {len(found)} different numbers in {rows} rows, each of which "
            'becomes a class. For a number to be estimated use class_mode="raw".',
        )


def _labels_among(labels: pandas.Series, wanted: set[Any]) -> list[Any]:
    """Each row's label reduced to the wanted classes, None where nothing is left."""
    kept: list[Any] = []
    for label in labels.tolist():
        if isinstance(label, _LISTS):
            kept.append([one for one in label if one in wanted] or None)
        else:
            kept.append(label if label in wanted else None)
    return kept
