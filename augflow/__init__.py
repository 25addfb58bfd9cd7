"""augflow: Keras's ImageDataGenerator, from worker processes.

Names are imported when they are first used (PEP 562): every worker process runs this file, too,
and needs none of them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augflow.annotations import Boxes, Keypoints
    from augflow.array_iterator import NumpyArrayIterator
    from augflow.arrays_iterator import ArraysIterator, flow_from_arrays
    from augflow.augmentation import photometric
    from augflow.check_files import verify
    from augflow.csv_iterator import CsvIterator, flow_from_csv
    from augflow.dataframe_iterator import DataFrameIterator
    from augflow.directory_iterator import DirectoryIterator
    from augflow.directory_table import scan_directory
    from augflow.errors import (
        CsvReadError,
        ImageReadError,
        SampleTimeoutError,
        WorkerDiedError,
    )
    from augflow.generator import ImageDataGenerator
    from augflow.iterator import Iterator
    from augflow.loader_iterator import LoaderIterator, flow_from_loader
    from augflow.run_length import decode_run_length
    from augflow.split_ids import Partition, partition
    from augflow.stats_callback import StatsCallback
    from augflow.transform_matrix import map_boxes, map_points

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
    "DirectoryIterator",
    "ImageDataGenerator",
    "ImageReadError",
    "Iterator",
    "Keypoints",
    "LoaderIterator",
    "NumpyArrayIterator",
    "Partition",
    "SampleTimeoutError",
    "StatsCallback",
    "WorkerDiedError",
    "decode_run_length",
    "flow_from_arrays",
    "flow_from_csv",
    "flow_from_loader",
    "map_boxes",
    "map_points",
    "partition",
    "photometric",
    "preprocessing",
    "scan_directory",
    "verify",
]

_HOMES = {
    "ArraysIterator": "augflow.arrays_iterator",
    "Boxes": "augflow.annotations",
    "CsvIterator": "augflow.csv_iterator",
    "CsvReadError": "augflow.errors",
    "DataFrameIterator": "augflow.dataframe_iterator",
    "DirectoryIterator": "augflow.directory_iterator",
    "ImageDataGenerator": "augflow.generator",
    "ImageReadError": "augflow.errors",
    "Iterator": "augflow.iterator",
    "Keypoints": "augflow.annotations",
    "LoaderIterator": "augflow.loader_iterator",
    "NumpyArrayIterator": "augflow.array_iterator",
    "Partition": "augflow.split_ids",
    "SampleTimeoutError": "augflow.errors",
    "StatsCallback": "augflow.stats_callback",
    "WorkerDiedError": "augflow.errors",
    "decode_run_length": "augflow.run_length",
    "flow_from_arrays": "augflow.arrays_iterator",
    "flow_from_csv": "augflow.csv_iterator",
    "flow_from_loader": "augflow.loader_iterator",
    "map_boxes": "augflow.transform_matrix",
    "map_points": "augflow.transform_matrix",
    "partition": "augflow.split_ids",
    "photometric": "augflow.augmentation",
    "scan_directory": "augflow.directory_table",
    "verify": "augflow.check_files",
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
    return sorted({*globals(), *__all__})
