"""The rooms of the package, as their ``__init__.py`` describe them.

``python -m tests.house.rooms --write`` puts the table of them into docs/data-flow.md.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "augflow"
PAGE = PACKAGE.parent / "docs" / "data-flow.md"
BEGIN, END = "<!-- rooms: begin -->", "<!-- rooms: end -->"


def module_name(path: Path) -> str:
    """The dotted name below augflow: "draw", "preprocessing.image", "" for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"), str(path))
    for path in sorted(PACKAGE.rglob("*.py"))
}
PATHS = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
# ``preprocessing`` is Keras's name for what users import.
ROOMS = sorted({path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"preprocessing"})


def said(room: str, word: str) -> list[str]:
    """What the docstring of a room lists after "Knows:" or "Read:"."""
    docstring = ast.get_docstring(TREES[room]) or ""
    match = re.search(rf"^{word}: (.*?)\.$", docstring, re.MULTILINE | re.DOTALL)
    assert match, f"augflow/{room}/__init__.py has no line that begins with {word}:"
    names = re.split(r",\s+", match[1])
    return [] if names == ["no other room"] else names


def files_of(room: str) -> list[str]:
    """The modules of a room."""
    return [path.stem for path in (PACKAGE / room).glob("*.py") if path.stem != "__init__"]


def heights() -> dict[str, int]:
    """For each room how many rooms lie below it, one on top of the other."""
    found: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in found:
            found[room] = 1 + max((height(other) for other in said(room, "Knows")), default=-1)
        return found[room]

    for room in ROOMS:
        height(room)
    return found


def line_of(room: str, word: str) -> str:
    """What the docstring of a room says after "In:" or "Out:", as one line."""
    return " ".join(", ".join(said(room, word)).split())


def table() -> str:
    """All rooms as a table, the lowest first."""
    height = heights()
    rows = ["| room | what | in | out | knows |", "|---|---|---|---|---|"]
    for room in sorted(ROOMS, key=lambda name: (height[name], name)):
        what = (ast.get_docstring(TREES[room]) or "").split("\n")[0].rstrip(".")
        knows = ", ".join(f"`{name}`" for name in said(room, "Knows")) or "none"
        what, *about = (
            text.replace("``", "`") for text in (what, line_of(room, "In"), line_of(room, "Out"))
        )
        rows.append(f"| `{room}/` | {what} | {about[0]} | {about[1]} | {knows} |")
    return "\n".join(rows)


def main() -> None:
    """The command line."""
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    new = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if "--write" in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
