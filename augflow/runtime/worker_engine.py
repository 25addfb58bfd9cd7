"""The engine of a flow with workers: batches are read ahead, and handed over without a copy.

How nothing hangs, is lost or stays behind:

- Every wait ends when the future does. loky fails all futures when a worker dies; the batch is
  then begun anew in other memory, at most ``_MOST_ATTEMPTS`` times. While it waits, an engine
  looks whether workers get on (``waiting``).
- A segment is used again only when its tasks have ended by themselves and no consumer holds a
  view of it (``pending``).
- A Ctrl-C comes while a batch is waited for or built, and else at the end (``interrupts``).
- Dropping or closing an engine withdraws what was begun and frees its memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from augflow.base.interrupts import InterruptsDeferred, uninterrupted
from augflow.base.warn_user import warn_user
from augflow.batch.plan import BatchPlan
from augflow.batch.request import Request
from augflow.errors import InterpreterExitingError, SampleTimeoutError, WorkerDiedError
from augflow.order.permutation import chunk_bounds
from augflow.runtime.engine import Batch, Engine, Expected
from augflow.runtime.exit_guard import exit_guard
from augflow.runtime.flow_memory import FlowMemory
from augflow.runtime.imports_of_workers import Brought
from augflow.runtime.pending import Pending, raise_again
from augflow.runtime.pickle_plan import pickle_plan
from augflow.runtime.pool import shared_pool
from augflow.runtime.waiting import Patience, Wait
from augflow.runtime.worker import WITHDRAWN, Failure, Task

if TYPE_CHECKING:
    from augflow.cache.images import ImageCache

_MOST_ATTEMPTS = 4
# What starting worker processes raises where it cannot be done.
_NO_PROCESSES = (OSError, NotImplementedError, RuntimeError, ImportError)
# Memory for batches that are being built or wait to be asked for.
_MOST_AHEAD_BYTES = 1 << 30
# Imports of a framework in the workers that take longer are told of.
_LONG_IMPORT_SECONDS = 2.0
# A plan of so many bytes holds data that somebody did not mean to send.
_MUCH_BYTES = 100 << 20


class WorkerEngine(Engine):
    """Builds the batches of one flow in worker processes; see ``make_engine`` for the arguments."""

    def __init__(
        self,
        plan: BatchPlan,
        workers: int,
        batch_size: int,
        cache: ImageCache | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__(plan, cache)
        self.workers = workers
        self._batch_size = batch_size
        self._timeout = timeout
        self._lock = threading.RLock()
        self._pending: OrderedDict[Hashable, Pending] = OrderedDict()
        self._memory: FlowMemory | None = None
        self._patience = Patience()
        self._is_cold = True
        self._has_told_imports = False

    @property
    def depth(self) -> int:
        """How many batches to read ahead: two a worker, as far as memory allows."""
        if not self.workers:
            return 0
        affordable = _MOST_AHEAD_BYTES // max(1, self.plan.layout.bytes_of(self._batch_size))
        return max(1, min(2 * self.workers, affordable))

    @uninterrupted
    def fetch(self, request: Request, ahead: Iterable[Expected] = ()) -> Batch:
        """See ``Engine.fetch``.

        Raises:
            Exception: whatever building the batch raised.
            SampleTimeoutError: a sample took too long.
            WorkerDiedError: workers died each time they tried.
        """
        if not self.workers or request.samples == 0:
            return super().fetch(request)
        cold, self._is_cold = self._is_cold, False
        if cold and self._may_begin_here() and not shared_pool().is_running:
            # Workers take a quarter of a second to start; the first batch need not wait.
            self.prepare(ahead)
            return super().fetch(request)
        with self._lock:
            pending = self._begin(request, urgent=True)
            if pending is not None:
                del self._pending[request.key]
                try:
                    self.prepare(ahead)
                except BaseException:
                    pending.abandon()
                    raise
        if pending is None:
            return super().fetch(request)
        return self._finish(pending)

    def _may_begin_here(self) -> bool:
        return not self.plan.calls_user_code and self._timeout is None

    @uninterrupted
    def prepare(self, ahead: Iterable[Expected]) -> None:
        """See ``Engine.prepare``."""
        with self._lock:
            expected = list(islice(ahead, self.depth))
            keys = {key for key, _ in expected}
            # What is not expected any more makes room, the oldest first.
            for key in [key for key in self._pending if key not in keys]:
                if len(self._pending) + len(expected) <= 2 * self.depth:
                    break
                self._pending.pop(key).abandon()
            for key, make_request in expected:
                if key not in self._pending:
                    self._begin(make_request(), urgent=False)

    def _begin(self, request: Request, urgent: bool) -> Pending | None:
        """The pending batch of a request, submitted if it is not yet; None: build it here."""
        pending = self._pending.get(request.key)
        if pending is not None:
            return pending
        if self.workers and self._memory is None:
            self._memory = self._share_plan()
        memory = self._memory
        if memory is None or not self.workers:
            return None
        parts = self._chunks(request, urgent)
        try:
            pending = Pending(
                self.plan, request, memory.arena, parts, memory.beats_at, self._timeout
            )
        except OSError:
            # No memory or no descriptor for another batch: it is built in ordinary memory
            # when its turn comes.
            return None
        if not self._submit(pending):
            return None
        self._pending[request.key] = pending
        return pending

    def _chunks(self, request: Request, urgent: bool) -> list[tuple[int, int]]:
        """Rows for each task of a batch.

        A batch that is waited for is split over all workers; one that is read ahead is split
        only as far as it takes to occupy them, since each part draws the batch's random
        numbers again.
        """
        if self.plan.is_indivisible:
            return [(0, request.samples)]
        parts = self.workers if urgent else -(-2 * self.workers // max(1, self.depth))
        return list(chunk_bounds(request.samples, parts))

    def _submit(self, pending: Pending) -> bool:
        """Hand all parts of a batch to the workers; False: build it here."""
        memory, request = self._memory, pending.request
        assert memory is not None
        try:
            if request.lay is not None:
                request.lay(self.plan.layout.views(request.samples, pending.segment.memory))
            for part, heartbeat in pending.tasks():
                job = request.job(*part, pending.left_out)
                batch = pending.segment.address
                task = Task(memory.plan.address, memory.plan_size, batch, heartbeat, job)
                shared_pool().submit(pending, part, task, self.workers)
        except BaseException as error:
            # Whatever ended it: a task may have been handed over of which nobody knows.
            pending.abandon(is_orderly=False)
            if isinstance(error, InterpreterExitingError):
                if exit_guard().is_closing:
                    raise
                return False
            if not isinstance(error, _NO_PROCESSES):
                raise
            self._go_on_without_workers(f"worker processes cannot be started ({error!r})")
            return False
        return True

    def _begin_anew(self, pending: Pending) -> bool:
        """Submit a batch again of which parts are lost, in other memory; False: build it here."""
        if self._memory is None or not self.workers:
            # The flow was closed by another thread, or goes on without workers.
            return False
        try:
            pending.begin_anew(self._memory.arena)
        except OSError:
            return False
        return self._submit(pending)

    def _finish(self, pending: Pending) -> Batch:
        try:
            failure = self._await(pending)
        except BaseException as error:
            # Another Ctrl-C may follow the one that has ended the wait.
            with InterruptsDeferred(), self._lock:
                pending.abandon()
                if not isinstance(error, Exception):
                    # Somebody wants this to end: workers should not go on with it.
                    self._discard_all()
            raise
        if failure is None:
            return Batch(self._hand_over(pending), pending.work(), pending.bad())
        pending.abandon()
        if failure.kind == "raised":
            raise_again(failure)
        if failure.kind == "plan":
            reason = f"{self.plan.user_code()} cannot be loaded in a worker ({failure.summary})"
            self._go_on_without_workers(reason)
        elif failure.kind == "names":
            self._go_on_without_workers(
                f"the samples' names (IDs) cannot be pickled ({failure.summary})"
            )
        elif failure.kind == "memory" and not self._was_closed(pending):
            self._go_on_without_workers(f"workers cannot open shared memory ({failure.summary})")
        return super().fetch(pending.request)

    def _await(self, pending: Pending) -> Failure | None:
        """Wait for all parts of a batch; give the first failure among their results."""
        wait = Wait(pending, self._patience)
        while True:
            self._raise_if_late(pending)
            outcome = wait.for_all_parts()
            for trouble in outcome.troubles:
                if self._cache is not None:
                    self._cache.complain_of_stop(trouble)
            self._tell_of_imports(outcome.brought)
            if outcome.is_starved:
                return WITHDRAWN
            if outcome.lost is None:
                return outcome.failure
            if pending.worker_died():
                if pending.attempts >= _MOST_ATTEMPTS:
                    raise WorkerDiedError(pending.deaths(outcome.lost)) from outcome.lost
                pending.attempts += 1
            with self._lock:
                if not self._resubmit_lost(pending):
                    return WITHDRAWN

    def _tell_of_imports(self, brought: Brought | None) -> None:
        if brought is None or self._has_told_imports or brought.seconds < _LONG_IMPORT_SECONDS:
            return
        self._has_told_imports = True
        warn_user(brought.describe(self.plan.user_code(), self.workers))

    def _resubmit_lost(self, pending: Pending) -> bool:
        """Begin anew what was lost with workers that died or were ended; False: build it here."""
        shared_pool().replace_broken()
        for key, waiting in list(self._pending.items()):
            if waiting.is_lost():
                del self._pending[key]
                if self._begin_anew(waiting):
                    self._pending[key] = waiting
        return self._begin_anew(pending)

    def _raise_if_late(self, pending: Pending) -> None:
        if not pending.left_out or self.plan.leaves_out:
            return
        row, reason = next(iter(pending.left_out.items()))
        name = pending.request.names[row]
        code = f", which runs {self.plan.user_code()}" if self.plan.calls_user_code else ""
        raise SampleTimeoutError(f"{self.plan.describe(name)}{code}: {reason}", name)

    def _hand_over(self, pending: Pending) -> list[np.ndarray]:
        samples = pending.request.samples
        with self._lock:
            arena = self._memory.arena if self._memory is not None else None
            if arena is not None and arena.may_lease:
                buffer = arena.lease(pending.segment)
                return self.plan.layout.views(samples, buffer)
            views = self.plan.layout.views(samples, pending.segment.memory)
            copies = [view.copy() for view in views]
            if arena is not None:
                arena.give_back(pending.segment)
            return copies

    def _share_plan(self) -> FlowMemory | None:
        """Lay the pickled plan and the batches' arena into shared memory, once a flow."""
        try:
            pickled = pickle_plan(self.plan)
        except Exception as error:
            # Any exception may come out of a user's __reduce__; the answer is the same.
            self._go_on_without_workers(
                f"{self.plan.user_code()} cannot be pickled ({type(error).__name__}: {error})"
            )
            return None
        if len(pickled) > _MUCH_BYTES:
            warn_user(
                f"augflow: {len(pickled) >> 20} MB of data go along with {self.plan.user_code()} "
                "to each worker. Open large data inside the function, or map it: "
                "np.load(path, mmap_mode='r')."
            )
        try:
            size = self.plan.layout.bytes_of(self._batch_size)
            return FlowMemory(pickled, size, self.workers, self, self._pending)
        except (OSError, ImportError) as error:
            self._go_on_without_workers(f"no shared memory is to be had ({error})")
            return None

    def _go_on_without_workers(self, reason: str) -> None:
        if self.workers:
            self.workers = 0
            self._discard_all()
            warn_user(
                f"augflow: {reason}; batches are built in this process from now on.",
            )

    def _discard_all(self) -> None:
        while self._pending:
            self._pending.popitem()[1].abandon()

    def _was_closed(self, pending: Pending) -> bool:
        """Whether another thread has closed the flow since a batch was begun."""
        with self._lock:
            return self._memory is None or self._memory.arena is not pending.arena

    @uninterrupted
    def close(self) -> None:
        """See ``Engine.close``."""
        with self._lock:
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def abandon(self) -> None:
        """See ``Engine.abandon``."""
        self._memory = None
