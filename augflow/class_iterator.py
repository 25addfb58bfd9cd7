"""Flows whose samples have classes: how evenly these are drawn, and how they are weighted."""

from __future__ import annotations

from typing import Any

import numpy as np

from augflow.order import BalancedOrder, EpochOrder
from augflow.planned_iterator import PlannedIterator

CLASS_MODES_WITH_ONE_LABEL = ("categorical", "binary", "sparse")
_SEVERAL = (list, tuple, np.ndarray)


class ClassIterator(PlannedIterator):
    """What flows with classes share; a subclass sets ``class_mode`` and ``classes``."""

    class_mode: str | None
    classes: Any
    filenames: list[str]
    sampler: str | None = None
    _balanced: BalancedOrder | None = None
    _balanced_classes: Any = None

    def class_weight(self) -> dict[int, float]:
        """Weights for ``model.fit(class_weight=...)`` by which all classes count equally.

        Returns:
            {class number: samples / (classes * samples of the class)}, over the classes that
            have samples; the formula of scikit-learn's ``class_weight="balanced"``.

        Raises:
            ValueError: the class mode has no classes, or a sample has several.
        """
        numbers = self._single_labels("class_weight()")
        found, counts = np.unique(numbers, return_counts=True)
        weights = len(numbers) / (len(found) * counts)
        return dict(zip(found.tolist(), weights.tolist(), strict=True))

    def _epoch_order(self) -> EpochOrder:
        if self.sampler is None:
            return super()._epoch_order()
        if self._balanced is None or self._balanced_classes is not self.classes:
            checked_sampler(self.sampler, self.class_mode, self.shuffle)
            self._balanced = BalancedOrder(self._single_labels(f"sampler={self.sampler!r}"))
            self._balanced_classes = self.classes
        return self._balanced

    def _single_labels(self, what: str) -> np.ndarray:
        """The class number of each sample: int array of shape (samples,)."""
        if self.class_mode not in CLASS_MODES_WITH_ONE_LABEL:
            raise ValueError(
                f"{what} needs classes: class_mode must be one of {CLASS_MODES_WITH_ONE_LABEL}. "
                f"Received: {self.class_mode!r}"
            )
        for place, number in enumerate(self.classes):
            if isinstance(number, _SEVERAL):
                raise ValueError(
                    f"{what} needs one class a sample; {self.filenames[place]!r} has the list of "
                    f"classes {list(number)}."
                )
        return np.asarray(self.classes, dtype=np.intp)


def checked_sampler(sampler: Any, class_mode: Any, shuffle: Any) -> str | None:
    """Raise unless the sampler is known and fits the other arguments."""
    if sampler is None:
        return None
    if sampler != "balanced":
        raise ValueError(f'`sampler` must be "balanced" or None. Received: {sampler!r}')
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
