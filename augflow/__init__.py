"""augflow: Keras's ImageDataGenerator, from worker processes.

Names are imported when they are first used (PEP 562): every worker process runs this file, too,
and needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augflow.array_iterator import NumpyArrayIterator
    from augflow.check_files import verify
    from augflow.dataframe_iterator import DataFrameIterator
    from augflow.directory_iterator import DirectoryIterator
    from augflow.directory_table import scan_directory
    from augflow.errors import ImageReadError, WorkerDiedError
    from augflow.generator import ImageDataGenerator
    from augflow.iterator import Iterator
    from augflow.stats_callback import StatsCallback

__version__ = "0.1.0"

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "ImageReadError",
    "Iterator",
    "NumpyArrayIterator",
    "StatsCallback",
    "WorkerDiedError",
    "preprocessing",
    "scan_directory",
    "verify",
]

_HOMES = {
    "DataFrameIterator": "augflow.dataframe_iterator",
    "DirectoryIterator": "augflow.directory_iterator",
    "ImageDataGenerator": "augflow.generator",
    "ImageReadError": "augflow.errors",
    "Iterator": "augflow.iterator",
    "NumpyArrayIterator": "augflow.array_iterator",
    "StatsCallback": "augflow.stats_callback",
    "WorkerDiedError": "augflow.errors",
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
