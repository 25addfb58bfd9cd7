"""The table of a cache on disk: a first line that says what it is, then a path a slot."""

from __future__ import annotations

import numpy as np


def parse_table(data: bytes) -> tuple[dict[bytes, int], int]:
    """Read a table.

    Args:
        data: the file. The first line is not looked at, and of a last one that has no end
            nothing is known.

    Returns:
        The slot of each path, and the number of slots.
    """
    lines = data.split(b"\n")[1:-1]
    table: dict[bytes, int] = {}
    for slot, line in enumerate(lines):
        table.setdefault(_path_of(line), slot)
    return table, len(lines)


def add_paths(table: dict[bytes, int], paths: list[bytes], slots: int) -> list[bytes]:
    """Give slots to the paths that have none.

    Args:
        table: by ``parse_table``; it is added to.
        paths: any.
        slots: the first number that is free.

    Returns:
        The paths that were added, in the order of their slots.
    """
    added: list[bytes] = []
    for path in paths:
        if path not in table:
            table[path] = slots + len(added)
            added.append(path)
    return added


def slots_of(table: dict[bytes, int], paths: list[bytes]) -> np.ndarray:
    """The slot of each path, int32; all of them are in the table."""
    return np.array([table[path] for path in paths], np.int32)


def line_of(path: bytes) -> bytes:
    """The line of a path in the table, with its end."""
    return path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n") + b"\n"


def _path_of(line: bytes) -> bytes:
    if b"\\" not in line:
        return line
    # A character that no path has stands for the backslash meanwhile.
    return line.replace(b"\\\\", b"\0").replace(b"\\n", b"\n").replace(b"\0", b"\\")
