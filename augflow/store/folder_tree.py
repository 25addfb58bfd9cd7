"""The folders of a place that was listed at once: an archive, a bucket."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator


class FolderTree:
    """Which files and folders each folder has.

    Args:
        names: of all files, relative to the top: "train/cats/1.jpg".
        folders: those that may be empty.
    """

    def __init__(self, names: Iterable[str], folders: Iterable[str] = ()) -> None:
        self._entries: dict[str, tuple[list[str], list[str]]] = {"": ([], [])}
        # Of folders whose files were asked for.
        self._sets: dict[str, frozenset[str]] = {}
        for name in names:
            folder, _, file = name.rpartition("/")
            self._entry(folder)[0].append(file)
        for folder in folders:
            self._entry(folder)

    def _entry(self, folder: str) -> tuple[list[str], list[str]]:
        found = self._entries.get(folder)
        if found is None:
            found = self._entries[folder] = ([], [])
            above, _, name = folder.rpartition("/")
            self._entry(above)[1].append(name)
        return found

    def has(self, folder: str) -> bool:
        """Whether there is such a folder; "" is the top."""
        return folder in self._entries

    def read(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the files of a folder, and of its folders; none where it is not there."""
        return self._entries.get(folder, ([], []))

    def has_file(self, folder: str, name: str) -> bool:
        """Whether a folder has a file of this name."""
        if folder not in self._sets:
            self._sets[folder] = frozenset(self.read(folder)[0])
        return name in self._sets[folder]

    def walk(self, folder: str) -> Iterator[tuple[str, list[str]]]:
        """Each folder below one, that one first, and its files."""
        pending = [folder]
        while pending:
            each = pending.pop()
            files, folders = self.read(each)
            yield each, files
            pending += [posixpath.join(each, name) for name in folders]
