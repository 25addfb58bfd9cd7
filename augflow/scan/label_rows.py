"""From lines of text to words: a path and a label, or a path alone, as people write them."""

from __future__ import annotations

import csv
import re

Line = tuple[str, str]
Row = tuple[str, list[str]]

_QUOTED = r"""(?:"[^"]*"|'[^']*')"""
_QUOTED_PATH = re.compile(rf"({_QUOTED})(?:\s+({_QUOTED}|\S+))?")
_QUOTED_LABEL = re.compile(rf"(.*\S)\s+({_QUOTED})")


def read_rows(lines: list[Line]) -> list[Row]:
    """Where each line stands, and its words: by commas if all lines have one, else by blanks.

    Args:
        lines: where each stands, for messages, and what it is, without blanks at its ends.

    Raises:
        ValueError: a quote that is not closed.
    """
    inside = _without_brackets(lines)
    in_brackets, lines = inside != lines, inside
    # The end of a list need not have a comma.
    if in_brackets or (lines and all("," in line for _, line in (lines[:-1] or lines))):
        rows = [(where, _by_commas(where, line)) for where, line in lines]
        if in_brackets or _is_list(lines, rows):
            return [(where, [word]) for where, words in rows for word in words if word]
        if all("," in line for _, line in lines):
            return rows
    return [(where, _by_blanks(where, line)) for where, line in lines]


def _without_brackets(lines: list[Line]) -> list[Line]:
    if not lines or not (lines[0][1].startswith("[") and lines[-1][1].endswith("]")):
        return lines
    inside = [[where, line] for where, line in lines]
    inside[0][1] = inside[0][1][1:]
    inside[-1][1] = inside[-1][1][:-1]
    stripped = [(where, line.strip()) for where, line in inside]
    return [(where, line) for where, line in stripped if line]


def _is_list(lines: list[Line], rows: list[Row]) -> bool:
    """Whether words between commas are paths alone, and not each a path and its label."""
    if len(rows) == 1:
        return len([word for word in rows[0][1] if word]) > 2 or lines[0][1].endswith(",")
    if not all(line.endswith(",") for _, line in lines[:-1]):
        return False
    # "path,label," in each line is no list, but a table with a comma too many.
    return {len(words) for _, words in rows[:-1]} != {3}


def _by_commas(where: str, line: str) -> list[str]:
    # The csv module knows one kind of quotes for a line.
    quote = "'" if line.startswith("'") else '"'
    try:
        reader = csv.reader([line], skipinitialspace=True, quotechar=quote, strict=True)
        words = [word.strip() for word in next(reader)]
    except csv.Error as error:
        raise ValueError(f"{where}: {error}. Received: {line!r}") from error
    return [word[1:-1] if re.fullmatch(_QUOTED, word) else word for word in words]


def _by_blanks(where: str, line: str) -> list[str]:
    if line[0] in "\"'":
        found = _QUOTED_PATH.fullmatch(line)
        if found is None:
            raise ValueError(
                f"{where}: expected a path in quotes, and maybe a label. Received: {line!r}"
            )
        return [_without_quotes(word) for word in found.groups() if word is not None]
    found = _QUOTED_LABEL.fullmatch(line)
    words = list(found.groups()) if found is not None else line.rsplit(None, 1)
    return [words[0], *map(_without_quotes, words[1:])]


def _without_quotes(word: str) -> str:
    return word[1:-1] if re.fullmatch(_QUOTED, word) else word
