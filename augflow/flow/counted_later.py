"""Flows that begin before it is known how many samples they have.

To count the rows of a file of ten gigabytes takes ten seconds. Batches in order need not wait for
it: the first of them are made of the beginning of the file, here and now, while a thread counts.
Whoever asks for the count waits, and from then on the flow is as any other: it goes on where it is.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np

from augflow.base.interrupts import Interruptible, uninterrupted
from augflow.flow.engine_iterator import EngineIterator
from augflow.flow.iterator import Iterator
from augflow.flow.own_methods import is_overridden
from augflow.order.sample_count import SampleCount
from augflow.order.streams import draw_base_seed


class Later:
    """What a thread works out.

    Args:
        work: works it out; the event that it gets is set when nobody wants it any more.
    """

    def __init__(self, work: Callable[[threading.Event], Any]) -> None:
        self._work = work
        self._process = os.getpid()
        self._answers: list[tuple[Any, BaseException | None]] = []
        stop = threading.Event()
        # The thread holds nothing of this object, so that to drop it ends the thread.
        weakref.finalize(self, stop.set)
        self._thread = threading.Thread(
            target=_work_out, args=(work, stop, self._answers), name="augflow-count", daemon=True
        )
        self._thread.start()

    @property
    def is_there(self) -> bool:
        """Whether nobody has to wait for it."""
        return bool(self._answers)

    def result(self) -> Any:
        """What was worked out, waited for.

        Raises:
            BaseException: what the work raised.
        """
        if os.getpid() != self._process and not self._answers:
            # A forked child has not its parent's thread.
            return self._work(threading.Event())
        with Interruptible():
            self._thread.join()
        value, error = self._answers[0]
        if error is not None:
            raise error
        return value


def _work_out(
    work: Callable[[threading.Event], Any],
    stop: threading.Event,
    answers: list[tuple[Any, BaseException | None]],
) -> None:
    try:
        answers.append((work(stop), None))
    except BaseException as error:
        # Whoever waits for the answer raises it.
        answers.append((None, error))


class FirstRows:
    """The first rows of a flow, made one part after the other.

    Args:
        parts: arrays of shape (rows, ...), of one part of the rows after the other. An error in
            them is raised by who counts, or comes again when the batch of that row is made.
    """

    def __init__(self, parts: Iterable[list[np.ndarray]]) -> None:
        self._parts = iter(parts)
        self._kept: deque[list[np.ndarray]] = deque()
        self._first = self._stop = 0

    def take(self, start: int, stop: int) -> list[np.ndarray] | None:
        """Rows ``start`` to ``stop``; None where they, or any after them, are not to be had."""
        if start < self._first:
            return None
        while self._stop <= stop:
            try:
                arrays = next(self._parts, None)
            except Exception:
                # See above: nothing is lost.
                arrays = None
            if arrays is None:
                return None
            self._kept.append(arrays)
            self._stop += len(arrays[0])
        while self._first + len(self._kept[0][0]) <= start:
            self._first += len(self._kept.popleft()[0])
        pieces, first = [], self._first
        for arrays in self._kept:
            if first < stop:
                pieces.append([array[max(0, start - first) : stop - first] for array in arrays])
            first += len(arrays[0])
        return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]


class CountedLater(EngineIterator):
    """A flow that may begin before its samples are counted; a subclass says how they are taken."""

    _early: FirstRows | None = None
    _later: Later | None = None
    _early_revision: Any = None

    # The subclass's part

    def _take_count(self, answer: Any) -> SampleCount:
        """Get ready for all batches by what the thread found; the number of samples."""
        raise NotImplementedError(f"{type(self).__name__} must define _take_count")

    # Counting

    def _count_later(self, parts: Iterable[list[np.ndarray]], later: Later) -> None:
        """Begin with the first rows, until somebody asks for the count."""
        self._early, self._later = FirstRows(parts), later
        self._early_revision = self.__dict__.get("_revision")

    @property  # type: ignore[override]
    def n(self) -> SampleCount:
        """Samples; whoever asks first may have to wait until they are counted."""
        if self._later is not None:
            self._settle()
        count: SampleCount = self.__dict__["n"]
        return count

    @n.setter
    def n(self, value: SampleCount) -> None:
        if self._later is not None:
            self._settle()
        self.__dict__["n"] = value

    def _settle(self) -> None:
        with self._count_lock:
            if self._later is None:
                return
            count = self._take_count(self._later.result())
            self._early = self._later = None
            self.__dict__["n"] = count
            if self.total_batches_seen:
                # The epoch goes on where it is.
                start = self.total_batches_seen - self.batch_index
                if self.batch_index >= len(self):
                    self.batch_index = 0
                self._begin_epoch(start)

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._count_lock = threading.RLock()

    def _restart_in_child(self) -> None:
        super()._restart_in_child()
        self._count_lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        if self._later is not None:
            self._settle()
        state = super().__getstate__()
        state.pop("_count_lock", None)
        return state

    # Batches

    def __next__(self) -> Any:
        """See ``Iterator.__next__``."""
        batch = None if self._early is None else self._early_batch()
        return super().__next__() if batch is None else batch

    @uninterrupted
    def _early_batch(self) -> Any:
        with self.lock:
            early, later = self._early, self._later
            if early is None or later is None or later.is_there or self._is_not_as_begun():
                return None
            if self.seed is None and self._drawn_seed is None:
                self._drawn_seed = draw_base_seed()
            start = self.batch_index * self.batch_size
            with Interruptible():
                arrays = early.take(start, start + self.batch_size)
            if arrays is None:
                # All further ones come in the usual way.
                self._early = None
                return None
            self.batch_index += 1
            self.total_batches_seen += 1
        return self._output(arrays, np.arange(start, start + self.batch_size))

    def _is_not_as_begun(self) -> bool:
        """Whether settings were changed, or methods of the user's decide what comes."""
        return (
            self.__dict__.get("_revision") != self._early_revision
            or self._given_indices is not None
            or self._builds_directly()
            or bool(self._functions)
            or is_overridden(self, "_flow_index", Iterator)
        )

    def epoch(self) -> Generator[Any, None, None]:
        """See ``Iterator.epoch``."""
        self.reset()
        while True:
            yield next(self)
            if self.batch_index == 0:
                return

    def close(self) -> None:
        """See ``EngineIterator.close``."""
        super().close()
        self._early = None
