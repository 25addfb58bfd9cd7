"""Epochs of a flow for those who break passes off, begin others, and read ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any


class Passes:
    """Passes over a flow, one at a time, each of which is the epoch of its number.

    The first is the one that the flow is in, or is about to begin. A pass that another one follows
    before its end is over: whoever still holds it, maybe in a thread that reads ahead, gets no more
    of it, and takes nothing from the next one.

    Args:
        flow: is read by ``next()``.
    """

    def __init__(self, flow: Any) -> None:
        self.flow = flow
        self._lock = threading.Lock()
        self._current: object | None = None
        self._number = 0
        self.stay()

    def stay(self) -> None:
        """Let the next pass be the rest of the epoch that the flow is in."""
        flow = self.flow
        with self._lock:
            self._current = None
            # Where somebody has left epochs off, they begin at no multiple of the length.
            start = flow.total_batches_seen - flow.batch_index
            self._number = -(-start // max(1, len(flow)))
            self._goes_on = bool(flow.batch_index)

    def go_to(self, number: int) -> None:
        """Let the next pass be the epoch of that number, from 0.

        A pass that is to go on within that epoch does so.
        """
        with self._lock:
            if not (self._goes_on and number == self._number):
                self._number, self._goes_on = number, False

    def begin(self) -> Iterator[Any]:
        """The batches of the next pass."""
        flow, mark = self.flow, object()
        with self._lock:
            self._current = mark
            if not self._goes_on:
                flow.batch_index = 0
                flow.total_batches_seen = self._number * len(flow)
            self._goes_on = False
            self._number += 1
        is_last = False
        while not is_last:
            with self._lock:
                if self._current is not mark:
                    return
                batch = next(flow)
                is_last = flow.batch_index == 0
            yield batch
