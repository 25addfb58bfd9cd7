"""How long the stages take: a stopwatch that is carried along, and sums that travel as values."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from augflow.memory.heartbeat import Heartbeat

STAGES = ("read", "decode", "resize", "augment", "standardize")
READ, DECODE, RESIZE, AUGMENT, STANDARDIZE = range(len(STAGES))
# Of all stages but reading, the first one.
_NO_SECONDS = (0.0,) * (len(STAGES) - 1)


class Work(NamedTuple):
    """What was done to build some rows, and the seconds it took.

    Attributes:
        samples: images built.
        seconds: of each of ``STAGES``.
        busy: seconds in all, those between the stages included.
        slowest: seconds and name of the sample that took longest; None where none was timed.
    """

    samples: int = 0
    seconds: tuple[float, ...] = (0.0,) * len(STAGES)
    busy: float = 0.0
    slowest: tuple[float, Any] | None = None


class StageClock:
    """A stopwatch for one job: each lap adds the time since the last one to a stage.

    One reading of the clock a lap, so that measuring costs a thousandth of the work.
    """

    __slots__ = ("_began", "_begin", "_heartbeat", "_last", "_name", "_seconds", "_slowest")

    def __init__(self, heartbeat: Heartbeat | None = None) -> None:
        """Start it; ``heartbeat`` hears of each sample."""
        self._seconds = [0.0] * len(STAGES)
        self._heartbeat = heartbeat
        self._name: Any = None
        self._slowest: tuple[float, Any] | None = None
        # When the job was begun, when the sample, and when the stage.
        self._begin = self._began = self._last = perf_counter()

    def begin(self, row: int, name: Any) -> None:
        """Say that a sample is begun, and the one before it done.

        Args:
            row: in the batch.
            name: of the sample.

        Raises:
            TaskWithdrawnError: nobody waits for it any more.
        """
        self._end_sample()
        self._name = name
        if self._heartbeat is not None:
            self._heartbeat.at(row)

    def _end_sample(self) -> None:
        now = perf_counter()
        if self._name is not None:
            seconds = now - self._began
            if self._slowest is None or seconds > self._slowest[0]:
                self._slowest = (seconds, self._name)
        self._began = now

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
        self._end_sample()
        return Work(samples, tuple(self._seconds), self._began - self._begin, self._slowest)


def read_only(samples: int, seconds: float) -> Work:
    """What it took to read some samples, where there is nothing else to do."""
    return Work(samples, (seconds, *_NO_SECONDS), seconds)


def total(works: Iterable[Work]) -> Work:
    """The sum of several works, and the slowest sample of all."""
    columns = list(zip(*works, strict=True))
    if not columns:
        return Work()
    samples, seconds, busy, slowest = columns
    return Work(
        sum(samples),
        tuple(map(sum, zip(*seconds, strict=True))),
        sum(busy),
        max((one for one in slowest if one is not None), key=lambda one: one[0], default=None),
    )
