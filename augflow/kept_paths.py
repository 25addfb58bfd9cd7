"""The list of whole paths that somebody asked a flow for."""

from __future__ import annotations

import os
from collections.abc import Sequence


class KeptPaths:
    """A list that stays, as Keras's does: it may be changed in place, and asked for in a loop.

    Args:
        root: what the names start at.
        names: of the files.

    Attributes:
        paths: the list.
    """

    def __init__(self, root: str, names: Sequence[str]) -> None:
        self._root = root
        self._names = list(names)
        self.paths = [os.path.join(root, name) for name in self._names]

    def fits(self, root: str, names: Sequence[str]) -> bool:
        """Whether root and names are still those that the list was made of."""
        return root == self._root and names == self._names

    def path(self, root: str, names: Sequence[str], index: int) -> str:
        """The path of one file: what the list says, unless its name or the root has changed."""
        if root == self._root and index < len(self._names) and names[index] == self._names[index]:
            return self.paths[index]
        return os.path.join(root, names[index])
