"""The order of the rows of an epoch, of which only the part that is asked for is ever made.

A permutation of a hundred million rows would take 800 megabytes. Shuffling therefore has two
steps, both pure functions of the seed and the epoch: the blocks of the files are permuted, and
of what they line up in, each *group* of neighbouring blocks has its rows permuted by itself.

Groups are parsed in *units*, which serve batches that are read one after the other. Units decide
nothing but what is parsed at once. Which rows a unit has is drawn where it is parsed: what travels
there are its blocks and the seed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augflow.csv.table import RowSpans, spans_of
from augflow.order.streams import StreamState

# A batch of random rows of a group costs looking through it; rows of one group meet in batches.
_GROUP_BYTES = 1 << 20
_FEWEST_BLOCKS_A_GROUP = 16
_GROUPS_KEPT = 4
# What is parsed at once where batches are read one after the other.
_GROUPS_A_UNIT = 2
_MOST_UNIT_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """Rows of some groups in the order of an epoch, drawn when they are asked for.

    Attributes:
        spans: the rows of each group in the order of its blocks, before they are permuted.
        seeds: what each group is permuted by; None for not at all.
        start, stop: which of these rows, when permuted.
    """

    spans: tuple[RowSpans, ...]
    seeds: tuple[tuple[int, int], ...] | None
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, places: int | slice) -> Any:
        """A row's number, or other drawn rows."""
        if not isinstance(places, slice):
            return int(np.asarray(self)[places])
        start, stop, _ = places.indices(len(self))
        return replace(self, start=self.start + start, stop=self.start + max(start, stop))

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        spans, places = self.to_read()
        rows = spans.rows()
        return rows if places is None else rows[places]

    def hull(self) -> RowSpans:
        """Spans that these rows lie in, without drawing them."""
        if self.seeds is None:
            return self.to_read()[0]
        return _joined(self.spans)

    def to_read(self) -> tuple[RowSpans, np.ndarray | None]:
        """The rows in an order in which they are quickly read, and how to come to theirs.

        Returns:
            The rows to read; and for each row its place among these, an int64 array of shape
            (rows,), or None where they are in order.
        """
        whole = _joined(self.spans)
        if self.seeds is None:
            assert len(self.spans) == 1
            first = int(whole.firsts[0])
            return RowSpans(np.array([first + self.start]), np.array([first + self.stop])), None
        places = self._permuted()[self.start : self.stop]
        if len(places) == len(whole):
            return whole, places
        wanted = np.zeros(len(whole), bool)
        wanted[places] = True
        numbers = np.cumsum(wanted) - 1
        return spans_of(whole.rows()[wanted]), numbers[places]

    def _permuted(self) -> np.ndarray:
        """For each row its place among those of all groups before they were permuted."""
        assert self.seeds is not None
        parts, first = [], 0
        for spans, seed in zip(self.spans, self.seeds, strict=True):
            parts.append(first + _permutation(len(spans), seed))
            first += len(spans)
        return np.concatenate(parts)


class RowOrder:
    """The rows of one epoch in the order of the files, as a sequence to take slices of.

    Args:
        sizes: int64 array of shape (blocks,): the rows of each block.
        first: the first row.
        group_blocks: how many blocks a group has at least.
        unit_rows: how many rows a unit has at most.

    Attributes:
        units: int64 array of shape (units + 1,): the places where to cut the epoch, so that
            each part is worth a call of pandas.
        unit_borders: the same as a list, in which a batch is found many times faster.
    """

    def __init__(self, sizes: np.ndarray, first: int, group_blocks: int, unit_rows: int) -> None:
        self.first = first
        groups = max(1, len(sizes) // group_blocks)
        # Evenly: a last group of one block would be batches from one place of the file.
        self._group_blocks = np.arange(groups + 1) * len(sizes) // groups
        self._group_starts = np.concatenate([[0], np.cumsum(sizes)])[self._group_blocks]
        self._count = int(self._group_starts[-1])
        self.units = _units(self._group_starts, unit_rows)
        self.unit_borders: list[int] = self.units.tolist()

    def __len__(self) -> int:
        return self._count

    def drawn(self, start: int, stop: int) -> DrawnRows:
        """The rows at some places of the epoch, without drawing them here."""
        span = RowSpans(np.array([self.first]), np.array([self.first + self._count]))
        return DrawnRows((span,), None, start, stop)

    def __getitem__(self, places: slice) -> np.ndarray:
        """The numbers of the rows at these places of the epoch: an int64 array."""
        start, stop, step = places.indices(len(self))
        return self._rows(start, stop)[::step]

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self._rows(0, len(self))

    def _rows(self, start: int, stop: int) -> np.ndarray:
        return np.arange(self.first + start, self.first + stop)


class ShuffledRowOrder(RowOrder):
    """The same rows, blocks and rows within groups of blocks shuffled.

    Args:
        sizes, first, group_blocks, unit_rows: see ``RowOrder``.
        seed: of the epoch.
    """

    def __init__(
        self, sizes: np.ndarray, first: int, group_blocks: int, unit_rows: int, seed: int
    ) -> None:
        order = np.random.default_rng(seed).permutation(len(sizes))
        super().__init__(sizes[order], first, group_blocks, unit_rows)
        self._seed = seed
        ends = first + np.cumsum(sizes)
        self._block_ends = ends[order]
        self._block_firsts = (ends - sizes)[order]
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def drawn(self, start: int, stop: int) -> DrawnRows:
        """See ``RowOrder``."""
        first, last = np.searchsorted(self._group_starts, [start, stop - 1], side="right") - 1
        numbers = range(int(first), int(last) + 1)
        offset = int(self._group_starts[first])
        return DrawnRows(
            tuple(self._spans(number) for number in numbers),
            tuple(self._group_seed(number) for number in numbers),
            start - offset,
            stop - offset,
        )

    def _spans(self, number: int) -> RowSpans:
        begin, end = self._group_blocks[number : number + 2]
        return RowSpans(self._block_firsts[begin:end], self._block_ends[begin:end])

    def _group_seed(self, number: int) -> tuple[int, int]:
        return self._seed, 1 + number

    def _rows(self, start: int, stop: int) -> np.ndarray:
        if start >= stop:
            return np.empty(0, np.int64)
        first, last = np.searchsorted(self._group_starts, [start, stop - 1], side="right") - 1
        groups = [self._group(number) for number in range(first, last + 1)]
        offset = int(self._group_starts[first])
        rows = groups[0] if len(groups) == 1 else np.concatenate(groups)
        return rows[start - offset : stop - offset]

    def _group(self, number: int) -> np.ndarray:
        rows = self._kept.get(number)
        if rows is None:
            rows = self._spans(number).rows()
            rows = rows[_permutation(len(rows), self._group_seed(int(number)))]
            self._kept[number] = rows
            if len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
        return rows


def _permutation(rows: int, seed: tuple[int, int]) -> np.ndarray:
    """Of the rows of a group."""
    places = np.arange(rows)
    np.random.default_rng(seed).shuffle(places)
    return places


def _joined(spans: tuple[RowSpans, ...]) -> RowSpans:
    return RowSpans(
        np.concatenate([each.firsts for each in spans]),
        np.concatenate([each.stops for each in spans]),
    )


def _units(group_starts: np.ndarray, most_rows: int) -> np.ndarray:
    """Where to cut: two groups at once, or where these are too many rows, equal parts of one."""
    groups = _GROUPS_A_UNIT
    if np.diff(group_starts).max() * groups > most_rows:
        groups = 1
    starts = group_starts[:-1:groups]
    rows = np.diff(starts, append=group_starts[-1])
    parts = -(-rows // most_rows)
    # The number of each part within its groups.
    numbers = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    cuts = np.repeat(starts, parts) + numbers * np.repeat(rows, parts) // np.repeat(parts, parts)
    return np.append(cuts, group_starts[-1])


@dataclass(frozen=True, eq=False)
class CsvOrder:
    """Makes the orders of the epochs of some rows; an ``order.EpochOrder``.

    Attributes:
        first: the first row that takes part.
        first_rows: of all blocks, see ``CsvTable``.
        group_blocks: how many blocks a group has at least.
        unit_rows: how many rows a unit has at most.
    """

    first: int
    first_rows: np.ndarray
    group_blocks: int
    unit_rows: int

    def __call__(self, samples: int, shuffle: bool, seed: int) -> tuple[RowOrder, StreamState]:
        """The order of one epoch of so many rows, see ``order.epoch_order``."""
        stop = self.first + samples
        if stop > self.first_rows[-1]:
            rows = int(self.first_rows[-1]) - self.first
            raise ValueError(f"`n` cannot be more than the rows there are, {rows}: {samples}")
        begin, end = np.searchsorted(
            self.first_rows, [self.first, max(self.first, stop - 1)], side="right"
        )
        borders = np.clip(self.first_rows[begin - 1 : end + 1], self.first, stop)
        what = (np.diff(borders), self.first, self.group_blocks, self.unit_rows)
        if not shuffle:
            return RowOrder(*what), seed
        return ShuffledRowOrder(*what, seed), seed


def blocks_of_group(block_bytes: float) -> int:
    """How many blocks a group has at least, for blocks of so many bytes on average."""
    return max(_FEWEST_BLOCKS_A_GROUP, round(_GROUP_BYTES / max(1.0, block_bytes)))


def most_rows_of_unit(row_bytes: int, first_rows: np.ndarray, group_blocks: int) -> int:
    """How many rows a unit has at most.

    Args:
        row_bytes: what the arrays of a batch take for each of its rows.
        first_rows: of all blocks, see ``CsvTable``.
        group_blocks: how many blocks a group has at least.
    """
    sizes = np.diff(first_rows)
    blocks = -(-len(sizes) // max(1, len(sizes) // group_blocks))
    largest = _GROUPS_A_UNIT * blocks * int(sizes.max())
    return max(1, min(int(first_rows[-1]), largest, _MOST_UNIT_BYTES // max(1, row_bytes)))
