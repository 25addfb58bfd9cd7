"""Reading files for no other purpose than to see whether it works, in workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from augflow.batch_plan import BadSample, Built, Job
from augflow.errors import is_broken_file, reason_of
from augflow.layout import Field, Layout
from augflow.read_image import read_image
from augflow.settings import ReadSettings
from augflow.slot_store import CachePlace, SlotStore
from augflow.stage_times import StageClock


@dataclass(frozen=True)
class CheckPlan:
    """A ``BatchPlan`` that reads each file and keeps only what went wrong."""

    read: ReadSettings
    cache: CachePlace | None = None
    is_indivisible: bool = False
    calls_user_code: bool = False

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
        """Read the job's files, see ``BatchPlan``; every one that cannot be read is bad."""
        built = Built()
        for place, name in enumerate(job.names):
            try:
                read_image(name, self.read, clock)
            except (MemoryError, ImportError):
                raise
            except Exception as error:
                if isinstance(error, OSError) and not is_broken_file(error):
                    raise
                # Also what a user's loader raises: what is wrong is what is asked for.
                built.bad.append(BadSample(job.start + place, name, reason_of(error)))
        return built

    def user_code(self) -> str:
        """See ``BatchPlan``."""
        return "the loader of `formats`"
