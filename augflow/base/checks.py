"""Checks of ``ImageDataGenerator``'s arguments: early, and in words."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.base.words import did_you_mean

# SciPy's boundary modes; Keras documents the first four.
FILL_MODES = (
    "nearest",
    "reflect",
    "constant",
    "wrap",
    "mirror",
    "grid-constant",
    "grid-mirror",
    "grid-wrap",
)


def checked_switch(name: str, value: Any) -> bool:
    """A bool."""
    if not isinstance(value, bool | int | np.bool_):
        raise TypeError(f"`{name}` must be a bool. Received: {value!r}")
    return bool(value)


def checked_truth(name: str, value: Any) -> bool:
    """A bool; of anything else its truth with a warning, as Keras takes it without one.

    A function is Keras's best-hidden trap: it would count as True.
    """
    if isinstance(value, bool | int | np.bool_):
        return bool(value)
    if callable(value):
        hint = (
            " Pass the function as preprocessing_function=..., not by position."
            if name == "featurewise_center"
            else ""
        )
        raise TypeError(f"`{name}` must be a bool. Received a function: {value!r}.{hint}")
    try:
        truth = bool(value)
    except ValueError:
        raise TypeError(f"`{name}` must be a bool. Received: {value!r}") from None
    warn_user(
        f"`{name}` should be True or False. Received {value!r}, which counts as {truth}, as in "
        "Keras."
    )
    return truth


def checked_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """One of some words.

    Raises:
        ValueError: another one, or none.
    """
    if value not in choices:
        words = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(
            f"`{name}` must be {words}. Received: {value!r}{did_you_mean(value, choices)}"
        )
    return str(value)


def checked_number(name: str, value: Any) -> Any:
    """A finite real number, as it is; an array of one number without axes counts as that."""
    value = _without_array(value)
    if not isinstance(value, Real) or not math.isfinite(value):
        raise TypeError(f"`{name}` must be a number. Received: {value!r}")
    return value


def checked_range(name: str, value: Any) -> Any:
    """A number; None means 0, as in Keras."""
    return 0 if value is None else checked_number(name, value)


def checked_rescale(value: Any) -> Any:
    """A number, also as the only one of a tuple or list, or None."""
    if isinstance(value, tuple | list) and len(value) == 1:
        value = value[0]
    return None if value is None else checked_number("rescale", value)


def checked_shift(name: str, value: Any) -> Any:
    """A number or a non-empty sequence of numbers; None and the like mean 0, as in Keras."""
    value = _without_array(value)
    if isinstance(value, Real):
        return checked_number(name, value)
    if value is None:
        return 0.0
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence | np.ndarray)
        or np.ndim(value) != 1
    ):
        raise TypeError(f"`{name}` must be a number or a list of numbers. Received: {value!r}")
    for item in value:
        checked_number(name, item)
    return value


def checked_zoom(value: Any) -> list[float]:
    """[lowest, highest] zoom factor, from a number or a pair."""
    value = _without_array(value)
    if isinstance(value, Real):
        checked_number("zoom_range", value)
        return [1 - float(value), 1 + float(value)]
    if _is_pair(value):
        return [value[0], value[1]]
    raise ValueError(
        f"`zoom_range` should be a float or a tuple or list of two floats. Received: {value!r}"
    )


def checked_brightness(value: Any) -> Any:
    """None or a pair of numbers, as it is."""
    if value is None or (isinstance(value, tuple | list) and _is_pair(value)):
        return value
    raise ValueError(
        f"`brightness_range` should be a tuple or list of two floats. Received: {value!r}"
    )


def checked_fill_mode(value: Any, is_needed: bool) -> Any:
    """One of SciPy's boundary modes; anything else where no transform needs one, with a warning."""
    if value not in FILL_MODES:
        if is_needed:
            raise ValueError(
                f"`fill_mode` must be one of {FILL_MODES}. Received: {value!r}"
                f"{did_you_mean(value, FILL_MODES)}"
            )
        warn_user(
            f"`fill_mode` should be one of {FILL_MODES}. Received {value!r}, which has no effect: "
            "no transform is switched on that moves pixels."
        )
    return value


def checked_order(value: Any) -> int:
    """A spline order from 0 to 5."""
    try:
        order = operator.index(value)
    except TypeError:
        raise TypeError(f"`interpolation_order` must be an int. Received: {value!r}") from None
    if not 0 <= order <= 5:
        raise ValueError(f"`interpolation_order` must be from 0 to 5. Received: {value!r}")
    return order


def checked_data_format(value: Any) -> str:
    """ "channels_last" or "channels_first"."""
    if value not in ("channels_last", "channels_first"):
        raise ValueError(
            '`data_format` should be "channels_last" (channel after row and column) or '
            f'"channels_first" (channel before row and column). Received: {value!r}'
            f"{did_you_mean(value, ('channels_last', 'channels_first'))}"
        )
    return str(value)


def checked_validation_split(value: Any) -> Any:
    """A fraction strictly between 0 and 1, or 0 or None for no split."""
    if value is None or value == 0:
        return value
    if not isinstance(value, Real):
        raise TypeError(f"`validation_split` must be a number. Received: {value!r}")
    if not 0 < float(value) < 1:
        raise ValueError(
            f"`validation_split` must be strictly between 0 and 1. Received: {value!r}"
        )
    return value


def checked_function(value: Any) -> Any:
    """A callable or None; what counts as false is None, as in Keras."""
    if any(kind.__module__.split(".")[0] == "albumentations" for kind in type(value).__mro__):
        raise TypeError(
            "`preprocessing_function` is called with an image alone, and a pipeline of "
            "albumentations takes named arguments: give it as augmentation=..., or as "
            'lambda image: pipeline(image=image)["image"]. Received: '
            f"a {type(value).__name__}"
        )
    if callable(value):
        return value
    if value is not None and not _is_false(value):
        raise TypeError(f"`preprocessing_function` must be a function. Received: {value!r}")
    return None


def checked_dtype(value: Any) -> Any:
    """What NumPy takes for a numeric dtype, as it was given."""
    try:
        kind = np.dtype(value).kind
    except TypeError:
        kind = "O"
    if kind not in "fiu":
        raise TypeError(f"`dtype` must be a numeric dtype, e.g. 'float32'. Received: {value!r}")
    return value


def checked_workers(value: Any) -> int | None:
    """A number of worker processes, or None for one a CPU."""
    if value is None:
        return None
    try:
        workers = operator.index(value)
    except TypeError:
        raise TypeError(f"`workers` must be an int or None. Received: {value!r}") from None
    if workers < 0:
        raise ValueError(
            f"`workers` must be 0 (this process) or more, or None. Received: {value!r}"
        )
    return workers


def checked_timeout(value: Any) -> float | None:
    """Seconds, above 0, or None for any time."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`timeout` must be a number of seconds or None. Received: {value!r}")
    if not 0 < float(value) < math.inf:
        raise ValueError(
            f"`timeout` must be a number of seconds above 0, or None. Received: {value!r}"
        )
    return float(value)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, tuple | list | np.ndarray)
        and len(value) == 2
        and all(isinstance(item, Real) for item in value)
    )


def arguments_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a method's call, from its ``locals()`` before any other is set."""
    return {name: value for name, value in call.items() if name not in ("self", "__class__")}


def _without_array(value: Any) -> Any:
    """The number of an array that has no axes; anything else as it is."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _is_false(value: Any) -> bool:
    return isinstance(value, bool | str | Real) and not value
