"""Whole paths of a flow's files, joined when they are needed.

A second list of a million of them would cost more memory than the first, and a new ``directory`` or
``filenames`` has to take effect. Who asks for the list gets one that stays, as in Keras: it may be
changed in place, and asked for in a loop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from augflow.store.open_folder import open_folder
from augflow.store.stored_folder import StoredFolder

# What errors say of a directory that is the address of a bucket or a web page.
NO_ADDRESSES = (
    "augflow reads files of this machine: copy them here, mount what holds them as a folder, or "
    "load each sample by a function of yours, with flow_from_loader."
)


def is_address(directory: str | os.PathLike[str]) -> bool:
    """Whether it begins like s3://, gs:// or https://, and is no path."""
    scheme, mark, _ = os.fspath(directory).partition("://")
    return bool(mark) and scheme.isalnum() and not os.path.isdir(directory)


class FilePaths:
    """The paths of one flow.

    Attributes:
        given: a list from outside that takes the place of all names; None for none.
    """

    def __init__(self) -> None:
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
            self._place, self._place_of = open_folder(root) or root, root
        return self._place

    def files(self, root: str, paths: list[str]) -> list[Any]:
        """Files by their whole paths: stored files where the root is a stored folder."""
        place = self.place(root)
        return paths if isinstance(place, str) else [place.of_path(path) for path in paths]

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
            self._kept = [os.path.join(root, name) for name in names]
        return self._kept

    def some(self, root: str, names: Sequence[str], indices: np.ndarray) -> list[Any]:
        """Some of the files: int array of shape (files,)."""
        if self.given is not None:
            paths = [self.given[index] for index in indices.tolist()]
        elif self._kept is None:
            paths = [os.path.join(root, names[index]) for index in indices.tolist()]
        else:
            paths = [self._path(root, names, index) for index in indices.tolist()]
        return self.files(root, paths)

    def _path(self, root: str, names: Sequence[str], index: int) -> str:
        """What the list says, unless the file's name or the root has changed."""
        kept = self._kept
        assert kept is not None
        if root == self._root and index < len(self._names) and names[index] == self._names[index]:
            return kept[index]
        return os.path.join(root, names[index])
