"""A pandas dataframe to records: checks, files that exist, subsets.

Verdicts, rows and class lists are those of Keras's legacy ``DataFrameIterator``. The
dataframe given is never changed. pandas is imported inside functions only, so worker
processes can import this module without loading it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterable, KeysView, Mapping, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.progress import Progress
from augflow.base.shorten import shortened
from augflow.base.warn_user import warn_user
from augflow.base.words import did_you_mean
from augflow.scan.labels import check_labels, check_two_classes, class_list
from augflow.scan.row_names import check_present, first_of, row_names, value_types
from augflow.store.image_bytes import image_of_cell, images_of_cells
from augflow.store.remote import is_address, plain_address
from augflow.store.stored_folder import StoredFolder

if TYPE_CHECKING:
    import pandas

CLASS_MODES = (
    "binary",
    "categorical",
    "input",
    "mask",
    "multi_output",
    "raw",
    "sparse",
    None,
)
CLASS_MODES_WITH_CLASSES = ("binary", "categorical", "sparse")

# A folder with fewer rows than this is asked file by file. Otherwise its listing is given
# up after so many entries a row: a stat costs as much as listing about four entries.
_FEWEST_ROWS_TO_LIST = 8
_LISTED_ENTRIES_PER_ROW = 16


def as_columns(y_col: Any) -> Any:
    """One column as it is; several of an index, an array, a series or ``keys()`` as a list."""
    if isinstance(y_col, Iterable) and not isinstance(y_col, Hashable | Mapping | Set):
        return list(y_col.tolist() if hasattr(y_col, "tolist") else y_col)
    return list(y_col) if isinstance(y_col, KeysView) else y_col


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
        raise ValueError(
            f"class_mode must be one of {CLASS_MODES}. Received: {class_mode!r}"
            f"{did_you_mean(class_mode, CLASS_MODES)}"
        )
    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            f'class_mode="multi_output" needs y_col as a list of columns. Received: {y_col!r} '
            f"of type {type(y_col).__name__}"
        )
    check_present(dataframe, "x_col", [x_col])
    if class_mode in ("mask", "multi_output", "raw"):
        check_present(dataframe, "y_col", y_col if isinstance(y_col, list) else [y_col])
    elif class_mode in CLASS_MODES_WITH_CLASSES:
        if isinstance(y_col, list):
            raise TypeError(
                f'class_mode="{class_mode}" needs y_col as one column. Received: {y_col!r}. '
                'Several columns of numbers are class_mode="raw" or "multi_output".'
            )
        check_present(dataframe, "y_col", [y_col])
    if weight_col:
        check_present(dataframe, "weight_col", [weight_col])

    _check_file_names(dataframe, x_col)
    if class_mode in CLASS_MODES_WITH_CLASSES:
        check_labels(dataframe, y_col, class_mode)
    if class_mode == "binary":
        check_two_classes(dataframe, y_col, classes)
    given = class_list(classes)
    if given and class_mode not in CLASS_MODES_WITH_CLASSES:
        warn_user(
            f"`classes` has no effect with class_mode={class_mode!r} and will be ignored",
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
        x_col: the column of file names (str), relative or absolute, and of ``ImageBytes``.
        formats: lower-case endings, compared without a dot.

    Returns:
        A new dataframe with the same columns and index labels.
    """
    cells = dataframe[x_col].tolist()
    # Images that lie in the table are there.
    names = [cell for cell in cells if isinstance(cell, str)]
    start = "" if directory is None else os.fspath(directory)
    place = directory if isinstance(directory, StoredFolder) else start
    with Progress("Looking for the files of the dataframe", "rows", len(names)) as progress:
        found = iter(are_files(names, place, formats, progress))
    valid = np.array([not isinstance(cell, str) or next(found) for cell in cells], dtype=bool)
    invalid = [cells[row] for row in np.flatnonzero(~valid)]
    if invalid:
        unknown = sum(not name.lower().endswith(formats) for name in invalid)
        advice = "; `formats=` adds endings" if unknown else ""
        warn_user(
            f'Found {len(invalid)} invalid image filename(s) in x_col="{x_col}" '
            f"({len(invalid) - unknown} without a file below directory={start!r}, {unknown} with "
            f"an ending other than {', '.join(formats)}); they are left out: "
            f"{first_of([repr(name) for name in invalid])}{advice}",
        )
    return dataframe[valid]


def check_rows(dataframe: pandas.DataFrame, given: int, x_col: Hashable) -> None:
    """Raise where no row is left: Keras says so only when it trains or validates.

    Args:
        dataframe: the rows that can be used.
        given: how many there were.
        x_col: the column of file names.

    Raises:
        ValueError: there is none.
    """
    if len(dataframe):
        return
    if not given:
        raise ValueError("the dataframe has no rows: there is no image")
    raise ValueError(
        f"none of the {given} row(s) of the dataframe can be used: their files (x_col={x_col!r}) "
        "are missing or of another format, or they have no label; warnings count and name them"
    )


def split_slice(count: int, split: tuple[float, float]) -> slice:
    """The rows of a subset among ``count``: from fraction ``split[0]`` to ``split[1]``."""
    return slice(int(split[0] * count), int(split[1] * count))


def with_targets(
    dataframe: pandas.DataFrame, y_col: Any, weight_col: Hashable | None, class_mode: str | None
) -> pandas.DataFrame:
    """The table with targets that NumPy can hold; warnings name those and weights that are missing.

    pandas's own integers, floats and booleans, which may lack values, would make arrays of objects
    together with other columns. Keras keeps the rows of missing ones, and the loss is NaN.

    Args:
        dataframe: one row a sample.
        y_col: a column, or a list of them.
        weight_col: the column of sample weights, or None.
        class_mode: one of ``CLASS_MODES``.
    """
    targets: list[Hashable] = []
    if class_mode in ("raw", "multi_output"):
        targets = list(y_col) if isinstance(y_col, list) else [y_col]
    weights = [] if weight_col is None else [weight_col]
    for argument, columns in (("y_col", targets), ("weight_col", weights)):
        for column in columns:
            _warn_of_missing(dataframe, argument, column)
    for column in targets:
        _warn_of_text(dataframe, column)
    dataframe = dataframe.copy(deep=False)
    for column in targets:
        series = dataframe[column]
        kind = getattr(series.dtype, "numpy_dtype", None)
        if kind is not None and kind.kind in "biuf" and not isinstance(series.dtype, np.dtype):
            dataframe[column] = series.astype("float64" if series.isna().any() else kind)
    return dataframe


def _warn_of_missing(dataframe: pandas.DataFrame, argument: str, column: Hashable) -> None:
    rows = np.flatnonzero(dataframe[column].isna().to_numpy())
    if len(rows):
        warn_user(
            f"{len(rows):,} value(s) in {argument}={column!r} are missing, in row "
            f"{row_names(dataframe.index, rows)}; their rows are kept, as Keras keeps them, and "
            f"one NaN spoils a loss. dataframe.dropna(subset=[{column!r}]) leaves them out."
        )


def _warn_of_text(dataframe: pandas.DataFrame, column: Hashable) -> None:
    """Warn where targets are text: batches hold it, and no model takes it."""
    if dataframe[column].dtype.kind in "biufc":
        return
    are_text = dataframe[column].map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    rows = np.flatnonzero(are_text)
    if len(rows):
        value = dataframe[column].iloc[rows[0]]
        warn_user(
            f"y_col={column!r} holds text, e.g. {value!r} in row "
            f"{row_names(dataframe.index, rows[:1])}: next(flow) gives it as it is, and a model's "
            'fit takes numbers only. Names of classes are for class_mode="categorical" or '
            '"sparse".'
        )


def _check_dataframe(dataframe: Any) -> None:
    import pandas

    if not isinstance(dataframe, pandas.DataFrame):
        raise TypeError(
            f"flow_from_dataframe needs a pandas.DataFrame. Received: "
            f"{type(dataframe).__name__}. A CSV file is read with pandas.read_csv(path, "
            f"dtype=str), other tables become one with their to_pandas()."
        )


def _check_file_names(dataframe: pandas.DataFrame, x_col: Hashable) -> None:
    column = dataframe[x_col]
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise TypeError(
            f"all values in x_col={x_col!r} must be str (file names), and {len(missing):,} are "
            f"missing, in row {row_names(column.index, missing)}. Leave these rows out: "
            f"dataframe.dropna(subset=[{x_col!r}])."
        )
    others = [kind for kind in value_types(column) if not issubclass(kind, str)]
    if not others:
        return
    for label, cell in zip(column.index.tolist(), column.tolist(), strict=True):
        if image_of_cell(cell, "") is None:
            kinds = ", ".join(sorted(kind.__name__ for kind in others))
            raise TypeError(
                f"all values in x_col={x_col!r} must be str (file names), bytes of images, or "
                'dicts {"bytes": ..., "path": ...}. Received values of type: '
                f"{kinds}, e.g. {shortened(cell)} in row {label!r}. Paths become str with "
                f"dataframe[{x_col!r}].astype(str)."
            )


def with_images(dataframe: pandas.DataFrame, x_col: Hashable) -> pandas.DataFrame:
    """The table with an ``ImageBytes`` for each cell that holds an image instead of its path.

    Args:
        dataframe: one row a sample, checked by ``check_columns``.
        x_col: the column of file names, bytes, or dicts of "bytes" and "path".

    Returns:
        The same table where all cells are paths, else a copy; its other columns are shared.
    """
    import pandas

    column = dataframe[x_col]
    if all(issubclass(kind, str) for kind in value_types(column)):
        return dataframe
    images = images_of_cells(column.tolist(), x_col, column.index.tolist())
    dataframe = dataframe.copy(deep=False)
    dataframe[x_col] = pandas.Series(images, index=dataframe.index, dtype=object)
    return dataframe


def are_files(
    names: list[str],
    directory: str | StoredFolder,
    formats: tuple[str, ...],
    progress: Progress,
) -> list[bool]:
    """Per name, whether it has a known ending and is an existing file.

    Args:
        names: relative to the directory, or absolute.
        directory: "" for the working directory; or a stored folder.
        formats: lower-case endings, compared without a dot; ("",) for any.
        progress: is told how many are done.
    """
    if isinstance(directory, StoredFolder):
        return [
            plain_address(name).lower().endswith(formats)
            and (is_address(name) or name in directory)
            for name in names
        ]
    valid = [False] * len(names)
    rows_of_folder: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if is_address(name):
            # To ask for each would take longer than to read some: what is missing is told then.
            valid[row] = plain_address(name).lower().endswith(formats)
        elif name.lower().endswith(formats):
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
