"""Rescale and normalisations: Keras's order and arithmetic."""

from __future__ import annotations

import functools
import itertools
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from augflow.base.settings import StandardizeSettings
from augflow.transform.standardize import fit_statistics, missing_statistics, standardize

SWITCHES = (
    "samplewise_center",
    "samplewise_std_normalization",
    "featurewise_center",
    "featurewise_std_normalization",
    "zca_whitening",
)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return pytest.importorskip("keras.src.legacy.preprocessing.image")


def images(count: int = 12, dtype: str = "float32") -> np.ndarray:
    return (np.random.RandomState(0).random_sample((count, 5, 4, 3)) * 255).astype(dtype)


def invert(image: np.ndarray) -> np.ndarray:
    return 255 - image


def quietly(reference: ModuleType, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generator = reference.ImageDataGenerator(**options)
    # The constructor switches some on for others; here each is taken by itself.
    for name in SWITCHES:
        setattr(generator, name, options.get(name, False))
    return generator


def statistics() -> dict[str, np.ndarray]:
    matrix = np.random.RandomState(5).normal(size=(60, 60)).astype("float32")
    return {
        "mean": np.array([[[100.0, 90.0, 80.0]]], dtype="float32"),
        "std": np.array([[[50.0, 60.0, 70.0]]], dtype="float32"),
        "zca_whitening_matrix": matrix,
    }


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=5)))
@pytest.mark.parametrize("rescale", [None, 1 / 255])
@pytest.mark.parametrize("function", [None, invert])
def test_same_as_keras(
    reference: ModuleType, flags: tuple[bool, ...], rescale: float | None, function: Any
) -> None:
    switches = dict(zip(SWITCHES, flags, strict=True))
    generator = quietly(reference, rescale=rescale, preprocessing_function=function, **switches)
    generator.__dict__.update(statistics())
    settings = StandardizeSettings(
        rescale=rescale, preprocessing_function=function, **switches, **statistics()
    )
    for values in (images(1)[0], images(3), images(1, "float64")[0]):
        expected = generator.standardize(values.copy())
        result = standardize(values.copy(), settings)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


def test_statistics_of_other_kinds(reference: ModuleType) -> None:
    """Users set them by hand: as float64, without the leading axes, as ints."""
    for mean, std in [
        (np.array([100.5, 90, 80]), np.array([50, 60, 70])),
        (np.float64(127.5), 63.0),
        (np.full((5, 4, 3), 100.0), np.ones((5, 4, 3), dtype="int64")),
    ]:
        generator = quietly(reference, featurewise_center=True, featurewise_std_normalization=True)
        generator.mean, generator.std = mean, std
        settings = StandardizeSettings(
            featurewise_center=True, featurewise_std_normalization=True, mean=mean, std=std
        )
        expected = generator.standardize(images(1)[0])
        result = standardize(images(1)[0], settings)
        assert result.dtype == expected.dtype == np.float32
        np.testing.assert_array_equal(result, expected)


def test_works_in_place_on_writable_floats_only() -> None:
    settings = StandardizeSettings(rescale=0.5, samplewise_center=True)
    for dtype in ("float32", "float64"):
        image = images(1, dtype)[0]
        assert standardize(image, settings) is image
    frozen = images(1)[0]
    before = frozen.copy()
    frozen.flags.writeable = False
    result = standardize(frozen, settings)
    np.testing.assert_array_equal(frozen, before)
    np.testing.assert_array_equal(result, standardize(before.copy(), settings))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_integers_become_float32(dtype: str) -> None:
    image = images(1, dtype)[0]
    before = image.copy()
    result = standardize(image, StandardizeSettings(rescale=1 / 255))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, before.astype("float32") * np.float32(1 / 255))
    np.testing.assert_array_equal(image, before)


def test_nothing_to_do_gives_the_array_itself() -> None:
    image = images(1, "uint8")[0]
    assert standardize(image, StandardizeSettings()) is image
    unfitted = StandardizeSettings(featurewise_center=True, zca_whitening=True)
    assert standardize(image, unfitted) is image
    assert missing_statistics(unfitted) == ["featurewise_center", "zca_whitening"]
    assert missing_statistics(StandardizeSettings(featurewise_center=True, **statistics())) == []
    assert missing_statistics(StandardizeSettings()) == []


def returns(value: Any) -> Any:
    def shaped(image: np.ndarray) -> Any:
        return value(image)

    return shaped


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda image: None, TypeError, r"returned None; .*\(5, 4, 3\)"),
        (lambda image: image[:3], ValueError, r"shaped.*\(3, 4, 3\); expected \(5, 4, 3\)"),
        (lambda image: image[..., 0], ValueError, r"\(5, 4\); expected"),
        (lambda image: np.stack([image, image]), ValueError, r"\(2, 5, 4, 3\)"),
        (lambda image: "text", TypeError, "returned str"),
        (lambda image: {"x": image}, TypeError, "returned dict"),
    ],
)
def test_function_that_returns_something_else(change: Any, error: Any, words: str) -> None:
    settings = StandardizeSettings(preprocessing_function=returns(change))
    with pytest.raises(error, match=words):
        standardize(images(1)[0], settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.mean(axis=-1, keepdims=True),
        lambda image: image[None],
        lambda image: image[0],
        lambda image: image.astype("uint8"),
        lambda image: np.float32(7),
        lambda image: (image / 2).tolist(),
    ],
)
def test_shapes_that_keras_stretches_into_the_batch(change: Any) -> None:
    image = images(1)[0]
    expected = np.zeros((1, 5, 4, 3), dtype="float32")
    expected[0] = np.asarray(change(image.copy()), dtype="float32") * np.float32(0.5)
    settings = StandardizeSettings(preprocessing_function=change, rescale=0.5)
    result = standardize(image, settings)
    assert result.shape == image.shape
    np.testing.assert_allclose(result, expected[0], rtol=1e-6)


def test_function_may_write_into_a_read_only_image() -> None:
    def halve(image: np.ndarray) -> np.ndarray:
        image /= 2
        return image

    image = images(1)[0]
    image.flags.writeable = False
    before = image.copy()
    result = standardize(image, StandardizeSettings(preprocessing_function=halve))
    np.testing.assert_array_equal(result, before / 2)
    np.testing.assert_array_equal(image, before)


def test_function_without_a_name_is_shown() -> None:
    settings = StandardizeSettings(preprocessing_function=functools.partial(np.delete, obj=0))
    with pytest.raises(ValueError, match=r"functools\.partial"):
        standardize(images(1)[0], settings)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=3)))
def test_fit_as_keras(
    reference: ModuleType, flags: tuple[bool, bool, bool], data_format: str, dtype: str
) -> None:
    switches = dict(zip(SWITCHES[2:], flags, strict=True))
    values = images(9, dtype)
    axis = 3
    if data_format == "channels_first":
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        axis = 1
    generator = quietly(
        reference, data_format=data_format, dtype=dtype, zca_epsilon=1e-4, **switches
    )
    generator.fit(values)
    before = values.copy()
    mean, std, matrix = fit_statistics(values, zca_epsilon=1e-4, channel_axis=axis, **switches)

    np.testing.assert_array_equal(values, before)
    for own, name in ((mean, "mean"), (std, "std"), (matrix, "zca_whitening_matrix")):
        expected = getattr(generator, name)
        if expected is None:
            assert own is None, name
        else:
            assert own is not None, name
            assert own.dtype == expected.dtype
            assert own.shape == expected.shape
            np.testing.assert_array_equal(own, expected, err_msg=name)


def test_fit_needs_a_batch() -> None:
    with pytest.raises(ValueError, match=r"Received shape: \(5, 4, 3\)"):
        fit_statistics(
            images(1)[0], featurewise_center=True, featurewise_std_normalization=False,
            zca_whitening=False,
        )  # fmt: skip
