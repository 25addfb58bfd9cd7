"""Folders of images for the examples, made from what scikit-learn ships: nothing to download."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images


def data_folder(given: Path | None, write: Callable[[Path], Any]) -> Path:
    """The user's own folder as it is; without one, a temporary folder with sample data.

    Args:
        given: the user's; nothing is ever written there.
        write: writes sample data into an empty folder.
    """
    if given is not None:
        return given
    folder = Path(tempfile.mkdtemp(prefix="augflow-"))
    write(folder)
    return folder


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: sample data would mix with what is there")


def write_digits(folder: Path) -> pd.DataFrame:
    """Write 1,797 scans of handwritten digits, 8 x 8 grey pixels each, as ``<digit>/<n>.png``.

    Args:
        folder: made if missing; must be empty.

    Returns:
        A table with the columns "file" (relative to ``folder``) and "digit" (a string).
    """
    _make_empty(folder)
    digits = load_digits()
    rows = []
    for number, (scan, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        file = Path(str(digit)) / f"{number:04d}.png"
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        # The scans have 17 levels, 0 to 16.
        Image.fromarray((scan * 255 / 16).astype(np.uint8)).save(folder / file)
        rows.append({"file": str(file), "digit": str(digit)})
    return pd.DataFrame(rows)


def write_photos(folder: Path, count: int) -> None:
    """Write random crops of two photographs as JPEGs into the class folders china and flower.

    Args:
        folder: made if missing; must be empty.
        count: number of files; each is 375 x 445 pixels (height x width).
    """
    _make_empty(folder)
    random = np.random.default_rng(0)
    photographs = dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    for number in range(count):
        class_name = ("china", "flower")[number % 2]
        photograph = photographs[class_name]
        top = random.integers(photograph.shape[0] - 375 + 1)
        left = random.integers(photograph.shape[1] - 445 + 1)
        crop = Image.fromarray(photograph[top : top + 375, left : left + 445])
        (folder / class_name).mkdir(parents=True, exist_ok=True)
        crop.save(folder / class_name / f"{number:04d}.jpg", quality=75)


def write_digit_scenes(folder: Path, count: int) -> None:
    """Write pictures of digits on photographs, and where the digits are.

    A scan of a digit, enlarged to 32 to 48 pixels, is painted over a 64 x 64 crop of a
    photograph in a random colour. ``images/<n>.jpg`` is the picture, ``masks/<n>.png`` a palette
    picture: 1 where the digit is, 0 elsewhere.

    Args:
        folder: made if missing; must be empty.
        count: number of pictures.
    """
    _make_empty(folder)
    random = np.random.default_rng(0)
    scans = load_digits().images
    photographs = load_sample_images().images
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        top = random.integers(photograph.shape[0] - 64)
        left = random.integers(photograph.shape[1] - 64)
        picture = photograph[top : top + 64, left : left + 64].copy()
        side = int(random.integers(32, 49))
        scan = Image.fromarray((scans[random.integers(len(scans))] * 15).astype(np.uint8))
        ink = np.asarray(scan.resize((side, side), Image.Resampling.BICUBIC)) > 120
        mask = np.zeros((64, 64), np.uint8)
        top, left = random.integers(64 - side + 1, size=2)
        mask[top : top + side, left : left + side] = ink
        picture[mask == 1] = random.integers(0, 256, 3)
        Image.fromarray(picture).save(folder / "images" / f"{number:04d}.jpg", quality=90)
        classes = Image.fromarray(mask)
        classes.putpalette([0, 0, 0, 255, 0, 0])
        classes.save(folder / "masks" / f"{number:04d}.png")
