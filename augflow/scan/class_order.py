"""In which order classes get their numbers, where nobody has given an order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from augflow.base.words import did_you_mean

CLASS_ORDERS = ("text", "natural")
_DIGITS = re.compile(r"(\d+)")


def checked_class_order(class_order: Any) -> str:
    """Raise unless it is one of the orders."""
    if class_order not in CLASS_ORDERS:
        raise ValueError(
            f'`class_order` must be "text" or "natural". Received: {class_order!r}'
            f"{did_you_mean(class_order, CLASS_ORDERS)}"
        )
    return str(class_order)


def sort_classes(names: Iterable[Any], class_order: str) -> list[Any]:
    """The names in the order of their numbers.

    Args:
        names: all str, or all of another type with an order of its own, e.g. numbers.
        class_order: "text" compares strings character by character, as Keras does, so "10"
            comes before "2"; "natural" compares each run of digits in them as a number.
            Numbers themselves are in numeric order for both.
    """
    names = list(names)
    if class_order == "natural" and all(isinstance(name, str) for name in names):
        return sorted(names, key=_natural_key)
    return sorted(names)


def _natural_key(name: str) -> tuple[list[str | int], str]:
    # Text and digits alternate, beginning with text, so that like is compared with like. The
    # name itself decides between "2" and "02".
    parts = _DIGITS.split(name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name
