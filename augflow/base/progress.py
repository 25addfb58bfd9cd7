"""A progress line for work that takes longer than a few seconds."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Any, Self

# Whoever waits less than this needs no line.
_DELAY_SECONDS = 3.0


class Progress:
    """A context manager that shows tqdm's bar on standard error once the work has taken a while.

    It leaves neither a line nor a thread nor a semaphore behind, and imports tqdm only if it
    shows anything.

    Args:
        what: words in front of the bar.
        unit: name of a step, e.g. "files".
        total: steps in all, None where that is not known.
    """

    def __init__(self, what: str, unit: str, total: int | None = None) -> None:
        self._what = what
        self._unit = unit
        self._total = total
        self._done = 0
        self._begin = monotonic()
        self._bar: Any = None

    def update(self, steps: int = 1) -> None:
        """Say that so many more steps are done."""
        self._done += steps
        if self._bar is not None:
            self._bar.update(steps)
        elif monotonic() - self._begin > _DELAY_SECONDS:
            self._show()

    def _show(self) -> None:
        self._bar = _bar_class()(
            desc=self._what,
            unit=f" {self._unit}",
            total=self._total,
            unit_scale=True,
            leave=False,
            dynamic_ncols=True,
        )
        # The rate is that of the whole work, not of the part that was shown.
        self._bar.start_t -= monotonic() - self._begin
        self._bar.n = self._done
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar_class() -> Any:
    import threading

    from tqdm import tqdm

    class Bar(tqdm):
        # No watching thread: a flow may be opened just before a fork.
        monitor_interval = 0

    # tqdm's own lock is a semaphore of the system, for bars of several processes.
    Bar.set_lock(threading.RLock())
    return Bar
