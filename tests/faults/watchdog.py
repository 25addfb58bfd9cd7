"""Nothing may take longer than a bound: shows where all threads are, and ends the soak."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.5
# The name of its thread.
WATCHDOG = "soak-watchdog"


def die_in(seconds: float) -> None:
    """Let the system show the stacks of this process and end it, unless told anew in time.

    For what Python itself cannot notice: a lock of the interpreter that is never released, or a
    forked child, which has no threads to watch it.
    """
    faulthandler.register(signal.SIGALRM, all_threads=True, chain=True)
    signal.setitimer(signal.ITIMER_REAL, seconds)


class Watchdog:
    """A thread that looks at how long each watched call has been going on.

    Args:
        seconds: how long a call may take.
        report: says what was done so far; called before the end.
    """

    def __init__(self, seconds: float, report: Callable[[str], None]) -> None:
        self.seconds = seconds
        self._report = report
        self._calls: dict[int, tuple[str, float]] = {}
        threading.Thread(target=self._watch, name=WATCHDOG, daemon=True).start()

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Watch what this thread does in the block."""
        me = threading.get_ident()
        outer = self._calls.get(me)
        self._calls[me] = what, time.monotonic()
        try:
            yield
        finally:
            if outer is None:
                del self._calls[me]
            else:
                self._calls[me] = outer

    def _watch(self) -> None:
        while True:
            # If this thread never comes to run again, the alarm goes off.
            die_in(3 * self.seconds)
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for what, since in list(self._calls.values()):
                if now - since > self.seconds:
                    faulthandler.dump_traceback(all_threads=True)
                    self._report(f"hangs for {now - since:.0f} s: {what}")
                    os._exit(1)
