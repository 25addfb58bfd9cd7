"""What a call of ``_get_batches_of_transformed_samples`` from outside of a flow draws from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from augflow.order.streams import (
    StreamState,
    as_global,
    global_stream,
    open_stream,
    state_at,
    users_mark,
)

# Numbers of one block of NumPy's generator, and how many blocks the user's code may have drawn
# between a step of the flow and such a call before that counts as a new seed.
_BLOCK = 624
_MOST_BLOCKS = 2000


class LiveStream:
    """The stream of the batch last stepped to, continued from call to call as in Keras.

    In Keras that stream is NumPy's global generator, so whoever seeds that one decides what comes
    next: code that calls ``np.random.seed`` before it asks for a batch. A flow leaves the global
    generator alone, and so has to notice that somebody has seeded it since its last step. Drawing
    from it is no seeding: a script's own draws must not change a batch.
    """

    def __init__(self) -> None:
        self._stream: np.random.RandomState | StreamState = 0
        # What the user's code drew from at the last step; None before the first one, and after a
        # seed: then it is the global generator that counts.
        self._known: Any = None

    def step_to(self, stream: StreamState) -> None:
        """The flow has come to a batch that draws from this point on."""
        self._stream = stream
        self._known = users_mark()

    def is_global(self) -> bool:
        """Whether NumPy's global generator is to be drawn from, as the user's code has left it."""
        if self._stream is global_stream():
            return True
        if self._known is not None:
            before, now = state_at(self._known), state_at(users_mark())
            self._known = now if _was_only_drawn_from(before, now) else None
        return self._known is None

    def current(self) -> np.random.RandomState:
        """The generator to draw from."""
        if self.is_global():
            return global_stream()
        if not isinstance(self._stream, np.random.RandomState):
            self._stream = open_stream(self._stream)
        return self._stream

    @contextmanager
    def lent(self, stream: np.random.RandomState) -> Iterator[None]:
        """Let user code draw from a stream by ``np.random``, and calls out of it, too."""
        if stream is global_stream():
            yield
            return
        with as_global(stream):
            self._stream = global_stream()
            try:
                yield
            finally:
                self._stream = stream


def _was_only_drawn_from(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether one state of a generator can be reached from another one by drawing."""
    if np.array_equal(before[1], now[1]):
        return bool(before[2] <= now[2])
    generator = np.random.MT19937()
    generator.state = {
        "bit_generator": "MT19937",
        "state": {"key": before[1], "pos": _BLOCK},
    }
    for _ in range(_MOST_BLOCKS):
        # The first number of a block makes the whole of it.
        generator.random_raw(_BLOCK, output=False)
        if np.array_equal(generator.state["state"]["key"], now[1]):
            return True
    return False
