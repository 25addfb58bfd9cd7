"""The shared memory of one flow, and its membership of the pool."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, MutableMapping
from typing import Any

from augflow.pending import Pending
from augflow.pool import WorkerPool, shared_pool
from augflow.shared_memory import Arena, Segment

# Batches that consumers may hold in shared memory; further ones are copied to ordinary memory.
_MOST_LEASED = 64
_MOST_LEASED_BYTES = 2 << 30


class FlowMemory:
    """The pickled plan and the arena of batches. Freed when its owner is closed or dropped.

    Args:
        pickled_plan: what workers unpickle once.
        batch_bytes: size of a full batch.
        owner: when it is garbage, the memory is freed.
        pending: the owner's batches in the making, to be withdrawn then.

    Raises:
        OSError: there is no memory, or no file descriptor.
    """

    def __init__(
        self,
        pickled_plan: bytes,
        batch_bytes: int,
        owner: Any,
        pending: MutableMapping[Hashable, Pending],
    ) -> None:
        self.plan = Segment(len(pickled_plan))
        self.plan_size = len(pickled_plan)
        self.plan.memory[: self.plan_size] = pickled_plan
        most_leased = max(4, min(_MOST_LEASED, _MOST_LEASED_BYTES // max(1, batch_bytes)))
        self.arena = Arena(batch_bytes, most_leased)
        pool = shared_pool()
        pool.join(self)
        self._free = weakref.finalize(owner, _free, pool, self, pending)
        self._free.atexit = False

    def close(self) -> None:
        """Free the memory; batches that are held by consumers stay valid."""
        self._free()

    def abandon(self) -> None:
        """Forget the memory in a forked child, where the locks of the pool may be held for ever."""
        self._free.detach()


def _free(pool: WorkerPool, memory: FlowMemory, pending: MutableMapping[Hashable, Pending]) -> None:
    while pending:
        pending.popitem()[1].cancel()
    memory.plan.close()
    memory.arena.close()
    pool.leave(memory)
