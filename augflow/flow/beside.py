"""Reading samples beside a flow: in the order of the data, without moving the flow.

A copy is read in its place, which has the flow's seed, settings and workers, and an order of its
own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator as AbstractIterator
from typing import Any, NamedTuple

import numpy as np

from augflow.look.explanation import RowClock
from augflow.order.schedule import Epoch, Place
from augflow.order.streams import seeded


class Part(NamedTuple):
    """Some samples, as the flow hands them over.

    Attributes:
        round: how many passes came before.
        indices: int array of shape (batch,), the samples' numbers in the data, of those that could
            be read.
        batch: what ``next(flow)`` would give for them.
        left_out: {number of a sample: why it could not be read}.
    """

    round: int
    indices: np.ndarray
    batch: Any
    left_out: dict[int, str]


def copy_beside(flow: Any) -> Any:
    """A flow of the same samples in the order of the data, at its first batch.

    It saves no images, reports no broken files, and has a seed: without one of its flow's, 0.

    Raises:
        TypeError: the flow decides by methods of its own which samples come when.
    """
    if flow._has_own_indices():
        raise TypeError(
            f"this {type(flow).__name__} decides by a `_flow_index` or `index_generator` of its "
            "own which samples come when, so its samples cannot be read in the order of the data"
        )
    beside = copy.copy(flow)
    drawn = 0 if flow._drawn_seed is None else flow._drawn_seed
    attributes = vars(beside)
    # Past __setattr__: nothing has been made of these settings yet.
    attributes.update(
        seed=drawn if flow.seed is None else flow.seed,
        shuffle=False,
        batch_index=0,
        total_batches_seen=0,
        index_array=None,
        drop_remainder=False,
        shard=None,
        _noted=[],
    )
    for name, plain in (("sampler", None), ("save_to_dir", None), ("verbose", False)):
        if hasattr(flow, name):
            attributes[name] = plain
    beside._start_runtime()
    return beside


def pass_beside(beside: Any, rounds: int = 1) -> AbstractIterator[Part]:
    """All samples of a copy, batch by batch, in its workers.

    Args:
        beside: from ``copy_beside``, at its first batch. It is closed in the end.
        rounds: passes, each with random numbers of its own.
    """
    with beside:
        for number in range(rounds):
            for _ in range(len(beside)):
                position = beside.batch_index
                batch = next(beside)
                assert beside.index_array is not None
                begin = position * beside.batch_size
                indices = beside.index_array[begin : begin + beside.batch_size]
                yield _part(beside, number, indices, batch)


def some_beside(beside: Any, places: list[int], draw: int = 0) -> Part:
    """Some samples of a copy, built in this process.

    Args:
        beside: from ``copy_beside``.
        places: of the samples in the order of the data.
        draw: names what is drawn for them: each has random numbers of its own.
    """
    order = beside._begin_epoch(0).order
    indices = np.concatenate([order[place : place + 1] for place in places])
    stream = seeded(beside._current_schedule().base_seed, draw)
    beside._epoch = Epoch(draw, indices, stream)
    beside._live.step_to(stream)
    batch = beside._get_batches_of_transformed_samples(indices)
    return _part(beside, draw, indices, batch)


class Traced(NamedTuple):
    """A batch that was built once more.

    Attributes:
        batch: as it was handed over.
        left_out: rows that it lacks, of those it was to have.
        drawn: for each of those rows what was drawn, see ``Built``.
        clock: the times of those rows, None where the flow does not build row by row.
    """

    batch: Any
    left_out: frozenset[int]
    drawn: list[Any]
    clock: RowClock | None


def trace_beside(beside: Any, place: Place) -> Traced:
    """Build a batch once more, in this process.

    Args:
        beside: from ``copy_beside``.
        place: of the batch, in the flow.
    """
    beside._epoch = Epoch(place.key[0], place.indices, place.stream)
    beside._live.step_to(place.stream)
    return beside._trace(place)  # type: ignore[no-any-return]


def _part(beside: Any, number: int, indices: np.ndarray, batch: Any) -> Part:
    noted, kept = beside._noted, np.ones(len(indices), dtype=bool)
    assert noted is not None
    left_out = {}
    for bad in noted:
        kept[bad.row] = False
        left_out[int(indices[bad.row])] = bad.reason
    noted.clear()
    return Part(number, indices[kept], batch, left_out)
