"""Which engine builds the batches of a flow: that with worker processes, or that without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augflow.base.interrupts import InterruptsDeferred
from augflow.batch.plan import BatchPlan
from augflow.runtime.engine import Engine

if TYPE_CHECKING:
    from augflow.cache.images import ImageCache


def make_engine(
    plan: BatchPlan,
    workers: int,
    batch_size: int,
    cache: ImageCache | None = None,
    timeout: float | None = None,
) -> Engine:
    """The engine for a flow.

    Args:
        plan: settings of the flow.
        workers: worker processes to keep busy; 0 builds every batch in this process.
        batch_size: rows of a full batch.
        cache: that of ``plan.cache``, None for none.
        timeout: seconds that a sample may take in a worker, None for any.
    """
    if not workers:
        return Engine(plan, cache)
    # Only a flow with workers needs loky. An interrupted import would leave Python's locks of
    # imports held, and the next one waiting for ever.
    with InterruptsDeferred():
        from augflow.runtime.worker_engine import WorkerEngine
    return WorkerEngine(plan, workers, batch_size, cache, timeout)
