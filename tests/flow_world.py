"""A small folder of real images, and ways to tell batches apart, for tests of whole flows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.parity.images import crop

CLASSES = {"cat": ("chelsea", 11), "flower": ("flower", 8)}
SAMPLES = 19
SIZE = (20, 24)


def write_folder(folder: Path) -> Path:
    """Two class folders of 11 and 8 crops of photographs, as JPEG and PNG."""
    for name, (photo, count) in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = crop(photo, 700 + number, 26 + number % 5, 22 + number % 3)
            image.save(folder / name / f"{number:02d}.{'png' if number % 3 == 0 else 'jpg'}")
    return folder


def table_of(folder: Path) -> pd.DataFrame:
    """One row a file, in the order of the directory flow, with an own number in "id"."""
    names = [
        os.path.join(name, file) for name in CLASSES for file in sorted(os.listdir(folder / name))
    ]
    number = np.arange(len(names))
    return pd.DataFrame(
        {
            "filename": names,
            "class": [os.path.dirname(name) for name in names],
            "id": number.astype("float32"),
            "half": number.astype("float32") / 2,
            "weight": 1.0 + number % 4,
        }
    )


def numbered_images(samples: int, side: int = 4) -> np.ndarray:
    """float32 images (samples, side, side, 1); every pixel of an image is its number."""
    numbers = np.arange(samples, dtype="float32").reshape(samples, 1, 1, 1)
    return np.tile(numbers, (1, side, side, 1))


def signature(batch: Any) -> Any:
    """The whole content of a batch, comparable with ``==``: structure, dtypes, shapes, bytes.

    Of the bytes a digest, so that a failure can be read.
    """
    if isinstance(batch, tuple | list):
        return type(batch), tuple(signature(part) for part in batch)
    digest = hashlib.blake2b(batch.tobytes(), digest_size=8).hexdigest()
    return str(batch.dtype), batch.shape, digest


def signatures(batches: Iterable[Any]) -> list[Any]:
    """Signatures, taken after the last batch: one that was overwritten meanwhile shows."""
    return [signature(batch) for batch in list(batches)]


def take(flow: Any, count: int) -> list[Any]:
    """The next ``count`` batches."""
    return [next(flow) for _ in range(count)]


def force_workers(flow: Any) -> Any:
    """Let an array flow believe that its batches take long, so that it uses its workers."""
    flow._timings[:] = [1.0, 1.0, 1.0]
    return flow
