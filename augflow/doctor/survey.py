"""All files of a survey, looked at by the workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from augflow.base.checks import checked_workers
from augflow.base.progress import Progress
from augflow.batch.request import Request
from augflow.doctor.look import LookPlan
from augflow.doctor.samples import Samples
from augflow.runtime.engine import Expected
from augflow.runtime.make_engine import make_engine

_FILES_A_BATCH = 32


@dataclass(frozen=True, eq=False)
class Looks:
    """What the workers noted; a row for each file, zeros for those that are broken.

    Attributes:
        notes: int64 of shape (files, 9), see ``look``.
        digests: uint8 of shape (files, 16), of the files' bytes.
        thumbnails: uint8 of shape (files, 16, 16), gray.
        hashes: uint8 of shape (files, 8), 64 bits each.
        reasons: for each broken file, by its row, what is wrong.
    """

    notes: np.ndarray
    digests: np.ndarray
    thumbnails: np.ndarray
    hashes: np.ndarray
    reasons: dict[int, str]


@dataclass(frozen=True)
class Survey:
    """Samples, and how their images and masks look.

    Attributes:
        samples: all of them.
        images: a row for each sample.
        masks: a row for each of ``mask_rows``.
        mask_rows: of the samples that have a mask.
    """

    samples: Samples
    images: Looks
    masks: Looks
    mask_rows: list[int]

    @property
    def good(self) -> list[int]:
        """Rows of the images that can be read."""
        return [row for row in range(len(self.samples.paths)) if row not in self.images.reasons]


def survey(samples: Samples, workers: int | None = None) -> Survey:
    """Look at all images and masks once.

    Args:
        samples: which.
        workers: worker processes; None (default): the CPUs this process may use; 0: this one.
    """
    mask_rows = [row for row, mask in enumerate(samples.masks) if mask is not None]
    masks = [(samples.masks[row], True) for row in mask_rows]
    names = [*((path, False) for path in samples.paths), *masks]
    looks = look_at(names, workers)
    count = len(samples.paths)
    return Survey(samples, _part(looks, 0, count), _part(looks, count, len(names)), mask_rows)


def look_at(names: list[tuple[str | None, bool]], workers: int | None) -> Looks:
    """Look at files: (path, whether it is a mask) each."""
    processes = checked_workers(workers)
    if processes is None:
        from augflow.runtime.processes import cpu_count

        processes = cpu_count()
    plan, total = LookPlan(), len(names)
    arrays = [
        np.zeros((total, *field.shape), np.dtype(field.dtype)) for field in plan.layout.fields
    ]
    reasons: dict[int, str] = {}
    engine = make_engine(plan, processes, _FILES_A_BATCH)
    starts = range(0, total, _FILES_A_BATCH)

    def request(start: int) -> Request:
        part = names[start : start + _FILES_A_BATCH]
        return Request(start, len(part), 0, part)

    def ahead(start: int) -> Iterator[Expected]:
        for later in starts[start // _FILES_A_BATCH + 1 :]:
            yield later, partial(request, later)

    try:
        with Progress("Looking at", "files", total) as progress:
            for start in starts:
                wanted = request(start)
                batch = engine.fetch(wanted, ahead(start))
                for whole, part in zip(arrays, batch.arrays, strict=True):
                    whole[start : start + wanted.samples] = part
                for bad in batch.bad:
                    reasons[start + bad.row] = bad.reason
                progress.update(wanted.samples)
    finally:
        engine.close()
    notes, digests, thumbnails, hashes = arrays
    return Looks(notes, digests, thumbnails, hashes, reasons)


def _part(looks: Looks, start: int, stop: int) -> Looks:
    rows = slice(start, stop)
    return Looks(
        looks.notes[rows],
        looks.digests[rows],
        looks.thumbnails[rows],
        looks.hashes[rows],
        {row - start: why for row, why in looks.reasons.items() if start <= row < stop},
    )
