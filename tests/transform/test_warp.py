"""Geometry against SciPy, which defines every pixel, and against Keras's matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from augflow.transform.affine_matrix import affine_matrices, fold_flips
from augflow.transform.warp import flip, warp

TOLERANCE = 0.05
EVERY_MODE = (
    "nearest",
    "reflect",
    "constant",
    "wrap",
    "mirror",
    "grid-constant",
    "grid-mirror",
    "grid-wrap",
)


def scipy_warp(image, matrix, fill_mode="nearest", cval=0.0, order=1):
    channels = [
        ndimage.affine_transform(
            image[:, :, channel],
            matrix[:2, :2],
            matrix[:2, 2],
            order=order,
            mode=fill_mode,
            cval=cval,
        )
        for channel in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1)


def one_matrix(height, width, swap=True, **parameters):
    neutral = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}
    values = {name: np.array([value]) for name, value in (neutral | parameters).items()}
    return affine_matrices(**values, height=height, width=width, swap=swap)[0]


def random_matrix(random, height, width, far=0.2):
    return one_matrix(
        height,
        width,
        theta=random.uniform(-180, 180),
        tx=random.uniform(-far, far) * height,
        ty=random.uniform(-far, far) * width,
        shear=random.uniform(-30, 30),
        zx=random.uniform(0.6, 1.5),
        zy=random.uniform(0.6, 1.5),
    )


def noise(random, shape, dtype=np.float32):
    return random.uniform(0, 255, shape).astype(dtype)


@pytest.mark.parametrize("far", [0.2, 3.0, 50.0])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("fill_mode", EVERY_MODE)
@pytest.mark.parametrize(
    "shape", [(40, 53, 3), (32, 32, 1), (31, 20, 2), (20, 21, 6), (1, 1, 3), (1, 6, 3), (2, 2, 4)]
)
def test_warp_equals_scipy(shape, fill_mode, order, far):
    random = np.random.RandomState(7)
    for _ in range(4):
        image = noise(random, shape)
        matrix = random_matrix(random, *shape[:2], far=far)
        expected = scipy_warp(image, matrix, fill_mode, 17.5, order)
        warped = warp(image, matrix, fill_mode, 17.5, order)
        assert warped.shape == image.shape and warped.dtype == image.dtype
        np.testing.assert_allclose(warped, expected, rtol=0, atol=0 if order == 0 else TOLERANCE)


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "constant", "wrap"])
@pytest.mark.parametrize("shape", [(700, 900, 3), (1700, 610, 1)])
def test_large_images_stay_precise(shape, fill_mode):
    random = np.random.RandomState(8)
    image = noise(random, shape)
    for far in (0.2, 2.5):
        matrix = random_matrix(random, *shape[:2], far=far)
        expected = scipy_warp(image, matrix, fill_mode, -3.0)
        np.testing.assert_allclose(
            warp(image, matrix, fill_mode, -3.0), expected, rtol=0, atol=TOLERANCE
        )


def test_extreme_zoom_of_a_large_image():
    random = np.random.RandomState(9)
    image = noise(random, (800, 800, 1))
    for fill_mode in ("nearest", "reflect", "constant"):
        matrix = one_matrix(800, 800, theta=12.0, zx=60.0, zy=0.01)
        expected = scipy_warp(image, matrix, fill_mode)
        np.testing.assert_allclose(warp(image, matrix, fill_mode), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
def test_splines_are_those_of_scipy(order, fill_mode):
    random = np.random.RandomState(10)
    image = noise(random, (25, 30, 3))
    matrix = random_matrix(random, 25, 30)
    expected = scipy_warp(image, matrix, fill_mode, 4.0, order)
    np.testing.assert_array_equal(warp(image, matrix, fill_mode, 4.0, order), expected)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("cval", [-5.0, 99.5, 99.4, 300.0])
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "constant", "wrap"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint16", "float32", "float64"])
def test_dtypes(dtype, fill_mode, cval, order):
    random = np.random.RandomState(11)
    image = noise(random, (23, 19, 3), dtype)
    matrix = random_matrix(random, 23, 19)
    expected = scipy_warp(image, matrix, fill_mode, cval, order)
    warped = warp(image, matrix, fill_mode, cval, order)
    assert warped.dtype == image.dtype
    exact = order != 1 or image.dtype.kind != "f"
    np.testing.assert_allclose(
        warped.astype(float), expected.astype(float), rtol=0, atol=0 if exact else TOLERANCE
    )


@pytest.mark.parametrize("order", [0, 1, 2])
def test_half_precision_is_computed_in_single_precision(order):
    random = np.random.RandomState(12)
    image = noise(random, (20, 20, 3), np.float16)
    matrix = random_matrix(random, 20, 20)
    expected = scipy_warp(image.astype(np.float32), matrix, order=order).astype(np.float16)
    warped = warp(image, matrix, order=order)
    assert warped.dtype == np.float16
    # Neighbouring half-precision numbers below 256 are 0.125 apart.
    np.testing.assert_allclose(warped.astype(float), expected.astype(float), rtol=0, atol=0.126)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "constant", "wrap", "mirror"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_out_is_written_in_place(channels, fill_mode, order):
    random = np.random.RandomState(13)
    batch = np.full((3, 24, 20, channels), -1.0, np.float32)
    for dtype in (np.float32, np.uint8):
        image = noise(random, (24, 20, channels), dtype)
        matrix = random_matrix(random, 24, 20)
        result = warp(image, matrix, fill_mode, 9.25, order, out=batch[1])
        assert np.shares_memory(result, batch)
        expected = scipy_warp(image.astype(np.float32), matrix, fill_mode, 9.25, order)
        np.testing.assert_allclose(batch[1], expected, rtol=0, atol=TOLERANCE)
        assert (batch[0] == -1).all() and (batch[2] == -1).all()


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "constant", "wrap"])
@pytest.mark.parametrize("side", [40, 120, 450])
def test_channels_do_not_know_of_each_other(fill_mode, side):
    """Whatever route an image takes by its size and channels, each channel comes out the same."""
    stream = np.random.RandomState(side)
    image = stream.uniform(0, 255, (side, side + 7, 3)).astype(np.float32)
    matrix = np.array([[1.1, 0.3, -9.5], [-0.2, 0.9, 12.25], [0, 0, 1]])
    together = warp(image, matrix, fill_mode, 7.0)
    for channel in range(3):
        alone = warp(image[:, :, channel : channel + 1], matrix, fill_mode, 7.0)
        np.testing.assert_array_equal(together[:, :, channel : channel + 1], alone)


def test_views_are_read_and_never_changed():
    random = np.random.RandomState(14)
    whole = noise(random, (3, 60, 50))
    image = whole.transpose(1, 2, 0)[::2, ::-1]
    before = whole.copy()
    matrix = random_matrix(random, 30, 50)
    for order in (0, 1, 2):
        expected = scipy_warp(image, matrix, order=order)
        np.testing.assert_allclose(warp(image, matrix, order=order), expected, rtol=0, atol=0.05)
    np.testing.assert_array_equal(whole, before)


@pytest.mark.parametrize("order", [0, 1])
def test_goldens(order):
    image = np.arange(9, dtype=np.float32).reshape(3, 3, 1)
    turned = warp(image, one_matrix(3, 3, theta=90.0), order=order)[:, :, 0]
    np.testing.assert_allclose(turned, [[2, 5, 8], [1, 4, 7], [0, 3, 6]], atol=1e-4)
    # Keras's tx moves along the rows once the coordinates are swapped back.
    down = warp(image, one_matrix(3, 3, ty=1.0), "constant", -1.0, order)[:, :, 0]
    np.testing.assert_array_equal(down, [[3, 4, 5], [6, 7, 8], [-1, -1, -1]])
    right = warp(image, one_matrix(3, 3, tx=1.0), "constant", -1.0, order)[:, :, 0]
    np.testing.assert_array_equal(right, [[1, 2, -1], [4, 5, -1], [7, 8, -1]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)])
def test_a_matrix_must_be_finite(value, place):
    matrix = np.eye(3)
    matrix[place] = value
    with pytest.raises(ValueError, match="finite"):
        warp(np.zeros((4, 4, 3), np.float32), matrix)


def test_unknown_names_are_scipys_errors():
    image = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(RuntimeError, match="mode"):
        warp(image, np.eye(3), "no such mode")
    with pytest.raises(RuntimeError, match="order"):
        warp(image, np.eye(3), order=6)


def test_identity_changes_nothing():
    image = noise(np.random.RandomState(15), (37, 41, 3))
    for fill_mode in EVERY_MODE:
        for order in (0, 1):
            np.testing.assert_array_equal(warp(image, np.eye(3), fill_mode, 5.0, order), image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64", "int64"])
def test_flip(dtype, channels):
    whole = np.arange(3 * 5 * channels, dtype=dtype).reshape(3, 5, channels)
    for image in (whole, whole[:, 1:4]):
        before = image.copy()
        assert flip(image, False, False) is image
        for horizontal, vertical, expected in [
            (True, False, image[:, ::-1]),
            (False, True, image[::-1]),
            (True, True, image[::-1, ::-1]),
        ]:
            flipped = flip(image, horizontal, vertical)
            assert flipped.dtype == image.dtype and flipped.shape == image.shape
            np.testing.assert_array_equal(flipped, expected)
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("horizontal", [False, True])
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
def test_folded_flips(fill_mode, horizontal, vertical):
    random = np.random.RandomState(16)
    image = noise(random, (30, 47, 3))
    matrix = random_matrix(random, 30, 47)
    before = matrix.copy()
    folded = fold_flips(matrix, 30, 47, horizontal, vertical)
    np.testing.assert_array_equal(matrix, before)
    expected = flip(scipy_warp(image, matrix, fill_mode), horizontal, vertical)
    np.testing.assert_allclose(warp(image, folded, fill_mode), expected, rtol=0, atol=TOLERANCE)


def kerass_matrix(keras_image, monkeypatch, height, width, swap, parameters):
    """What Keras's own function hands to SciPy."""
    seen = []

    class Recorder:
        @staticmethod
        def affine_transform(channel, matrix, offset, **_):
            seen.append(np.vstack([np.column_stack([matrix, offset]), [0, 0, 1]]))
            return channel

    fake = type("Fake", (), {"ndimage": type("Fake", (), {"interpolation": Recorder})})
    monkeypatch.setattr(keras_image, "scipy", fake)
    axes = (0, 1) if swap else (1, 0)
    shape = (height, width, 1) if swap else (width, height, 1)
    keras_image.apply_affine_transform(
        np.zeros(shape), **parameters, row_axis=axes[0], col_axis=axes[1], channel_axis=2
    )
    return seen[0] if seen else np.eye(3)


@pytest.mark.parametrize("swap", [True, False])
def test_matrices_are_kerass_to_the_last_bit(swap, monkeypatch):
    pytest.importorskip("keras")
    from keras.src.legacy.preprocessing import image as keras_image

    random = np.random.RandomState(17)
    for _ in range(60):
        height, width = (int(size) for size in random.randint(1, 300, 2))
        parameters = {
            "theta": random.choice([0.0, 90.0, random.uniform(-180, 180)]),
            "tx": random.choice([0.0, 3.0, random.uniform(-50, 50)]),
            "ty": random.choice([0.0, random.uniform(-50, 50)]),
            "shear": random.choice([0.0, random.uniform(-60, 60)]),
            "zx": random.choice([1.0, random.uniform(0.3, 2)]),
            "zy": random.choice([1.0, random.uniform(0.3, 2)]),
        }
        expected = kerass_matrix(keras_image, monkeypatch, height, width, swap, parameters)
        np.testing.assert_array_equal(one_matrix(height, width, swap, **parameters), expected)


def test_matrices_of_a_batch_are_those_of_each_image():
    random = np.random.RandomState(18)
    columns = random.uniform(0.5, 1.5, (6, 9))
    together = affine_matrices(*columns, height=20, width=31)
    assert together.shape == (9, 3, 3) and together.dtype == np.float64
    for position in range(9):
        alone = affine_matrices(*columns[:, position : position + 1], height=20, width=31)
        np.testing.assert_array_equal(together[position], alone[0])


def test_scipy_is_not_imported_for_the_common_case():
    import subprocess
    import sys

    script = (
        "import sys, numpy as np\n"
        "from augflow.transform.warp import warp\n"
        "for mode in ('nearest', 'reflect', 'constant', 'wrap'):\n"
        "    for order in (0, 1):\n"
        "        warp(np.zeros((9, 9, 3), np.float32), np.eye(3), mode, order=order)\n"
        "assert 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
