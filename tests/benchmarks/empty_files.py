"""Empty files in class folders, to look for: only their names matter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.photos import make_once

if TYPE_CHECKING:
    import pandas

DEFAULT_FILES = 200_000
MILLION = 1_000_000
# 2,000 a folder up to 200,000 files; a million lie in 1,000 folders of 1,000.
FILES_PER_FOLDER = {MILLION: 1_000}


def list_names(count: int) -> list[str]:
    """The files' names below the folder, "class/file.jpg", in order."""
    size = FILES_PER_FOLDER.get(count, 2_000)
    return [f"class_{number // size:04d}/image_{number:07d}.jpg" for number in range(count)]


def _write(folder: Path, count: int) -> None:
    made = ""
    for name in list_names(count):
        parent = name.partition("/")[0]
        if parent != made:
            (folder / parent).mkdir(parents=True)
            made = parent
        (folder / name).touch()


def empty_files(count: int) -> Path:
    """The folder with the class folders of ``count`` empty files, made at first need."""
    return make_once(f"empty-{count}", lambda folder: _write(folder, count))


def table_of_files(count: int) -> pandas.DataFrame:
    """A row for each file: ``filename`` as in ``list_names``, and ``class``."""
    import pandas

    names = list_names(count)
    return pandas.DataFrame(
        {"filename": names, "class": [name.partition("/")[0] for name in names]}
    )
