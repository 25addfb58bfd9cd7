"""What is done while a batch is waited for: look whether its workers get on, and say so if not."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pickle import PicklingError
from queue import Empty, SimpleQueue

from augflow.base.interrupts import Interruptible
from augflow.base.warn_user import warn_user
from augflow.memory.heartbeat import LOADING, Beat
from augflow.runtime.imports_of_workers import Brought
from augflow.runtime.pending import LOST, Pending, last_words
from augflow.runtime.pool import shared_pool
from augflow.runtime.worker import Failure, Report

# Between two looks. A batch takes milliseconds, so most waits end before the first.
_LOOK_SECONDS = 0.5
_SAY_AFTER_SECONDS = 10.0
# A sample that takes so long may take for ever. Batches of other flows are built without workers
# meanwhile, if there is none left.
_HANGING_SECONDS = 10.0
# The next message comes after so many times as long.
_PATIENCE_GROWS = 6


class Patience:
    """How long a flow's waits have to be until the user hears of them; grows with each message."""

    def __init__(self) -> None:
        self.seconds = _SAY_AFTER_SECONDS


@dataclass
class Outcome:
    """How the parts of a batch have ended.

    Attributes:
        failure: the first one among their reports, None for none.
        lost: what loky says of a part that never came to an end, None where all did.
        troubles: why workers cache no more images.
        brought: what their plan has brought into a worker, None for nothing.
        is_starved: whether nobody will begin with them, because samples of other flows hang.
    """

    failure: Failure | None = None
    lost: BaseException | None = None
    troubles: list[str] = field(default_factory=list)
    brought: Brought | None = None
    is_starved: bool = False


class Wait:
    """One wait for a batch.

    Args:
        pending: the batch.
        patience: of its flow.
    """

    def __init__(self, pending: Pending, patience: Patience) -> None:
        self._pending = pending
        self._patience = patience
        self._begin = time.monotonic()

    def for_all_parts(self) -> Outcome:
        """Wait until all parts of the batch have ended, one way or another."""
        futures = list(self._pending.futures.values())
        # Not by ``Future.result``: its locks are Python's own, and a Ctrl-C can leave one held.
        ended: SimpleQueue[None] = SimpleQueue()
        for future in futures:
            # No code of Python's. The call adds the future, as the queue's ``block``.
            future.add_done_callback(partial(ended.put, None))
        for _ in futures:
            if not self._next_of(ended):
                return Outcome(is_starved=True)
        return _outcome(futures)

    def _next_of(self, ended: SimpleQueue[None]) -> bool:
        """Wait for another part; False: nobody will begin with it."""
        timeout = self._pending.timeout
        seconds = _LOOK_SECONDS if timeout is None else min(_LOOK_SECONDS, timeout / 4)
        while True:
            try:
                with Interruptible():
                    ended.get(timeout=seconds)
                return True
            except Empty:
                self._look()
                if self._is_starved():
                    return False

    def _look(self) -> None:
        """End samples that have taken too long, replace stuck workers, and say what is awaited."""
        pool = shared_pool()
        now = time.monotonic()
        waited = now - self._begin
        late = [pending for pending in pool.at_work() if _give_up_late_samples(pending, now)]
        if late or (self._is_late(waited) and any(map(_is_stopped, pool.pids()))):
            pool.restart()
            return
        pool.replace_stuck()
        if waited > self._patience.seconds:
            self._patience.seconds = waited * _PATIENCE_GROWS
            warn_user(f"augflow: a batch has been waited for for {waited:.0f} s. {self._reason()}")

    def _is_late(self, waited: float) -> bool:
        timeout = self._pending.timeout
        return timeout is not None and waited > timeout

    def _is_starved(self) -> bool:
        """Whether all workers have long been at samples of other flows, and none at this batch."""
        now = time.monotonic()
        hanging = set()
        for pending in shared_pool().at_work():
            for beat in pending.beats():
                if pending is self._pending:
                    return False
                if now - beat.since > _HANGING_SECONDS:
                    hanging.add(beat.process)
        processes = shared_pool().pids()
        return bool(processes) and hanging.issuperset(processes)

    def _reason(self) -> str:
        now = time.monotonic()
        for process in shared_pool().pids():
            # It may keep the others from their tasks, too.
            if _is_stopped(process):
                return (
                    f"Worker process {process} is stopped, by a debugger or a signal (SIGSTOP); "
                    f"`kill -CONT {process}` lets it go on."
                )
        own = _slowest(self._pending)
        if own is not None:
            return self._describe(self._pending, own, now)
        others = [
            (beat, pending) for pending in shared_pool().at_work() if (beat := _slowest(pending))
        ]
        if others:
            beat, pending = min(others, key=lambda each: each[0].since)
            return "No worker is free for it. " + self._describe(pending, beat, now)
        return "No worker has begun with it: they are still starting, or the machine is very busy."

    def _describe(self, pending: Pending, beat: Beat, now: float) -> str:
        seconds = f"{now - beat.since:.0f} s"
        plan = pending.plan
        if beat.row == LOADING:
            return (
                f"Worker process {beat.process} has been unpickling {plan.user_code()} for "
                f"{seconds}. Modules that it needs are imported there, too."
            )
        what = plan.describe(pending.request.names[beat.row])
        where = plan.user_code() if plan.calls_user_code else "reading it"
        return (
            f"Worker process {beat.process} has been at {what} for {seconds} ({where}). With "
            "`timeout=` seconds a sample that takes longer is an error, or is left out."
        )


def _outcome(futures: list[Future[Report]]) -> Outcome:
    """How tasks have ended that have."""
    outcome = Outcome()
    for future in futures:
        try:
            report = future.result(0)
            outcome.failure = outcome.failure or report.failure
            if report.trouble is not None:
                outcome.troubles.append(report.trouble)
            outcome.brought = outcome.brought or report.brought
        except LOST as error:
            # loky keeps it, and with its traceback it would keep this batch.
            outcome.lost = error.with_traceback(None)
        except PicklingError as error:
            outcome.failure = Failure("names", None, last_words(error), "")
    return outcome


def _slowest(pending: Pending) -> Beat | None:
    return min(pending.beats(), key=lambda beat: beat.since, default=None)


def _give_up_late_samples(pending: Pending, now: float) -> bool:
    """Mark the samples that have taken longer than they may; whether there are any."""
    if pending.timeout is None:
        return False
    late = [
        beat for beat in pending.beats() if beat.row >= 0 and now - beat.since > pending.timeout
    ]
    for beat in late:
        # It is not the sample's fault where its worker is stopped; another one takes it.
        if not _is_stopped(beat.process):
            pending.left_out[beat.row] = f"not ready within {pending.timeout:g} s (timeout=)"
    return bool(late)


def _is_stopped(process: int) -> bool:
    """Whether a process is stopped; False where the system does not say."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # The state follows the name, which may hold anything but ends with the last bracket.
            state = file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in (b"T", b"t")
