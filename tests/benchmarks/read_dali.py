"""NVIDIA DALI's pipeline on the CPU, with its default settings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from nvidia.dali import fn, pipeline_def, types

from tests.benchmarks.work import FULL_AFFINE, Contestant, Epochs, Work

FILTERS = {"nearest": types.INTERP_NN, "bilinear": types.INTERP_LINEAR}


def load(contestant: Contestant) -> None:
    """Everything is imported with this module."""


def _within(limit: float, count: int = 1) -> Any:
    shape = [] if count == 1 else [count]
    return fn.random.uniform(range=[-limit, limit], shape=shape)


def _draw_matrix(work: Work) -> Any:
    centre = [work.side / 2, work.side / 2]
    shear = fn.cat(
        fn.reshape(_within(FULL_AFFINE["shear_range"]), shape=[1]), types.Constant([0.0])
    )
    matrix = fn.transforms.shear(angles=shear, center=centre)
    matrix = fn.transforms.rotation(
        matrix, angle=_within(FULL_AFFINE["rotation_range"]), center=centre
    )
    zoom = 1 + _within(FULL_AFFINE["zoom_range"], 2)
    matrix = fn.transforms.scale(matrix, scale=zoom, center=centre)
    shift = _within(FULL_AFFINE["width_shift_range"] * work.side, 2)
    return fn.transforms.translation(matrix, offset=shift)


@pipeline_def
def _photos(work: Work) -> Any:
    files, classes = fn.readers.file(
        file_root=str(work.make_folder()), random_shuffle=True, name="photos"
    )
    images = fn.decoders.image(files, device="cpu", output_type=types.RGB)
    images = fn.resize(
        images, size=list(work.size), interp_type=FILTERS[work.interpolation], antialias=False
    )
    mirror = 0
    if work.augmented:
        images = fn.warp_affine(images, matrix=_draw_matrix(work), fill_value=None)
        mirror = fn.random.coin_flip()
    images = fn.crop_mirror_normalize(
        images, mirror=mirror, std=[255.0], dtype=types.FLOAT, output_layout="HWC"
    )
    return images, classes


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """The epochs of a pipeline over the photographs."""
    pipeline = _photos(
        work, batch_size=work.batch_size, num_threads=work.workers, device_id=None, seed=0
    )
    pipeline.build()
    batches = math.ceil(work.images / work.batch_size)

    def read_epoch() -> Iterator[int]:
        for _ in range(batches):
            images, _ = pipeline.run()
            yield len(np.asarray(images.as_tensor()))

    return read_epoch
