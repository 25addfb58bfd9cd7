"""What all flows of a process have given: for ``augflow run``, which has none of them at hand."""

from __future__ import annotations

import threading
from time import perf_counter


class Totals:
    """Sums over all flows.

    Attributes:
        batches, images: that were given.
        waited: seconds that flows let their callers wait.
        seconds: from the first request to the last batch.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin: float | None = None
        self.batches = self.images = 0
        self.waited = self.seconds = 0.0

    def add(self, images: int, waited: float) -> None:
        """Count a batch that was just given."""
        with self._lock:
            now = perf_counter()
            if self._begin is None:
                self._begin = now - waited
            self.batches += 1
            self.images += images
            self.waited += waited
            self.seconds = now - self._begin


# None: nobody wants to know.
_totals: Totals | None = None


def watch() -> Totals:
    """Count from now on what flows of this process give, for whoever asks first and later."""
    global _totals
    if _totals is None:
        _totals = Totals()
    return _totals


def count(images: int, waited: float) -> None:
    """Say that a flow has given a batch of so many images, after so many seconds."""
    if _totals is not None:
        _totals.add(images, waited)
