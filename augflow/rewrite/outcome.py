"""What came out of a rewriting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Left:
    """Something that a person has to look at.

    Attributes:
        line: of the script, from 1; in a notebook of all code cells, one after the other.
        code: as it stands there.
        why: it was not changed.
    """

    line: int
    code: str
    why: str


@dataclass
class Outcome:
    """What came out.

    Attributes:
        code: the new code.
        changes: how many places were changed.
        left: what was left alone.
    """

    code: str
    changes: int = 0
    left: list[Left] = field(default_factory=list)


def dotted(node: Any) -> str:
    """A name with dots as text, "" for any other expression."""
    import libcst

    if isinstance(node, libcst.Name):
        return node.value
    if isinstance(node, libcst.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr.value}" if before else ""
    return ""


def name_node(text: str) -> Any:
    """A name with dots as a node."""
    import libcst

    first, *others = text.split(".")
    node: Any = libcst.Name(first)
    for other in others:
        node = libcst.Attribute(node, libcst.Name(other))
    return node


def import_libcst() -> Any:
    """The library that the rewriting is built on.

    Raises:
        ImportError: it is not installed; says how to get it.
    """
    try:
        import libcst
        import libcst.metadata
    except ImportError as error:
        raise ImportError(
            "the command migrate needs libcst, which is not installed: pip install libcst, or "
            'pip install ".[migrate]" in the clone'
        ) from error
    return libcst
