"""Samples of different lengths: how long the longest is, and room for those that are longer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from augflow.base.structure import AUTO, LONGEST, Leaf, NeedsRoomError, Structure
from augflow.batch.request import Request
from augflow.flow.whole_pass import whole_pass
from augflow.loader.learn import as_measuring
from augflow.loader.plan import LoaderPlan, ShapesPlan
from augflow.order.streams import SampleSeeds
from augflow.runtime.engine import Batch
from augflow.runtime.make_engine import make_engine


class Room:
    """What there is room for in the batches of a flow that are as long as their longest sample.

    The longest of all is not known. Memory for a batch has a shape, which grows, and is at least
    doubled, when a sample comes that does not fit; the batch is then built anew.

    Attributes:
        revision: changes whenever the room does.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._shapes: list[tuple[int, ...]] = []

    def begin(self, structure: Structure) -> None:
        """Begin with the shapes that were learnt."""
        self._shapes = [leaf.shape for leaf in structure.leaves]
        self.revision += 1

    def for_batches(self, structure: Structure) -> Structure:
        """The structure with as much room as there is now."""
        return structure.with_shapes(self._shapes)

    def grow(self, error: NeedsRoomError) -> None:
        """Make room for a sample."""
        old = self._shapes[error.leaf]
        self._shapes[error.leaf] = tuple(
            max(new, 2 * room) if new > room else room
            for new, room in zip(error.shape, old, strict=True)
        )
        self.revision += 1


def measured_shapes(
    plan: ShapesPlan, ids: Sequence[Any], workers: int, timeout: float | None, batch_size: int
) -> list[tuple[int, ...]]:
    """Load all samples once, and see how long the longest is.

    Args:
        plan: loads them.
        ids: of the samples.
        workers: worker processes, 0 for none.
        timeout: of a sample, in seconds, None for any.
        batch_size: samples that a worker gets at once.

    Returns:
        The shape of each array of a sample: where it is padded to the longest of all, of that,
        otherwise as it was learnt.

    Raises:
        Exception: what the user's functions raise, or samples that are built differently.
    """
    leaves = plan.structure.leaves
    shapes = [np.array(leaf.shape, dtype=np.int64) for leaf in leaves]
    plan = replace(plan, structure=as_measuring(plan.structure))
    for batch in batches_of_all(plan, ids, workers, timeout, batch_size, "Measuring"):
        bad = [one.row for one in batch.bad]
        for shape, found in zip(shapes, batch.arrays, strict=True):
            good = np.delete(found, bad, axis=0)[:, 1:]
            np.maximum(shape, good.max(axis=0, initial=0), out=shape)
    return [
        tuple(
            int(longest) if how == AUTO else side
            for longest, side, how in zip(shape, leaf.shape, leaf.padded, strict=True)
        )
        for shape, leaf in zip(shapes, leaves, strict=True)
    ]


def batches_of_all(
    plan: LoaderPlan,
    ids: Sequence[Any],
    workers: int,
    timeout: float | None,
    batch_size: int,
    doing: str,
) -> Iterator[Batch]:
    """Load all samples once; see ``measured_shapes``.

    Yields:
        Batches of what the plan makes of them, in the order of the IDs.
    """

    def request(start: int, stop: int) -> Request:
        places = list(range(start, stop))
        names = [ids[place] for place in places]
        return Request(start, len(names), 0, names, seeds=SampleSeeds(0, 0, places))

    engine = make_engine(plan, workers, min(batch_size, len(ids)), None, timeout)
    for _, batch in whole_pass(engine, len(ids), batch_size, request, doing, "samples"):
        yield batch


def padded_to(structure: Structure) -> Any:
    """What ``pad`` would be for samples of the same shapes; see ``LoaderIterator.padded_to``."""

    def pads_of(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: pads_of(branch) for key, branch in tree.items()}
        if isinstance(tree, tuple):
            return tuple(pads_of(branch) for branch in tree)
        leaf = structure.leaves[tree]
        sides = tuple(
            how if how in (None, LONGEST) else side
            for side, how in zip(leaf.shape, leaf.padded, strict=True)
        )
        return sides if any(side is not None for side in sides) else None

    return pads_of(structure.tree)


class Lengths:
    """The lengths of batches that Keras looks at before it begins.

    TensorFlow is told by two batches which axes differ. Two that happen to be of one length would
    make it refuse all others, in the middle of an epoch. So what Keras looks at, and does not
    train on, is one longer where the batch before had the same length.
    """

    def __init__(self) -> None:
        self._last: list[tuple[int, ...]] | None = None

    def told_apart(self, structure: Structure, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The arrays of a batch that is looked at, one a leaf."""
        last = self._last or [(-1,) * array.ndim for array in arrays]
        longer = [
            np.pad(array, _ends(leaf, array.shape, old), constant_values=structure.pad_value)
            for leaf, array, old in zip(structure.leaves, arrays, last, strict=True)
        ]
        self._last = [array.shape for array in longer]
        return longer


def _ends(leaf: Leaf, shape: tuple[int, ...], last: tuple[int, ...]) -> list[tuple[int, int]]:
    sides = zip(leaf.padded, shape[1:], last[1:], strict=True)
    return [(0, 0), *((0, int(how == LONGEST and new == old)) for how, new, old in sides)]
