"""Takes the times of a flow, epoch by epoch, at the moments that batches are asked for.

The time of an epoch is cut in two: at least one caller is inside the flow and waits for a batch,
or none is. What lies between two epochs (validation, checkpoints) belongs to neither.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from time import perf_counter
from types import TracebackType

from augflow.base.stage_times import Work, total
from augflow.order.position_set import PositionSet
from augflow.report.stats import EpochStats
from augflow.report.totals import count

# Epochs that lack a batch of a reader whom the others have overtaken.
_MOST_TALLIES = 8
# Works are added up this many at a time, which costs less than one by one.
_MOST_WORKS = 256


class _Tally:
    """The sums of one epoch."""

    def __init__(self) -> None:
        self.positions = PositionSet()
        self.images = 0
        self.batches = 0
        self.waited = 0.0
        self.worked = 0.0
        self.workers = 0
        self.works: list[Work] = []

    def stats(self, complete: bool) -> EpochStats:
        return EpochStats(
            images=self.images,
            batches=self.batches,
            seconds=self.waited + self.worked,
            wait_for_worker=self.waited,
            wait_for_consumer=self.worked,
            workers=self.workers,
            work=total(self.works),
            complete=complete,
        )


class Visit:
    """One call for a batch, from its beginning to its end; made by ``EpochMeter.visit``."""

    __slots__ = ("_meter", "batches", "epoch", "images", "position")

    def __init__(self, meter: EpochMeter, batches: int) -> None:
        self._meter = meter
        self.batches = batches
        self.epoch: Hashable = None
        self.position = 0
        self.images = 0

    def batch_is(self, key: tuple[Hashable, int, object], images: int) -> None:
        """Say which batch it is, as soon as that is known: its epoch and position, its size."""
        self.epoch, self.position, _ = key
        self.images = images

    def __enter__(self) -> Visit:
        meter = self._meter
        with meter._lock:
            meter._elapse()
            meter._inside += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        meter = self._meter
        with meter._lock:
            meter._elapse()
            meter._inside -= 1
            if kind is None:
                meter._count(self)
            if not meter._inside:
                # Nobody will bring what older epochs lack: they were given up, as by ``reset``.
                while len(meter._tallies) > 1:
                    meter._tallies.popitem(last=False)


class EpochMeter:
    """The times of the current epoch and of the last complete one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        # The last time that somebody came or left; None: what follows belongs to no epoch.
        self._moment: float | None = None
        # What has not been counted for an epoch yet.
        self._waited = self._worked = 0.0
        self._works: list[Work] = []
        self._workers = 0
        # The newest is the current one. Where several threads read, those before it may still
        # lack a batch that somebody is waiting for.
        self._tallies: OrderedDict[Hashable, _Tally] = OrderedDict()
        self._last: EpochStats | None = None
        self._announced = False

    def visit(self, batches: int) -> Visit:
        """A context manager for one call; ``batches`` make an epoch."""
        return Visit(self, batches)

    def add(self, work: Work, workers: int) -> None:
        """Say what building the batch of a visit took, and how many worker processes there are."""
        with self._lock:
            if self._inside:
                self._works.append(work)
                self._workers = workers

    def begin_epoch(self) -> None:
        """An epoch is announced, by Keras: it lasts until ``end_epoch``."""
        with self._lock:
            # Batches that Keras has looked at before it began are no epoch.
            self._end_announced()
            self._restart()
            self._announced = True

    def end_epoch(self) -> None:
        """The announced epoch is over, whether all of the flow was read or not."""
        with self._lock:
            self._end_announced()

    def read(self) -> tuple[EpochStats | None, EpochStats | None]:
        """The last complete epoch and the current one."""
        with self._lock:
            if not self._tallies:
                return self._last, None
            return self._last, next(reversed(self._tallies.values())).stats(complete=False)

    def _end_announced(self) -> None:
        if self._announced:
            for tally in self._tallies.values():
                self._last = tally.stats(complete=True)
            self._restart()
            self._announced = False

    def _restart(self) -> None:
        self._tallies.clear()
        self._moment = None
        self._waited = self._worked = 0.0

    def _elapse(self) -> None:
        now = perf_counter()
        if self._moment is not None:
            if self._inside:
                self._waited += now - self._moment
            else:
                self._worked += now - self._moment
        self._moment = now

    def _count(self, visit: Visit) -> None:
        name = None if self._announced else visit.epoch
        tally = self._tallies.get(name)
        if tally is None:
            # The first batch of an epoch: the consumer's work before it was not for it.
            self._worked = 0.0
            tally = self._tallies[name] = _Tally()
            if len(self._tallies) > _MOST_TALLIES:
                self._tallies.popitem(last=False)
        count(visit.images, self._waited)
        tally.waited += self._waited
        tally.worked += self._worked
        tally.works += self._works
        if len(tally.works) >= _MOST_WORKS:
            tally.works[:] = [total(tally.works)]
        tally.workers = self._workers
        self._waited = self._worked = 0.0
        self._works.clear()
        tally.positions.add(visit.position)
        tally.images += visit.images
        tally.batches += 1
        if len(tally.positions) >= visit.batches and not self._announced:
            self._last = self._tallies.pop(name).stats(complete=True)
