"""Reading files for no other purpose than to see whether it works, in workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.batch_plan import BadSample, Built, Job
from augflow.companions import CompanionSettings, read_companions
from augflow.draw import identity_parameters
from augflow.errors import is_broken_file, reason_beside, reason_of
from augflow.layout import Field, Layout
from augflow.read_image import read_image
from augflow.settings import ReadSettings
from augflow.slot_store import CachePlace, SlotStore
from augflow.stage_times import StageClock
from augflow.user_code import UserCode


@dataclass(frozen=True)
class CheckPlan:
    """A ``BatchPlan`` that reads each file and keeps only what went wrong."""

    read: ReadSettings
    companions: CompanionSettings | None = None
    cache: CachePlace | None = None
    is_indivisible: bool = False
    calls_user_code: bool = False
    leaves_out: bool = True

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
                        still = identity_parameters(1)[0]
                        read_companions(self.companions, record, name, self.read, still, None, None)
            except (MemoryError, ImportError):
                raise
            except Exception as error:
                if isinstance(error, OSError) and not is_broken_file(error):
                    raise
                # Also what a user's loader raises: what is wrong is what is asked for.
                built.bad.append(BadSample(job.start + place, name, describe(error)))
        return built

    def user_code(self) -> str:
        """See ``BatchPlan``."""
        return "the loader of `formats`"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return f"file {name!r}"


def _note(name: str) -> str:
    return f"augflow: while checking file {name!r}"
