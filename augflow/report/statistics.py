"""What samples are like: mean, deviation, range, shapes and classes, added up in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

# More different values are no classes, and more channels none that anybody would look at.
_MOST_CLASSES = 10_000
MOST_CHANNELS = 1024
_SHAPES_SHOWN = 3
# Booleans, integers and floats: what has a mean.
NUMBERS = "biuf"
# Numbers in float64 at once.
_BLOCK = 1 << 20


class Moments(NamedTuple):
    """Of numbers by channel: float64 arrays of one shape.

    Two of them are merged without a loss (Chan, Golub and LeVeque, "Algorithms for computing the
    sample variance", 1983): squares of large numbers are never subtracted from each other.

    Attributes:
        number: of them, NaN left out.
        mean: of them, 0 for none.
        squares: the sum of their squared distances from the mean.
        lowest, highest: of them, infinities for none.
    """

    number: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    def merged(self, other: Moments) -> Moments:
        """Those of both."""
        count = self.number + other.number
        share = np.divide(other.number, count, out=np.zeros_like(count), where=count > 0)
        with np.errstate(invalid="ignore"):
            apart = other.mean - self.mean
            mean = self.mean + apart * share
            squares = self.squares + other.squares + apart**2 * self.number * share
        lowest = np.minimum(self.lowest, other.lowest)
        return Moments(count, mean, squares, lowest, np.maximum(self.highest, other.highest))

    def over_channels(self) -> Moments:
        """Those of all channels as one: arrays of shape ()."""
        merged = no_moments(())
        for channel in range(len(self.number)):
            merged = merged.merged(Moments(*(part[channel] for part in self)))
        return merged


def no_moments(shape: tuple[int, ...]) -> Moments:
    """Those of no numbers."""
    zeros = np.zeros(shape)
    return Moments(zeros, zeros, zeros, np.full(shape, np.inf), np.full(shape, -np.inf))


def moments_of(rows: np.ndarray) -> Moments:
    """Those of an array of shape (numbers, channels), of booleans, integers or floats."""
    found = no_moments(rows.shape[1:])
    size = max(1, _BLOCK // max(1, rows.shape[1]))
    for start in range(0, len(rows), size):
        found = found.merged(_moments_of_block(rows[start : start + size]))
    return found


def _moments_of_block(rows: np.ndarray) -> Moments:
    numbers = rows.astype(np.float64)
    missing = np.isnan(numbers)
    if not missing.any():
        mean = numbers.mean(axis=0)
        with np.errstate(invalid="ignore"):
            squares = ((numbers - mean) ** 2).sum(axis=0)
        count = np.full(mean.shape, float(len(rows)))
        return Moments(count, mean, squares, numbers.min(axis=0), numbers.max(axis=0))
    count = (~missing).sum(axis=0).astype(np.float64)
    total = np.where(missing, 0, numbers).sum(axis=0)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    with np.errstate(invalid="ignore"):
        squares = np.where(missing, 0, (numbers - mean) ** 2).sum(axis=0)
    lowest = np.where(missing, np.inf, numbers).min(axis=0)
    return Moments(count, mean, squares, lowest, np.where(missing, -np.inf, numbers).max(axis=0))


@dataclass(frozen=True)
class ArrayStatistics:
    """One array of the samples: numbers by channel, which is an image's, or the last axis.

    Attributes:
        shapes: of single samples, and how many samples have it; the most frequent first.
        dtype: of the samples.
        mean, deviation, minimum, maximum: float64 arrays of shape (channels,), NaN left out. Of
            shape () where a sample is one number, where the last axis has different lengths, or
            more than 1,024. None for text.
        values: how many numbers there are, NaN left out.
        missing: how many NaN there are.
    """

    shapes: Mapping[tuple[int, ...], int]
    dtype: np.dtype[Any]
    mean: np.ndarray | None
    deviation: np.ndarray | None
    minimum: np.ndarray | None
    maximum: np.ndarray | None
    values: int
    missing: int
    _moments: Moments | None = field(repr=False, compare=False, default=None)

    @property
    def total(self) -> ArrayStatistics:
        """The same of all channels as one."""
        if self._moments is None or not self._moments.number.ndim:
            return self
        return _statistics_of(self._moments.over_channels(), self.shapes, self.dtype, self.missing)

    def __str__(self) -> str:
        some = list(self.shapes.items())[:_SHAPES_SHOWN]
        more = f" and {len(self.shapes) - len(some)} more" if len(self.shapes) > len(some) else ""
        shapes = ", ".join(f"{shape} x {count:,}" for shape, count in some)
        lines = [f"shape {shapes}{more}, {self.dtype}"]
        if self.mean is not None:
            named = ("mean", "deviation", "minimum", "maximum")
            lines += [f"{name:9} {_shown(getattr(self, name))}" for name in named]
        if self.missing:
            lines.append(f"missing   {self.missing:,} values are NaN")
        return "\n  ".join(lines)


@dataclass(frozen=True)
class Statistics:
    """What ``augflow.statistics`` gives; ``print`` it to read it.

    Attributes:
        samples: how many were read.
        arrays: by name: "inputs", "targets", "inputs['name']", "inputs[0]".
        classes: how many samples each class has; None where there are none, or more than 10,000.
        left_out: name to reason of samples that could not be read, with ``on_error="skip"``.
    """

    samples: int
    arrays: Mapping[str, ArrayStatistics]
    classes: Mapping[Any, int] | None = None
    left_out: Mapping[Any, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.samples:,} samples"]
        if self.left_out:
            lines.append(f"{len(self.left_out):,} left out")
        lines += [f"{name}: {each}" for name, each in self.arrays.items()]
        if self.classes is not None:
            counts = ", ".join(f"{name!r}: {count:,}" for name, count in self.classes.items())
            lines.append(f"classes: {counts}")
        return "\n".join(lines)


class Tally:
    """Adds up one array of the samples, some at a time.

    Args:
        channel_axis: of a sample; -1 for the last one.
    """

    def __init__(self, channel_axis: int = -1) -> None:
        self._axis = channel_axis
        self._shapes: Counter[tuple[int, ...]] = Counter()
        self._moments: Moments | None = None
        self._dtype: np.dtype[Any] | None = None
        self._missing = 0

    def add(self, rows: np.ndarray) -> None:
        """Take samples into account: an array of shape (samples, ...)."""
        moments = None
        if rows.dtype.kind in NUMBERS:
            axis = self._axis if self._axis < 0 else 1 + self._axis
            if rows.ndim > 1 and 0 < rows.shape[axis] <= MOST_CHANNELS:
                last = np.moveaxis(rows, axis, -1)
                moments = moments_of(last.reshape(-1, last.shape[-1]))
            else:
                moments = moments_of(rows.reshape(-1, 1)).over_channels()
        self.add_moments([rows.shape[1:]] * len(rows), rows.dtype, moments, rows.size)

    def add_moments(
        self,
        shapes: list[tuple[int, ...]],
        dtype: np.dtype[Any],
        moments: Moments | None,
        numbers: int,
    ) -> None:
        """Take samples into account of which this is known; ``numbers``: with NaN."""
        self._shapes.update(shapes)
        self._dtype = dtype if self._dtype is None else np.promote_types(self._dtype, dtype)
        if moments is None:
            return
        self._missing += numbers - int(moments.number.sum())
        mine = self._moments
        if mine is not None and mine.number.shape != moments.number.shape:
            # Channels that are not the same for all samples are none.
            mine = mine.over_channels() if mine.number.ndim else mine
            moments = moments.over_channels() if moments.number.ndim else moments
        self._moments = moments if mine is None else mine.merged(moments)

    def result(self) -> ArrayStatistics:
        """What has been added up."""
        assert self._dtype is not None
        return _statistics_of(
            self._moments, dict(self._shapes.most_common()), self._dtype, self._missing
        )


class ClassCounts:
    """Counts classes, as long as they are that few."""

    def __init__(self) -> None:
        self._counts: Counter[Any] | None = Counter()

    def add(self, labels: np.ndarray | None) -> None:
        """Take some into account; what is no class, one for each sample, ends the counting."""
        if self._counts is None:
            return
        if labels is None or labels.ndim != 1 or labels.dtype.kind not in "biuSU":
            self._counts = None
            return
        names, counts = np.unique(labels, return_counts=True)
        self._counts.update(dict(zip(names.tolist(), counts.tolist(), strict=True)))
        if len(self._counts) > _MOST_CLASSES:
            self._counts = None

    def result(self) -> dict[Any, int] | None:
        """Class to number of samples, in the order of the classes; None for no classes."""
        return dict(sorted(self._counts.items())) if self._counts else None


def _statistics_of(
    moments: Moments | None,
    shapes: Mapping[tuple[int, ...], int],
    dtype: np.dtype[Any],
    missing: int,
) -> ArrayStatistics:
    if moments is None:
        return ArrayStatistics(shapes, dtype, None, None, None, None, 0, missing)
    none = moments.number == 0
    variance = np.divide(
        moments.squares, moments.number, out=np.zeros_like(none, float), where=~none
    )
    mean, deviation, lowest, highest = (
        np.where(none, np.nan, each)
        for each in (moments.mean, np.sqrt(variance), moments.lowest, moments.highest)
    )
    return ArrayStatistics(
        shapes, dtype, mean, deviation, lowest, highest, int(moments.number.sum()), missing, moments
    )


def _shown(numbers: np.ndarray) -> str:
    return np.array2string(numbers, precision=6, threshold=12, separator=", ")
