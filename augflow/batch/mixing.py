"""Two samples as one: mixup and CutMix, for ``flow.map``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from augflow.base.checks import checked_number


@dataclass(frozen=True)
class MixUp:
    """What ``augflow.mixup`` returns."""

    alpha: float
    refused_kinds: ClassVar[tuple[str, ...]] = ("sparse",)

    def __call__(self, x: Any, y: Any, rng: np.random.Generator) -> tuple[Any, Any]:
        count = len(_images(x))
        partner, share = rng.permutation(count), rng.beta(self.alpha, self.alpha, count)
        mixed = _blended(_images(x), partner, share)
        return _with_images(x, mixed), _mixed_targets(y, partner, share)


@dataclass(frozen=True)
class CutMix:
    """What ``augflow.cutmix`` returns."""

    alpha: float
    data_format: str
    refused_kinds: ClassVar[tuple[str, ...]] = ("sparse",)

    def __call__(self, x: Any, y: Any, rng: np.random.Generator) -> tuple[Any, Any]:
        images = _images(x)
        count = len(images)
        if images.ndim != 4:
            raise ValueError(f"cutmix needs images of rank 4. Received shape {images.shape}")
        row_axis = 1 if self.data_format == "channels_last" else 2
        height, width = images.shape[row_axis : row_axis + 2]
        partner, share = rng.permutation(count), rng.beta(self.alpha, self.alpha, count)
        side = np.sqrt(1 - share)
        middle = rng.random((2, count)) * [[height], [width]]
        halves = np.array([height * side, width * side]) / 2
        limits = np.array([[height], [width]])
        starts = np.clip(np.rint(middle - halves), 0, limits).astype(int)
        stops = np.clip(np.rint(middle + halves), 0, limits).astype(int)
        mixed = images.copy()
        for place in range(count):
            rows, columns = (slice(starts[axis, place], stops[axis, place]) for axis in (0, 1))
            window = (rows, columns) if row_axis == 1 else (slice(None), rows, columns)
            mixed[place][window] = images[partner[place]][window]
        areas = np.prod(stops - starts, axis=0) / (height * width)
        return _with_images(x, mixed), _mixed_targets(y, partner, 1 - areas)


def mixup(alpha: float = 0.2) -> MixUp:
    """Each sample blended with another one of its batch, and its target likewise.

    Args:
        alpha: of the beta distribution of the shares: small ones leave most samples nearly as they
            are, 1 draws every share as often. Defaults to 0.2, as Zhang et al. (2018) use it.

    Returns:
        A function for ``flow.map``. Targets must be floats that can be averaged: one-hot
        ("categorical"), "binary", or numbers; class numbers of more than two classes cannot.

    Raises:
        TypeError, ValueError: alpha is no number above 0.
    """
    return MixUp(_checked_alpha(alpha))


def cutmix(alpha: float = 1.0, data_format: str = "channels_last") -> CutMix:
    """A rectangle of each image replaced by that of another one of its batch, and its target mixed
    by the areas.

    Args:
        alpha: of the beta distribution of the part that stays. Defaults to 1, as Yun et al. (2019)
            use it.
        data_format: of the images: "channels_last" (default) or "channels_first".

    Returns:
        A function for ``flow.map``; see ``mixup`` for targets.

    Raises:
        TypeError, ValueError: alpha is no number above 0, or an unknown data format.
    """
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f'`data_format` must be "channels_last" or "channels_first". Received: {data_format!r}'
        )
    return CutMix(_checked_alpha(alpha), data_format)


def _checked_alpha(alpha: Any) -> float:
    number = float(checked_number("alpha", alpha))
    if number <= 0:
        raise ValueError(f"`alpha` must be above 0. Received: {alpha!r}")
    return number


def _images(x: Any) -> np.ndarray:
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        what = f"of dtype {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        raise TypeError(
            f"mixup and cutmix need one array of floats as inputs. Received: {what}. For several "
            "inputs write a function (x, y, rng) of your own"
        )
    return x


def _with_images(x: Any, images: np.ndarray) -> np.ndarray:
    mixed: np.ndarray = images.astype(x.dtype, copy=False)
    return mixed


def _blended(values: np.ndarray, partner: np.ndarray, share: np.ndarray) -> np.ndarray:
    """``share`` of each row, and the rest of its partner's."""
    weights = (1 - share).astype(values.dtype).reshape(-1, *(1,) * (values.ndim - 1))
    mixed: np.ndarray = values[partner]
    mixed -= values
    mixed *= weights
    mixed += values
    return mixed


def _mixed_targets(y: Any, partner: np.ndarray, share: np.ndarray) -> Any:
    if y is None:
        return None
    if isinstance(y, list | tuple):
        return type(y)(_mixed_targets(one, partner, share) for one in y)
    if isinstance(y, dict) or y.dtype.kind != "f":
        what = f"a dict of {list(y)}" if isinstance(y, dict) else f"targets of dtype {y.dtype}"
        raise TypeError(
            'mixup and cutmix average targets, which must be floats: class_mode="categorical" '
            f"makes classes one-hot. Received: {what}"
        )
    return _blended(y, partner, share)
