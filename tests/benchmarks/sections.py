"""What the program measures, section by section, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.benchmarks.contestants import (
    AUGFLOW_CACHED,
    AUGFLOW_CSV_CACHED,
    AUGFLOW_FIT,
    AUGFLOW_NEXT,
    DALI,
    GRAIN_MEMORY,
    KERAS_FIT,
    KERAS_MEMORY,
    KERAS_NEXT,
    LIMIT,
    LIMIT_SIMPLEJPEG,
    TF_DATA,
    TF_DATA_CACHED,
    TORCH_LOADER,
    TORCH_MEMORY,
)
from tests.benchmarks.jobs import (
    CSV_BATCHES,
    PEERS,
    Scale,
    jobs_of_batches,
    jobs_of_csv,
    jobs_of_filters,
    jobs_of_fit,
    jobs_of_flows,
    jobs_of_loader,
    jobs_of_memory,
    jobs_of_photos,
    jobs_of_scans,
    jobs_of_sides,
    jobs_of_small,
    jobs_of_workers,
    rates,
)
from tests.benchmarks.targets import (
    RATE,
    Target,
    compare,
    epoch_against_parts,
    fast_against_keras,
    filter_against_keras,
    how_much_faster,
    rows_against_pandas,
    small_in_process,
    volumes_against_pydataset,
)
from tests.benchmarks.volumes import LOADS
from tests.benchmarks.work import Job


@dataclass(frozen=True)
class Section:
    """A part of the benchmark that can be run by itself.

    Attributes:
        name: on the command line.
        title: heading of its table.
        text: what is measured, in a sentence or two.
        jobs: makes the jobs for a scale.
        targets: what is wanted.
        figures: name of the figure and heading of its column; the first is compared.
        faster_is: "more" or "less", of the first figure.
        once: whether one round is enough.
    """

    name: str
    title: str
    text: str
    jobs: Callable[[Scale], list[Job]]
    targets: tuple[Target, ...] = ()
    figures: dict[str, str] = field(
        default_factory=lambda: {RATE: "images/s", "megabytes": "memory, MB"}, hash=False
    )
    faster_is: str = "more"
    once: bool = False


SECONDS = {"seconds": "seconds"}

SECTIONS = {
    section.name: section
    for section in (
        Section(
            "cold",
            "Cold: from the files, every epoch",
            "Images a second over whole epochs; every file is decoded in every epoch (it lies in "
            "the page cache). `fit`: read through Keras's epoch iterator, with no model behind it.",
            rates(AUGFLOW_NEXT, AUGFLOW_FIT, *PEERS, *KERAS_FIT, LIMIT, LIMIT_SIMPLEJPEG),
            (
                Target("Keras `next()`", 10, compare("rate", AUGFLOW_NEXT, KERAS_NEXT)),
                Target("Keras at its best", 4.5, compare("rate", AUGFLOW_NEXT, *KERAS_FIT)),
                Target("DALI's CPU pipeline", 3, compare("rate", AUGFLOW_NEXT, DALI)),
                Target("torch DataLoader", 2.3, compare("rate", AUGFLOW_NEXT, TORCH_LOADER)),
                Target("tf.data", 6, compare("rate", AUGFLOW_NEXT, TF_DATA)),
                Target("decoding alone", 0.5, compare("rate", AUGFLOW_NEXT, LIMIT)),
            ),
        ),
        Section(
            "cached",
            "Cached: nothing is decoded any more",
            "Images a second over whole epochs after a first one. Where a library has no cache of "
            "its own, it reads decoded and resized images from an array in memory.",
            rates(
                AUGFLOW_CACHED,
                KERAS_NEXT,
                KERAS_MEMORY,
                TF_DATA_CACHED,
                TORCH_MEMORY,
                GRAIN_MEMORY,
            ),
            (
                Target("Keras `next()`", 28, compare("rate", AUGFLOW_CACHED, KERAS_NEXT)),
                Target("tf.data's cache", 15, compare("rate", AUGFLOW_CACHED, TF_DATA_CACHED)),
            ),
        ),
        Section(
            "fit",
            "`model.fit`, end to end",
            "Images a second of a light model (two convolutions) trained by Keras on the same "
            "cores, from the end of the first epoch to the end of the last.",
            jobs_of_fit,
            (
                Target("Keras at its best", 6, compare("fit", AUGFLOW_FIT, *KERAS_FIT)),
                Target(
                    "an epoch / (training alone + input alone)",
                    1.1,
                    epoch_against_parts,
                    at_most=True,
                ),
            ),
        ),
        Section(
            "plain",
            "Without augmentation",
            "As cold, but images are only decoded, resized and scaled to 0 to 1.",
            lambda scale: [
                Job("rate", each.key, replace(scale.work, augmented=False))
                for each in (AUGFLOW_NEXT, *PEERS)
            ],
        ),
        Section(
            "first",
            "Time to the first batch",
            "Seconds from the call that opens the folder to the first batch, after the imports.",
            lambda scale: [
                Job("first_batch", each.key, scale.work)
                for each in (AUGFLOW_NEXT, AUGFLOW_FIT, *PEERS)
            ],
            (
                Target(
                    "seconds to the first batch",
                    1,
                    lambda results: results.spread(
                        results.find("first_batch", AUGFLOW_NEXT), "seconds"
                    ),
                    at_most=True,
                ),
            ),
            SECONDS,
            "less",
        ),
        Section(
            "memory",
            "Memory over many epochs",
            "Resident memory of the process and its workers in MB, pages that they share counted "
            "once.",
            jobs_of_memory,
            (
                Target(
                    "last epoch / first epoch",
                    1.05,
                    lambda results: results.spread(results.find("memory", AUGFLOW_NEXT), "growth"),
                    at_most=True,
                ),
            ),
            {
                "last_megabytes": "after the last epoch",
                "first_megabytes": "after the first",
                "imported_megabytes": "after the imports",
                "highest_megabytes": "highest between epochs",
                "growth": "last / first",
            },
            "less",
            once=True,
        ),
        Section("workers", "What a worker adds", "As cold.", jobs_of_workers),
        Section("batch", "Batch size", "As cold.", jobs_of_batches),
        Section("side", "Image size in the batches", "As cold.", jobs_of_sides),
        Section(
            "filters",
            "Resizing by other filters",
            "As cold.",
            jobs_of_filters,
            tuple(
                Target(
                    f"Keras `next()`, {name}, {side} x {side}", 8, filter_against_keras(name, side)
                )
                for name in ("bilinear", "lanczos")
                for side in (128, 224)
            ),
        ),
        Section("flows", "Several flows read in turn", "As cold.", jobs_of_flows),
        Section(
            "photos",
            "Larger photographs",
            "As cold, from files of about 110 KB (375 x 500 pixels) and 2 MB (12 megapixels).",
            jobs_of_photos,
            (Target('Keras a core, 2 MB, bilinear, `decode="fast"`', 3, fast_against_keras),),
        ),
        Section(
            "small",
            "32 x 32 arrays through `flow`",
            "Images a second, full affine, from an array in memory.",
            jobs_of_small,
            (Target("Keras `next()`, no workers", 5, small_in_process),),
        ),
        Section(
            "scan",
            "Finding files",
            "Seconds from the call to the flow over empty files in class folders, and the memory "
            "that the flow takes. The folders' names lie in the system's cache.",
            jobs_of_scans,
            (
                Target(
                    "Keras, folder", 5, how_much_faster("scan_folder", AUGFLOW_NEXT, KERAS_NEXT)
                ),
                Target(
                    "Keras, dataframe", 2, how_much_faster("scan_table", AUGFLOW_NEXT, KERAS_NEXT)
                ),
                Target(
                    "memory / Keras's, folder",
                    0.5,
                    compare("scan_folder", AUGFLOW_NEXT, KERAS_NEXT, figure="megabytes"),
                    at_most=True,
                ),
            ),
            {"seconds": "seconds", "megabytes": "memory, MB"},
            "less",
        ),
        Section(
            "csv",
            "Rows of a CSV file",
            "Rows a second as batches of float32, over whole epochs; the file lies in the page "
            "cache. All numeric columns of the file are read. Compared with `flow_from_csv` in "
            "order.",
            jobs_of_csv,
            tuple(
                Target(
                    f"pandas's chunks, {columns} columns, batches of {size:,}",
                    1,
                    rows_against_pandas(columns, size),
                )
                for columns in (2, 11)
                for size in CSV_BATCHES
            )
            + tuple(
                Target(
                    f"from the cache against these, {columns} columns, batches of {size:,}",
                    3,
                    rows_against_pandas(columns, size, AUGFLOW_CSV_CACHED),
                )
                for columns in (2, 11)
                for size in CSV_BATCHES
            ),
            {"rows_per_second": "rows/s", "megabytes": "memory, MB"},
        ),
        Section(
            "loader",
            "Volumes by a function of one's own",
            "Volumes of 32 x 32 x 32 a second, over whole epochs, each loaded by the same function "
            "on all sides. Real work: compressed files, decompressed and normalised; no work: "
            "plain arrays, only read. The files lie in the page cache.",
            jobs_of_loader,
            tuple(
                Target(f"`PyDataset` at its best, {load}", wanted, volumes_against_pydataset(load))
                for load, wanted in LOADS.items()
            ),
            {"volumes_per_second": "volumes/s", "megabytes": "memory, MB"},
        ),
    )
}
# What the program's users ask for first; it takes ten minutes.
HEADLINE = ("cold", "cached", "fit")
