"""Images that lie in a table as they would lie in a file: bytes, or {"bytes", "path"}."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augflow.store.stored_file import StoredFile

_KEY_BYTES = 16


@dataclass(frozen=True, repr=False)
class ImageBytes(StoredFile):
    """The content of an image's file, which travels with its name.

    Attributes:
        name: what messages call it.
        data: as it would stand in a file.
    """

    name: str
    data: bytes

    def __fspath__(self) -> str:
        return self.name

    def read(self) -> bytes:
        """See ``StoredFile``."""
        return self.data

    def key(self) -> bytes:
        """See ``StoredFile``; by what it holds, since names of rows are those of many tables."""
        return b"bytes:" + hashlib.blake2b(self.data, digest_size=_KEY_BYTES).digest()

    def state(self) -> tuple[int, int]:
        """See ``StoredFile``."""
        return len(self.data), 0


def image_of_cell(cell: Any, name: str) -> str | ImageBytes | None:
    """What a cell of a table says of an image; None for a cell that says nothing.

    Args:
        cell: a path; bytes; or a dict of "bytes" and "path", one of which may be None.
        name: of an image without a path.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bytes | bytearray | memoryview):
        return ImageBytes(name, bytes(cell))
    if not isinstance(cell, Mapping) or not {"bytes", "path"}.issuperset(cell):
        return None
    data, path = cell.get("bytes"), cell.get("path")
    if data is None:
        return path if isinstance(path, str) else None
    if not isinstance(data, bytes | bytearray | memoryview):
        return None
    return ImageBytes(path if isinstance(path, str) and path else name, bytes(data))


def images_of_cells(cells: Sequence[Any], column: Any, labels: Sequence[Any]) -> list[Any]:
    """What each cell of a column says: a path or an ``ImageBytes``; the cell itself if neither.

    Args:
        cells: the values.
        column: its name, from which images without a path have theirs: "image[17]".
        labels: of the rows.
    """
    found = []
    for cell, label in zip(cells, labels, strict=True):
        image = image_of_cell(cell, f"{column}[{label}]")
        found.append(cell if image is None else image)
    return found


def name_of(image: Any) -> str:
    """The name of an image among a table's: its path, or that of an ``ImageBytes``."""
    return os.fspath(image)
