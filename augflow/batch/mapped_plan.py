"""Batches that pass through functions of the user's as a whole: mixup, noise, other targets.

A batch is built by one worker, which then calls the functions: a batch that several workers build
is whole nowhere but in the calling process, and that one is to stay free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from augflow.base.stage_times import AUGMENT, StageClock
from augflow.base.user_code import UserCode
from augflow.batch.plan import BatchPlan, Built, Job, declared_state
from augflow.cache.slots import CachePlace, SlotStore
from augflow.memory.layout import Field, Layout
from augflow.order.find_generators import find_generators
from augflow.order.held_generators import HeldGenerators
from augflow.order.streams import SampleSeeds, borrowed_global

# (inputs, targets or None, generator) to (inputs, targets or None).
BatchFunction = Callable[[Any, Any, np.random.Generator], Any]
# Tells these generators from those of samples, whose seeds have three or four numbers, too.
_OF_BATCHES = 1_000_003


class Slot(NamedTuple):
    """The place of an array in a batch; in the place of the array itself."""

    number: int


class Whole(NamedTuple):
    """What a batch needs besides its rows.

    Attributes:
        batch: inputs, targets and weights; a ``Slot`` for what a worker builds.
        seed: what names the batch: (seed of the flow, start of the epoch, position).
    """

    batch: Any
    seed: tuple[int, int, int]


def with_slots(batch: Any, arrays: list[np.ndarray]) -> Any:
    """A batch with a ``Slot`` in the place of each of these arrays."""

    def slot(leaf: Any) -> Any:
        for number, array in enumerate(arrays):
            if leaf is array:
                return Slot(number)
        return leaf

    return rebuilt(batch, slot)


def rebuilt(tree: Any, function: Callable[[Any], Any]) -> Any:
    """A tuple, list or dict of such with a function's result for each leaf; None stays."""
    if isinstance(tree, dict):
        return {key: rebuilt(value, function) for key, value in tree.items()}
    if isinstance(tree, Slot) or not isinstance(tree, list | tuple):
        return None if tree is None else function(tree)
    return type(tree)(rebuilt(value, function) for value in tree)


def leaves_of(tree: Any, where: str = "") -> list[tuple[str, Any]]:
    """The leaves of a tree, and where each of them is: "[0]['image']"."""
    if isinstance(tree, dict):
        items: Any = ((repr(key), value) for key, value in tree.items())
    elif isinstance(tree, list | tuple) and not isinstance(tree, Slot):
        items = enumerate(tree)
    else:
        return [] if tree is None else [(where, tree)]
    return [leaf for key, value in items for leaf in leaves_of(value, f"{where}[{key}]")]


def mapped(functions: tuple[BatchFunction, ...], batch: Any, seed: tuple[int, int, int]) -> Any:
    """A batch after all functions, in their order.

    Args:
        functions: see ``Iterator.map``.
        batch: inputs, (inputs, targets) or (inputs, targets, weights).
        seed: see ``Whole``.

    Raises:
        TypeError, ValueError: a function returned no pair, or other rows than it got.
        Exception: what a function raised.
    """
    # Inputs alone stand in a tuple where they are a tuple themselves.
    parts = batch if isinstance(batch, tuple) else (batch,)
    inputs, targets, *weights = parts if len(parts) > 1 else (*parts, None)
    held = find_generators([(f"map {place}", each) for place, each in enumerate(functions)])
    rows = len(leaves_of(inputs)[0][1])
    base, start, position = seed
    with borrowed_global() as shared, held.borrowed():
        for number, function in enumerate(functions):
            seeds = SampleSeeds(base, start, [position], [_OF_BATCHES + number])
            shared.seed(seeds.global_seed(0))
            held.seed(seeds, 0)
            with UserCode(_note, function, seed):
                result = function(inputs, targets, seeds.generator(0))
                inputs, targets = _checked(result, inputs, targets, rows, function)
    if targets is None:
        return (inputs,) if isinstance(inputs, tuple) else inputs
    return (inputs, targets, *weights)


def _checked(result: Any, inputs: Any, targets: Any, rows: int, function: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"{_name_of(function)} must return a pair: (inputs, targets), with None for no "
            f"targets. Received: {type(result).__name__}"
        )
    before = dict(leaves_of((inputs, targets)))

    def as_array(where: str, value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.ndim == 0 or len(array) != rows:
            raise ValueError(
                f"{_name_of(function)} must return one row a sample. Received an array of shape "
                f"{array.shape} for {rows} samples"
            )
        given = before.get(where)
        if given is not None and array.dtype == np.float64 and given.dtype.kind == "f":
            # NumPy's functions make these of float32 by the way.
            array = array.astype(given.dtype, copy=False)
        return array

    arrays = iter([as_array(where, value) for where, value in leaves_of(result)])
    made: tuple[Any, Any] = rebuilt(result, lambda leaf: next(arrays))
    return made


@dataclass(frozen=True)
class MappedPlan:
    """A ``BatchPlan`` around another one.

    Attributes:
        plan: builds the rows.
        functions: what a batch then passes through.
        arrays: of a batch, behind those of ``plan``: what the functions return and finds no place
            there.
        batch: as it is handed over; a ``Slot`` for each array.
    """

    plan: BatchPlan
    functions: tuple[BatchFunction, ...]
    arrays: tuple[Field, ...]
    batch: Any

    is_indivisible = True

    def __getstate__(self) -> dict[str, Any]:
        return declared_state(self)

    @cached_property
    def layout(self) -> Layout:
        """See ``BatchPlan``."""
        return Layout((*self.plan.layout.fields, *self.arrays))

    @property
    def cache(self) -> CachePlace | None:
        """See ``BatchPlan``."""
        return self.plan.cache

    @property
    def calls_user_code(self) -> bool:
        """See ``BatchPlan``."""
        own = all(type(each).__module__.startswith("augflow.") for each in self.functions)
        return self.plan.calls_user_code or not own

    @property
    def leaves_out(self) -> bool:
        """See ``BatchPlan``."""
        return self.plan.leaves_out

    @cached_property
    def held_generators(self) -> HeldGenerators:
        """Those that cannot be seeded, and the frameworks; ``mapped`` seeds the functions' own."""
        own = find_generators([(f"map {place}", each) for place, each in enumerate(self.functions)])
        inner = self.plan.held_generators
        beyond = [*inner.beyond_reach, *own.beyond_reach]
        return HeldGenerators([], beyond, inner.frameworks | own.frameworks)

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Build a whole batch in place, see ``BatchPlan``."""
        if (job.start, job.stop) != (0, job.samples):
            raise ValueError("a batch that functions are mapped over must be built as a whole")
        inner = arrays[: len(self.plan.layout.fields)]
        built = self.plan.build(job, inner, clock, store)
        rows: Any = slice(None)
        if built.bad:
            bad = [each.row for each in built.bad]
            rows = np.delete(np.arange(job.samples), bad)
            if not len(rows):
                return built
        whole: Whole = job.whole
        given = rebuilt(
            whole.batch,
            lambda leaf: (inner[leaf.number] if isinstance(leaf, Slot) else leaf)[rows],
        )
        made = leaves_of(mapped(self.functions, given, whole.seed))
        places = leaves_of(self.batch)
        found = [(where, value.shape[1:], value.dtype) for where, value in made]
        wanted = [
            (where, self.layout.fields[slot.number].shape, self._dtype(slot))
            for where, slot in places
        ]
        if found != wanted:
            raise ValueError(
                "the functions of map must make the same arrays of every batch. The first batch "
                f"had (place, shape of a row, dtype) {wanted}; this one has {found}"
            )
        for (_, value), (_, slot) in zip(made, places, strict=True):
            arrays[slot.number][rows] = value
        clock.lap(AUGMENT)
        return built

    def _dtype(self, slot: Slot) -> np.dtype[Any]:
        return np.dtype(self.layout.fields[slot.number].dtype)

    def handed_over(self, arrays: list[np.ndarray]) -> Any:
        """A batch as the consumer gets it."""
        return rebuilt(self.batch, lambda slot: arrays[slot.number])

    def user_code(self) -> str:
        """See ``BatchPlan``."""
        names = " or ".join(_name_of(each) for each in self.functions)
        return f"{self.plan.user_code()} or {names} of map"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return self.plan.describe(name)


def mapped_plan(
    plan: BatchPlan, functions: tuple[BatchFunction, ...], given: Any, example: Any
) -> MappedPlan:
    """A plan whose batches pass through functions.

    Args:
        plan: builds the rows.
        functions: see ``Iterator.map``.
        given: a batch of the plan, with a ``Slot`` for each of its arrays.
        example: a batch that has passed through the functions: all have its shapes and dtypes.
    """
    homes = {where: leaf for where, leaf in leaves_of(given) if isinstance(leaf, Slot)}
    own: list[Field] = []
    inner = plan.layout.fields

    def place(where: str, value: np.ndarray) -> Slot:
        field = Field(value.shape[1:], value.dtype.str)
        home = homes.get(where)
        if home is not None and inner[home.number] == field:
            # The array that was built is the one that is handed over.
            return home
        own.append(field)
        return Slot(len(inner) + len(own) - 1)

    slots = iter([place(where, value) for where, value in leaves_of(example)])
    batch = rebuilt(example, lambda leaf: next(slots))
    return MappedPlan(plan, functions, tuple(own), batch)


def _name_of(function: Any) -> str:
    return f"the function {getattr(function, '__qualname__', None) or repr(function)}"


def _note(function: Any, seed: tuple[int, int, int]) -> str:
    return f"augflow: in {_name_of(function)} of map, on batch {seed[2]} of an epoch"
