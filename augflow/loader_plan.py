"""A batch of any samples: the user's function loads each, another one may augment it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.batch_plan import Built, Job
from augflow.layout import Layout
from augflow.sample_structure import Structure, learn_structure
from augflow.slot_store import SlotStore
from augflow.stage_times import AUGMENT, READ, STANDARDIZE, StageClock
from augflow.streams import SampleSeeds, borrowed_global
from augflow.user_code import UserCode


@dataclass(frozen=True)
class SampleSource:
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
    source: SampleSource, name: Any, seeds: SampleSeeds, pad: Any, pad_value: Any
) -> Structure:
    """Load one sample and learn the structure of all from it.

    Args:
        source: gives the sample.
        name: its ID.
        seeds: of it alone.
        pad, pad_value: see ``learn_structure``.

    Raises:
        Exception: what the user's functions raise, or ``learn_structure``.
    """
    with borrowed_global() as shared, UserCode(_note, name):
        sample = source.sample(name, seeds, 0, shared, StageClock())
        structure = learn_structure(sample, name, pad, pad_value)
    return structure


@dataclass(frozen=True)
class LoaderPlan:
    """What every batch of a flow of loaded samples has in common.

    Attributes:
        source: gives the samples.
        structure: of the samples.
        is_indivisible: no sample has a say in what another one draws.
        calls_user_code: always.
        leaves_out: never.
        cache: none.
    """

    source: SampleSource
    structure: Structure
    is_indivisible: bool = False
    calls_user_code: bool = True
    leaves_out: bool = False
    cache: None = None

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
        assert job.seeds is not None
        with borrowed_global() as shared:
            for place, name in enumerate(job.names):
                clock.begin(job.start + place, name)
                with UserCode(_note, name):
                    sample = self.source.sample(name, job.seeds, place, shared, clock)
                    self.structure.write(sample, arrays, job.start + place, name)
                    clock.lap(STANDARDIZE)
        return Built()

    def user_code(self) -> str:
        """The user's functions."""
        return str(self.source)

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return _described(name)


def _note(name: Any) -> str:
    return f"augflow: while preparing {_described(name)}"


def _described(name: Any) -> str:
    return f"the sample of ID {name!r}"


def _name_of(function: Any) -> str:
    return repr(getattr(function, "__qualname__", None) or function)
