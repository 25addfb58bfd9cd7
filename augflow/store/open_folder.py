"""What a path leads to: a folder of this machine, of an archive, or of a bucket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from augflow.store.archive import Archive
from augflow.store.archive_index import is_archive
from augflow.store.remote import RemoteFile, RemoteFolder, is_address
from augflow.store.stored_file import StoredFile
from augflow.store.stored_folder import StoredFolder


def open_folder(directory: Any, options: Mapping[str, Any] | None = None) -> StoredFolder | None:
    """The stored folder that a path names; None for a path of this machine, there or not.

    Args:
        directory: "data/train"; "train.zip", "train.tar/a/folder/within"; "s3://bucket/train";
            None or "".
        options: of fsspec, for addresses.

    Raises:
        ValueError: an archive that cannot be read in place.
        FileNotFoundError: an archive without such a folder.
    """
    if not directory or isinstance(directory, StoredFolder):
        return directory or None
    path = os.fspath(directory)
    if is_address(path):
        return RemoteFolder(path, options or {})
    if os.path.isdir(path) or not isinstance(path, str):
        return None
    archive, inner = path.rstrip("/"), ""
    while archive and not os.path.lexists(archive):
        archive, _, name = archive.rpartition("/")
        inner = f"{name}/{inner}" if inner else name
    if os.path.isfile(archive) and is_archive(archive):
        return Archive(archive, inner)
    return None


def joined_path(
    directory: str | StoredFolder, name: str, options: Mapping[str, Any] | None = None
) -> str | StoredFile:
    """The file that a name relative to a directory stands for: its path, or a stored file.

    Args:
        directory: a path, or a stored folder.
        name: an address stands for itself.
        options: of fsspec, for addresses.
    """
    if is_address(name):
        return RemoteFile(name, options or {})
    if isinstance(directory, StoredFolder):
        return directory.file(name)
    return os.path.join(directory, name)
