"""decode="fast": near the exact pixels for large JPEGs, and the same bytes for everything else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from augflow import ImageDataGenerator
from augflow.base.settings import ReadSettings
from augflow.errors import ImageReadError
from augflow.read.image_file import read_image_bytes
from augflow.read.placement import centre_box
from augflow.read.scaled import choose_scale

ANTIALIASING = ("bilinear", "bicubic", "hamming", "box", "lanczos")
TARGET = (72, 96)
WANTED_DECIBELS = 50.0
# Sides that no scale divides, so that the last row and column stand for less than a pixel.
HEIGHT, WIDTH = 1003, 1325


def encoded(image: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A photograph enlarged to 1.3 megapixels."""
    return Image.fromarray(data.coffee()).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def jpeg(photo: Image.Image) -> bytes:
    return encoded(photo, quality=88)


def read(content: bytes, decode: str, **settings: Any) -> np.ndarray:
    settings = {"target_size": TARGET, **settings}
    return read_image_bytes(content, "a.jpg", ReadSettings(decode=decode, **settings))


def decibels(image: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio for 8 bits."""
    error = np.mean((image.astype(float) - reference.astype(float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("keep_aspect_ratio", [False, True])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("interpolation", ANTIALIASING)
def test_near_the_exact_pixels(
    jpeg: bytes, interpolation: str, color_mode: str, keep_aspect_ratio: bool
) -> None:
    settings = {
        "target_size": (96, 72) if keep_aspect_ratio else TARGET,
        "interpolation": interpolation,
        "color_mode": color_mode,
        "keep_aspect_ratio": keep_aspect_ratio,
    }
    fast, exact = read(jpeg, "fast", **settings), read(jpeg, "exact", **settings)
    assert fast.shape == exact.shape
    assert fast.dtype == exact.dtype
    # It took the short way at all.
    assert not np.array_equal(fast, exact)
    assert decibels(fast, exact) >= WANTED_DECIBELS


def test_nearest_takes_the_pixels_of_the_right_places() -> None:
    # A ramp changes little within a pixel of the scaled image: a shift would show.
    ramp = np.linspace(0, 250, 1600).astype("uint8")
    image = Image.fromarray(np.stack([np.tile(ramp, (1200, 1))] * 3, axis=-1))
    content = encoded(image, quality=95)
    fast = read(content, "fast", interpolation="nearest").astype(int)
    exact = read(content, "exact", interpolation="nearest").astype(int)
    assert np.abs(fast - exact).max() <= 3


@pytest.mark.parametrize("interpolation", [*ANTIALIASING, "nearest"])
def test_small_photos_are_read_exactly(photo: Image.Image, interpolation: str) -> None:
    content = encoded(photo.reduce(6), quality=90)
    settings = {"target_size": (150, 150), "interpolation": interpolation}
    np.testing.assert_array_equal(
        read(content, "fast", **settings), read(content, "exact", **settings)
    )


def test_other_files_are_read_exactly(photo: Image.Image, jpeg: bytes) -> None:
    files = {
        "png": encoded(photo, "PNG"),
        "cmyk": encoded(photo.convert("CMYK")),
        "bmp": encoded(photo, "BMP"),
    }
    for name, content in files.items():
        settings = {"interpolation": "bilinear"}
        exact = read(content, "exact", **settings)
        np.testing.assert_array_equal(read(content, "fast", **settings), exact, err_msg=name)
    whole = {"target_size": None}
    np.testing.assert_array_equal(read(jpeg, "fast", **whole), read(jpeg, "exact", **whole))


@pytest.mark.parametrize(
    "options",
    [{"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"gray": True}, {"turn": 6}],
    ids=str,
)
def test_kinds_of_jpeg(photo: Image.Image, options: dict[str, Any]) -> None:
    options = dict(options)
    image = photo.convert("L") if options.pop("gray", False) else photo
    if "turn" in options:
        exif = Image.Exif()
        exif[0x0112] = options.pop("turn")
        options["exif"] = exif.tobytes()
    content = encoded(image, quality=88, **options)
    for color_mode in ("rgb", "grayscale"):
        settings = {"interpolation": "bicubic", "color_mode": color_mode}
        fast, exact = read(content, "fast", **settings), read(content, "exact", **settings)
        assert fast.shape == exact.shape
        assert WANTED_DECIBELS <= decibels(fast, exact) < float("inf")


def test_damaged_files_are_refused_as_exactly(jpeg: bytes) -> None:
    for length in (len(jpeg) // 2, len(jpeg) // 10):
        with pytest.raises(ImageReadError):
            read(jpeg[:length], "exact")
        with pytest.raises(ImageReadError):
            read(jpeg[:length], "fast")


def test_decompression_bombs_are_seen(jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH // 3)
    with pytest.raises(ImageReadError, match="bomb"):
        read(jpeg, "fast")


@pytest.mark.parametrize(
    ("size", "interpolation", "scale"),
    [
        ((3000, 4000), "bilinear", 4),
        ((3000, 4000), "lanczos", 4),
        ((3000, 4000), "nearest", 4),
        ((3000, 4000), "box", 2),
        ((8000, 8000), "hamming", 8),
        ((448 * 8, 448 * 8), "nearest", 8),
        ((448 * 8 - 1, 448 * 8), "nearest", 4),
        ((1120, 1120), "bicubic", 2),
        ((1119, 9999), "bicubic", 1),
        ((300, 300), "nearest", 1),
    ],
)
def test_scale(size: tuple[int, int], interpolation: str, scale: int) -> None:
    assert choose_scale((0, 0, size[1], size[0]), (224, 224), interpolation) == scale


def test_scale_is_that_of_the_crop() -> None:
    # The crop of a panorama is much smaller than its width.
    box = centre_box(900, 9000, 224, 224)
    assert choose_scale(box, (224, 224), "bilinear") == 1


def test_flows_take_it(jpeg: bytes, tmp_path: Path) -> None:
    import pandas as pd

    for number in range(4):
        folder = tmp_path / f"class{number % 2}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(jpeg)
    generator = ImageDataGenerator(workers=0)
    common: dict[str, Any] = {"target_size": TARGET, "interpolation": "bilinear", "shuffle": False}
    table = pd.DataFrame({"filename": ["class0/0.jpg", "class1/1.jpg"], "class": ["a", "b"]})
    for decode in ("exact", "fast"):
        wanted = read(jpeg, decode, interpolation="bilinear").astype("float32")
        flows = [
            generator.flow_from_directory(str(tmp_path), decode=decode, **common),
            generator.flow_from_dataframe(table, str(tmp_path), decode=decode, **common),
        ]
        for flow in flows:
            np.testing.assert_array_equal(next(flow)[0][0], wanted)
        # It can be set from outside, too.
        flows[0].decode = "exact"
        exact = read(jpeg, "exact", interpolation="bilinear").astype("float32")
        np.testing.assert_array_equal(next(flows[0])[0][0], exact)


def test_unknown_ways_are_refused(jpeg: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`decode` must be"):
        read(jpeg, "quick")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.jpg").write_bytes(jpeg)
    with pytest.raises(ValueError, match=r"`decode` must be.*Received: 'quick'"):
        ImageDataGenerator().flow_from_directory(str(tmp_path), decode="quick")


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("interpolation", [*ANTIALIASING, "nearest"])
def test_the_exact_pixels_of_large_photos(jpeg: bytes, interpolation: str, color_mode: str) -> None:
    mode = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}[color_mode]
    image = Image.open(io.BytesIO(jpeg)).convert(mode)
    expected = np.asarray(image.resize(TARGET[::-1], Image.Resampling[interpolation.upper()]))
    got = read(jpeg, "exact", interpolation=interpolation, color_mode=color_mode)
    np.testing.assert_array_equal(got.reshape(expected.shape), expected)
