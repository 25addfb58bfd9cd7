"""What the path of a directory leads to: a folder of this machine, or one of an archive."""

from __future__ import annotations

import os
from typing import Any

from augflow.store.archive import Archive
from augflow.store.archive_index import is_archive
from augflow.store.stored_folder import StoredFolder


def open_folder(directory: Any) -> StoredFolder | None:
    """The stored folder that a path names; None for a path of this machine, there or not.

    Args:
        directory: "data/train"; "train.zip", "train.tar/a/folder/within"; None or "".

    Raises:
        ValueError: an archive that cannot be read in place.
        FileNotFoundError: an archive without such a folder.
    """
    if not directory or isinstance(directory, StoredFolder):
        return directory or None
    path = os.fspath(directory)
    if os.path.isdir(path) or not isinstance(path, str):
        return None
    archive, inner = path.rstrip("/"), ""
    while archive and not os.path.lexists(archive):
        archive, _, name = archive.rpartition("/")
        inner = f"{name}/{inner}" if inner else name
    if os.path.isfile(archive) and is_archive(archive):
        return Archive(archive, inner)
    return None
