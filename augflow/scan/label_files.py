"""Labels that are text: files with a path and a label in each line, and the numbers of labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from augflow.scan.label_rows import read_rows

_HEADER = (
    {"path", "file", "filename", "file_name", "filepath", "image", "id", "name"},
    {"label", "labels", "class", "class_name", "class_id", "target", "y"},
)
# So many labels may be no numbers without a doubt that all of them are names: one in ten.
_RARE = 10


def read_label_lines(file: Path, root: Any) -> dict[str, str | None]:
    """Labels by path, from a text file with a line a sample; None for all where it has none.

    Args:
        file: text in UTF-8. Lines are "path label", where the last word is the label and the rest
            the path; "path,label"; or a path alone, each with quotes or without. Paths alone may
            also be a list with commas, over any number of lines, in brackets or not. Blank lines,
            those that begin with "# ", and a first one that names the columns are left out.
            Backslashes are separators of paths.
        root: what paths are joined to, None for nothing.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line that is none of these, a quote that is not closed, a label in front, or
            a path that stands there twice. It names file and the first such line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error}. Save it as UTF-8") from error
    lines = [
        (f"{file}, line {number}", line.strip())
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("# ")
    ]
    rows = read_rows(lines)
    if rows and _is_header(rows[0][1]):
        rows = rows[1:]
    if not rows:
        raise ValueError(f"{file} has no line with a path and a label")
    _check_widths(rows)
    _check_order(rows, file)
    labels: dict[str, str | None] = {}
    homes: dict[str, str] = {}
    for where, words in rows:
        path = words[0].replace("\\", os.sep)
        whole = path if root is None else os.path.join(os.fspath(root), path)
        if whole in labels:
            first = homes[whole].rpartition(", ")[2]
            raise ValueError(f"{where}: path {words[0]!r} stands there twice, first in {first}")
        labels[whole], homes[whole] = words[1] if len(words) == 2 else None, where
    given = {path: label for path, label in labels.items() if label is not None}
    if given:
        _parsed(given, homes.__getitem__)
    return labels


def _is_header(words: list[str]) -> bool:
    return all(word.lower() in known for word, known in zip(words, _HEADER, strict=False))


def _check_widths(rows: list[tuple[str, list[str]]]) -> None:
    """Raise unless all lines have a path and a label, or all have a path alone."""
    most_common = 2 if sum(len(words) == 2 for _, words in rows) * 2 >= len(rows) else 1
    for where, words in rows:
        if len(words) != most_common or not all(words):
            expected = "a path and a label" if most_common == 2 else "a path alone"
            raise ValueError(
                f"{where}: expected {expected}, as most lines have. Received: {' '.join(words)!r}"
            )


def _check_order(rows: list[tuple[str, list[str]]], file: Path) -> None:
    """Raise where all lines together show that the label stands in front."""
    if all(
        len(words) == 2 and _is_file_name(words[1]) and not _is_file_name(words[0])
        for _, words in rows
    ):
        path, label = rows[0][1]
        raise ValueError(
            f"{file} seems to have the label in front of the path; expected it behind. Received in "
            f"the first line: path {path!r} and label {label!r}. If these are names with blanks, "
            "put them in quotes"
        )


def numbered_labels(
    by_id: dict[Any, Any] | None,
) -> tuple[dict[Any, Any] | None, dict[str, int] | None]:
    """Labels with names made numbers, and the number of each name.

    Args:
        by_id: labels by ID, None for none. Text that says numbers becomes these; other text is
            names of classes, which are numbered in sorted order.

    Raises:
        TypeError: names beside labels that are no text.
        ValueError: numbers among which is something else, or one number in two spellings.
    """
    if by_id is None or not any(isinstance(label, str) for label in by_id.values()):
        return by_id, None
    odd = next((name for name, label in by_id.items() if not isinstance(label, str)), None)
    if odd is not None:
        raise TypeError(f"some labels are names, but that of ID {odd!r} is {by_id[odd]!r}")
    numbers = _parsed(by_id, "ID {!r}".format)
    if numbers is None:
        names = {label: number for number, label in enumerate(sorted(set(by_id.values())))}
        return {name: names[label] for name, label in by_id.items()}, names
    if all(isinstance(number, int) for number in numbers.values()):
        _check_spelling(by_id, numbers)
        return numbers, None
    return {name: float(number) for name, number in numbers.items()}, None


def _is_file_name(text: str) -> bool:
    return Path(text).suffix[1:2].isalpha()


def _parsed(texts: Mapping[Any, str], describe: Callable[[Any], str]) -> dict[Any, Any] | None:
    """The numbers that texts say, None where they are names.

    Raises:
        ValueError: nearly all are numbers; or one is nan or infinite, and others are numbers.
    """
    numbers = {name: _number(text) for name, text in texts.items()}
    names = [name for name, number in numbers.items() if number is None]
    endless = [name for name, number in numbers.items() if number and not isfinite(number)]
    odd = endless + names
    if not odd:
        return numbers
    if len(odd) == len(texts) or len(names) > max(1, len(texts) // _RARE):
        return None
    raise ValueError(
        f"labels must be all numbers or all names: {len(texts) - len(odd)} of {len(texts)} are "
        f"numbers, but that of {describe(odd[0])} is {texts[odd[0]]!r}. Correct or remove it; if "
        "all are names, write them so that none is a number, e.g. 'class 1'"
    )


def _number(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _check_spelling(texts: Mapping[Any, str], numbers: Mapping[Any, float]) -> None:
    """Raise where two names, such as "7" and "007", would silently become one class."""
    spelling: dict[float, str] = {}
    for each, number in numbers.items():
        text = texts[each]
        if spelling.setdefault(number, text) != text:
            raise ValueError(
                f"labels {spelling[number]!r} and {text!r} (of ID {each!r}) are the same number, "
                "written differently. Write it in one way, or give labels that are names, such as "
                f"{'id ' + text!r}"
            )
