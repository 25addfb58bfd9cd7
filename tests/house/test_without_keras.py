"""augflow where neither Keras nor TensorFlow is installed: all but Keras's base class works.

Skips itself where Keras is installed; ``test_import.py`` then runs it with Keras hidden.
"""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

SHAPE = (40, 48, 3)
PER_CLASS = 6


def is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


pytestmark = [
    pytest.mark.without_keras,
    pytest.mark.skipif(
        is_installed("keras") or is_installed("tensorflow"), reason="Keras is installed"
    ),
]

if not (is_installed("keras") or is_installed("tensorflow")):
    import augflow
    from augflow import ImageDataGenerator
    from augflow.preprocessing import image


@pytest.fixture
def pictures() -> np.ndarray:
    """Shape (12, 40, 48, 3), uint8."""
    return np.random.RandomState(0).randint(0, 256, (2 * PER_CLASS, *SHAPE), np.uint8)


@pytest.fixture
def folder(tmp_path: Path, pictures: np.ndarray) -> Path:
    """The pictures as PNGs, the first half in a/, the others in b/."""
    for number, picture in enumerate(pictures):
        path = tmp_path / "ab"[number // PER_CLASS] / f"{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path


@pytest.fixture(autouse=True)
def no_keras() -> None:
    """Nothing a test does may bring Keras in by another way."""
    yield
    assert not {"keras", "tensorflow"} & {name.split(".")[0] for name in sys.modules}


@pytest.mark.parametrize("workers", [0, 2])
def test_directory(folder: Path, pictures: np.ndarray, workers: int) -> None:
    generator = ImageDataGenerator(workers=workers)
    flow = generator.flow_from_directory(
        folder, target_size=SHAPE[:2], batch_size=5, shuffle=False, class_mode="binary"
    )
    assert (len(flow), flow.samples, flow.class_indices) == (3, 12, {"a": 0, "b": 1})
    images, labels = next(flow)
    np.testing.assert_array_equal(images, pictures[:5])
    np.testing.assert_array_equal(labels, np.zeros(5))
    images, labels = flow[2]
    np.testing.assert_array_equal(images, pictures[10:])
    np.testing.assert_array_equal(labels, np.ones(2))
    with pytest.raises(IndexError):
        flow[3]


def test_augmented_batches_do_not_depend_on_workers(folder: Path) -> None:
    def epoch(workers: int) -> list[np.ndarray]:
        generator = ImageDataGenerator(
            rotation_range=20, zoom_range=0.2, horizontal_flip=True, workers=workers
        )
        flow = generator.flow_from_directory(folder, target_size=(32, 32), batch_size=4, seed=3)
        return [next(flow)[0].copy() for _ in range(len(flow))]

    for here, there in zip(epoch(0), epoch(2), strict=True):
        np.testing.assert_array_equal(here, there)


def test_arrays(pictures: np.ndarray) -> None:
    labels = np.arange(len(pictures))
    flow = ImageDataGenerator(rescale=1 / 255).flow(pictures, labels, batch_size=6, shuffle=False)
    for turn in range(2):
        images, given = next(flow)
        part = slice(6 * turn, 6 * turn + 6)
        np.testing.assert_allclose(images, pictures[part] / 255, atol=1e-6)
        np.testing.assert_array_equal(given, labels[part])


def test_dataframe(folder: Path, pictures: np.ndarray) -> None:
    table = pd.DataFrame({"file": ["b/07.png", "a/01.png"], "value": [0.5, 1.5]})
    flow = ImageDataGenerator().flow_from_dataframe(
        table, folder, "file", "value", target_size=SHAPE[:2], class_mode="raw", shuffle=False
    )
    images, values = flow[0]
    np.testing.assert_array_equal(images, pictures[[7, 1]])
    np.testing.assert_array_equal(values, [0.5, 1.5])


def test_statistics(pictures: np.ndarray) -> None:
    generator = ImageDataGenerator(featurewise_center=True)
    generator.fit(pictures)
    images = next(generator.flow(pictures, batch_size=12, shuffle=False))
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), 0, atol=1e-2)


def test_single_images(pictures: np.ndarray) -> None:
    generator = ImageDataGenerator(rotation_range=30)
    picture = pictures[0].astype(np.float32)
    parameters = generator.get_random_transform(picture.shape, seed=1)
    turned = generator.apply_transform(picture, parameters)
    np.testing.assert_array_equal(turned, generator.random_transform(picture, seed=1))
    assert not np.array_equal(turned, picture)


def test_helper_functions(folder: Path, pictures: np.ndarray) -> None:
    loaded = image.load_img(folder / "a" / "00.png")
    array = image.img_to_array(loaded)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, pictures[0])
    image.save_img(folder / "saved.png", array, scale=False)
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "saved.png")), pictures[0])
    np.testing.assert_array_equal(image.flip_axis(array, 1), array[:, ::-1])
    turned = image.apply_affine_transform(array, theta=90)
    assert turned.shape == array.shape
    assert len(image.list_pictures(folder / "b")) == PER_CLASS


def test_pickled_flow_gives_the_same_batches(folder: Path) -> None:
    flow = ImageDataGenerator(rotation_range=9).flow_from_directory(
        folder, target_size=(32, 32), batch_size=4, seed=1
    )
    copy = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(next(flow)[0], next(copy)[0])


def test_defaults_are_those_of_an_unconfigured_keras(pictures: np.ndarray) -> None:
    assert ImageDataGenerator().data_format == "channels_last"
    assert next(augflow.ImageDataGenerator().flow(pictures)).dtype == np.float32
