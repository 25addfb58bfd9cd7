"""The public helper functions against Keras's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from augflow.errors import ImageReadError
from augflow.read import load_and_save as image_io
from augflow.read.load_and_save import array_to_img, img_to_array, list_pictures, load_img, save_img


@pytest.fixture(scope="module")
def keras_io():
    pytest.importorskip("keras")
    from keras.src.utils import image_utils

    return image_utils


def noise(shape, low=0, high=255, dtype=np.float32):
    return np.random.RandomState(4).uniform(low, high, shape).astype(dtype)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(noise((20, 30, 3), dtype=np.uint8)).save(path)
    return path


def test_load_img_takes_every_kind_of_path(picture):
    expected = np.asarray(Image.open(picture))
    for path in (str(picture), str(picture).encode(), picture, io.BytesIO(picture.read_bytes())):
        np.testing.assert_array_equal(np.asarray(load_img(path)), expected)
    with pytest.raises(TypeError, match="of type int"):
        load_img(3)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("interpolation", list(image_io.FILTERS))
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_load_img_is_kerass(keras_io, picture, color_mode, interpolation, keep):
    for target in (None, (20, 30), (33, 14)):
        options = (color_mode, target, interpolation, keep)
        expected, loaded = keras_io.load_img(picture, *options), load_img(picture, *options)
        assert loaded.mode == expected.mode
        np.testing.assert_array_equal(np.asarray(loaded), np.asarray(expected))


def test_load_img_keeps_16_bit_gray(tmp_path):
    levels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    Image.fromarray(levels).save(tmp_path / "deep.png")
    loaded = img_to_array(load_img(tmp_path / "deep.png", color_mode="grayscale"))
    np.testing.assert_array_equal(loaded[:, :, 0], levels)


def test_load_img_names_the_broken_file(tmp_path, picture):
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(ImageReadError, match=r"broken\.png"):
        load_img(broken)
    with pytest.raises(FileNotFoundError):
        load_img(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="Received: 'bgr'"):
        load_img(picture, color_mode="bgr")
    with pytest.raises(ValueError, match="Received: 'cubic'"):
        load_img(picture, target_size=(2, 2), interpolation="cubic")


@pytest.mark.parametrize("dtype", [None, "uint8", "float64"])
@pytest.mark.parametrize("data_format", [None, "channels_last", "channels_first"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I"])
def test_img_to_array_is_kerass(keras_io, picture, mode, data_format, dtype):
    image = Image.open(picture).convert(mode)
    expected = keras_io.img_to_array(image, data_format, dtype)
    converted = img_to_array(image, data_format, dtype)
    assert converted.dtype == expected.dtype
    np.testing.assert_array_equal(converted, expected)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("data_format", [None, "channels_last", "channels_first"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("low, high", [(0, 255), (-3, 7), (0, 0), (0, 900)])
def test_array_to_img_is_kerass(keras_io, low, high, channels, data_format, scale):
    if not scale and (low < 0 or (high > 255 and channels != 1)):
        # What such values become as 8 bits is not defined.
        low, high = 0, 255
    shape = (channels, 9, 11) if data_format == "channels_first" else (9, 11, channels)
    array = noise(shape, low, high)
    before = array.copy()
    expected = keras_io.array_to_img(array, data_format, scale)
    converted = array_to_img(array, data_format, scale)
    assert converted.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(converted), np.asarray(expected))
    np.testing.assert_array_equal(array, before)


def test_wrong_arrays_are_named():
    with pytest.raises(ValueError, match=r"three dimensions.*\(4, 5\)"):
        array_to_img(np.zeros((4, 5)))
    with pytest.raises(ValueError, match="2 channels"):
        array_to_img(np.zeros((4, 5, 2)), "channels_last")
    with pytest.raises(ValueError, match=r"\(1, 2, 3, 4\)"):
        img_to_array(np.zeros((1, 2, 3, 4)))
    with pytest.raises(ValueError, match="Received: 'channels_middle'"):
        img_to_array(np.zeros((2, 3)), "channels_middle")


def test_configured_defaults_are_used(monkeypatch):
    monkeypatch.setattr(image_io, "default_data_format", lambda: "channels_first")
    monkeypatch.setattr(image_io, "floatx", lambda: "float16")
    converted = img_to_array(np.zeros((4, 5, 3)))
    assert converted.shape == (3, 4, 5) and converted.dtype == np.float16
    assert array_to_img(np.zeros((3, 4, 5))).size == (5, 4)


def test_save_img(keras_io, tmp_path):
    array = noise((9, 11, 3))
    for name, options in [
        ("a.png", {}),
        ("b.jpg", {"quality": 50}),
        ("c.bmp", {"scale": False}),
        ("d.dat", {"file_format": "png"}),
    ]:
        save_img(tmp_path / f"ours {name}", array, **options)
        keras_io.save_img(tmp_path / f"keras {name}", array, **options)
        ours, theirs = (tmp_path / f"{who} {name}" for who in ("ours", "keras"))
        assert ours.read_bytes() == theirs.read_bytes()
    memory = io.BytesIO()
    save_img(memory, array, file_format="jpg")
    assert Image.open(memory).format == "JPEG"


def test_save_img_drops_alpha_for_jpeg_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="alpha"):
        save_img(tmp_path / "a.jpg", noise((9, 11, 4)))
    assert Image.open(tmp_path / "a.jpg").mode == "RGB"


def test_list_pictures(tmp_path):
    for name in ("b.PNG", "a.jpg", "deep/c.tiff", "deep/d.txt", "e.gif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    expected = [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "deep/c.tiff")]
    assert list_pictures(tmp_path) == expected
    assert list_pictures(str(tmp_path), ext="gif") == [str(tmp_path / "e.gif")]
