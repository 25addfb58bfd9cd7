"""The shared memory of one flow, and its membership of the pool."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from typing import Any

from augflow.memory.heartbeat import RECORD_BYTES
from augflow.memory.segments import Arena, Segment
from augflow.runtime.keeper import Leftover, keeper
from augflow.runtime.pending import Pending
from augflow.runtime.pool import shared_pool

# Batches that consumers may hold in shared memory; further ones are copied to ordinary memory.
_MOST_LEASED = 64
_MOST_LEASED_BYTES = 2 << 30


class FlowMemory:
    """The pickled plan and the arena of batches. Freed when its owner is closed or dropped.

    Args:
        pickled_plan: what workers unpickle once.
        batch_bytes: size of a full batch.
        most_parts: into how many parts a batch may be split, each with a record of its own.
        owner: when it is garbage, the memory is freed.
        pending: the owner's batches in the making, to be withdrawn then.

    Attributes:
        beats_at: where in each segment those records begin.

    Raises:
        OSError: there is no memory, or no file descriptor.
    """

    def __init__(
        self,
        pickled_plan: bytes,
        batch_bytes: int,
        most_parts: int,
        owner: Any,
        pending: MutableMapping[Hashable, Pending],
    ) -> None:
        self.plan = Segment(len(pickled_plan))
        self.plan_size = len(pickled_plan)
        self.plan.memory[: self.plan_size] = pickled_plan
        most_leased = max(4, min(_MOST_LEASED, _MOST_LEASED_BYTES // max(1, batch_bytes)))
        self.beats_at = -(-batch_bytes // RECORD_BYTES) * RECORD_BYTES
        self.arena = Arena(self.beats_at + most_parts * RECORD_BYTES, most_leased)
        self._pending = pending
        self._pool = shared_pool()
        self._pool.join(self)
        # The keeper holds this object until then: nothing in it may hold the owner.
        self._leftover: Leftover | None = keeper().free_after(owner, self._free)

    def close(self) -> None:
        """Free the memory; batches that are held by consumers stay valid."""
        if self._leftover is not None:
            keeper().forget(self._leftover)
        self._free()

    def _free(self) -> None:
        # It holds this method, and with it this object.
        self._leftover = None
        while self._pending:
            self._pending.popitem()[1].abandon()
        self.plan.close()
        self.arena.close()
        self._pool.leave(self)
