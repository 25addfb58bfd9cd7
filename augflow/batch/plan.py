"""What an engine needs to know of a batch: a plan that builds jobs, for any kind of sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from augflow.base.stage_times import StageClock
from augflow.memory.layout import Layout
from augflow.order.held_generators import HeldGenerators
from augflow.order.streams import SampleSeeds, StreamState

if TYPE_CHECKING:
    from augflow.cache.slots import CachePlace, SlotStore


@dataclass(frozen=True)
class Job:
    """Rows ``start`` to ``stop`` of one batch of ``samples`` rows.

    Attributes:
        samples, start, stop: see above.
        stream: where the batch's random numbers come from.
        names: for each of those rows which sample it is: the path to read, the ID to load,
            and for arrays what an error is to name.
        slots: of those rows in the cache, negative for those that are not to be cached; None
            without a cache.
        seeds: of a generator for each of those rows; None where no stage asks for one.
        extras: what else each of those rows needs, e.g. the paths of its masks; None for
            nothing.
        left_out: rows of the batch that are not to be built again, and why.
        skipped: how many samples, of another process, draw from the stream before the batch.
        whole: what the batch needs as a whole, None for nothing; see ``mapped_plan.Whole``.
    """

    samples: int
    start: int
    stop: int
    stream: StreamState
    names: list[Any]
    slots: list[int] | None = None
    seeds: SampleSeeds | None = None
    extras: list[Any] | None = None
    left_out: Mapping[int, str] = field(default_factory=dict)
    skipped: int = 0
    whole: Any = None


@dataclass(frozen=True)
class BadSample:
    """A sample that could not be built and is to be left out.

    Attributes:
        row: in the batch.
        name: of the sample, as in the job.
        reason: type and message of the error.
    """

    row: int
    name: Any
    reason: str


class LeaveOutError(Exception):
    """Raised where a sample is built that is to be left out; its argument is the reason."""


@dataclass(frozen=True)
class Built:
    """What building a job gives besides the rows themselves.

    Attributes:
        stream: the batch's stream after the last draw; None where nothing draws from it.
        bad: rows that hold no sample.
        drawn: for each row what was drawn for its transform, as the plan has it, by its
            number; empty where nothing is.
    """

    stream: np.random.RandomState | None = None
    bad: list[BadSample] = field(default_factory=list)
    drawn: Any = ()


def declared_state(plan: Any) -> dict[str, Any]:
    """What is pickled of a dataclass: its fields, but for those that have their defaults.

    A default is there by itself, and what was computed can be computed again.
    """
    defaults = {each.name: each.default for each in fields(plan)}
    return {
        name: value
        for name, value in vars(plan).items()
        if name in defaults and value is not defaults[name]
    }


class BatchPlan(Protocol):
    """What every batch of a flow has in common, and how one is built.

    A plan is pickled once a flow and unpickled once a worker. The same ``build`` runs in this
    process and in workers, so the number of workers cannot change a batch.
    """

    @property
    def layout(self) -> Layout:
        """The arrays of a batch."""

    @property
    def cache(self) -> CachePlace | None:
        """Where images that were read are kept."""

    @property
    def is_indivisible(self) -> bool:
        """Whether a batch must be built by one worker as a whole, in order."""

    @property
    def calls_user_code(self) -> bool:
        """Whether functions of the user run, which are to run in workers from the start."""

    @property
    def leaves_out(self) -> bool:
        """Whether samples that cannot be built are left out rather than raised."""

    @property
    def held_generators(self) -> HeldGenerators:
        """Random generators in functions of the user's, which are seeded for each sample."""

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Build the job's rows in place.

        Args:
            job: which rows.
            arrays: of the whole batch, as ``layout.views`` gives them.
            clock: takes the times of the stages.
            store: this process's access to ``cache``. It changes no value.

        Raises:
            Exception: what a stage or a user's function raised, with a note naming the sample.
        """

    def user_code(self) -> str:
        """What may fail to be pickled or loaded in a worker, for a warning."""

    def describe(self, name: Any) -> str:
        """What a sample is called in messages, e.g. "file 'cats/1.jpg'"."""
