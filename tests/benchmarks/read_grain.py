"""Grain's Dataset with worker processes, after its tutorials, and OpenCV's functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import cv2
import grain
import numpy as np

from tests.benchmarks.arrays import list_photos, photo_arrays, read_image
from tests.benchmarks.work import FULL_AFFINE, Contestant, Epochs, Work

# In each worker. The defaults, 16 and 500 batches, are for files on a network: 19 MB a batch.
READING = {"num_threads": 1, "prefetch_buffer_size": 2}


def load(contestant: Contestant) -> None:
    """Everything is imported with this module."""


def draw_matrix(stream: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A (2, 3) matrix of a random rotation, shear, zoom, shift and flip about the centre."""
    limits = FULL_AFFINE
    angle = math.radians(stream.uniform(-1, 1) * limits["rotation_range"])
    shear = math.radians(stream.uniform(-1, 1) * limits["shear_range"])
    zoom_x, zoom_y = 1 + stream.uniform(-1, 1, 2) * limits["zoom_range"]
    shift_x = stream.uniform(-1, 1) * limits["width_shift_range"] * width
    shift_y = stream.uniform(-1, 1) * limits["height_shift_range"] * height
    flip = -1 if stream.uniform() < 0.5 else 1
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = turn @ np.array([[1, -math.sin(shear)], [0, math.cos(shear)]])
    linear = linear @ np.diag([zoom_x * flip, zoom_y])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre - linear @ (centre - [shift_x, shift_y])
    return np.column_stack([linear, offset])


class Augment(grain.transforms.RandomMap):
    """From an index to an augmented image (height, width, 3), float32, 0 to 1; and its class."""

    def __init__(self, work: Work, in_memory: bool) -> None:
        self.work = work
        self.paths, self.classes = list_photos(work)
        self.images = photo_arrays(work)[0] if in_memory else None

    def random_map(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """See the class."""
        if self.images is None:
            image = read_image(self.paths[index], self.work)
        else:
            image = self.images[index]
        pixels = image.astype(np.float32)
        if self.work.augmented:
            pixels = cv2.warpAffine(
                pixels,
                draw_matrix(rng, *self.work.size),
                self.work.size[::-1],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        pixels *= 1 / 255
        return pixels, self.classes[index]


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """Epochs over the photographs: the dataset repeats, so that its workers stay."""
    cv2.setNumThreads(0)
    options = grain.multiprocessing.MultiprocessingOptions(num_workers=work.workers)
    batches = math.ceil(work.images / work.batch_size)
    dataset = (
        grain.MapDataset.range(work.images)
        .seed(0)
        .shuffle()
        .random_map(Augment(work, contestant.options.get("in_memory", False)))
        .batch(work.batch_size)
        .repeat()
        .to_iter_dataset(grain.ReadOptions(**READING))
        .mp_prefetch(options)
    )
    iterator: Any = iter(dataset)

    def read_epoch() -> Iterator[int]:
        for _ in range(batches):
            yield len(next(iterator)[0])

    return read_epoch
