"""A folder of images that equal their masks, and a table of it, for tests of what moves along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

CLASSES = 5
SAMPLES = 11


def blocks(generator: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A mask of rectangles of classes 0 to 4: uint8 of shape (height, width)."""
    mask = np.zeros((height, width), np.uint8)
    for _ in range(8):
        top, left = generator.integers(0, height - 4), generator.integers(0, width - 4)
        bottom, right = top + generator.integers(3, height), left + generator.integers(3, width)
        mask[top:bottom, left:right] = generator.integers(0, CLASSES)
    return mask


def write_pairs(folder: Path, samples: int = SAMPLES) -> pd.DataFrame:
    """``images/NN.png`` (gray) and ``masks/NN.png`` (a palette), with the same values.

    Returns:
        A table with "filename" and "mask", relative to ``folder``, and one box and two points
        a row.
    """
    generator = np.random.default_rng(5)
    rows = []
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(samples):
        height, width = 30 + number, 44 - number
        mask = blocks(generator, height, width)
        Image.fromarray(mask).save(folder / "images" / f"{number:02d}.png")
        picture = Image.fromarray(mask)
        picture.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200, 90, 90, 90, 1, 2, 3])
        assert picture.mode == "P"
        picture.save(folder / "masks" / f"{number:02d}.png")
        rows.append(
            {
                "filename": f"images/{number:02d}.png",
                "mask": f"masks/{number:02d}.png",
                "boxes": [[4.0, 5.0, 20.0, 22.0], [10.0, 2.0, 14.0, 28.0]],
                "labels": [number % 3, 3],
                "points": [[4.0, 5.0], [19.0, 21.0]],
            }
        )
    return pd.DataFrame(rows)
