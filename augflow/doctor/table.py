"""Which images, classes, parts and masks a table names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from augflow.doctor.samples import MASK_ENDINGS, PARTS, Samples
from augflow.scan.folders import IMAGE_FORMATS

if TYPE_CHECKING:
    import pandas

_LABELS = ("class", "label", "labels", "category", "target", "y", "mask", "masks")
_PARTS = ("split", "subset", "part", "fold", "set")


def samples_of_table(
    path: str, directory: str | None = None, x_col: str | None = None, y_col: str | None = None
) -> Samples:
    """The images that a CSV file names.

    Args:
        path: of the CSV file.
        directory: what relative names start at; None (default): where the table lies.
        x_col: column of file names; None (default): "filename", or the first one with names of
            images.
        y_col: column of classes or of masks; None (default): "class", "label" or the like.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: no such column, or no rows.
    """
    import pandas

    table = pandas.read_csv(path)
    start = os.path.dirname(os.path.abspath(path)) if directory is None else directory
    names = _column(table, x_col, path) if x_col else _first_of_images(table, path)
    if not len(names):
        raise ValueError(f"the table {path!r} has no rows")
    known = {column.lower(): column for column in table.columns if column != names.name}
    label = y_col or next((known[word] for word in _LABELS if word in known), None)
    labels = None if label is None else _column(table, label, path).astype(object)
    split = next((known[word] for word in _PARTS if word in known), None)
    found = Samples()
    found.has_masks = labels is not None and _are_files(labels, MASK_ENDINGS)
    for row, name in enumerate(names.astype(str)):
        part = "" if split is None else PARTS.get(str(table[split].iloc[row]).lower(), "")
        value = None if labels is None or pandas.isna(labels.iloc[row]) else str(labels.iloc[row])
        file = os.path.join(start, name)
        if not os.path.lexists(file):
            found.missing.append(name)
        elif found.has_masks:
            mask = None if value is None else os.path.join(start, value)
            found.add(file, name, part, None, mask)
        else:
            found.add(file, name, part, value)
    return found


def _column(table: pandas.DataFrame, name: str, path: str) -> pandas.Series:
    if name not in table:
        raise ValueError(
            f"the table {path!r} has no column {name!r}. It has: {', '.join(map(str, table))}"
        )
    return table[name]


def _first_of_images(table: pandas.DataFrame, path: str) -> pandas.Series:
    if "filename" in table:
        return table["filename"]
    for name in table:
        if _are_files(table[name], IMAGE_FORMATS):
            return table[name]
    raise ValueError(
        f"no column of {path!r} has names of images. It has: {', '.join(map(str, table))}. Say "
        "which one by --x-col"
    )


def _are_files(values: pandas.Series, endings: tuple[str, ...]) -> bool:
    some = [str(value).lower() for value in values.dropna().head(20)]
    return bool(some) and all(value.endswith(tuple("." + one for one in endings)) for value in some)
