"""keep_aspect_ratio: Keras's crop, and padding, by one geometry for all that moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import ImageDataGenerator
from augflow.base.settings import ReadSettings
from augflow.preprocessing.image import load_img
from augflow.read.image_file import read_image
from augflow.read.placement import placement
from augflow.read.resize import FILTERS
from tests.parity.images import crop

SIDES = st.integers(1, 400)
often = settings(max_examples=300)


@often
@given(SIDES, SIDES, SIDES, SIDES)
def test_padding_shows_all_of_the_image_as_large_as_it_fits(
    height: int, width: int, target_height: int, target_width: int
) -> None:
    place = placement(height, width, (target_height, target_width), "pad")
    assert place.source == (0, 0, width, height)
    left, top, right, bottom = place.target
    assert 0 <= left < right <= target_width and 0 <= top < bottom <= target_height
    # It touches two opposite edges, and the rest is shared out evenly.
    assert (left, right) == (0, target_width) or (top, bottom) == (0, target_height)
    assert 0 <= target_width - right - left <= 1 and 0 <= target_height - bottom - top <= 1
    # Not distorted by more than the rounding of one side to a pixel.
    scale = min(target_width / width, target_height / height)
    assert abs(right - left - width * scale) <= max(0.5, 1 - width * scale) + 1e-9
    assert abs(bottom - top - height * scale) <= max(0.5, 1 - height * scale) + 1e-9


@often
@given(SIDES, SIDES, SIDES, SIDES)
def test_the_crop_is_that_of_keras(
    height: int, width: int, target_height: int, target_width: int
) -> None:
    place = placement(height, width, (target_height, target_width), True)
    assert place.target == (0, 0, target_width, target_height)
    if (height, width) == (target_height, target_width):
        assert place.source == (0, 0, width, height)
        return
    # keras.utils.load_img, written down again.
    crop_height = min(height, (width * target_height) // target_width)
    crop_width = min(width, (height * target_width) // target_height)
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    assert place.source == (left, top, left + crop_width, top + crop_height)


def test_distorting_uses_all_of_both() -> None:
    place = placement(30, 70, (20, 20), False)
    assert (place.source, place.target) == ((0, 0, 70, 30), (0, 0, 20, 20))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aspect")
    (folder / "a").mkdir()
    for number, (height, width) in enumerate([(30, 61), (64, 33), (40, 40), (24, 20), (5, 90)]):
        image = crop("flower", number, height, width)
        image.save(folder / "a" / f"{number}.{'png' if number % 2 else 'jpg'}")
    deep = np.arange(30 * 50, dtype=np.uint16).reshape(30, 50) * 40
    Image.fromarray(deep).save(folder / "deep.png")
    return folder


@pytest.mark.parametrize("interpolation", list(FILTERS))
@pytest.mark.parametrize(
    ("color_mode", "mode"), [("rgb", "RGB"), ("rgba", "RGBA"), ("grayscale", "L")]
)
def test_padded_pixels(folder: Path, interpolation: str, color_mode: str, mode: str) -> None:
    size = (24, 20)
    for path in sorted((folder / "a").iterdir()):
        image = Image.open(path).convert(mode)
        left, top, right, bottom = placement(image.height, image.width, size, "pad").target
        wanted = Image.new(mode, (20, 24), (0,) * len(mode) if len(mode) > 1 else 0)
        inner = image
        if image.size != (right - left, bottom - top):
            inner = image.resize((right - left, bottom - top), FILTERS[interpolation])
        wanted.paste(inner, (left, top))
        expected = np.asarray(wanted).reshape(24, 20, -1)
        pixels = read_image(str(path), ReadSettings(size, color_mode, interpolation, "pad"))
        np.testing.assert_array_equal(pixels, expected)
        loaded = load_img(path, color_mode, size, interpolation, "pad")
        np.testing.assert_array_equal(np.asarray(loaded).reshape(24, 20, -1), expected)


def test_padded_16_bit_gray(folder: Path) -> None:
    pixels = read_image(
        str(folder / "deep.png"), ReadSettings((40, 50), "grayscale", "nearest", "pad")
    )
    assert pixels.dtype == np.uint16 and pixels.shape == (40, 50, 1)
    assert not pixels[:5].any() and not pixels[35:].any()
    np.testing.assert_array_equal(
        pixels[5:35], np.asarray(Image.open(folder / "deep.png"))[..., None]
    )


def batch(folder: Path, keep: Any, **options: Any) -> np.ndarray:
    generator = ImageDataGenerator(workers=0)
    with generator.flow_from_directory(
        folder, (24, 20), class_mode="sparse", shuffle=False, keep_aspect_ratio=keep, **options
    ) as flow:
        return np.array(next(flow)[0])


def test_the_two_names_of_the_crop(folder: Path, tmp_path: Path) -> None:
    cropped = batch(folder, True)
    np.testing.assert_array_equal(batch(folder, "crop", cache=tmp_path / "c"), cropped)
    # The same images, so the same cache.
    np.testing.assert_array_equal(batch(folder, True, cache=tmp_path / "c"), cropped)
    assert not np.array_equal(cropped, batch(folder, False))
    padded = batch(folder, "pad")
    np.testing.assert_array_equal(batch(folder, "pad", cache=tmp_path / "c"), padded)
    names = sorted(path.name for path in (tmp_path / "c").iterdir())
    assert names == [
        "24x20-rgb-nearest-keep_aspect_ratio-v1",
        "24x20-rgb-nearest-keep_aspect_ratio=pad-v1",
    ]


def test_dataframes_pad_too(folder: Path) -> None:
    names = sorted(str(path) for path in (folder / "a").iterdir())
    with ImageDataGenerator(workers=0).flow_from_dataframe(
        pd.DataFrame({"filename": names}),
        target_size=(24, 20),
        class_mode=None,
        shuffle=False,
        keep_aspect_ratio="pad",
    ) as flow:
        np.testing.assert_array_equal(next(flow), batch(folder, "pad"))


@pytest.mark.parametrize("keep", ["padded", "Crop", ""])
def test_other_texts_are_refused(folder: Path, keep: str) -> None:
    with pytest.raises(ValueError, match="keep_aspect_ratio"):
        batch(folder, keep)
