"""Values of the user's in messages: whole while they are short."""

from __future__ import annotations

import reprlib
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxfrozenset = _SHORT.maxdict = 6
_SHORT.maxstring = _SHORT.maxother = 200


def shortened(value: Any) -> str:
    """``repr(value)``, of long ones the beginning: of six items, or of 200 characters."""
    return _SHORT.repr(value)
