"""The one pool of worker processes, shared by all flows of this process.

loky starts the workers (fresh processes that do not import ``__main__`` again), notices at once
when one dies, and respawns those that idled away. Started at first need; ended when no flow has
used it for a moment, at interpreter exit, and by the workers themselves if this process is
killed.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.util import Finalize
from typing import Any

import loky
from loky.process_executor import LOGGER, ProcessPoolExecutor, ShutdownExecutorError

from augflow import worker
from augflow.errors import InterpreterExitingError
from augflow.reloads import Reloads

# Idle workers of a flow that still lives, e.g. in a notebook, end after this many seconds.
_IDLE_SECONDS = 300
# After the last flow is gone the pool waits this long for another one, e.g. the next fold.
_LINGER_SECONDS = 1.0

_BEFORE_OTHERS = 100

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

# glibc gives blocks above 128 KB (at most 32 MB) back to the system, and takes them anew for the
# next image: each page is then cleared again. Measured: a quarter to a third of the time of an
# exact read of a 12-megapixel photo, nothing for one of 25 KB. Workers keep such blocks; other
# systems ignore this.
KEPT_BYTES = 256 << 20
ALLOCATOR_VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def cpu_count() -> int:
    """The CPUs this process may really use: affinity, container quota, LOKY_MAX_CPU_COUNT."""
    return int(loky.cpu_count())


class _WithoutCancelled(logging.Filter):
    """Keeps loky (3.7) from printing that it could not fail a task that was withdrawn before.

    It stumbles over such tasks where a pool is ended at once, and ends it then all the same.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and record.exc_info[0] is InvalidStateError)


class WorkerPool:
    """A loky executor that is made when needed, grows, and is replaced when it breaks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._size = 0
        self._users: weakref.WeakSet[Any] = weakref.WeakSet()
        self._process = os.getpid()
        self._exit_hook = False
        self._has_ended = False
        self._timer_is_set = False
        self._last_left = 0.0
        self._reloads = Reloads()

    @property
    def is_running(self) -> bool:
        """Whether workers have been started and not ended since."""
        return self._executor is not None

    def join(self, user: Any) -> None:
        """Say that ``user`` will submit tasks; the pool lives at least as long."""
        self._users.add(user)
        with self._lock:
            executor = self._executor
            if executor is not None and self._reloads.happened():
                # Its workers have the old functions. Flows that wait for it get their batches.
                self._executor = None
                executor.shutdown(wait=False)

    def leave(self, user: Any) -> None:
        """Say that ``user`` is done. The last to leave ends the pool, after a moment.

        Takes no lock: a garbage collection may call this in any thread, also in loky's own,
        which ``_end`` waits for with the lock held.
        """
        self._users.discard(user)
        if self._executor is not None and not self._users:
            self._end_if_unused_later()

    def submit(self, task: worker.Task, workers: int) -> Future[worker.Report]:
        """Hand a task to a pool of at least ``workers`` processes; inside of
        ``interrupts_blocked``, since it may start them.

        Raises:
            OSError, NotImplementedError: this system cannot start worker processes.
        """
        with self._lock:
            try:
                future = self._running(workers).submit(worker.run, task)
            except (loky.BrokenProcessPool, ShutdownExecutorError):
                self._end()
                future = self._running(workers).submit(worker.run, task)
            self._end_at_exit()
            return future

    def replace_broken(self) -> None:
        """After a worker's death: wait until its siblings are gone too, so that none of them
        still writes into memory that is about to be used again. The next task starts anew.
        """
        with self._lock:
            executor = self._executor
            if executor is not None and executor._flags.broken is not None:
                self._end()

    def _running(self, workers: int) -> ProcessPoolExecutor:
        if self._has_ended:
            raise InterpreterExitingError("the interpreter is exiting: no workers are started")
        if self._executor is not None and self._size < workers:
            outgrown, self._executor = self._executor, None
            outgrown.shutdown(wait=False)
        if self._executor is None:
            self._size = workers
            self._reloads = Reloads()
            self._executor = ProcessPoolExecutor(
                max_workers=workers,
                timeout=_IDLE_SECONDS,
                initializer=worker.start,
                initargs=(os.getpid(),),
                env=_worker_environment(),
            )
        return self._executor

    def _end(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            LOGGER.addFilter(_without_cancelled)
            executor.shutdown(wait=True, kill_workers=True)
            LOGGER.removeFilter(_without_cancelled)

    def end_for_good(self) -> None:
        """End all workers now, whatever they do, and start no others."""
        if self.belongs_to_this_process():
            with self._lock:
                self._has_ended = True
                self._end()

    def _end_if_unused_later(self) -> None:
        self._last_left = time.monotonic()
        if self._timer_is_set:
            return
        self._timer_is_set = True
        timer = threading.Timer(_LINGER_SECONDS, self._end_if_unused)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            # The interpreter is shutting down and starts no threads: its exit hook ends the pool.
            return

    def _end_if_unused(self) -> None:
        self._timer_is_set = False
        if self._users:
            return
        if time.monotonic() - self._last_left < _LINGER_SECONDS:
            self._end_if_unused_later()
            return
        with self._lock:
            if not self._users:
                self._end()

    def _end_at_exit(self) -> None:
        # loky's own hook would first wait for every task that was read ahead. Hooks run in
        # reverse order, so this one has to be registered after loky's, that is after a submit.
        if not self._exit_hook:
            self._exit_hook = True
            threading._register_atexit(self.end_for_good)  # type: ignore[attr-defined]
            # In a process that multiprocessing started, its own hook comes first, and would wait
            # for the workers as for any other child.
            Finalize(None, self.end_for_good, exitpriority=_BEFORE_OTHERS)

    def belongs_to_this_process(self) -> bool:
        """False in a forked child, where the pool's threads and pipes are not usable."""
        return self._process == os.getpid()


_without_cancelled = _WithoutCancelled()


def _worker_environment() -> dict[str, str]:
    """Variables for the workers; those of the allocator only where the user has set none."""
    variables = dict.fromkeys(_THREAD_VARIABLES, "1")
    if not any(name in os.environ for name in ALLOCATOR_VARIABLES):
        variables |= dict.fromkeys(ALLOCATOR_VARIABLES, str(KEPT_BYTES))
    # Shared memory counts as a worker's own, which loky would take for a leak.
    return {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15", **variables}


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Keep Ctrl-C from processes that start meanwhile, until ``worker.start`` ignores it.

    They inherit the mask; without it they would print a traceback each. Here it is heard on
    leaving. Does nothing on Windows.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Python's own tracker, which loky starts before its workers, unblocks Ctrl-C when it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_pool = WorkerPool()


def shared_pool() -> WorkerPool:
    """The pool of this process; a forked child starts one of its own."""
    global _pool
    if not _pool.belongs_to_this_process():
        _pool = WorkerPool()
    return _pool
