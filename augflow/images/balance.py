"""Classes of unequal size: how evenly they are drawn, and how they are weighted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augflow.base.words import did_you_mean
from augflow.order.permutation import BalancedOrder

CLASS_MODES_WITH_ONE_LABEL = ("categorical", "binary", "sparse")
_SEVERAL = (list, tuple, np.ndarray)


class BalancedSampler:
    """The order of ``sampler="balanced"``, made anew where the classes have changed."""

    def __init__(self) -> None:
        self._order: BalancedOrder | None = None
        self._classes: Any = None

    def order(
        self,
        sampler: str,
        shuffle: Any,
        classes: Any,
        class_mode: str | None,
        filenames: Sequence[str],
    ) -> BalancedOrder:
        """How the order of an epoch is drawn, by a flow's attributes of these names.

        Raises:
            ValueError: an unknown sampler, or one that does not fit; a sample of several classes.
        """
        if self._order is None or self._classes is not classes:
            checked_sampler(sampler, class_mode, shuffle)
            self._order = BalancedOrder(
                single_labels(f"sampler={sampler!r}", classes, class_mode, filenames)
            )
            self._classes = classes
        return self._order


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


def checked_sampler(sampler: Any, class_mode: Any, shuffle: Any) -> str | None:
    """Raise ``ValueError`` unless the sampler is known and fits the other arguments."""
    if sampler is None:
        return None
    if sampler != "balanced":
        raise ValueError(
            f'`sampler` must be "balanced" or None. Received: {sampler!r}'
            f"{did_you_mean(sampler, ('balanced',))}"
        )
    if class_mode not in CLASS_MODES_WITH_ONE_LABEL:
        raise ValueError(
            f'sampler="balanced" needs classes: class_mode must be one of '
            f"{CLASS_MODES_WITH_ONE_LABEL}. Received: {class_mode!r}"
        )
    if not shuffle:
        raise ValueError(
            'sampler="balanced" draws each epoch anew and needs shuffle=True. For validation and '
            "prediction leave it out: there each sample is to come once."
        )
    return "balanced"
