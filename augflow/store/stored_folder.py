"""A folder whose files are stored files: of an archive, or of a bucket."""

from __future__ import annotations

import os
from abc import abstractmethod
from functools import cached_property

from augflow.store.folder_tree import FolderTree
from augflow.store.stored_file import StoredFile


class StoredFolder(os.PathLike[str]):
    """In the place of the path of a directory; as a path it is its address.

    Args:
        address: what its files' names begin with.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def __fspath__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return repr(self.address)

    @cached_property
    def tree(self) -> FolderTree:
        """What is in it, listed once."""
        return self._listed()

    @abstractmethod
    def _listed(self) -> FolderTree:
        """List all that is in it.

        Raises:
            OSError: it cannot be listed.
        """

    def __contains__(self, name: str) -> bool:
        """Whether it has a file of this name, relative to it."""
        folder, _, file = name.rpartition("/")
        return self.tree.has_file(folder, file)

    def of_path(self, path: str) -> str | StoredFile:
        """The file of a path that begins with the folder's address; any other path as it is."""
        start = f"{self.address}/"
        return self.file(path[len(start) :]) if path.startswith(start) else path

    @abstractmethod
    def file(self, name: str) -> StoredFile:
        """One of its files, by its name relative to the folder; it need not be there."""
