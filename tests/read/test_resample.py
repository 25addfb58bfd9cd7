"""Pillow's filters by the kernel: when, and when Pillow itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow.base.settings import ReadSettings
from augflow.native import kernel
from augflow.read import resample
from augflow.read.image_file import read_image_bytes
from augflow.read.resample import Order, order_of_pillow, uses_kernel
from augflow.read.resize import (
    FILTERS,
    from_pillow,
    resize_box,
    resize_image,
    resize_part,
    resize_pixels,
    to_pillow,
)

needs_kernel = pytest.mark.skipif(not kernel.IS_ON, reason="there is no kernel")
PIXELS = np.random.RandomState(7).randint(0, 256, (60, 47, 3)).astype(np.uint8)
sizes = st.integers(1, 70)


@pytest.fixture
def fresh_order():
    order_of_pillow.cache_clear()
    yield
    order_of_pillow.cache_clear()


@needs_kernel
def test_the_order_of_the_installed_pillow_is_known(fresh_order):
    assert order_of_pillow() is not None
    assert uses_kernel("lanczos") and not uses_kernel("nearest")


@needs_kernel
@pytest.mark.parametrize(("rows_first", "order"), [(True, Order.ROWS), (False, None)])
def test_the_order_is_asked(monkeypatch, fresh_order, rows_first, order):
    """As an old release that always begins along the rows, and as one that never does."""
    resize = Image.Image.resize

    def in_two_passes(self, size, resample=None, box=None, reducing_gap=None):
        between = (size[0], self.height) if rows_first else (self.width, size[1])
        return resize(resize(self, between, resample), size, resample)

    monkeypatch.setattr(Image.Image, "resize", in_two_passes)
    assert order_of_pillow() is order
    resized = resample.resample(PIXELS, (20, 40), "lanczos")
    expected = np.asarray(in_two_passes(Image.fromarray(PIXELS), (40, 20), Image.Resampling(1)))
    if order is None:
        assert resized is None and not uses_kernel("lanczos")
        resized = resize_pixels(PIXELS, (20, 40), "lanczos")
    np.testing.assert_array_equal(resized, expected)


@pytest.mark.parametrize(
    ("size", "target"),
    [((20, 12), (10, 7)), ((21, 12), (10, 7)), ((20, 9), (10, 12)), ((20, 9), (21, 60))],
)
def test_the_order_follows_the_sizes(size, target):
    pixels = PIXELS[: size[0], : size[1]]
    expected = np.asarray(Image.fromarray(pixels).resize(target[::-1], Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(resize_pixels(pixels, target, "bicubic"), expected)


@settings(max_examples=150, deadline=None)
@given(
    sizes, sizes, sizes, sizes, st.sampled_from(sorted(FILTERS)), st.booleans(), st.integers(0, 99)
)
def test_arrays_are_resized_as_pillow_does(height, width, rows, columns, name, crop, seed):
    pixels = np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)
    try:
        image = resize_image(Image.fromarray(pixels), (rows, columns), name, crop)
    except ValueError:  # a crop without pixels
        return
    resized = resize_pixels(pixels, (rows, columns), name, crop)
    np.testing.assert_array_equal(resized, np.asarray(image))


@pytest.mark.parametrize("interpolation", ["nearest", *resample.kernel.FILTERS])
def test_a_part_is_resized_as_pillow_does(interpolation):
    box = (3.25, 7.5, 41.0, 55.125)
    for pixels in (PIXELS, PIXELS[:, :, :1]):
        expected = from_pillow(resize_box(to_pillow(pixels), (11, 9), interpolation, box))
        found = resize_part(pixels, (11, 9), interpolation, box)
        np.testing.assert_array_equal(found, expected)


def test_what_the_kernel_does_not_cover_is_left_to_pillow():
    tall = np.zeros((101, 1, 3), np.uint8)
    for pixels, interpolation, box in (
        (tall, "box", None),
        (PIXELS.astype(np.float32), "box", None),
        (PIXELS, "nearest", None),
        (PIXELS, "box", (5, 5, 5, 9)),
    ):
        assert resample.resample(pixels, (5, 5), interpolation, box) is None
    expected = np.asarray(Image.fromarray(tall + 9).resize((5, 5), Image.Resampling.BOX))
    np.testing.assert_array_equal(resize_pixels(tall + 9, (5, 5), "box"), expected)


@pytest.mark.parametrize("color_mode", ["rgb", "grayscale", "rgba"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1"])
def test_files_that_only_pillow_reads(mode, color_mode):
    file = io.BytesIO()
    image = Image.fromarray(PIXELS).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(PIXELS[:, :, 0]))
    image.save(file, "TIFF")
    wanted = ReadSettings(
        target_size=(13, 21),
        color_mode=color_mode,
        interpolation="bicubic",
        keep_aspect_ratio=False,
    )
    found = read_image_bytes(file.getvalue(), "photo.tif", wanted)
    image = image.convert({"grayscale": "L"}.get(color_mode, color_mode.upper()))
    expected = from_pillow(image.resize((21, 13), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(found, expected)
