"""Resizing by the compiled kernel: Pillow's bits, on all paths, and the edges of its memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow.native import kernel, resample
from augflow.native.resample import FILTERS
from tests.native.test_kernel import layouts, strided

pytestmark = pytest.mark.skipif(not kernel.PATHS, reason="there is no compiled kernel")

PATHS = kernel.PATHS
PILLOW_FILTERS = {name: Image.Resampling[name.upper()] for name in FILTERS}
GUARD = 77

sizes = st.one_of(st.integers(1, 5), st.integers(1, 80), st.sampled_from([128, 129, 224, 400]))
filters = st.sampled_from(sorted(FILTERS))
seeds = st.integers(0, 2**32 - 1)
parts = st.tuples(*[st.floats(0, 1)] * 4)
many = settings(max_examples=150, deadline=None)


def levels(seed, shape):
    """Noise; for odd seeds black and white, whose sums leave 0 to 255."""
    noise = np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)
    return (noise >> 7) * np.uint8(255) if seed % 2 else noise


def box_of(part, height, width):
    """A box within an image; None where it would hold nothing."""
    (left, right), (top, bottom) = sorted(part[:2]), sorted(part[2:])
    box = (left * width, top * height, right * width, bottom * height)
    left, top, right, bottom = map(np.float32, box)
    return box if left < right and top < bottom else None


def by_pillow(pixels, target_size, interpolation, box, rows_first):
    """Two passes of the installed Pillow, in an order of our own."""
    height, width, channels = pixels.shape
    left, top, right, bottom = box or (0, 0, width, height)
    passes = [
        ((target_size[1], height), (left, 0, right, height)),
        (target_size[::-1], (0, top, target_size[1], bottom)),
    ]
    if not rows_first:
        passes = [
            ((width, target_size[0]), (0, top, width, bottom)),
            (target_size[::-1], (left, 0, right, target_size[0])),
        ]
    result = []
    for channel in range(channels):
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, channel]))
        for size, part in passes:
            image = image.resize(size, PILLOW_FILTERS[interpolation], part)
        result.append(np.asarray(image))
    return np.stack(result, axis=-1)


@many
@given(
    sizes, sizes, st.integers(1, 5), sizes, sizes, filters, st.one_of(st.none(), parts),
    st.booleans(), layouts, seeds,
)  # fmt: skip
def test_levels_are_those_of_pillow(
    height, width, channels, rows, columns, interpolation, part, rows_first, layout, seed
):
    pixels = strided(levels(seed, (height, width, channels)), layout)
    box = part and box_of(part, height, width)
    size = (rows, columns)
    expected = by_pillow(pixels, size, interpolation, box, rows_first)
    for path in PATHS:
        found = resample.resample(pixels, size, interpolation, box, rows_first, path)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.heavy
@settings(max_examples=1500, deadline=None)
@given(
    st.integers(1, 900), st.integers(1, 900), st.sampled_from([1, 3, 4]), st.integers(1, 400),
    st.integers(1, 400), filters, st.one_of(st.none(), parts), st.booleans(), seeds,
)  # fmt: skip
def test_levels_of_larger_images_are_those_of_pillow(
    height, width, channels, rows, columns, interpolation, part, rows_first, seed
):
    pixels = levels(seed, (height, width, channels))
    box = part and box_of(part, height, width)
    size = (rows, columns)
    expected = by_pillow(pixels, size, interpolation, box, rows_first)
    for path in PATHS:
        found = resample.resample(pixels, size, interpolation, box, rows_first, path)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("interpolation", sorted(FILTERS))
def test_many_taps(interpolation, path):
    """More than 256 taps of white: their sums exceed 32 bits, and come back."""
    for value in (0, 255):
        pixels = np.full((3000, 5, 1), value, np.uint8)
        found = resample.resample(pixels, (2, 5), interpolation, None, True, path)
        assert (found == value).all()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("size", [(33, 9), (50, 9), (33, 40), (7, 3)])
def test_nothing_is_written_beside_the_target(path, size):
    pixels = levels(2, (50, 40, 3))
    memory = np.full((3, *size, 3), GUARD, np.uint8)
    tables = [resample._weigh(40, 0, 40, size[1], 1), resample._weigh(50, 0, 50, size[0], 1)]
    kernel.COMPILED.resample(pixels, memory[1], *tables, True, kernel.PATH_NAMES.index(path))
    expected = resample.resample(pixels, size, "bilinear", None, True, path)
    np.testing.assert_array_equal(memory[1], expected)
    assert (memory[0] == GUARD).all() and (memory[2] == GUARD).all()


def test_an_image_that_keeps_its_size_is_copied():
    pixels = levels(2, (5, 4, 3))
    found = resample.resample(pixels, (5, 4), "lanczos")
    np.testing.assert_array_equal(found, pixels)
    assert not np.shares_memory(found, pixels)


@pytest.mark.parametrize(
    "box", [(-1, 0, 2, 2), (0, 0, 2, 99), (0, 0, 0, 2), (2, 2, 1, 1), (0, float("nan"), 2, 2)]
)
def test_boxes_must_lie_in_the_image(box):
    with pytest.raises(ValueError, match="within the image"):
        resample.resample(levels(2, (5, 5, 1)), (3, 3), "box", box)


def test_sizes_that_are_too_large_are_refused():
    for size, count in ((2**24 + 1, 5), (5, 2**24 + 1), (0, 1), (1, 0)):
        with pytest.raises(ValueError, match="1 to 16777216"):
            kernel.COMPILED.weigh(size, 0.0, 1.0, count, 1)
    with pytest.raises(ValueError, match="known filter"):
        kernel.COMPILED.weigh(5, 0.0, 5.0, 5, 5)


def test_wrong_arguments_are_refused():
    source, target = levels(2, (9, 8, 3)), np.zeros((4, 5, 3), np.uint8)
    columns, rows = kernel.COMPILED.weigh(8, 0, 8, 5, 1), kernel.COMPILED.weigh(9, 0, 9, 4, 1)

    def call(source=source, target=target, columns=columns, rows=rows, path=0):
        kernel.COMPILED.resample(source, target, columns, rows, True, path)

    def changed(place, number):
        numbers = np.frombuffer(columns, np.int32).copy()
        numbers[place] = number
        return numbers.tobytes()

    call()
    for wrong in (
        {"source": source[0]},
        {"source": source.astype(np.int8)},
        {"source": source[:, ::2]},
        {"source": source[:, :, :2]},
        {"target": target[:, ::-1]},
        {"target": source[:4, :5]},
        {"target": source.ravel()[: target.size].reshape(target.shape)},
        {"target": target[:, :4]},
        {"target": target[:0]},
        {"columns": None},
        {"columns": b""},
        {"columns": columns[:-4]},
        {"columns": rows},
        {"columns": changed(0, -1)},
        {"columns": changed(0, 8)},
        {"columns": changed(1, -1)},
        {"columns": changed(1, 9)},
        {"columns": changed(2, 2**24)},
        {"columns": changed(2, -(2**24))},
        {"path": 3},
        {"path": -1},
    ):
        with pytest.raises(ValueError):
            call(**wrong)
    read_only = target.copy()
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        call(target=read_only)
    with pytest.raises(ValueError, match="nothing to resize"):
        kernel.COMPILED.resample(source, source.copy(), None, None, True, 0)


@many
@given(
    sizes, sizes, st.integers(1, 5), sizes, sizes, layouts, st.booleans(), seeds,
    st.sampled_from(["bool", "uint8", "int16", ">u2", "float32", "float64", "complex128"]),
)  # fmt: skip
def test_picked_pixels_are_those_of_numpy(
    height, width, channels, rows, columns, layout, in_order, seed, dtype
):
    random = np.random.RandomState(seed)
    pixels = strided(levels(seed, (height, width, channels)).astype(dtype), layout)
    rows = random.randint(0, height, rows).astype(np.int32)
    columns = random.randint(0, width, columns).astype(np.int32)
    if in_order:
        rows.sort(), columns.sort()
    picked = resample.pick(pixels, rows, columns)
    assert picked.dtype == pixels.dtype and picked.flags.c_contiguous
    np.testing.assert_array_equal(picked, pixels[rows][:, columns])


def test_what_cannot_be_picked_is_refused():
    source, target = levels(2, (9, 8, 3)), np.full((3, 4, 5, 3), GUARD, np.uint8)
    rows, columns = np.arange(4, dtype=np.int32), np.arange(3, 8, dtype=np.int32)

    def call(source=source, target=target[1], rows=rows, columns=columns):
        kernel.COMPILED.pick(source, target, rows, columns)

    call()
    np.testing.assert_array_equal(target[1], source[:4, 3:])
    assert (target[0] == GUARD).all() and (target[2] == GUARD).all()
    for wrong in (
        {"source": source[0]},
        {"source": source.astype(np.int16)},
        {"source": source[:, ::2]},
        {"target": target[1, :, :, :2]},
        {"target": source[:4, 3:]},
        {"rows": rows[:3]},
        {"rows": rows + 6},
        {"rows": rows - 1},
        {"rows": rows.astype(np.int64)},
        {"columns": columns + 1},
        {"columns": columns.astype(np.float32)},
    ):
        with pytest.raises(ValueError):
            call(**wrong)
    objects = np.zeros((9, 8, 1), object)
    with pytest.raises(ValueError, match="dtype"):
        kernel.COMPILED.pick(objects, np.zeros((4, 5, 1), object), rows, columns)
