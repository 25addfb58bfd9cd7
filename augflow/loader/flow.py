"""Batches of any samples: the user's function loads each by its ID, in the workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from augflow.base.checks import (
    arguments_of,
    checked_choice,
    checked_switch,
    checked_timeout,
    checked_workers,
)
from augflow.base.shorten import shortened
from augflow.base.structure import NeedsRoomError, Structure
from augflow.base.words import OnError, Subset
from augflow.batch.request import Request
from augflow.batch.targets import batch_targets
from augflow.flow.engine_iterator import EngineIterator
from augflow.flow.keras_base import is_looked_at_by_keras, model_of_caller
from augflow.loader.learn import is_measured
from augflow.loader.lengths import Lengths, Room, batches_of_all, measured_shapes, padded_to
from augflow.loader.plan import LoaderPlan, ShapesPlan, UserFunctions, learn_from_first
from augflow.loader.targets import (
    check_both_parts,
    check_model,
    check_parts,
    checked_num_classes,
    labels_of,
    least_rows,
    rows_of,
)
from augflow.look.facts import Facts, Meaning, counted
from augflow.order.fingerprint import digest
from augflow.order.streams import SampleSeeds, StreamState
from augflow.order.subset import subset_part
from augflow.report.bad_files import SAMPLES, Wording
from augflow.runtime.engine import Batch
from augflow.runtime.pickle_plan import pickle_with_maps
from augflow.scan.sample_values import checked_ids, checked_weights, class_numbers, values_of


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
    inputs_only: bool = False,
    on_error: OnError = "raise",
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
            A label that is a tuple or a dict is several targets, in a dict by the names of the
            model's outputs.
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
            arrays a tuple or dict of such. "longest" in the place of an int, or of all, stands
            for the longest sample of the batch, so that batches differ; "auto" for the longest of
            all ``ids``, which are loaded once for it, here, with a progress line.
        pad_value: what to fill up with, at the end of each axis. Defaults to 0.
        inputs_only: whether all that ``load`` returns is the model's input, also a tuple, and
            there are no targets: batches are ``(inputs,)``, as ``predict`` takes several inputs.
            Defaults to False. Not with ``labels``, with which that is so anyway.
        on_error: "raise" (default), or "skip": a sample that ``load`` raises an exception for,
            that is unlike the first or takes longer than ``timeout`` is left out of its batch,
            which is shorter, named in ``bad_samples``, and reported at the end of the epoch.
            What ``augment`` raises, and a lack of memory or of a package, is raised.
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
            to learn shapes and dtypes (with ``on_error="skip"`` the first that can be). Those of
            other samples are raised when their batch is asked for. Each keeps its type and has a
            note that names the ID.
    """
    return LoaderIterator(**arguments_of(locals()))


class LoaderIterator(EngineIterator):
    """What ``flow_from_loader`` gives; takes the same arguments.

    Attributes:
        ids: of this flow's samples, those of its subset.
        labels: one a sample, an array or a tuple or dict of such, or None.
        sample_weight: one a sample, an array, or None.
        shard: (index, count), or None.
        load, augment, num_classes, pad, pad_value, inputs_only, on_error, drop_remainder, timeout:
            as given.
    """

    _wording: ClassVar[Wording] = SAMPLES

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
        inputs_only: bool = False,
        on_error: OnError = "raise",
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
        labels = None if labels is None else labels_of(labels, ids)
        self.num_classes = checked_num_classes(num_classes, labels)
        if self.num_classes is not None:
            labels = class_numbers(labels, ids, self.num_classes)
            check_both_parts(labels, part)
        if sample_weight is not None:
            sample_weight = checked_weights(values_of(sample_weight, ids, "sample_weight"), ids)
        self.load = load
        self.augment = augment
        self.ids = ids[part]
        self.labels = None if labels is None else rows_of(labels, part)
        self.sample_weight = None if sample_weight is None else sample_weight[part]
        self.pad = pad
        self.pad_value = pad_value
        self.subset = subset
        self.drop_remainder = checked_switch("drop_remainder", drop_remainder)
        self.shard = shard
        self._processes = checked_workers(workers)
        self.timeout = checked_timeout(timeout)
        self.inputs_only = checked_switch("inputs_only", inputs_only)
        self.on_error = checked_choice("on_error", on_error, ("raise", "skip"))
        self._learnt: tuple[tuple[Any, ...], Structure] | None = None
        # Also those of the other part: both are to be padded alike.
        self._all_ids = ids if subset is not None else None
        self._measured: list[tuple[int, ...]] | None = None
        self._room = Room()
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
            own = _copy_of(functions) if self._wanted_workers() else functions
            skips = self.on_error == "skip"
            structure = learn_from_first(own, self.ids, self.pad, self.pad_value, skips)
            check_parts(
                structure.tree,
                has_labels=self.labels is not None,
                has_weights=self.sample_weight is not None,
                inputs_only=self.inputs_only,
            )
            if is_measured(structure):
                # A copy has what was measured, but nothing learnt.
                if learnt is not None or self._measured is None:
                    self._measured = self._measure(functions, structure)
                structure = structure.with_shapes(self._measured)
            learnt = self._learnt = (settings, structure)
            self._room.begin(structure)
        return learnt[1]

    def shapes(self, workers: int | None = None, doing: str = "Measuring") -> Iterator[Batch]:
        """Load each sample once, without moving the flow, and see how large it is.

        Args:
            workers: worker processes; None for those of the flow.
            doing: words in front of the progress line.

        Yields:
            Batches in the order of ``ids``: for each array of a sample ranks and shapes, and the
            samples that cannot be loaded, or are unlike the first.
        """
        functions = UserFunctions(self.load, self.augment)
        plan = ShapesPlan(functions, self._structure(), "skip")
        count = self._wanted_workers() if workers is None else workers
        timeout = self._sample_timeout() if count else None
        yield from batches_of_all(plan, self.ids, count, timeout, self.batch_size, doing)

    def _measure(self, functions: UserFunctions, structure: Structure) -> list[tuple[int, ...]]:
        ids = self.ids if self._all_ids is None else self._all_ids
        plan = ShapesPlan(functions, structure, self.on_error)
        workers, timeout = self._wanted_workers(), self._sample_timeout()
        return measured_shapes(plan, ids, workers, timeout, self.batch_size)

    @property
    def padded_to(self) -> Any:
        """The shapes that ``pad="auto"`` has found, as another flow takes them for its ``pad``.

        A tuple of ints, None for an axis that is not padded, "longest" for one that is as long
        as the longest of the batch; for tuples and dicts of arrays a tuple or dict of such.
        """
        return padded_to(self._structure())

    # The engine's part

    def _plan(self) -> LoaderPlan:
        for name in ("ids", "labels", "sample_weight"):
            values = getattr(self, name)
            if values is None:
                continue
            rows = least_rows(values) if name == "labels" else len(values)
            if rows < self.n:
                raise ValueError(
                    f"`{name}` was changed and now has {rows} values for the {self.n} samples "
                    "of this flow; make a new flow of them"
                )
        structure = self._room.for_batches(self._structure())
        return LoaderPlan(UserFunctions(self.load, self.augment), structure, self.on_error)

    def _make_room(self, error: NeedsRoomError) -> None:
        with self.lock:
            self._room.grow(error)

    def _settings_revision(self) -> Any:
        return self._room.revision

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
        structure = self._structure()
        arrays = structure.cut(arrays)
        if structure.is_cut and is_looked_at_by_keras():
            arrays = self._lengths.told_apart(structure, arrays)
        sample = structure.assemble(arrays)
        if self.labels is None:
            if self.sample_weight is None:
                return (sample,) if self.inputs_only else sample
            return (*sample, self.sample_weight[indices])
        if self.num_classes is None:
            targets = rows_of(self.labels, indices)
        else:
            targets = batch_targets(
                "categorical", indices, self.labels, self.num_classes, None, "float32"
            )
        if self.sample_weight is None:
            return sample, targets
        return sample, targets, self.sample_weight[indices]

    def __getitem__(self, idx: int) -> Any:
        """See ``Iterator``."""
        if self.labels is None and not self.inputs_only:
            check_model(self._structure().tree, model_of_caller())
        return super().__getitem__(idx)

    @property
    def bad_samples(self) -> dict[Hashable, str]:
        """The samples that ``on_error="skip"`` has left out so far: ID to reason."""
        return dict(self._bad.reasons)

    def _shapes_vary(self) -> bool:
        return self._structure().is_cut

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._lengths = Lengths()

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
        state.pop("_lengths", None)
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
