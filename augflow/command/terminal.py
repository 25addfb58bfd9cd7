"""Text for a terminal: colours where there is one, lines as long as it is wide."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TextIO

_STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;34",
    "good": "1;32",
    "bold": "1",
    "dim": "2",
}
_WIDEST = 100


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that is to show colours (see no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """Text in a style, on a terminal; the text alone elsewhere.

    Args:
        text: to show.
        style: "error", "warning", "note", "good", "bold" or "dim".
        stream: where it goes; None (default) for standard output.
    """
    if not has_colours(stream or sys.stdout):
        return text
    return f"\033[{_STYLES[style]}m{text}\033[0m"


def wrapped(text: str, indent: int) -> str:
    """Text in lines of the terminal's width, each with so many spaces in front."""
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    space = " " * indent
    return textwrap.fill(
        text,
        max(width, indent + 20),
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )
