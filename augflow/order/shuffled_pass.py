"""Which batch of an epoch comes for which index, where a reader asks in an order of its own.

Keras's ``fit`` shuffles the numbers of the batches. Where the rows in them are shuffled already, a
second shuffling adds nothing, and reading here and there can cost a lot. So the batch that is
asked for k-th is the k-th of the epoch's own order.
"""

from __future__ import annotations

import random
import weakref
from typing import Any

import numpy as np

from augflow.order.permutation import python_shuffle

# Threads ask for the first batches slightly out of order.
_WINDOW = 16


class PassOrder:
    """One pass over an epoch, in which each index stands for a batch of its own.

    The state of Python's ``random`` at the beginning tells how the reader will shuffle. So which
    batch an index stands for is known before any is asked for, and does not depend on which of
    several threads asks first. Should the reader shuffle otherwise, indices get the batches in the
    order in which they are first asked for. Either way each batch has one index.

    Args:
        reader: whose pass it is, held weakly.
        length: batches of the epoch; they are about to be shuffled.
    """

    def __init__(self, reader: Any, length: int) -> None:
        self.reader = weakref.ref(reader)
        self.length = length
        self._random_state = random.getstate()
        self._ranks: np.ndarray | None = None
        self._given = 0

    def position(self, index: int) -> int:
        """The position in the epoch of the batch that comes for an index, below ``length``."""
        if self._ranks is None:
            self._ranks = self._foreseen(index)
        if self._ranks[index] < 0:
            self._ranks[index] = self._given
            self._given += 1
        return int(self._ranks[index])

    def _foreseen(self, first: int) -> np.ndarray:
        """The rank of each index; -1 where an index that is asked for first refutes the guess."""
        ranks = np.full(self.length, -1, np.int64)
        order = python_shuffle(self.length, self._random_state)
        if first in order[:_WINDOW]:
            ranks[order] = np.arange(self.length)
        return ranks
