"""loky's executor with processes that end with their parent, and start as they are needed.

What differs from loky's own:

- Processes are started by one thread that lives as long as this process (``keeper``).
- Its managing thread is a daemon, and loky's exit hook is not installed. The hook would run before
  Python waits for the threads of the user, and refuse them their batches.
- No more processes start at once than there are CPUs, the others when those have answered.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from concurrent.futures import Future, InvalidStateError
from multiprocessing import process, resource_tracker
from typing import Any

import loky
from loky.backend import resource_tracker as loky_tracker
from loky.backend.process import LokyProcess
from loky.process_executor import LOGGER, ProcessPoolExecutor, _ExecutorManagerThread

from augflow.runtime import worker
from augflow.runtime.keeper import keeper

# Idle workers of a flow that still lives, e.g. in a notebook, end after this many seconds.
_IDLE_SECONDS = 300
# Whatever they do, killed processes are gone by then; but for one that the kernel itself holds,
# as in a read from a file server that is gone. Nobody waits for that.
_ENDING_SECONDS = 10.0
# A first answer proves little; so many a worker prove that they keep up.
_ANSWERS_BEFORE_MORE = 2

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

# What loky's tracker says of semaphores that it removes after a kill: nothing anyone has to do.
_SILENCED = "ignore:resource_tracker"


def cpu_count() -> int:
    """The CPUs this process may really use: affinity, container quota, LOKY_MAX_CPU_COUNT."""
    return int(loky.cpu_count())


class WorkerProcesses(ProcessPoolExecutor):
    """One generation of worker processes.

    Args:
        workers: how many there may be.
    """

    def __init__(self, workers: int) -> None:
        _start_tracker()
        super().__init__(
            max_workers=workers,
            timeout=_IDLE_SECONDS,
            initializer=worker.start,
            initargs=(os.getpid(),),
            env=worker_environment(),
        )
        self.size = workers
        self._at_once = max(1, cpu_count())
        self._max_workers = min(workers, self._at_once)
        self._ended_here = False
        self._manager: Any = None
        self._calls = self._call_queue
        self._started: list[Any] = []

    @property
    def has_died(self) -> bool:
        """Whether a worker has ended by itself, and the others were ended for that."""
        return self._flags.broken is not None and not self._ended_here

    def submit_task(self, task: worker.Task) -> Future[worker.Report]:
        """Hand over a task, starting processes for it where there are none yet.

        Raises:
            OSError, NotImplementedError, RuntimeError: processes cannot be started.
        """
        answered = self._queue_count - len(self._pending_work_items)
        if answered >= _ANSWERS_BEFORE_MORE * self._max_workers:
            self._max_workers = min(self.size, self._max_workers + self._at_once)
        future: Future[worker.Report] = self.submit(worker.run, task)
        return future

    def pids(self) -> list[int]:
        """Ids of the processes."""
        return list(self._processes)

    def end(self) -> None:
        """Kill the processes, whatever they do, and fail their tasks."""
        self._ended_here = self._flags.broken is None
        LOGGER.addFilter(_without_cancelled)
        self.shutdown(wait=False, kill_workers=True)
        if self._manager is not None:
            self._manager.join(_ENDING_SECONDS)
        LOGGER.removeFilter(_without_cancelled)
        keeper().call(self._kill_started)
        # A task that was being written to a worker is read by nobody now: this ends the write.
        self._calls._reader.close()

    def _kill_started(self) -> None:
        """Kill the processes that loky does not know: where one died while others were started."""
        for child in self._started:
            if child.is_alive():
                os.kill(child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        for child in self._started:
            child.join(_ENDING_SECONDS)

    def forget(self) -> None:
        """In a forked child: the processes are its parent's, and locks may be held for ever."""
        if self._manager is not None:
            # When the child exits, it would call back, and ask for one of the locks.
            self._manager.executor_reference = None

    # What loky calls

    def _adjust_process_count(self) -> None:
        keeper().call(self._start_processes)

    def _start_processes(self) -> None:
        _block_interrupts()
        try:
            super()._adjust_process_count()
        finally:
            started = {*self._started, *list(self._processes.values())}
            self._started = [child for child in started if child.is_alive()]

    def _start_executor_manager_thread(self) -> None:
        if self._manager is None:
            self._manager = _ExecutorManagerThread(self)
            self._manager.daemon = True
            self._manager.start()


def _start_tracker() -> None:
    """Start loky's tracker, which removes semaphores after a kill, so that it does so silently."""
    # It gets this process's options for warnings.
    sys.warnoptions.append(_SILENCED)
    try:
        loky_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(_SILENCED)


def _block_interrupts() -> None:
    """Keep Ctrl-C from processes that start, until ``worker.start`` ignores it.

    They inherit the mask of this thread; without it they would print a traceback each.
    """
    # Python's own tracker, which loky starts before its workers, unblocks Ctrl-C when it starts.
    resource_tracker.ensure_running()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class _WithoutCancelled(logging.Filter):
    """Keeps loky (3.7) from printing that it could not fail a task that was withdrawn before.

    It stumbles over such tasks where processes are ended at once, and ends them then all the same.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and record.exc_info[0] is InvalidStateError)


_without_cancelled = _WithoutCancelled()


def worker_environment() -> dict[str, str]:
    """Variables for the workers; those of the allocator only where the user has set none."""
    variables = dict.fromkeys(_THREAD_VARIABLES, "1")
    if not any(name in os.environ for name in ALLOCATOR_VARIABLES):
        variables |= dict.fromkeys(ALLOCATOR_VARIABLES, str(KEPT_BYTES))
    # Shared memory counts as a worker's own, which loky would take for a leak.
    return {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15", **variables}


def _forget_children() -> None:
    """In a forked child: multiprocessing would wait for its parent's processes at its exit.

    All of them, those too that were about to start or to end at the moment of the fork.
    """
    for child in list(process._children):  # type: ignore[attr-defined]
        if isinstance(child, LokyProcess):
            process._children.discard(child)  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_children)
