"""Where Keras refuses, augflow refuses with the same type; and what augflow refuses besides."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras.utils
import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as keras_image
from PIL import Image

import augflow
from tests.parity import images as parity_images
from tests.parity.compare import augflow_library
from tests.parity.images import Images
from tests.parity.setting import refuse

Case = Callable[["Subject", Images], Any]
TARGET: dict[str, Any] = {"target_size": (8, 8)}


class Subject:
    """One library: its classes, helpers, and a generator without worker processes."""

    def __init__(self, ours: bool) -> None:
        library = augflow_library(workers=0)
        self.options = library.options if ours else {}
        self._modules: list[Any] = [keras_image, keras.utils]
        if ours:
            self._modules = [library.module, importlib.import_module("augflow.preprocessing.image")]

    def __getattr__(self, name: str) -> Any:
        first, second = self._modules
        return getattr(first if hasattr(first, name) else second, name)

    def generator(self, *arguments: Any, **settings: Any) -> Any:
        return self.ImageDataGenerator(*arguments, **settings, **self.options)

    def folder(self, images: Images, name: str = "classes", /, **arguments: Any) -> Any:
        settings = arguments.pop("generator", {})
        flow = {**TARGET, **arguments}
        return self.generator(**settings).flow_from_directory(images.directories[name], **flow)

    def table(self, images: Images, frame: Any = None, /, **arguments: Any) -> Any:
        settings = arguments.pop("generator", {})
        table, directory = images.tables["table"]
        frame = table if frame is None else frame
        flow = {**TARGET, **arguments}
        return self.generator(**settings).flow_from_dataframe(frame, directory, **flow)


@pytest.fixture(scope="session")
def images() -> Images:
    return parity_images.shared()


@pytest.fixture(scope="session")
def theirs() -> Subject:
    return Subject(ours=False)


@pytest.fixture(scope="session")
def ours() -> Subject:
    return Subject(ours=True)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


SETTINGS: dict[str, Case] = {
    "validation_split=1.5": lambda s, i: s.generator(validation_split=1.5),
    "validation_split=1": lambda s, i: s.generator(validation_split=1),
    "validation_split=-0.1": lambda s, i: s.generator(validation_split=-0.1),
    "data_format": lambda s, i: s.generator(data_format="channels_middle"),
    "zoom_range of three": lambda s, i: s.generator(zoom_range=[1, 2, 3]),
    "zoom_range of words": lambda s, i: s.generator(zoom_range="ab"),
    "brightness_range a number": lambda s, i: s.generator(brightness_range=0.5),
    "brightness_range of three": lambda s, i: s.generator(brightness_range=(1, 2, 3)),
    "fit, rank 3": lambda s, i: s.generator().fit(i.arrays["rgb"][0]),
}
ARRAYS: dict[str, Case] = {
    "rank 3": lambda s, i: s.generator().flow(i.arrays["rgb"][0]),
    "rank 5": lambda s, i: s.generator().flow(i.arrays["rgb"][None]),
    "y too short": lambda s, i: s.generator().flow(i.arrays["rgb"], [1, 2]),
    "weights too short": lambda s, i: s.generator().flow(
        i.arrays["rgb"], i.arrays["labels"], sample_weight=[1.0]
    ),
    "other array too short": lambda s, i: s.generator().flow((i.arrays["rgb"], np.ones(3))),
    "one of two other arrays too short": lambda s, i: s.generator().flow(
        (i.arrays["rgb"], [np.ones(11), np.ones(3)])
    ),
    "subset": lambda s, i: s.generator(validation_split=0.5).flow(i.arrays["rgb"], subset="test"),
    "classes differ after the split": lambda s, i: s.generator(validation_split=0.3).flow(
        i.arrays["rgb"], i.arrays["sorted labels"], subset="training"
    ),
    "five channels and brightness": lambda s, i: next(
        s.generator(brightness_range=(0.5, 0.6)).flow(i.arrays["five channels"])
    ),
    "function changes the shape": lambda s, i: next(
        s.generator(preprocessing_function=lambda x: x[:5, :4]).flow(i.arrays["rgb"])
    ),
    "a negative seed": lambda s, i: next(s.generator().flow(i.arrays["rgb"], seed=-5)),
}
FOLDERS: dict[str, Case] = {
    "class_mode": lambda s, i: s.folder(i, class_mode="multi_output"),
    "class_mode, misspelt": lambda s, i: s.folder(i, class_mode="catagorical"),
    "color_mode": lambda s, i: s.folder(i, color_mode="bgr"),
    "subset": lambda s, i: s.folder(i, generator={"validation_split": 0.5}, subset="test"),
    "interpolation": lambda s, i: next(s.folder(i, interpolation="cubic")),
    "target_size a number": lambda s, i: s.folder(i, target_size=64),
}
TABLES: dict[str, Case] = {
    "class_mode": lambda s, i: s.table(i, class_mode="classes"),
    "color_mode": lambda s, i: s.table(i, color_mode="grey"),
    "subset": lambda s, i: s.table(i, generator={"validation_split": 0.5}, subset="val"),
    "x_col of numbers": lambda s, i: s.table(i, x_col="size"),
    "lists for sparse": lambda s, i: s.table(i, y_col="tags", class_mode="sparse"),
    "three classes for binary": lambda s, i: s.table(i, class_mode="binary"),
    "one class for binary": lambda s, i: s.table(
        i, i.tables["table"][0].query("kind == 'plant'"), y_col="kind", class_mode="binary"
    ),
    "three classes given for binary": lambda s, i: s.table(
        i, class_mode="binary", classes=["chelsea", "flower", "space"]
    ),
    "multi_output with one name": lambda s, i: s.table(i, class_mode="multi_output", y_col="age"),
    "multi_output with a tuple": lambda s, i: s.table(
        i, class_mode="multi_output", y_col=("age", "size")
    ),
    "weights are words": lambda s, i: s.table(i, weight_col="word"),
    "interpolation": lambda s, i: next(s.table(i, interpolation="linear")),
}
HELPERS: dict[str, Case] = {
    "random_zoom": lambda s, i: s.random_zoom(i.arrays["rgb"][0], (1, 2, 3), 0, 1, 2),
    "random_brightness": lambda s, i: s.random_brightness(i.arrays["rgb"][0], (1,)),
    "affine, axes twice": lambda s, i: s.apply_affine_transform(
        i.arrays["rgb"][0], 3, row_axis=0, col_axis=0, channel_axis=2
    ),
    "affine, axes beyond": lambda s, i: s.apply_affine_transform(
        i.arrays["rgb"][0], 3, row_axis=0, col_axis=1, channel_axis=3
    ),
    "affine, channels in the middle": lambda s, i: s.apply_affine_transform(
        i.arrays["rgb"][0], 3, row_axis=0, col_axis=2, channel_axis=1
    ),
    "affine, rank 2": lambda s, i: s.apply_affine_transform(i.arrays["rgb"][0, ..., 0], 3),
    "brightness, two channels": lambda s, i: s.apply_brightness_shift(
        i.arrays["two channels"][0], 0.5
    ),
    "array_to_img, rank 2": lambda s, i: s.array_to_img(np.ones((4, 4))),
    "array_to_img, two channels": lambda s, i: s.array_to_img(np.ones((4, 4, 2))),
    "array_to_img, data_format": lambda s, i: s.array_to_img(np.ones((4, 4, 3)), "last"),
    "img_to_array, data_format": lambda s, i: s.img_to_array(Image.new("L", (3, 3)), "first"),
    "img_to_array, rank 4": lambda s, i: s.img_to_array(np.ones((2, 3, 4, 1))),
    "load_img, color_mode": lambda s, i: s.load_img(_file(i), color_mode="hsv"),
    "load_img, interpolation": lambda s, i: s.load_img(
        _file(i), target_size=(5, 5), interpolation="linear"
    ),
    "load_img, a number": lambda s, i: s.load_img(5),
    "save_img, data_format": lambda s, i: s.save_img("x.png", np.ones((4, 4, 3)), "middle"),
}
CASES: dict[str, Case] = {
    f"{group}: {name}": case
    for group, cases in {
        "generator": SETTINGS,
        "flow": ARRAYS,
        "flow_from_directory": FOLDERS,
        "flow_from_dataframe": TABLES,
        "helpers": HELPERS,
    }.items()
    for name, case in cases.items()
}


def _file(images: Images) -> str:
    return str(Path(images.directories["classes"]) / "chelsea" / "a.jpg")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_same_type_as_keras(case: Case, images: Images, theirs: Subject, ours: Subject) -> None:
    with pytest.raises((ValueError, TypeError)) as expected:
        case(theirs, images)
    with pytest.raises(expected.type) as raised:
        case(ours, images)
    assert str(raised.value), "an error says what is wrong"


# Python writes these; the name in them is that of what the user called.
UNKNOWN_NAMES: dict[str, Case] = {
    "generator": lambda s, i: s.generator(rotation_rage=20),
    "directory": lambda s, i: s.folder(i, bach_size=2),
}


@pytest.mark.parametrize("case", UNKNOWN_NAMES.values(), ids=UNKNOWN_NAMES.keys())
def test_a_wrong_name_of_an_argument_reads_as_in_keras(
    case: Case, images: Images, theirs: Subject, ours: Subject
) -> None:
    messages = []
    for subject in (theirs, ours):
        with pytest.raises(TypeError, match="unexpected keyword argument") as raised:
            case(subject, images)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bach_size", "Did you mean `batch_size`?"),
        ("rescale", "It is an argument of `ImageDataGenerator`."),
        ("progress_bar", "which has no effect."),
    ],
)
def test_a_table_ignores_unknown_arguments_as_keras_does_but_says_so(
    name: str, hint: str, images: Images, theirs: Subject, ours: Subject
) -> None:
    settings: dict[str, Any] = {name: 2, "seed": 3}
    with pytest.warns(UserWarning) as given:
        flow = ours.table(images, **settings)
    (warning,) = given
    assert f"`{name}`" in str(warning.message) and str(warning.message).endswith(hint)
    assert warning.filename == __file__
    for mine, kerass in zip(next(flow), next(theirs.table(images, **settings)), strict=True):
        np.testing.assert_array_equal(mine, kerass)


# What Keras refuses, and augflow takes: docs/parity.md lists these.
ACCEPTED: dict[str, Case] = {
    "numbers for sparse": lambda s, i: s.table(i, y_col="age", class_mode="sparse"),
    "numbers for categorical": lambda s, i: s.table(i, y_col="age"),
}


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_refused_by_keras_alone(case: Case, images: Images, theirs: Subject, ours: Subject) -> None:
    with pytest.raises(TypeError):
        case(theirs, images)
    images_of_batch, targets = next(case(ours, images))
    assert len(images_of_batch) == len(targets)


# --- warnings that Keras gives ----------------------------------------------------------

WARNINGS: dict[str, tuple[Case, type[Warning]]] = {
    "missing files": (
        lambda s, i: s.table(i, i.tables["broken"][0]),
        UserWarning,
    ),
    "has_ext": (lambda s, i: s.table(i, has_ext=True), DeprecationWarning),
    "sort": (lambda s, i: s.table(i, sort=False), DeprecationWarning),
    "drop_duplicates": (lambda s, i: s.table(i, drop_duplicates=True), DeprecationWarning),
    "class_mode=other": (
        lambda s, i: s.table(i, class_mode="other", y_col="size"),
        DeprecationWarning,
    ),
    "classes not used": (
        lambda s, i: s.table(i, class_mode="raw", y_col="size", classes=["a"]),
        UserWarning,
    ),
    "tiff": (lambda s, i: s.folder(i), UserWarning),
    "zca and no center": (lambda s, i: s.generator(zca_whitening=True), UserWarning),
    "std and no center": (
        lambda s, i: s.generator(featurewise_std_normalization=True),
        UserWarning,
    ),
    "samplewise std and no center": (
        lambda s, i: s.generator(samplewise_std_normalization=True),
        UserWarning,
    ),
    "two channels": (lambda s, i: s.generator().flow(i.arrays["two channels"]), UserWarning),
    "fit, two channels": (lambda s, i: s.generator().fit(i.arrays["two channels"]), UserWarning),
    "not fitted": (
        lambda s, i: s.generator(featurewise_center=True).standardize(np.ones((4, 4, 3))),
        UserWarning,
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_the_same_warnings_as_keras(
    name: str, images: Images, theirs: Subject, ours: Subject
) -> None:
    case, category = WARNINGS[name]
    for subject in (theirs, ours):
        with pytest.warns(category):
            case(subject, images)


def test_missing_files_are_named(images: Images, ours: Subject) -> None:
    with pytest.warns(UserWarning, match=r"(?s)3 .*missing\.png"):
        ours.table(images, images.tables["broken"][0])


# --- augflow's own --------------------------------------------------------------------------

WRONG: dict[str, tuple[Case, Any]] = {
    "fill_mode": (lambda s, i: s.generator(fill_mode="mirrored", zoom_range=0.1), ValueError),
    "interpolation_order=6": (lambda s, i: s.generator(interpolation_order=6), ValueError),
    "interpolation_order=-1": (lambda s, i: s.generator(interpolation_order=-1), ValueError),
    "rotation_range a word": (lambda s, i: s.generator(rotation_range="20"), TypeError),
    "rescale a word": (lambda s, i: s.generator(rescale="1/255"), TypeError),
    "dtype": (lambda s, i: s.generator(dtype="colour"), (TypeError, ValueError)),
    "function is none": (lambda s, i: s.generator(preprocessing_function=3), TypeError),
    "workers=-1": (lambda s, i: s.ImageDataGenerator(workers=-1), ValueError),
    "workers a word": (lambda s, i: s.ImageDataGenerator(workers="two"), TypeError),
    "batch_size=0": (lambda s, i: s.generator().flow(i.arrays["rgb"], batch_size=0), ValueError),
    "batch_size=-3": (lambda s, i: s.folder(i, batch_size=-3), ValueError),
    "batch_size=2.5": (lambda s, i: s.folder(i, batch_size=2.5), TypeError),
    "target_size of zero": (lambda s, i: s.folder(i, target_size=(0, 5)), ValueError),
    "target_size of three": (
        lambda s, i: s.folder(i, target_size=(5, 5, 3)),
        (TypeError, ValueError),
    ),
    "interpolation, at once": (lambda s, i: s.folder(i, interpolation="cubic"), ValueError),
    "one class for binary": (lambda s, i: s.folder(i, "one", class_mode="binary"), ValueError),
    "directory=None": (lambda s, i: s.generator().flow_from_directory(None), TypeError),
    "no such x_col": (lambda s, i: s.table(i, x_col="picture"), (KeyError, ValueError)),
    "no such y_col": (lambda s, i: s.table(i, y_col="breed"), (KeyError, ValueError)),
    "no such weight_col": (lambda s, i: s.table(i, weight_col="w"), (KeyError, ValueError)),
    "no dataframe": (
        lambda s, i: s.generator().flow_from_dataframe(str(i.root)),
        (TypeError, ValueError),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings(name: str, images: Images, ours: Subject) -> None:
    case, types = WRONG[name]
    with pytest.raises(types) as raised:
        case(ours, images)
    assert len(str(raised.value)) > 20, "an error says what was received and expected"


def test_function_by_position(ours: Subject) -> None:
    """In Keras this sets featurewise_center without a word."""
    with pytest.raises(TypeError, match="preprocessing_function="):
        ours.generator(refuse)


@pytest.mark.parametrize("class_mode", ["categorical", None])
def test_missing_directory(class_mode: str | None, images: Images, ours: Subject) -> None:
    path = str(images.root / "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ours.generator().flow_from_directory(path, class_mode=class_mode)


def test_directory_is_a_file(images: Images, ours: Subject) -> None:
    with pytest.raises(NotADirectoryError, match=r"a\.jpg"):
        ours.generator().flow_from_directory(_file(images))


def test_flat_directory(images: Images, ours: Subject) -> None:
    """Keras finds 0 images; without labels there is no need for class folders."""
    flat = os.path.join(images.directories["two"], "no")
    with pytest.raises(ValueError, match="5"):
        ours.generator().flow_from_directory(flat)
    flow = ours.generator().flow_from_directory(flat, class_mode=None, shuffle=False, **TARGET)
    assert flow.samples == 5 and next(flow).shape == (5, 8, 8, 3)
    wanted = [str(Path(flat) / name) for name in sorted(os.listdir(flat))]
    assert [os.path.normpath(path) for path in flow.filepaths] == wanted


def test_empty_directory(tmp_path: Path, ours: Subject) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        ours.generator().flow_from_directory(str(tmp_path))


@pytest.mark.parametrize("kind", ["arrays", "files"])
def test_index(kind: str, images: Images, ours: Subject) -> None:
    if kind == "arrays":
        flow = ours.generator().flow(images.arrays["rgb"], batch_size=4, seed=1)
    else:
        flow = ours.folder(images, "two", batch_size=4, seed=1, class_mode=None)
    for index in (3, 99, -4):
        with pytest.raises(IndexError, match=str(index)):
            flow[index]
    np.testing.assert_array_equal(flow[-1], flow[2])
    assert not np.array_equal(flow[0], flow[1])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_function_that_raises(workers: int, images: Images, ours: Subject) -> None:
    generator = ours.ImageDataGenerator(preprocessing_function=refuse, workers=workers)
    flow = generator.flow_from_directory(images.directories["two"], shuffle=False, **TARGET)
    with pytest.raises(ArithmeticError) as raised:
        next(flow)
    text = str(raised.value) + "".join(getattr(raised.value, "__notes__", ()))
    text += str(raised.value.__cause__)
    assert "no such colour" in text and "00.jpg" in text


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["cut off", "no image"])
def test_unreadable_image(damage: str, workers: int, tmp_path: Path, ours: Subject) -> None:
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "broken.jpg"
    parity_images.crop("flower", 1, 60, 60).save(path)
    path.write_bytes(path.read_bytes()[:300] if damage == "cut off" else b"hello")
    frame = pd.DataFrame({"filename": [str(path)], "class": ["a"]})
    generator = ours.ImageDataGenerator(workers=workers)
    for flow in (
        generator.flow_from_directory(str(tmp_path), **TARGET),
        generator.flow_from_dataframe(frame, **TARGET),
    ):
        with pytest.raises(OSError, match=r"broken\.jpg"):
            next(flow)


def test_none_means_no_rotation_and_no_shear() -> None:
    for name in ("rotation_range", "shear_range", "width_shift_range", "height_shift_range"):
        arguments: dict[str, Any] = {name: None, "horizontal_flip": True}
        ours = augflow.ImageDataGenerator(**arguments).get_random_transform((8, 8, 3), seed=3)
        theirs = keras_image.ImageDataGenerator(**arguments).get_random_transform((8, 8, 3), seed=3)
        assert ours == theirs


def test_one_column_of_classes_is_asked_for() -> None:
    table = pd.DataFrame({"filename": ["a.png"], "class": ["a"], "size": [1]})
    with pytest.raises(
        TypeError, match=r"needs y_col as one column. Received: \['class', 'size'\]"
    ):
        augflow.ImageDataGenerator().flow_from_dataframe(table, y_col=["class", "size"])
