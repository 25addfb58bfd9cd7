"""A flow of any source."""

from __future__ import annotations

from typing import Any

import numpy as np

from augflow.base.checks import checked_switch, checked_timeout, checked_workers
from augflow.batch.plan import BatchPlan
from augflow.batch.request import Request
from augflow.cache.images import ImageCache
from augflow.flow.engine_iterator import EngineIterator
from augflow.flow.source import Source
from augflow.order.fingerprint import digest
from augflow.order.streams import SampleSeeds, StreamState

# Of the names of samples, for a fingerprint.
_NAMES_LOOKED_AT = 1000


class SourceFlow(EngineIterator):
    """Batches of the samples of a source; ``model.fit`` takes it.

    Args:
        source: says which samples there are, and how they are built. It does not change.
        batch_size: samples a batch; the last of an epoch may be shorter. Defaults to 32.
        shuffle: whether each epoch has an order of its own. Defaults to True.
        seed: int in [0, 2**32); None: drawn from NumPy's global generator.
        drop_remainder: whether an epoch ends before a batch that would be shorter.
        shard: (index, count): which part of each batch is this flow's, for one of several
            processes that train one model, see docs/shards.md; "auto": as the environment says.
            ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
        workers: worker processes; None (default): one for each CPU; 0: none.
        timeout: seconds that a sample may take in a worker, None (default) for any.

    Raises:
        TypeError, ValueError: an argument that cannot be used.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        *,
        drop_remainder: bool = False,
        shard: Any = None,
        workers: int | None = None,
        timeout: float | None = None,
    ) -> None:
        self.source = source
        self.drop_remainder = checked_switch("drop_remainder", drop_remainder)
        self.shard = shard
        self.timeout = checked_timeout(timeout)
        self._processes = checked_workers(workers)
        super().__init__(len(source), batch_size, shuffle, seed)
        self._begin_early()

    def _plan(self) -> BatchPlan:
        return self.source.plan()

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        cache = self.source.cache()
        return Request(
            key,
            len(indices),
            stream,
            self.source.names(indices),
            None if cache is None else cache.slots_of(indices),
            seeds=seeds,
            extras=self.source.extras(indices),
        )

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        return self.source.output(arrays, indices)

    def _sample_names(self, indices: np.ndarray) -> list[Any]:
        return self.source.names(indices)

    def _image_cache(self) -> ImageCache | None:
        cache = self.source.cache()
        return None if cache is None else cache.cache

    def _fingerprint(self) -> dict[str, str]:
        some = np.unique(np.linspace(0, self.n - 1, min(self.n, _NAMES_LOOKED_AT)).astype(int))
        return {"the samples": digest(self.source.names(some))}

    def _user_workers(self) -> int | None:
        return self._processes

    def _sample_timeout(self) -> float | None:
        return self.timeout

    def _unit(self) -> str:
        return self.source.unit()
