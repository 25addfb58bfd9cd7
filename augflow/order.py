"""The order of samples: which sample stands at which place of an epoch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from augflow.streams import StreamState, open_stream, state_of


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


def batch_count(samples: int, batch_size: int) -> int:
    """Batches an epoch; the last may be short."""
    return -(-samples // batch_size)


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
