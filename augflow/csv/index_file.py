"""Indexes of CSV files, kept on disk: each file is gone through once, not once a run.

An index lies beside its file, or in a folder of its own, and serves as long as the file's size
and time of change are those it was made for. It is written under another name and then moved,
so several processes may index at once; the last one's stays, and all are equal.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np

from augflow.base.progress import Progress
from augflow.base.regular_file import refuse_special, regular_file
from augflow.base.warn_user import warn_user
from augflow.csv.index import CsvFormat, CsvIndex, ProgressLine, index_file

# Raised whenever an index would come out differently.
_VERSION = 3
_ENDING = ".augflow-index.npz"


def kept_index(
    path: str, layout: CsvFormat, index_dir: str | None, forgives: bool = False
) -> CsvIndex | None:
    """The index of a file that is kept and fits, None if there is none; see ``load_index``."""
    status = os.stat(path)
    kept = _read(index_path(path, index_dir), layout)
    stamp = (status.st_size, status.st_mtime_ns)
    # Of malformed records that are not to be forgiven another pass says what is wrong.
    if kept and (kept.size, kept.changed) == stamp and (forgives or not len(kept.malformed)):
        return kept
    return None


def load_index(
    path: str,
    layout: CsvFormat,
    index_dir: str | None,
    forgives: bool = False,
    stop: Event | None = None,
) -> CsvIndex:
    """The index of a file: the one that is kept if it fits, else a new one, which is kept.

    Where it cannot be kept, a warning says so, and it serves for this run.

    Args:
        path: of the file.
        layout: how the file is read.
        index_dir: a folder for indexes, made if missing; None for beside the file.
        forgives: see ``index_file``.
        stop: when it is set, nobody wants the index any more.

    Raises:
        IndexStoppedError: so it is.
        CsvReadError: the file is no regular file, or no CSV file whose records have equal
            numbers of fields.
        OSError: it cannot be read.
    """
    kept = kept_index(path, layout, index_dir, forgives)
    if kept is not None:
        return kept
    size = os.stat(path).st_size
    with Progress(f"indexing {os.path.basename(path)}", "B", size) as progress:
        index = index_file(path, layout, _Stoppable(progress, stop), forgives)
    try:
        _write(index_path(path, index_dir), layout, index)
    except OSError as error:
        warn_user(
            f"augflow: the index of {path} cannot be kept ({error}); the next run goes through "
            "the file again. index_dir= names a folder for indexes.",
        )
    return index


class IndexStoppedError(Exception):
    """A file is not indexed to its end: nobody wants it any more."""


@dataclass(frozen=True)
class _Stoppable:
    """A progress line that ends the work."""

    line: ProgressLine
    stop: Event | None

    def update(self, steps: int) -> None:
        """See ``ProgressLine``."""
        if self.stop is not None and self.stop.is_set():
            raise IndexStoppedError
        self.line.update(steps)


def index_path(path: str, index_dir: str | None) -> Path:
    """Where the index of a file is kept."""
    if index_dir is None:
        return Path(path + _ENDING)
    # Files of the same name in different folders have different indexes.
    whole = os.path.realpath(path)
    digest = hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]
    return Path(index_dir) / f"{os.path.basename(path)}-{digest}{_ENDING}"


def _described(layout: CsvFormat) -> str:
    return (
        f"augflow CSV index {_VERSION}: {layout.separator!r}, header {layout.header}, "
        f"{layout.encoding}"
    )


def _read(place: Path, layout: CsvFormat) -> CsvIndex | None:
    """The index that is kept, None if there is none of this kind."""
    try:
        # By itself np.load leaves a file open that it cannot make sense of.
        with regular_file(place) as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["what"]) != _described(layout):
                return None
            size, changed = (int(number) for number in kept["status"])
            columns = json.loads(kept["columns"].tobytes())
            return CsvIndex(
                kept["first_rows"],
                kept["offsets"],
                kept["lines"],
                kept["malformed"],
                columns,
                size,
                changed,
            )
    except Exception:
        # Missing, torn, no index, no file: all the same, a new one is made. What zipfile and
        # NumPy raise for damaged bytes has no end: BadZipFile, NotImplementedError, ...
        return None


def _write(place: Path, layout: CsvFormat, index: CsvIndex) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # It would be replaced, and somebody has put it there. A link is: what it leads to stays.
    refuse_special(place)
    descriptor, temporary = tempfile.mkstemp(prefix=".augflow-index-", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(
                file,
                what=np.asarray(_described(layout)),
                status=np.asarray([index.size, index.changed]),
                # An array of strings would make each name as long as the longest.
                columns=np.frombuffer(json.dumps(index.columns).encode(), np.uint8),
                first_rows=index.first_rows,
                offsets=index.offsets,
                lines=index.lines,
                malformed=index.malformed,
            )
            # Whoever may read the file may read its index; mkstemp makes it its owner's alone.
            # Not by its name, under which others who may write to the folder could lay a link.
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), os.stat(place.parent).st_mode & 0o644)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise
