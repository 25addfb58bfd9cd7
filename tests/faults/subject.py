"""A flow under test: what its next batch has to be, also after an interrupt, and what it gave."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.faults.batches import digest
from tests.faults.kinds import KINDS
from tests.faults.plan import Cast
from tests.faults.reference import FoundFaultError, Key, Reference

# More than a flow lends of its shared memory (64), so that copies are handed out, too.
_MOST_HELD = 70


@dataclass(frozen=True)
class Held:
    """A batch, or a view of a part of one, that must never change."""

    who: str
    batch: Any
    digest: bytes


class Subject:
    """A flow, and the epochs that may be its current one: several after an interrupt.

    Attributes:
        name: how it is called in reports.
        starts: of the epochs that access by index may go to, the newest last.
    """

    def __init__(self, number: int, cast: Cast, reference: Reference) -> None:
        self.name = f"flow {number} ({cast})"
        self.twin = reference.twin(cast.kind, cast.seed)
        self.flow = KINDS[cast.kind](reference.folder, cast.workers, cast.seed)
        self.length = self.twin.length
        self.starts = [0]
        self.held: list[Held] = []

    def close(self) -> None:
        """Close the flow, if it has something to close and was not dropped meanwhile."""
        close = getattr(self.flow, "close", None)
        if close is not None:
            close()

    # By next()

    def counters(self) -> tuple[int, int]:
        """Where ``next()`` stands: the position in the epoch, and the batches seen."""
        return self.flow.batch_index, self.flow.total_batches_seen

    def coming(self, position: int, seen: int, count: int) -> tuple[list[Key], tuple[int, int]]:
        """The keys of the batches that ``next()`` gives, and where it stands after them."""
        keys = []
        for _ in range(count):
            keys.append((seen - position, position))
            position, seen = (position + 1) % self.length, seen + 1
        return keys, (position, seen)

    def note_steps(self, before: tuple[int, int], most: int, calls: int) -> list[Key]:
        """Take note of calls of ``next()`` that have ended in whatever way.

        Args:
            before: ``counters`` before them.
            most: how many steps they may have taken.
            calls: how many steps they must have taken, those that gave a batch.

        Returns:
            The keys of the batches that they stepped to.

        Raises:
            FoundFaultError: the counters are not where that many steps lead.
        """
        position, seen = self.counters()
        keys, after = self.coming(*before, max(0, seen - before[1]))
        if (position, seen) != after or not calls <= len(keys) <= most:
            raise FoundFaultError(
                f"counters of {self.name}: {calls} to {most} steps of next() led from (batch_index,"
                f" total_batches_seen) = {before} to {(position, seen)}"
            )
        if keys:
            self.starts = [keys[-1][0]]
        if len(keys) < most and position == 0:
            # A step that was interrupted may have begun the epoch, and not counted it.
            self._may_be_in([seen])
        return keys

    def match(self, batches: list[tuple[str, Any]], keys: list[Key], lost: int) -> None:
        """Check that batches are those of some keys, each once, in any order.

        Args:
            batches: who got it, and the batch.
            keys: what they have to be.
            lost: how many calls were interrupted, and may have taken a key with them.
        """
        due = Counter(self.twin.digest(key) for key in keys)
        for who, batch in batches:
            key = self.twin.compare(batch, keys, f"{self.name}, {who}")
            due[self.twin.digest(key)] -= 1
            if due[self.twin.digest(key)] < 0:
                raise FoundFaultError(f"{self.name}, {who}: batch {key} was given twice")
        if due.total() > lost:
            raise FoundFaultError(
                f"{self.name}: {due.total()} batches were never given, {lost} calls interrupted"
            )

    # By index

    def check_indexed(self, position: int, batch: Any, who: str) -> None:
        """Check what the flow gave for an index."""
        keys = [(start, position) for start in self.starts]
        start, _ = self.twin.compare(batch, keys, f"{self.name}, {who}")
        # The flow never goes back to an older epoch.
        self.starts = [other for other in self.starts if other >= start]

    def note_epoch_end(self, before: tuple[int, int], interrupted: bool) -> None:
        """Take note of a call of ``on_epoch_end``.

        Raises:
            FoundFaultError: the counters are not at the beginning of another epoch.
        """
        position, seen = self.counters()
        ends = {max(before[1], start + self.length) for start in self.starts} | {before[1]}
        whole = position == 0 and seen in ends
        if not whole and not (interrupted and (position, seen) == before):
            raise FoundFaultError(
                f"counters of {self.name}: on_epoch_end {'interrupted ' * interrupted}led from"
                f" (batch_index, total_batches_seen) = {before} to {(position, seen)}"
            )
        if interrupted:
            self._may_be_in([seen])
        else:
            self.starts = [seen]

    def _may_be_in(self, starts: list[int]) -> None:
        self.starts = sorted({*self.starts, *starts})

    # Batches that are held

    def hold(self, batch: Any, who: str, random: Random) -> None:
        """Keep a batch, or a view of it, for later."""
        if random.random() < 0.4:
            batch = _part(batch)[1:][::2]
        self.held.append(Held(who, batch, digest(batch)))
        if len(self.held) > _MOST_HELD:
            del self.held[: random.randint(1, _MOST_HELD)]

    def check_held(self) -> int:
        """Check that no held batch has changed; give their number.

        Raises:
            FoundFaultError: one has.
        """
        for held in self.held:
            if digest(held.batch) != held.digest:
                raise FoundFaultError(f"a held batch was overwritten: {self.name}, {held.who}")
        return len(self.held)


def _part(batch: Any) -> Any:
    """The first array of a batch."""
    while isinstance(batch, tuple | list | dict):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return batch
