"""Whole paths of a flow's files, joined when they are needed.

A second list of a million of them would cost more memory than the first, and a new ``directory`` or
``filenames`` has to take effect. Who asks for the list gets one that stays, as in Keras: it may be
changed in place, and asked for in a loop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

# What errors say of a directory that is the address of a bucket or a web page.
NO_ADDRESSES = (
    "augflow reads files of this machine: copy them here, mount what holds them as a folder, or "
    "load each sample by a function of yours, with flow_from_loader."
)


def is_address(directory: str | os.PathLike[str]) -> bool:
    """Whether it begins like s3://, gs:// or https://, and is no path."""
    scheme, mark, _ = os.fspath(directory).partition("://")
    return bool(mark) and scheme.isalnum() and not os.path.isdir(directory)


def join_all(root: str, names: Sequence[str]) -> list[str]:
    """``os.path.join(root, name)`` of each name, in a fifth of the time."""
    if os.sep != "/" or not root:
        return [os.path.join(root, name) for name in names]
    start = root if root.endswith("/") else root + "/"
    # Names that were set from outside may be paths of another type.
    return [
        start + name if type(name) is str and not name.startswith("/") else os.path.join(root, name)
        for name in names
    ]


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

    def some(self, root: str, names: Sequence[str], indices: np.ndarray) -> list[str]:
        """The paths of some files: int array of shape (files,)."""
        if self.given is not None:
            return [self.given[index] for index in indices.tolist()]
        if self._kept is None:
            return join_all(root, [names[index] for index in indices.tolist()])
        return [self._path(root, names, index) for index in indices.tolist()]

    def _path(self, root: str, names: Sequence[str], index: int) -> str:
        """What the list says, unless the file's name or the root has changed."""
        kept = self._kept
        assert kept is not None
        if root == self._root and index < len(self._names) and names[index] == self._names[index]:
            return kept[index]
        return os.path.join(root, names[index])
