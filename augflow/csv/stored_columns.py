"""The columns of a flow of CSV files that are kept in a folder: ``cache=``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augflow.base.stage_times import StageClock
from augflow.base.warn_user import warn_user
from augflow.columnar.fingerprint import fingerprint
from augflow.columnar.open_store import ColumnToStore, forget, open_store
from augflow.columnar.store import ColumnStore
from augflow.csv.plan import CsvPlan
from augflow.csv.preprocess import Column
from augflow.csv.table import RowSpans

# So many rows are made once more to see that functions still make what is stored.
_ROWS_COMPARED = 8


@dataclass(frozen=True)
class ColumnCacheInfo:
    """How full a cache of columns is.

    Attributes:
        rows: of the files.
        cached: those of them that are stored, in all columns of the flow.
        bytes: what these take.
        bytes_needed: what all rows take.
        bytes_free: what may still be taken of the disk; None where the system does not say.
        where: the folder.
    """

    rows: int
    cached: int
    bytes: int
    bytes_needed: int
    bytes_free: int | None
    where: str


def checked_cache(cache: Any) -> str | None:
    """The absolute path of a folder for columns, None for none.

    Raises:
        TypeError, ValueError: it is no path.
    """
    if cache is None:
        return None
    if not isinstance(cache, str | os.PathLike) or not os.fspath(cache):
        raise TypeError(
            f"`cache` must be the path of a folder, which is made if missing, or None. Received: "
            f"{cache!r}"
        )
    path = os.fsdecode(cache)
    if path == "ram":
        raise ValueError(
            '`cache="ram"` is for images. Columns are kept in a folder, which the system holds in '
            'memory as far as there is room: cache="columns"; a folder named ram is "./ram"'
        )
    return os.path.abspath(os.path.expanduser(path))


def with_store(plan: CsvPlan, directory: str) -> CsvPlan:
    """The same plan, with a store for its columns in a folder; or without where there is no room.

    Raises:
        OSError: the folder can neither be written nor read.
    """
    store = _opened(plan, directory)
    if store is not None and not _is_as_made_now(plan, store):
        warn_user(
            "augflow: what the preprocess functions make of the first rows is not what the cache "
            f"in {store.folder} holds. It is made anew."
        )
        forget(store)
        store = _opened(plan, directory)
    return replace(plan, stored=store)


def cache_info(store: ColumnStore) -> ColumnCacheInfo:
    """How full a store is."""
    rows, cached = int(store.first_rows[-1]), store.count_stored()
    return ColumnCacheInfo(
        rows,
        cached,
        cached * store.row_bytes,
        rows * store.row_bytes,
        store.bytes_free(),
        store.folder,
    )


def _opened(plan: CsvPlan, directory: str) -> ColumnStore | None:
    table = plan.table
    return open_store(
        directory,
        table.paths,
        {"read": repr(table.layout), "files": table.stamps},
        table.first_rows,
        {column.number: _to_store(column) for column in plan.columns()},
    )


def _to_store(column: Column) -> ColumnToStore:
    made = "" if column.preprocess is None else fingerprint(column.preprocess)
    what = f"{column.number} {column.name!r} {made}"
    return ColumnToStore(str(column.name), what, column.dtype, column.shape)


def _is_as_made_now(plan: CsvPlan, store: ColumnStore) -> bool:
    """Whether functions that are equal by their code are so by what they make."""
    if not plan.calls_user_code:
        return True
    first, stop = np.array([0]), np.array([min(_ROWS_COMPARED, plan.table.rows)])
    if not store.holds(first, stop):
        return True
    stored = store.read(first, stop)
    made = plan.values(RowSpans(first, stop), StageClock())
    return all(stored[number].tobytes() == made[number].tobytes() for number in stored)
