"""How long the stages take: a stopwatch that is carried along, and sums that travel as values."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import NamedTuple

STAGES = ("read", "decode", "resize", "augment", "standardize")
READ, DECODE, RESIZE, AUGMENT, STANDARDIZE = range(len(STAGES))


class Work(NamedTuple):
    """What was done to build some rows, and the seconds it took.

    Attributes:
        samples: images built.
        seconds: of each of ``STAGES``.
        busy: seconds in all, those between the stages included.
    """

    samples: int = 0
    seconds: tuple[float, ...] = (0.0,) * len(STAGES)
    busy: float = 0.0


class StageClock:
    """A stopwatch for one job: each lap adds the time since the last one to a stage.

    One reading of the clock a lap, so that measuring costs a thousandth of the work.
    """

    __slots__ = ("_begin", "_last", "_seconds")

    def __init__(self) -> None:
        self._seconds = [0.0] * len(STAGES)
        self._begin = self._last = perf_counter()

    def lap(self, stage: int) -> None:
        """Count the time since the last lap as that of ``stage``."""
        now = perf_counter()
        self._seconds[stage] += now - self._last
        self._last = now

    def skip(self) -> None:
        """Count the time since the last lap as that of no stage."""
        self._last = perf_counter()

    def work(self, samples: int) -> Work:
        """The sums so far, as those of ``samples`` images."""
        return Work(samples, tuple(self._seconds), perf_counter() - self._begin)


def total(works: Iterable[Work]) -> Work:
    """The sum of several works."""
    columns = list(zip(*works, strict=True))
    if not columns:
        return Work()
    samples, seconds, busy = columns
    return Work(sum(samples), tuple(map(sum, zip(*seconds, strict=True))), sum(busy))
