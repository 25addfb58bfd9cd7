"""``augflow preview`` and ``augflow bench``: options from the signature, pictures, numbers."""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow import ImageDataGenerator
from augflow.command.generator_options import add_generator_options, generator_settings
from augflow.command.main import main
from tests.doctor import clinic


def settings_of(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_generator_options(parser)
    return generator_settings(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("", {}),
        ("--rotation-range 20", {"rotation_range": 20}),
        ("--zoom-range 0.2", {"zoom_range": 0.2}),
        ("--zoom-range 0.8 1.2", {"zoom_range": (0.8, 1.2)}),
        ("--width-shift-range 3", {"width_shift_range": 3}),
        ("--height-shift-range 3.0", {"height_shift_range": 3.0}),
        ("--width-shift-range -5 5", {"width_shift_range": [-5, 5]}),
        (
            "--horizontal-flip --fill-mode reflect",
            {"horizontal_flip": True, "fill_mode": "reflect"},
        ),
        ("--interpolation-order 3 --cval 7", {"interpolation_order": 3, "cval": 7}),
    ],
)
def test_options(words: str, settings: dict[str, Any]) -> None:
    found = settings_of(*words.split())
    assert found == settings
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in settings.items()
    }
    ImageDataGenerator(**found)


def test_each_argument_has_an_option_or_a_reason() -> None:
    parser = argparse.ArgumentParser()
    add_generator_options(parser)
    options = {action.dest: action.help for action in parser._actions}
    named = set(inspect.signature(ImageDataGenerator).parameters) & set(options)
    assert len(named) == 12
    assert all(options[name] for name in named)


def test_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = clinic.clean_folder(tmp_path / "data")
    out = tmp_path / "out.png"
    words = ["preview", str(folder), "-o", str(out), "--target-size", "20", "30"]
    assert main([*words, "--images", "3", "--draws", "2", "--vertical-flip"]) == 0
    assert "3 images, each followed by 2 draws" in capsys.readouterr().out
    grid = np.asarray(Image.open(out))
    assert grid.shape == (3 * 24 + 4, 3 * 34 + 8, 3)
    original = grid[4:24, 4:34]
    with Image.open(folder / "train/cat/0.jpg") as image:
        wanted = np.asarray(image.resize((30, 20), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(original, wanted)
    for left in (42, 76):
        draw = grid[4:24, left : left + 30]
        assert any((draw == one).all() for one in (original, original[::-1]))


def test_a_folder_of_samples(tmp_path: Path) -> None:
    folder, out = clinic.clean_folder(tmp_path / "data"), tmp_path / "out"
    assert main(["preview", str(folder), "-o", str(out), "--images", "2", "--draws", "2"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "train_cat_0_1.png",
        "train_cat_0_2.png",
        "train_cat_0_original.png",
        "val_owl_7_1.png",
        "val_owl_7_2.png",
        "val_owl_7_original.png",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--zoom-range", "1", "2", "3"], "--zoom-range takes one number or two"),
        (["--images", "0"], "--images must be at least 1"),
        (["--fill-mode", "mirrored", "--rotation-range", "9"], "fill_mode"),
    ],
)
def test_what_cannot_be_drawn(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clinic.clean_masks(tmp_path)
    assert main(["preview", str(folder), "-o", str(tmp_path / "out.png"), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
def test_keras_beside_augflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("keras")
    folder = clinic.clean_folder(tmp_path)
    words = ["bench", str(folder), "--rounds", "1", "--seconds", "0.2", "--rotation-range", "9"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == {"rescale": 1 / 255, "rotation_range": 9}
    assert set(found["images_per_second"]) == {"keras", "augflow"} and found["ratio"] > 0
    assert main(words) == 0
    assert "times as fast" in capsys.readouterr().out
    assert main([*words, "--rounds", "0"]) == 2
