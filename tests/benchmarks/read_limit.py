"""The limit that nobody can pass: worker processes that only read and decode."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.arrays import list_photos
from tests.benchmarks.work import Contestant, Epochs, Work


def load(contestant: Contestant) -> None:
    """Everything is imported with this module."""


def _decode_with_opencv(paths: list[str]) -> int:
    for path in paths:
        encoded = np.frombuffer(Path(path).read_bytes(), np.uint8)
        cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    return len(paths)


def _decode_with_simplejpeg(paths: list[str]) -> int:
    import simplejpeg

    for path in paths:
        simplejpeg.decode_jpeg(Path(path).read_bytes())
    return len(paths)


DECODERS: dict[str, Callable[[list[str]], int]] = {
    "cv2": _decode_with_opencv,
    "simplejpeg": _decode_with_simplejpeg,
}


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """Epochs over the files, in pieces of a batch's size; the pixels are thrown away."""
    decode = DECODERS[contestant.options["decoder"]]
    paths, _ = list_photos(work)
    size = work.batch_size
    pieces = [paths[start : start + size] for start in range(0, len(paths), size)]
    pool: Any = multiprocessing.get_context("spawn").Pool(
        max(1, work.workers), initializer=cv2.setNumThreads, initargs=(0,)
    )

    def read_epoch() -> Iterator[int]:
        yield from pool.imap_unordered(decode, pieces)

    return read_epoch
