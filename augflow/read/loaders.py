"""Endings that a user adds, and functions of the user's that read such files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from augflow.base.regular_file import NotRegularFileError
from augflow.base.settings import Loader
from augflow.errors import ImageReadError
from augflow.read.unchanged import image_array
from augflow.store.stored_file import as_argument


def checked_formats(formats: Any) -> dict[str, Callable[[str], Any] | None]:
    """The endings a user adds: lower case, with their dot, and how files with them are read.

    Args:
        formats: None; endings, e.g. [".npy"]; or a dict of endings to functions ``f(path)``
            that return an array, or to None for augflow's own readers. "" stands for every file.

    Raises:
        TypeError: something else.
    """
    if formats is None:
        return {}
    if isinstance(formats, str) or not hasattr(formats, "__iter__"):
        raise TypeError(_expected(formats))
    given = formats if isinstance(formats, Mapping) else dict.fromkeys(formats)
    checked: dict[str, Callable[[str], Any] | None] = {}
    for ending, function in given.items():
        if not isinstance(ending, str) or not (function is None or callable(function)):
            raise TypeError(_expected(formats))
        lower = ending.lower()
        checked[f".{lower}" if lower and not lower.startswith(".") else lower] = function
    return checked


def loaders_of(formats: Mapping[str, Callable[[str], Any] | None]) -> tuple[Loader, ...]:
    """The functions among ``checked_formats``, that of the longest ending first."""
    endings = sorted((name for name, function in formats.items() if function), key=len)
    return tuple(Loader(ending, formats[ending]) for ending in reversed(endings))


def find_loader(path: Any, loaders: tuple[Loader, ...]) -> Loader | None:
    """The first loader whose ending a path has."""
    lower = os.fspath(path).lower()
    return next((loader for loader in loaders if lower.endswith(loader.ending)), None)


def load(path: Any, loader: Loader) -> np.ndarray:
    """Read a file by a user's function, which gets its path, or a stored file's bytes to read.

    Returns:
        (height, width, channels), as ``decode_unchanged.image_array`` gives it.

    Raises:
        ImageReadError: the path leads to a named pipe, a socket or a device; the function, which
            might wait for it, is not called. Directories are the function's own matter.
        TypeError: the function returned no array of numbers of two or three axes.
        Exception: whatever the function raised.
    """
    assert loader.function is not None
    try:
        argument = as_argument(path)
    except NotRegularFileError as error:
        raise ImageReadError(str(path), error.cause) from error
    value = loader.function(argument)
    try:
        if value is None:
            raise ValueError("it returned None; does it end without `return`?")
        return image_array(value)
    except ValueError as error:
        raise TypeError(f"{loader.name} did not give an image for {path!r}: {error}") from error


def _expected(formats: Any) -> str:
    return (
        "`formats` must be a list of endings, or a dict of endings to functions or None, e.g. "
        f'{{".npy": None, ".dcm": load_dicom}}. Received: {formats!r}'
    )
