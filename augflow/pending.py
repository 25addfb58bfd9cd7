"""Batches that workers are building: their tasks, their memory, and how they end."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Any

from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

from augflow.batch_plan import BadSample
from augflow.request import Request
from augflow.shared_memory import Arena, Segment
from augflow.stage_times import Work, total
from augflow.worker import BareException, Failure, Report

# What a future raises whose task never came to an end.
LOST = (BrokenProcessPool, ShutdownExecutorError, CancelledError)
# What a wait ends with whose flow was closed by another thread.
CLOSED = Failure("closed", None, "the flow was closed", "")


@dataclass
class Pending:
    """A batch that workers are building into a segment; a future for each part of its rows.

    Attributes:
        request: what is built.
        segment: where.
        parts: from which row to which each task goes; together all rows.
        futures: of the tasks that were submitted, by their parts.
        attempts: how often lost tasks were submitted.
    """

    request: Request
    segment: Segment
    parts: list[tuple[int, int]]
    futures: dict[tuple[int, int], Future[Report]] = field(default_factory=dict)
    attempts: int = 1

    def lost_parts(self) -> list[tuple[int, int]]:
        """The parts whose tasks never came to an end, because a worker died."""
        return [part for part in self.parts if _is_lost(self.futures.get(part))]

    def work(self) -> Work:
        """What all parts took together, once they are done."""
        return total(future.result().work for future in self.futures.values())

    def bad(self) -> list[BadSample]:
        """The rows that could not be built, in order, once all parts are done."""
        found = [each for future in self.futures.values() for each in future.result().bad]
        return sorted(found, key=lambda each: each.row)

    def cancel(self) -> None:
        """Withdraw the tasks that no worker has begun."""
        for future in self.futures.values():
            future.cancel()

    def release_when_done(self, arena: Arena) -> None:
        """Give the segment back to its arena once no worker writes to it any more."""
        if not self.futures:
            arena.give_back(self.segment)
        countdown = _Countdown(len(self.futures), arena, self.segment)
        for future in self.futures.values():
            future.add_done_callback(countdown)


def _is_lost(future: Future[Report] | None) -> bool:
    if future is None or future.cancelled():
        return True
    return future.done() and isinstance(future.exception(), LOST)


class _Countdown:
    """Returns a segment to its arena when the last of its tasks has ended."""

    def __init__(self, tasks: int, arena: Arena, segment: Segment) -> None:
        self._left = tasks
        self._arena = arena
        self._segment = segment
        self._lock = threading.Lock()

    def __call__(self, future: Future[Report]) -> None:
        with self._lock:
            self._left -= 1
            done = self._left == 0
        if done:
            self._arena.give_back(self._segment)


def last_words(error: BaseException) -> str:
    """One line of what loky says of a lost task: what it met, or the exit codes of workers."""
    if error.__cause__ is not None:
        lines = [line.strip('" ') for line in str(error.__cause__).splitlines()]
        return next((line for line in reversed(lines) if line), type(error.__cause__).__name__)
    lines = str(error).splitlines() or [type(error).__name__]
    return next((line for line in lines if "exit codes" in line), lines[0])


def raise_again(failure: Failure) -> None:
    """Raise a worker's exception here: its own type, with the worker's traceback as a note."""
    if failure.exception is None:
        raise RuntimeError(
            f"{failure.summary} (raised in a worker process; the exception itself could not be"
            f" pickled)\n\n{failure.traceback}"
        )
    error: Any = pickle.loads(failure.exception)
    if isinstance(error, BareException):
        error = error.restore()
    # The notes that name the file came along; the traceback has to travel as text.
    error.add_note(f"augflow: in a worker process:\n{failure.traceback}")
    try:
        raise error
    finally:
        # The traceback refers to this frame: without this the two would keep each other, and
        # with them the flow, until the next garbage collection.
        del error
