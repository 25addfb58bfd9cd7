"""Reading files for no other purpose than to see whether it works, in workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.stage_times import StageClock
from augflow.base.user_code import UserCode
from augflow.batch.plan import BadSample, Built, Job
from augflow.cache.slots import CachePlace, SlotStore
from augflow.companions.moving import CompanionSettings, read_companions
from augflow.errors import is_broken_sample, reason_beside, reason_of
from augflow.memory.layout import Field, Layout
from augflow.order.held_generators import NO_GENERATORS, HeldGenerators
from augflow.read.image_file import read_image
from augflow.store.remote import reading_ahead
from augflow.store.stored_file import plain_name
from augflow.transform.apply import STILL


@dataclass(frozen=True)
class VerifyPlan:
    """A ``BatchPlan`` that reads each file and keeps only what went wrong."""

    read: ReadSettings
    companions: CompanionSettings | None = None
    cache: CachePlace | None = None
    is_indivisible: bool = False
    calls_user_code: bool = False
    leaves_out: bool = True
    held_generators: ClassVar[HeldGenerators] = NO_GENERATORS

    @property
    def layout(self) -> Layout:
        """A byte for each file, which nobody looks at."""
        return Layout((Field((), "|u1"),))

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Read the job's files and their masks, boxes and points, see ``BatchPlan``.

        A sample of which anything cannot be read is bad.
        """
        with reading_ahead(job.names):
            return self._verified(job, clock)

    def _verified(self, job: Job, clock: StageClock) -> Built:
        built = Built()
        for place, name in enumerate(job.names):
            describe: Callable[[BaseException], str] = reason_of
            clock.begin(job.start + place, name)
            try:
                with UserCode(_note, name):
                    read_image(name, self.read, clock)
                    if self.companions is not None:
                        assert job.extras is not None
                        # These errors name another file, or none.
                        describe, record = reason_beside, job.extras[place]
                        read_companions(self.companions, record, name, self.read, STILL, None)
            except Exception as error:
                if not is_broken_sample(error):
                    raise
                # Also what a user's loader raises: what is wrong is what is asked for.
                built.bad.append(BadSample(job.start + place, plain_name(name), describe(error)))
        return built

    def user_code(self) -> str:
        """See ``BatchPlan``."""
        return "the loader of `formats`"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return f"file {name!r}"


def _note(name: str) -> str:
    return f"augflow: while checking file {name!r}"
