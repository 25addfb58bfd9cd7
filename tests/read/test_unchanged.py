"""color_mode="unchanged": dtype, channels and values of the files through the whole way."""

from __future__ import annotations

import builtins
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

import augflow
from augflow import ImageDataGenerator, ImageReadError
from augflow.base.settings import ReadSettings
from augflow.cache.images import bytes_on_disk
from augflow.read.image_file import read_image, read_image_bytes
from augflow.read.resize import FILTERS, resize_pixels
from tests.flow_world import signatures, take

tifffile = pytest.importorskip("tifffile")

UNCHANGED = ReadSettings(color_mode="unchanged")
SIZE = (12, 10)


def pixels_of(channels: int, dtype: str, height: int = 21, width: int = 34) -> np.ndarray:
    """Smooth enough to be resized, and using the range of its dtype."""
    stream = np.random.default_rng(7)
    noise = ndimage.gaussian_filter(stream.normal(size=(height, width, channels)), (2, 2, 0))
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    if np.dtype(dtype).kind == "f":
        return (noise * 900 - 300).astype(dtype)
    limits = np.iinfo(dtype)
    return (noise * (float(limits.max) - limits.min) * 0.99 + limits.min).astype(dtype)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    channels = pixels.shape[2]
    if "planarconfig" not in options and channels > 1:
        options["planarconfig"] = "contig"
    stored = pixels[:, :, 0] if channels == 1 else pixels
    if options.get("planarconfig") == "separate":
        stored = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    options.setdefault("photometric", "rgb" if channels == 3 else "minisblack")
    tifffile.imwrite(buffer, stored, **options)
    return buffer.getvalue()


def npy(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, pixels)
    return buffer.getvalue()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_opencv(pixels: np.ndarray, ending: str) -> bytes:
    order = [2, 1, 0, 3][: pixels.shape[2]] if pixels.shape[2] > 1 else [0]
    done, encoded = cv2.imencode(ending, pixels[:, :, order])
    assert done
    return encoded.tobytes()


def assert_read(content: bytes, pixels: np.ndarray) -> None:
    read = read_image_bytes(content, "a.tif", UNCHANGED)
    assert read.dtype == pixels.dtype and read.dtype.isnative
    np.testing.assert_array_equal(read, pixels)


# Reading


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "uint16", "int8", "int16", "int32", "uint32", "float16", "float32", "float64"],
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 12])
def test_tiff_of_any_kind(channels: int, dtype: str) -> None:
    pixels = pixels_of(channels, dtype)
    kinds: list[dict[str, Any]] = [{}, {"compression": "zlib"}, {"byteorder": ">"}]
    if channels > 1:
        kinds += [{"planarconfig": "separate"}, {"rowsperstrip": 4}]
    if channels in (3, 4):
        kinds.append({"photometric": "rgb", "planarconfig": "contig"})
    for options in kinds:
        assert_read(tiff(pixels, **options), pixels)


def test_tiff_tiled_big_and_with_a_predictor() -> None:
    pixels = pixels_of(5, "uint16")
    assert_read(tiff(pixels, tile=(16, 16)), pixels)
    assert_read(tiff(pixels, bigtiff=True), pixels)
    assert_read(tiff(pixels_of(1, "uint16"), bigtiff=True), pixels_of(1, "uint16"))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_with_lzw_needs_nothing_else(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, "tifffile")
    pixels = pixels_of(channels, "uint16")
    assert_read(by_opencv(pixels, ".tif"), pixels)


def test_pages_of_one_band_are_bands() -> None:
    pixels = pixels_of(6, "uint16")
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, np.ascontiguousarray(pixels.transpose(2, 0, 1)), photometric="minisblack"
    )
    assert_read(buffer.getvalue(), pixels)


def test_smaller_copies_are_no_bands() -> None:
    pixels = pixels_of(5, "uint16")
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        options = {"photometric": "minisblack", "planarconfig": "contig"}
        writer.write(pixels, **options)
        writer.write(np.ascontiguousarray(pixels[::2, ::2]), subfiletype=1, **options)
    assert_read(buffer.getvalue(), pixels)


@pytest.mark.parametrize("second", [pixels_of(3, "uint8"), pixels_of(1, "uint8", 8, 9)])
def test_other_pages_are_refused(second: np.ndarray) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for pixels in (pixels_of(3, "uint8"), second):
            kind = "rgb" if pixels.shape[2] == 3 else "minisblack"
            writer.write(pixels.squeeze(), photometric=kind)
    with pytest.raises(ImageReadError, match=r"'a.tif'.*it has 2 pages.*formats="):
        read_image_bytes(buffer.getvalue(), "a.tif", UNCHANGED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_are_turned_by_every_decoder(
    orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for pixels in (pixels_of(5, "uint16"), pixels_of(3, "uint8"), pixels_of(3, "uint16")):
        content = tiff(pixels, extratags=[(274, "H", 1, orientation, True)])
        exif = Image.Exif()
        exif[274] = orientation
        turned = [
            np.asarray(
                augflow.read.orientation.turn_image(Image.fromarray(band.astype("i4")), orientation)
            )
            for band in pixels.transpose(2, 0, 1)
        ]
        contents.append(content)
        assert_read(content, np.stack(turned, axis=-1).astype(pixels.dtype))
    forbid(monkeypatch, "tifffile")
    for content in contents[1:]:
        read_image_bytes(content, "a.tif", UNCHANGED)


def test_files_that_pillow_reads() -> None:
    rgb, gray = pixels_of(3, "uint8"), pixels_of(1, "uint8")
    image = Image.fromarray(rgb)
    assert_read(saved(image, "PNG"), rgb)
    assert_read(saved(image, "BMP"), rgb)
    assert_read(saved(Image.fromarray(gray[:, :, 0]), "PNG"), gray)
    jpeg = saved(image, "JPEG")
    assert_read(jpeg, np.asarray(Image.open(io.BytesIO(jpeg))))
    cmyk = saved(image.convert("CMYK"), "TIFF")
    assert_read(cmyk, np.asarray(image.convert("CMYK")))
    two = saved(image.convert("LA"), "PNG")
    assert_read(two, np.asarray(image.convert("LA")))
    palette = image.convert("P")
    assert_read(saved(palette, "PNG"), np.asarray(palette.convert("RGB")))
    assert_read(saved(palette, "GIF"), np.asarray(palette.convert("RGB")))
    one = image.convert("1")
    assert_read(saved(one, "PNG"), np.asarray(one.convert("L"))[..., None])
    assert_read(saved(one, "TIFF"), np.asarray(one.convert("L"))[..., None])
    rgba = np.dstack([rgb, gray])
    # With an alpha that OpenCV would multiply into the colours.
    assert_read(saved(Image.fromarray(rgba), "TIFF"), rgba)
    assert_read(saved(Image.fromarray(rgba), "PNG"), rgba)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_16_bits(channels: int) -> None:
    pixels = pixels_of(channels, "uint16")
    content = by_opencv(pixels, ".png")
    assert_read(content, pixels)
    # Of gray ones Pillow alone is the judge, which needs no end mark.
    for broken in [content[: len(content) // 2]] + [content[:-20]] * (channels > 1):
        with pytest.raises(ImageReadError):
            read_image_bytes(broken, "a.png", UNCHANGED)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 255
    with pytest.raises(ImageReadError):
        read_image_bytes(bytes(flipped), "a.png", UNCHANGED)


@pytest.mark.parametrize("dtype", ["uint8", "bool", ">u2", "<i2", "float16", "float32", "float64"])
def test_npy(dtype: str) -> None:
    for pixels in (np.arange(60).reshape(5, 12), np.arange(60).reshape(5, 4, 3)):
        stored = (pixels % 2 if dtype == "bool" else pixels).astype(dtype)
        wanted = stored.astype("u1" if dtype == "bool" else np.dtype(dtype).newbyteorder("="))
        assert_read(npy(stored), wanted.reshape(5, wanted.shape[1], -1))
        assert_read(npy(np.asfortranarray(stored)), wanted.reshape(5, wanted.shape[1], -1))


@pytest.mark.parametrize(
    "value", [np.zeros(4), np.zeros((2, 2, 2, 2)), np.zeros((0, 3)), np.zeros((2, 2), complex)]
)
def test_npy_that_is_no_image(value: np.ndarray) -> None:
    with pytest.raises(ImageReadError, match=r"'a.npy'.*expected an array of numbers"):
        read_image_bytes(npy(value), "a.npy", UNCHANGED)


def test_npy_runs_no_code() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(ImageReadError, match="allow_pickle"):
        read_image_bytes(buffer.getvalue(), "a.npy", UNCHANGED)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_damaged_tiffs(channels: int, dtype: str, compression: str | None) -> None:
    content = tiff(pixels_of(channels, dtype), compression=compression)
    for length in (0, 3, 8, 100, len(content) // 2, len(content) - 4):
        with pytest.raises(ImageReadError, match=r"'a.tif'"):
            read_image_bytes(content[:length], "a.tif", UNCHANGED)


def forbid(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    original = builtins.__import__

    def importing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == module:
            raise ImportError(f"No module named {module!r}")
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_a_missing_package_is_no_broken_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(pixels_of(5, "uint16")))
    forbid(monkeypatch, "tifffile")
    with pytest.raises(ImportError, match=r"5 band\(s\) of u2 needs tifffile: in a clone"):
        make_flow(tmp_path, on_error="skip", class_mode=None)


def test_a_missing_codec_is_no_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", fail)
    with pytest.raises(ImportError, match=r"LZW.*\[tiff\]"):
        read_image_bytes(tiff(pixels_of(5, "uint16")), "a.tif", UNCHANGED)


# Resizing


@pytest.mark.parametrize("interpolation", list(FILTERS))
@pytest.mark.parametrize("keep", [False, True])
def test_resizing_is_the_same_filter_for_all_kinds(interpolation: str, keep: bool) -> None:
    gray = pixels_of(3, "uint8")
    wanted = resize_pixels(gray, SIZE, interpolation, keep).astype(float)
    for dtype in ("uint16", "int16", "int32", "float32", "float64"):
        resized = resize_pixels(gray.astype(dtype), SIZE, interpolation, keep)
        assert resized.dtype == dtype
        # 8 bits are rounded twice, and cut at 0 and 255.
        inside = (wanted > 3) & (wanted < 252)
        assert np.abs(resized - wanted)[inside].max() <= 1.01
    many = np.dstack([gray, gray[:, :, ::-1]])
    resized = resize_pixels(many, SIZE, interpolation, keep)
    np.testing.assert_array_equal(resized[:, :, :3], wanted)
    np.testing.assert_array_equal(resized[:, :, 3:], wanted[:, :, ::-1])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "uint32", "int64"])
def test_overshooting_stays_in_the_dtype(dtype: str) -> None:
    limits = np.iinfo(dtype)
    edge = np.full((20, 20, 2), limits.min, dtype)
    edge[:, 10:] = limits.max // 2 if dtype == "int64" else limits.max
    resized = resize_pixels(edge, (13, 13), "lanczos")
    assert resized.dtype == dtype
    assert resized[5, 0, 0] == limits.min
    assert resized[5, 12, 0] >= limits.max // 2 - 2**40 * (dtype == "int64")


def test_nearest_changes_no_value() -> None:
    pixels = np.random.default_rng(0).integers(-(2**62), 2**62, (37, 23, 3))
    resized = resize_pixels(pixels, (50, 9), "nearest")
    image = Image.fromarray(np.arange(37 * 23, dtype="i4").reshape(37, 23))
    chosen = np.asarray(image.resize((9, 50), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(resized, pixels.reshape(-1, 3)[chosen])


# Flows

Writer = Callable[[np.ndarray], bytes]
KINDS = {
    "16-bit gray": (1, "uint16", ".png", lambda pixels: by_opencv(pixels, ".png")),
    "16-bit colour": (3, "uint16", ".png", lambda pixels: by_opencv(pixels, ".png")),
    "float": (1, "float32", ".tif", tiff),
    "seven bands": (7, "uint16", ".tiff", tiff),
    "signed npy": (2, "int16", ".npy", npy),
    "8-bit": (3, "uint8", ".png", lambda pixels: by_opencv(pixels, ".png")),
}
MOVES: dict[str, Any] = {
    "rotation_range": 25,
    "width_shift_range": 0.2,
    "shear_range": 10,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "vertical_flip": True,
}


def write_images(folder: Path, kind: str, count: int = 7) -> list[np.ndarray]:
    channels, dtype, ending, encode = KINDS[kind]
    images = []
    for number in range(count):
        image = np.roll(pixels_of(channels, dtype), 3 * number, axis=1)
        images.append(image)
        (folder / f"{number}{ending}").write_bytes(encode(image))
    return images


def make_flow(folder: Path, workers: int = 0, generator: Any = None, **options: Any) -> Any:
    generator = generator or ImageDataGenerator(workers=workers, **MOVES)
    settings = {
        "target_size": SIZE,
        "color_mode": "unchanged",
        "class_mode": None,
        "batch_size": 3,
        "seed": 5,
        "formats": [".npy"],
    }
    return generator.flow_from_directory(folder, **(settings | options))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", list(KINDS))
def test_values_come_through(tmp_path: Path, kind: str) -> None:
    images = write_images(tmp_path, kind)
    size = images[0].shape[:2]
    flow = make_flow(
        tmp_path, generator=ImageDataGenerator(workers=0), target_size=size, shuffle=False
    )
    with flow:
        assert flow.image_shape == images[0].shape
        batches = np.concatenate(take(flow, len(flow)))
    assert batches.dtype == np.float32
    np.testing.assert_array_equal(batches, np.stack(images).astype("float32"))


def test_whole_numbers_stay_whole_in_wide_dtypes(tmp_path: Path) -> None:
    image = np.array([[2**31 - 1, 1 - 2**31], [16777217, 3]], "i4")
    np.save(tmp_path / "a.npy", image)
    for dtype in ("float64", "int64"):
        generator = ImageDataGenerator(workers=0, dtype=dtype, samplewise_center=False)
        with make_flow(tmp_path, generator=generator, target_size=(2, 2)) as flow:
            np.testing.assert_array_equal(next(flow)[0, :, :, 0], image)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_every_channel_moves_as_one_alone(tmp_path: Path, kind: str, data_format: str) -> None:
    """Each channel of a batch is what a flow of that channel alone gives."""
    images = write_images(tmp_path, kind)
    options = {**MOVES, "data_format": data_format}
    with make_flow(tmp_path, generator=ImageDataGenerator(workers=0, **options)) as flow:
        batch = next(flow)
    if data_format == "channels_first":
        batch = batch.transpose(0, 2, 3, 1)
    assert batch.shape == (3, *SIZE, images[0].shape[2])
    scale = max(255.0, float(np.abs(images[0].astype(float)).max()))
    for channel in range(images[0].shape[2]):
        alone = tmp_path / f"alone{channel}"
        alone.mkdir()
        for number, image in enumerate(images):
            np.save(alone / f"{number}.npy", image[:, :, channel])
        with make_flow(alone, generator=ImageDataGenerator(workers=0, **MOVES)) as flow:
            single = next(flow)[..., 0]
        np.testing.assert_allclose(batch[..., channel], single, atol=1e-5 * scale)


@pytest.mark.parametrize("kind", list(KINDS))
def test_workers_order_and_cache_change_nothing(tmp_path: Path, kind: str) -> None:
    images = write_images(tmp_path, kind)
    with make_flow(tmp_path) as flow:
        wanted = signatures(take(flow, 6))
    for workers in (1, 2, 5):
        with make_flow(tmp_path, workers) as flow:
            assert signatures(take(flow, 6)) == wanted
    with make_flow(tmp_path, 2) as flow:
        assert signatures([flow[number] for number in (2, 0, 1)]) == [
            wanted[number] for number in (2, 0, 1)
        ]
    cache = tmp_path.with_name(f"{tmp_path.name}-cache")
    for where in ("ram", cache, cache):
        with make_flow(tmp_path, 2, cache=where) as flow:
            assert signatures(take(flow, 6)) == wanted
            info = flow.cache_info()
            assert info.cached == len(images)
            image = (*SIZE, images[0].shape[2])
            assert info.bytes == info.bytes_needed
            assert info.bytes == 7 * bytes_on_disk(image, images[0].itemsize)


def test_the_need_of_an_empty_cache_knows_the_dtype(tmp_path: Path) -> None:
    write_images(tmp_path, "16-bit colour")
    with make_flow(tmp_path, cache="ram", target_size=(64, 64)) as flow:
        info = flow.cache_info()
        assert (info.cached, info.bytes_needed) == (0, 7 * bytes_on_disk((64, 64, 3), 2))


def test_wide_pixels_are_not_cached(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"`cache` keeps pixels of uint8.*have float64"):
        make_flow(tmp_path, cache="ram")


OTHERS = {
    "channels": (pixels_of(2, "uint16"), r"2 channel\(s\) of uint16"),
    "dtype": (pixels_of(1, "uint8"), r"1 channel\(s\) of uint8"),
}


@pytest.mark.parametrize("other", list(OTHERS))
@pytest.mark.parametrize("workers", [0, 2])
def test_files_of_another_kind_are_named(tmp_path: Path, other: str, workers: int) -> None:
    pixels, text = OTHERS[other]
    write_images(tmp_path, "16-bit gray")
    (tmp_path / "3.npy").write_bytes(npy(pixels))
    whole = rf"3.npy'.*it has {text}, and the flow's first file has 1 of uint16"
    with make_flow(tmp_path, workers) as flow, pytest.raises(ImageReadError, match=whole):
        take(flow, len(flow))
    with make_flow(tmp_path, workers, on_error="skip") as flow:
        with pytest.warns(UserWarning, match=r"1 file\(s\).*3\.npy"):
            assert sum(map(len, take(flow, len(flow)))) == 7
        found = augflow.verify(flow, workers=0)
        assert found["filename"].tolist() == ["3.npy"]


def test_the_first_file_may_be_broken(tmp_path: Path) -> None:
    write_images(tmp_path, "16-bit gray", 3)
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(ImageReadError, match=r"0\.png"):
        make_flow(tmp_path)
    with make_flow(tmp_path, on_error="skip") as flow:
        assert flow.image_shape == (*SIZE, 1)
        with pytest.warns(UserWarning, match=r"0\.png"):
            assert next(flow).shape == (2, *SIZE, 1)
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes(b"")
    with pytest.raises(ImageReadError, match="empty"):
        make_flow(tmp_path, on_error="skip")


def test_brightness_is_for_8_bits(tmp_path: Path) -> None:
    bright = ImageDataGenerator(workers=0, brightness_range=(0.5, 1.5))
    write_images(tmp_path, "16-bit gray")
    with pytest.raises(ValueError, match=r"8-bit levels.*1 channel\(s\) of uint16"):
        make_flow(tmp_path, generator=bright)
    with make_flow(tmp_path, generator=bright, augment=False) as flow:
        assert next(flow).max() > 255
    generator = ImageDataGenerator(workers=0)
    with make_flow(tmp_path, generator=generator) as flow:
        next(flow)
        generator.brightness_range = (0.5, 1.5)
        with pytest.raises(ValueError, match="8-bit levels"):
            next(flow)
    eight = tmp_path / "eight"
    eight.mkdir()
    write_images(eight, "8-bit")
    with make_flow(eight, generator=bright) as flow:
        next(flow)


def test_saving_is_for_pictures(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    write_images(tmp_path / "images", "seven bands")
    with pytest.raises(ValueError, match=r"save_to_dir.*7 channel"):
        make_flow(tmp_path / "images", save_to_dir=str(tmp_path))


def test_dataframes_and_padding(tmp_path: Path) -> None:
    images = write_images(tmp_path, "seven bands")
    names = sorted(path.name for path in tmp_path.iterdir())
    with ImageDataGenerator(workers=0).flow_from_dataframe(
        pd.DataFrame({"filename": names}),
        str(tmp_path),
        class_mode="input",
        color_mode="unchanged",
        target_size=(40, 34),
        keep_aspect_ratio="pad",
        shuffle=False,
    ) as flow:
        batch, targets = next(flow)
    np.testing.assert_array_equal(batch, targets)
    assert not batch[:, :9].any() and not batch[:, 30:].any()
    np.testing.assert_array_equal(batch[:, 9:30], np.stack(images).astype("float32"))


def test_a_subset_without_files(tmp_path: Path) -> None:
    write_images(tmp_path, "16-bit gray", 2)
    generator = ImageDataGenerator(workers=0, validation_split=0.01)
    with pytest.warns(UserWarning, match="holds no images"):
        flow = make_flow(tmp_path, generator=generator, subset="validation")
    assert len(flow) == 0


def test_what_a_color_mode_cannot_show_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", pixels_of(5, "uint16"))
    for color_mode in ("rgb", "rgba", "grayscale"):
        settings = ReadSettings(SIZE, color_mode)
        with pytest.raises(ValueError, match=r"a\.npy' holds 5 channel\(s\) of uint16"):
            read_image(str(tmp_path / "a.npy"), settings)


def test_many_bands_of_8_bits_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.arange(9 * 11 * 7, dtype=np.uint8).reshape(9, 11, 7)
    path = tmp_path / "seven.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    assert np.array_equal(read_image(str(path), UNCHANGED), pixels)
    assert not caplog.records


def test_rows_are_not_taken_for_bands(tmp_path: Path) -> None:
    path = tmp_path / "rows.tif"
    tifffile.imwrite(path, np.zeros((20, 30, 5), np.uint8))
    with pytest.raises(ImageReadError, match=r"20 pages of 30 x 5 pixels.*planarconfig="):
        read_image(str(path), UNCHANGED)


def test_a_loader_that_fails_at_first_names_the_file(tmp_path: Path) -> None:
    def load(path: str) -> np.ndarray:
        raise OSError("no disk")

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.scan").write_bytes(b"")
    with pytest.raises(OSError, match="no disk") as caught:
        ImageDataGenerator().flow_from_directory(
            tmp_path, color_mode="unchanged", formats={"scan": load}
        )
    assert "x.scan" in caught.value.__notes__[0]
