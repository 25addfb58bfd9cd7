"""What is measured: the work, and the job of one contestant doing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.benchmarks.photos import DEFAULT_COUNT, KINDS, SMALL, cached_photos

# The arguments of ImageDataGenerator; the peers do what comes nearest.
FULL_AFFINE = {
    "rotation_range": 20,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 20,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "rescale": 1 / 255,
}
WITHOUT_AUGMENTATION = {"rescale": 1 / 255}


@dataclass(frozen=True)
class Work:
    """What a contestant has to do.

    Attributes:
        photos: the name of a ``PhotoKind``.
        images: photographs in the folder, arrays in memory, files to scan for, rows, or
            volumes.
        side: height and width of the images in the batches, in pixels.
        batch_size: images a batch.
        workers: worker processes or threads, where the contestant can be told.
        augmented: whether the full affine augmentation is applied.
        interpolation: the filter for resizing; some peers know only "nearest" and "bilinear".
        cores: cores that the contestant may use; 0 for all.
        epochs: only for measuring memory: how many.
        folder: class folders to read instead of our own.
        flows: how many flows over the photographs are read, a batch of each in turn.
        columns: of a CSV file with as many rows as there are images.
        load: how volumes are loaded, one of ``volumes.LOADS``.
    """

    photos: str = SMALL.name
    images: int = DEFAULT_COUNT
    side: int = 224
    batch_size: int = 32
    workers: int = 2
    augmented: bool = True
    interpolation: str = "nearest"
    cores: int = 2
    epochs: int = 1
    folder: str = ""
    flows: int = 1
    columns: int = 0
    load: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images in the batches."""
        return self.side, self.side

    @property
    def arguments(self) -> dict[str, Any]:
        """The augmentation as arguments of ``ImageDataGenerator``."""
        return FULL_AFFINE if self.augmented else WITHOUT_AUGMENTATION

    def make_folder(self) -> Path:
        """The folder of photographs, made at first need."""
        if self.folder:
            return Path(self.folder)
        return cached_photos(self.images, kind=KINDS[self.photos])


class Epochs(Protocol):
    """What a contestant gives to be measured: each call begins an epoch."""

    def __call__(self) -> Iterator[int]:
        """Yield the number of images of each batch, once the batch can be used."""


class UnavailableError(Exception):
    """The contestant cannot run here; the message says what is missing."""


@dataclass(frozen=True)
class Contestant:
    """One way to read images.

    Attributes:
        key: its name in orders and files.
        label: its name in tables.
        module: below ``tests.benchmarks``; opens it.
        requires: modules that must be installed.
        rate: roughly how many images a second it reads cold (25 KB, full affine), and how
            many from a cache; only for estimating the time that a run takes.
        start_seconds: likewise, how long its process takes before the first epoch.
        options: what its module is told.
        note: where its work differs, or how it is set up.
        has_workers: whether ``Work.workers`` means anything to it.
    """

    key: str
    label: str
    module: str
    requires: tuple[str, ...] = ()
    rate: float = 1000
    start_seconds: float = 2
    options: dict[str, Any] = field(default_factory=dict, compare=False)
    note: str = ""
    has_workers: bool = True


@dataclass(frozen=True)
class Job:
    """One measurement of one contestant.

    Attributes:
        measurement: a name in ``measure.MEASUREMENTS``.
        contestant: a key in ``contestants.CONTESTANTS``.
        work: what it has to do.
    """

    measurement: str
    contestant: str
    work: Work = Work()

    def as_dict(self) -> dict[str, Any]:
        """The job as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """The job that ``as_dict`` wrote down."""
        return cls(values["measurement"], values["contestant"], Work(**values["work"]))
