"""What may not be there any more when all flows are closed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection

import psutil

from tests.faults.inject import worker_processes
from tests.faults.reference import FoundFaultError
from tests.faults.watchdog import WATCHDOG

_SECONDS = 5.0
# Rounds that show what is normal.
_ROUNDS_LEARNT = 5
_MORE_DESCRIPTORS = 8
_MORE_BYTES = 250 << 20
# Those of the soak, and one of augflow's that stays as long as the process.
_LASTING_THREADS = {"MainThread", WATCHDOG, "augflow-keeper"}


def memory_in_use() -> list[str]:
    """Descriptors and mappings of shared memory that there are now."""
    return _descriptors() + _mappings()


def await_nothing_left(
    threads: Collection[threading.Thread] = (), memory: Collection[str] = ()
) -> None:
    """Wait until no worker, no shared memory and no thread is there that should not be.

    Args:
        threads: that may be there besides those that last.
        memory: as ``memory_in_use`` gave it before; what was there may stay.

    Raises:
        FoundFaultError: something still is after five seconds.
    """
    end = time.monotonic() + _SECONDS
    while left := [each for each in _left(threads) if each not in memory]:
        if time.monotonic() > end:
            raise FoundFaultError(f"left behind {_SECONDS:.0f} s after the last flow: {left}")
        time.sleep(0.05)


def _left(threads: Collection[threading.Thread]) -> list[str]:
    workers = [f"worker {worker.pid} ({worker.status()})" for worker in worker_processes()]
    others = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread not in threads and thread.name not in _LASTING_THREADS
    ]
    return workers + _descriptors() + _mappings() + others


def _descriptors() -> list[str]:
    """Open descriptors of shared memory."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            # That of the listing itself.
            continue
        if "memfd:augflow" in name:
            found.append(f"descriptor {number} of {name}")
    return found


def _mappings() -> list[str]:
    with open("/proc/self/maps") as maps:
        return [f"mapping {line.split()[0]}" for line in maps if "memfd:augflow" in line]


class Growth:
    """Looks at descriptors and memory after each round, when all flows are gone."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._seen: list[tuple[int, int]] = []

    def check(self) -> str:
        """Compare with the first rounds; say in words what there is.

        Raises:
            FoundFaultError: there is much more than then.
        """
        now = self._process.num_fds(), self._process.memory_info().rss
        words = f"{now[0]} descriptors, {now[1] >> 20} MB"
        if len(self._seen) < _ROUNDS_LEARNT:
            self._seen.append(now)
        most = [max(column) for column in zip(*self._seen, strict=True)]
        if now[0] > most[0] + _MORE_DESCRIPTORS or now[1] > most[1] + _MORE_BYTES:
            raise FoundFaultError(f"{words}; after the first rounds {most[0]}, {most[1] >> 20} MB")
        return words
