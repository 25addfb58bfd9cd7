"""Masks as targets: read exactly, moved as their images, and with nothing else done to them."""

from __future__ import annotations

import pickle
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import ImageDataGenerator, decode_run_length, verify
from augflow.companions.masks import read_mask
from augflow.errors import ImageReadError
from tests.companions.moving_world import CLASSES, SAMPLES, write_pairs
from tests.flow_world import signatures, take

MOVES: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 15,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "vertical_flip": True,
}
SIZE = (24, 28)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("pairs")
    return folder, write_pairs(folder)


def directory_flow(folder: Path, generator: ImageDataGenerator, **arguments: Any) -> Any:
    given = {"target_size": SIZE, "color_mode": "grayscale", "batch_size": 4, "seed": 3}
    return generator.flow_from_directory(
        folder / "images", mask_directory=folder / "masks", **(given | arguments)
    )


# A mask lies on its image, pixel by pixel.


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect", "wrap", "constant", "mirror"])
@pytest.mark.parametrize("keep_aspect_ratio", [False, True, "pad"])
def test_an_image_that_equals_its_mask_still_does(
    world: tuple[Path, pd.DataFrame], fill_mode: str, keep_aspect_ratio: Any
) -> None:
    generator = ImageDataGenerator(**MOVES, fill_mode=fill_mode, interpolation_order=0, workers=0)
    flow = directory_flow(world[0], generator, keep_aspect_ratio=keep_aspect_ratio)
    for images, masks in take(flow, len(flow)):
        assert masks.dtype == np.uint8 and masks.shape == images.shape == (len(images), *SIZE, 1)
        np.testing.assert_array_equal(masks, images)
    assert len(np.unique(masks)) > 2


def test_flips_alone_and_no_transform(world: tuple[Path, pd.DataFrame]) -> None:
    for arguments in ({"horizontal_flip": True, "vertical_flip": True}, {}):
        flow = directory_flow(world[0], ImageDataGenerator(**arguments, workers=0))
        for images, masks in take(flow, len(flow)):
            np.testing.assert_array_equal(masks, images)


def test_channels_first(world: tuple[Path, pd.DataFrame]) -> None:
    generator = ImageDataGenerator(
        **MOVES, interpolation_order=0, data_format="channels_first", workers=0
    )
    images, masks = next(directory_flow(world[0], generator))
    assert masks.shape == (4, 1, *SIZE)
    np.testing.assert_array_equal(masks, images)


def test_colours_do_not_touch_a_mask(world: tuple[Path, pd.DataFrame]) -> None:
    colours = {
        "brightness_range": (0.2, 2.0),
        "channel_shift_range": 90,
        "rescale": 1 / 255,
        "samplewise_center": True,
        "preprocessing_function": np.negative,
    }
    # Of both generators the same parameters are drawn for what moves.
    plain = {"brightness_range": (1.0, 1.0), "channel_shift_range": 1e-9}
    both = []
    for more in (colours, plain):
        generator = ImageDataGenerator(**MOVES, **more, workers=0)
        both.append(next(directory_flow(world[0], generator))[1])
    np.testing.assert_array_equal(*both)
    assert set(np.unique(both[0])) <= set(range(CLASSES))


def test_what_moves_in_from_outside(world: tuple[Path, pd.DataFrame]) -> None:
    outside = {"width_shift_range": [20], "workers": 0}
    for arguments, fill, expected in (
        ({"fill_mode": "constant", "cval": 77.0}, None, 0),
        ({"fill_mode": "constant", "cval": 77.0}, 9, 9),
        ({"fill_mode": "nearest"}, 255, 255),
    ):
        generator = ImageDataGenerator(**outside, **arguments)
        _, masks = next(directory_flow(world[0], generator, mask_fill=fill))
        # Keras 3 shifts rows by the width's range.
        filled = (masks[..., 0] == expected).all(axis=2)
        assert (filled.sum(axis=1) >= 20).all()


def test_padding_has_the_fill_value(world: tuple[Path, pd.DataFrame]) -> None:
    flow = directory_flow(
        world[0],
        ImageDataGenerator(workers=0),
        shuffle=False,
        keep_aspect_ratio="pad",
        mask_fill=200,
    )
    _, masks = next(flow)
    assert ((masks == 200).any(axis=(1, 2, 3))).all()


@pytest.mark.parametrize("fill", [-1, 1000])
def test_padding_may_be_a_class_that_the_files_dtype_does_not_hold(
    world: tuple[Path, pd.DataFrame], fill: int
) -> None:
    flow = directory_flow(
        world[0], ImageDataGenerator(workers=0), keep_aspect_ratio="pad", target_size=(20, 50),
        mask_fill=fill, mask_dtype="int32",
    )  # fmt: skip
    _, masks = next(flow)
    assert masks.dtype == np.int32 and (masks == fill).any(axis=(1, 2, 3)).all()
    assert masks[masks != fill].min() >= 0 and masks[masks != fill].max() < CLASSES


# Reading.


def test_modes_keep_their_integers(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    wide = values.astype(np.uint16) * 5000
    for name, picture, expected in (
        ("gray.png", Image.fromarray(values), values),
        ("wide.png", Image.fromarray(wide), wide),
        ("wide.tif", Image.fromarray(wide), wide),
        ("int.tif", Image.fromarray(wide.astype(np.int32) * 9), wide.astype(np.int64) * 9),
        ("bit.png", Image.fromarray(values > 5), values > 5),
    ):
        picture.save(tmp_path / name)
        np.testing.assert_array_equal(read_mask(tmp_path / name), expected)
        assert read_mask(tmp_path / name).dtype.kind in "iu"
    palette = Image.fromarray(values)
    palette.putpalette(list(range(200, 236)))
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "few.png", bits=4)
    for name in ("palette.png", "few.png"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), values)


def test_gray_of_few_bits_is_not_spread(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    # Four pixels of 2 bits, then two of 4 bits.
    for bits, row, expected in ((2, 0b00011011, [0, 1, 2, 3]), (4, 0b01011111, [5, 15])):
        header = struct.pack(">IIBBBBB", len(expected), 1, bits, 0, 0, 0, 0)
        data = zlib.compress(bytes([0, row]))
        (tmp_path / "m.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", data)
            + chunk(b"IEND", b"")
        )
        assert read_mask(tmp_path / "m.png").tolist() == [expected]


def tiff_of(values: np.ndarray, bits: int, photometric: int) -> bytes:
    """A gray TIFF, not compressed; ``photometric`` 0 says that 0 is white."""
    words = []
    for row in values.tolist():
        text = "".join(format(value, f"0{bits}b") for value in row)
        words += [int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8)]
    height, width = values.shape
    entries = ((256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8))
    entries += ((277, 1), (278, height), (279, len(words)))
    directory = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in entries)
    data = bytes(words) + bytes(len(words) % 2)
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(entries)) + directory + bytes(4)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("photometric", [0, 1])
def test_gray_tiffs_give_what_they_store(tmp_path: Path, bits: int, photometric: int) -> None:
    values = np.arange(15).reshape(3, 5) % (1 << bits)
    (tmp_path / "m.tif").write_bytes(tiff_of(values, bits, photometric))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), values)


@pytest.mark.parametrize("highest", [1, 3, 15, 100, 255, 300, 65535])
def test_graymaps_give_what_they_store(tmp_path: Path, highest: int) -> None:
    values = (np.arange(15).reshape(3, 5) * 7) % (highest + 1)
    plain = " ".join(map(str, values.ravel().tolist())).encode()
    raw = values.astype(">u2" if highest > 255 else "u1").tobytes()
    for kind, data in ((b"P2", plain), (b"P5", raw)):
        (tmp_path / "m.pgm").write_bytes(kind + b" 5 3 %d\n" % highest + data)
        np.testing.assert_array_equal(read_mask(tmp_path / "m.pgm"), values)


def test_colours_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "m.png")
    with pytest.raises(ValueError, match=r"m\.png.*mode 'RGB'.*mask_loader"):
        read_mask(tmp_path / "m.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(ImageReadError, match=r"cannot read mask .*broken\.png"):
        read_mask(tmp_path / "broken.png")


# Run-length encodings.


def as_runs(mask: np.ndarray, order: Any) -> str:
    """The Kaggle text of a mask, pixel by pixel."""
    runs: list[list[int]] = []
    before = 0
    for number, pixel in enumerate(mask.ravel(order).tolist(), start=1):
        if pixel and not before:
            runs.append([number, 0])
        if pixel:
            runs[-1][1] += 1
        before = pixel
    return " ".join(f"{start} {length}" for start, length in runs)


def as_counts(mask: np.ndarray) -> list[int]:
    counts, current = [0], 0
    for pixel in mask.ravel("F").tolist():
        if pixel != current:
            counts.append(0)
            current = pixel
        counts[-1] += 1
    return counts


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from("FC"), st.randoms())
def test_run_lengths_come_back(height: int, width: int, order: str, random: Any) -> None:
    mask = np.array([random.randint(0, 1) for _ in range(height * width)]).reshape(height, width)
    text = as_runs(mask, order)
    np.testing.assert_array_equal(decode_run_length(text, (height, width), order), mask)
    counts = {"size": [height, width], "counts": as_counts(mask)}
    np.testing.assert_array_equal(decode_run_length(counts), mask)


def test_compressed_counts_are_those_of_coco() -> None:
    # Made by pycocotools 2.0.
    expected = np.zeros((120, 90), np.uint8)
    expected[10:80, 20:60] = 1
    expected[50:119, 70:71] = 1
    counts = "Z[2V2b1" + "0" * 77 + "hV1Oon0"
    decoded = decode_run_length({"size": [120, 90], "counts": counts})
    np.testing.assert_array_equal(decoded, expected)
    small = {"size": [7, 9], "counts": b"221030M000000O100000O00001221MM40L10"}
    noise = (np.random.default_rng(3).random((7, 9)) > 0.5).astype(np.uint8)
    np.testing.assert_array_equal(decode_run_length(small), noise)


@pytest.mark.parametrize("nothing", ["", None, float("nan"), np.float32("nan"), pd.NA])
def test_no_runs_are_an_empty_mask(nothing: Any) -> None:
    mask = decode_run_length(nothing, (3, 4))
    assert mask.shape == (3, 4) and mask.dtype == np.uint8 and not mask.any()


@pytest.mark.parametrize(
    ("encoding", "shape", "message"),
    [
        ("1 2 3", (3, 4), "pairs"),
        ("1 x", (3, 4), "pairs"),
        ("0 2", (3, 4), "does not fit"),
        ("11 3", (3, 4), "does not fit"),
        ("1 2", None, "needs shape"),
        ("1 2", (3, 4, 1), r"`shape` must be two ints"),
        ({"counts": [4]}, None, "has .size."),
        ({"size": [2, 2], "counts": None}, None, "and .counts."),
        ({"size": [2, 2, 1], "counts": [4]}, None, "`size` must be two ints"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, None, "counts must be ints"),
        ({"size": [2, 2], "counts": [3]}, None, "add up to 3"),
        ({"size": [2, 2], "counts": [4]}, (3, 3), "encoding says"),
    ],
)
def test_wrong_runs_are_refused(encoding: Any, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_run_length(encoding, shape)


# From tables.


def test_several_masks_an_image(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    table = table.assign(other=table["mask"], both=[[name, name] for name in table["mask"]])
    generator = ImageDataGenerator(**MOVES, interpolation_order=0, workers=0)
    common = {
        "directory": folder,
        "class_mode": "mask",
        "target_size": SIZE,
        "color_mode": "grayscale",
        "seed": 1,
    }
    for y_col in (["mask", "other"], "both"):
        images, masks = next(generator.flow_from_dataframe(table, y_col=y_col, **common))
        assert masks.shape == (SAMPLES, *SIZE, 2)
        np.testing.assert_array_equal(masks, np.repeat(images, 2, axis=3))
    # And of a directory: two folders.
    flow = generator.flow_from_directory(
        folder / "images",
        mask_directory=[folder / "masks", folder / "images"],
        target_size=SIZE,
        color_mode="grayscale",
    )
    images, masks = next(flow)
    np.testing.assert_array_equal(masks, np.repeat(images, 2, axis=3))


def test_a_loader_reads_anything(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    pixels = [np.asarray(Image.open(folder / name)) for name in table["filename"]]
    table = table.assign(
        runs=[(as_runs(one == 2, "F"), one.shape) for one in pixels],
        weight=np.arange(SAMPLES, dtype=float),
    )
    generator = ImageDataGenerator(**MOVES, interpolation_order=0, workers=2)
    flow = generator.flow_from_dataframe(
        table,
        folder,
        y_col="runs",
        weight_col="weight",
        class_mode="mask",
        mask_loader=lambda cell: decode_run_length(*cell),
        target_size=SIZE,
        color_mode="grayscale",
        batch_size=4,
    )
    with flow:
        for images, masks, weights in take(flow, len(flow)):
            np.testing.assert_array_equal(masks, images == 2)
            assert weights.shape == (len(images),)


def test_dtypes(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    common = {"directory": folder, "y_col": "filename", "class_mode": "mask", "target_size": SIZE}
    generator = ImageDataGenerator(workers=0)

    def thousands(path: str) -> np.ndarray:
        return np.asarray(Image.open(path)).astype(np.int64) * 1000

    table = table.assign(filename=[str(folder / name) for name in table["filename"]])
    with pytest.raises(ValueError, match=r"mask_dtype='uint8'.*from 0 to [1-4]000.*int32") as error:
        generator.flow_from_dataframe(table, **common, mask_loader=thousands)
    assert any("while trying mask_loader" in note for note in error.value.__notes__)
    for dtype in ("int32", "uint16", "float32"):
        flow = generator.flow_from_dataframe(
            table, **common, mask_loader=thousands, mask_dtype=dtype, shuffle=False
        )
        masks = next(flow)[1]
        assert masks.dtype == dtype and set(np.unique(masks)) <= {0, 1000, 2000, 3000, 4000}
        assert len(np.unique(masks)) > 2


# What must be said early.


def test_the_first_mask_is_read_when_the_flow_is_made(tmp_path: Path) -> None:
    write_pairs(tmp_path, 3)
    generator = ImageDataGenerator(workers=0)
    first = tmp_path / "masks" / "00.png"
    for picture, message in (
        (Image.new("RGB", (44, 30)), "mode 'RGB'"),
        (Image.new("L", (30, 44)), "44 x 30 pixels"),
        (Image.fromarray(np.full((30, 44), 300, np.uint16)), "300 to 300"),
    ):
        picture.save(first)
        with pytest.raises(ValueError, match=message):
            directory_flow(tmp_path, generator)
    # Broken files are found by `verify`, which needs a flow.
    for number in range(3):
        (tmp_path / "masks" / f"{number:02d}.png").write_bytes(b"nothing")
        flow = directory_flow(tmp_path, generator, shuffle=False)
    with pytest.raises(ImageReadError, match=r"cannot read mask .*00\.png"):
        next(flow)


def test_a_loader_gets_paths_below_mask_directory(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    names = [name.removeprefix("masks/") for name in table["mask"]]
    seen: list[Any] = []

    def load(value: Any) -> np.ndarray:
        seen.append(value)
        return np.zeros((SIZE if isinstance(value, float) else read_mask(value).shape), np.uint8)

    arguments: dict[str, Any] = {
        "directory": folder, "class_mode": "mask", "y_col": "own", "mask_loader": load,
        "shuffle": False, "target_size": SIZE, "batch_size": SAMPLES,
    }  # fmt: skip
    generator = ImageDataGenerator(workers=0)
    own = table.assign(own=names)
    below = {"mask_directory": folder / "masks"}
    next(generator.flow_from_dataframe(own, **arguments, **below))
    assert set(seen) == {str(folder / "masks" / name) for name in names}
    seen.clear()
    with pytest.raises(FileNotFoundError):
        generator.flow_from_dataframe(own, **arguments)
    assert seen == names[:1]
    with pytest.raises(ValueError, match="leave mask_directory out"):
        generator.flow_from_dataframe(table.assign(own=3), **arguments, **below)


def test_rows_of_one_name_are_told_apart(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    doubled = table.set_index(pd.Index([0] * SAMPLES))
    doubled["mask"] = [*table["mask"][:-1], "masks/no.png"]
    with pytest.raises(FileNotFoundError, match=r"row 0 \(file 'images/10\.png'\): 'masks/no"):
        ImageDataGenerator().flow_from_dataframe(
            doubled, folder, class_mode="mask", y_col="mask", target_size=SIZE
        )


def test_images_that_share_a_mask_are_told(tmp_path: Path) -> None:
    write_pairs(tmp_path, 2)
    Image.new("L", (44, 30)).save(tmp_path / "images" / "00.jpg")
    with pytest.warns(UserWarning, match=r"2 images share their masks.*'00\.jpg', '00\.png'"):
        directory_flow(tmp_path, ImageDataGenerator(), class_mode="mask")


def test_a_loader_that_ends_the_program_is_an_error(world: tuple[Path, pd.DataFrame]) -> None:
    def leave(path: str) -> np.ndarray:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="SystemExit") as error:
        directory_flow(world[0], ImageDataGenerator(), mask_loader=leave)
    assert any("mask_loader was given" in note for note in error.value.__notes__)


def test_images_without_partners_are_named(tmp_path: Path) -> None:
    table = write_pairs(tmp_path)
    (tmp_path / "masks" / "03.png").unlink()
    (tmp_path / "masks" / "07.png").rename(tmp_path / "masks" / "seven.png")
    with pytest.raises(ValueError, match=r"2 of 11 images have no mask.*'03\.png', '07\.png'"):
        directory_flow(tmp_path, ImageDataGenerator())
    with pytest.raises(FileNotFoundError, match=r"2 mask.*row 3: 'masks/03\.png'.*row 7"):
        ImageDataGenerator().flow_from_dataframe(table, tmp_path, y_col="mask", class_mode="mask")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageDataGenerator().flow_from_directory(
            tmp_path / "images", mask_directory=tmp_path / "nowhere"
        )


def test_masks_without_images_are_told(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    (tmp_path / "images" / "03.png").unlink()
    with pytest.warns(UserWarning, match=r"1 mask.* belong to no image.*'03\.png'"):
        directory_flow(tmp_path, ImageDataGenerator())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = ImageDataGenerator(validation_split=0.3)
        directory_flow(tmp_path, generator, subset="validation")


def test_a_folder_of_classes_is_paired_by_path(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        for number, name in enumerate(("a", "b")):
            (tmp_path / folder / name).mkdir(parents=True)
            value = np.full((6, 6), number + 1, np.uint8)
            Image.fromarray(value).save(tmp_path / folder / name / "same.png")
    flow = directory_flow(tmp_path, ImageDataGenerator(workers=0), shuffle=False, class_mode="mask")
    assert next(flow)[1][:, 0, 0, 0].tolist() == [1, 2]


def test_wrong_arguments(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    generator = ImageDataGenerator()

    def dataframe_flow(**arguments: Any) -> Any:
        given = {"y_col": "mask", "class_mode": "mask"}
        return generator.flow_from_dataframe(table, folder, **(given | arguments))

    with pytest.raises(ValueError, match="needs mask_directory="):
        generator.flow_from_directory(folder, class_mode="mask")
    with pytest.raises(ValueError, match=r'is for class_mode="mask"'):
        directory_flow(folder, generator, class_mode="sparse")
    with pytest.raises(ValueError, match=r"mask_fill=300 does not fit"):
        dataframe_flow(mask_fill=300)
    with pytest.raises(TypeError, match="mask_fill"):
        dataframe_flow(mask_fill=0.5)
    with pytest.raises(TypeError, match="mask_dtype"):
        dataframe_flow(mask_dtype="str")
    with pytest.raises(TypeError, match="mask_loader"):
        dataframe_flow(mask_loader="png")
    with pytest.raises(KeyError, match="nothing"):
        dataframe_flow(y_col="nothing")
    with pytest.raises(TypeError, match=r"row 2 of y_col='mask'.*Received: nan"):
        broken = table.assign(mask=[*table["mask"][:2], float("nan"), *table["mask"][3:]])
        generator.flow_from_dataframe(broken, folder, y_col="mask", class_mode="mask")
    with pytest.raises(ValueError, match="names no mask"):
        cells = [[] for _ in table["mask"]]
        generator.flow_from_dataframe(
            table.assign(mask=cells), folder, y_col="mask", class_mode="mask"
        )

    class Own(ImageDataGenerator):
        def apply_transform(self, x: Any, transform_parameters: Any) -> Any:
            return x

    with pytest.raises(ValueError, match=r"cannot follow the methods of .*Own"):
        directory_flow(folder, Own())


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    table = write_pairs(tmp_path)
    for name in ("02", "04"):
        mask = Image.open(tmp_path / "masks" / f"{name}.png")
        turned = name == "02"
        # Half the size is no mistake.
        other = mask.transpose(Image.Transpose.ROTATE_90) if turned else mask.reduce(1)
        other.save(tmp_path / "masks" / f"{name}.png")
    mask = Image.open(tmp_path / "masks" / "05.png")
    mask.resize((mask.width // 2, mask.height // 2), 0).save(tmp_path / "masks" / "05.png")
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table, tmp_path, y_col="mask", class_mode="mask", shuffle=False, batch_size=1
    )
    with pytest.raises(ValueError, match=r"02\.png.*42 x 32.*its image 32 x 42") as error:
        flow[2]
    assert "02.png" in error.value.__notes__[0]
    assert flow[5][1].any()


def test_jpeg_masks_are_warned_of(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    for mask in list((tmp_path / "masks").iterdir()):
        Image.open(mask).convert("L").save(mask.with_suffix(".jpg"))
        mask.unlink()
    with pytest.warns(UserWarning, match="11 mask.* are JPEG files"):
        directory_flow(tmp_path, ImageDataGenerator())


def test_a_broken_mask_can_be_left_out(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    (tmp_path / "masks" / "01.png").write_bytes(b"nothing")
    flow = directory_flow(tmp_path, ImageDataGenerator(workers=0), shuffle=False)
    with pytest.raises(ImageReadError, match=r"masks/01\.png"):
        next(flow)
    flow = directory_flow(tmp_path, ImageDataGenerator(workers=0), shuffle=False, on_error="skip")
    images, masks = next(flow)
    assert len(images) == len(masks) == 3
    np.testing.assert_array_equal(images, masks)


@pytest.mark.parametrize("workers", [0, 2])
def test_verify_reads_masks_too(tmp_path: Path, workers: int) -> None:
    write_pairs(tmp_path)
    flow = directory_flow(tmp_path, ImageDataGenerator(workers=0), shuffle=False)
    assert verify(flow, workers=workers).empty
    (tmp_path / "masks" / "01.png").write_bytes(b"nothing")
    (tmp_path / "masks" / "07.png").unlink()
    found = verify(flow, workers=workers)
    assert [Path(name).name for name in found["filename"]] == ["01.png", "07.png"]
    for reason, name in zip(found["reason"], ("01.png", "07.png"), strict=True):
        assert str(tmp_path / "masks" / name) in reason


def test_a_loader_may_meet_a_broken_mask_first(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    (tmp_path / "masks" / "00.png").write_bytes(b"nothing")
    arguments: Any = {"mask_loader": lambda path: np.asarray(Image.open(path)), "shuffle": False}
    with pytest.raises(OSError, match="cannot identify") as error:
        directory_flow(tmp_path, ImageDataGenerator(workers=0), **arguments)
    assert any("while trying mask_loader" in note for note in error.value.__notes__)
    generator = ImageDataGenerator(workers=0)
    flow = directory_flow(tmp_path, generator, on_error="skip", **arguments)
    images, masks = next(flow)
    assert len(images) == 3
    np.testing.assert_array_equal(images, masks)
    assert ["masks" in reason for reason in flow.bad_files.values()] == [True]


# The same batches everywhere.


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_equal_for_any_number_of_workers(
    world: tuple[Path, pd.DataFrame], shuffle: bool
) -> None:
    found = []
    for workers in (0, 1, 2, 5):
        generator = ImageDataGenerator(**MOVES, workers=workers, interpolation_order=0)
        with directory_flow(world[0], generator, shuffle=shuffle) as flow:
            batches = take(flow, 2 * len(flow))
            by_index = [flow[position] for position in (2, 0, 1)]
            found.append((signatures(batches), signatures(by_index)))
            for images, masks in batches:
                np.testing.assert_array_equal(images, masks)
    assert found[1:] == found[:1] * 3


def test_each_sample_is_there_once_an_epoch(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(23):
            value = np.full((5, 6), number, np.uint8)
            Image.fromarray(value).save(tmp_path / folder / f"{number}.png")
    with directory_flow(tmp_path, ImageDataGenerator(workers=2), batch_size=5) as flow:
        for _ in range(2):
            batches = take(flow, len(flow))
            masks = np.concatenate([batch[1][:, 0, 0, 0] for batch in batches])
            assert sorted(masks.tolist()) == list(range(23))


def test_a_copy_of_the_flow_goes_on(world: tuple[Path, pd.DataFrame]) -> None:
    flow = directory_flow(world[0], ImageDataGenerator(**MOVES, workers=0))
    next(flow)
    copied = pickle.loads(pickle.dumps(flow))
    assert signatures(take(copied, 3)) == signatures(take(flow, 3))


def test_a_cache_changes_nothing(world: tuple[Path, pd.DataFrame]) -> None:
    generator = ImageDataGenerator(**MOVES, workers=0)
    plain = take(directory_flow(world[0], generator), 6)
    with directory_flow(world[0], generator, cache="ram") as cached:
        assert signatures(take(cached, 6)) == signatures(plain)


def test_images_are_those_of_a_flow_without_masks(world: tuple[Path, pd.DataFrame]) -> None:
    generator = ImageDataGenerator(**MOVES, brightness_range=(0.5, 1.5), workers=0)
    with_masks = [images for images, _ in take(directory_flow(world[0], generator), 3)]
    without = generator.flow_from_directory(
        world[0],
        classes=["images"],
        class_mode=None,
        target_size=SIZE,
        color_mode="grayscale",
        batch_size=4,
        seed=3,
    )
    assert signatures(with_masks) == signatures(take(without, 3))


# Different numbers of masks.


def of_lengths(table: pd.DataFrame, lengths: list[int]) -> list[list[str]]:
    """Cells of so many masks each: the image's own, again and again."""
    names = table["mask"].tolist()
    return [[name] * length for name, length in zip(names, lengths, strict=True)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("fill", [None, 9])
def test_rows_with_fewer_masks_get_empty_ones(
    world: tuple[Path, pd.DataFrame],
    workers: int,
    fill: int | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, table = world
    lengths = [number % 4 for number in range(len(table))]
    generator = ImageDataGenerator(**MOVES, fill_mode="constant", workers=workers)
    given: dict[str, Any] = {
        "y_col": "mask", "class_mode": "mask", "target_size": SIZE, "batch_size": 4, "seed": 3,
        "shuffle": False, "mask_fill": fill, "keep_aspect_ratio": "pad",
    }  # fmt: skip
    single = generator.flow_from_dataframe(table, folder, **given)
    flow = generator.flow_from_dataframe(
        table.assign(mask=of_lengths(table, lengths)), folder, **given
    )
    assert "have 0 to 3 masks" in capsys.readouterr().out
    for start, (_, masks), (_, own) in zip(
        range(0, len(table), 4), take(flow, len(flow)), take(single, len(flow)), strict=True
    ):
        assert masks.shape == (len(own), *SIZE, 3) and masks.dtype == own.dtype
        for row, length in enumerate(lengths[start : start + 4]):
            for place in range(3):
                if place < length:
                    assert np.array_equal(masks[row, ..., place], own[row, ..., 0])
                else:
                    # Nothing but what has moved in from outside, as in every mask.
                    assert set(np.unique(masks[row, ..., place])) <= {0, fill or 0}
    flow.close()
    single.close()


def test_both_subsets_have_one_number_of_masks(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    lengths = [3] + [1] * (len(table) - 1)
    cells = of_lengths(table, lengths)
    table = table.assign(mask=[tuple(cell) for cell in cells])
    generator = ImageDataGenerator(validation_split=0.5, workers=0)
    for subset in ("training", "validation"):
        flow = generator.flow_from_dataframe(
            table, folder, y_col="mask", class_mode="mask", target_size=SIZE, subset=subset
        )
        assert next(flow)[1].shape[-1] == 3
        assert len(verify(flow, 0)) == 0
    assert isinstance(table["mask"][1], tuple) and len(table["mask"][1]) == 1


def test_a_loader_gets_lists_as_they_are(world: tuple[Path, pd.DataFrame]) -> None:
    folder, table = world
    cells = of_lengths(table, [1 + number % 3 for number in range(len(table))])

    def merged(paths: list[str]) -> np.ndarray:
        return np.max([read_mask(folder / path) for path in paths], axis=0)

    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table.assign(mask=cells), folder, y_col="mask", class_mode="mask", target_size=SIZE,
        mask_loader=merged,
    )  # fmt: skip
    assert next(flow)[1].shape[-1] == 1
