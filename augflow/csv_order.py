"""The order of the rows of an epoch, of which only the part that is asked for is ever made.

A permutation of a hundred million rows would take 800 megabytes. Shuffling therefore has two
steps, both pure functions of the seed and the epoch: the blocks of the files are permuted, and
of what they line up in, each stretch of some thousand rows (a *group* of whole blocks) is
permuted by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from augflow.streams import StreamState

# A batch of random rows of a group costs looking through it; rows of one group meet in batches.
_GROUP_BYTES = 1 << 20
_FEWEST_BLOCKS_A_GROUP = 16
_GROUPS_KEPT = 4
# What is parsed at once where batches are read one after the other.
_GROUPS_A_UNIT = 2


class RowOrder:
    """The rows of one epoch, as a sequence to take slices of.

    Args:
        first, stop: the rows that take part.
        group_rows: about how many rows a group has.

    Attributes:
        units: int64 array of shape (units + 1,): the places where to cut the epoch, so that
            each part holds whole groups and is worth a call of pandas.
    """

    def __init__(self, first: int, stop: int, group_rows: int) -> None:
        self.first = first
        self.stop = stop
        self.units = np.append(np.arange(0, len(self), _GROUPS_A_UNIT * group_rows), len(self))

    def __len__(self) -> int:
        return self.stop - self.first

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
        first, stop, group_rows: see ``RowOrder``.
        first_rows: of all blocks, see ``CsvTable``.
        seed: of the epoch.
    """

    def __init__(
        self,
        first: int,
        stop: int,
        group_rows: int,
        first_rows: np.ndarray,
        seed: int,
    ) -> None:
        super().__init__(first, stop, group_rows)
        self._seed = seed
        begin, end = np.searchsorted(first_rows, [first, max(first, stop - 1)], side="right")
        borders = np.clip(first_rows[begin - 1 : end + 1], first, stop)
        order = np.random.default_rng(seed).permutation(len(borders) - 1)
        self._block_firsts = borders[:-1][order]
        self._block_ends = borders[1:][order]
        ends = np.cumsum(self._block_ends - self._block_firsts)
        # A block belongs to the group that its first row falls into.
        groups = (ends - (self._block_ends - self._block_firsts)) // group_rows
        self._group_blocks = np.flatnonzero(np.diff(groups, prepend=-1, append=-1))
        self._group_starts = np.concatenate([[0], ends])[self._group_blocks]
        self.units = np.append(self._group_starts[:-1:_GROUPS_A_UNIT], len(self))
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

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
            begin, end = self._group_blocks[number : number + 2]
            blocks = zip(self._block_firsts[begin:end], self._block_ends[begin:end], strict=True)
            rows = np.concatenate([np.arange(first, stop) for first, stop in blocks])
            np.random.default_rng((self._seed, 1 + int(number))).shuffle(rows)
            self._kept[number] = rows
            if len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
        return rows


@dataclass(frozen=True, eq=False)
class CsvOrder:
    """Makes the orders of the epochs of some rows; an ``order.EpochOrder``.

    Attributes:
        first: the first row that takes part.
        first_rows: of all blocks, see ``CsvTable``.
        group_rows: about how many rows a group has.
    """

    first: int
    first_rows: np.ndarray
    group_rows: int

    def __call__(self, samples: int, shuffle: bool, seed: int) -> tuple[RowOrder, StreamState]:
        """The order of one epoch of so many rows, see ``order.epoch_order``."""
        stop = self.first + samples
        if stop > self.first_rows[-1]:
            rows = int(self.first_rows[-1]) - self.first
            raise ValueError(f"`n` cannot be more than the rows there are, {rows}: {samples}")
        if not shuffle:
            return RowOrder(self.first, stop, self.group_rows), seed
        return ShuffledRowOrder(self.first, stop, self.group_rows, self.first_rows, seed), seed


def rows_of_group(row_bytes: float, largest_block: int) -> int:
    """About how many rows a group has, for rows of so many bytes and blocks of so many rows."""
    return max(round(_GROUP_BYTES / max(1.0, row_bytes)), _FEWEST_BLOCKS_A_GROUP * largest_block)


def most_rows_of_unit(group_rows: int, largest_block: int) -> int:
    """Bound of the rows of a unit: its last group ends with a whole block."""
    return _GROUPS_A_UNIT * group_rows + largest_block
