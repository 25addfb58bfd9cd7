"""Which mask belongs to which image, by names in folders; and whether masks are there at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from augflow.base.progress import Progress
from augflow.base.warn_user import warn_user
from augflow.scan.dataframe import are_files
from augflow.store.open_folder import joined_path, open_folder
from augflow.store.stored_folder import StoredFolder

MASK_FORMATS = ("png", "tif", "tiff", "bmp", "gif", "ppm", "pgm", "jpg", "jpeg")
_NAMES_SHOWN = 5


def pair_by_stem(
    filenames: Sequence[str],
    mask_directory: Any,
    formats: tuple[str, ...] | None,
    options: Any = None,
) -> tuple[list[Any], list[str]]:
    """For each image the file of the same name, but for the ending, below another folder.

    Args:
        filenames: of the images, relative to their folder: "cat/01.jpg".
        mask_directory: holds the masks: "cat/01.png".
        formats: lower-case endings of masks, compared without a dot; None for any.
        options: of fsspec, for an address.

    Returns:
        A path or stored file for each image, and the masks that belong to no image.

    Raises:
        FileNotFoundError: ``mask_directory`` is no directory.
        ValueError: images without a mask, or with several; the message names the first.
    """
    root = os.fspath(mask_directory)
    stored = open_folder(mask_directory, options)
    if stored is None and not os.path.isdir(root):
        raise FileNotFoundError(f"mask_directory={root!r} is no directory")
    stems = [os.path.splitext(name)[0] for name in filenames]
    found: dict[str, str] = {}
    for folder in dict.fromkeys(os.path.dirname(stem) for stem in stems):
        for name in _names_in(stored or root, folder, formats):
            relative = os.path.join(folder, name)
            stem = os.path.splitext(relative)[0]
            if stem in found:
                raise ValueError(
                    f"two masks of the same name in {root!r}: {found[stem]!r} and {relative!r}. "
                    "Each image has one; several masks an image lie in several folders, "
                    "mask_directory=[...]"
                )
            found[stem] = relative
    missing = [name for name, stem in zip(filenames, stems, strict=True) if stem not in found]
    if missing:
        ending = "" if formats is None else f" (endings: {', '.join(formats)})"
        raise ValueError(
            f"{len(missing)} of {len(filenames)} images have no mask of the same name in "
            f"mask_directory={root!r}{ending}: {_listed(missing)}. Masks of other names are "
            "paired by a table, with flow_from_dataframe."
        )
    _warn_of_shared(filenames, stems)
    left = set(found) - set(stems)
    paths = [joined_path(stored or root, found[stem]) for stem in stems]
    return paths, sorted(found[one] for one in left)


def _warn_of_shared(filenames: Sequence[str], stems: list[str]) -> None:
    """Say that images whose names differ in the ending alone get one mask."""
    if len(set(stems)) == len(stems):
        return
    counts = Counter(stems)
    shared = [name for name, stem in zip(filenames, stems, strict=True) if counts[stem] > 1]
    warn_user(
        f"{len(shared)} images share their masks, since their names differ only in the ending: "
        f"{_listed(shared)}. If they show different things, give each name once."
    )


def warn_of_left(masks: list[str], mask_directory: Any) -> None:
    """Say that there are masks without images."""
    if masks:
        warn_user(
            f"{len(masks)} mask(s) in mask_directory={os.fspath(mask_directory)!r} belong to no "
            f"image of the flow: {_listed(masks)}",
        )


def warn_of_lossy(paths: list[Any]) -> None:
    """Say that a JPEG does not hold exact class numbers."""
    lossy = [path for path in paths if os.fspath(path).lower().endswith((".jpg", ".jpeg"))]
    if lossy:
        warn_user(
            f"{len(lossy)} mask(s) are JPEG files, which change class numbers at every edge: "
            f"{_listed(lossy)}. Save masks as PNG, or read them with a mask_loader= that rounds "
            "to the classes.",
        )


def check_files(
    paths: list[list[str]], name_of: Callable[[int], str], y_col: Any, start: str | StoredFolder
) -> None:
    """Raise unless all masks of a table are there.

    Args:
        paths: for each row the paths of its masks.
        name_of: gives the name of a row, for the message.
        y_col: the column, for the message.
        start: what relative paths start at.

    Raises:
        FileNotFoundError: names the first rows and files.
    """
    flat = [path for row in paths for path in row]
    with Progress("Looking for the masks of the dataframe", "masks", len(flat)) as progress:
        there = iter(are_files(flat, start, ("",), progress))
    missing = [
        f"{name_of(place)}: {path!r}"
        for place, row in enumerate(paths)
        for path in row
        if not next(there)
    ]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} mask(s) of y_col={y_col!r} are no files below {os.fspath(start)!r}: "
            f"{', '.join(missing[:_NAMES_SHOWN])}{', ...' if len(missing) > _NAMES_SHOWN else ''}"
        )


def _names_in(
    directory: str | StoredFolder, folder: str, formats: tuple[str, ...] | None
) -> list[str]:
    try:
        if isinstance(directory, StoredFolder):
            names = sorted(directory.tree.read(folder)[0])
        else:
            names = sorted(os.listdir(os.path.join(directory, folder)))
    except (FileNotFoundError, NotADirectoryError):
        # Its images have no masks then, which the caller says.
        return []
    return [
        name
        for name in names
        if not name.startswith(".") and (formats is None or name.lower().endswith(formats))
    ]


def _listed(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return ", ".join(map(repr, names[:_NAMES_SHOWN])) + more
