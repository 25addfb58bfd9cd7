"""augflow: Keras's ImageDataGenerator, from worker processes.

Names are imported when they are first used (PEP 562): every worker process runs this file, too,
and needs none of them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augflow.arrays.flow import ArraysIterator, flow_from_arrays
    from augflow.batch.mixing import cutmix, mixup
    from augflow.companions.annotations import Boxes, Keypoints
    from augflow.companions.pipeline import photometric
    from augflow.companions.run_length import decode_run_length
    from augflow.csv.flow import CsvIterator, flow_from_csv
    from augflow.datasets.hugging_face import DatasetIterator, flow_from_dataset
    from augflow.errors import (
        CsvReadError,
        ImageReadError,
        ParquetReadError,
        SampleTimeoutError,
        WorkerDiedError,
    )
    from augflow.faces.resume_callback import ResumeCallback
    from augflow.flow.iterator import Iterator
    from augflow.generator import ImageDataGenerator
    from augflow.images.array import NumpyArrayIterator
    from augflow.images.dataframe import DataFrameIterator
    from augflow.images.directory import DirectoryIterator
    from augflow.loader.flow import LoaderIterator, flow_from_loader
    from augflow.look.confusion import prediction_report
    from augflow.parquet.flow import ParquetIterator, flow_from_parquet
    from augflow.report.stats_callback import StatsCallback
    from augflow.scan.folder_table import scan_directory
    from augflow.scan.partition import Partition, partition
    from augflow.survey.statistics import statistics
    from augflow.survey.verify import verify
    from augflow.transform.point_matrix import map_boxes, map_points

# albumentations asks the network for newer versions when it is imported. Not here, nor in the
# workers, which inherit this.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

__version__ = "0.1.0"

__all__ = [
    "ArraysIterator",
    "Boxes",
    "CsvIterator",
    "CsvReadError",
    "DataFrameIterator",
    "DatasetIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "ImageReadError",
    "Iterator",
    "Keypoints",
    "LoaderIterator",
    "NumpyArrayIterator",
    "ParquetIterator",
    "ParquetReadError",
    "Partition",
    "ResumeCallback",
    "SampleTimeoutError",
    "StatsCallback",
    "WorkerDiedError",
    "cutmix",
    "decode_run_length",
    "flow_from_arrays",
    "flow_from_csv",
    "flow_from_dataset",
    "flow_from_loader",
    "flow_from_parquet",
    "map_boxes",
    "map_points",
    "mixup",
    "partition",
    "photometric",
    "prediction_report",
    "preprocessing",
    "scan_directory",
    "statistics",
    "verify",
]

_HOMES = {
    "ArraysIterator": "augflow.arrays.flow",
    "Boxes": "augflow.companions.annotations",
    "CsvIterator": "augflow.csv.flow",
    "CsvReadError": "augflow.errors",
    "DataFrameIterator": "augflow.images.dataframe",
    "DatasetIterator": "augflow.datasets.hugging_face",
    "DirectoryIterator": "augflow.images.directory",
    "ImageDataGenerator": "augflow.generator",
    "ImageReadError": "augflow.errors",
    "Iterator": "augflow.flow.iterator",
    "Keypoints": "augflow.companions.annotations",
    "LoaderIterator": "augflow.loader.flow",
    "NumpyArrayIterator": "augflow.images.array",
    "ParquetIterator": "augflow.parquet.flow",
    "ParquetReadError": "augflow.errors",
    "Partition": "augflow.scan.partition",
    "ResumeCallback": "augflow.faces.resume_callback",
    "SampleTimeoutError": "augflow.errors",
    "StatsCallback": "augflow.report.stats_callback",
    "WorkerDiedError": "augflow.errors",
    "cutmix": "augflow.batch.mixing",
    "decode_run_length": "augflow.companions.run_length",
    "flow_from_arrays": "augflow.arrays.flow",
    "flow_from_csv": "augflow.csv.flow",
    "flow_from_dataset": "augflow.datasets.hugging_face",
    "flow_from_loader": "augflow.loader.flow",
    "flow_from_parquet": "augflow.parquet.flow",
    "map_boxes": "augflow.transform.point_matrix",
    "map_points": "augflow.transform.point_matrix",
    "mixup": "augflow.batch.mixing",
    "partition": "augflow.scan.partition",
    "photometric": "augflow.companions.pipeline",
    "prediction_report": "augflow.look.confusion",
    "scan_directory": "augflow.scan.folder_table",
    "statistics": "augflow.survey.statistics",
    "verify": "augflow.survey.verify",
}


def __getattr__(name: str) -> Any:
    if name == "preprocessing":
        return import_module("augflow.preprocessing")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'augflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    # Rooms are not for users.
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
