"""Scripts and notebooks as Python code."""

from __future__ import annotations

import json
from typing import Any

_MAGIC = ("%", "!", "?")


def read_code(path: str) -> str:
    """The code of a script, or of a notebook's cells, with magics left out as comments.

    Args:
        path: ends in ".ipynb" for a notebook.

    Raises:
        ValueError: the notebook is none.
        OSError: the file cannot be read.
    """
    if not path.lower().endswith(".ipynb"):
        with open(path, "rb") as file:
            return file.read().decode("utf-8-sig")
    return "\n".join(code_without_magics(source) for source in cells_of(read_notebook(path), path))


def read_notebook(path: str) -> Any:
    """A notebook's JSON.

    Raises:
        ValueError: it is no JSON.
    """
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise ValueError(f"{path!r} is no notebook: {error}") from error


def cells_of(notebook: Any, path: str) -> list[str]:
    """The sources of all code cells.

    Raises:
        ValueError: there are no cells.
    """
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError(f"{path!r} is no notebook of version 4: it has no cells")
    return [source_of(cell) for cell in cells if cell.get("cell_type") == "code"]


def source_of(cell: Any) -> str:
    """The source of a cell, which may stand there as a text or as a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def code_without_magics(source: str) -> str:
    """A cell's code; lines that only a notebook understands become comments."""
    if source.lstrip().startswith("%%"):
        return "".join(f"# {line}\n" for line in source.splitlines())
    lines = []
    for line in source.splitlines():
        bare = line.lstrip()
        if bare.startswith(_MAGIC) or (bare.endswith("?") and bare.rstrip("?").isidentifier()):
            # A line that stands alone in its block has to stay a statement.
            line = f"{line[: len(line) - len(bare)]}pass  # {bare}"
        lines.append(line)
    return "\n".join(lines) + "\n"
