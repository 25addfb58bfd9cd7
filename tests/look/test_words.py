"""``repr`` and the HTML of notebooks: of every kind of flow, and without moving it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import augflow
from augflow import ImageDataGenerator
from augflow.look.pixels import picture_of
from tests.flow.line_source import LineSource
from tests.flow_world import signatures, table_of, take, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("look") / "photos")


def generator(**changes: Any) -> ImageDataGenerator:
    return ImageDataGenerator(**{"rotation_range": 20, "rescale": 1 / 255, "workers": 0} | changes)


def directory(folder: Path, **changes: Any) -> Any:
    settings = {"target_size": (20, 24), "batch_size": 8, "seed": 1, "verbose": False}
    return generator().flow_from_directory(folder, **settings | changes)


def table(folder: Path, **changes: Any) -> Any:
    settings = {"target_size": (20, 24), "batch_size": 8, "seed": 1, "verbose": False}
    return generator().flow_from_dataframe(table_of(folder), folder, **settings | changes)


def csv(folder: Path) -> Any:
    file = folder.parent / "rows.csv"
    pd.DataFrame({"a": range(10), "b": range(10)}).to_csv(file, index=False)
    return augflow.flow_from_csv(file, ["a"], "b", batch_size=4, workers=0)


def lines(folder: Path) -> Any:
    from augflow.flow.from_source import SourceFlow

    file = folder.parent / "lines.txt"
    file.write_text("".join(f"line {number}\n" for number in range(9)))
    return SourceFlow(LineSource(str(file), np.arange(9)), batch_size=4, seed=1, workers=0)


def volume(number: int) -> np.ndarray:
    return np.full((6, 8, 10, 1), number / 10, "float32")


FLOWS: dict[str, tuple[Callable[[Path], Any], str, int]] = {
    "directory": (
        directory,
        "<DirectoryIterator: 19 images of 2 classes (cat 11, flower 8), 3 batches of "
        "(8, 20, 24, 3) float32, shuffled, seed 1, augmented>",
        6,
    ),
    "several inputs": (
        lambda folder: table(
            folder, class_mode="multi_output", y_col=["id", "half"], extra_cols=["id"]
        ),
        "<DataFrameIterator: 19 images, 3 batches of (8, 20, 24, 3) float32, shuffled, seed 1, "
        "augmented>",
        6,
    ),
    "array": (
        lambda folder: generator().flow(
            np.random.default_rng(0).random((9, 8, 8, 3)), np.arange(9) % 2, seed=3, augment=False
        ),
        "<NumpyArrayIterator: 9 images of 2 classes (0 5, 1 4), 1 batch of (9, 8, 8, 3) float32, "
        "shuffled, seed 3>",
        6,
    ),
    "loader": (
        lambda folder: augflow.flow_from_loader(
            volume, range(4), [0, 1, 1, 1], num_classes=2, seed=1, workers=0
        ),
        "<LoaderIterator: 4 samples of 2 classes (0 1, 1 3), 1 batch of (4, 6, 8, 10, 1) float32, "
        "shuffled, seed 1>",
        4,
    ),
    "arrays": (
        lambda folder: augflow.flow_from_arrays(np.arange(5), np.arange(5) / 2),
        "<ArraysIterator: 5 samples, 1 batch of (5,) int64, shuffled, no seed>",
        0,
    ),
    "csv": (
        csv,
        "<CsvIterator: 10 rows, 3 batches of (4, 1) float32, in the order of the data>",
        0,
    ),
    "source": (
        lines,
        "<SourceFlow: 9 samples, 3 batches of (4, 16) int32, shuffled, seed 1>",
        0,
    ),
}


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_says_what_it_is_and_shows_six_samples(kind: str, folder: Path) -> None:
    make, line, pictures = FLOWS[kind]
    flow = make(folder)
    assert repr(flow) == line
    html = flow._repr_html_()
    assert html.count("<img ") == pictures
    assert type(flow).__name__ in html and f"{int(flow.n)}</td>" in html


@pytest.mark.parametrize("kind", FLOWS)
def test_looking_does_not_move_a_flow(kind: str, folder: Path) -> None:
    make = FLOWS[kind][0]
    np.random.seed(3)
    plain = make(folder)
    expected = signatures(take(plain, len(plain) + 2))
    np.random.seed(3)
    flow = make(folder)
    before = np.random.get_state()[1].tolist()
    repr(flow), flow._repr_html_()
    assert np.random.get_state()[1].tolist() == before
    got = take(flow, len(flow))
    flow._repr_html_()
    assert signatures([*got, *take(flow, 2)]) == expected


def test_the_pictures_are_of_augmented_samples(folder: Path) -> None:
    def pictures(flow: Any) -> list[np.ndarray]:
        found = re.findall(r"base64,([^\"]+)", flow._repr_html_())
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]

    turned, still = pictures(directory(folder)), pictures(directory(folder, augment=False))
    with Image.open(folder / "cat" / "00.png") as file:
        original = np.asarray(file.convert("RGB").resize((24, 20), Image.Resampling.NEAREST))
    # JPEG of small pictures costs some levels.
    assert np.abs(still[0].astype(int) - original).mean() < 10
    moved = [
        np.abs(one.astype(int) - other).mean() for one, other in zip(turned, still, strict=True)
    ]
    assert max(moved) > 10


def test_a_broken_file_is_said_in_its_place(folder: Path, tmp_path: Path) -> None:
    broken = write_folder(tmp_path / "broken")
    (broken / "cat" / "00.png").write_bytes(b"no image")
    for on_error in ("raise", "skip"):
        html = directory(broken, on_error=on_error)._repr_html_()
        assert html.count("<img ") == 5 and "00.png" in html
        flow = directory(broken, on_error=on_error)
        flow._repr_html_()
        if on_error == "skip":
            assert flow.bad_files == {}


def test_names_are_no_html(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos")
    (tmp_path / "photos" / "cat").rename(tmp_path / "photos" / "<b>cat")
    html = directory(tmp_path / "photos")._repr_html_()
    assert "<b>cat" not in html and "&lt;b&gt;cat" in html


def test_a_flow_half_made_can_be_printed() -> None:
    half = object.__new__(augflow.DirectoryIterator)
    assert repr(half).startswith("<augflow.images.directory.DirectoryIterator object at")
    assert half._repr_html_() is None
    none = object.__new__(ImageDataGenerator)
    assert "object at" in repr(none) or repr(none).startswith("ImageDataGenerator(")


def test_a_subclass_with_an_order_of_its_own_can_be_printed(folder: Path) -> None:
    class Own(augflow.DirectoryIterator):
        def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
            return np.full((len(index_array), 8, 8, 3), 0.5)

    flow = Own(folder, generator(), verbose=False)
    assert repr(flow).startswith("<Own: 19 images")
    assert flow._repr_html_().count("<img ") == 6
    flow.index_generator = iter([np.arange(3)])
    assert flow._repr_html_() is None and repr(flow).startswith("<Own: 19 images")


def test_a_generator_says_what_is_not_by_default() -> None:
    def soften(image: np.ndarray) -> np.ndarray:
        return image / 2

    changed = ImageDataGenerator(
        rotation_range=20, zoom_range=0.5, rescale=1 / 255, validation_split=0.2,
        preprocessing_function=soften,
    )  # fmt: skip
    assert repr(ImageDataGenerator()) == "ImageDataGenerator()"
    name = soften.__qualname__
    assert repr(changed) == (
        "ImageDataGenerator(rotation_range=20, zoom_range=[0.5, 1.5], rescale=0.003922, "
        f"preprocessing_function={name}, validation_split=0.2)"
    )
    html = changed._repr_html_()
    assert html is not None and "rotation_range" in html and "horizontal_flip" not in html


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255]),
        (np.array([0.0, 128.0, 255.0]), [0, 128, 255]),
        (np.array([-100.0, 0.0, 100.0]), [0, 128, 255]),
        (np.array([0, 1, 255], np.uint8), [0, 1, 255]),
        (np.array([np.nan, 0.5, 1.0]), [0, 128, 255]),
    ],
)
def test_any_range_of_values_can_be_seen(values: np.ndarray, levels: list[int]) -> None:
    image = np.resize(values, (6, 6, 3))
    assert picture_of(image)[0, 0].tolist() == levels


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((5, 6), (5, 6)),
        ((5, 6, 1), (5, 6)),
        ((5, 6, 4), (5, 6)),
        ((5, 6, 2), (5, 6)),
        ((9, 9, 7), (9, 9)),
        ((6, 8, 10), (8, 10)),
        ((6, 8, 10, 1), (8, 10)),
    ],
)
def test_images_and_volumes_of_any_channels_can_be_seen(
    shape: tuple[int, ...], seen: tuple[int, int]
) -> None:
    sample = np.random.default_rng(0).random(shape)
    assert picture_of(sample).shape[:2] == seen
    if seen == (8, 10):
        middle = picture_of(sample[3].reshape(8, 10))
        # The middle slice, as it looks by itself.
        assert np.array_equal(picture_of(sample), middle)


def test_what_is_no_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Received an array of shape \(3,\)"):
        picture_of(np.zeros(3))
