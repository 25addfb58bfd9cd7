"""Whole paths of a flow's files, joined when they are needed.

A second list of a million of them would cost more memory than the first, and a new ``directory`` or
``filenames`` has to take effect. Who asks for the list gets one that stays, as in Keras: it may be
changed in place, and asked for in a loop.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from augflow.store.open_folder import joined_path, open_folder
from augflow.store.remote import is_address
from augflow.store.stored_folder import StoredFolder


def join_all(root: str, names: Sequence[str]) -> list[str]:
    """``os.path.join(root, name)`` of each name, in a fifth of the time; addresses stay."""
    if os.sep != "/" or not root:
        return [_joined(root, name) for name in names]
    start = root if root.endswith("/") else root + "/"
    # Names that were set from outside may be paths of another type.
    return [
        start + name
        if type(name) is str and not name.startswith("/") and "://" not in name
        else _joined(root, name)
        for name in names
    ]


class FilePaths:
    """The paths of one flow.

    Args:
        options: of fsspec, for addresses.

    Attributes:
        given: a list from outside that takes the place of all names; None for none.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = options
        self.given: list[str] | None = None
        self._kept: list[str] | None = None
        # What the kept list was made of.
        self._root = ""
        self._names: list[str] = []
        self._place: str | StoredFolder | None = None
        self._place_of = ""

    def place(self, root: str) -> str | StoredFolder:
        """What the names start at: the root itself, or the stored folder that it names."""
        if self._place is None or root != self._place_of:
            self._place, self._place_of = open_folder(root, self._options) or root, root
        return self._place

    def files(self, root: str, paths: list[Any]) -> list[Any]:
        """Files by their whole paths: stored files of addresses, and below a stored folder."""
        place = self.place(root)
        if not isinstance(place, str):
            paths = [place.of_path(path) for path in paths]
        # Quickly told of most: this is done for each batch.
        if any(type(path) is not str or "://" in path for path in paths) and any(
            is_address(path) for path in paths
        ):
            return [joined_path("", path, self._options) for path in paths]
        return paths

    def all(self, root: str, names: Sequence[str]) -> list[str]:
        """The list that stays.

        Args:
            root: what the names start at.
            names: of the files.
        """
        if self.given is not None:
            return self.given
        if self._kept is None or root != self._root or names != self._names:
            self._root, self._names = root, list(names)
            self._kept = join_all(root, self._names)
        return self._kept

    def some(self, root: str, names: Sequence[str], indices: np.ndarray) -> list[Any]:
        """Some of the files: int array of shape (files,)."""
        if self.given is not None:
            paths = [self.given[index] for index in indices.tolist()]
        elif self._kept is None:
            paths = join_all(root, [names[index] for index in indices.tolist()])
        else:
            paths = [self._path(root, names, index) for index in indices.tolist()]
        return self.files(root, paths)

    def _path(self, root: str, names: Sequence[str], index: int) -> str:
        """What the list says, unless the file's name or the root has changed."""
        kept = self._kept
        assert kept is not None
        if root == self._root and index < len(self._names) and names[index] == self._names[index]:
            return kept[index]
        return _joined(root, names[index])


def _joined(root: str, name: str) -> str:
    return name if "://" in os.fspath(name) else os.path.join(root, name)
