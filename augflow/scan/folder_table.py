"""Class folders as a table: ``augflow.scan_directory``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.words import ClassOrder
from augflow.read.loaders import checked_formats
from augflow.scan.class_order import checked_class_order, sort_classes
from augflow.scan.folders import (
    IMAGE_FORMATS,
    checked_classes,
    describe_empty,
    find_classes,
    scan_classes,
)
from augflow.store.open_folder import open_folder

if TYPE_CHECKING:
    import pandas


def scan_directory(
    directory: Any,
    *,
    classes: Sequence[str] | None = None,
    class_order: ClassOrder = "text",
    follow_links: bool = False,
    formats: Any = None,
) -> pandas.DataFrame:
    """What ``flow_from_directory`` would find, as a table to look at, to split and to flow.

    Args:
        directory: holds one folder of images per class; it may be one inside of an archive.
        classes: names of the class folders to list, in this order; None: all, sorted.
        class_order: "text" (default; Keras's order) or "natural" ("2" before "10").
        follow_links: whether links to folders below the class folders are followed.
        formats: further endings, as for ``flow_from_directory``.

    Returns:
        One row an image, in the order of ``flow_from_directory``: "filename", relative to
        ``directory``, and "class", the name of its folder. For
        ``flow_from_dataframe(table, directory)``. A folder without images has no row.

    Raises:
        FileNotFoundError, NotADirectoryError: ``directory`` is no directory.
        TypeError: ``classes`` is one string, or holds something that is no string; or
            ``formats`` are no endings.
        ValueError: there are no images in class folders.
    """
    import pandas

    checked_class_order(class_order)
    directory = open_folder(directory) or directory
    if classes is not None and len(classes):
        names = checked_classes(classes)
    else:
        names = sort_classes(find_classes(directory), class_order)
    endings = (*IMAGE_FORMATS, *checked_formats(formats))
    scan = scan_classes(directory, names, endings, None, follow_links)
    if not scan.filenames:
        raise ValueError(describe_empty(directory, names, endings))
    class_names = np.array(names, dtype=object)[scan.class_numbers].tolist()
    return pandas.DataFrame({"filename": scan.filenames, "class": class_names})
