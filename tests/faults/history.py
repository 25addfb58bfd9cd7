"""The last things that happened, to be shown when something goes wrong."""

from __future__ import annotations

import time
from collections import deque

_KEPT = 30


class History:
    """Keeps the last notes of all threads, with their times."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._notes: deque[str] = deque(maxlen=_KEPT)

    def note(self, text: str) -> None:
        """Write something down."""
        self._notes.append(f"{time.monotonic() - self._begin:9.3f} s  {text}")

    def __str__(self) -> str:
        return "\n".join(self._notes)
