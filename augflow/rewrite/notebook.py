"""Files, scripts and notebooks, rewritten: bytes in, bytes out."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

from augflow.rewrite.outcome import Outcome, import_libcst
from augflow.script.source_code import cells_of, source_of

_CELL = "# augflow: cell "
_MAGIC = "pass  # augflow: magic "
_MAGICS = ("%", "!", "?")


def rewrite_file(data: bytes, path: str, ours: frozenset[str]) -> tuple[bytes, Outcome]:
    """Rewrite a script or a notebook.

    Args:
        data: the whole file.
        path: of it, for its ending and for errors.
        ours: names that ``augflow.preprocessing.image`` has.

    Returns:
        The whole new file, and what was done.

    Raises:
        ValueError: it is neither UTF-8 nor Python, or a notebook whose other bytes would change.
        ImportError: libcst is not installed.
    """
    import_libcst()
    from augflow.rewrite.python_code import rewrite_code

    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    try:
        text = data[len(mark) :].decode("utf-8")
        if not path.lower().endswith(".ipynb"):
            outcome = rewrite_code(text, ours)
            return mark + outcome.code.encode(), outcome
        return _rewrite_notebook(text, path, ours)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path!r} is not encoded as UTF-8: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from error


def _rewrite_notebook(text: str, path: str, ours: frozenset[str]) -> tuple[bytes, Outcome]:
    """All code cells as one script, and back."""
    from augflow.rewrite.python_code import rewrite_code

    notebook = json.loads(text)
    sources = cells_of(notebook, path)
    magics: list[str] = []
    parts = [
        f"{_CELL}{number}\n{_hidden(source, magics)}\n" for number, source in enumerate(sources)
    ]
    outcome = rewrite_code("".join(parts), ours)
    new = _cells(outcome.code, magics)
    if new == sources:
        return text.encode(), outcome
    write = _writer_of(notebook, text)
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    for cell, old, source in zip(cells, sources, new, strict=True):
        if source != old:
            is_text = isinstance(cell["source"], str)
            cell["source"] = source if is_text else source.splitlines(keepends=True)
            assert source_of(cell) == source
    return write(notebook).encode(), outcome


def _hidden(source: str, magics: list[str]) -> str:
    """A cell with a statement in the place of each line that is no Python."""
    if source.lstrip().startswith("%%"):
        magics.append(source)
        return f"{_MAGIC}{len(magics) - 1}"
    lines = []
    for line in source.split("\n"):
        bare = line.lstrip()
        if bare.startswith(_MAGICS) or bare.endswith("?"):
            magics.append(bare)
            line = f"{line[: len(line) - len(bare)]}{_MAGIC}{len(magics) - 1}"
        lines.append(line)
    return "\n".join(lines)


def _cells(code: str, magics: list[str]) -> list[str]:
    """What ``_hidden`` and the marks between cells made one script of."""
    found: list[list[str]] = []
    for line in code.split("\n"):
        if line.startswith(_CELL):
            found.append([])
            continue
        before, mark, number = line.partition(_MAGIC)
        found[-1].append(before + magics[int(number)] if mark else line)
    cells = ["\n".join(lines) for lines in found]
    # Each cell but the last ends with the line break in front of the next one's mark.
    return [*cells[:-1], cells[-1].removesuffix("\n")] if cells else []


def _writer_of(notebook: Any, text: str) -> Any:
    """How the notebook was written: a function that writes it to the same bytes."""
    ends = ("\n", "")
    for indent, ascii_only, end in product((1, 2, 4, None), (False, True), ends):

        def write(
            value: Any, indent: int | None = indent, ascii_only: bool = ascii_only, end: str = end
        ) -> str:
            return json.dumps(value, indent=indent, ensure_ascii=ascii_only) + end

        if write(notebook) == text:
            return write
    raise ValueError(
        "the notebook was not written as Jupyter does it, so that a change would touch all of it. "
        "Save it in Jupyter first"
    )
