"""A pandas dataframe to records: checks, files that exist, classes, subsets.

Verdicts, rows and class lists are those of Keras's legacy ``DataFrameIterator``. The
dataframe given is never changed. pandas is imported inside functions only, so worker
processes can import this module without loading it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.progress import Progress

if TYPE_CHECKING:
    import pandas

CLASS_MODES = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)
CLASS_MODES_WITH_CLASSES = ("binary", "categorical", "sparse")

# A folder with fewer rows than this is asked file by file. Otherwise its listing is given
# up after so many entries a row: a stat costs as much as listing about four entries.
_FEWEST_ROWS_TO_LIST = 8
_LISTED_ENTRIES_PER_ROW = 16
_NAMES_SHOWN = 5


def check_columns(
    dataframe: pandas.DataFrame,
    x_col: Hashable,
    y_col: Any,
    weight_col: Hashable | None,
    classes: Collection[Any] | None,
    class_mode: str | None,
) -> None:
    """Raise unless the dataframe holds what the class mode needs.

    Args:
        dataframe: one row a sample.
        x_col: the column of file names.
        y_col: the column of labels; a list of columns for "multi_output", and possible
            for "raw". Not looked at for "input" and None.
        weight_col: the column of sample weights, or None.
        classes: the classes to use, or None for all.
        class_mode: one of ``CLASS_MODES``.

    Raises:
        TypeError: no dataframe, or a column with values of the wrong type.
        ValueError: an unknown class mode, or not two classes for "binary".
        KeyError: a column is missing; the message lists those there are.
    """
    _check_dataframe(dataframe)
    if class_mode not in CLASS_MODES:
        raise ValueError(f"class_mode must be one of {CLASS_MODES}. Received: {class_mode!r}")
    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            f'class_mode="multi_output" needs y_col as a list of columns. Received: {y_col!r} '
            f"of type {type(y_col).__name__}"
        )
    _check_present(dataframe, "x_col", [x_col])
    if class_mode in ("multi_output", "raw"):
        _check_present(dataframe, "y_col", y_col if isinstance(y_col, list) else [y_col])
    elif class_mode in CLASS_MODES_WITH_CLASSES:
        _check_present(dataframe, "y_col", [y_col])
    if weight_col:
        _check_present(dataframe, "weight_col", [weight_col])

    _check_types(dataframe, "x_col", x_col, (str,), "file names")
    if class_mode in ("binary", "sparse"):
        _check_types(dataframe, "y_col", y_col, (str,), f'labels for class_mode="{class_mode}"')
    if class_mode == "binary":
        _check_two_classes(dataframe, y_col, classes)
    if class_mode == "categorical":
        _check_types(
            dataframe, "y_col", y_col, (str, list, tuple), 'labels for class_mode="categorical"'
        )
    given = _class_list(classes)
    if given and class_mode not in CLASS_MODES_WITH_CLASSES:
        warnings.warn(
            f"`classes` has no effect with class_mode={class_mode!r} and will be ignored",
            stacklevel=2,
        )
    if weight_col and not issubclass(dataframe[weight_col].dtype.type, np.number):
        raise TypeError(
            f"weight_col={weight_col!r} must be a numeric column. Received dtype: "
            f"{dataframe[weight_col].dtype}"
        )


def keep_valid_files(
    dataframe: pandas.DataFrame,
    directory: str | os.PathLike[str] | None,
    x_col: Hashable,
    formats: tuple[str, ...],
) -> pandas.DataFrame:
    """The rows whose file exists and has a known ending; a warning counts the others.

    A row stays where ``os.path.isfile`` is true, which is looked up in folder listings.

    Args:
        dataframe: one row a sample.
        directory: what relative file names start at; None or "" for the working directory.
        x_col: the column of file names (str), relative or absolute.
        formats: lower-case endings, compared without a dot.

    Returns:
        A new dataframe with the same columns and index labels.
    """
    names: list[str] = dataframe[x_col].tolist()
    start = "" if directory is None else os.fspath(directory)
    with Progress("Looking for the files of the dataframe", "rows", len(names)) as progress:
        found = _are_files(names, start, formats, progress)
    valid = np.fromiter(found, dtype=bool, count=len(names))
    missing = len(names) - int(np.count_nonzero(valid))
    if missing:
        first = [names[row] for row in np.flatnonzero(~valid)[:_NAMES_SHOWN]]
        more = ", ..." if missing > len(first) else ""
        warnings.warn(
            f'Found {missing} invalid image filename(s) in x_col="{x_col}" (no such file below '
            f"directory={start!r}, or an ending other than {', '.join(formats)}); they are left "
            f"out: {', '.join(map(repr, first))}{more}",
            stacklevel=2,
        )
    return dataframe[valid]


def keep_classes(
    dataframe: pandas.DataFrame, y_col: Hashable, classes: Collection[Any] | None
) -> tuple[pandas.DataFrame, list[Any]]:
    """The rows with a label among the classes, and the class list.

    Args:
        dataframe: one row a sample.
        y_col: the column of labels: a str, or a list or tuple of classes.
        classes: the classes to keep, in the order of their numbers; None or empty: all
            that occur, sorted. Labels outside are taken out of lists; a row without any
            label left is dropped.

    Returns:
        (a new dataframe, the classes without repetitions).

    Raises:
        TypeError: a label is neither str, list nor tuple while ``classes`` is given, or
            ``classes`` is a single str.
    """
    labels = dataframe[y_col]
    types = _value_types(labels)
    only_text = all(issubclass(kind, str) for kind in types)
    wanted = _class_list(classes)
    if not wanted:
        found: set[Any] = set()
        if only_text:
            found.update(labels.dropna().unique().tolist())
        else:
            for label in labels.dropna().tolist():
                found.update(label) if isinstance(label, list | tuple) else found.add(label)
        return dataframe[_is_labelled(labels, y_col)], sorted(found)

    if only_text:
        return dataframe[labels.isin(wanted).to_numpy()], wanted
    kept = _labels_among(labels, y_col, set(wanted))
    rows = np.fromiter((label is not None for label in kept), dtype=bool, count=len(kept))
    filtered = dataframe[rows].copy(deep=False)
    column = np.empty(len(filtered), dtype=object)
    for position, label in enumerate(label for label in kept if label is not None):
        column[position] = label
    filtered[y_col] = column
    return filtered, wanted


def class_numbers(
    dataframe: pandas.DataFrame, y_col: Hashable, class_indices: Mapping[Any, int]
) -> list[Any]:
    """The number of each row's class, or a list of numbers where a row has several labels."""
    return [
        [class_indices[one] for one in label]
        if isinstance(label, list | tuple)
        else class_indices[label]
        for label in dataframe[y_col].tolist()
    ]


def split_rows(dataframe: pandas.DataFrame, split: tuple[float, float] | None) -> pandas.DataFrame:
    """The rows from fraction ``split[0]`` to ``split[1]``; all for None."""
    if split is None:
        return dataframe
    count = len(dataframe)
    return dataframe.iloc[int(split[0] * count) : int(split[1] * count), :]


def _check_dataframe(dataframe: Any) -> None:
    import pandas

    if not isinstance(dataframe, pandas.DataFrame):
        raise TypeError(
            f"flow_from_dataframe needs a pandas.DataFrame. Received: "
            f"{type(dataframe).__name__}. A CSV file is read with pandas.read_csv(path, "
            f"dtype=str), other tables become one with their to_pandas()."
        )


def _check_present(dataframe: pandas.DataFrame, argument: str, columns: Sequence[Hashable]) -> None:
    for column in columns:
        present = column is not None and column in dataframe.columns
        if not present:
            raise KeyError(
                f"{argument}={column!r} is not a column of the dataframe, which has "
                f"{list(dataframe.columns)}. Name one of these in `{argument}`."
            )
        if sum(name == column for name in dataframe.columns) > 1:
            raise TypeError(f"{argument}={column!r} names several columns. Rename all but one.")


def _check_types(
    dataframe: pandas.DataFrame, argument: str, column: Hashable, types: tuple[type, ...], use: str
) -> None:
    wrong = sorted(
        kind.__name__ for kind in _value_types(dataframe[column]) if not issubclass(kind, types)
    )
    if wrong:
        expected = " or ".join(kind.__name__ for kind in types)
        raise TypeError(
            f"all values in {argument}={column!r} must be {expected} ({use}). Received values "
            f"of type: {', '.join(wrong)}. Convert them with "
            f"dataframe[{column!r}].astype(str); drop rows with missing values (float nan, "
            f"NoneType) first."
        )


def _check_two_classes(
    dataframe: pandas.DataFrame, y_col: Hashable, classes: Collection[Any] | None
) -> None:
    found, where = _class_list(classes), "given in `classes`"
    if not found:
        found, where = sorted(dataframe[y_col].dropna().unique()), f"found in y_col={y_col!r}"
    if len(found) != 2:
        shown = ", ".join(map(repr, found[:_NAMES_SHOWN])) + (
            ", ..." if len(found) > _NAMES_SHOWN else ""
        )
        raise ValueError(
            f'class_mode="binary" needs 2 classes, {len(found)} were {where}: {shown}. Use '
            f'"categorical" or "sparse" for another number.'
        )


def _class_list(classes: Collection[Any] | None) -> list[Any]:
    """The given classes without repetitions, empty for None."""
    if isinstance(classes, str):
        raise TypeError(f"`classes` must be a list of class names. Received: {classes!r}")
    if classes is None:
        return []
    # An array of names gives plain str, so that class_indices prints and pickles plainly.
    return list(dict.fromkeys(classes.tolist() if isinstance(classes, np.ndarray) else classes))


def _value_types(column: pandas.Series) -> set[type]:
    """The types of a column's values; a missing value of a categorical has none, as in Keras."""
    import pandas

    if isinstance(column.dtype, pandas.CategoricalDtype):
        column = column.dropna()
    return set(map(type, column.to_numpy(dtype=object)))


def _is_labelled(labels: pandas.Series, y_col: Hashable) -> np.ndarray:
    labelled = labels.notna().to_numpy()
    missing = len(labels) - int(np.count_nonzero(labelled))
    if missing:
        warnings.warn(
            f"{missing} row(s) have no label in y_col={y_col!r}; they are left out", stacklevel=3
        )
    return labelled


def _labels_among(labels: pandas.Series, y_col: Hashable, wanted: set[Any]) -> list[Any]:
    """Each row's label reduced to the wanted classes, None where nothing is left."""
    kept: list[Any] = []
    for label in labels.tolist():
        if isinstance(label, str):
            kept.append(label if label in wanted else None)
        elif isinstance(label, list | tuple):
            kept.append([one for one in label if one in wanted] or None)
        else:
            raise TypeError(
                f"labels must be str, list or tuple. Received {label!r} of type "
                f"{type(label).__name__} in y_col={y_col!r}"
            )
    return kept


def _are_files(
    names: list[str], directory: str, formats: tuple[str, ...], progress: Progress
) -> list[bool]:
    """Per name, whether it has a known ending and is an existing file."""
    valid = [False] * len(names)
    rows_of_folder: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name.lower().endswith(formats):
            # With the separator, so that "/a.png" and "a.png" have different folders.
            folder = name[: _end_of_folder(name)]
            rows_of_folder.setdefault(folder, []).append(row)
    for folder, rows in rows_of_folder.items():
        progress.update(len(rows))
        path = os.path.join(directory, folder)
        listed = _listed_files(path or os.curdir, len(rows))
        if listed is not None and not listed and not os.path.isdir(path or os.curdir):
            continue
        cut = len(folder)
        for row in rows:
            # A name that is not listed is asked for: file systems that ignore case or
            # normalise names, and listings that were given up, answer differently.
            valid[row] = bool(listed and names[row][cut:] in listed) or os.path.isfile(
                os.path.join(path, names[row][cut:])
            )
    return valid


def _end_of_folder(name: str) -> int:
    end = name.rfind(os.sep) + 1
    return max(end, name.rfind(os.altsep) + 1) if os.altsep else end


def _listed_files(folder: str, rows: int) -> set[str] | None:
    """The files (and links to files) of a folder; None if asking for each is cheaper."""
    if rows < _FEWEST_ROWS_TO_LIST:
        return None
    limit = rows * _LISTED_ENTRIES_PER_ROW
    files: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= limit:
                    return None
                if entry.is_file():
                    files.add(entry.name)
    except OSError:
        # Not listable is not the same as not there; the caller asks for each file.
        return None if os.path.isdir(folder) else set()
    return files
