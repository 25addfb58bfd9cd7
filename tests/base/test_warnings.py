"""Warnings point at the line of the user that led to them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from augflow import ImageDataGenerator, flow_from_csv


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two images, and a table."""
    for number, name in enumerate(("cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png")):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(path)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    return tmp_path


def sizes(**settings: Any) -> dict[str, Any]:
    return {"target_size": (8, 8), "batch_size": 2, **settings}


def missing_file(folder: Path) -> None:
    table = pd.DataFrame({"filename": ["cat/0.png", "cat/9.png"], "class": ["a", "b"]})
    ImageDataGenerator().flow_from_dataframe(table, folder / "images", **sizes())


def row_without_label(folder: Path) -> None:
    table = pd.DataFrame({"filename": ["cat/0.png", "cat/1.png"], "class": ["a", None]})
    ImageDataGenerator().flow_from_dataframe(table, folder / "images", **sizes())


def broken_file(folder: Path) -> None:
    (folder / "images" / "dog" / "3.png").write_bytes(b"no image")
    flow = ImageDataGenerator(workers=0).flow_from_directory(
        folder / "images", **sizes(on_error="skip")
    )
    for _ in range(len(flow) + 1):
        next(flow)


def mask_without_image(folder: Path) -> None:
    Image.new("L", (8, 8)).save(folder / "images" / "cat" / "9.jpg")
    ImageDataGenerator().flow_from_directory(
        folder / "images",
        **sizes(class_mode="mask", mask_directory=folder / "images", formats=["png"]),
    )


def not_fitted(folder: Path) -> None:
    flow = ImageDataGenerator(featurewise_center=True, workers=0).flow(
        np.zeros((2, 8, 8, 3)), batch_size=2
    )
    next(flow)


def settings_that_contradict(folder: Path) -> None:
    ImageDataGenerator(zca_whitening=True)


def odd_channels(folder: Path) -> None:
    ImageDataGenerator().flow(np.zeros((2, 8, 8, 7)))


def no_place_for_an_index(folder: Path) -> None:
    (folder / "rows.csv.augflow-index.npz").mkdir()
    flow_from_csv(folder / "rows.csv", ["a"], "b")


CASES = [
    missing_file,
    row_without_label,
    broken_file,
    mask_without_image,
    not_fitted,
    settings_that_contradict,
    odd_channels,
    no_place_for_an_index,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_warnings_name_the_users_line(folder: Path, case: Callable[[Path], None]) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        case(folder)
    assert seen
    begin = case.__code__.co_firstlineno
    for warning in seen:
        assert warning.filename == __file__, warning
        assert begin < warning.lineno < begin + 9
