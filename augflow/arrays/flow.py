"""Batches of rows of arrays, in memory or memory-mapped: for models without images."""

from __future__ import annotations

from collections.abc import Iterator as AbstractIterator
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from augflow.arrays.tree import check_same_order, map_arrays, named_arrays, rows_of, tree_of_arrays
from augflow.base.checks import arguments_of, checked_switch
from augflow.base.stage_times import read_only
from augflow.base.words import Subset
from augflow.flow.iterator import Iterator
from augflow.flow.own_methods import is_overridden
from augflow.look.facts import Facts, Meaning, classes_of_array, counted
from augflow.order.fingerprint import digest
from augflow.order.schedule import Place
from augflow.order.subset import subset_part, warn_of_sorted_split
from augflow.report.stats import FlowStats, make_stats
from augflow.scan.sample_values import checked_weights


def flow_from_arrays(
    inputs: Any,
    targets: Any = None,
    *,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int | None = None,
    sample_weight: Any = None,
    drop_remainder: bool = False,
    shard: Any = None,
    validation_split: float = 0,
    subset: Subset | None = None,
) -> ArraysIterator:
    """Batches of rows of arrays, for models of any inputs.

    Rows are picked in the calling process: a batch takes microseconds, less than it would cost to
    ask a worker for it. Arrays are not copied; of a memory-mapped one, only the rows of a batch
    are read.

    Args:
        inputs: an array or column, whose first axis counts samples; for several inputs a tuple,
            list or dict of such, or a pandas.DataFrame, which counts as a dict of its columns. A
            dict suits a model with named inputs. Arrays of text are for ``next()``: Keras takes
            no strings of NumPy from a flow.
        targets: as ``inputs``, or None.
        batch_size: samples a batch. Defaults to 32.
        shuffle: whether each epoch has an order of its own. Defaults to True.
        seed: of the order; None: drawn from NumPy's global generator.
        sample_weight: one number a sample, or None. Needs targets.
        drop_remainder: leave out a last batch that would be shorter, see ``flow_from_loader``.
        shard: (index, count): which part of each batch is this flow's, for one of several
            processes that train one model, see docs/shards.md; "auto": as the environment says.
            ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
        validation_split: the fraction of the samples that is for validation: the first ones.
        subset: "training" or "validation", with ``validation_split``.

    Returns:
        A flow for ``model.fit``, ``evaluate`` and ``predict``, and for ``next()``. Several inputs
        without targets come as ``((first, second),)``, which is how ``predict`` takes them. A loop
        over the flow itself never ends; ``flow.epoch()`` is one pass.

    Raises:
        TypeError, ValueError: arrays of different lengths, or of something else than numbers,
            booleans or text; columns of one index in different orders. They name column and row.
    """
    return ArraysIterator(**arguments_of(locals()))


class ArraysIterator(Iterator):
    """What ``flow_from_arrays`` gives; takes the same arguments.

    Attributes:
        inputs, targets: arrays, or tuples or dicts of them, of this flow's samples.
        sample_weight: one a sample, or None.
        subset, drop_remainder: as given.
        shard: (index, count), or None.
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any = None,
        *,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        sample_weight: Any = None,
        drop_remainder: bool = False,
        shard: Any = None,
        validation_split: float = 0,
        subset: Subset | None = None,
    ) -> None:
        check_same_order(("inputs", inputs), ("targets", targets), ("sample_weight", sample_weight))
        from_list = isinstance(inputs, list) or isinstance(targets, list)
        inputs = tree_of_arrays(inputs, "inputs")
        targets = None if targets is None else tree_of_arrays(targets, "targets")
        if sample_weight is not None:
            if targets is None:
                raise ValueError("`sample_weight` needs `targets`. Received: targets=None")
            sample_weight = _weights(sample_weight)
        samples = _common_length(inputs, targets, sample_weight, from_list)
        part = subset_part(samples, validation_split, subset)
        if isinstance(targets, np.ndarray) and targets.ndim == 1 and targets.dtype.kind in "biuUS":
            warn_of_sorted_split(
                targets, part, "Shuffle all arrays with one permutation beforehand."
            )
        cut = partial(map_arrays, function=lambda array: array[part])
        self.inputs = cut(inputs)
        self.targets = None if targets is None else cut(targets)
        self.sample_weight = None
        if sample_weight is not None:
            self.sample_weight = checked_weights(sample_weight, range(samples), "row")[part]
        self.subset = subset
        self.drop_remainder = checked_switch("drop_remainder", drop_remainder)
        self.shard = shard
        super().__init__(part.stop - part.start, batch_size, shuffle, seed)

    def _fingerprint(self) -> dict[str, str]:
        return {
            "inputs": digest(self.inputs),
            "targets or weights": digest(self.targets, self.sample_weight),
        }

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        if is_overridden(self, "_get_batches_of_transformed_samples", ArraysIterator):
            return super()._fetch(place, coming)
        # Nothing is drawn: to set up the batch's stream would cost more than the batch.
        return self._rows(place.indices)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """The batch of the given samples.

        Args:
            index_array: int array of shape (batch,), positions of samples.

        Returns:
            What ``next()`` returns for these samples.
        """
        return self._rows(np.asarray(index_array))

    def _rows(self, indices: np.ndarray) -> Any:
        begin = perf_counter()
        batch = self._picked(indices)
        self._meter.add(read_only(len(indices), perf_counter() - begin), 0)
        return batch

    def _picked(self, indices: np.ndarray) -> Any:
        inputs = rows_of(self.inputs, indices)
        batch = inputs
        if self.targets is not None and self.sample_weight is not None:
            batch = (inputs, rows_of(self.targets, indices), self.sample_weight[indices])
        elif self.targets is not None:
            batch = (inputs, rows_of(self.targets, indices))
        elif isinstance(inputs, tuple):
            # Keras would take the second of two inputs for the targets.
            batch = (inputs,)
        return batch

    def _facts(self) -> Facts:
        classes = classes_of_array(self.targets)
        counts = None if classes is None else counted(classes, range(int(classes.max()) + 1))
        return replace(super()._facts(), classes=counts)

    def _meaning(self) -> Meaning:
        return Meaning(None if self.targets is None else "unknown")

    def _draws(self) -> bool:
        return is_overridden(self, "_get_batches_of_transformed_samples", ArraysIterator)

    def _empty_batch(self) -> Any:
        return self._picked(np.arange(0))

    def stats(self) -> FlowStats:
        """Where the time of the last and of the current epoch went; ``print`` it to read it."""
        return make_stats(*self._meter.read(), cpus=0, decode=None, unit="samples")


def _weights(sample_weight: Any) -> np.ndarray:
    if isinstance(sample_weight, Mapping | str) or not hasattr(sample_weight, "__len__"):
        raise TypeError(
            "`sample_weight` must be a list, array or column of one number a row. Received: "
            f"{sample_weight!r}"
        )
    weights = tree_of_arrays(sample_weight, "sample_weight")
    return weights if isinstance(weights, np.ndarray) else np.asarray(sample_weight)


def _common_length(
    inputs: Any, targets: Any, sample_weight: np.ndarray | None, from_list: bool
) -> int:
    """The number of rows that all arrays have; ``from_list``: whether a list was given."""
    arrays = list(named_arrays(inputs, "inputs"))
    if targets is not None:
        arrays += named_arrays(targets, "targets")
    if sample_weight is not None:
        arrays.append(("sample_weight", sample_weight))
    first, samples = arrays[0][0], len(arrays[0][1])
    for name, array in arrays[1:]:
        if len(array) != samples:
            hint = ". A list of arrays is several inputs; np.stack makes one array of a list of "
            raise ValueError(
                f"all arrays must have one row a sample. Received: {first} with {samples} rows and "
                f"{name} with {len(array)}{hint + 'samples' if from_list else ''}"
            )
    if not samples:
        raise ValueError(f"{first} has no rows: there is no sample")
    return samples
