"""Samples that are built one by one, each by its name alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from augflow.base.stage_times import StageClock
from augflow.base.user_code import UserCode
from augflow.batch.plan import BadSample, Built, Job, LeaveOutError, declared_state
from augflow.cache.slots import SlotStore
from augflow.memory.layout import Layout
from augflow.order.find_generators import find_generators
from augflow.order.held_generators import HeldGenerators


@dataclass(frozen=True)
class SamplePlan:
    """A ``BatchPlan`` but for ``layout`` and ``write``, which a subclass gives."""

    cache: ClassVar[None] = None
    is_indivisible: ClassVar[bool] = False
    calls_user_code: ClassVar[bool] = False

    @property
    def leaves_out(self) -> bool:
        """See ``BatchPlan``; those that ``write`` raises a ``LeaveOutError`` for."""
        return False

    @property
    def layout(self) -> Layout:
        """The arrays of a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define layout")

    def write(self, job: Job, place: int, arrays: list[np.ndarray], clock: StageClock) -> None:
        """Write one sample into its row, ``job.start + place``, of each array.

        Args:
            job: of which it is a part; ``job.names[place]`` says which sample it is, and
                ``job.seeds.generator(place)`` is a random generator of its own.
            place: of the sample in the job.
            arrays: of the whole batch.
            clock: takes the times of the stages: ``clock.lap(READ)`` after reading.

        Raises:
            LeaveOutError: the sample is to be left out, for a plan that ``leaves_out``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define write")

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Build the job's rows in place, see ``BatchPlan``."""
        held = self.held_generators
        bad: list[BadSample] = []
        with held.borrowed():
            for place, name in enumerate(job.names):
                row = job.start + place
                clock.begin(row, name)
                if row in job.left_out:
                    bad.append(BadSample(row, name, job.left_out[row]))
                    continue
                try:
                    with UserCode(self._note, name):
                        held.seed(job.seeds, place)
                        self.write(job, place, arrays, clock)
                except LeaveOutError as error:
                    bad.append(BadSample(row, name, str(error)))
        return Built(bad=bad)

    def user_objects(self) -> dict[str, Any]:
        """What may hold functions of the user's, by names for messages: by default all fields."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def held_generators(self) -> HeldGenerators:
        """See ``BatchPlan``."""
        return find_generators(self.user_objects().items())

    def __getstate__(self) -> dict[str, Any]:
        return declared_state(self)

    def user_code(self) -> str:
        """See ``BatchPlan``."""
        return f"the plan {type(self).__qualname__}"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return f"the sample {name!r}"

    def _note(self, name: Any) -> str:
        return f"augflow: while preparing {self.describe(name)}"
