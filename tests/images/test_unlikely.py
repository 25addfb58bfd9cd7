"""Settings that nobody means: a warning that names each, and none for what is well."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from augflow import Boxes, ImageDataGenerator, flow_from_arrays
from tests.flow_world import table_of, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path)


def of_folder(folder: Path, **settings: Any) -> Any:
    return ImageDataGenerator(workers=0, **settings).flow_from_directory(folder, augment=True)


def preprocess_input() -> Any:
    return pytest.importorskip("keras").applications.resnet50.preprocess_input


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rescale": 255}, r"`rescale`=255 makes values up to 65025"),
        ({"brightness_range": (-0.2, 0.2)}, r"`brightness_range`=\(-0.2, 0.2\) has factors below"),
    ],
)
def test_a_setting_is_named(folder: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.warns(UserWarning, match=words):
        of_folder(folder, **settings)


def test_a_split_that_nobody_asks_for(folder: Path) -> None:
    flow = of_folder(folder, validation_split=0.2)
    with pytest.warns(UserWarning, match="`validation_split`=0.2 has no effect on this flow"):
        next(flow)
    generator = ImageDataGenerator(validation_split=0.2, workers=0)
    of_all = generator.flow_from_directory(folder)
    generator.flow_from_directory(folder, subset="validation", augment=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        next(of_all)


def test_rescaling_for_a_model_that_scales_itself(folder: Path) -> None:
    with pytest.warns(UserWarning, match="`rescale`=0.0039.* multiplies what"):
        of_folder(folder, rescale=1 / 255, preprocessing_function=preprocess_input())


@pytest.mark.parametrize("highest", [1.0, 0.3])
def test_brightness_of_fractions(highest: float) -> None:
    images = np.linspace(0, highest, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3)
    generator = ImageDataGenerator(brightness_range=(0.8, 1.2), workers=0)
    with pytest.warns(UserWarning, match="`brightness_range` counts in levels"):
        generator.flow(images)


def test_what_is_well_is_not_warned_of(folder: Path) -> None:
    keras = pytest.importorskip("keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_folder(folder, rescale=1 / 255, brightness_range=(0.5, 1.5))
        of_folder(folder, preprocessing_function=keras.applications.resnet50.preprocess_input)
        of_folder(folder, rescale=1 / 255, preprocessing_function=lambda image: image)
        generator = ImageDataGenerator(validation_split=0.2, workers=0, rescale=2)
        generator.flow(np.zeros((20, 4, 4, 3)), subset="training", augment=False)
        ImageDataGenerator(brightness_range=(0.8, 1.2)).flow(np.full((4, 4, 4, 3), 200.0))
        ImageDataGenerator(brightness_range=(0.8, 1.2)).flow(np.ones((4, 4, 4, 3)), augment=False)


@pytest.mark.parametrize("augment", ["False", "no", 0.5])
def test_a_word_is_no_switch(folder: Path, augment: Any) -> None:
    with pytest.raises(TypeError, match="`augment` must be a bool"):
        ImageDataGenerator().flow_from_directory(folder, augment=augment)
    with pytest.raises(TypeError, match="`augment` must be a bool"):
        ImageDataGenerator().flow(np.zeros((4, 4, 4, 3)), augment=augment)


# A split of sorted samples.


def test_a_sorted_table(folder: Path) -> None:
    table = table_of(folder)
    many = pd.concat(
        [
            table[table["class"] == name].sample(30, replace=True, random_state=0)
            for name in ("cat", "flower")
        ]
    )
    generator = ImageDataGenerator(validation_split=0.25, workers=0)
    with pytest.warns(
        UserWarning, match=r"1 of 2 classes \('flower'\) are in only one.*sample\(frac"
    ):
        flow = generator.flow_from_dataframe(many, folder, subset="validation", augment=False)
    # Keras's own parts, all the same.
    assert set(flow.classes) == {0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shuffled = many.sample(frac=1, random_state=0)
        generator.flow_from_dataframe(shuffled, folder, subset="validation", augment=False)


@pytest.mark.parametrize("dtype", [int, str, bool])
def test_sorted_arrays(dtype: type) -> None:
    targets = np.repeat([0, 1], 50).astype(dtype)
    inputs = np.zeros(100)
    split = {"validation_split": 0.3, "subset": "training"}
    with pytest.warns(UserWarning, match="1 of 2 classes"):
        flow_from_arrays(inputs, targets, **split)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow_from_arrays(inputs, np.random.default_rng(0).permutation(targets), **split)
        # Numbers of which each comes once are no classes, whatever their order.
        flow_from_arrays(inputs, np.arange(100), **split)
        flow_from_arrays(inputs, np.linspace(0, 1, 100), **split)


# Masks and boxes.


def paired(tmp_path: Path, values: list[list[int]]) -> Path:
    for name in ("images/a", "masks/a"):
        (tmp_path / name).mkdir(parents=True)
    for number, (low, high) in enumerate(values):
        mask = np.full((8, 8), low, np.uint8)
        mask[2:5] = high
        Image.fromarray(mask).save(tmp_path / f"masks/a/{number}.png")
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f"images/a/{number}.png")
    return tmp_path


def of_masks(root: Path, **arguments: Any) -> Any:
    return ImageDataGenerator(workers=0).flow_from_directory(
        root / "images", mask_directory=root / "masks", target_size=(8, 8), **arguments
    )


@pytest.mark.parametrize("first", [[0, 255], [0, 0], [255, 255]])
def test_masks_of_black_and_white(tmp_path: Path, first: list[int]) -> None:
    root = paired(tmp_path, [first, [0, 255]])
    with pytest.warns(UserWarning, match=r'which are taken for numbers.*mask_loader="binary"'):
        of_masks(root)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow = of_masks(root, mask_loader="binary", shuffle=False)
    _, masks = next(flow)
    assert masks.dtype == np.uint8
    np.testing.assert_array_equal(masks[1, :, 0, 0], [0, 0, 1, 1, 1, 0, 0, 0])


def test_masks_of_classes_are_not_warned_of(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_masks(paired(tmp_path, [[0, 0], [0, 1], [0, 255]]))


@pytest.mark.parametrize(
    ("values", "expected"), [([0, 1], [0, 1]), ([3, 250], [0, 1]), ([0, 127], [0, 0])]
)
def test_binary_masks(tmp_path: Path, values: list[int], expected: list[int]) -> None:
    flow = of_masks(paired(tmp_path, [values]), mask_loader="binary")
    _, masks = next(flow)
    assert masks[0, [0, 3], 0, 0].tolist() == expected


@pytest.mark.parametrize("word", ["Binary", "gray", b"binary"])
def test_other_words_are_refused(tmp_path: Path, word: Any) -> None:
    with pytest.raises(TypeError, match='must be a function, "binary" or None'):
        of_masks(paired(tmp_path, [[0, 1]]), mask_loader=word)


@pytest.mark.parametrize(
    ("form", "box", "words"),
    [
        ("pascal_voc", [0.1, 0.2, 0.5, 0.9], "no value above 0.9, where pixels"),
        ("coco", [0.1, 0.2, 0.5, 0.9], "no value above 0.9, where pixels"),
        ("pascal_voc", [100, 100, 120, 120], "all boxes of the first 8 images that have some lie"),
        ("pascal_voc", [2, 2, 9, 9], None),
        ("coco", [2, 2, 9, 9], None),
        ("yolo", [0.5, 0.5, 0.2, 0.2], None),
        ("pascal_voc", [15, 15, 120, 120], None),
    ],
)
def test_boxes(folder: Path, form: str, box: list[float], words: str | None) -> None:
    table = table_of(folder)
    table["boxes"] = [[box]] * len(table)
    boxes = Boxes("boxes", format=form)
    generator = ImageDataGenerator(workers=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        generator.flow_from_dataframe(table, folder, class_mode=None, boxes=boxes)
    assert len(caught) == (words is not None)
    if words is not None:
        assert words in str(caught[0].message)


# No row, or rows of text.


@pytest.mark.parametrize("subset", [None, "validation"])
def test_a_table_without_rows_is_refused(folder: Path, subset: str | None) -> None:
    generator = ImageDataGenerator(validation_split=0.3, workers=0)
    with pytest.raises(ValueError, match="the dataframe has no rows"):
        generator.flow_from_dataframe(table_of(folder)[:0], folder, subset=subset, augment=False)
    with (
        pytest.warns(UserWarning, match="Found 19 invalid"),
        pytest.raises(ValueError, match=r"none of the 19 row\(s\).*x_col='filename'"),
    ):
        generator.flow_from_dataframe(
            table_of(folder), folder / "nowhere", subset=subset, augment=False
        )


def test_a_part_that_rounds_to_nothing(folder: Path) -> None:
    generator = ImageDataGenerator(validation_split=0.01, workers=0)
    with pytest.warns(UserWarning, match="subset 'validation' holds no images"):
        flow = generator.flow_from_dataframe(
            table_of(folder), folder, subset="validation", augment=False, class_mode=None
        )
    assert len(flow) == 0


@pytest.mark.parametrize("class_mode", ["raw", "multi_output"])
def test_targets_of_text_are_named(folder: Path, class_mode: str) -> None:
    table = table_of(folder)
    y_col = "class" if class_mode == "raw" else ["half", "class"]
    with pytest.warns(UserWarning, match="y_col='class' holds text, e.g. 'cat' in row 0"):
        ImageDataGenerator(workers=0).flow_from_dataframe(
            table, folder, y_col=y_col, class_mode=class_mode
        )
