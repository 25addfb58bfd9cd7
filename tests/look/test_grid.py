"""``flow.show`` and ``generator.show``: what the figures hold is what the model gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import augflow
from augflow import Boxes, ImageDataGenerator, Keypoints
from augflow.look.explanation import parameters_in_words
from tests.flow_world import signatures, table_of, take, write_folder

pytest.importorskip("matplotlib")
SIZE = {"target_size": (20, 24), "batch_size": 8, "verbose": False, "seed": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("show") / "photos")


def generator(**changes: Any) -> ImageDataGenerator:
    return ImageDataGenerator(**{"rotation_range": 40, "rescale": 1 / 255, "workers": 0} | changes)


def pictures(figure: Any) -> list[np.ndarray]:
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def titles(figure: Any) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def original(folder: Path, name: str) -> np.ndarray:
    with Image.open(folder / name) as file:
        return np.asarray(file.convert("RGB").resize((24, 20), Image.Resampling.NEAREST))


def test_originals_beside_draws(folder: Path) -> None:
    flow = generator().flow_from_directory(folder, **SIZE)
    figure = flow.show(n=4, draws=2)
    shown = pictures(figure)
    assert len(shown) == 4 * 3
    names = [title.split("\n")[0] for title in titles(figure)]
    labels = [title.split("\n")[1] for title in titles(figure)]
    assert names == [flow.filenames[place] for place in (0, 6, 12, 18)]
    assert labels == [name.split("/")[0] for name in names]
    for number, name in enumerate(names):
        first, *drawn = shown[3 * number : 3 * number + 3]
        assert np.abs(first.astype(int) - original(folder, name)).max() <= 1
        assert not np.array_equal(*drawn) and not np.array_equal(first, drawn[0])


def test_draws_alone_and_originals_alone(folder: Path) -> None:
    flow = generator().flow_from_directory(folder, **SIZE)
    alone = flow.show(originals=False)
    assert len(pictures(alone)) == 9 == len(titles(alone))
    again, other = flow.show(originals=False), flow.show(originals=False, seed=1)
    assert all(map(np.array_equal, pictures(alone), pictures(again)))
    assert not any(map(np.array_equal, pictures(alone), pictures(other)))
    still = generator().flow_from_directory(folder, **SIZE, augment=False)
    assert len(pictures(still.show(4))) == 4
    assert len(pictures(flow.show(100, draws=1))) == 2 * 19


def test_the_flow_stays_where_it_is(folder: Path) -> None:
    for seed in (1, None):
        settings = SIZE | {"seed": seed}
        np.random.seed(2)
        expected = signatures(take(generator().flow_from_directory(folder, **settings), 5))
        np.random.seed(2)
        flow = generator().flow_from_directory(folder, **settings)
        flow.show(2)
        first = take(flow, 2)
        flow.show(2)
        assert signatures([*first, *take(flow, 3)]) == expected


def test_masks_boxes_and_points_lie_where_they_are(folder: Path, tmp_path: Path) -> None:
    rows = table_of(folder)
    sizes = [Image.open(folder / name).size for name in rows["filename"]]
    rows["boxes"] = [[[0, 0, width / 2, height / 2]] for width, height in sizes]
    rows["numbers"] = [[3]] * len(rows)
    rows["points"] = [[[width / 2, height / 2]] for width, height in sizes]
    flow = generator(rotation_range=0, horizontal_flip=True).flow_from_dataframe(
        rows,
        folder,
        boxes=Boxes(column="boxes", labels="numbers"),
        keypoints=Keypoints(column="points"),
        **SIZE,
    )
    axes = flow.show(1).axes[0]
    box, point = axes.lines
    assert np.allclose([box.get_xdata().min(), box.get_xdata().max()], [-0.5, 11.5])
    assert np.allclose([box.get_ydata().min(), box.get_ydata().max()], [-0.5, 9.5])
    assert np.abs(point.get_xdata()[0] - 11.5) < 1 and np.abs(point.get_ydata()[0] - 9.5) < 1
    assert [text.get_text() for text in axes.texts] == ["3"]
    for name, (width, height) in zip(rows["filename"], sizes, strict=True):
        mask = np.zeros((height, width), np.uint8)
        mask[: height // 2] = 2
        path = (tmp_path / name).with_suffix(".png")
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mask).save(path)
    for data_format in ("channels_last", "channels_first"):
        masked = generator(data_format=data_format).flow_from_directory(
            folder, class_mode="mask", mask_directory=tmp_path, **SIZE
        )
        (outline,) = masked.show(1).axes[0].collections
        points = np.concatenate([path.vertices for path in outline.get_paths()])
        # Half of the picture, from its upper edge to its middle.
        assert np.allclose(points.min(axis=0), [-0.5, -0.5], atol=1)
        assert np.allclose(points.max(axis=0), [23.5, 9.5], atol=1)


def test_volumes_show_their_middle_with_the_outline_there() -> None:
    def load(number: int) -> tuple[np.ndarray, np.ndarray]:
        volume = np.zeros((7, 16, 12, 1), "float32")
        volume[3] = np.arange(12)[:, np.newaxis] / 11
        mask = np.zeros((7, 16, 12), "uint8")
        mask[3, 4:8, 4:8] = 1
        return volume, mask

    flow = augflow.flow_from_loader(load, range(3), workers=0)
    (first, *_) = flow.show(1).axes
    assert np.array_equal(
        first.images[0].get_array()[0, :, 0], np.rint(np.arange(12) / 11 * 255).astype(int)
    )
    (outline,) = first.collections
    points = np.concatenate([path.vertices for path in outline.get_paths()])
    assert np.allclose(points.min(axis=0), 3.5) and np.allclose(points.max(axis=0), 7.5)


def test_the_original_of_a_loader_is_without_augment() -> None:
    flow = augflow.flow_from_loader(
        lambda number: np.full((8, 8, 3), 0.5),
        range(3),
        workers=0,
        augment=lambda sample, rng: sample * rng.random(),
    )
    shown = pictures(flow.show(1))
    assert len(shown) == 4 and (shown[0] == 128).all() and (shown[1] < 128).all()


def test_a_broken_file_is_named_in_its_place(tmp_path: Path) -> None:
    broken = write_folder(tmp_path / "photos")
    (broken / "cat" / "00.png").write_bytes(b"no image")
    skipping = generator().flow_from_directory(broken, on_error="skip", **SIZE)
    figure = skipping.show(2, draws=1)
    assert len(pictures(figure)) == 2 and "cat/00.png" in titles(figure)
    assert skipping.bad_files == {}
    with pytest.raises(augflow.ImageReadError):
        generator().flow_from_directory(broken, **SIZE).show(2)


def test_a_generator_shows_an_image_with_its_parameters(folder: Path) -> None:
    made = generator(width_shift_range=0.2)
    path = folder / "cat" / "00.png"
    figure = made.show(path, n=5, seed=3)
    first, *drawn = pictures(figure)
    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB"))
    assert np.array_equal(first, image) and len(drawn) == 5
    assert titles(figure)[0] == "original" and all("rotation" in one for one in titles(figure)[1:])
    by_flow = made.flow(image[np.newaxis].repeat(5, axis=0), batch_size=5, shuffle=False, seed=3)
    batch = next(by_flow)
    for shown, row in zip(drawn, batch, strict=True):
        assert np.abs(shown - row * 255).max() < 1
    for given in (image, Image.fromarray(image)):
        assert all(map(np.array_equal, pictures(made.show(given, n=5, seed=3)), [first, *drawn]))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"tx": 3.0, "ty": 0.0}, "left 3 px"),
        ({"tx": -3.0, "ty": -4.0}, "right 3 px, down 4 px"),
        ({"theta": 0.0, "zx": 1.0, "flip_horizontal": True}, "flipped left to right"),
        ({"brightness": None, "zy": 1.5}, "zoom of height 1.5"),
        ({"my_own": [1, 2]}, "my_own [1, 2]"),
        (None, "nothing"),
    ],
)
def test_parameters_in_words(parameters: Any, words: str) -> None:
    assert parameters_in_words(parameters) == words


def test_the_words_say_where_the_picture_goes() -> None:
    image = np.zeros((9, 9, 1), "float32")
    image[4, 4] = 1
    moved = ImageDataGenerator(fill_mode="constant").apply_transform(image, {"tx": 2, "ty": -3})
    assert np.argwhere(moved[..., 0] == 1).tolist() == [[4 + 3, 4 - 2]]
    assert parameters_in_words({"tx": 2, "ty": -3}) == "left 2 px, down 3 px"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "`n` must be an int of at least 1. Received: 0"),
        ({"n": "4"}, TypeError, "Received: '4'"),
        ({"draws": 0}, ValueError, "`draws`"),
        ({"seed": -1}, ValueError, "`seed`"),
    ],
)
def test_numbers_that_cannot_be_used(
    arguments: dict[str, Any], error: type[Exception], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=message):
        generator().flow_from_directory(folder, **SIZE).show(**arguments)


def test_what_is_no_picture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="show draws images"):
        augflow.flow_from_arrays(np.arange(9)).show()
    file = tmp_path / "rows.csv"
    pd.DataFrame({"a": range(10)}).to_csv(file, index=False)
    with pytest.raises(TypeError, match="show draws images"):
        augflow.flow_from_csv(file, ["a"], workers=0).show()
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        generator().show(np.zeros(3))
