"""The order of samples: which sample stands at which place of an epoch."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from augflow.order.streams import StreamState, open_stream, state_of

# (number of samples, whether to shuffle, seed of the epoch's first stream) to (positions of
# samples, the point from which the first batch draws), see ``epoch_order``.
EpochOrder = Callable[[int, bool, int], tuple["SampleOrder", StreamState]]


class SampleOrder(Protocol):
    """The samples of an epoch in their order: an array, or what makes parts of one."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, places: slice) -> np.ndarray:
        """The positions of the samples at these places: an int64 array."""


def epoch_order(samples: int, shuffle: bool, seed: int) -> tuple[np.ndarray, StreamState]:
    """The order of one epoch, and the stream its first batch draws from.

    Args:
        samples: number of samples.
        shuffle: whether to permute them.
        seed: seed of the epoch's first stream.

    Returns:
        An int64 array of shape (samples,), each sample once; and the point at which the
        stream stands after the permutation, since Keras draws the first batch's parameters
        from there.
    """
    if not shuffle:
        return np.arange(samples), seed
    stream = open_stream(seed)
    return stream.permutation(samples), state_of(stream)


@dataclass(frozen=True, eq=False)
class BalancedOrder:
    """Epochs of as many samples as there are, in which all classes are equally frequent.

    Each of the classes that occur gets the same share of the epoch; where that leaves a
    remainder, so many classes, drawn anew for each epoch, get one more. Within a class the
    samples take turns: a permutation of them is drawn, and another one whenever it is used up.
    So each sample of a class comes equally often, but for one, and none is left out by chance:
    independent draws would miss more than a third of a class that is drawn as often as it has
    samples.

    Attributes:
        class_numbers: int array of shape (samples,), the class of each sample.
    """

    class_numbers: np.ndarray

    def __call__(self, samples: int, shuffle: bool, seed: int) -> tuple[np.ndarray, StreamState]:
        """The order of one epoch, see ``epoch_order``; without shuffling each sample once."""
        if not shuffle or not samples:
            return epoch_order(samples, shuffle, seed)
        stream = open_stream(seed)
        numbers = self.class_numbers[:samples]
        by_class = np.argsort(numbers, kind="stable")
        starts = np.unique(numbers[by_class], return_index=True)[1]
        members = np.split(by_class, starts[1:])
        share, remainder = divmod(samples, len(members))
        shares = np.full(len(members), share)
        shares[stream.permutation(len(members))[:remainder]] += 1
        drawn = [
            np.concatenate([stream.permutation(own) for _ in range(-(-count // len(own)))])[:count]
            for own, count in zip(members, shares.tolist(), strict=True)
            if count
        ]
        return stream.permutation(np.concatenate(drawn)), state_of(stream)


@dataclass(frozen=True, eq=False)
class WeightedOrder:
    """Epochs of as many samples as there are, each of which comes as often as its weight says.

    A sample with the part p of all weights comes n * p times in an epoch of n samples, rounded up
    or down: by systematic sampling over a permutation, which draws one number an epoch. Independent
    draws would differ from that by chance, and leave many samples out.

    Attributes:
        weights: float64 array of shape (samples,), at least 0, of which one is above 0.
        groups: int array of shape (samples,): so rounded is the sum over each group, too. None for
            no groups.
    """

    weights: np.ndarray
    groups: np.ndarray | None = None

    def __call__(self, samples: int, shuffle: bool, seed: int) -> tuple[np.ndarray, StreamState]:
        """The order of one epoch, see ``epoch_order``; without shuffling each sample once."""
        if not shuffle or not samples:
            return epoch_order(samples, shuffle, seed)
        stream = open_stream(seed)
        order = stream.permutation(samples)
        if self.groups is not None:
            order = order[np.argsort(self.groups[:samples][order], kind="stable")]
        sums = np.cumsum(self.weights[:samples][order])
        # So that rounding can neither lose a sample nor add one.
        marks = np.floor(sums * (samples / sums[-1]) + stream.random_sample()).astype(np.int64)
        marks[sums == sums[-1]] = samples
        counts = np.diff(np.minimum(marks, samples), prepend=0)
        return stream.permutation(np.repeat(order, counts)), state_of(stream)


def occurrences(order: np.ndarray) -> np.ndarray | None:
    """For each place of an order how often its sample came before it; None if none comes twice."""
    ascending = np.sort(order)
    if (ascending[1:] != ascending[:-1]).all():
        return None
    by_sample = np.argsort(order, kind="stable")
    grouped = order[by_sample]
    is_first = np.concatenate([[True], grouped[1:] != grouped[:-1]])
    ranks = np.arange(len(order))
    counts = np.empty(len(order), dtype=np.int64)
    counts[by_sample] = ranks - np.maximum.accumulate(np.where(is_first, ranks, 0))
    return counts


def batch_count(samples: int, batch_size: int, drop_remainder: bool = False) -> int:
    """Batches an epoch; the last may be short, or is left out for it."""
    return samples // batch_size if drop_remainder else -(-samples // batch_size)


def chunk_bounds(count: int, chunks: int) -> Sequence[tuple[int, int]]:
    """Split ``count`` rows into at most ``chunks`` contiguous, nearly equal, non-empty parts."""
    chunks = max(1, min(chunks, count))
    edges = [count * number // chunks for number in range(chunks + 1)]
    return list(pairwise(edges))


def python_shuffle(length: int, state: tuple[Any, ...]) -> list[int]:
    """What ``random.shuffle(list(range(length)))`` gives from the given ``random.getstate()``."""
    generator = random.Random()
    generator.setstate(state)
    order = list(range(length))
    generator.shuffle(order)
    return order


def checked_batch_size(batch_size: Any) -> int:
    """An int of at least 1.

    Raises:
        TypeError, ValueError: it is none.
    """
    try:
        size = operator.index(batch_size)
    except TypeError:
        raise TypeError(
            f"`batch_size` must be an int of at least 1. Received: {batch_size!r}"
        ) from None
    if size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size!r}")
    return size
