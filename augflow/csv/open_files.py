"""From the paths that a user gives to one table of indexed files."""

from __future__ import annotations

import os
from typing import Any

from augflow.base.shorten import shortened
from augflow.csv.index import CsvFormat
from augflow.csv.index_file import load_index
from augflow.csv.table import CsvTable, make_table
from augflow.errors import CsvReadError


def open_table(paths: Any, sep: str, header: Any, index_dir: Any) -> CsvTable:
    """Index files, as far as that has not been done before, and put them together.

    Args:
        paths: a path, or several in the order of their rows; "~" is the home directory.
        sep: the separator of fields.
        header: "infer" or 0 where the first record names the columns, None where it does not.
        index_dir: a folder for the indexes; None for beside the files.

    Raises:
        TypeError, ValueError: an argument that cannot be used.
        CsvReadError: a file that cannot be used; it names the file, and the line if it is one.
        OSError: a file cannot be read.
    """
    if not isinstance(sep, str) or len(sep) != 1 or not sep.isascii() or sep in '"\n\r':
        raise ValueError(
            f"`sep` must be one ASCII character, other than a quote or an end of line."
            f" Received: {sep!r}"
        )
    if header not in ("infer", 0, None) or header is False:
        raise ValueError(
            "`header` must be 'infer' or 0 (the first record names the columns) or None (there "
            f"are no names). Received: {header!r}"
        )
    layout = CsvFormat(sep, header is not None)
    files = _paths(paths)
    folder = None if index_dir is None else _absolute(index_dir)
    indexes = [load_index(path, layout, folder) for path in files]
    table = make_table(files, indexes, layout)
    if not table.rows:
        raise CsvReadError(files[0], None, None, "there are no rows besides the header")
    return table


def _paths(paths: Any) -> list[str]:
    if isinstance(paths, str | bytes | os.PathLike):
        found = [_absolute(paths)]
    elif hasattr(paths, "read"):
        # It would give its lines.
        raise TypeError(
            "`path_or_paths` must be a path or a list of paths, not an open file. Received: "
            f"{paths!r}"
        )
    else:
        try:
            found = [_absolute(path) for path in paths]
        except TypeError:
            raise TypeError(
                f"`path_or_paths` must be a path or a list of paths. Received: {shortened(paths)}"
            ) from None
    if not found:
        raise ValueError("`path_or_paths` is an empty list; give at least one file")
    for path in found:
        _check_file(path)
    return found


def _absolute(path: Any) -> str:
    """A path that stays right where the program changes its directory."""
    return os.path.abspath(os.path.expanduser(os.fsdecode(path)))


def _check_file(path: str) -> None:
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{path} is a directory; give the files in it, e.g. "
            f"sorted(glob.glob({os.path.join(path, '*.csv')!r}))"
        )
    if os.path.exists(path):
        return
    hint = ""
    if any(sign in path for sign in "*?["):
        hint = f"; names with wildcards have to be looked up: sorted(glob.glob({path!r}))"
    raise FileNotFoundError(f"there is no file {path}{hint}")
