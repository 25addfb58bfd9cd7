"""The one pool of worker processes, shared by all flows of this process.

loky starts the workers (fresh processes that do not import ``__main__`` again), notices at once
when one dies, and respawns those that idled away. Started at first need; ended when no flow has
used it for a moment, at interpreter exit, and by the workers themselves if this process is
killed.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import loky
from loky.process_executor import ShutdownExecutorError

from augflow.base.interrupts import at_exit
from augflow.errors import InterpreterExitingError
from augflow.runtime.processes import WorkerProcesses
from augflow.runtime.reloads import Reloads
from augflow.runtime.worker import Task

if TYPE_CHECKING:
    from augflow.runtime.pending import Pending

# After the last flow is gone the pool waits this long for another one, e.g. the next fold.
_LINGER_SECONDS = 1.0
# A worker that does not come back from a sample which nobody waits for is replaced after this,
# if it is needed.
_GRACE_SECONDS = 5.0

_BEFORE_OTHERS = 100


class WorkerPool:
    """Worker processes that are made when needed, and replaced where they die or are too few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: WorkerProcesses | None = None
        self._users: weakref.WeakSet[Any] = weakref.WeakSet()
        self._at_work: weakref.WeakSet[Pending] = weakref.WeakSet()
        self._process = os.getpid()
        self._exit_hook = False
        self._has_ended = False
        self._timer_is_set = False
        self._last_left = 0.0
        self._reloads = Reloads()

    @property
    def is_running(self) -> bool:
        """Whether workers have been started and not ended since."""
        return self._processes is not None

    def pids(self) -> list[int]:
        """Ids of the worker processes."""
        processes = self._processes
        return [] if processes is None else processes.pids()

    def join(self, user: Any) -> None:
        """Say that ``user`` will submit tasks; the pool lives at least as long."""
        self._users.add(user)
        with self._lock:
            if self._processes is not None and self._reloads.happened():
                # Its workers have the old functions.
                self._end()

    def leave(self, user: Any) -> None:
        """Say that ``user`` is done. The last to leave ends the pool, after a moment.

        Takes no lock: a garbage collection may call this in any thread, also in loky's own,
        which ``_end`` waits for with the lock held.
        """
        self._users.discard(user)
        if self._processes is not None and not self._users:
            self._end_if_unused_later()

    def submit(self, pending: Pending, part: tuple[int, int], task: Task, workers: int) -> None:
        """Hand the task of one part of a batch to a pool of at least ``workers`` processes.

        Raises:
            OSError, NotImplementedError, RuntimeError: worker processes cannot be started.
            InterpreterExitingError: it is too late for that.
        """
        with self._lock:
            processes = self._running(workers)
            try:
                future = processes.submit_task(task)
            except (loky.BrokenProcessPool, ShutdownExecutorError) as error:
                # loky keeps it, and with its traceback it would keep the flow that submits.
                error.__traceback__ = None
                self._end()
                processes = self._running(workers)
                future = processes.submit_task(task)
            pending.keep(part, future, processes)
            self._at_work.add(pending)
            self._end_at_exit()

    def replace_broken(self) -> None:
        """After a worker's death: wait until its siblings are gone too."""
        with self._lock:
            if self._processes is not None and self._processes.has_died:
                self._end()

    def restart(self) -> None:
        """Kill the workers. What they were at is lost, and submitted again by those who wait."""
        with self._lock:
            self._end()

    def at_work(self) -> list[Pending]:
        """The batches of all flows that workers are at, or were not long ago."""
        with self._lock:
            return list(self._at_work)

    def replace_stuck(self) -> None:
        """Replace workers that do not come back from a sample which nobody waits for."""
        now = time.monotonic()
        for pending in self.at_work():
            since = pending.abandoned_at
            if since is not None and any(
                now - max(since, beat.since) > _GRACE_SECONDS for beat in pending.beats()
            ):
                self.restart()
                return

    def _running(self, workers: int) -> WorkerProcesses:
        if self._has_ended:
            raise InterpreterExitingError("the interpreter is exiting: no workers are started")
        if self._processes is not None and self._processes.size < workers:
            # To let them finish first would be more polite, and would wait for ever for a
            # function that hangs. Whoever waits for them submits again.
            self._end()
        if self._processes is None:
            self._reloads = Reloads()
            self._processes = WorkerProcesses(workers)
        return self._processes

    def _end(self) -> None:
        processes, self._processes = self._processes, None
        if processes is not None:
            processes.end()

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
        if not self._exit_hook:
            self._exit_hook = True
            # After Python has waited for the threads of the user, which may read flows to the end.
            at_exit(self.end_for_good)
            # In a process that multiprocessing started, its own hook comes first, and would wait
            # for the workers as for any other child.
            Finalize(None, self.end_for_good, exitpriority=_BEFORE_OTHERS)

    def belongs_to_this_process(self) -> bool:
        """False in a forked child, where the pool's threads and pipes are not usable."""
        return self._process == os.getpid()


_pool = WorkerPool()


def shared_pool() -> WorkerPool:
    """The pool of this process; a forked child starts one of its own."""
    global _pool
    if not _pool.belongs_to_this_process():
        _pool = WorkerPool()
    return _pool


def _after_fork() -> None:
    if _pool._processes is not None:
        _pool._processes.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
