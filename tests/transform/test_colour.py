"""Colour transforms against Keras's legacy functions."""

from __future__ import annotations

import numpy as np
import pytest

from augflow.transform.colour import shift_brightness, shift_channels

RANGES = [(0, 255), (0, 1), (20, 240), (-50, 100), (20, 400), (7, 7), (0, 0), (300, 300)]


@pytest.fixture(scope="module")
def keras_image():
    pytest.importorskip("keras")
    from keras.src.legacy.preprocessing import image

    return image


def noise(low, high, channels, dtype=np.float32):
    return np.random.RandomState(3).uniform(low, high, (13, 17, channels)).astype(dtype)


@pytest.mark.parametrize("brightness", [0.0, 0.3, 0.77, 1.0, 1.6, 5.0, -0.5])
@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("low, high", RANGES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_is_kerass(keras_image, channels, low, high, full_range, brightness):
    image = noise(low, high, channels)
    before = image.copy()
    expected = keras_image.apply_brightness_shift(image, brightness, full_range)
    shifted = shift_brightness(image, brightness, full_range)
    assert shifted.dtype == np.float32 and shifted.shape == image.shape
    np.testing.assert_array_equal(shifted, expected)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
@pytest.mark.parametrize("full_range", [True, False])
def test_brightness_of_other_dtypes(keras_image, full_range, dtype):
    for low, high in [(0, 255)] if dtype == "uint8" else [(0, 255), (-50, 100)]:
        image = noise(low, high, 3, dtype)
        expected = keras_image.apply_brightness_shift(image, 0.6, full_range)
        shifted = shift_brightness(image, 0.6, full_range)
        assert shifted.dtype == np.float32
        np.testing.assert_allclose(shifted, expected, rtol=0, atol=1e-4)


def test_brightness_goldens():
    image = np.array([[[0.0], [99.9], [200.0]]], np.float32)
    np.testing.assert_array_equal(
        shift_brightness(image, 0.5, False)[0, :, 0], np.float32([0, 49, 100])
    )
    np.testing.assert_array_equal(
        shift_brightness(image, 2.0, False)[0, :, 0], np.float32([0, 198, 255])
    )


def test_brightness_leaves_opacity_alone():
    image = noise(0, 255, 4)
    np.testing.assert_array_equal(shift_brightness(image, 0.2, False)[..., 3], image[..., 3] // 1)


def test_brightness_names_the_channels_it_cannot_do():
    with pytest.raises(ValueError, match=r"1, 3 or 4 channels.*\(13, 17, 2\)"):
        shift_brightness(noise(0, 255, 2), 0.5, True)


def test_brightness_of_a_view():
    image = noise(0, 255, 3)
    turned = image.transpose(1, 0, 2)[::-1]
    np.testing.assert_array_equal(
        shift_brightness(turned, 0.4, False),
        shift_brightness(image, 0.4, False).transpose(1, 0, 2)[::-1],
    )


@pytest.mark.parametrize("intensity", [-300.0, -30.0, 0.0, 7.3, 55.5])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_channel_shift_is_kerass(keras_image, channels, dtype, intensity):
    image = noise(10, 250, channels, dtype)
    before = image.copy()
    expected = keras_image.apply_channel_shift(image, intensity, channel_axis=2)
    shifted = shift_channels(image, intensity)
    assert shifted.dtype == expected.dtype
    np.testing.assert_array_equal(shifted, expected)
    np.testing.assert_array_equal(image, before)


def test_channel_shift_keeps_the_range_of_the_whole_image():
    image = np.array([[[0.0, 10.0, 20.0], [5.0, 6.0, 7.0]]], np.float32)
    np.testing.assert_array_equal(
        shift_channels(image, np.float64(12.5)),
        np.float32([[[12.5, 20.0, 20.0], [17.5, 18.5, 19.5]]]),
    )
    assert shift_channels(image, np.float64(12.5)).dtype == np.float32
