"""torch's DataLoader with albumentations, after albumentations' guide to speed."""

from __future__ import annotations

from collections.abc import Iterator

import albumentations
import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from tests.benchmarks.arrays import list_photos, photo_arrays, read_image
from tests.benchmarks.work import FULL_AFFINE, Contestant, Epochs, Work


def load(contestant: Contestant) -> None:
    """Everything is imported with this module."""


def make_transforms(work: Work) -> albumentations.Compose:
    """Augmentation of one uint8 image, and its scaling to 0 to 1, float32."""
    normalize = albumentations.Normalize(mean=(0, 0, 0), std=(1, 1, 1), max_pixel_value=255)
    if not work.augmented:
        return albumentations.Compose([normalize])
    zoom, shift = FULL_AFFINE["zoom_range"], FULL_AFFINE["width_shift_range"]
    angle, shear = FULL_AFFINE["rotation_range"], FULL_AFFINE["shear_range"]
    affine = albumentations.Affine(
        scale={"x": (1 - zoom, 1 + zoom), "y": (1 - zoom, 1 + zoom)},
        translate_percent={"x": (-shift, shift), "y": (-shift, shift)},
        rotate=(-angle, angle),
        shear={"x": (-shear, shear), "y": (0, 0)},
        interpolation=cv2.INTER_LINEAR,
        border_mode=cv2.BORDER_REPLICATE,
        p=1,
    )
    return albumentations.Compose([affine, albumentations.HorizontalFlip(p=0.5), normalize])


class Photos(Dataset):
    """One augmented photograph at a time, (height, width, 3), float32; and its class."""

    def __init__(self, work: Work, in_memory: bool) -> None:
        self.work = work
        self.transforms = make_transforms(work)
        self.paths, self.classes = list_photos(work)
        self.images = photo_arrays(work)[0] if in_memory else None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, float]:
        if self.images is None:
            image = read_image(self.paths[index], self.work)
        else:
            image = self.images[index]
        return self.transforms(image=image)["image"], self.classes[index]


def _begin_worker(number: int) -> None:
    cv2.setNumThreads(0)


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """The epochs of a DataLoader over the photographs."""
    torch.manual_seed(0)
    loader = DataLoader(
        Photos(work, contestant.options.get("in_memory", False)),
        batch_size=work.batch_size,
        shuffle=True,
        num_workers=work.workers,
        persistent_workers=work.workers > 0,
        worker_init_fn=_begin_worker,
    )

    def read_epoch() -> Iterator[int]:
        for images, _ in loader:
            yield len(images)

    return read_epoch
