"""What flows print, or log instead; and messages that point at what is meant."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from augflow import ImageDataGenerator, flow_from_csv, flow_from_loader
from augflow.base.shorten import shortened
from augflow.base.words import did_you_mean
from tests.flow_world import SAMPLES, SIZE, table_of, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


def make_flows(folder: Path, **settings: Any) -> None:
    generator = ImageDataGenerator(workers=0)
    settings = {"target_size": SIZE, "cache": "ram", **settings}
    generator.flow_from_directory(folder, **settings).close()
    generator.flow_from_dataframe(table_of(folder), folder, **settings).close()


def test_lines_are_printed_or_logged(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "augflow")
    make_flows(folder)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"Found {SAMPLES} images belonging to 2 classes."
    assert printed[2] == f"Found {SAMPLES} validated image filenames belonging to 2 classes."
    assert [line.split()[0] for line in printed] == ["Found", "Cache", "Found", "Cache"]
    assert caplog.messages == []
    make_flows(folder, verbose=False)
    output = capsys.readouterr()
    assert output.out == output.err == ""
    assert caplog.messages == printed
    assert {record.name for record in caplog.records} == {"augflow"}


def test_verbose_is_a_switch(folder: Path) -> None:
    with pytest.raises(TypeError, match="`verbose` must be a bool"):
        make_flows(folder, verbose="no")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"color_mode": "grey"}, "grayscale"),
        ({"color_mode": "RGB"}, "rgb"),
        ({"class_mode": "catagorical"}, "categorical"),
        ({"interpolation": "bilinea"}, "bilinear"),
        ({"subset": "val"}, "validation"),
        ({"subset": "train"}, "training"),
        ({"on_error": "skipp"}, "skip"),
        ({"sampler": "balance"}, "balanced"),
        ({"class_order": "nat"}, "natural"),
        ({"keep_aspect_ratio": "padd"}, "pad"),
    ],
    ids=str,
)
def test_a_mistyped_word(given: dict[str, Any], meant: str, folder: Path) -> None:
    generator = ImageDataGenerator(validation_split=0.5)
    for make in (
        lambda: generator.flow_from_directory(folder, **given),
        lambda: generator.flow_from_dataframe(table_of(folder), folder, **given),
    ):
        with pytest.raises(ValueError, match=f'Did you mean "{meant}"'):
            make()


def test_a_mistyped_word_of_the_generator() -> None:
    with pytest.raises(ValueError, match='Did you mean "nearest"'):
        ImageDataGenerator(fill_mode="nearst", zoom_range=0.1)
    with pytest.raises(ValueError, match='Did you mean "channels_last"'):
        ImageDataGenerator(data_format="channel_last")
    assert did_you_mean("quick", ["exact", "fast"]) == did_you_mean(3, ["a"]) == ""


@pytest.mark.parametrize("address", ["s3://bucket/pets", "https://example.org/pets"])
def test_an_address_without_fsspec(
    address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    needed = r"needs a package that is not installed.*keras-augflow\[store\]"
    with pytest.raises(ImportError, match=needed):
        ImageDataGenerator().flow_from_directory(address)
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table_of(folder), address, validate_filenames=False
    )
    with pytest.raises(ImportError, match=needed):
        next(flow)


def test_a_pipeline_in_the_wrong_place() -> None:
    albumentations = pytest.importorskip("albumentations")
    flip = albumentations.HorizontalFlip()
    for pipeline in (flip, albumentations.Compose([flip])):
        with pytest.raises(TypeError, match="give it as augmentation="):
            ImageDataGenerator(preprocessing_function=pipeline)
    ImageDataGenerator(preprocessing_function=lambda image: flip(image=image)["image"])


@pytest.mark.parametrize(("separator", "said"), [(";", "';'"), ("\t", r"'\\t'"), ("|", r"'\|'")])
def test_fields_separated_otherwise(separator: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(separator.join("abc") + "\n" + separator.join("123") + "\n")
    with pytest.raises(ValueError, match=rf"there is no column 'a'.*sep={said}"):
        flow_from_csv(path, x_cols=["a", "b"], y_cols="c")


def test_long_values_are_cut_in_messages() -> None:
    assert shortened([1, 2]) == "[1, 2]"
    assert len(shortened(list(range(100_000)))) < 300

    def fails(name: Any) -> float:
        raise ArithmeticError("on purpose")

    ids = [tuple(range(10_000)), (1,)]
    with pytest.raises(ArithmeticError) as caught:
        next(flow_from_loader(fails, ids, batch_size=1, shuffle=False, workers=0))
    assert all(len(note) < 400 for note in caught.value.__notes__)
    with pytest.raises(TypeError) as refused:
        flow_from_loader(float, ids, labels="x" * 10_000)
    assert len(str(refused.value)) < 500
