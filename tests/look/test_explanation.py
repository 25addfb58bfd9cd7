"""``flow.explain``: what it says is what went into the batch, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import augflow
from augflow import ImageDataGenerator
from augflow.preprocessing.image import img_to_array, load_img
from tests.flow_world import signatures, table_of, take, write_folder

SIZE = {"target_size": (20, 24), "batch_size": 8, "verbose": False}
MOVES = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "zoom_range": 0.3,
    "shear_range": 10,
    "horizontal_flip": True,
    "vertical_flip": True,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("explain") / "photos")


def directory(folder: Path, changes: dict[str, Any], **arguments: Any) -> Any:
    generator = ImageDataGenerator(**MOVES | {"rescale": 1 / 255, "workers": 0} | changes)
    return generator.flow_from_directory(folder, **SIZE | {"seed": 1} | arguments)


def noisy(image: np.ndarray) -> np.ndarray:
    return image + np.random.normal(0, 3, image.shape)


def speckled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(image + rng.integers(0, 9, image.shape), 0, 255).astype(np.uint8)


class Turned(ImageDataGenerator):
    def get_random_transform(self, img_shape: Any, seed: Any = None) -> dict[str, Any]:
        return {"theta": float(np.random.uniform(-90, 90))}


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({}, {}),
        ({}, {"shuffle": False}),
        ({}, {"augment": False}),
        ({}, {"sampler": "balanced"}),
        ({"channel_shift_range": 20.0, "brightness_range": (0.5, 1.5)}, {}),
        ({"data_format": "channels_first"}, {}),
        ({"preprocessing_function": noisy}, {}),
        ({"augmentation": speckled}, {}),
        ({}, {"cache": "ram"}),
        ({}, {"class_mode": "input"}),
    ],
)
def test_each_row_is_the_very_sample(
    changes: dict[str, Any], arguments: dict[str, Any], folder: Path
) -> None:
    flow = directory(folder, changes, **arguments)
    for _ in range(5):  # into the second epoch
        images = next(flow)[0]
        explained = flow.explain()
        assert len(explained) == len(images)
        for row, one in enumerate(explained):
            assert np.array_equal(one.inputs, images[row])
            assert one.row == row and one.name == flow.filenames[one.index]
    labels = flow.explain(0, -1).label
    assert labels in ("cat", "flower") or arguments.get("class_mode") == "input"


@pytest.mark.parametrize("shuffle", [True, False])
def test_keras_own_steps_with_these_parameters_give_the_pixels(folder: Path, shuffle: bool) -> None:
    flow = directory(folder, {}, shuffle=shuffle)
    generator = flow.image_data_generator
    take(flow, 2)
    images = next(flow)[0]
    for row, one in enumerate(flow.explain()):
        image = img_to_array(load_img(folder / one.name, target_size=(20, 24)))
        moved = generator.standardize(generator.apply_transform(image, one.parameters))
        assert np.abs(moved - images[row]).max() < 1e-5
        assert one.matrix is not None
        warped = [
            ndimage.affine_transform(
                image[..., channel], one.matrix[:2, :2], one.matrix[:2, 2], order=1, mode="nearest"
            )
            for channel in range(3)
        ]
        result = np.stack(warped, axis=2)
        result = result[:, ::-1] if one.parameters["flip_horizontal"] else result
        result = result[::-1] if one.parameters["flip_vertical"] else result
        assert np.abs(result / 255 - images[row]).max() < 1e-3


def test_the_seeds_are_those_that_were_drawn_from(folder: Path) -> None:
    def first(number: int) -> np.ndarray:
        return np.zeros(2)

    def shake(sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sample + rng.random(2)

    flow = augflow.flow_from_loader(first, range(9), batch_size=4, augment=shake, seed=5, workers=0)
    batch = take(flow, 4)[-1]
    for row, one in enumerate(flow.explain()):
        assert np.array_equal(np.random.default_rng(one.seeds["sample"]).random(2), batch[row])
        assert one.epoch == 3 and one.batch == 0 and one.seeds["flow"] == 5

    images = directory(folder, {})
    take(images, 2)
    one = images.explain(row=0)
    drawn = images.image_data_generator.get_random_transform((20, 24, 3), one.seeds["batch"])
    assert drawn == one.parameters


def test_a_method_of_ones_own_says_what_it_drew(folder: Path) -> None:
    generator = Turned(workers=0)
    flow = generator.flow_from_directory(folder, **SIZE, seed=1)
    images = next(flow)[0]
    one = flow.explain(row=3)
    assert list(one.parameters) == ["theta"] and np.array_equal(one.inputs, images[3])
    image = img_to_array(load_img(folder / one.name, target_size=(20, 24)))
    assert np.allclose(generator.apply_transform(image, one.parameters), images[3], atol=1e-3)


def test_rows_are_those_of_the_batch_that_lacks_a_broken_file(tmp_path: Path) -> None:
    broken = write_folder(tmp_path / "photos")
    for name in ("00.png", "05.jpg"):
        (broken / "cat" / name).write_bytes(b"no image")
    for batch_size in (8, 1):
        flow = directory(broken, {}, on_error="skip", batch_size=batch_size)
        with pytest.warns(UserWarning, match="left out"):
            for _ in range(len(flow)):
                images = next(flow)[0]
                explained = flow.explain()
                assert len(explained) == len(images)
                assert all(
                    np.array_equal(one.inputs, image)
                    for one, image in zip(explained, images, strict=True)
                )


def test_other_flows(tmp_path: Path, folder: Path) -> None:
    images = np.random.default_rng(0).random((9, 8, 8, 3)).astype("float32")
    array = ImageDataGenerator(**MOVES).flow(images, np.arange(9) / 2, batch_size=4, seed=1)
    batch = next(array)[0]
    for row, one in enumerate(array.explain()):
        assert np.array_equal(one.inputs, batch[row]) and one.parameters is not None
        assert float(one.label) == one.index / 2
    arrays = augflow.flow_from_arrays({"a": np.arange(9)}, np.arange(9), batch_size=4, seed=1)
    batch = next(arrays)[0]
    assert [one.inputs["a"] for one in arrays.explain()] == batch["a"].tolist()
    file = tmp_path / "rows.csv"
    pd.DataFrame({"a": range(20), "b": range(20)}).to_csv(file, index=False)
    rows = augflow.flow_from_csv(file, ["a"], "b", batch_size=4, shuffle=True, seed=1, workers=0)
    batch = next(rows)[0]
    assert [one.name for one in rows.explain()] == batch[:, 0].tolist()
    pair = ImageDataGenerator(workers=0).flow_from_dataframe(
        table_of(folder), folder, extra_cols=["id"], **SIZE
    )
    image, number = next(pair)[0]
    assert np.array_equal(pair.explain(row=1).inputs[0], image[1])
    assert pair.explain(row=1).inputs[1] == number[1]


def test_the_flow_stays_where_it_is(folder: Path) -> None:
    expected = signatures(take(directory(folder, {}), 5))
    flow = directory(folder, {})
    got = []
    for _ in range(5):
        flow.explain(1, 0)
        got.append(next(flow))
        flow.explain()
    assert signatures(got) == expected


def test_a_batch_is_named_by_its_number_as_by_index(folder: Path) -> None:
    flow = directory(folder, {})
    images = flow[1][0]
    assert np.array_equal(flow.explain(1, 2).inputs, images[2])
    assert flow.explain(-1, 0).batch == 2
    flow[2]
    assert flow.explain(row=0).batch == 2


def test_it_can_be_read(folder: Path) -> None:
    flow = directory(folder, {"brightness_range": (0.5, 0.6)})
    next(flow)
    one = flow.explain(row=0)
    text = str(one)
    assert one.name in text and "rotation" in text and "brightness 0.5" in text
    assert {"augment", "standardize"} <= set(one.seconds)
    still = directory(folder, {}, augment=False)
    next(still)
    assert "drawn: nothing" in str(still.explain(row=0)) and still.explain(row=0).matrix is None


def test_what_cannot_be_explained_is_an_error(folder: Path) -> None:
    flow = directory(folder, {}, seed=None)
    with pytest.raises(ValueError, match="no batch was handed over"):
        flow.explain()
    with pytest.raises(ValueError, match="without a seed"):
        flow.explain(0)
    next(flow)
    with pytest.raises(IndexError, match="batch 3 is out of range"):
        flow.explain(3)
    with pytest.raises(IndexError, match="row 8 is out of range"):
        flow.explain(0, 8)
    with pytest.raises(TypeError):
        flow.explain(0.5)
