"""Transform parameters: bit for bit Keras's, and the stream left where Keras leaves it."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from augflow.base.settings import TransformSettings
from augflow.transform.draw import (
    COLUMN_COUNT,
    Column,
    as_dict,
    draw_parameters,
    from_dict,
    identity_parameters,
    is_random,
)

KEYS = [column.name.lower() for column in Column]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return pytest.importorskip("keras.src.legacy.preprocessing.image")


def keras_draws(
    reference: ModuleType, settings: dict[str, Any], shape: tuple[int, int, int], count: int,
    seed: int,
) -> tuple[list[dict[str, Any]], Any]:  # fmt: skip
    """What Keras draws from NumPy's global stream, and that stream's state afterwards."""
    zoom = settings.pop("zoom_range", (1.0, 1.0))
    generator = reference.ImageDataGenerator(**settings, zoom_range=list(zoom))
    before = np.random.get_state()
    try:
        np.random.seed(seed)
        draws = [generator.get_random_transform(shape) for _ in range(count)]
        return draws, np.random.get_state()
    finally:
        np.random.set_state(before)


def assert_same_state(first: Any, second: Any) -> None:
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    assert first[2:] == second[2:]


def check(
    reference: ModuleType, settings: dict[str, Any], height: int, width: int, count: int, seed: int
) -> None:
    expected, state = keras_draws(reference, dict(settings), (height, width, 3), count, seed)
    stream = np.random.RandomState(seed)
    drawn = draw_parameters(TransformSettings(**settings), height, width, count, stream)

    assert drawn.shape == (count, COLUMN_COUNT)
    assert drawn.dtype == np.float64
    for row, parameters in zip(drawn, expected, strict=True):
        # == on floats and None, so bit for bit (no value is nan).
        assert as_dict(row) == parameters
        assert list(as_dict(row)) == list(parameters) == KEYS
        np.testing.assert_array_equal(from_dict(parameters), row)
    assert_same_state(stream.get_state(), state)


limits = st.one_of(
    st.just(0), st.integers(1, 360), st.floats(-400, 400, allow_subnormal=False).filter(bool)
)
shifts = st.one_of(
    st.just(0.0),
    st.just(0),
    st.floats(0.01, 0.99),
    st.floats(1, 50),
    st.floats(-3, -0.01),
    st.integers(1, 40),
    st.integers(-5, -1),
    st.lists(st.floats(-0.9, 0.9), min_size=1, max_size=4).map(tuple),
    st.lists(st.floats(-20, 20), min_size=1, max_size=4).map(tuple),
    st.lists(st.integers(-9, 9), min_size=1, max_size=5).map(tuple),
)
pairs = st.tuples(st.floats(0.1, 3), st.floats(0.1, 3))
all_settings = st.fixed_dictionaries(
    {},
    optional={
        "rotation_range": limits,
        "width_shift_range": shifts,
        "height_shift_range": shifts,
        "shear_range": limits,
        "zoom_range": st.one_of(st.just((1.0, 1.0)), st.just((1, 1)), pairs),
        "channel_shift_range": limits,
        "brightness_range": st.one_of(st.none(), pairs),
        "horizontal_flip": st.booleans(),
        "vertical_flip": st.booleans(),
    },
)


@hypothesis_settings(max_examples=300)
@given(
    settings=all_settings,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    count=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_same_numbers_and_stream_as_keras(
    reference: ModuleType, settings: dict[str, Any], height: int, width: int, count: int, seed: int
) -> None:
    check(reference, settings, height, width, count, seed)


@pytest.mark.parametrize(
    "shift",
    [0.2, 0.999, 1.0, 1.5, 30.0, 1, 2, 7, -3, -0.2, (0.1, -0.2), (3,), (-1, 0), (0.5, 2), True,
     np.float32(0.3), np.int64(4)],
)  # fmt: skip
def test_every_way_to_give_a_shift(reference: ModuleType, shift: Any) -> None:
    check(reference, {"height_shift_range": shift, "horizontal_flip": True}, 40, 70, 20, 5)
    check(reference, {"width_shift_range": shift, "rotation_range": 20}, 40, 70, 20, 6)


def test_full_affine_is_not_trivial(reference: ModuleType) -> None:
    settings = {
        "rotation_range": 20, "width_shift_range": 0.2, "height_shift_range": 0.1,
        "shear_range": 15, "zoom_range": (0.8, 1.2), "horizontal_flip": True,
        "vertical_flip": True, "channel_shift_range": 30.0, "brightness_range": (0.5, 1.5),
    }  # fmt: skip
    check(reference, settings, 224, 128, 32, 1)
    drawn = draw_parameters(TransformSettings(**settings), 224, 128, 200, np.random.RandomState(1))
    limit = np.array([20, 22.4, 25.6, 15, 1.2, 1.2, 1, 1, 30, 1.5])
    assert (np.abs(drawn) <= limit).all()
    assert (drawn.std(axis=0) > 0.05 * limit).all()


def test_flips_draw_even_when_nothing_is_random() -> None:
    stream, twin = np.random.RandomState(3), np.random.RandomState(3)
    drawn = draw_parameters(TransformSettings(), 5, 5, 4, stream)
    np.testing.assert_array_equal(drawn, identity_parameters(4))
    twin.random_sample(8)
    assert_same_state(stream.get_state(), twin.get_state())


@pytest.mark.parametrize(
    "change",
    [{"rotation_range": 1}, {"width_shift_range": 0.1}, {"height_shift_range": (1, 2)},
     {"shear_range": 2.0}, {"zoom_range": (0.9, 1)}, {"horizontal_flip": True},
     {"vertical_flip": True}, {"channel_shift_range": 1.0}, {"brightness_range": (1.0, 1.0)}],
)  # fmt: skip
def test_is_random(change: dict[str, Any]) -> None:
    assert is_random(TransformSettings(**change)) is True
    assert is_random(TransformSettings()) is False
    assert is_random(TransformSettings(zoom_range=(1, 1.0), fill_mode="wrap", cval=3)) is False


def test_partial_dictionaries() -> None:
    np.testing.assert_array_equal(from_dict({}), identity_parameters(1)[0])
    row = from_dict({"zx": 2, "flip_vertical": 1, "brightness": 0.5, "other": "ignored"})
    assert row[[Column.ZX, Column.ZY, Column.FLIP_VERTICAL, Column.BRIGHTNESS]].tolist() == [
        2.0, 1.0, 1.0, 0.5,
    ]  # fmt: skip
    assert math.isnan(row[Column.CHANNEL_SHIFT_INTENSITY])
    identity = as_dict(from_dict({"channel_shift_intensity": None}))
    assert identity["channel_shift_intensity"] is None
    assert identity["flip_horizontal"] is False


@pytest.mark.parametrize("shift", [((1, 2), (3, 4)), ("a", "b")])
def test_shift_of_wrong_kind(shift: Any) -> None:
    settings = TransformSettings(width_shift_range=shift)
    with pytest.raises((ValueError, TypeError)):
        draw_parameters(settings, 9, 9, 1, np.random.RandomState(0))


def test_nothing_global_is_touched() -> None:
    before = np.random.get_state()
    settings = TransformSettings(width_shift_range=5, rotation_range=3)
    draw_parameters(settings, 9, 9, 3, np.random.RandomState(0))
    assert_same_state(np.random.get_state(), before)
