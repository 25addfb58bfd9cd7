"""A flow or a generator as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from augflow.look.facts import Facts
from augflow.look.pixels import data_uri
from augflow.look.words import in_words

_CLASSES_SHOWN = 20
_PICTURE_HEIGHT = 96


def page_of(facts: Facts, pictures: Iterable[tuple[str, Any]]) -> str:
    """A flow as a table of what it is, above a strip of its samples.

    Args:
        facts: of the flow.
        pictures: (name, picture as of ``picture_of``, or a text in its place).
    """
    rows = [
        (facts.unit, f"{facts.samples:,}"),
        ("classes", _classes(facts)),
        ("subset", facts.subset or ""),
        ("order", facts.order),
        ("batches", f"{facts.batches:,}"),
        *((what, f"{shape} {dtype}") for what, shape, dtype in facts.batch),
        ("augmentations", _settings(facts.augmentations)),
        ("workers", "one a CPU" if facts.workers is None else str(facts.workers)),
        ("cache", facts.cache or ""),
    ]
    return _box(facts.name, rows) + _strip(pictures)


def table_of_settings(name: str, settings: dict[str, Any]) -> str:
    """A generator as a table of the arguments that are not the default ones."""
    rows = [(key, in_words(value)) for key, value in settings.items()]
    return _box(name, rows or [("settings", "all as by default")])


def _box(title: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><th style="text-align:left">{escape(key)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for key, value in rows
        if value
    )
    return f"<div><b>{escape(title)}</b><table>{cells}</table></div>"


def _strip(pictures: Iterable[tuple[str, Any]]) -> str:
    figures = "".join(
        '<figure style="display:inline-block;margin:2px;vertical-align:top">'
        f"{_picture(picture)}"
        '<figcaption style="font-size:smaller;max-width:12em;overflow:hidden;'
        f'text-overflow:ellipsis;white-space:nowrap">{escape(name)}</figcaption></figure>'
        for name, picture in pictures
    )
    return f"<div>{figures}</div>" if figures else ""


def _picture(picture: Any) -> str:
    if isinstance(picture, str):
        return f'<div style="width:10em">{escape(picture)}</div>'
    return f'<img src="{data_uri(picture, _PICTURE_HEIGHT)}" height="{_PICTURE_HEIGHT}">'


def _classes(facts: Facts) -> str:
    if not facts.classes:
        return ""
    shown = list(facts.classes.items())[:_CLASSES_SHOWN]
    left = len(facts.classes) - len(shown)
    more = f", and {left} more" if left else ""
    return ", ".join(f"{name}: {count:,}" for name, count in shown) + more


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key}={in_words(value)}" for key, value in settings.items())
