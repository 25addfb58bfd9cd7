"""Random streams as data: where a batch's random numbers come from.

Keras seeds NumPy's legacy generator with ``seed + total_batches_seen`` before each batch, and
draws the epoch's permutation from the same stream at the first batch of an epoch. A
``StreamState`` names such a point without holding a generator, so it can travel to a worker.
"""

from __future__ import annotations

import ctypes
import hashlib
import operator
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from augflow.base.interrupts import InterruptsDeferred

SEED_BOUND = 2**32

# An int seeds a new generator; a tuple is a state in the middle of a stream.
StreamState = int | tuple[Any, ...]


def seeded(base: int, offset: int) -> int:
    """The seed of the stream ``offset`` batches after ``base``, within NumPy's bounds."""
    return (base + offset) % SEED_BOUND


class _NoSeed(ISeedSequence):
    """Stands for the entropy that a new generator takes, where it is seeded right after that.

    With the system's entropy, hashed, a generator takes 70 microseconds, with this 5.
    """

    # A list: the generator looks at the numbers one by one.
    _words = [1] * 624

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return self._words


_NO_SEED = _NoSeed()


def open_stream(state: StreamState) -> np.random.RandomState:
    """A generator at the given point."""
    stream = np.random.RandomState(np.random.MT19937(_NO_SEED))  # type: ignore[arg-type]
    if isinstance(state, tuple):
        stream.set_state(state)
    else:
        stream.seed(state)
    return stream


def state_of(stream: np.random.RandomState) -> tuple[Any, ...]:
    """The point at which the generator stands, for ``open_stream``."""
    state = stream.get_state(legacy=True)
    assert isinstance(state, tuple)
    return state


def global_stream() -> np.random.RandomState:
    """NumPy's global generator itself, as ``np.random.uniform`` uses it."""
    stream: np.random.RandomState = np.random.mtrand._rand  # type: ignore[attr-defined]
    return stream


@dataclass(frozen=True)
class SampleSeeds:
    """Where the samples of a batch have generators of their own.

    They depend on the flow's seed, the epoch and the sample, and on nothing else: neither the
    batch size nor the place in the batch, nor the process that builds it. A sample that comes
    several times in an epoch has a generator for each time.

    Attributes:
        base: the flow's seed.
        epoch: what names the epoch: the batches before it.
        samples: positions of the samples in the data.
        occurrences: how often each of them came before in the epoch; None for never.
    """

    base: int
    epoch: int
    samples: list[int]
    occurrences: list[int] | None = None

    def generator(self, place: int) -> np.random.Generator:
        """The generator of the sample at ``place`` of ``samples``."""
        key = (self.base, self.epoch, self.samples[place])
        again = self.occurrences[place] if self.occurrences is not None else 0
        return np.random.default_rng((*key, again) if again else key)

    def global_seed(self, place: int) -> int:
        """What to seed NumPy's global generator with for that sample, below 2**32.

        For functions of the user that draw from ``np.random``. A hash, so that neighbours have
        nothing in common; far cheaper than ``SeedSequence``.
        """
        again = self.occurrences[place] if self.occurrences is not None else 0
        key = b"%d %d %d %d" % (self.base, self.epoch, self.samples[place], again)
        return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "little")

    def part(self, start: int, stop: int) -> SampleSeeds:
        """Those of a part of the rows."""
        again = None if self.occurrences is None else self.occurrences[start:stop]
        return SampleSeeds(self.base, self.epoch, self.samples[start:stop], again)


@contextmanager
def as_global(stream: np.random.RandomState) -> Iterator[None]:
    """Let user code that draws from ``np.random`` draw from ``stream``; then put all back.

    Draws made inside advance ``stream``; the caller's global state is as it was before. One
    thread at a time: the global generator is the whole process's.
    """
    shared = global_stream()
    if stream is shared:
        yield
        return
    with _swap.borrowed() as before:
        shared.set_state(stream.get_state(legacy=True))
        try:
            yield
        finally:
            with InterruptsDeferred():
                stream.set_state(shared.get_state(legacy=True))
                shared.set_state(before)


@contextmanager
def globals_as(seed: int) -> Iterator[None]:
    """Let code that draws from ``np.random`` or ``random`` draw from a seed; then put all back.

    Args:
        seed: int in [0, 2**32), of both.
    """
    with as_global(np.random.RandomState(seed)):
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)


@contextmanager
def borrowed_global() -> Iterator[np.random.RandomState]:
    """NumPy's global generator, to be seeded at will; afterwards its state is as it was before.

    One thread at a time, as for ``as_global``.
    """
    shared = global_stream()
    with _swap.borrowed() as before:
        try:
            yield shared
        finally:
            with InterruptsDeferred():
                shared.set_state(before)


def users_mark() -> Any:
    """Where what the user's own code draws from stands, for ``state_at``; a microsecond.

    Also while another thread has exchanged that generator.
    """
    mark = _swap.users
    if mark is None:
        mark = _raw_state.copy()
    # Another thread may have come between these lines.
    return mark if _swap.users is None else _swap.users


def state_at(mark: Any) -> tuple[Any, ...]:
    """A mark as a state, for ``open_stream``."""
    if isinstance(mark, tuple):
        return mark
    return ("MT19937", mark[:_KEY], int(mark[_KEY]))


# Numbers of a key of NumPy's legacy generator; one more says how many of them are used.
_KEY = 624


class _RawState:
    """The global generator's memory: its ``get_state`` takes 25 microseconds, for each batch.

    NumPy gives the address (``BitGenerator.ctypes``); what lies there is looked at before it is
    relied on.
    """

    def __init__(self) -> None:
        self._generator: Any = None
        self._memory: np.ndarray | None = None

    def copy(self) -> Any:
        """A mark, see ``users_mark``."""
        generator = global_stream()._bit_generator
        if generator is not self._generator:
            self._look_at(generator)
        return state_of(global_stream()) if self._memory is None else self._memory.copy()

    def _look_at(self, generator: Any) -> None:
        # Another kind of generator may have been set.
        self._generator, self._memory = generator, None
        if type(generator) is not np.random.MT19937:
            return
        address = generator.ctypes.state_address
        words: Any = (ctypes.c_uint32 * (_KEY + 1)).from_address(address)
        memory = np.frombuffer(words, np.uint32)
        _, key, position, *_ = state_of(global_stream())
        if np.array_equal(memory[:_KEY], key) and memory[_KEY] == position:
            self._memory = memory


_raw_state = _RawState()


class _Swap:
    """Who may exchange the global state; a forked child starts with nobody, and its own state."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # What the user's own code draws from next; None while nothing is exchanged.
        self.users: Any = None
        # NumPy's own lock, which a thread that the child does not have might hold for ever.
        self._numpys = global_stream()._bit_generator.lock
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._numpys.acquire,
                after_in_parent=self._numpys.release,
                after_in_child=self._renew,
            )

    @contextmanager
    def borrowed(self) -> Iterator[Any]:
        """The state before; whoever borrows it has to put that back."""
        with self._lock:
            before = global_stream().get_state(legacy=True)
            outer = self.users
            self.users = before if outer is None else outer
            try:
                yield before
            finally:
                self.users = outer

    def _renew(self) -> None:
        self._numpys.release()
        self._lock = threading.RLock()
        users, self.users = self.users, None
        if users is not None:
            global_stream().set_state(users)


_swap = _Swap()


def draw_base_seed() -> int:
    """A base seed for an unseeded flow: one draw from NumPy's global generator.

    So ``np.random.seed`` and ``keras.utils.set_random_seed`` make unseeded flows repeatable.
    """
    return int(global_stream().randint(0, 2**31 - 1))


def checked_seed(seed: Any) -> int | None:
    """An int in [0, 2**32), or None.

    Raises:
        TypeError, ValueError: it is neither.
    """
    if seed is None:
        return None
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"`seed` must be an int or None. Received: {seed!r}") from None
    if not 0 <= number < SEED_BOUND:
        raise ValueError(f"`seed` must be between 0 and 2**32 - 1. Received: {seed!r}")
    return number
