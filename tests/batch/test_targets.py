"""Targets: what Keras's file iterators put beside the images."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow.batch.targets import batch_targets

INDEX = np.array([4, 0, 7, 7, 2])
MANY = [0, 2, 1, 1, 2, 0, 1, 2]
TWO = [0, 1, 1, 0, 1, 0, 1, 1]
SEVERAL = [[0, 2], [1], [2, 1, 0], 1, [], [0], [2], [1, 1]]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return pytest.importorskip("keras.src.legacy.preprocessing.image")


def keras_targets(
    reference: ModuleType, mode: str, classes: Any, labels: Any, dtype: str, images: Any
) -> Any:
    """The mixin's own batch, for a record of files that all hold one black image."""
    mixin = reference.BatchFromFilesMixin

    class Files(mixin):  # type: ignore[misc, valid-type]
        filepaths = [images] * 8
        labels = None
        sample_weight = None

    files = Files()
    files.__dict__.update(
        image_shape=(2, 2, 3), target_size=(2, 2), color_mode="rgb", interpolation="nearest",
        keep_aspect_ratio=False, data_format="channels_last", image_data_generator=None,
        save_to_dir=None, class_mode=mode, classes=classes, dtype=dtype,
        class_indices={"a": 0, "b": 1, "c": 2},
    )  # fmt: skip
    type(files).labels = labels
    return files._get_batches_of_transformed_samples(INDEX)[1]


@pytest.fixture(scope="module")
def black(tmp_path_factory: pytest.TempPathFactory) -> str:
    from PIL import Image

    path = tmp_path_factory.mktemp("images") / "black.png"
    Image.new("RGB", (2, 2)).save(path)
    return str(path)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8"])
@pytest.mark.parametrize(
    ("mode", "classes"),
    [
        ("binary", TWO), ("binary", np.array(TWO, dtype=np.int32)),
        ("sparse", MANY), ("sparse", np.array(MANY, dtype=np.int32)),
        ("categorical", MANY), ("categorical", np.array(MANY, dtype=np.int32)),
        ("categorical", SEVERAL), ("categorical", [tuple([n]) for n in MANY]),
    ],
)  # fmt: skip
def test_class_numbers_as_keras(
    reference: ModuleType, black: str, mode: str, classes: Any, dtype: str
) -> None:
    expected = keras_targets(reference, mode, classes, None, dtype, black)
    targets = batch_targets(mode, INDEX, classes, 3, None, dtype)
    assert targets.dtype == expected.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(targets, expected)
    assert targets.shape == expected.shape
    assert targets.any()


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(8), np.arange(16.0).reshape(8, 2), np.array(list("abcdefgh"), dtype=object),
        pd.Series([1, None, 3, 4, 5, 6, 7, 8], dtype="Int64").values,
    ],
    ids=["ints", "columns", "text", "nullable"],
)  # fmt: skip
def test_raw_as_keras(reference: ModuleType, black: str, labels: Any) -> None:
    expected = keras_targets(reference, "raw", None, labels, "float32", black)
    targets = batch_targets("raw", INDEX, None, None, labels, "float32")
    assert type(targets) is type(expected)
    assert targets.dtype == expected.dtype
    np.testing.assert_array_equal(targets, expected)


def test_multi_output_as_keras(reference: ModuleType, black: str) -> None:
    labels = [np.arange(8), np.arange(24.0).reshape(8, 3)]
    expected = keras_targets(reference, "multi_output", None, labels, "float32", black)
    targets = batch_targets("multi_output", INDEX, None, None, labels, "float32")
    assert type(targets) is type(expected)
    for own, other in zip(targets, expected, strict=True):
        assert own.dtype == other.dtype
        np.testing.assert_array_equal(own, other)


def test_targets_are_no_view_of_the_labels() -> None:
    labels = np.arange(8.0)
    batch_targets("raw", np.arange(8), None, None, labels, "float32")[:] = 0
    classes = np.arange(8, dtype=np.float32)
    batch_targets("sparse", np.arange(8), classes, None, None, "float32")[:] = 0
    assert labels[7] == classes[7] == 7


def test_empty_batch() -> None:
    nothing = np.array([], dtype=int)
    assert batch_targets("categorical", nothing, MANY, 3, None, "float32").shape == (0, 3)
    assert batch_targets("sparse", nothing, MANY, 3, None, "float32").shape == (0,)
    assert batch_targets("categorical", nothing, SEVERAL, 3, None, "float32").shape == (0, 3)


@pytest.mark.parametrize("mode", ["input", None, "other"])
def test_modes_without_targets(mode: Any) -> None:
    with pytest.raises(ValueError, match="has no targets"):
        batch_targets(mode, INDEX, MANY, 3, None, "float32")


def test_categorical_needs_a_width() -> None:
    with pytest.raises(ValueError, match="num_classes"):
        batch_targets("categorical", INDEX, MANY, None, None, "float32")
