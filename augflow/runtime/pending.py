"""Batches that workers are building: their tasks, their memory, and how they end."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

from augflow.base.stage_times import Work, total
from augflow.batch.plan import BadSample, BatchPlan
from augflow.batch.request import Request
from augflow.memory.heartbeat import RECORD_BYTES, Beat, clear_record, read_beat, withdraw
from augflow.memory.segments import Arena, Segment
from augflow.runtime.processes import WorkerProcesses
from augflow.runtime.worker import BareException, Failure, Report

# What a future raises whose task never came to an end.
LOST = (BrokenProcessPool, ShutdownExecutorError, CancelledError)


class Pending:
    """A batch that workers are building into a segment; a task for each part of its rows.

    A segment is used again only when all of its tasks are known to have ended by themselves.
    Where one may still run (its process was killed together with others, or an interrupt came
    while it was handed over), the segment is let go: nobody else will ever see what is written
    there.

    Args:
        plan: how it is built.
        request: what is built.
        arena: gives the segment, and gets it back.
        parts: from which row to which each task goes; together all rows.
        beats_at: where in the segment the tasks' records begin.
        timeout: seconds that a sample may take, None for any.

    Raises:
        OSError: there is no memory for another batch, or no descriptor.

    Attributes:
        segment: where it is built.
        arena: where the segment comes from.
        attempts: how often its tasks were submitted because workers had died.
        left_out: rows that are not to be built, and why.
    """

    def __init__(
        self,
        plan: BatchPlan,
        request: Request,
        arena: Arena,
        parts: list[tuple[int, int]],
        beats_at: int,
        timeout: float | None = None,
    ) -> None:
        self.plan = plan
        self.request = request
        self.timeout = timeout
        self.attempts = 1
        self.left_out: dict[int, str] = {}
        self.abandoned_at: float | None = None
        self._parts = parts
        self._beats_at = beats_at
        self._lock = threading.Lock()
        self._left = 0
        self._is_orderly = True
        self._begin_in(arena, arena.take())

    def begin_anew(self, arena: Arena) -> None:
        """Forget the tasks, of which some are lost, and take memory that no worker knows.

        Raises:
            OSError: there is none.
        """
        segment = arena.take()
        self._withdraw()
        self._begin_in(arena, segment)

    def _begin_in(self, arena: Arena, segment: Segment) -> None:
        self.arena = arena
        self.segment = segment
        self.futures: dict[tuple[int, int], Future[Report]] = {}
        self._processes: set[WorkerProcesses] = set()
        for number in range(len(self._parts)):
            clear_record(segment.memory, self._record(number))

    def _record(self, number: int) -> int:
        return self._beats_at + number * RECORD_BYTES

    def tasks(self) -> Iterator[tuple[tuple[int, int], int]]:
        """For each part its rows, and the offset of its record."""
        for number, part in enumerate(self._parts):
            yield part, self._record(number)

    def keep(
        self, part: tuple[int, int], future: Future[Report], processes: WorkerProcesses
    ) -> None:
        """Take note of a task that was submitted."""
        self.futures[part] = future
        self._processes.add(processes)

    # While they run

    def is_lost(self) -> bool:
        """Whether a part will never come to an end, because a worker died or was ended."""
        return any(
            future.done() and (future.cancelled() or isinstance(future.exception(), LOST))
            for future in self.futures.values()
        )

    def worker_died(self) -> bool:
        """Whether one of its workers has ended by itself, and was not ended by us."""
        return any(processes.has_died for processes in self._processes)

    def deaths(self, reason: BaseException) -> str:
        """What to say when its workers have died too often; ``reason`` is loky's last error."""
        names = self.request.names
        return (
            f"worker processes died {self.attempts} times while preparing one batch of "
            f"{len(names)} samples, the first of them {self.plan.describe(names[0])} "
            f"({last_words(reason)}). Out of "
            "memory, or a crash in a user's function? workers=0 runs everything in this process "
            "and shows which."
        )

    def beats(self) -> list[Beat]:
        """What the workers say that have begun with a part and not ended it."""
        found = []
        for part, offset in self.tasks():
            future = self.futures.get(part)
            if future is None or future.done():
                continue
            beat = read_beat(self.segment.memory, offset)
            if beat is not None:
                found.append(beat)
        return found

    def work(self) -> Work:
        """What all parts took together, once they are done."""
        return total(future.result().work for future in self.futures.values())

    def bad(self) -> list[BadSample]:
        """The rows that could not be built, in order, once all parts are done."""
        found = [each for future in self.futures.values() for each in future.result().bad]
        return sorted(found, key=lambda each: each.row)

    # When nobody wants it any more

    def abandon(self, is_orderly: bool = True) -> None:
        """Withdraw the tasks; those that run leave off at their next sample.

        Args:
            is_orderly: False where a task may run that is not known.
        """
        if self.abandoned_at is not None:
            return
        self.abandoned_at = time.monotonic()
        self._is_orderly = is_orderly
        self._withdraw()
        self._left = len(self.futures)
        if not self._left:
            self._let_go()
        # The callbacks also keep this object, so that the pool sees a task that never ends.
        for future in list(self.futures.values()):
            future.add_done_callback(self._one_has_ended)

    def _withdraw(self) -> None:
        for _, offset in self.tasks():
            withdraw(self.segment.memory, offset)
        for future in self.futures.values():
            future.cancel()

    def _one_has_ended(self, future: Future[Report]) -> None:
        with self._lock:
            self._left -= 1
            if not future.cancelled() and future.exception() is not None:
                # Its process is being killed, and may write until it is dead.
                self._is_orderly = False
            is_over = self._left == 0
        if is_over:
            self._let_go()

    def _let_go(self) -> None:
        # Futures keep their callbacks, and with them this object.
        self.futures = {}
        if self._is_orderly:
            self.arena.give_back(self.segment)


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
