"""Which batch will be asked for next: a guess that may only cost time, never a wrong batch.

``for`` loops, ``evaluate`` and ``predict`` read indices upwards. Keras's ``fit`` permutes them:
it reads the number of batches and then shuffles a list of that length with Python's global
``random``. The state of ``random`` at that reading tells the permutation in advance; the first
index asked for confirms or refutes it.
"""

from __future__ import annotations

import random
from typing import Any

from augflow.order.permutation import python_shuffle

# A pass read by several threads comes slightly out of order; one that is out of order all the
# time follows another order.
_WINDOW = 16
_MOST_SLIPS = 4
# Beyond this many batches foreseeing the shuffle would cost more than it gains.
_LONGEST_SHUFFLE = 200_000
# As far as upward reading is written down; what follows is, when it comes to that.
_LONGEST_RUN = 65_536


class AccessPattern:
    """The expected order of index accesses, corrected by each access."""

    def __init__(self) -> None:
        self._expected: list[int] = []
        self._done = 0
        self._slips = 0
        self._shuffled = False
        self._random_state: tuple[Any, ...] | None = None
        # What was asked for since the length was read, and just before.
        self._since: list[int] = []
        self._last: int | None = None

    def length_was_read(self) -> None:
        """Remember the state of ``random``: a shuffle may follow."""
        self._random_state = random.getstate()
        self._since = []

    def observe(self, index: int, length: int) -> None:
        """Take note that batch ``index`` of ``length`` is asked for."""
        previous, self._last = self._last, index
        if len(self._since) < _WINDOW:
            self._since.append(index)
        if self._expected[self._done : self._done + 1] == [index]:
            self._done += 1
            self._slips = 0
        elif not self._adopt_shuffle(length) and not self._slip(index):
            upwards = index == 0 or (previous is not None and index == previous + 1)
            self._expect(_upwards(index + 1, length) if upwards else [], shuffled=False)

    def next_epoch(self, length: int) -> None:
        """Expect another pass of the same kind."""
        self._last = None
        if self._shuffled:
            self.length_was_read()
            self._expect(self._foreseen(length), shuffled=True)
        else:
            self._expect(_upwards(0, length), shuffled=False)

    def upcoming(self, count: int) -> list[int]:
        """Up to ``count`` batch indices, the soonest first."""
        return self._expected[self._done : self._done + count]

    def _expect(self, order: list[int], shuffled: bool) -> None:
        self._expected = order
        self._done = 0
        self._slips = 0
        self._shuffled = shuffled

    def _slip(self, index: int) -> bool:
        """Strike off an index that was expected a little later."""
        for place in range(self._done + 1, min(self._done + _WINDOW, len(self._expected))):
            if self._expected[place] == index:
                self._slips += 1
                self._expected[place] = self._expected[self._done]
                self._done += 1
                return self._slips <= _MOST_SLIPS
        return False

    def _adopt_shuffle(self, length: int) -> bool:
        """Follow the foreseen shuffle if all that was asked for since then fits it."""
        seen = len(self._since)
        if self._random_state is None or (self._shuffled and seen > 1):
            return False
        order = self._foreseen(length)
        # Right or wrong: to shuffle a list of all batches again would not change it.
        self._random_state = None
        if order[:seen] != self._since:
            return False
        self._expect(order, shuffled=True)
        self._done = seen
        return True

    def _foreseen(self, length: int) -> list[int]:
        if self._random_state is None or length > _LONGEST_SHUFFLE:
            return []
        return python_shuffle(length, self._random_state)


def _upwards(first: int, length: int) -> list[int]:
    return list(range(first, min(length, first + _LONGEST_RUN)))
