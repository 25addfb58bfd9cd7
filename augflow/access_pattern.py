"""Which batch will be asked for next: a guess that may only cost time, never a wrong batch.

``for`` loops, ``evaluate`` and ``predict`` read indices upwards. Keras's ``fit`` permutes them:
it reads the number of batches and then shuffles a list of that length with Python's global
``random``. The state of ``random`` at that reading tells the permutation in advance; the first
index asked for confirms or refutes it.
"""

from __future__ import annotations

import random
from typing import Any

from augflow.order import python_shuffle

# A pass read by several threads comes slightly out of order; one that is out of order all the
# time follows another order.
_WINDOW = 16
_MOST_SLIPS = 4
# Beyond this many batches foreseeing the shuffle would cost more than it gains.
_LONGEST_SHUFFLE = 200_000


class AccessPattern:
    """The expected order of index accesses, corrected by each access."""

    def __init__(self) -> None:
        self._expected: list[int] = []
        self._done = 0
        self._slips = 0
        self._shuffled = False
        self._last: int | None = None
        self._random_state: tuple[Any, ...] | None = None

    def length_was_read(self) -> None:
        """Remember the state of ``random``: a shuffle may follow."""
        self._random_state = random.getstate()

    def observe(self, index: int, length: int) -> None:
        """Take note that batch ``index`` of ``length`` is asked for."""
        previous, self._last = self._last, index
        if self._take(index):
            return
        if self._foresee_shuffle(length) and self._expected[0] == index:
            self._done = 1
            return
        self._shuffled = False
        if index == 0 or (previous is not None and index == previous + 1):
            self._expect(list(range(index + 1, length)), shuffled=False)
        else:
            self._expect([], shuffled=False)

    def next_epoch(self, length: int) -> None:
        """Expect another pass of the same kind."""
        self._last = None
        if self._shuffled:
            self.length_was_read()
            self._foresee_shuffle(length)
        else:
            self._expect(list(range(length)), shuffled=False)

    def upcoming(self, count: int) -> list[int]:
        """Up to ``count`` batch indices, the soonest first."""
        return self._expected[self._done : self._done + count]

    def _expect(self, order: list[int], shuffled: bool) -> None:
        self._expected = order
        self._done = 0
        self._slips = 0
        self._shuffled = shuffled

    def _take(self, index: int) -> bool:
        """Strike ``index`` off the expected order if it is due about now."""
        for place in range(self._done, min(self._done + _WINDOW, len(self._expected))):
            if self._expected[place] == index:
                self._slips = self._slips + 1 if place > self._done else 0
                self._expected[place] = self._expected[self._done]
                self._done += 1
                return self._slips <= _MOST_SLIPS
        return False

    def _foresee_shuffle(self, length: int) -> bool:
        state, self._random_state = self._random_state, None
        if state is None or not 1 < length <= _LONGEST_SHUFFLE:
            return False
        self._expect(python_shuffle(length, state), shuffled=True)
        return True
