"""What all rounds share: who interrupts, who watches, and what must never be said meanwhile."""

from __future__ import annotations

import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from augflow import WorkerDiedError
from tests.faults.history import History
from tests.faults.inject import Injector, Interrupts
from tests.faults.reference import FoundFaultError, Reference
from tests.faults.watchdog import Watchdog

# So many deaths of workers during one call may end it with a ``WorkerDiedError``: four do, and one
# may have come while the batch was being read ahead.
_DEADLY = 3
# What a flow says that gives its workers up for good.
_GAVE_UP = "from now on"

Result = TypeVar("Result")


class CallLostError(Exception):
    """A call that ended without a batch, as it may: by an interrupt, or too many dead workers."""


class Stage:
    """Calls flows for the actions, and listens to what Python says of errors elsewhere.

    Attributes:
        compared: how many batches were compared with what they have to be.
        looked_at: how often a held batch was looked at again.
        swallowed: interrupts that hit a finalizer, where Python drops them.
        longest: seconds of the longest call, and of the longest child.
    """

    def __init__(
        self,
        reference: Reference,
        interrupts: Interrupts,
        injector: Injector,
        watchdog: Watchdog,
        history: History,
    ) -> None:
        self.reference = reference
        self.injector = injector
        self.watchdog = watchdog
        self.history = history
        self.compared = self.looked_at = self.swallowed = 0
        self.longest: dict[str, float] = {}
        self._interrupts = interrupts
        self._unexpected: list[str] = []
        threading.excepthook = self._hear_of_thread
        sys.unraisablehook = self._hear_of_unraisable
        warnings.simplefilter("always")
        warnings.showwarning = self._hear_warning

    def call(self, what: str, function: Callable[[], Result]) -> Result:
        """Call a flow's method, watched; in the main thread it may be interrupted.

        Raises:
            CallLostError: it ended as it may.
        """
        is_main = threading.current_thread() is threading.main_thread()
        kills = self.injector.done["kill"]
        begin = time.monotonic()
        try:
            with self.watchdog.watching(what):
                return self._interrupts.call(function) if is_main else function()
        except KeyboardInterrupt:
            raise CallLostError from None
        except WorkerDiedError:
            if self.injector.done["kill"] - kills < _DEADLY:
                raise
            raise CallLostError from None
        finally:
            self.note_time("a call", time.monotonic() - begin)

    def note_time(self, what: str, seconds: float) -> None:
        """Take note of how long something took."""
        self.longest[what] = max(seconds, self.longest.get(what, 0.0))

    def check_silence(self) -> None:
        """Check that nothing was said that must not be.

        Raises:
            FoundFaultError: by a thread, a finalizer or a warning.
        """
        if self._unexpected:
            raise FoundFaultError(self._unexpected.pop(0))

    def heard(self) -> str:
        """What was said that must not be, for a report of another fault."""
        return "".join(f"\nand before: {words}" for words in self._unexpected)

    def _hear_of_thread(self, arguments: Any) -> None:
        text = "".join(traceback.format_exception(arguments.exc_value))
        self._unexpected.append(f"{arguments.thread} ended with an exception:\n{text}")

    def _hear_of_unraisable(self, arguments: Any) -> None:
        if isinstance(arguments.exc_value, KeyboardInterrupt):
            self.swallowed += 1
            self.history.note(f"an interrupt was swallowed in {arguments.object!r}")
            return
        text = "".join(traceback.format_exception(arguments.exc_value))
        self._unexpected.append(f"exception ignored in {arguments.object!r}:\n{text}")

    def _hear_warning(self, message: Warning | str, *details: Any) -> None:
        if _GAVE_UP in str(message):
            self._unexpected.append(f"a flow gave up its workers: {message}")
