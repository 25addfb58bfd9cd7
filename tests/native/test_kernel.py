"""The compiled kernel against SciPy, its paths against each other, and the edges of its memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from augflow.native import kernel

pytestmark = pytest.mark.skipif(not kernel.PATHS, reason="there is no compiled kernel")

PATHS = kernel.PATHS
TOLERANCE = 0.001
GUARD = -12345.0

sizes = st.one_of(st.integers(1, 4), st.integers(1, 40), st.sampled_from([255, 256, 257, 300]))
fill_modes = st.sampled_from(sorted(kernel.FILL_MODES))
coefficients = st.one_of(
    st.floats(-2, 2), st.sampled_from([0.0, 1.0, -1.0, 0.5]), st.floats(-1e3, 1e3)
)
offsets = st.one_of(st.floats(-50, 50), st.integers(-50, 50).map(float), st.floats(-1e5, 1e5))
matrices = st.tuples(coefficients, coefficients, offsets, coefficients, coefficients, offsets)
flips = st.tuples(st.booleans(), st.booleans())
seeds = st.integers(0, 2**32 - 1)
many = settings(max_examples=150, deadline=None)


def warp(image, move, fill_mode="nearest", cval=0.0, order=1, path=kernel.PLAIN, out=None):
    """One image by the kernel, without scaling."""
    channels = image.shape[2]
    target = np.empty(image.shape, np.float32) if out is None else out
    kernel.warp_images(
        image[np.newaxis],
        target[np.newaxis],
        np.array([move], np.float64),
        fill_mode,
        cval,
        order,
        np.ones(channels, np.float32),
        np.zeros(channels, np.float32),
        path,
    )
    return target


def scipy_warp(image, move, fill_mode="nearest", cval=0.0, order=1):
    """The same by SciPy in double precision, then flipped."""
    a, b, c, d, e, f, horizontal, vertical = move
    channels = [
        ndimage.affine_transform(
            image[:, :, channel].astype(np.float64),
            np.array([[a, b], [d, e]]),
            np.array([c, f]),
            order=order,
            mode=fill_mode,
            cval=cval,
        )
        for channel in range(image.shape[2])
    ]
    warped = np.stack(channels, axis=-1)
    return warped[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def noise(seed, shape, dtype):
    return np.random.RandomState(seed).uniform(0, 255, shape).astype(dtype)


def strided(image, kind):
    """The same pixels, laid out differently in memory."""
    height, width, channels = image.shape
    if kind == "rows apart":
        memory = np.zeros((height, width + 3, channels), image.dtype)
        view = memory[:, 1 : width + 1]
    elif kind == "rows upside down":
        view = np.empty_like(image)[::-1]
    elif kind == "channels first":
        view = np.empty((channels, height, width), image.dtype).transpose(1, 2, 0)
    elif kind == "columns apart":
        view = np.zeros((height, 2 * width, channels), image.dtype)[:, ::2]
    else:
        view = np.empty_like(image)
    view[...] = image
    return view


layouts = st.sampled_from(
    ["packed", "rows apart", "rows upside down", "channels first", "columns apart"]
)


@many
@given(
    sizes, sizes, st.integers(1, 6), matrices, flips, fill_modes, st.sampled_from([0, 1]),
    st.sampled_from(["uint8", "float32"]), layouts, layouts, seeds,
)  # fmt: skip
def test_pixels_are_those_of_scipy(
    height, width, channels, matrix, flipped, fill_mode, order, dtype, layout, out_layout, seed
):
    image = strided(noise(seed, (height, width, channels), dtype), layout)
    move = (*matrix, *flipped)
    expected = scipy_warp(image, move, fill_mode, 17.5, order)
    out = strided(np.full(image.shape, GUARD, np.float32), out_layout)
    for path in PATHS:
        found = warp(image, move, fill_mode, 17.5, order, path, out)
        # Coordinates that SciPy itself cannot tell to more digits move what they blend.
        reach = max(map(abs, matrix)) * max(height, width)
        tolerance = 0 if order == 0 else TOLERANCE + 255 * 1e-15 * reach
        np.testing.assert_allclose(found, expected.astype(np.float32), rtol=0, atol=tolerance)


@many
@given(
    sizes, sizes, st.integers(1, 6), matrices, flips, fill_modes, st.sampled_from([0, 1]),
    st.sampled_from(["uint8", "float32"]), seeds,
)  # fmt: skip
def test_all_paths_and_dtypes_give_the_same_bits(
    height, width, channels, matrix, flipped, fill_mode, order, dtype, seed
):
    image = noise(seed, (height, width, channels), dtype)
    move = (*matrix, *flipped)
    levels = image.astype(np.uint8)
    for pixels, same in ((image, image), (levels, levels.astype(np.float32))):
        plain = warp(pixels, move, fill_mode, 17.5, order)
        for path in PATHS:
            assert plain.tobytes() == warp(same, move, fill_mode, 17.5, order, path).tobytes()
            assert plain.tobytes() == warp(pixels, move, fill_mode, 17.5, order, path).tobytes()


@many
@given(
    sizes, sizes, st.integers(1, 5), matrices, flips, fill_modes,
    st.sampled_from(["bool", "uint8", "int16", "float16", "int32", "float64", "complex128"]),
    layouts, layouts, seeds,
)  # fmt: skip
def test_picked_pixels_are_those_of_scipy(
    height, width, channels, matrix, flipped, fill_mode, dtype, layout, out_layout, seed
):
    image = strided(noise(seed, (height, width, channels), "uint8").astype(dtype), layout)
    move = (*matrix, *flipped)
    expected = scipy_warp(image.real.astype(np.float32), move, fill_mode, 1.0, 0).astype(dtype)
    for path in PATHS:
        out = strided(np.zeros(image.shape, dtype), out_layout)
        moves = np.array([move], np.float64)
        kernel.pick_pixels(image[np.newaxis], out[np.newaxis], moves, fill_mode, 1, path)
        np.testing.assert_array_equal(out, expected)


@many
@given(sizes, sizes, st.integers(1, 5), matrices, st.sampled_from(["uint8", "float32"]), seeds)
def test_nothing_is_written_beside_the_target(height, width, channels, matrix, dtype, seed):
    image = noise(seed, (height, width, channels), dtype)
    for path in PATHS:
        whole = np.full((3, height, width, channels), GUARD, np.float32)
        warp(image, (*matrix, 1, 0), path=path, out=whole[1])
        assert (whole[0] == GUARD).all() and (whole[2] == GUARD).all()
        assert not (whole[1] == GUARD).any()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("order", [0, 1])
def test_a_batch_is_warped_in_place(path, channels_first, order):
    random = np.random.RandomState(3)
    batch = noise(3, (5, 3, 20, 31) if channels_first else (5, 20, 31, 3), "float32")
    rows = np.moveaxis(batch, 1, -1) if channels_first else batch
    before = rows.copy()
    moves = random.uniform(-1, 1, (5, 8))
    moves[:, 6:] = random.randint(0, 2, (5, 2))
    moves[2] = [1, 0, 0, 0, 1, 0, 0, 0]
    factors = np.array([0.5, 2, -1], np.float32), np.array([1, 0, 100], np.float32)
    kernel.warp_images(rows, rows, moves, "reflect", 0.0, order, *factors, path)
    for image, move, row in zip(before, moves, rows, strict=True):
        expected = scipy_warp(image, move, "reflect", order=order) * factors[0] + factors[1]
        np.testing.assert_allclose(row, expected, rtol=0, atol=2 * TOLERANCE)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("flipped", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_what_stays_in_place_is_only_scaled(dtype, path, flipped):
    image = noise(4, (13, 300, 3), dtype)
    still = (1, 0, 0, 0, 1, 0, *flipped)
    for factors in (np.full(3, 1 / 255, np.float32), np.array([2, 3, 4], np.float32)):
        out = np.empty((1, 13, 300, 3), np.float32)
        moves = np.array([still], np.float64)
        for order in (0, 1):
            kernel.warp_images(
                image[np.newaxis], out, moves, "constant", 9.0, order, factors, factors, path
            )
            expected = scipy_warp(image.astype(np.float32), still, order=0).astype(np.float32)
            np.testing.assert_array_equal(out[0], expected * factors + factors)


@pytest.mark.parametrize("path", PATHS)
def test_values_outside_are_scaled_too(path):
    out = np.empty((1, 4, 4, 3), np.float32)
    factors = np.array([1, 2, 3], np.float32), np.array([0, 10, 20], np.float32)
    far = np.array([[1, 0, 100, 0, 1, 100, 0, 0]], np.float64)
    source = np.zeros((1, 4, 4, 3), np.uint8)
    kernel.warp_images(source, out, far, "constant", 5.0, 1, *factors, path)
    np.testing.assert_array_equal(out, np.broadcast_to([5, 20, 35], out.shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e12, 1e300, -1e300])
@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("path", PATHS)
def test_matrices_must_be_finite(path, place, value):
    move = [1.0, 0, 0, 0, 1, 0, 0, 0]
    move[place] = value
    with pytest.raises(ValueError, match="finite"):
        warp(np.zeros((4, 4, 3), np.uint8), move, path=path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fill_mode", sorted(kernel.FILL_MODES))
def test_the_farthest_coordinates(fill_mode, path):
    image = noise(5, (7, 9, 3), "uint8")
    for matrix in ([1e9, -1e9, 9e11, -1e9, 1e9, -9e11], [0] * 6, [5e-324] * 6, [-0.0] * 6):
        for order in (0, 1):
            found = warp(image, (*matrix, 0, 0), fill_mode, 3.0, order, path)
            assert ((found >= 0) & (found <= 255)).all()
            if order == 0:
                expected = scipy_warp(image, (*matrix, 0, 0), fill_mode, 3.0, 0)
                np.testing.assert_array_equal(found, expected)


def test_wrong_arguments_are_refused():
    image, out = np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4, 3), np.float32)
    moves, ones = np.array([[1.0, 0, 0, 0, 1, 0, 0, 0]]), np.ones(3, np.float32)

    def call(source=image, target=out, moves=moves, multiply=ones, add=ones):
        kernel.warp_images(source, target, moves, "nearest", 0.0, 1, multiply, add)

    call()
    for wrong in (
        {"source": image[:, :3]},
        {"source": image[0]},
        {"source": image.astype(np.uint16)},
        {"source": image.astype(">f4")},
        {"source": image[:, :0], "target": out[:, :0]},
        {"target": out.astype(np.float64)},
        {"moves": moves[:, :6].copy()},
        {"moves": moves.astype(np.float32)},
        {"moves": np.vstack([moves, moves])},
        {"multiply": ones[:2], "add": ones[:2]},
        {"multiply": ones.astype(np.float64)},
        {"source": unaligned(out)},
        {"target": unaligned(out)},
    ):
        with pytest.raises(ValueError):
            call(**wrong)
    read_only = out.copy()
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        call(target=read_only)
    objects = np.zeros((1, 4, 4, 3), object)
    with pytest.raises(ValueError, match="dtype"):
        kernel.pick_pixels(objects, objects.copy(), moves, "nearest", 0)
    with pytest.raises(ValueError, match="dtype"):
        kernel.pick_pixels(image, out, moves, "nearest", 0)


def unaligned(array):
    """The same values at an odd address."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def test_sizes_that_are_too_large_are_refused():
    """Such images exist only as views of a few bytes; with more bytes NumPy makes none."""
    value, factors = np.zeros(1, np.float32), [np.ones(1, np.float32)] * 2
    moves = np.array([[1.0, 0, 0, 0, 1, 0, 0, 0]])
    for shape, error, message in (
        ((1, 1, 2**30 + 1, 1), ValueError, "1 to 1073741824"),
        ((1, 2**30, 2**30, 1), MemoryError, None),
    ):
        image = np.lib.stride_tricks.as_strided(value, shape, (0, 0, 0, 0))
        with pytest.raises(error, match=message):
            kernel.warp_images(image, image, moves, "nearest", 0, 1, *factors)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("off", "off"), ("plain", "plain"), ("auto", None), ("", None)],
)
def test_the_environment_says_which_path(wanted, expected):
    best = kernel._choose("auto")
    script = "from augflow.native import kernel; print(kernel.PATH, kernel.describe())"
    found = run_python(script, wanted).stdout
    assert found.split()[0] == (expected or best)
    assert ("OpenCV, not the kernel: AUGFLOW_KERNEL=off" in found) == (wanted == "off")


def test_without_the_compiled_module_opencv_warps(monkeypatch):
    monkeypatch.setattr(kernel, "PATHS", ())
    for wanted in ("auto", "plain", "off"):
        assert kernel._choose(wanted) == "off"
    monkeypatch.setattr(kernel, "IS_ON", False)
    assert "without a C compiler" in kernel.describe()


def test_without_vectors_opencv_warps_unless_it_is_forced(monkeypatch):
    monkeypatch.setattr(kernel, "PATHS", ("plain",))
    assert [kernel._choose(wanted) for wanted in ("auto", "plain")] == ["off", "plain"]
    monkeypatch.setattr(kernel, "IS_ON", False)
    assert "no vectors" in kernel.describe()


def test_an_unknown_path_is_refused():
    result = run_python("import augflow.native.kernel", "fast", check=False)
    assert "AUGFLOW_KERNEL must be one of auto, plain, off. Received: 'fast'" in result.stderr


def run_python(script, wanted, check=True):
    import os

    environment = {**os.environ, kernel.VARIABLE: wanted}
    return subprocess.run(
        [sys.executable, "-c", script],
        check=check,
        capture_output=True,
        text=True,
        env=environment,
    )
