"""Epochs and the places in them: pure functions of (samples, batch size, shuffle, seed).

An epoch is named by its start: the number of batches seen before it. The batch at ``position``
draws from the stream seeded with ``seed + start + position``; the epoch's permutation comes first
from the stream of position 0, as in Keras's ``next()``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from augflow.order.permutation import EpochOrder, SampleOrder, batch_count, epoch_order, occurrences
from augflow.order.shard import Shard, part_of
from augflow.order.streams import SampleSeeds, StreamState, seeded
from augflow.order.subset import check_has_batch

_EPOCHS_KEPT = 3


@dataclass(frozen=True, eq=False)
class Epoch:
    """The order of one pass, and the stream of its first batch.

    ``each_once`` says that no sample comes twice, which spares a search; ``is_given``, that the
    order was set from outside, and is not drawn from a seed.
    """

    start: int
    order: SampleOrder
    first_stream: StreamState
    each_once: bool = False
    is_given: bool = False

    @cached_property
    def occurrences(self) -> np.ndarray | None:
        """For each place how often its sample came before; None if none comes twice."""
        # An order that is made part by part has each sample once, too.
        if self.each_once or not isinstance(self.order, np.ndarray):
            return None
        # Rows of several numbers are a subclass's own, as places of patches in images.
        if self.order.ndim != 1:
            return None
        return occurrences(self.order)


class Place:
    """One batch: what names it, its samples, the stream it draws from, and the samples' own.

    Which samples they are is looked up when it is asked for: batches that are cut out of larger
    parts, as of CSV files, need not know it.

    Attributes:
        key: start of the epoch, position in it, batches seen before.
        stream: what the batch draws from.
        skipped: how many rows of the global batch come before, and draw from the same stream.
    """

    __slots__ = ("_base_seed", "_epoch", "_indices", "_rows", "key", "skipped", "stream")

    def __init__(
        self,
        epoch: Epoch,
        key: tuple[int, int, int],
        rows: slice,
        stream: StreamState,
        base_seed: int,
        skipped: int,
    ) -> None:
        self.key = key
        self.skipped = skipped
        self.stream = stream
        self._epoch = epoch
        self._rows = rows
        self._base_seed = base_seed
        self._indices: np.ndarray | None = None

    @property
    def samples(self) -> int:
        """How many they are."""
        rows = self._rows
        return max(0, min(rows.stop, len(self._epoch.order)) - rows.start)

    @property
    def begin(self) -> int:
        """The place of the first sample in the order of the epoch."""
        return int(self._rows.start)

    @property
    def indices(self) -> np.ndarray:
        """Positions of the samples: an int64 array of shape (batch,)."""
        if self._indices is None:
            self._indices = self._epoch.order[self._rows]
        return self._indices

    @property
    def seeds(self) -> SampleSeeds:
        """Where the samples have generators of their own."""
        epoch = self._epoch
        again = None if epoch.occurrences is None else epoch.occurrences[self._rows].tolist()
        return SampleSeeds(self._base_seed, epoch.start, self.indices.tolist(), again)


class Schedule:
    """All epochs of a flow with unchanging settings.

    Args:
        samples: number of samples.
        batch_size: samples a batch; of one shard.
        shuffle: whether each epoch has a permutation of its own.
        base_seed: int in [0, 2**32).
        order: draws the order of an epoch. Defaults to a permutation.
        drop_remainder: whether an epoch ends before a batch that would be shorter.
        shard: which part of each batch is taken, see ``shard.checked_shard``; None for all.

    Raises:
        ValueError: that leaves no batch, or one that is too short to be shared.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        shuffle: bool,
        base_seed: int,
        order: EpochOrder = epoch_order,
        drop_remainder: bool = False,
        shard: Shard | None = None,
    ) -> None:
        self.settings = (samples, batch_size, shuffle, base_seed, order, drop_remainder, shard)
        shards = shard[1] if shard else 1
        check_has_batch(samples, batch_size * shards, drop_remainder, shards)
        self.samples = samples
        # Of all shards together.
        self.batch_size = batch_size * shards
        self.shard = shard
        self.shuffle = shuffle
        self.base_seed = base_seed
        self.order = order
        # The samples that an epoch hands over.
        self._shown = samples - samples % self.batch_size if drop_remainder else samples
        self._epochs: dict[int, Epoch] = {}

    def epoch(self, start: int) -> Epoch:
        """The epoch that begins after ``start`` batches."""
        # Several threads read ahead: each works with what it has in its hands.
        epoch = self._epochs.get(start)
        if epoch is None:
            seed = seeded(self.base_seed, start)
            order, stream = self.order(self.samples, self.shuffle, seed)
            epoch = Epoch(start, order, stream, each_once=self.order is epoch_order)
            for old in list(self._epochs)[: 1 - _EPOCHS_KEPT]:
                self._epochs.pop(old, None)
            self._epochs[start] = epoch
        return epoch

    def place(self, epoch: Epoch, position: int, seen: int) -> Place:
        """The batch at ``position``, as the one after ``seen`` others.

        ``seen`` is ``epoch.start + position`` unless somebody has set the counters.
        """
        # Keras wraps around where the number of samples has shrunk in the middle of an epoch.
        shown = (position * self.batch_size) % self._shown if self._shown else 0
        rows, skipped = slice(shown, shown + self.batch_size), 0
        if self.shard is not None:
            skipped, end = part_of(min(self.batch_size, len(epoch.order) - shown), self.shard)
            rows = slice(shown + skipped, shown + end)
        stream = seeded(self.base_seed, seen) if position else epoch.first_stream
        return Place(epoch, (epoch.start, position, seen), rows, stream, self.base_seed, skipped)

    def follower(self, position: int) -> int:
        """The position after this one; 0 begins another epoch."""
        shown = (position * self.batch_size) % self._shown if self._shown else 0
        return position + 1 if self._shown > shown + self.batch_size else 0

    def coming(self, epoch: Epoch, position: int, seen: int) -> Iterator[Place]:
        """The places that ``next()`` will come to from here on, without end."""
        while True:
            if position == 0:
                epoch = self.epoch(seen)
            yield self.place(epoch, position, seen)
            position = self.follower(position)
            seen += 1

    def by_index(self, epoch: Epoch, positions: list[int]) -> Iterator[Place]:
        """The places of one epoch in the given order."""
        for position in positions:
            yield self.place(epoch, position, epoch.start + position)

    def before(self, place: Place, epoch: Epoch | None, most: int) -> list[Place]:
        """At most so many places before another one of its epoch, the nearest first.

        Args:
            place: comes after them, or with the epoch's first ones before it.
            epoch: the one that is being read, None for none.
            most: of them.
        """
        start, position, _ = place.key
        if epoch is None or epoch.start != start:
            epoch = self.epoch(start)
        batches = batch_count(self._shown, self.batch_size)
        others = [(position - distance) % batches for distance in range(1, min(most + 1, batches))]
        return [self.place(epoch, other, start + other) for other in others]
