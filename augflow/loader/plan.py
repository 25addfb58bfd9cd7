"""A batch of any samples: the user's function loads each, another one may augment it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from augflow.base.shorten import shortened
from augflow.base.stage_times import AUGMENT, READ, STANDARDIZE, StageClock
from augflow.base.structure import Structure
from augflow.base.user_code import UserCode
from augflow.batch.plan import Built, Job, LeaveOutError
from augflow.batch.sample_plan import SamplePlan
from augflow.cache.slots import SlotStore
from augflow.errors import is_broken_sample, reason_of
from augflow.loader.learn import has_empty_list, learn_structure
from augflow.memory.layout import Field, Layout
from augflow.order.find_generators import find_generators
from augflow.order.streams import SampleSeeds, borrowed_global, global_stream

# Samples that are tried, where broken ones are left out, to learn what all are made of.
_MOST_TRIED = 100


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
        skips: bool = False,
    ) -> Any:
        """One sample, loaded and augmented.

        Args:
            name: its ID.
            seeds: of generators.
            place: of the sample in ``seeds``.
            shared: NumPy's global generator, borrowed. It is seeded for each sample, so that what
                the functions draw from it depends on the sample, and not on the process.
            clock: takes the times.
            skips: whether a sample that cannot be loaded is to be left out.

        Raises:
            LeaveOutError: it cannot, where that ``skips``.
        """
        shared.seed(seeds.global_seed(place))
        try:
            sample = self.load(name)
        except Exception as error:
            if skips and is_broken_sample(error):
                raise LeaveOutError(reason_of(error)) from error
            raise
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
    functions: UserFunctions, ids: Sequence[Any], pad: Any, pad_value: Any, skips: bool = False
) -> Structure:
    """Load one sample and learn the structure of all from it.

    Args:
        functions: gives the sample.
        ids: of the samples.
        pad, pad_value: see ``learn_structure``.
        skips: whether to go on to the next where one cannot be loaded. So it is in any case where
            one holds an empty list, which has no dtype.

    Raises:
        Exception: what the user's functions raise, or ``learn_structure``.
    """
    held = find_generators([("load", functions.load), ("augment", functions.augment)])
    most, broken = min(len(ids), _MOST_TRIED), 0
    for number in range(most):
        name, seeds, is_last = ids[number], SampleSeeds(0, 0, [number]), number + 1 == most
        with borrowed_global() as shared, held.borrowed(), UserCode(_note, name):
            held.seed(seeds, 0)
            goes_on = skips and not is_last
            try:
                sample = functions.sample(name, seeds, 0, shared, StageClock(), goes_on)
            except LeaveOutError:
                broken += 1
                continue
            except Exception as error:
                if broken and broken == number:
                    error.add_note(f"None of the first {number + 1} samples can be loaded.")
                raise
            structure = learn_structure(sample, name, pad, pad_value)
        if is_last or not has_empty_list(sample):
            return structure
    raise AssertionError("the last sample that is tried is returned or raised")


@dataclass(frozen=True)
class LoaderPlan(SamplePlan):
    """What every batch of a flow of loaded samples has in common.

    Attributes:
        functions: gives the samples.
        structure: of the samples.
        on_error: "raise", or "skip": samples that cannot be loaded, or are unlike the first, are
            left out.
    """

    functions: UserFunctions
    structure: Structure
    on_error: str = "raise"
    calls_user_code: ClassVar[bool] = True

    @property
    def leaves_out(self) -> bool:
        """See ``BatchPlan``."""
        return self.on_error == "skip"

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
        name, skips = job.names[place], self.leaves_out
        sample = self.functions.sample(name, job.seeds, place, global_stream(), clock, skips)
        try:
            self._take(sample, arrays, job.start + place, name)
        except (TypeError, ValueError) as error:
            if skips:
                raise LeaveOutError(reason_of(error)) from error
            raise
        clock.lap(STANDARDIZE)

    def _take(self, sample: Any, arrays: list[np.ndarray], row: int, name: Any) -> None:
        self.structure.write(sample, arrays, row, name)

    def user_objects(self) -> dict[str, Any]:
        """See ``SamplePlan``."""
        return {"load": self.functions.load, "augment": self.functions.augment}

    def user_code(self) -> str:
        """The user's functions."""
        return str(self.functions)

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return _described(name)


@dataclass(frozen=True)
class ShapesPlan(LoaderPlan):
    """Loads samples for no other purpose than to see whether it works, and how large they are."""

    @property
    def layout(self) -> Layout:
        """For each array of a sample its rank and its shape."""
        leaves = self.structure.leaves
        return Layout(tuple(Field((1 + len(leaf.shape),), "<i8") for leaf in leaves))

    def _take(self, sample: Any, arrays: list[np.ndarray], row: int, name: Any) -> None:
        for array, value in zip(arrays, self.structure.checked(sample, name), strict=True):
            array[row] = (value.ndim, *value.shape)


def _note(name: Any) -> str:
    return f"augflow: while preparing {_described(name)}"


def _described(name: Any) -> str:
    return f"the sample of ID {shortened(name)}"


def _name_of(function: Any) -> str:
    return repr(getattr(function, "__qualname__", None) or function)
