"""When a Ctrl-C may come: where a batch is waited for or built, and not between two statements
that belong together.

Python raises ``KeyboardInterrupt`` in the main thread at any bytecode, also where the signal was
taken by another thread (one of TensorFlow's or of BLAS). A signal mask of the main thread does not
prevent that; a handler that only takes note of the signal does.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import atexit
import functools
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, ParamSpec, TypeVar

# After this a Ctrl-C goes through: whoever presses it again sees something hang.
_PATIENCE_SECONDS = 1.0
_SIGINT = int(signal.SIGINT)

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class InterruptsDeferred:
    """A context in which a Ctrl-C is kept until its end; one a second later goes through.

    Works where the exception could come: in the main thread, with a handler of Python's. Does
    nothing elsewhere, nor within another such block. A microsecond.
    """

    __slots__ = ("_before", "_frame", "_since")

    def __init__(self) -> None:
        self._before: Any = None
        self._frame: FrameType | None = None
        # When a Ctrl-C came that is kept.
        self._since: float | None = None

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident:
            # Not by the module signal: its enumerations take ten times as long.
            before = _signal.getsignal(_SIGINT)
            if callable(before) and _keeper_of(before) is None:
                self._before = before
                _signal.signal(_SIGINT, self._keep)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        before, self._before = self._before, None
        if before is None:
            return
        if _keeper_of(_signal.getsignal(_SIGINT)) is self:
            _signal.signal(_SIGINT, before)
        self._let_through(before)

    def _let_through(self, handler: Any) -> None:
        if self._since is not None:
            frame, self._frame, self._since = self._frame, None, None
            handler(signal.SIGINT, frame)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since, self._frame = now, frame
        elif now - self._since > _PATIENCE_SECONDS and self._before is not None:
            self._since = self._frame = None
            self._before(number, frame)


class Interruptible:
    """A context within ``InterruptsDeferred`` in which a Ctrl-C comes at once, also one kept."""

    __slots__ = ("_outer",)

    def __init__(self) -> None:
        self._outer: InterruptsDeferred | None = None

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident:
            outer = _keeper_of(_signal.getsignal(_SIGINT))
            if outer is not None and outer._before is not None:
                self._outer = outer
                _signal.signal(_SIGINT, outer._before)
                outer._let_through(outer._before)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._outer is not None:
            # A handler that the user has set meanwhile stays.
            if _signal.getsignal(_SIGINT) is self._outer._before:
                _signal.signal(_SIGINT, self._outer._keep)
            self._outer = None


def _keeper_of(handler: Any) -> InterruptsDeferred | None:
    owner = getattr(handler, "__self__", None)
    return owner if type(owner) is InterruptsDeferred else None


def uninterrupted(
    function: Callable[_Parameters, _Result],
) -> Callable[_Parameters, _Result]:
    """A function as a whole in ``InterruptsDeferred``."""

    @functools.wraps(function)
    def without_interrupts(*arguments: _Parameters.args, **named: _Parameters.kwargs) -> _Result:
        with InterruptsDeferred():
            return function(*arguments, **named)

    return without_interrupts


def at_exit(hook: Callable[[], None]) -> None:
    """Call ``hook`` when the interpreter exits, after the user's own threads have ended.

    A Ctrl-C does not end it in the middle, nor is it printed: the program is over anyway. Hooks
    have to take a bounded time.
    """

    def undisturbed() -> None:
        in_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT) if in_main else None
        if before is None:
            hook()
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            hook()
        finally:
            signal.signal(signal.SIGINT, before)

    atexit.register(undisturbed)
