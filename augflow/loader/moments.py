"""The moments of samples as they are loaded, computed where they are loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from augflow.base.structure import LONGEST, Structure
from augflow.batch.plan import BadSample
from augflow.loader.flow import LoaderIterator
from augflow.loader.lengths import batches_of_all
from augflow.loader.plan import LoaderPlan, UserFunctions, learn_from_first
from augflow.memory.layout import Field, Layout
from augflow.report.statistics import MOST_CHANNELS, NUMBERS, Moments, Tally, moments_of
from augflow.runtime.engine import Batch

_MOMENTS = len(Moments._fields)


@dataclass(frozen=True)
class MomentsPlan(LoaderPlan):
    """Loads samples, and gives of each array its shape, and the moments of its numbers."""

    @property
    def layout(self) -> Layout:
        """For each array of a sample rank and shape, moments of all, and those by channel."""
        fields = []
        for leaf in self.structure.leaves:
            fields.append(Field((1 + len(leaf.shape),), "<i8"))
            fields.append(Field((_MOMENTS, 1), "<f8"))
            fields.append(Field((_MOMENTS, channels_of(leaf.shape) or 1), "<f8"))
        return Layout(tuple(fields))

    def _take(self, sample: object, arrays: list[np.ndarray], row: int, name: object) -> None:
        found = iter(arrays)
        values = self.structure.checked(sample, name)
        for leaf, value in zip(self.structure.leaves, values, strict=True):
            shapes, total, by_channel = next(found), next(found), next(found)
            shapes[row] = (value.ndim, *value.shape)
            if value.dtype.kind not in NUMBERS:
                continue
            channels = channels_of(value.shape)
            if channels and channels == channels_of(leaf.shape):
                by_channel[row] = moments_of(value.reshape(-1, channels))
            else:
                total[row] = moments_of(value.reshape(-1, 1))


def channels_of(shape: tuple[int, ...]) -> int:
    """The channels of a sample of this shape, 0 for none."""
    return shape[-1] if shape and shape[-1] <= MOST_CHANNELS else 0


def read_moments(
    flow: LoaderIterator, workers: int | None, doing: str
) -> tuple[Structure, list[Tally], list[BadSample]]:
    """Load each sample of a flow once, without moving the flow and without ``augment``.

    Args:
        flow: says which samples there are.
        workers: worker processes, None for those of the flow.
        doing: words in front of the progress line.

    Returns:
        The structure of samples, a tally for each array of them, and the samples that are left
        out, whose row is the place of their ID.

    Raises:
        Exception: what ``load`` raises, or samples that are built differently; not where the flow
            leaves these out.
    """
    functions, skips = UserFunctions(flow.load), flow.on_error == "skip"
    structure = learn_from_first(functions, flow.ids, None, 0, skips)
    leaves = [replace(leaf, padded=(LONGEST,) * len(leaf.shape)) for leaf in structure.leaves]
    plan = MomentsPlan(functions, replace(structure, leaves=tuple(leaves)), flow.on_error)
    count = flow._wanted_workers() if workers is None else workers
    timeout = flow._sample_timeout() if count else None
    tallies, bad, start = [Tally() for _ in leaves], list[BadSample](), 0
    for batch in batches_of_all(plan, flow.ids, count, timeout, flow.batch_size, doing):
        bad += [replace(one, row=start + one.row) for one in batch.bad]
        _add(batch, plan.structure, tallies)
        start += len(batch.arrays[0])
    return structure, tallies, bad


def _add(batch: Batch, structure: Structure, tallies: list[Tally]) -> None:
    broken = {one.row for one in batch.bad}
    found = iter(batch.arrays)
    for leaf, tally in zip(structure.leaves, tallies, strict=True):
        arrays = next(found), next(found), next(found)
        for row in range(len(arrays[0])):
            if row in broken:
                continue
            shape = tuple(arrays[0][row, 1:].tolist())
            moments = None
            if leaf.dtype.kind in NUMBERS:
                channels = channels_of(shape)
                fits = bool(channels) and channels == channels_of(leaf.shape)
                # Copies: what lies in the batch may be written again.
                moments = Moments(*(arrays[2] if fits else arrays[1])[row].copy())
                moments = moments if fits else moments.over_channels()
            tally.add_moments([shape], leaf.dtype, moments, prod(shape))
