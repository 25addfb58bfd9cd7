"""What happens to batches in the making when the interpreter exits.

TensorFlow reads a flow from threads of its own. If the interpreter is taken down while one of them
is inside Python, that thread stops there for good, and TensorFlow's destructors wait for it for
ever (Keras's own generator hangs in the same way). So before the interpreter goes, and after the
user's own threads have ended, requests for batches are refused, those under way are ended, and
their threads are waited for.
"""

from __future__ import annotations

# Workers need it later, and Python refuses its import once the main thread has ended, while
# threads of the user may go on.
import concurrent.futures.process  # noqa: F401
import os
import sys
import threading
import time
from types import TracebackType

from augflow.base.interrupts import at_exit
from augflow.errors import InterpreterExitingError

# Building one batch here takes milliseconds, or as long as a user's function takes.
_PATIENCE_SECONDS = 5.0
_UNWINDING_SECONDS = 0.2


class ExitGuard:
    """Counts the batches being fetched, and ends that when the interpreter exits.

    A context manager around each fetch, of any number of threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._fetching = 0
        self._hook_is_set = False
        self._is_closing = False
        self._serves_threads = False

    def __enter__(self) -> None:
        """Begin a fetch.

        Raises:
            InterpreterExitingError: no more batches are given.
            SystemExit: likewise, in a daemon thread of Python's, which ends without a word.
        """
        with self._lock:
            refused = self._is_closing
            if not refused:
                if not self._hook_is_set:
                    self._hook_is_set = True
                    at_exit(self._close)
                self._fetching += 1
                if threading.get_ident() != threading.main_thread().ident:
                    self._serves_threads = True
        if refused:
            raise exiting()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it; an ``InterpreterExitingError`` becomes the one that fits the thread."""
        with self._lock:
            self._fetching -= 1
        if isinstance(error, InterpreterExitingError):
            raise exiting() from None

    @property
    def is_closing(self) -> bool:
        """Whether the interpreter exits, and the user's own threads have ended."""
        return self._is_closing

    def _close(self) -> None:
        if self._process != os.getpid():
            # A forked child: the lock may be held by a thread that it does not have.
            return
        with self._lock:
            self._is_closing = True
        # Only where workers have been used: a flow without them does not import the pool.
        pool = sys.modules.get("augflow.runtime.pool")
        if pool is not None:
            pool.shared_pool().end_for_good()
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while self._fetching and time.monotonic() < give_up:
            time.sleep(0.005)
        if self._serves_threads:
            # They have the error by now, but not yet left the Python code that called the flow.
            time.sleep(_UNWINDING_SECONDS)


def exiting() -> BaseException:
    """What ends a fetch while the interpreter exits."""
    message = "the interpreter is exiting: no more batches are given"
    thread = threading.current_thread()
    # A thread of TensorFlow's is none of Python's own; it needs an error that it can hand on.
    is_pythons = not isinstance(thread, threading._DummyThread)
    if is_pythons and thread.daemon:
        return SystemExit(message)
    return InterpreterExitingError(message)


_guard = ExitGuard()


def exit_guard() -> ExitGuard:
    """The guard of this process."""
    return _guard


def _renew() -> None:
    # A forked child has none of the threads that may hold the lock or be fetching.
    global _guard
    _guard = ExitGuard()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
