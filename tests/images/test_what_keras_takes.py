"""Arguments that are not what they should be, and that scripts have because Keras takes them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import ImageDataGenerator, NumpyArrayIterator
from augflow.preprocessing import image as ours
from tests.flow_world import SIZE, table_of, take, write_folder

IMAGES = np.random.RandomState(3).uniform(0, 255, (8, 6, 7, 3)).astype("float32")
READING: dict[str, Any] = {"target_size": SIZE, "batch_size": 8, "seed": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


@pytest.fixture(scope="module")
def keras_image() -> Any:
    from keras.src.legacy.preprocessing import image

    return image


def first_batch(module: Any, images: np.ndarray = IMAGES, **settings: Any) -> np.ndarray:
    return next(module.ImageDataGenerator(**settings).flow(images, seed=2))


# The generator


@pytest.mark.parametrize("name", ["horizontal_flip", "vertical_flip", "samplewise_center"])
@pytest.mark.parametrize("value", ["true", "True", "False", "", 0.5, 1.0, 0.0])
def test_a_switch_that_is_no_bool_is_its_truth(name: str, value: Any, keras_image: Any) -> None:
    with pytest.warns(UserWarning, match=f"`{name}` should be True or False.*as in Keras") as seen:
        got = first_batch(ours, **{name: value})
    assert len(seen) == 1
    assert seen[0].filename == __file__
    np.testing.assert_array_equal(got, first_batch(keras_image, **{name: value}))


@pytest.mark.parametrize("value", [True, False, 1, 0, np.True_])
def test_a_switch_is_no_matter_for_a_warning(value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ImageDataGenerator(horizontal_flip=value).horizontal_flip is bool(value)


def test_a_switch_without_a_truth_is_refused() -> None:
    with pytest.raises(TypeError, match="`vertical_flip` must be a bool"):
        ImageDataGenerator(vertical_flip=np.array([True, False]))


@pytest.mark.parametrize(
    "settings",
    [
        {"preprocessing_function": False},
        {"preprocessing_function": ""},
        {"rescale": (1 / 255.0,)},
        {"rescale": [2]},
        {"rotation_range": np.array(20.0)},
        {"shear_range": np.array(20)},
        {"width_shift_range": np.array(0.2)},
        {"fill_mode": "zeros"},
        {"fill_mode": None, "horizontal_flip": True},
    ],
    ids=str,
)
def test_settings_are_taken_as_in_keras(settings: dict[str, Any], keras_image: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got, due = first_batch(ours, **settings), first_batch(keras_image, **settings)
    np.testing.assert_allclose(got, due, atol=0.05)


def test_a_fill_mode_that_is_needed_has_to_be_known() -> None:
    with pytest.warns(UserWarning, match="`fill_mode` should be one of.*has no effect"):
        ImageDataGenerator(fill_mode="zeros", brightness_range=(0.5, 1))
    with pytest.raises(ValueError, match="`fill_mode` must be one of"):
        ImageDataGenerator(fill_mode="zeros", rotation_range=5)
    with pytest.raises(TypeError, match="`rescale` must be a number"):
        ImageDataGenerator(rescale=(1, 2))
    with pytest.raises(TypeError, match="`preprocessing_function` must be a function"):
        ImageDataGenerator(preprocessing_function="tf")


def test_a_function_taken_away_later(keras_image: Any) -> None:
    generator = ImageDataGenerator(preprocessing_function=np.zeros_like)
    generator.preprocessing_function = False
    np.testing.assert_array_equal(generator.standardize(IMAGES[0].copy()), IMAGES[0])


def test_a_subclass_that_gives_itself_is_warned() -> None:
    class Own(ImageDataGenerator):
        def __init__(self, **settings: Any) -> None:
            super().__init__(self, **settings)

    with pytest.warns(UserWarning, match="without self") as seen:
        generator = Own(rescale=2)
    assert len(seen) == 1
    assert generator.featurewise_center is True


def test_brightness_where_the_channels_lie_last_after_all(keras_image: Any) -> None:
    settings = {"data_format": "channels_first", "brightness_range": (0.5, 0.6)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got, due = first_batch(ours, **settings), first_batch(keras_image, **settings)
    np.testing.assert_allclose(got, due, atol=1)
    assert np.mean(got == due) > 0.98


# Tables


def several(kind: str) -> Any:
    columns = ["id", "half"]
    kinds = {
        "index": pd.Index(columns),
        "array": np.array(columns),
        "series": pd.Series(columns, index=[7, 9]),
        "keys": {"id": 0, "half": 0}.keys(),
    }
    return kinds[kind]


@pytest.mark.parametrize("kind", ["index", "array", "series", "keys"])
def test_several_columns_need_be_no_list(kind: str, folder: Path) -> None:
    table = table_of(folder)
    generator = ImageDataGenerator(workers=0)

    def targets(y_col: Any, class_mode: str) -> Any:
        flow = generator.flow_from_dataframe(
            table, folder, y_col=y_col, class_mode=class_mode, **READING
        )
        return next(flow)[1]

    for class_mode in ("raw", "multi_output"):
        got, due = (targets(y_col, class_mode) for y_col in (several(kind), ["id", "half"]))
        np.testing.assert_array_equal(got, due)


@pytest.mark.parametrize(
    "classes",
    [("flower", "cat"), pd.Index(["flower", "cat"]), {"flower": 0, "cat": 1}.keys()],
    ids=["tuple", "index", "keys"],
)
def test_classes_need_be_no_list(classes: Any, folder: Path) -> None:
    generator = ImageDataGenerator(workers=0)
    flows = [
        generator.flow_from_directory(folder, classes=classes, **READING),
        generator.flow_from_dataframe(table_of(folder), folder, classes=classes, **READING),
    ]
    for flow in flows:
        assert flow.class_indices == {"flower": 0, "cat": 1}


@pytest.mark.parametrize("weight_col", ["", False, None])
def test_no_column_of_weights(weight_col: Any, folder: Path) -> None:
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table_of(folder), folder, weight_col=weight_col, **READING
    )
    assert len(next(flow)) == 2


def test_lists_are_lists(folder: Path, keras_image: Any) -> None:
    """Targets and inputs of several arrays; Keras's own ``fit`` gets what it can take."""

    def types(module: Any) -> list[Any]:
        generator = module.ImageDataGenerator()
        table = generator.flow_from_dataframe(
            table_of(folder), folder, y_col=["id", "half"], class_mode="multi_output", **READING
        )
        pair = generator.flow((IMAGES, np.arange(8)), np.arange(8), seed=1)
        alone = generator.flow((IMAGES, [np.arange(8), np.arange(8)]), seed=1)
        batches = [next(table)[1], table[0][1], next(pair)[0], pair[0][0], next(alone)]
        return [(type(batch), len(batch)) for batch in batches]

    assert types(ours) == types(keras_image)


# save_to_dir


@pytest.mark.parametrize("value", ["", False, None])
def test_no_folder_to_save_to(value: Any) -> None:
    assert len(next(ImageDataGenerator().flow(IMAGES, save_to_dir=value))) == 8


def test_the_folder_may_be_made_after_the_flow(folder: Path, tmp_path: Path) -> None:
    generator = ImageDataGenerator(workers=0)
    later = tmp_path / "later"
    flows = [
        generator.flow(IMAGES, save_to_dir=later),
        generator.flow_from_directory(folder, save_to_dir=str(later), **READING),
    ]
    for flow in flows:
        with pytest.raises(FileNotFoundError, match=r"later.*make it before the first batch"):
            next(flow)
    later.mkdir()
    for flow in flows:
        next(flow)
    assert len(list(later.iterdir())) == 16


def test_a_folder_has_to_be_a_path() -> None:
    with pytest.raises(TypeError, match="`save_to_dir` must be the path of a folder"):
        ImageDataGenerator().flow(IMAGES, save_to_dir=True)


# Names, and words that scripts look for


def test_a_flow_of_files_by_the_mixin(folder: Path, keras_image: Any) -> None:
    def batches(module: Any) -> list[Any]:
        class Own(module.BatchFromFilesMixin, module.Iterator):
            def __init__(self, paths: list[str], generator: Any) -> None:
                super().set_processing_attrs(
                    generator, SIZE, "rgb", "channels_last", None, "", "png", None, "nearest", False
                )
                self._own_paths = paths
                self.class_mode, self.dtype = "sparse", "float32"
                self.classes = [number % 2 for number in range(len(paths))]
                self.class_indices = {"a": 0, "b": 1}
                super().__init__(len(paths), 8, True, 3)

            filepaths = property(lambda self: self._own_paths)
            labels = property(lambda self: self.classes)
            sample_weight = property(lambda self: None)

        paths = [str(folder / name) for name in table_of(folder)["filename"]]
        return take(Own(paths, module.ImageDataGenerator(rotation_range=20)), 4)

    for got, due in zip(batches(ours), batches(keras_image), strict=True):
        np.testing.assert_allclose(got[0], due[0], atol=0.05)
        np.testing.assert_array_equal(got[1], due[1])


@pytest.mark.parametrize("name", ["a.JPG", "a.txt", "missing.jpg"])
def test_validate_filename(name: str, tmp_path: Path, keras_image: Any) -> None:
    for file in ("a.JPG", "a.txt"):
        (tmp_path / file).touch()
    path, endings = str(tmp_path / name), ("jpg", "png")
    assert ours.validate_filename(path, endings) == keras_image.validate_filename(path, endings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"y": [1, 2]},
            r"`x` \(images tensor\) and `y` \(labels\) should have the same length",
        ),
        (
            {"sample_weight": [1, 2]},
            r"`x` \(images tensor\) and `sample_weight` should have the same length",
        ),
        (
            {"y": [0] * 4 + [1] * 4, "subset": "training"},
            "Training and validation subsets have different number of classes after the split",
        ),
    ],
    ids=["labels", "weights", "split"],
)
def test_messages_have_the_words_of_keras(
    arguments: dict[str, Any], words: str, keras_image: Any
) -> None:
    for module in (keras_image, ours):
        generator = module.ImageDataGenerator(validation_split=0.5)
        with pytest.raises(ValueError, match=words):
            generator.flow(IMAGES, **arguments)


def test_the_array_iterator_alone_says_the_same() -> None:
    with pytest.raises(ValueError, match=r"`y` \(labels\) should have the same length"):
        NumpyArrayIterator(IMAGES, [1], ImageDataGenerator())


def test_flows_and_generators_are_those_of_keras(folder: Path, keras_image: Any) -> None:
    """Libraries that import Keras's classes ask that of what they are given."""
    generator = ImageDataGenerator()
    assert isinstance(generator, keras_image.ImageDataGenerator)
    flows = {
        "DirectoryIterator": generator.flow_from_directory(folder, **READING),
        "DataFrameIterator": generator.flow_from_dataframe(table_of(folder), folder, **READING),
        "NumpyArrayIterator": generator.flow(IMAGES),
    }
    for name, flow in flows.items():
        assert isinstance(flow, keras_image.Iterator)
        for other in flows:
            assert isinstance(flow, getattr(keras_image, other)) is (other == name)
