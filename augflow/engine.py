"""From requests to batches: read ahead in workers, or build in this process.

An ``Engine`` belongs to one flow. It is asked for one batch and told which will probably come
next; it keeps the workers busy with those, and hands batches over without a copy.

How nothing hangs, is lost or stays behind:

- Every wait ends when the future does. loky fails all futures when a worker dies; their tasks
  are then submitted again, at most ``_MOST_ATTEMPTS`` times for one batch.
- A segment is used again only when its tasks have ended and no consumer holds a view of it.
- Dropping or closing an engine cancels what has not begun and frees its memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from augflow.batch_plan import BadSample, BatchPlan
from augflow.errors import InterpreterExitingError, WorkerDiedError
from augflow.order import chunk_bounds
from augflow.request import Request
from augflow.stage_times import StageClock, Work
from augflow.warn_user import warn_user

if TYPE_CHECKING:
    # What follows needs loky, which a flow without workers does not.
    from augflow.flow_memory import FlowMemory
    from augflow.image_cache import ImageCache
    from augflow.pending import Pending
    from augflow.worker import Failure

_MOST_ATTEMPTS = 4
# What starting worker processes raises where it cannot be done.
_NO_PROCESSES = (OSError, NotImplementedError, RuntimeError, ImportError)
# Memory for batches that are being built or wait to be asked for.
_MOST_AHEAD_BYTES = 1 << 30
# A plan of so many bytes holds data that somebody did not mean to send.
_MUCH_BYTES = 100 << 20


@dataclass(frozen=True)
class Batch:
    """A batch as it is handed over.

    Attributes:
        arrays: by the plan's layout.
        work: what building it took.
        bad: rows that hold no sample.
    """

    arrays: list[np.ndarray]
    work: Work
    bad: list[BadSample]


# The key of a batch that may be asked for soon, and how to make its request.
Expected = tuple[Hashable, Callable[[], Request]]


class Engine:
    """Builds the batches of one flow.

    Args:
        plan: settings of the flow.
        workers: worker processes to keep busy; 0 builds every batch in this process.
        batch_size: rows of a full batch.
        read_ahead: whether batches may be built before they are asked for.
        cache: that of ``plan.cache``, None for none.
    """

    def __init__(
        self,
        plan: BatchPlan,
        workers: int,
        batch_size: int,
        read_ahead: bool = True,
        cache: ImageCache | None = None,
    ) -> None:
        self.plan = plan
        self._cache = cache
        self.workers = workers
        self._batch_size = batch_size
        self._read_ahead = read_ahead
        self._lock = threading.RLock()
        self._pending: OrderedDict[Hashable, Pending] = OrderedDict()
        self._memory: FlowMemory | None = None
        self._is_cold = True

    @property
    def depth(self) -> int:
        """How many batches to read ahead: two a worker, as far as memory allows."""
        if not self.workers or not self._read_ahead:
            return 0
        affordable = _MOST_AHEAD_BYTES // max(1, self.plan.layout.bytes_of(self._batch_size))
        return max(1, min(2 * self.workers, affordable))

    def fetch(self, request: Request, ahead: Iterable[Expected] = ()) -> Batch:
        """The requested batch; work on ``ahead`` begins.

        Raises:
            Exception: whatever building the batch raised.
            WorkerDiedError: workers died each time they tried.
        """
        if not self.workers or request.samples == 0:
            return self._build_here(request)
        cold, self._is_cold = self._is_cold, False
        if cold and not self.plan.calls_user_code and not _pool_is_running():
            # Workers take a quarter of a second to start; the first batch need not wait.
            self.prepare(ahead)
            return self._build_here(request)
        with self._lock:
            pending = self._begin(request, urgent=True)
            if pending is not None:
                del self._pending[request.key]
                try:
                    self.prepare(ahead)
                except BaseException:
                    self._discard(pending)
                    raise
        if pending is None:
            return self._build_here(request)
        return self._finish(pending)

    def prepare(self, ahead: Iterable[Expected]) -> None:
        """Start building batches that are expected to be asked for, the soonest first."""
        with self._lock:
            expected = list(islice(ahead, self.depth))
            keys = {key for key, _ in expected}
            # What is not expected any more makes room, the oldest first.
            for key in [key for key in self._pending if key not in keys]:
                if len(self._pending) + len(expected) <= 2 * self.depth:
                    break
                self._discard(self._pending.pop(key))
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
        if self._memory is None or not self.workers:
            return None
        try:
            segment = self._memory.arena.take()
        except OSError:
            # No memory or no descriptor for another batch: it is built in ordinary memory
            # when its turn comes.
            return None
        from augflow.pending import Pending

        pending = Pending(request, segment, self._chunks(request, urgent))
        try:
            if request.lay is not None:
                request.lay(self.plan.layout.views(request.samples, segment.memory))
            self._submit(pending, pending.parts)
            # Only now: an interrupt in between leaves no batch of which parts are missing.
            self._pending[request.key] = pending
        except BaseException as error:
            self._discard(pending)
            if isinstance(error, InterpreterExitingError) or not isinstance(error, _NO_PROCESSES):
                raise
            self._go_on_without_workers(f"worker processes cannot be started ({error!r})")
            return None
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

    def _submit(self, pending: Pending, chunks: Iterable[tuple[int, int]]) -> None:
        from augflow.pool import interrupts_blocked, shared_pool
        from augflow.worker import Task

        memory = self._memory
        assert memory is not None
        pool = shared_pool()
        request = pending.request
        # An interrupt waits until each future is kept: what is not known cannot be withdrawn.
        with interrupts_blocked():
            for start, stop in chunks:
                job = request.job(start, stop)
                task = Task(memory.plan.address, memory.plan_size, pending.segment.address, job)
                pending.futures[start, stop] = pool.submit(task, self.workers)

    def _finish(self, pending: Pending) -> Batch:
        from augflow.pending import raise_again

        try:
            failure = self._await(pending)
        except BaseException:
            self._discard(pending)
            raise
        if failure is None:
            return Batch(self._hand_over(pending), pending.work(), pending.bad())
        self._discard(pending)
        if failure.kind == "raised":
            raise_again(failure)
        if failure.kind == "plan":
            reason = f"{self.plan.user_code()} cannot be loaded in a worker ({failure.summary})"
            self._go_on_without_workers(reason)
        elif failure.kind == "names":
            self._go_on_without_workers(
                f"the samples' names (IDs) cannot be pickled ({failure.summary})"
            )
        elif failure.kind == "memory":
            self._go_on_without_workers(f"workers cannot open shared memory ({failure.summary})")
        return self._build_here(pending.request)

    def _await(self, pending: Pending) -> Failure | None:
        """Wait for all parts of a batch; give the first failure among their results."""
        from pickle import PicklingError

        from augflow.pending import CLOSED, LOST, last_words
        from augflow.pool import shared_pool
        from augflow.worker import Failure

        while True:
            reason = failure = None
            for future in list(pending.futures.values()):
                try:
                    report = future.result()
                    failure = failure or report.failure
                    if report.trouble is not None and self._cache is not None:
                        self._cache.complain_of_stop(report.trouble)
                except LOST as error:
                    reason = error
                except PicklingError as error:
                    failure = Failure("names", None, last_words(error), "")
            if reason is None:
                return failure
            if pending.attempts >= _MOST_ATTEMPTS:
                raise WorkerDiedError(
                    f"worker processes died {pending.attempts} times while preparing one batch"
                    f" of {len(pending.request.names)} samples, the first of them"
                    f" {pending.request.names[0]!r} ({last_words(reason)}). Out of memory, or a"
                    " crash in a user's function? workers=0 runs everything in this process and"
                    " shows which."
                ) from reason
            pending.attempts += 1
            shared_pool().replace_broken()
            with self._lock:
                if self._memory is None:
                    return CLOSED
                for waiting in [pending, *self._pending.values()]:
                    self._submit(waiting, waiting.lost_parts())

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

    def _build_here(self, request: Request) -> Batch:
        return build_here(self.plan, request, self._cache)[0]

    def _share_plan(self) -> FlowMemory | None:
        """Lay the pickled plan and the batches' arena into shared memory, once a flow."""
        from augflow.pickle_plan import pickle_plan

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
            from augflow.flow_memory import FlowMemory

            size = self.plan.layout.bytes_of(self._batch_size)
            return FlowMemory(pickled, size, self, self._pending)
        except (OSError, ImportError) as error:
            self._go_on_without_workers(f"no shared memory is to be had ({error})")
            return None

    def _go_on_without_workers(self, reason: str) -> None:
        if self.workers:
            self.workers = 0
            while self._pending:
                self._discard(self._pending.popitem()[1])
            warn_user(
                f"augflow: {reason}; batches are built in this process from now on.",
            )

    def _discard(self, pending: Pending) -> None:
        pending.cancel()
        if self._memory is not None:
            pending.release_when_done(self._memory.arena)

    def close(self) -> None:
        """Cancel what was read ahead and free the memory; batches in use stay valid."""
        with self._lock:
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def abandon(self) -> None:
        """Forget everything in a forked child: its parent's workers are not the child's."""
        if self._memory is not None:
            self._memory.abandon()
        self._memory = None


def _pool_is_running() -> bool:
    from augflow.pool import shared_pool

    return shared_pool().is_running


def build_here(
    plan: BatchPlan, request: Request, cache: ImageCache | None = None
) -> tuple[Batch, np.random.RandomState | None]:
    """Build a batch in this process, in ordinary memory.

    Returns:
        The batch, and its stream after the last draw (None where nothing draws from it).
    """
    clock = StageClock()
    arrays = plan.layout.empty(request.samples)
    if request.lay is not None:
        request.lay(arrays)
    store = None if cache is None else cache.store
    clock.skip()
    built = plan.build(request.job(0, request.samples), arrays, clock, store)
    if cache is not None and cache.store.trouble is not None:
        cache.complain_of_stop(cache.store.trouble)
    return Batch(arrays, clock.work(request.samples), built.bad), built.stream
