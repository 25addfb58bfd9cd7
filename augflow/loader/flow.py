"""Batches of any samples: the user's function loads each by its ID, in the workers."""

from __future__ import annotations

import operator
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from augflow.base.checks import arguments_of, checked_switch, checked_timeout, checked_workers
from augflow.base.shorten import shortened
from augflow.base.structure import Structure
from augflow.base.words import Subset
from augflow.batch.request import Request
from augflow.batch.targets import batch_targets
from augflow.flow.engine_iterator import EngineIterator
from augflow.loader.plan import LoaderPlan, UserFunctions, learn_from_first
from augflow.look.facts import Facts, Meaning, counted
from augflow.order.fingerprint import digest
from augflow.order.streams import SampleSeeds, StreamState
from augflow.order.subset import subset_part
from augflow.runtime.pickle_plan import pickle_with_maps
from augflow.scan.sample_values import checked_ids, checked_weights, class_numbers, values_of

_MOST_PARTS = 3  # of what Keras takes: inputs, targets, weights


def flow_from_loader(
    load: Callable[[Any], Any],
    ids: Any,
    labels: Mapping[Any, Any] | Sequence[Any] | np.ndarray | None = None,
    *,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int | None = None,
    num_classes: int | None = None,
    sample_weight: Mapping[Any, float] | Sequence[float] | np.ndarray | None = None,
    drop_remainder: bool = False,
    shard: Any = None,
    validation_split: float = 0,
    subset: Subset | None = None,
    augment: Callable[[Any, np.random.Generator], Any] | None = None,
    pad: Any = None,
    pad_value: Any = 0,
    workers: int | None = None,
    timeout: float | None = None,
) -> LoaderIterator:
    """Batches of samples that a function of yours loads by their IDs.

    Every sample comes exactly once an epoch, and a batch is the same for any number of workers.

    Args:
        load: called with an ID, in a worker; returns an array (or a number), or a tuple or dict
            of arrays. With ``labels`` all of it is the model's input. Without, a tuple means what
            it means to ``fit``: (inputs, targets) or (inputs, targets, weights), where inputs and
            targets may be tuples or dicts themselves.
        ids: of the samples: a list, range, array or column of anything that can be pickled. An ID
            that stands there twice is two samples.
        labels: the targets: a dict from ID to label, a sequence in the order of ``ids``, or None.
        batch_size: samples a batch. Defaults to 32.
        shuffle: whether each epoch has an order of its own. Defaults to True.
        seed: of order and augmentation; None: drawn from NumPy's global generator.
        num_classes: makes labels one-hot, float32 of shape (batch, num_classes). Labels are then
            class numbers from 0 to ``num_classes`` - 1.
        sample_weight: one number a sample, given as ``labels``.
        drop_remainder: leave out a last batch that would be shorter: an epoch has
            ``samples // batch_size`` batches. What is left out are the last samples of the
            epoch's order, so with ``shuffle`` others in each epoch.
        shard: (index, count): which part of each batch is this flow's, for one of several
            processes that train one model, see docs/shards.md; "auto": as the environment says.
            ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
        validation_split: the fraction of the samples that is for validation: the first ones. See
            ``partition`` for a split by chance.
        subset: "training" or "validation", with ``validation_split``.
        augment: called with what ``load`` returned and a ``numpy.random.Generator`` made for
            (seed, epoch, sample); returns the sample to use.
        pad: the shape that samples are filled up to, for samples of different shapes. An int or
            a tuple of ints, None for an axis that is not filled up; for tuples and dicts of
            arrays a tuple or dict of such.
        pad_value: what to fill up with, at the end of each axis. Defaults to 0.
        workers: worker processes; None (default): one for each CPU; 0: none, everything runs in
            this process.
        timeout: seconds that ``load`` and ``augment`` may take for one sample in a worker, None
            (default) for any. A sample that takes longer is a ``SampleTimeoutError`` that names
            its ID; its worker is replaced.

    Returns:
        A flow for ``model.fit``, ``evaluate`` and ``predict``, and for ``next()``. A loop over the
        flow itself never ends; ``flow.epoch()`` is one pass.

    Raises:
        TypeError, ValueError: arguments that do not fit each other; they name the ID.
        Exception: what ``load`` or ``augment`` raises for the first sample, which is loaded here
            to learn shapes and dtypes. Those of other samples are raised when their batch is
            asked for. Each keeps its type and has a note that names the ID.
    """
    return LoaderIterator(**arguments_of(locals()))


class LoaderIterator(EngineIterator):
    """What ``flow_from_loader`` gives; takes the same arguments.

    Attributes:
        ids: of this flow's samples, those of its subset.
        labels: one a sample, an array, or None.
        sample_weight: one a sample, an array, or None.
        load, augment, num_classes, pad, pad_value, drop_remainder, timeout: as given.
        shard: (index, count), or None.
    """

    def __init__(
        self,
        load: Callable[[Any], Any],
        ids: Any,
        labels: Any = None,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        num_classes: int | None = None,
        sample_weight: Any = None,
        drop_remainder: bool = False,
        shard: Any = None,
        validation_split: float = 0,
        subset: Subset | None = None,
        augment: Callable[[Any, np.random.Generator], Any] | None = None,
        pad: Any = None,
        pad_value: Any = 0,
        workers: int | None = None,
        timeout: float | None = None,
    ) -> None:
        for name, function in (("load", load), ("augment", augment)):
            if not callable(function) and (name, function) != ("augment", None):
                swapped = name == "load" and callable(ids)
                hint = ". The function comes first, the IDs second" if swapped else ""
                raise TypeError(
                    f"`{name}` must be a function. Received: {shortened(function)}{hint}"
                )
        ids = checked_ids(ids)
        part = subset_part(len(ids), validation_split, subset)
        labels = None if labels is None else values_of(labels, ids, "labels")
        self.num_classes = _checked_num_classes(num_classes, labels)
        if self.num_classes is not None:
            labels = class_numbers(labels, ids, self.num_classes)
            _check_both_parts(labels, part)
        if sample_weight is not None:
            sample_weight = checked_weights(values_of(sample_weight, ids, "sample_weight"), ids)
        self.load = load
        self.augment = augment
        self.ids = ids[part]
        self.labels = None if labels is None else labels[part]
        self.sample_weight = None if sample_weight is None else sample_weight[part]
        self.pad = pad
        self.pad_value = pad_value
        self.subset = subset
        self.drop_remainder = checked_switch("drop_remainder", drop_remainder)
        self.shard = shard
        self._processes = checked_workers(workers)
        self.timeout = checked_timeout(timeout)
        self._learnt: tuple[tuple[Any, ...], Structure] | None = None
        super().__init__(len(self.ids), batch_size, shuffle, seed)
        self._structure()
        self._begin_early()

    def _structure(self) -> Structure:
        """What samples are made of, learnt anew where the functions have changed."""
        settings = (self.load, self.augment, self.pad, self.pad_value)
        learnt = self._learnt
        if learnt is None or any(
            new is not old for new, old in zip(settings, learnt[0], strict=True)
        ):
            functions = UserFunctions(self.load, self.augment)
            if self._wanted_workers():
                functions = _copy_of(functions)
            seeds = SampleSeeds(0, 0, [0])
            structure = learn_from_first(functions, self.ids[0], seeds, self.pad, self.pad_value)
            self._check_parts(structure.tree)
            learnt = self._learnt = (settings, structure)
        return learnt[1]

    def _check_parts(self, tree: Any) -> None:
        """Raise unless what ``load`` returns can be told apart as inputs, targets, weights."""
        parts = len(tree) if isinstance(tree, tuple) else 1
        if self.labels is not None:
            return
        if parts > _MOST_PARTS:
            raise ValueError(
                f"without `labels`, a tuple from `load` is (inputs, targets) or (inputs, targets, "
                f"weights). Received: {parts} items. Several inputs are a tuple or dict in the "
                "place of inputs, e.g. ((a, b), target)"
            )
        if self.sample_weight is not None and parts != 2:
            found = "inputs only" if parts == 1 else "weights of its own"
            raise ValueError(
                "`sample_weight` needs `labels`, or a `load` that returns (inputs, targets). "
                f"Received: a `load` that returns {found}"
            )

    # The engine's part

    def _plan(self) -> LoaderPlan:
        for name in ("ids", "labels", "sample_weight"):
            values = getattr(self, name)
            if values is not None and len(values) < self.n:
                raise ValueError(
                    f"`{name}` was changed and now has {len(values)} values for the {self.n} "
                    "samples of this flow; make a new flow of them"
                )
        return LoaderPlan(UserFunctions(self.load, self.augment), self._structure())

    def _fingerprint(self) -> dict[str, str]:
        return {
            "the IDs": digest(self.ids),
            "labels or weights": digest(self.labels, self.sample_weight, self.num_classes),
            "functions or padding": digest(self.load, self.augment, self.pad, self.pad_value),
        }

    def _user_workers(self) -> int | None:
        return self._processes

    def _sample_timeout(self) -> float | None:
        return self.timeout

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        names = [self.ids[index] for index in indices.tolist()]
        # Samples have generators of their own: nothing draws from the batch's stream.
        return Request(key, len(names), 0, names, seeds=seeds)

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        sample = self._structure().assemble(arrays)
        if self.labels is None:
            if self.sample_weight is None:
                return sample
            return (*sample, self.sample_weight[indices])
        if self.num_classes is None:
            targets = self.labels[indices]
        else:
            targets = batch_targets(
                "categorical", indices, self.labels, self.num_classes, None, "float32"
            )
        if self.sample_weight is None:
            return sample, targets
        return sample, targets, self.sample_weight[indices]

    def _unit(self) -> str:
        return "samples"

    def _facts(self) -> Facts:
        facts = super()._facts()
        if self.num_classes is not None:
            facts = replace(facts, classes=counted(self.labels, range(self.num_classes)))
        if self.augment is not None:
            facts = replace(facts, augmentations={"augment": self.augment})
        return facts

    def _without_draws(self, beside: Any) -> None:
        beside.augment = None

    def _meaning(self) -> Meaning:
        names = None if self.num_classes is None else tuple(range(self.num_classes))
        parts = len(self._structure().tree) if isinstance(self._structure().tree, tuple) else 1
        has_targets = self.labels is not None or parts > 1
        kind = "categorical" if names is not None else "unknown" if has_targets else None
        return Meaning(kind, names, name_column="id")

    def _sample_names(self, indices: np.ndarray) -> list[Any]:
        return [self.ids[index] for index in indices.tolist()]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_learnt"] = None
        return state


def _copy_of(functions: UserFunctions) -> UserFunctions:
    """The functions as a worker gets them.

    A function that opens a file at its first call and keeps it open can be sent to workers before
    that call, and not after. So the first sample is loaded by a copy.
    """
    try:
        copy: UserFunctions = pickle.loads(pickle_with_maps(functions))
    except Exception:
        # Whatever stands in the way: the engine finds it, too, and says so.
        return functions
    return copy


def _checked_num_classes(num_classes: Any, labels: np.ndarray | None) -> int | None:
    if num_classes is None:
        return None
    if labels is None:
        raise ValueError(
            f"`num_classes` is for `labels`, and there are none. Received: {num_classes!r}"
        )
    try:
        number = operator.index(num_classes)
    except TypeError:
        raise TypeError(f"`num_classes` must be an int. Received: {num_classes!r}") from None
    if number < 1:
        raise ValueError(f"`num_classes` must be at least 1. Received: {num_classes!r}")
    return number


def _check_both_parts(labels: np.ndarray, part: slice) -> None:
    """Raise where a class is missing in one of the parts, as it is if samples are sorted by it."""
    inside = np.zeros(len(labels), dtype=bool)
    inside[part] = True
    if inside.all():
        return
    alone = np.setxor1d(labels[inside], labels[~inside])
    if len(alone):
        raise ValueError(
            "the training and the validation subset have different classes, as they have if the "
            f"samples are sorted by class: only one of them has class {alone[0]}. "
            "augflow.partition splits by chance, class by class"
        )
