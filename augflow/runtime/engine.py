"""From requests to batches: the engine of a flow, in this process.

An engine belongs to one flow. It is asked for one batch and told which will probably come next.
This one builds each batch when it is asked for; ``worker_engine`` has that with worker processes,
of the same interface.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from augflow.base.interrupts import Interruptible
from augflow.base.stage_times import StageClock, Work
from augflow.batch.plan import BadSample, BatchPlan
from augflow.batch.request import Request

if TYPE_CHECKING:
    from augflow.cache.images import ImageCache


@dataclass(frozen=True)
class Batch:
    """A batch as it is handed over.

    Attributes:
        arrays: by the plan's layout.
        work: what building it took.
        bad: rows that hold no sample.
    """

    arrays: list[np.ndarray]
    work: Work
    bad: list[BadSample]


# The key of a batch that may be asked for soon, and how to make its request.
Expected = tuple[Hashable, Callable[[], Request]]


class Engine:
    """Builds the batches of one flow, in this process.

    Args:
        plan: settings of the flow.
        cache: that of ``plan.cache``, None for none.

    Attributes:
        workers: worker processes that are kept busy.
    """

    workers = 0

    def __init__(self, plan: BatchPlan, cache: ImageCache | None = None) -> None:
        self.plan = plan
        self._cache = cache

    def fetch(self, request: Request, ahead: Iterable[Expected] = ()) -> Batch:
        """The requested batch; work on ``ahead`` begins, where there are workers.

        Raises:
            Exception: whatever building the batch raised.
        """
        return build_here(self.plan, request, self._cache)[0]

    def prepare(self, ahead: Iterable[Expected]) -> None:
        """Start building batches that are expected to be asked for, the soonest first."""

    def close(self) -> None:
        """Withdraw what was read ahead and free the memory; batches in use stay valid."""

    def abandon(self) -> None:
        """Forget everything in a forked child: its parent's workers are not the child's."""


def build_here(
    plan: BatchPlan, request: Request, cache: ImageCache | None = None
) -> tuple[Batch, np.random.RandomState | None]:
    """Build a batch in this process, in ordinary memory.

    Returns:
        The batch, and its stream after the last draw (None where nothing draws from it).
    """
    clock = StageClock()
    arrays = plan.layout.empty(request.samples)
    if request.lay is not None:
        request.lay(arrays)
    store = None if cache is None else cache.store
    clock.skip()
    with Interruptible():
        built = plan.build(request.job(0, request.samples), arrays, clock, store)
    if cache is not None and cache.store.trouble is not None:
        cache.complain_of_stop(cache.store.trouble)
    return Batch(arrays, clock.work(request.samples), built.bad), built.stream
