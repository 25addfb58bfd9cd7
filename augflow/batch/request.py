"""What a flow asks its engine for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.batch.plan import Job
from augflow.order.streams import SampleSeeds, StreamState


@dataclass(frozen=True)
class Request:
    """One batch that is wanted, now or soon.

    Attributes:
        key: what tells it from every other batch of the flow.
        samples: rows.
        stream: where its random numbers come from.
        skipped: how many samples draw from the stream before these.
        names, slots, seeds, extras, whole: of the samples, see ``plan.Job``.
        lay: for arrays, writes the raw samples into the batch before it is built.
    """

    key: Hashable
    samples: int
    stream: StreamState
    names: list[Any]
    slots: list[int] | None = None
    seeds: SampleSeeds | None = None
    extras: list[Any] | None = None
    lay: Callable[[list[np.ndarray]], None] | None = None
    skipped: int = 0
    whole: Any = None

    def job(self, start: int, stop: int, left_out: Mapping[int, str] | None = None) -> Job:
        """The job that builds some of the rows, but for those that are left out."""
        return Job(
            self.samples,
            start,
            stop,
            self.stream,
            self.names[start:stop],
            None if self.slots is None else self.slots[start:stop],
            None if self.seeds is None else self.seeds.part(start, stop),
            None if self.extras is None else self.extras[start:stop],
            left_out or {},
            self.skipped,
            self.whole,
        )
