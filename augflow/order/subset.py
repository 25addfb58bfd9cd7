"""The part of the samples that a subset takes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.base.words import did_you_mean

# Below this it is no chance that a part lacks a class.
_UNLIKELY = 1e-3
_CLASSES_SHOWN = 5


def check_subset(validation_split: Any, subset: str | None) -> None:
    """Raise unless the arguments of ``subset_part`` fit each other, whatever the samples are.

    Raises:
        TypeError, ValueError: a wrong name or fraction, or one without the other.
    """
    if isinstance(validation_split, bool) or not isinstance(validation_split, Real):
        raise TypeError(f"`validation_split` must be a number. Received: {validation_split!r}")
    if not 0 <= float(validation_split) < 1:
        raise ValueError(
            f"`validation_split` must be at least 0 and below 1. Received: {validation_split!r}"
        )
    if subset not in ("training", "validation", None):
        raise ValueError(
            f'`subset` must be "training", "validation" or None. Received: {subset!r}'
            f"{did_you_mean(subset, ('training', 'validation'))}"
        )
    if subset is None:
        if validation_split:
            raise ValueError(
                f'validation_split={validation_split!r} needs subset="training" or '
                'subset="validation", to say which of the two parts this flow is. Received: '
                "subset=None"
            )
    elif not validation_split:
        raise ValueError(
            f"subset={subset!r} needs a `validation_split` above 0, e.g. 0.2. Received: "
            f"validation_split={validation_split!r}"
        )


def subset_part(samples: int, validation_split: Any, subset: str | None) -> slice:
    """The slice of a subset: validation is the first fraction, training the rest.

    Args:
        samples: number of samples.
        validation_split: the fraction that is for validation, from 0 to below 1.
        subset: "training", "validation", or None for all samples.

    Raises:
        TypeError, ValueError: see ``check_subset``; and a subset without samples.
    """
    check_subset(validation_split, subset)
    if subset is None:
        return slice(0, samples)
    border = int(samples * float(validation_split))
    part = slice(0, border) if subset == "validation" else slice(border, samples)
    if part.start == part.stop:
        raise ValueError(
            f"subset={subset!r} has no samples: validation_split={validation_split!r} of "
            f"{samples} samples leaves none for it"
        )
    return part


def check_has_batch(samples: int, batch_size: int, drop_remainder: bool, shards: int = 1) -> None:
    """Raise where leaving out a short batch leaves none, or a short one is too short to be shared.

    Args:
        samples: in an epoch.
        batch_size: of all shards together.
        drop_remainder: whether a shorter batch is left out.
        shards: which share each batch.
    """
    if drop_remainder and samples < batch_size:
        raise ValueError(
            f"drop_remainder=True leaves no batch of {samples} samples: batch_size is {batch_size}"
            + (f", {batch_size // shards} for each of {shards} shards" if shards > 1 else "")
        )
    if not drop_remainder and 0 < samples % batch_size < shards:
        raise ValueError(
            f"the last batch of an epoch of {samples} samples has {samples % batch_size}, too few "
            f"for {shards} shards, which need equal numbers of batches: pass drop_remainder=True, "
            f"or another `batch_size`. Received: batch_size={batch_size // shards} for each"
        )


def warn_of_sorted_split(labels: Sequence[Any] | np.ndarray, part: slice, cure: str) -> None:
    """Warn where a class is missing in one of the two parts that chance would have put there.

    So it is where samples are sorted by class: the first of them are of one class.

    Args:
        labels: of all samples, hashable or numbers.
        part: of the subset; the other samples are the other part.
        cure: what to do about it.
    """
    samples = len(labels)
    inside = np.zeros(samples, dtype=bool)
    inside[part] = True
    if inside.all() or not inside.any():
        return
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    counts = np.bincount(codes)
    own = np.bincount(codes[inside], minlength=len(counts))
    share = inside.mean()
    # The chance that all samples of a class fall into the other part, or into this one.
    chance = np.where(own == 0, (1 - share) ** counts, np.where(own == counts, share**counts, 1))
    missing = np.flatnonzero(chance < _UNLIKELY)
    if len(missing):
        values = np.unique(np.asarray(labels))[missing]
        named = ", ".join(repr(value) for value in values[:_CLASSES_SHOWN].tolist())
        more = ", ..." if len(missing) > _CLASSES_SHOWN else ""
        warn_user(
            f"augflow: {len(missing)} of {len(counts)} classes ({named}{more}) are in only one of "
            "the training and the validation subset, as if the samples were sorted by class: the "
            f"validation part is the first of them. {cure}"
        )
