"""Every kind of flow: ``KINDS[name](folder, workers, seed)``, of a world by ``write_world``.

Classes and functions that go to the workers are made inside of functions, so that they travel by
value: a worker would have to import this module, and all that it needs, for one at its top.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from augflow import Boxes, ImageDataGenerator, flow_from_arrays, flow_from_csv, flow_from_loader
from tests.faults.batches import same
from tests.faults.world import read_table, write_world
from tests.flow_world import force_workers

__all__ = ["KINDS", "UNCACHED", "MakeFlow", "same", "write_world"]

MakeFlow = Callable[[Path, int, int], Any]

MOVES: dict[str, Any] = {
    "rotation_range": 25,
    "width_shift_range": 0.2,
    "shear_range": 12,
    "zoom_range": 0.3,
    "horizontal_flip": True,
}
_SIZE = (120, 112)
_BATCH = 8
_cache_numbers = itertools.count()


def _images(seed: int, **more: Any) -> dict[str, Any]:
    return {"target_size": _SIZE, "batch_size": _BATCH, "seed": seed, **more}


def directory(folder: Path, workers: int, seed: int, **more: Any) -> Any:
    """Class folders; ``more`` are arguments of the flow."""
    generator = ImageDataGenerator(**MOVES, channel_shift_range=20.0, workers=workers)
    return generator.flow_from_directory(folder / "images", **_images(seed, **more))


def dataframe(folder: Path, workers: int, seed: int, **more: Any) -> Any:
    """A table of images; ``more`` are arguments of the flow."""
    generator = ImageDataGenerator(**MOVES, rescale=1 / 255, workers=workers)
    return generator.flow_from_dataframe(
        read_table(folder), folder / "images", **_images(seed, **more)
    )


def weighted(folder: Path, workers: int, seed: int) -> Any:
    """Several targets, and weights."""
    return dataframe(
        folder,
        workers,
        seed,
        y_col=["number", "half"],
        class_mode="multi_output",
        weight_col="weight",
    )


def arrays(folder: Path, workers: int, seed: int) -> Any:
    """Images in memory, large enough for workers."""
    pixels = np.load(folder / "pixels.npy")
    generator = ImageDataGenerator(**MOVES, workers=workers)
    labels = np.arange(len(pixels))
    return force_workers(generator.flow(pixels, labels, batch_size=_BATCH, seed=seed))


def arrays_with_others(folder: Path, workers: int, seed: int) -> Any:
    """Images in memory and two other inputs, without targets."""
    pixels = np.load(folder / "pixels.npy")
    others = [np.arange(len(pixels)), np.linspace(0, 1, 3 * len(pixels)).reshape(-1, 3)]
    generator = ImageDataGenerator(**MOVES, samplewise_center=True, workers=workers)
    return force_workers(generator.flow((pixels, others), batch_size=_BATCH, seed=seed))


def loader(folder: Path, workers: int, seed: int) -> Any:
    """Volumes in .npz files, by a function that loads one and one that augments it."""

    def load(path: str) -> tuple[np.ndarray, np.ndarray]:
        with np.load(path) as file:
            return file["voxels"].astype("float32"), file["target"]

    def augment(sample: tuple[Any, Any], rng: np.random.Generator) -> tuple[Any, Any]:
        voxels, target = sample
        noise = rng.normal(0, 3, voxels.shape) + np.random.uniform()
        return (voxels[:, :: rng.choice([-1, 1])] + noise).astype("float32"), target

    paths = sorted(map(str, (folder / "volumes").iterdir()))
    return flow_from_loader(
        load, paths, augment=augment, batch_size=_BATCH, seed=seed, workers=workers
    )


def loader_skipping(folder: Path, workers: int, seed: int) -> Any:
    """Sounds of different lengths, each batch as long as its longest; some of them are missing."""

    def load(each: int) -> dict[str, Any]:
        if each % 7 == 3:
            raise FileNotFoundError(f"no sound {each}")
        sound = np.random.default_rng(each).normal(size=(200 + 37 * (each % 11), 8))
        return {"sound": sound.astype("float32"), "number": each}

    def augment(sample: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        return {**sample, "sound": sample["sound"][rng.integers(0, 60) :]}

    return flow_from_loader(
        load,
        range(59),
        {each: (each % 3, [each, -each]) for each in range(59)},
        augment=augment,
        pad={"sound": ("longest", None)},
        on_error="skip",
        batch_size=_BATCH,
        seed=seed,
        workers=workers,
    )


def csv_words(folder: Path, workers: int, seed: int) -> Any:
    """A short table of numbers and text, each batch parsed by itself."""

    def lengths(words: pd.Series) -> np.ndarray:
        filled = words.fillna("nothing")
        return np.stack([filled.str.len(), filled.str.count("e")], axis=1)

    return flow_from_csv(
        folder / "words.csv",
        {"word": "word", "numbers": ["row", "size"]},
        "grade",
        preprocess={"word": lengths},
        # More than half of the rows: so the whole is not parsed at once.
        batch_size=1600,
        shuffle=True,
        seed=seed,
        index_dir=folder / "caches",
        workers=workers,
    )


def csv_units(folder: Path, workers: int, seed: int) -> Any:
    """A long table, of which large pieces are parsed at once and cut into batches."""
    return flow_from_csv(
        folder / "long.csv",
        ["row", "c3", "c17"],
        "c23",
        batch_size=2_500,
        shuffle=True,
        seed=seed,
        index_dir=folder / "caches",
        workers=workers,
    )


def masks(folder: Path, workers: int, seed: int) -> Any:
    """Masks in a folder as targets."""
    return directory(
        folder, workers, seed, class_mode="mask", mask_directory=folder / "masks", color_mode="rgb"
    )


def boxes(folder: Path, workers: int, seed: int) -> Any:
    """Boxes and their labels as targets."""
    moving = Boxes("boxes", labels="labels", min_visibility=0.2)
    return dataframe(folder, workers, seed, class_mode=None, boxes=moving)


def user_function(folder: Path, workers: int, seed: int) -> Any:
    """A function of the user's that draws from ``np.random``."""
    generator = ImageDataGenerator(
        rotation_range=25,
        preprocessing_function=lambda image: image + np.random.normal(0, 8, image.shape),
        workers=workers,
    )
    return generator.flow_from_directory(folder / "images", **_images(seed))


def own_methods(folder: Path, workers: int, seed: int) -> Any:
    """A subclass of the generator with methods of its own."""

    class Own(ImageDataGenerator):
        def get_random_transform(self, img_shape: Any, seed: Any = None) -> Any:
            parameters = super().get_random_transform(img_shape, seed)
            return {**parameters, "theta": np.random.choice([0, 90, 180])}

        def standardize(self, x: Any) -> Any:
            return super().standardize(x) - np.random.uniform(0, 5)

    generator = Own(rotation_range=25, zoom_range=0.2, workers=workers)
    return generator.flow_from_directory(folder / "images", **_images(seed))


def augmentation(folder: Path, workers: int, seed: int) -> Any:
    """A function of the user's with a generator for each sample."""

    def speckled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.where(rng.random(image.shape) < 0.02, 255, image).astype(image.dtype)

    generator = ImageDataGenerator(rotation_range=25, augmentation=speckled, workers=workers)
    return generator.flow_from_directory(folder / "images", **_images(seed))


def cached_in_memory(folder: Path, workers: int, seed: int) -> Any:
    """Images that are decoded once, into memory."""
    return directory(folder, workers, seed, cache="ram")


def cached_in_folder(folder: Path, workers: int, seed: int) -> Any:
    """Images that are decoded once, into a folder: some flows share one, and find it filled."""
    where = folder / "caches" / f"images-{next(_cache_numbers) // 2}"
    return directory(folder, workers, seed, cache=where)


def extra_columns(folder: Path, workers: int, seed: int) -> Any:
    """An image and a row of a table."""
    return dataframe(
        folder,
        workers,
        seed,
        extra_cols={"table": ["number", "half"], "word": "word"},
        preprocess={"word": lambda words: [len(word) for word in words]},
        sampler="balanced",
    )


def skipping(folder: Path, workers: int, seed: int) -> Any:
    """A folder with broken files, which are left out."""
    generator = ImageDataGenerator(**MOVES, brightness_range=(0.7, 1.3), workers=workers)
    return generator.flow_from_directory(
        folder / "broken", **_images(seed, class_mode="sparse", on_error="skip")
    )


def rows_of_arrays(folder: Path, workers: int, seed: int) -> Any:
    """Rows of arrays, picked in the calling process: no workers, whatever is asked for."""
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    inputs = {"pixels": pixels, "number": np.arange(len(pixels))}
    return flow_from_arrays(inputs, np.arange(len(pixels)) % 3, batch_size=_BATCH, seed=seed)


KINDS: dict[str, MakeFlow] = {
    "directory": directory,
    "dataframe": weighted,
    "arrays": arrays,
    "arrays with others": arrays_with_others,
    "loader": loader,
    "loader skip": loader_skipping,
    "csv words": csv_words,
    "csv units": csv_units,
    "masks": masks,
    "boxes": boxes,
    "user function": user_function,
    "own methods": own_methods,
    "augmentation": augmentation,
    "class_mode input": lambda *where: directory(*where, class_mode="input"),
    "cache ram": cached_in_memory,
    "cache folder": cached_in_folder,
    "extra columns": extra_columns,
    "on_error skip": skipping,
    "rows of arrays": rows_of_arrays,
}
# What has the same batches as a kind with a cache, and keeps nothing.
UNCACHED: dict[str, str] = {"cache ram": "directory", "cache folder": "directory"}
