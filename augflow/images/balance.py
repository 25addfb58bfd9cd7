"""Classes of unequal size: how evenly they are drawn, and how they are weighted."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from augflow.base.checks import checked_number
from augflow.base.shorten import shortened
from augflow.base.words import did_you_mean
from augflow.order.permutation import BalancedOrder, EpochOrder, WeightedOrder

CLASS_MODES_WITH_ONE_LABEL = ("categorical", "binary", "sparse")
_SEVERAL = (list, tuple, np.ndarray)


class SampledFlow(Protocol):
    """The attributes of a flow of files that say which samples are drawn how often."""

    sampler: Any
    shuffle: Any
    classes: Any
    class_mode: str | None
    class_indices: dict[Any, int]
    filenames: list[str]


class BalancedSampler:
    """The order of a flow with a ``sampler``, made anew where it or the classes have changed."""

    def __init__(self) -> None:
        self._order: EpochOrder | None = None
        self._made_of: tuple[Any, ...] = ()

    def order(self, flow: SampledFlow) -> EpochOrder:
        """How the order of an epoch is drawn.

        Raises:
            TypeError, ValueError: an unknown sampler, or one that does not fit the flow.
        """
        # Of values to be estimated there are no classes.
        made_of = (flow.sampler, getattr(flow, "classes", None))
        same = len(self._made_of) == 2 and all(map(operator.is_, made_of, self._made_of))
        if self._order is None or not same:
            self._order = _made_order(flow)
            self._made_of = made_of
        return self._order


def _made_order(flow: SampledFlow) -> EpochOrder:
    sampler = checked_sampler(flow.sampler, flow.class_mode, flow.shuffle)
    if not isinstance(sampler, str | Mapping):
        return WeightedOrder(_sample_weights(flow))
    if isinstance(sampler, str) and isinstance(flow.classes, np.ndarray):
        return BalancedOrder(flow.classes.astype(np.intp))
    lists = _label_lists(flow)
    if sampler == "balanced" and all(len(numbers) == 1 for numbers in lists):
        return BalancedOrder(np.array([numbers[0] for numbers in lists], dtype=np.intp))
    counts = np.bincount(
        np.fromiter((number for numbers in lists for number in numbers), np.intp),
        minlength=len(flow.class_indices),
    )
    weights = np.ones(len(counts))
    if isinstance(sampler, Mapping):
        weights = _class_weights(sampler, flow.class_indices, counts)
    # First a class by its weight, then one of its samples.
    shares = weights / np.maximum(counts, 1)
    groups = None
    if all(len(numbers) == 1 for numbers in lists):
        groups = np.array([numbers[0] for numbers in lists])
    return WeightedOrder(np.array([shares[numbers].sum() for numbers in lists]), groups)


def _label_lists(flow: SampledFlow) -> list[list[int]]:
    """The numbers of each sample's classes."""
    return [
        list(numbers) if isinstance(numbers, _SEVERAL) else [numbers] for numbers in flow.classes
    ]


def _class_weights(
    given: Mapping[Any, Any], class_indices: dict[Any, int], counts: np.ndarray
) -> np.ndarray:
    """The weight of each class, by its number."""
    missing = [name for name in class_indices if name not in given]
    unknown = [name for name in given if name not in class_indices]
    if missing or unknown:
        raise ValueError(
            "`sampler` must have a weight for each class and no others. Received "
            f"{'no weight for' if missing else 'a weight for the unknown class'} "
            f"{(missing or unknown)[0]!r}; the classes are {list(class_indices)[:10]}"
        )
    weights = np.zeros(len(counts))
    for name, number in class_indices.items():
        weights[number] = checked_number(f"sampler[{name!r}]", given[name])
    _check_weights(weights, lambda place: f"class {list(class_indices)[place]!r}")
    if not weights[counts > 0].any():
        raise ValueError(f"`sampler` gives no class with samples a weight. Received: {dict(given)}")
    return weights


def _sample_weights(flow: SampledFlow) -> np.ndarray:
    """The weight of each sample, in the order of ``filenames``."""
    given, index = flow.sampler, getattr(flow, "dataframe_index", None)
    if hasattr(given, "reindex") and index is not None:
        # A column of the flow's table, of which some rows may be left out.
        missing = ~index.isin(given.index)
        if missing.any():
            raise ValueError(
                f"`sampler` has no weight for row {index[missing][0]!r} of the dataframe: its "
                "index must be that of the dataframe"
            )
        given = given.loc[index]
    try:
        weights = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"`sampler` must hold numbers, one a sample. Received: {shortened(flow.sampler)}"
        ) from None
    if weights.shape != (len(flow.filenames),):
        raise ValueError(
            "`sampler` must have one weight for each of this flow's samples, in the order of its "
            f"`filenames`. Received: shape {weights.shape} for {len(flow.filenames)} samples"
        )
    _check_weights(weights, lambda place: f"sample {flow.filenames[place]!r}")
    if len(weights) and not weights.any():
        raise ValueError("`sampler` gives no sample a weight above 0")
    return weights


def _check_weights(weights: np.ndarray, name: Callable[[int], str]) -> None:
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"weights of `sampler` must be finite and at least 0. Received: {weights[wrong[0]]} "
            f"for {name(int(wrong[0]))}"
        )


def class_weight(numbers: np.ndarray) -> dict[int, float]:
    """Weights by which all classes count equally, as scikit-learn's ``class_weight="balanced"``.

    Args:
        numbers: int array of shape (samples,), the class of each.

    Returns:
        {class number: samples / (classes * samples of the class)}, over the classes that have
        samples.
    """
    found, counts = np.unique(numbers, return_counts=True)
    weights = len(numbers) / (len(found) * counts)
    return dict(zip(found.tolist(), weights.tolist(), strict=True))


def single_labels(
    what: str, classes: Any, class_mode: str | None, filenames: Sequence[str]
) -> np.ndarray:
    """The class number of each sample.

    Args:
        what: asks for it, for messages.
        classes: of a flow's samples.
        class_mode: of the flow.
        filenames: of the samples.

    Returns:
        int array of shape (samples,).

    Raises:
        ValueError: the class mode has no classes, or a sample has several.
    """
    if class_mode not in CLASS_MODES_WITH_ONE_LABEL:
        raise ValueError(
            f"{what} needs classes: class_mode must be one of {CLASS_MODES_WITH_ONE_LABEL}. "
            f"Received: {class_mode!r}"
        )
    for place, number in enumerate(classes):
        if isinstance(number, _SEVERAL):
            raise ValueError(
                f"{what} needs one class a sample; {filenames[place]!r} has the list of "
                f"classes {list(number)}."
            )
    return np.asarray(classes, dtype=np.intp)


def checked_sampler(sampler: Any, class_mode: Any, shuffle: Any) -> Any:
    """Raise ``TypeError`` or ``ValueError`` unless the sampler is known and fits the other
    arguments; its weights are looked at when the samples are known."""
    if sampler is None:
        return None
    if isinstance(sampler, str | bool) and sampler != "balanced":
        raise ValueError(
            f'`sampler` must be "balanced", weights or None. Received: {sampler!r}'
            f"{did_you_mean(sampler, ('balanced',))}"
        )
    if not isinstance(sampler, str) and not hasattr(sampler, "__len__"):
        raise TypeError(
            '`sampler` must be "balanced", a dict from class to weight, or one weight a sample. '
            f"Received: {sampler!r}"
        )
    what = f"sampler={shortened(sampler)}"
    if isinstance(sampler, str | Mapping) and class_mode not in CLASS_MODES_WITH_ONE_LABEL:
        raise ValueError(
            f"{what} needs classes: class_mode must be one of "
            f"{CLASS_MODES_WITH_ONE_LABEL}. Received: {class_mode!r}"
        )
    if not shuffle:
        raise ValueError(
            f"{what} draws each epoch anew and needs shuffle=True. For validation and "
            "prediction leave it out: there each sample is to come once."
        )
    return sampler
