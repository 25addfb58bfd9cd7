"""Class folders to a list of files: which images are there, and of which class.

The lists and their order are those of Keras's legacy ``DirectoryIterator``, because the
seed's permutation is applied to positions in that list. One ``os.scandir`` a folder tells
files from folders without a stat a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from augflow.base.progress import Progress
from augflow.base.warn_user import warn_user
from augflow.store.stored_folder import StoredFolder

Split = tuple[float, float]

# Endings of images, as in Keras.
IMAGE_FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

# Entries of a folder between two looks at the clock.
_FILES_A_STEP = 4096


@dataclass(frozen=True, eq=False)
class DirectoryScan:
    """The images found below a directory.

    Attributes:
        filenames: paths relative to the directory, class by class, e.g. "cats/a/1.jpg".
        class_numbers: int32 array of shape (files,), the position of each file's class.
    """

    filenames: list[str]
    class_numbers: np.ndarray


def check_directory(directory: str | os.PathLike[str]) -> None:
    """Raise unless ``directory`` is a folder that exists.

    Raises:
        FileNotFoundError: nothing is there.
        NotADirectoryError: a file is there.
    """
    if isinstance(directory, StoredFolder) or os.path.isdir(directory):
        return
    if os.path.lexists(directory):
        raise NotADirectoryError(
            f"expected a directory with one folder of images per class, but "
            f"{os.fspath(directory)!r} is not a directory. Give the folder that holds it, or "
            f"use flow_from_dataframe for a list of files."
        )
    raise FileNotFoundError(
        f"the directory {os.fspath(directory)!r} does not exist (looked for "
        f"{os.path.abspath(directory)!r}). Check the path; relative paths start at the "
        f"current working directory."
    )


def find_classes(directory: str | os.PathLike[str]) -> list[str]:
    """The names of the sub-folders, sorted as text; links to folders count.

    Args:
        directory: the folder that holds one folder per class, of this machine or a stored one.

    Returns:
        The names, empty for a flat folder.

    Raises:
        FileNotFoundError, NotADirectoryError: see ``check_directory``.
    """
    check_directory(directory)
    if isinstance(directory, StoredFolder):
        return sorted(directory.tree.read("")[1])
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if _is_folder(entry))


def scan_classes(
    directory: str | os.PathLike[str],
    classes: Iterable[str],
    formats: tuple[str, ...],
    split: Split | None = None,
    follow_links: bool = False,
    *,
    keeps_bands: bool = False,
) -> DirectoryScan:
    """List the images of each class folder, sub-folders included.

    Args:
        directory: the folder that holds the class folders, of this machine or a stored one.
        classes: folder names (or nested paths) relative to it, in the order of their numbers.
        formats: lower-case endings to keep; compared without a dot, as Keras does.
        split: (start, stop) as fractions of each class's list, None for all of it.
        follow_links: go into linked folders below a class folder.
        keeps_bands: whether all bands of an image are read, so that nobody is to be warned.

    Returns:
        The files of every class: folders sorted by path, files by name within a folder.

    Raises:
        FileNotFoundError, NotADirectoryError: see ``check_directory``.
        TypeError: ``classes`` is one string, or holds something that is no string.
    """
    check_directory(directory)
    names = checked_classes(classes)
    # A name given twice has the number of its last place, as in Keras's class_indices.
    number_of = {name: number for number, name in enumerate(names)}
    filenames: list[str] = []
    numbers: list[int] = []
    counts: list[int] = []
    has_tiff = False
    with Progress(f"Finding images in {os.fspath(directory)!r}", "files") as progress:
        for name in names:
            if not _has_folder(directory, name):
                warn_user(
                    f"the class {name!r} has no folder: {os.path.join(directory, name)!r} is not a "
                    f"directory, so the class has 0 images. Check `classes` against "
                    "the sub-folders.",
                )
            walk = _walk(directory, name, follow_links, progress)
            found, folder_has_tiff = _list_below(walk, formats)
            has_tiff = has_tiff or folder_has_tiff
            kept = found if split is None else found[_slice_of(split, len(found))]
            filenames.extend(kept)
            numbers.append(number_of[name])
            counts.append(len(kept))
    if has_tiff and not keeps_bands:
        _warn_about_tiff()
    return DirectoryScan(filenames, np.repeat(np.asarray(numbers, dtype=np.int32), counts))


def list_flat(
    directory: str | os.PathLike[str],
    formats: tuple[str, ...],
    *,
    split: Split | None = None,
    keeps_bands: bool = False,
) -> list[str]:
    """The images that lie in the directory itself, sorted by name.

    For a test folder without class folders (``class_mode=None``). Links to files count,
    folders are not entered.

    Args:
        directory: the folder.
        formats: lower-case endings to keep; compared without a dot.
        split: (start, stop) as fractions of the list, None for all of it.
        keeps_bands: see ``scan_classes``.

    Returns:
        File names relative to the directory.

    Raises:
        FileNotFoundError, NotADirectoryError: see ``check_directory``.
    """
    check_directory(directory)
    files, _ = _read_folder(directory)
    if not keeps_bands and any(name.lower().endswith(".tiff") for name in files):
        _warn_about_tiff()
    found = sorted(name for name in files if name.lower().endswith(formats))
    return found if split is None else found[_slice_of(split, len(found))]


def describe_empty(
    directory: str | os.PathLike[str], classes: Sequence[str], formats: tuple[str, ...]
) -> str:
    """Say what lies in a directory in which no image of any class was found.

    Args:
        directory: an existing folder.
        classes: the class folders that were searched.
        formats: the endings that were looked for.

    Returns:
        Sentences for an error message: what was looked for, what is there, what to do.
    """
    files, folders = _read_folder(directory)
    images = [name for name in files if name.lower().endswith(formats)]
    where = os.fspath(directory)
    looked = f"no images ({', '.join(formats)}) were found below {where!r}"
    there = (
        f"it holds {len(folders)} folder(s){_examples(folders)} and {len(files)} file(s)"
        f"{_examples(files)}, {len(images)} of them images"
    )
    if not files and not folders:
        return f"{looked}: the directory is empty. Check the path."
    if images and not folders:
        return (
            f"{looked} in class folders: {there}. Put the images of each class into a folder "
            f"of its own, or pass class_mode=None to take the files of a flat folder."
        )
    searched = f"; searched the classes{_examples(classes)}" if classes else ""
    return f"{looked}: {there}{searched}. Expected one folder of images per class."


def _examples(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:5])
    return f" ({shown}{', ...' if len(names) > 5 else ''})" if names else ""


def checked_classes(classes: Iterable[str]) -> list[str]:
    """The names of class folders as a list.

    Raises:
        TypeError: a single str, or names that are not str.
    """
    if isinstance(classes, str):
        raise TypeError(f"`classes` must be a list of folder names. Received: {classes!r}")
    names = list(classes)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"`classes` must hold folder names (str). Received {name!r} of type "
                f"{type(name).__name__}."
            )
    return names


def _slice_of(split: Split, count: int) -> slice:
    return slice(int(split[0] * count), int(split[1] * count))


def _warn_about_tiff() -> None:
    warn_user(
        'There are ".tiff" files: those with several bands come out distorted. '
        "Please look at a batch.",
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # What cannot be asked is no folder, as for os.walk and os.path.isdir.
    try:
        return entry.is_dir()
    except OSError:
        return False


def _has_folder(directory: str | os.PathLike[str], name: str) -> bool:
    if isinstance(directory, StoredFolder):
        return directory.tree.has(name)
    return os.path.isdir(os.path.join(directory, name))


def _read_folder(
    folder: str | os.PathLike[str], progress: Progress | None = None
) -> tuple[list[str], list[str]]:
    """The names in one folder, unsorted: (what is no folder, folders and links to them)."""
    if isinstance(folder, StoredFolder):
        return folder.tree.read("")
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            while part := list(islice(entries, _FILES_A_STEP)):
                for entry in part:
                    (folders if _is_folder(entry) else files).append(entry.name)
                if progress is not None:
                    progress.update(len(part))
    except (FileNotFoundError, NotADirectoryError):
        return [], []  # a missing class folder has 0 files; the caller warned
    except OSError as error:
        warn_user(f"cannot list the folder {os.fspath(folder)!r}, skipping it: {error}")
    return files, folders


def _walk(
    directory: str | os.PathLike[str], name: str, follow_links: bool, progress: Progress
) -> Iterator[tuple[str, str, list[str]]]:
    """(path, path relative to the directory, file names) of a folder in it and all below."""
    if isinstance(directory, StoredFolder):
        for relative, files in directory.tree.walk(name):
            yield relative, relative, files
        return
    folder = os.path.join(directory, name)
    pending = [(folder, name, _identity(folder) if follow_links else _NONE)]
    while pending:
        path, relative, above = pending.pop()
        files, folders = _read_folder(path, progress)
        yield path, relative, files
        for name in folders:
            inner = os.path.join(path, name)
            if not follow_links:
                if not os.path.islink(inner):
                    pending.append((inner, os.path.join(relative, name), _NONE))
                continue
            identity = _identity(inner)
            if identity <= above:
                warn_user(
                    f"the link {inner!r} leads back to a folder that holds it: not followed",
                )
                continue
            pending.append((inner, os.path.join(relative, name), above | identity))


_NONE: frozenset[tuple[int, int]] = frozenset()


def _identity(folder: str) -> frozenset[tuple[int, int]]:
    """What a folder is by any of its names; a set so that the folders above can be joined."""
    try:
        status = os.stat(folder)
    except OSError:
        return frozenset({(-1, hash(folder))})  # gone meanwhile; reading it finds nothing
    return frozenset({(status.st_dev, status.st_ino)})


def _list_below(
    walk: Iterable[tuple[str, str, list[str]]], formats: tuple[str, ...]
) -> tuple[list[str], bool]:
    """All images of ``_walk``'s folders in Keras's order, and whether a ".tiff" is among them."""
    found: list[str] = []
    has_tiff = False
    # Folders are ordered by their whole path as text, so "a-b" comes before "a/c".
    for _, relative, files in sorted(walk):
        start = os.path.join(relative, "")
        for name in sorted(files):
            lower = name.lower()
            if lower.endswith(".tiff"):
                has_tiff = True
            if lower.endswith(formats):
                found.append(start + name)
    return found, has_tiff
