"""formats=: further endings for a folder or a table, and functions of the user's that read them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import augflow
from augflow import ImageDataGenerator
from augflow.read.loaders import checked_formats, find_loader, loaders_of
from tests.flow_world import signature, signatures, take

SIZE = (8, 6)
MAGIC = b"SCAN"


def write_scan(path: Path, pixels: np.ndarray) -> None:
    """A format of nobody's: magic, height, width, then 16-bit gray."""
    path.write_bytes(MAGIC + struct.pack("<HH", *pixels.shape) + pixels.astype("<u2").tobytes())


def make_loader() -> Callable[[str], np.ndarray]:
    # Made by a function, so that it travels to the workers by value.
    def load_scan(path: str) -> np.ndarray:
        import struct

        import numpy

        with open(path, "rb") as file:
            data = file.read()
        if data[:4] != b"SCAN":
            raise ValueError("no scan")
        height, width = struct.unpack("<HH", data[4:8])
        return numpy.frombuffer(data, "<u2", offset=8).reshape(height, width)

    return load_scan


load_scan = make_loader()


def scans(count: int = 9) -> list[np.ndarray]:
    stream = np.random.default_rng(3)
    return [stream.integers(0, 65536, (11, 14 + number % 3)) for number in range(count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    for number, pixels in enumerate(scans()):
        home = folder / ("ill" if number % 2 else "well")
        home.mkdir(parents=True, exist_ok=True)
        # Endings are compared in lower case.
        write_scan(home / f"{number}.{'SCN' if number == 4 else 'scn'}", pixels)
    return folder


def make_flow(folder: Path, workers: int = 0, generator: Any = None, **options: Any) -> Any:
    generator = generator or ImageDataGenerator(
        workers=workers, rotation_range=20, horizontal_flip=True
    )
    settings: dict[str, Any] = {
        "target_size": SIZE,
        "color_mode": "unchanged",
        "class_mode": "sparse",
        "batch_size": 4,
        "seed": 2,
        "formats": {".scn": load_scan},
    }
    return generator.flow_from_directory(folder, **(settings | options))


def test_values_by_a_function(folder: Path) -> None:
    plain = ImageDataGenerator(workers=0)
    with make_flow(folder, generator=plain, shuffle=False, batch_size=9) as flow:
        assert flow.class_indices == {"ill": 0, "well": 1}
        assert flow.filenames[0] == "ill/1.scn" and "well/4.SCN" in flow.filenames
        images, labels = next(flow)
    assert labels.tolist() == [0] * 4 + [1] * 5
    order = [1, 3, 5, 7, 0, 2, 4, 6, 8]
    for image, number in zip(images, order, strict=True):
        pixels = Image.fromarray(scans()[number].astype("i4"))
        wanted = np.asarray(pixels.resize(SIZE[::-1], Image.Resampling.NEAREST))
        np.testing.assert_array_equal(image[:, :, 0], wanted)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_run_it(folder: Path, workers: int) -> None:
    with make_flow(folder) as flow:
        wanted = signatures(take(flow, 6))
    with make_flow(folder, workers) as flow, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", fail)
        assert signatures(take(flow, 6)) == wanted
    with make_flow(folder, workers) as flow:
        assert signature(flow[2]) == wanted[2]


def fail(*arguments: Any, **options: Any) -> None:
    raise AssertionError(f"warned: {arguments}")


def test_tables(folder: Path) -> None:
    names = sorted(str(path) for path in folder.rglob("*.scn"))
    table = pd.DataFrame({"filename": [*names, str(folder / "gone.scn")], "class": "a"})
    generator = ImageDataGenerator(workers=0)
    with pytest.warns(UserWarning, match="Found 1 invalid"):
        flow = generator.flow_from_dataframe(
            table,
            target_size=SIZE,
            color_mode="unchanged",
            class_mode="sparse",
            formats={".scn": load_scan},
        )
    assert flow.filenames == names and next(flow)[0].shape == (len(names), *SIZE, 1)
    with pytest.raises(ValueError, match=r"scn|no images|holds"):
        make_flow(folder, formats=None)


def test_npy_and_other_endings(tmp_path: Path) -> None:
    stream = np.random.default_rng(1)
    images = [stream.integers(0, 256, (9, 9, 3), dtype="u1") for _ in range(3)]
    np.save(tmp_path / "0.npy", images[0])
    Image.fromarray(images[1]).save(tmp_path / "1.webp", lossless=True)
    Image.fromarray(images[2]).save(tmp_path / "2.png")
    for formats in ([".npy", "webp"], (".NPY", ".webp"), {".npy": None, "webp": None}):
        with make_flow(
            tmp_path,
            generator=ImageDataGenerator(workers=0),
            formats=formats,
            color_mode="rgb",
            class_mode=None,
            target_size=(9, 9),
            shuffle=False,
        ) as flow:
            assert flow.white_list_formats[-2:] == (".npy", ".webp")
            np.testing.assert_array_equal(next(flow), np.stack(images).astype("f4"))
    with make_flow(tmp_path, formats=None, color_mode="rgb", class_mode=None) as flow:
        assert flow.filenames == ["2.png"]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_arrays_of_8_bits_become_the_color_mode(
    tmp_path: Path, mode: str, color_mode: str, interpolation: str
) -> None:
    """An array gives what a PNG of the same pixels gives."""
    stream = np.random.default_rng(1)
    alone = np.full((13, 17), 255, "u1")
    image = Image.merge(
        "RGBA",
        [Image.fromarray(stream.integers(0, 256, (13, 17), dtype="u1")) for _ in "RGB"]
        + [Image.fromarray(alone)],
    ).convert(mode)
    (tmp_path / "png").mkdir()
    (tmp_path / "npy").mkdir()
    image.save(tmp_path / "png" / "a.png")
    np.save(tmp_path / "npy" / "a.npy", np.asarray(image))
    batches = []
    for name in ("png", "npy"):
        with make_flow(
            tmp_path / name,
            generator=ImageDataGenerator(workers=0),
            formats=[".npy"],
            color_mode=color_mode,
            class_mode=None,
            interpolation=interpolation,
        ) as flow:
            batches.append(next(flow))
    tolerance = 1 if (color_mode, mode, interpolation) == ("grayscale", "RGBA", "bilinear") else 0
    np.testing.assert_allclose(batches[1], batches[0], atol=tolerance)


def test_deep_gray_for_a_model_of_three_channels(folder: Path) -> None:
    with make_flow(folder, color_mode="rgb") as three, make_flow(folder) as one:
        wanted = np.repeat(next(one)[0], 3, axis=3)
        np.testing.assert_allclose(next(three)[0], wanted, atol=0.02)
    with make_flow(folder, color_mode="grayscale") as gray, make_flow(folder) as one:
        np.testing.assert_array_equal(next(gray)[0], next(one)[0])


def test_the_ram_cache_keeps_them(folder: Path) -> None:
    calls: list[str] = []

    def counting(path: str) -> np.ndarray:
        calls.append(path)
        return load_scan(path)

    with make_flow(folder) as flow:
        wanted = signatures(take(flow, 6))
    with make_flow(folder, formats={".scn": counting}, cache="ram") as flow:
        assert signatures(take(flow, 6)) == wanted
        # Each file once, and the first one also to see what it is.
        assert len(calls) == 10
        # A flow with the same function shares the cache, one with another does not.
        with make_flow(folder, formats={".scn": counting}, cache="ram") as same:
            take(same, 3)
            assert len(calls) == 11
        doubled = {".scn": lambda path: load_scan(path) // 2}
        with make_flow(folder, formats=doubled, cache="ram") as other:
            images, _ = next(other)
            assert other.cache_info().cached == 4 and len(images) == 4


def test_a_directory_cache_is_declined(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"load_scan' of formats\['.scn'\].*cache=\"ram\""):
        make_flow(folder, cache=tmp_path / "cache")


@pytest.mark.parametrize("workers", [0, 2])
def test_its_errors_keep_their_type_and_name_the_file(folder: Path, workers: int) -> None:
    (folder / "well" / "2.scn").write_bytes(b"something else")
    for on_error in ("raise", "skip"):
        with make_flow(folder, workers, on_error=on_error, shuffle=False) as flow:
            with pytest.raises(ValueError, match="no scan") as caught:
                take(flow, 3)
            assert any("2.scn" in note for note in caught.value.__notes__)
            found = augflow.verify(flow, workers=workers)
            assert found.to_dict("records") == [
                {"filename": "well/2.scn", "reason": "ValueError: no scan"}
            ]


def test_an_error_while_a_flow_is_made_names_the_file(folder: Path) -> None:
    for path in [*(folder / "ill").iterdir(), *(folder / "well").iterdir()]:
        path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no scan") as caught:
        make_flow(folder, on_error="skip")
    assert any("ill" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("workers", [0, 2])
def test_it_can_say_that_a_file_is_broken(folder: Path, workers: int) -> None:
    def load(path: str) -> np.ndarray:
        if path.endswith("2.scn"):
            raise augflow.ImageReadError(path, "a scan of nothing")
        return load_scan(path)

    with make_flow(folder, workers, formats={"scn": load}, on_error="skip") as flow:
        with pytest.warns(UserWarning, match="a scan of nothing"):
            assert sum(len(labels) for _, labels in take(flow, 3)) == 8
        assert list(flow.bad_files.values()) == ["a scan of nothing"]


@pytest.mark.parametrize("value", [None, np.zeros(3), np.zeros((2, 2, 2, 2)), "text", [["a"]]])
def test_what_is_no_image_is_said(folder: Path, value: Any) -> None:
    with pytest.raises(TypeError, match=r"formats\['.scn'\] did not give an image for '.*scn'"):
        make_flow(folder, formats={".scn": lambda path: value})


def test_what_may_be_returned(folder: Path) -> None:
    for value, shape in (
        ([[1, 2], [3, 4]], (1,)),
        (Image.new("RGB", (4, 4)), (3,)),
        (np.zeros((3, 3, 9), bool), (9,)),
        (np.asfortranarray(np.zeros((5, 4, 2), ">f4"))[::-1], (2,)),
    ):
        with make_flow(folder, formats={".scn": lambda path, value=value: value}) as flow:
            assert next(flow)[0].shape == (4, *SIZE, *shape)


def test_a_function_that_cannot_travel(folder: Path) -> None:
    with open(folder / "ill" / "1.scn", "rb") as file:

        def load(path: str) -> np.ndarray:
            assert file
            return load_scan(path)

        with (
            make_flow(folder, 2, formats={".scn": load}) as flow,
            pytest.warns(UserWarning, match=r"formats\['.scn'\] cannot be pickled"),
        ):
            take(flow, 3)


def test_the_longest_ending_wins() -> None:
    def one(path: str) -> None: ...
    def two(path: str) -> None: ...
    def rest(path: str) -> None: ...

    loaders = loaders_of(checked_formats({"gz": one, ".nii.gz": two, "": rest, ".npy": None}))
    found = {
        path: getattr(find_loader(path, loaders), "function", None)
        for path in ("a.NII.GZ", "a.csv.gz", "IM0001", "a.jpg")
    }
    assert found == {"a.NII.GZ": two, "a.csv.gz": one, "IM0001": rest, "a.jpg": rest}
    assert find_loader("a.npy", loaders_of(checked_formats({".npy": None}))) is None


def test_loaders_are_equal_by_their_function() -> None:
    one, two = make_loader(), make_loader()
    assert loaders_of({".a": one}) == loaders_of({".a": one})
    assert hash(loaders_of({".a": one})) == hash(loaders_of({".a": one}))
    assert loaders_of({".a": one}) != loaders_of({".a": two})
    assert loaders_of({".a": one}) != loaders_of({".b": one})


def test_files_without_an_ending(tmp_path: Path) -> None:
    for number, pixels in enumerate(scans(3)):
        write_scan(tmp_path / f"IM{number:04d}", pixels)
    with make_flow(tmp_path, formats={"": load_scan}, class_mode=None) as flow:
        assert flow.filenames == ["IM0000", "IM0001", "IM0002"]
        assert next(flow).shape == (3, *SIZE, 1)


@pytest.mark.parametrize("formats", [".npy", 3, {".npy": "load"}, [1], {1: None}, load_scan])
def test_what_formats_takes(folder: Path, formats: Any) -> None:
    with pytest.raises(TypeError, match="`formats` must be"):
        make_flow(folder, formats=formats)
