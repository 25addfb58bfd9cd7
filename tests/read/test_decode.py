"""Reading files: bit for bit the pixels of Keras's load_img, from many kinds of files."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from augflow.base.settings import ReadSettings
from augflow.errors import ImageReadError
from augflow.read import decode, placement, resize
from augflow.read.image_file import read_image, read_image_bytes

SIZES = [(1, 1), (1, 7), (9, 1), (17, 23), (100, 151)]
FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
TARGETS = [None, (50, 21), (130, 127)]


@pytest.fixture(scope="module")
def load_img():
    pytest.importorskip("keras")
    from keras.src.utils.image_utils import load_img

    return load_img


def scene(height, width):
    """Smooth colours with noise on top: neither flat nor pure noise."""
    random = np.random.RandomState(height * 1000 + width)
    rows, columns = np.mgrid[0:height, 0:width]
    base = np.stack([rows * 2, columns, rows + columns], axis=-1) % 256
    return np.clip(base + random.randint(-20, 20, base.shape), 0, 255).astype(np.uint8)


def encoded(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_by_hand(pixels, colour_type, bits, interlaced=False):
    """PNGs that Pillow does not write: 16-bit RGB, and interlaced ones."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    steps = [(0, 0, 1, 1)]
    if interlaced:
        steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)]
        steps += [(2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = b"".join(
        b"\0" + np.ascontiguousarray(row).tobytes()
        for top, left, down, right in steps
        for row in pixels[top::down, left::right]
        if row.size
    )
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, int(interlaced))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(raw)),
            chunk(b"IEND", b""),
        ]
    )


def jpeg_kinds(colour):
    gray = colour.convert("L")
    rotated = Image.Exif()
    rotated[0x0112] = 6
    kinds = {
        f"jpeg {sampling}{' progressive' if progressive else ''}": encoded(
            colour, "JPEG", subsampling=sampling, progressive=progressive
        )
        for sampling in ("4:4:4", "4:2:2", "4:2:0", "4:1:1")
        for progressive in (False, True)
    }
    kinds["jpeg gray"] = encoded(gray, "JPEG")
    kinds["jpeg gray progressive"] = encoded(gray, "JPEG", progressive=True)
    kinds["jpeg rgb"] = encoded(colour, "JPEG", keep_rgb=True)
    kinds["jpeg cmyk"] = encoded(colour.convert("CMYK"), "JPEG")
    kinds["jpeg exif"] = encoded(colour, "JPEG", exif=rotated)
    kinds["jpeg restarts"] = encoded(colour, "JPEG", quality=30, restart_marker_rows=1)
    kinds["jpeg profile"] = encoded(colour, "JPEG", icc_profile=b"x" * 70000, comment=b"hello")
    kinds["jpeg trailing"] = encoded(colour, "JPEG") + b"something after the end"
    kinds["mpo"] = encoded(colour, "MPO", save_all=True, append_images=[colour])
    return kinds


def png_kinds(colour, pixels):
    gray = colour.convert("L")
    first = pixels[:, :, 0]
    rotated = Image.Exif()
    rotated[0x0112] = 3
    gamma = PngImagePlugin.PngInfo()
    gamma.add(b"gAMA", struct.pack(">I", 22000))
    gamma.add(b"sBIT", b"\x05\x06\x05")
    gamma.add(b"bKGD", struct.pack(">HHH", 1, 2, 3))
    kinds = {
        "png": encoded(colour, "PNG"),
        "png gray": encoded(gray, "PNG"),
        "png exif": encoded(colour, "PNG", exif=rotated),
        "png gamma": encoded(colour, "PNG", pnginfo=gamma),
        "png profile": encoded(colour, "PNG", icc_profile=b"y" * 300),
        "png 1-bit": encoded(colour.convert("1"), "PNG"),
        "png alpha": encoded(Image.fromarray(np.dstack([pixels, first])), "PNG"),
        "png gray alpha": encoded(Image.fromarray(np.dstack([first, 255 - first])), "PNG"),
        "png 16-bit gray": encoded(Image.fromarray(first.astype(np.uint16) * 257), "PNG"),
        "png 16-bit rgb": png_by_hand(pixels.astype(">u2") * 257, 2, 16),
        "png interlaced": png_by_hand(pixels, 2, 8, interlaced=True),
        "png gray interlaced": png_by_hand(first, 0, 8, interlaced=True),
        "png transparent": encoded(colour, "PNG", transparency=tuple(map(int, pixels[0, 0]))),
        "png gray transparent": encoded(gray, "PNG", transparency=int(gray.getpixel((0, 0)))),
        "png palette transparent": encoded(colour.quantize(16), "PNG", transparency=3),
        "png animated": encoded(colour, "PNG", save_all=True, append_images=[colour.rotate(180)]),
    }
    for bits in (1, 2, 4, 8):
        kinds[f"png palette {bits}"] = encoded(colour.quantize(2**bits), "PNG", bits=bits)
    return kinds


def other_kinds(colour, pixels):
    first = pixels[:, :, 0]
    return {
        "bmp": encoded(colour, "BMP"),
        "bmp 1-bit": encoded(colour.convert("1"), "BMP"),
        "tiff": encoded(colour, "TIFF"),
        "tiff cmyk": encoded(colour.convert("CMYK"), "TIFF"),
        "tiff 16-bit": encoded(Image.fromarray(first.astype(np.uint16) * 257), "TIFF"),
        "tiff 32-bit": encoded(Image.fromarray(first.astype(np.int32) * 70000), "TIFF"),
        "tiff float": encoded(Image.fromarray(first.astype(np.float32)), "TIFF"),
        "gif": encoded(colour, "GIF"),
        "gif animated": encoded(colour, "GIF", save_all=True, append_images=[colour.rotate(90)]),
        "ppm": encoded(colour, "PPM"),
        "pgm": encoded(colour.convert("L"), "PPM"),
        "webp": encoded(colour, "WEBP"),
        "webp lossless": encoded(colour, "WEBP", lossless=True),
    }


def files_of(height, width):
    pixels = scene(height, width)
    colour = Image.fromarray(pixels)
    return jpeg_kinds(colour) | png_kinds(colour, pixels) | other_kinds(colour, pixels)


KIND_NAMES = sorted(files_of(1, 1))


@pytest.fixture(scope="module")
def files():
    return {size: files_of(*size) for size in SIZES}


def assert_like_keras(load_img, data, settings):
    expected = np.asarray(
        load_img(
            io.BytesIO(data),
            color_mode=settings.color_mode,
            target_size=settings.target_size,
            interpolation=settings.interpolation,
            keep_aspect_ratio=settings.keep_aspect_ratio,
        )
    )
    pixels = read_image_bytes(data, "some.file", settings)
    assert pixels.dtype == expected.dtype and pixels.ndim == 3
    np.testing.assert_array_equal(pixels, expected.reshape(pixels.shape), err_msg=str(settings))


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_kind_equals_keras(load_img, files, kind):
    for size in SIZES:
        for color_mode in decode.COLOR_MODES:
            for target in TARGETS:
                for interpolation in FILTERS if target and size != (1, 7) else FILTERS[:1]:
                    for keep in (False, True) if target else (False,):
                        settings = ReadSettings(target, color_mode, interpolation, keep)
                        assert_like_keras(load_img, files[size][kind], settings)


def test_plain_files_take_the_fast_way(files):
    kinds = files[(17, 23)]
    fast = {name for name, data in kinds.items() if decode.plain_size(data) is not None}
    expected = {name for name in kinds if name.startswith("jpeg")} - {"jpeg cmyk"}
    expected |= {"mpo", "png", "png gray", "png exif", "png gamma"}
    expected |= {"png interlaced", "png gray interlaced"}
    assert fast == expected
    for name in fast:
        assert isinstance(decode.decode(kinds[name], "rgb"), np.ndarray)
        assert decode.plain_size(kinds[name])[:2] == (17, 23)


def test_real_photos_equal_keras(load_img, tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    skimage_data = pytest.importorskip("skimage.data")
    folder = os.path.dirname(skimage_data.__file__)
    paths = [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder))
        if name.endswith((".png", ".jpg", ".gif"))
    ]
    for number, photo in enumerate(datasets.load_sample_images().images):
        paths.append(str(tmp_path / f"{number}.jpg"))
        Image.fromarray(photo).save(paths[-1], quality=75)
    assert len(paths) > 5
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        for interpolation in ("nearest", "bilinear"):
            for color_mode in decode.COLOR_MODES:
                settings = ReadSettings((224, 224), color_mode, interpolation)
                assert_like_keras(load_img, data, settings)


def test_nearest_resize_is_pillows_for_all_sizes():
    random = np.random.RandomState(5)
    for _ in range(400):
        height, width, new_height, new_width = (int(size) for size in random.randint(1, 400, 4))
        pixels = random.randint(0, 256, (height, width, 1)).astype(np.uint8)
        for keep in (False, True):
            if keep and min(placement.centre_box(height, width, new_height, new_width)[2:]) < 1:
                continue
            target = (new_height, new_width)
            try:
                expected = resize.resize_image(resize.to_pillow(pixels), target, "nearest", keep)
            except ValueError:
                # The crop is empty: Pillow refuses it, and so must the array's way.
                with pytest.raises(ValueError):
                    resize.resize_pixels(pixels, target, "nearest", keep)
                continue
            resized = resize.resize_pixels(pixels, target, "nearest", keep)
            np.testing.assert_array_equal(resized[:, :, 0], np.asarray(expected))


@pytest.mark.parametrize("kind", ["jpeg 4:2:0", "jpeg gray progressive", "png", "png interlaced"])
def test_a_truncated_file_is_never_an_image(files, kind, capfd):
    data = files[(17, 23)][kind]
    # Without its last chunk and checksums a PNG has all its pixels, and is whole for Pillow.
    whole_from = len(data) - (30 if kind.startswith("png") else 1)
    for length in [*range(0, whole_from, 5), whole_from]:
        with pytest.raises(ImageReadError) as caught:
            read_image_bytes(data[:length], "folder/broken.file", ReadSettings())
        assert caught.value.path == "folder/broken.file"
        assert "folder/broken.file" in str(caught.value)
        assert caught.value.cause
        assert caught.value.__cause__ is not None
    if kind.startswith("png"):
        assert capfd.readouterr().err == ""


def test_what_is_no_image(tmp_path):
    for name, content, words in [
        ("empty.png", b"", "empty"),
        ("text.jpg", b"hello, I am a text", "no image format"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ImageReadError, match=words) as caught:
            read_image(str(path), ReadSettings())
        assert caught.value.path == str(path)
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again) == str(caught.value)


def test_missing_files_and_directories_keep_their_errors(tmp_path):
    missing = str(tmp_path / "missing.png")
    with pytest.raises(FileNotFoundError) as caught:
        read_image(missing, ReadSettings())
    assert caught.value.filename == missing
    if sys.platform != "win32":
        with pytest.raises(IsADirectoryError):
            read_image(str(tmp_path), ReadSettings())


@pytest.mark.parametrize("kind", ["jpeg 4:2:0", "png", "bmp"])
def test_decompression_bombs_are_pillows_business(files, kind, monkeypatch):
    data = files[(17, 23)][kind]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 17 * 23 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        read_image_bytes(data, "large.file", ReadSettings())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 17 * 23 // 2 - 1)
    with pytest.raises(ImageReadError, match=r"large\.file.*decompression bomb"):
        read_image_bytes(data, "large.file", ReadSettings())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image_bytes(data, "large.file", ReadSettings())


@pytest.mark.parametrize("failure", ["none", "raises"])
def test_pillow_has_the_last_word(files, failure, monkeypatch):
    data = files[(17, 23)]["jpeg 4:2:0"]
    expected = read_image_bytes(data, "a.jpg", ReadSettings())

    def refuse(*_):
        if failure == "raises":
            raise decode.cv2.error("refused")

    monkeypatch.setattr(decode.cv2, "imdecode", refuse)
    np.testing.assert_array_equal(read_image_bytes(data, "a.jpg", ReadSettings()), expected)


def test_wrong_settings_are_not_taken_for_broken_files(files):
    data = files[(17, 23)]["bmp"]
    with pytest.raises(ValueError, match=r"color_mode.*Received: 'cmyk'"):
        read_image_bytes(data, "a.bmp", ReadSettings(color_mode="cmyk"))
    with pytest.raises(ValueError, match=r"interpolation.*Received: 'cubic'"):
        read_image_bytes(data, "a.bmp", ReadSettings((3, 3), interpolation="cubic"))


def test_read_image_reads_the_file(tmp_path):
    pixels = scene(20, 30)
    path = tmp_path / "ä picture.png"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(read_image(str(path), ReadSettings()), pixels)
