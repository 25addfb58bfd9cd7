"""Labels that are text: files with a path and a label in each line, and the numbers of labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

_HEADER = (
    {"path", "file", "filename", "file_name", "filepath", "image", "id", "name"},
    {"label", "labels", "class", "class_name", "class_id", "target", "y"},
)
# So many labels may be no numbers without a doubt that all of them are names: one in ten.
_RARE = 10


def read_label_lines(file: Path, root: Any) -> dict[str, str]:
    """Labels by path, from "path label" lines; blank lines are left out.

    Args:
        file: text in UTF-8. The last word of a line is its label, the rest its path.
        root: what paths are joined to, None for nothing.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line that is none of these, or lines that are meant in another way: a
            header, a comment, a comma between path and label, the label first. It names file and
            line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error}. Save it as UTF-8") from error
    rows: list[tuple[str, str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip().rsplit(None, 1)
        if words:
            where = f"{file}, line {number}"
            _check_line(line.strip(), words, where, is_first=not rows)
            rows.append((where, words[0], words[1]))
    if not rows:
        raise ValueError(f"{file} has no line with a path and a label")
    _check_columns([row[1:] for row in rows], file)
    labels: dict[str, str] = {}
    lines: dict[str, str] = {}
    for where, path, label in rows:
        whole = path if root is None else os.path.join(os.fspath(root), path)
        if whole in labels:
            raise ValueError(f"{where}: path {path!r} stands there twice")
        labels[whole], lines[whole] = label, where
    _parsed(labels, lines.__getitem__)
    return labels


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


def _check_line(line: str, words: list[str], where: str, is_first: bool) -> None:
    if len(words) < 2:
        comma = "; put a blank in the place of the comma" if "," in line else ""
        raise ValueError(f"{where}: expected a path and a label. Received: {line!r}{comma}")
    header = is_first and all(
        word.lower() in known for word, known in zip(words, _HEADER, strict=True)
    )
    if header or line.startswith("# "):
        kind = "header" if header else "comment"
        raise ValueError(
            f"{where}: expected a path and a label, but this looks like a {kind}; remove it. "
            f"Received: {line!r}"
        )


def _check_columns(rows: list[tuple[str, ...]], file: Path) -> None:
    """Raise where all lines together show that they are meant in another way."""
    path, label = rows[0]
    if all("," in label or path.endswith(",") for path, label in rows):
        raise ValueError(
            f"{file} seems to have a comma between path and label; expected a blank. Received in "
            f"the first line: path {path!r} and label {label!r}. For other formats give a dict "
            "from path to label"
        )
    if all(_is_file_name(label) and not _is_file_name(path) for path, label in rows):
        raise ValueError(
            f"{file} seems to have the label in front of the path; expected it behind. Received in "
            f"the first line: path {path!r} and label {label!r}"
        )


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
