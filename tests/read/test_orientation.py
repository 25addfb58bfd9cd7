"""exif=True: photographs are turned upright, by the pixels of Pillow's ``exif_transpose``."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from augflow import ImageDataGenerator
from augflow.base.settings import ReadSettings
from augflow.read.image_file import read_image_bytes
from augflow.read.orientation import box_before_turning, turn_pixels
from augflow.read.resize import FILTERS
from tests.parity.images import crop

ORIENTATIONS = range(1, 9)
WANTED_DECIBELS = 50


def encoded(image: Image.Image, kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif, quality=95)
    return buffer.getvalue()


def reference(
    content: bytes, size: tuple[int, int] | None, interpolation: str, mode: str
) -> np.ndarray:
    """Pillow alone: turn, convert, resize."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert(mode)
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], FILTERS[interpolation])
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return crop("chelsea", 5, 62, 91)


@pytest.fixture(scope="module")
def large() -> Image.Image:
    """Not a multiple of 8 in either direction, so that the last row of a scale is a part."""
    return crop("chelsea", 5, 62, 91).resize((1611, 1203), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_all_orientations_are_those_of_pillow(
    photo: Image.Image, kind: str, orientation: int
) -> None:
    content = encoded(photo, kind, orientation)
    for size in (None, (40, 30)):
        for interpolation in ("nearest", "bilinear"):
            for color_mode, mode in (("rgb", "RGB"), ("grayscale", "L"), ("rgba", "RGBA")):
                settings = ReadSettings(size, color_mode, interpolation, exif=True)
                pixels = read_image_bytes(content, "a", settings)
                wanted = reference(content, size, interpolation, mode)
                np.testing.assert_array_equal(pixels, wanted)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_large_jpegs_that_pillow_decodes(large: Image.Image, orientation: int) -> None:
    content = encoded(large, "JPEG", orientation)
    settings = ReadSettings((90, 70), interpolation="bilinear", exif=True)
    wanted = reference(content, (90, 70), "bilinear", "RGB")
    np.testing.assert_array_equal(read_image_bytes(content, "a", settings), wanted)


@pytest.mark.parametrize("keep", [False, True, "pad"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_fast_decoding_is_near(large: Image.Image, orientation: int, keep: bool | str) -> None:
    content = encoded(large, "JPEG", orientation)
    for interpolation in ("bilinear", "box"):
        exact, fast = (
            read_image_bytes(
                content, "a", ReadSettings((90, 70), "rgb", interpolation, keep, decode, exif=True)
            ).astype(float)
            for decode in ("exact", "fast")
        )
        assert fast.shape == exact.shape == (90, 70, 3)
        error = np.mean((fast - exact) ** 2)
        assert error > 0 and 10 * np.log10(255**2 / error) > WANTED_DECIBELS


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_box_is_found_again(orientation: int) -> None:
    stored = np.arange(7 * 5).reshape(7, 5, 1)
    upright = turn_pixels(stored, orientation)
    height, width, _ = upright.shape
    left, top, right, bottom = box_before_turning((1, 2, 4, 5), height, width, orientation)
    part = turn_pixels(stored[top:bottom, left:right], orientation)
    np.testing.assert_array_equal(part, upright[2:5, 1:4])


def test_without_the_switch_photographs_are_as_keras_reads_them(photo: Image.Image) -> None:
    turned, upright = encoded(photo, "JPEG", 6), encoded(photo, "JPEG", 1)
    np.testing.assert_array_equal(
        read_image_bytes(turned, "a", ReadSettings()),
        read_image_bytes(upright, "a", ReadSettings()),
    )


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_unknown_orientations_change_nothing(photo: Image.Image, orientation: int) -> None:
    content = encoded(photo, "JPEG", orientation)
    np.testing.assert_array_equal(
        read_image_bytes(content, "a", ReadSettings(exif=True)),
        read_image_bytes(content, "a", ReadSettings()),
    )


def test_the_orientation_may_stand_in_xmp(photo: Image.Image) -> None:
    plain = encoded(photo, "JPEG", 1)
    body = b'<rdf:Description tiff:Orientation="6"/>'
    packet = b"http://ns.adobe.com/xap/1.0/\0" + body
    without_exif = io.BytesIO()
    photo.save(without_exif, "JPEG", quality=95)
    start = without_exif.getvalue()
    content = start[:2] + b"\xff\xe1" + (len(packet) + 2).to_bytes(2) + packet + start[2:]
    wanted = reference(content, None, "nearest", "RGB")
    assert wanted.shape[:2] != reference(plain, None, "nearest", "RGB").shape[:2]
    np.testing.assert_array_equal(read_image_bytes(content, "a", ReadSettings(exif=True)), wanted)


def first_batch(folder: Path, **options: Any) -> np.ndarray:
    with (
        ImageDataGenerator(workers=0).flow_from_directory(
            folder, target_size=(24, 20), class_mode=None, shuffle=False, **options
        ) as flow,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        return np.array(next(flow))


@pytest.mark.parametrize("where", ["ram", "folder"])
def test_flows_and_their_caches_know_the_switch(
    photo: Image.Image, tmp_path: Path, where: str
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for orientation in ORIENTATIONS:
        (folder / f"{orientation}.jpg").write_bytes(encoded(photo, "JPEG", orientation))
    cache = "ram" if where == "ram" else str(tmp_path / "cache")
    turned, stored = first_batch(folder, exif=True), first_batch(folder)
    assert not np.array_equal(turned, stored)
    for _ in range(2):
        np.testing.assert_array_equal(first_batch(folder, exif=True, cache=cache), turned)
        np.testing.assert_array_equal(first_batch(folder, cache=cache), stored)
    names = sorted(path.name for path in (tmp_path / "cache").glob("*"))
    if where == "folder":
        assert names == ["24x20-rgb-nearest-exif-v1", "24x20-rgb-nearest-v1"]


def test_it_is_a_switch(photo: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(photo, "JPEG", 6))
    with pytest.raises(TypeError, match="exif"):
        first_batch(tmp_path, exif="yes")
