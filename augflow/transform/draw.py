"""Random numbers to transform parameters, without touching a pixel.

For the same stream, the numbers and the state the stream is left in are those of Keras's
legacy ``ImageDataGenerator.get_random_transform``, called once a sample. A parameter that
is switched off draws nothing, except the two flips, which always draw.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from augflow.base.settings import ShiftRange, TransformSettings


class Column(IntEnum):
    """The columns of a parameter array; rows are samples."""

    THETA = 0  # rotation in degrees
    TX = 1  # shift along the rows, in pixels
    TY = 2  # shift along the columns, in pixels
    SHEAR = 3  # degrees
    ZX = 4  # zoom along the rows
    ZY = 5  # zoom along the columns
    FLIP_HORIZONTAL = 6  # 0 or 1
    FLIP_VERTICAL = 7  # 0 or 1
    CHANNEL_SHIFT_INTENSITY = 8  # grey levels, nan for none
    BRIGHTNESS = 9  # factor, nan for none


COLUMN_COUNT = len(Column)
_IDENTITY_ROW = np.array([0, 0, 0, 0, 1, 1, 0, 0, np.nan, np.nan], dtype=np.float64)
_IDENTITY_ROW.flags.writeable = False
_DEFAULTS = {
    "theta": 0.0,
    "tx": 0.0,
    "ty": 0.0,
    "shear": 0.0,
    "zx": 1.0,
    "zy": 1.0,
    "flip_horizontal": False,
    "flip_vertical": False,
    "channel_shift_intensity": None,
    "brightness": None,
}


class _Choice(NamedTuple):
    """One of ``values`` (or, for an int, of 0 to values - 1), then one of the signs."""

    column: int
    values: np.ndarray | int


class _Uniform(NamedTuple):
    """``low + (high - low) * u`` with u from [0, 1)."""

    column: int
    low: float
    high: float


_SIGNS = np.array([-1, 1])
# As plain ints: an IntEnum as an index costs a microsecond each time.
_TX, _TY = int(Column.TX), int(Column.TY)
_FLIPS = slice(int(Column.FLIP_HORIZONTAL), int(Column.FLIP_VERTICAL) + 1)


def moves_pixels(settings: TransformSettings) -> bool:
    """Whether a transform is switched on that leaves pixels to be filled in."""
    return bool(
        settings.rotation_range
        or settings.height_shift_range
        or settings.width_shift_range
        or settings.shear_range
        or not _zoom_is_off(settings)
    )


def is_random(settings: TransformSettings) -> bool:
    """Whether any random transform is switched on."""
    return bool(
        moves_pixels(settings)
        or settings.horizontal_flip
        or settings.vertical_flip
        or settings.channel_shift_range != 0
        or settings.brightness_range is not None
    )


def identity_parameters(count: int) -> np.ndarray:
    """Parameters that leave ``count`` images alone: float64 of shape (count, 10)."""
    parameters = np.empty((count, COLUMN_COUNT), dtype=np.float64)
    parameters[:] = _IDENTITY_ROW
    return parameters


def changes_image(parameters: np.ndarray) -> np.ndarray:
    """For each row of parameters whether it does anything to an image: bool of shape (n,)."""
    identity = identity_parameters(1)[0]
    # nan, which stands for "none", is not equal to itself.
    same = (parameters == identity) | np.isnan(parameters)
    return np.asarray(~same.all(axis=1))


class Drawing:
    """How the parameters of samples are drawn, prepared once for many batches.

    Args:
        settings: the ranges.
        height: rows of the images, the unit of a height shift below 1.
        width: columns of the images, the unit of a width shift below 1.

    Raises:
        ValueError: a shift range is neither a number nor a list of numbers.
    """

    def __init__(self, settings: TransformSettings, height: int, width: int) -> None:
        self._steps = _steps(settings)
        self._columns = [step.column for step in self._steps]
        self._ranges: tuple[np.ndarray, np.ndarray] | None = None
        uniform = [step for step in self._steps if isinstance(step, _Uniform)]
        if len(uniform) == len(self._steps):
            self._ranges = (
                np.array([step.low for step in uniform]),
                np.array([step.high for step in uniform]),
            )
        self._units: list[tuple[int, int]] = []
        if _is_fraction(settings.height_shift_range):
            self._units.append((_TX, height))
        if _is_fraction(settings.width_shift_range):
            self._units.append((_TY, width))
        # Below this a draw flips: one half, or nothing.
        self._flips_below = np.array(
            [0.5 * bool(settings.horizontal_flip), 0.5 * bool(settings.vertical_flip)]
        )

    def draw(self, count: int, stream: np.random.RandomState) -> np.ndarray:
        """Draw the transform parameters of ``count`` samples.

        Args:
            count: samples.
            stream: where the numbers come from; it is advanced.

        Returns:
            float64 array of shape (count, 10), columns as in ``Column``.

        Raises:
            OverflowError: a range is infinite or nan (as NumPy's ``uniform``).
        """
        if self._ranges is not None:
            # One call draws in the order of a loop over samples and steps. NumPy's own `uniform`
            # and not the formula: compilers that fuse multiply and add would round it otherwise.
            drawn = stream.uniform(*self._ranges, (count, len(self._steps)))
        else:
            drawn = np.array([[_draw(step, stream) for step in self._steps] for _ in range(count)])
            drawn = drawn.reshape(count, len(self._steps))
        parameters = identity_parameters(count)
        parameters[:, self._columns] = drawn
        for column, unit in self._units:
            parameters[:, column] *= unit
        flips = parameters[:, _FLIPS]
        flips[:] = flips < self._flips_below
        return parameters


def draw_parameters(
    settings: TransformSettings,
    height: int,
    width: int,
    count: int,
    stream: np.random.RandomState,
) -> np.ndarray:
    """``Drawing.draw``, for once; see there."""
    return Drawing(settings, height, width).draw(count, stream)


def as_dict(row: np.ndarray) -> dict[str, Any]:
    """One row of parameters as the dictionary of Keras's ``get_random_transform``.

    Args:
        row: float64 array of shape (10,).

    Returns:
        Floats, bools for the flips, None for no channel shift and no brightness.
    """
    values: dict[str, Any] = dict(zip(_DEFAULTS, row.tolist(), strict=True))
    for name in ("flip_horizontal", "flip_vertical"):
        values[name] = bool(values[name])
    for name in ("channel_shift_intensity", "brightness"):
        if values[name] != values[name]:
            values[name] = None
    return values


def from_dict(parameters: Mapping[str, Any]) -> np.ndarray:
    """A dictionary for ``apply_transform`` as one row of parameters.

    Args:
        parameters: any of the keys of ``as_dict``; what is missing leaves the image alone,
            keys of other names are ignored, as by Keras.

    Returns:
        float64 array of shape (10,).
    """
    row = _IDENTITY_ROW.copy()
    for column, name in enumerate(_DEFAULTS):
        value = parameters.get(name, _DEFAULTS[name])
        if name.startswith("flip"):
            row[column] = bool(value)
        elif column in (Column.CHANNEL_SHIFT_INTENSITY, Column.BRIGHTNESS):
            row[column] = np.nan if value is None else value
        else:
            row[column] = value
    return row


def _zoom_is_off(settings: TransformSettings) -> bool:
    return settings.zoom_range[0] == 1 and settings.zoom_range[1] == 1


def _steps(settings: TransformSettings) -> list[_Uniform | _Choice]:
    """What is drawn for one sample, in Keras's order."""
    steps: list[_Uniform | _Choice] = []
    if settings.rotation_range:
        steps.append(_symmetric(Column.THETA, settings.rotation_range))
    if settings.height_shift_range:
        steps.append(_shift(Column.TX, settings.height_shift_range))
    if settings.width_shift_range:
        steps.append(_shift(Column.TY, settings.width_shift_range))
    if settings.shear_range:
        steps.append(_symmetric(Column.SHEAR, settings.shear_range))
    if not _zoom_is_off(settings):
        steps.append(_Uniform(Column.ZX, *settings.zoom_range))
        steps.append(_Uniform(Column.ZY, *settings.zoom_range))
    steps.append(_Uniform(Column.FLIP_HORIZONTAL, 0.0, 1.0))
    steps.append(_Uniform(Column.FLIP_VERTICAL, 0.0, 1.0))
    if settings.channel_shift_range != 0:
        steps.append(_symmetric(Column.CHANNEL_SHIFT_INTENSITY, settings.channel_shift_range))
    if settings.brightness_range is not None:
        steps.append(_Uniform(Column.BRIGHTNESS, *settings.brightness_range))
    return steps


def _symmetric(column: int, limit: float) -> _Uniform:
    return _Uniform(column, -limit, limit)


def _shift(column: int, limit: ShiftRange) -> _Uniform | _Choice:
    """A float is a uniform range; a positive int or a list is a choice with a random sign.

    Keras tries ``np.random.choice`` and draws uniformly where that raises ValueError: for
    floats, and for negative ints.
    """
    if isinstance(limit, float | np.floating):
        return _symmetric(column, float(limit))
    if np.ndim(limit) == 0:
        count = operator.index(limit)  # type: ignore[arg-type]
        return _Choice(column, count) if count > 0 else _symmetric(column, count)
    values = np.asarray(limit)
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise ValueError(
            f"a shift range must be a float, an int or a list of numbers. Received: {limit!r}"
        )
    return _Choice(column, values)


def _is_fraction(limit: ShiftRange) -> bool:
    """Whether a shift range is in fractions of the image: all of it is below 1."""
    if isinstance(limit, float | int):
        return bool(limit) and limit < 1
    return bool(np.size(limit)) and bool(np.max(limit) < 1)


def _draw(step: _Uniform | _Choice, stream: np.random.RandomState) -> float:
    if isinstance(step, _Uniform):
        return stream.uniform(step.low, step.high)
    return float(stream.choice(step.values) * stream.choice(_SIGNS))
