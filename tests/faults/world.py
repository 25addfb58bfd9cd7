"""A small world of real data, on which a worker needs some milliseconds for a batch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from tests.parity.images import crop

PHOTOS = ("astronaut", "chelsea", "coffee")
IMAGES_A_CLASS = 14
VOLUMES = 30
# Numbers of the images, in the order of a folder flow, that are broken in the copy of the folder.
BROKEN = (3, 11, 12, 30)

_WORDS = ("red", "green", "", "blue", "a rather long word", '"quoted, with a comma"')
_TEXT_ROWS = 3_000
# Long enough that a CSV flow parses it in several units.
_LONG_ROWS = 40_000
_LONG_COLUMNS = 24


def write_world(folder: Path) -> Path:
    """Write what all kinds of flows read: the same files, byte by byte, each time.

    ``images/CLASS/NN.jpg`` and ``.png``; ``broken``, the same with some files that are none;
    ``masks`` of the same names; ``pixels.npy``, the images as one array; ``table.json``, a row for
    each image; ``volumes/NN.npz``; ``words.csv`` and ``long.csv``; ``caches``, empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = _write_images(folder)
    shutil.copytree(folder / "images", folder / "broken")
    for number in BROKEN:
        path = folder / "broken" / names[number]
        path.write_bytes(path.read_bytes()[: 400 * (number % 2)])
    _write_table(folder, names)
    _write_volumes(folder / "volumes")
    _write_words(folder / "words.csv")
    _write_long(folder / "long.csv")
    (folder / "caches").mkdir()
    return folder


def _write_images(folder: Path) -> list[str]:
    names, pixels = [], []
    for photo in PHOTOS:
        (folder / "images" / photo).mkdir(parents=True)
        (folder / "masks" / photo).mkdir(parents=True)
        for number in range(IMAGES_A_CLASS):
            image = crop(photo, 40 + number, 120 + number % 5, 110 + number % 3)
            stem = f"{photo}/{number:02d}"
            names.append(f"{stem}.{'png' if number % 4 == 0 else 'jpg'}")
            image.save(folder / "images" / names[-1])
            levels = np.asarray(image.convert("L"))
            Image.fromarray(levels // 52).save(folder / "masks" / f"{stem}.png")
            pixels.append(np.asarray(image.resize((160, 160))))
    np.save(folder / "pixels.npy", np.stack(pixels).astype("float32"))
    return names


def _write_table(folder: Path, names: list[str]) -> None:
    rows = [
        {
            "filename": name,
            "class": name.split("/")[0],
            "number": number,
            "half": number / 2,
            "weight": 1.0 + number % 4,
            "word": _WORDS[number % 4],
            # As many as the number says, so that padding and dropped boxes play a part.
            "boxes": [[5.0 * k, 8.0 * k, 30 + 9.0 * k, 40 + 6.0 * k] for k in range(number % 4)],
            "labels": [number % 5 + k for k in range(number % 4)],
        }
        for number, name in enumerate(names)
    ]
    (folder / "table.json").write_text(json.dumps(rows))


def read_table(folder: Path) -> pd.DataFrame:
    """The table of the images: names, classes, numbers, boxes."""
    return pd.DataFrame(json.loads((folder / "table.json").read_text()))


def _write_volumes(folder: Path) -> None:
    folder.mkdir()
    for number in range(VOLUMES):
        voxels = np.stack(
            [
                np.asarray(crop("coffee", 500 + number + depth, 40, 40).convert("L"))
                for depth in range(24)
            ]
        )
        np.savez(folder / f"{number:02d}.npz", voxels=voxels, target=np.float32(number))


def _write_words(path: Path) -> None:
    lines = [
        f"{row},{row * 7 % 1000 / 8},{'' if row % 97 == 0 else row % 13},{_WORDS[row % 6]}\n"
        for row in range(_TEXT_ROWS)
    ]
    path.write_text("row,size,grade,word\n" + "".join(lines))


def _write_long(path: Path) -> None:
    numbers = np.random.RandomState(9).normal(0, 100, (400, _LONG_COLUMNS))
    tails = [",".join(f"{number:.5f}" for number in row) for row in numbers]
    head = "row," + ",".join(f"c{column}" for column in range(_LONG_COLUMNS))
    lines = (f"{row},{tails[row % len(tails)]}\n" for row in range(_LONG_ROWS))
    with open(path, "w") as file:
        file.write(head + "\n")
        file.writelines(lines)
