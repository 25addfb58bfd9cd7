"""A batch of any samples: the user's function loads each, another one may augment it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from augflow.base.shorten import shortened
from augflow.base.stage_times import AUGMENT, READ, STANDARDIZE, StageClock
from augflow.base.structure import Structure, learn_structure
from augflow.base.user_code import UserCode
from augflow.batch.plan import Built, Job
from augflow.batch.sample_plan import SamplePlan
from augflow.cache.slots import SlotStore
from augflow.memory.layout import Layout
from augflow.order.find_generators import find_generators
from augflow.order.streams import SampleSeeds, borrowed_global, global_stream


@dataclass(frozen=True)
class UserFunctions:
    """The user's functions.

    Attributes:
        load: gives the sample of an ID.
        augment: changes a sample, with a generator for it; None for no change.
    """

    load: Callable[[Any], Any]
    augment: Callable[[Any, np.random.Generator], Any] | None = None

    def sample(
        self,
        name: Any,
        seeds: SampleSeeds,
        place: int,
        shared: np.random.RandomState,
        clock: StageClock,
    ) -> Any:
        """One sample, loaded and augmented.

        Args:
            name: its ID.
            seeds: of generators.
            place: of the sample in ``seeds``.
            shared: NumPy's global generator, borrowed. It is seeded for each sample, so that what
                the functions draw from it depends on the sample, and not on the process.
            clock: takes the times.
        """
        shared.seed(seeds.global_seed(place))
        sample = self.load(name)
        clock.lap(READ)
        if self.augment is not None:
            sample = self.augment(sample, seeds.generator(place))
            clock.lap(AUGMENT)
        return sample

    def __str__(self) -> str:
        text = f"the load function {_name_of(self.load)}"
        if self.augment is not None:
            text += f" or the augment function {_name_of(self.augment)}"
        return text


def learn_from_first(
    functions: UserFunctions, name: Any, seeds: SampleSeeds, pad: Any, pad_value: Any
) -> Structure:
    """Load one sample and learn the structure of all from it.

    Args:
        functions: gives the sample.
        name: its ID.
        seeds: of it alone.
        pad, pad_value: see ``learn_structure``.

    Raises:
        Exception: what the user's functions raise, or ``learn_structure``.
    """
    held = find_generators([("load", functions.load), ("augment", functions.augment)])
    with borrowed_global() as shared, held.borrowed(), UserCode(_note, name):
        held.seed(seeds, 0)
        sample = functions.sample(name, seeds, 0, shared, StageClock())
        structure = learn_structure(sample, name, pad, pad_value)
    return structure


@dataclass(frozen=True)
class LoaderPlan(SamplePlan):
    """What every batch of a flow of loaded samples has in common.

    Attributes:
        functions: gives the samples.
        structure: of the samples.
    """

    functions: UserFunctions
    structure: Structure
    calls_user_code: ClassVar[bool] = True

    @property
    def layout(self) -> Layout:
        """The arrays of the samples."""
        return self.structure.layout

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Build the job's rows in place, see ``BatchPlan``."""
        with borrowed_global():
            return super().build(job, arrays, clock, store)

    def write(self, job: Job, place: int, arrays: list[np.ndarray], clock: StageClock) -> None:
        """Load a sample into its row, see ``SamplePlan``; the global generator is borrowed."""
        assert job.seeds is not None
        name = job.names[place]
        sample = self.functions.sample(name, job.seeds, place, global_stream(), clock)
        self.structure.write(sample, arrays, job.start + place, name)
        clock.lap(STANDARDIZE)

    def user_objects(self) -> dict[str, Any]:
        """See ``SamplePlan``."""
        return {"load": self.functions.load, "augment": self.functions.augment}

    def user_code(self) -> str:
        """The user's functions."""
        return str(self.functions)

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return _described(name)


def _note(name: Any) -> str:
    return f"augflow: while preparing {_described(name)}"


def _described(name: Any) -> str:
    return f"the sample of ID {shortened(name)}"


def _name_of(function: Any) -> str:
    return repr(getattr(function, "__qualname__", None) or function)
