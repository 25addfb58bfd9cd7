"""Small volumes in files to measure with, and the functions that load them, on every side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.benchmarks.photos import make_once

SIDE = 32
DEFAULT_COUNT = 512


def write_volumes(folder: Path, count: int) -> None:
    """Smooth noise, as a scan might be, once compressed and once not."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = random.normal(size=(8, 8, 8)).astype("float32")
        volume = np.kron(coarse, np.ones((4, 4, 4), "float32"))
        volume += random.normal(scale=0.1, size=volume.shape).astype("float32").round(1)
        np.save(folder / f"{number}.npy", volume)
        np.savez_compressed(folder / f"{number}.npz", volume=volume)
        scan = (100 * volume + 1000).astype("int16")
        np.savez_compressed(folder / f"{number}-scan.npz", volume=scan)


def cached_volumes(count: int) -> Path:
    """The folder of so many volumes, in the system's temporary directory."""
    return make_once(f"volumes-{count}", lambda folder: write_volumes(folder, count))


def load_function(folder: str, load: str) -> Callable[[int], np.ndarray]:
    """What loads one volume by its number, (32, 32, 32), float32; ``load`` is one of ``LOADS``."""

    def decompress(number: int, kind: str = "") -> np.ndarray:
        with np.load(f"{folder}/{number}{kind}.npz") as file:
            volume: np.ndarray = file["volume"]
        return volume

    def normalise(number: int) -> np.ndarray:
        volume = decompress(number)
        normalised: np.ndarray = (volume - volume.mean()) / volume.std()
        return normalised

    def normalise_in_place(number: int) -> np.ndarray:
        volume = decompress(number)
        volume -= volume.mean()
        volume /= volume.std()
        return volume

    def normalise_scan(number: int) -> np.ndarray:
        volume = decompress(number, "-scan").astype("float32")
        normalised: np.ndarray = (volume - volume.mean()) / volume.std()
        return normalised

    def read(number: int) -> np.ndarray:
        volume: np.ndarray = np.load(f"{folder}/{number}.npy")
        return volume

    functions = (normalise, normalise_in_place, normalise_scan, read)
    return dict(zip(LOADS, functions, strict=True))[load]


# Each load, and how many times a PyDataset's best rate is wanted of augflow.
LOADS = {
    "real work": 1.7,
    "real work in place": 1.7,
    "real work on int16": 1.7,
    "no work": 1.0,
}
