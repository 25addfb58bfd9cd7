"""The jobs of each section: who is measured, doing what work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.benchmarks.contestants import (
    AUGFLOW_CACHED,
    AUGFLOW_CACHED_FIT,
    AUGFLOW_CSV,
    AUGFLOW_CSV_CACHED,
    AUGFLOW_CSV_SHUFFLED,
    AUGFLOW_FAST,
    AUGFLOW_FIT,
    AUGFLOW_FIT_THREADS,
    AUGFLOW_LOADER,
    AUGFLOW_NEXT,
    CSV_PEERS,
    DALI,
    GRAIN,
    KERAS_FIT,
    KERAS_NEXT,
    LIMIT,
    LOADER_PYDATASET,
    LOADER_TORCH,
    TF_DATA,
    TORCH_LOADER,
    TRAINING_ALONE,
)
from tests.benchmarks.photos import CAMERA, IMAGENET
from tests.benchmarks.volumes import LOADS
from tests.benchmarks.work import Contestant, Job, Work

CSV_BATCHES = (250, 4096)
PEERS = (KERAS_NEXT, TF_DATA, TORCH_LOADER, GRAIN, DALI)


@dataclass(frozen=True)
class Scale:
    """How much to measure, from the command line."""

    images: int
    imagenet_images: int
    camera_images: int
    memory_images: int
    small_images: int
    files: int
    csv_rows: int
    volumes: int
    epochs: int
    workers: int
    cores: int

    @property
    def work(self) -> Work:
        """The usual work: 224 x 224, batches of 32, full affine, 25 KB photographs."""
        return Work(images=self.images, workers=self.workers, cores=self.cores)


def rates(*contestants: Contestant) -> Callable[[Scale], list[Job]]:
    return lambda scale: [Job("rate", each.key, scale.work) for each in contestants]


def jobs_of_fit(scale: Scale) -> list[Job]:
    contestants = (
        AUGFLOW_FIT,
        AUGFLOW_FIT_THREADS,
        AUGFLOW_CACHED_FIT,
        *KERAS_FIT,
        TF_DATA,
        TRAINING_ALONE,
    )
    fits = [Job("fit", each.key, scale.work) for each in contestants]
    return [*fits, Job("rate", AUGFLOW_FIT.key, scale.work)]


def jobs_of_workers(scale: Scale) -> list[Job]:
    counts = sorted({0, 1, 2, scale.workers, 2 * scale.workers})
    return [
        Job("rate", each.key, replace(scale.work, workers=count))
        for each in (AUGFLOW_NEXT, TORCH_LOADER)
        for count in counts
    ]


def jobs_of_batches(scale: Scale) -> list[Job]:
    return [
        Job("rate", each.key, replace(scale.work, batch_size=size))
        for size in (8, 32, 128, 512)
        for each in (AUGFLOW_NEXT, KERAS_NEXT, TORCH_LOADER)
    ]


def jobs_of_sides(scale: Scale) -> list[Job]:
    return [
        Job("rate", each.key, replace(scale.work, side=side))
        for side in (64, 128, 224, 384)
        for each in (AUGFLOW_NEXT, KERAS_NEXT, TORCH_LOADER)
    ]


def jobs_of_flows(scale: Scale) -> list[Job]:
    return [
        Job("rate", each.key, replace(scale.work, images=scale.memory_images, flows=flows))
        for flows in (1, 2, 8)
        for each in (AUGFLOW_NEXT, KERAS_NEXT)
    ]


def jobs_of_photos(scale: Scale) -> list[Job]:
    imagenet = replace(scale.work, photos=IMAGENET.name, images=scale.imagenet_images)
    camera = replace(scale.work, photos=CAMERA.name, images=scale.camera_images)
    per_core = replace(camera, workers=1, interpolation="bilinear")
    contestants = (AUGFLOW_NEXT, AUGFLOW_FAST, *PEERS, KERAS_FIT[1], LIMIT)
    return [
        *(Job("rate", each.key, work) for work in (imagenet, camera) for each in contestants),
        *(Job("rate", each.key, per_core) for each in (AUGFLOW_NEXT, AUGFLOW_FAST, KERAS_NEXT)),
    ]


def jobs_of_filters(scale: Scale) -> list[Job]:
    return [
        Job("rate", each.key, replace(scale.work, interpolation=interpolation, side=side))
        for interpolation in ("bilinear", "lanczos")
        for side in (128, 224)
        for each in (AUGFLOW_NEXT, KERAS_NEXT)
    ]


def jobs_of_memory(scale: Scale) -> list[Job]:
    work = replace(scale.work, images=scale.memory_images, epochs=scale.epochs)
    contestants = (AUGFLOW_NEXT, AUGFLOW_FIT, AUGFLOW_CACHED, *PEERS)
    return [Job("memory", each.key, work) for each in contestants]


def jobs_of_scans(scale: Scale) -> list[Job]:
    work = replace(scale.work, images=scale.files)
    folder = [Job("scan_folder", each.key, work) for each in (AUGFLOW_NEXT, KERAS_NEXT, TF_DATA)]
    return [*folder, *(Job("scan_table", each.key, work) for each in (AUGFLOW_NEXT, KERAS_NEXT))]


def jobs_of_small(scale: Scale) -> list[Job]:
    work = replace(scale.work, images=scale.small_images, side=32)
    return [
        Job("small_arrays", AUGFLOW_NEXT.key, replace(work, workers=0)),
        Job("small_arrays", AUGFLOW_NEXT.key, work),
        Job("small_arrays", KERAS_NEXT.key, work),
    ]


def jobs_of_csv(scale: Scale) -> list[Job]:
    contestants = (AUGFLOW_CSV, AUGFLOW_CSV_SHUFFLED, AUGFLOW_CSV_CACHED, *CSV_PEERS)
    return [
        Job("rows", each.key, replace(work, batch_size=size))
        for work in csv_works(scale)
        for size in CSV_BATCHES
        for each in contestants
    ]


def csv_works(scale: Scale) -> tuple[Work, ...]:
    """Files of two columns, and of eleven with about as many bytes."""
    few = replace(scale.work, images=scale.csv_rows, columns=2)
    return few, replace(few, images=max(1, scale.csv_rows // 4), columns=11)


def jobs_of_loader(scale: Scale) -> list[Job]:
    return [
        Job("volumes", each.key, replace(scale.work, images=scale.volumes, load=load))
        for load in LOADS
        for each in (AUGFLOW_LOADER, *LOADER_PYDATASET, LOADER_TORCH)
    ]
