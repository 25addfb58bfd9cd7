"""Batches of rows of CSV files: ``augflow.flow_from_csv``."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from collections.abc import Iterator as AbstractIterator
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np

from augflow.base.checks import arguments_of, checked_choice, checked_switch, checked_workers
from augflow.base.warn_user import warn_user
from augflow.base.words import OnError, Subset
from augflow.batch.plan import BadSample
from augflow.batch.request import Request
from augflow.csv.columns import make_plan
from augflow.csv.open_files import open_table
from augflow.csv.plan import CsvPlan
from augflow.csv.row_order import CsvOrder, RowOrder, blocks_of_group, most_rows_of_unit
from augflow.csv.stored_columns import (
    ColumnCacheInfo,
    cache_info,
    checked_cache,
    with_store,
)
from augflow.flow.engine_iterator import EngineIterator
from augflow.look.facts import Meaning
from augflow.order.fingerprint import digest
from augflow.order.permutation import EpochOrder, SampleOrder
from augflow.order.schedule import Place
from augflow.order.streams import SampleSeeds, StreamState
from augflow.order.subset import check_subset, subset_part
from augflow.report.bad_files import BadFiles
from augflow.report.bad_rows import BadRows, cut_rows
from augflow.runtime.engine import Batch, Expected, build_here

# A batch may lie in two units.
_UNITS_KEPT = 2
# So many batches out of order are no accident: a few are, where a pass begins or ends.
_MANY_LEAPS = 32

# Revision of the settings, start of the epoch, number of the unit in it.
UnitKey = tuple[Any, int, int]


class CsvIterator(EngineIterator):
    """Yields batches of rows of CSV files; see ``flow_from_csv``, which makes it.

    Attributes:
        paths: of the files.
        columns: their names, or their numbers in files without header.
        n, samples: rows of this flow.
        shard: (index, count), or None.
        batch_size, shuffle, seed, subset, dtype, drop_remainder, on_error: as given.
    """

    def __init__(
        self,
        path_or_paths: Any,
        x_cols: Any,
        y_cols: Any = None,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int | None = None,
        validation_split: float = 0,
        subset: Subset | None = None,
        dtype: Any = "float32",
        preprocess: Mapping[Any, Callable[[Any], Any]] | None = None,
        sample_weight: Any = None,
        drop_remainder: bool = False,
        sep: str | None = ",",
        header: Any = "infer",
        encoding: str = "utf-8",
        on_error: OnError = "raise",
        index_dir: Any = None,
        shard: Any = None,
        cache: Any = None,
        verbose: bool = True,
        workers: int | None = None,
    ) -> None:
        self.shard = shard
        self._workers = checked_workers(workers)
        folder = checked_cache(cache)
        self.on_error = checked_choice("on_error", on_error, ("raise", "skip"))
        self.drop_remainder = checked_switch("drop_remainder", drop_remainder)
        # Before the files are looked through, which may take a while.
        check_subset(validation_split, subset)
        table = open_table(
            path_or_paths, sep, header, index_dir, encoding, on_error == "skip", verbose
        )
        part = subset_part(table.rows, validation_split, subset)
        self._csv_plan, self._parts = make_plan(
            table, x_cols, y_cols, dtype, preprocess, sample_weight, on_error
        )
        if folder is not None:
            self._csv_plan = with_store(self._csv_plan, folder)
        group_blocks = blocks_of_group(table.block_bytes)
        self._unit_rows = most_rows_of_unit(
            self._csv_plan.row_bytes, table.first_rows, group_blocks
        )
        self._row_order = CsvOrder(part.start, table.first_rows, group_blocks, self._unit_rows)
        self.paths = table.paths
        self.columns = table.columns
        self.dtype = dtype
        self.subset = subset
        super().__init__(part.stop - part.start, batch_size, shuffle, seed)
        self._begin_early()

    @property
    def samples(self) -> int:
        """Rows of this flow, as ``n``."""
        return self.n

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        # None for a unit that could not be built.
        self._units: OrderedDict[UnitKey, Batch | None] = OrderedDict()
        self._unit_lock = threading.Lock()
        self._leaps = 0

    def _restart_in_child(self) -> None:
        super()._restart_in_child()
        self._unit_lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_units", None)
        state.pop("_unit_lock", None)
        return state

    # The engine's part

    def _epoch_order(self) -> EpochOrder:
        return self._row_order

    def _plan(self) -> CsvPlan:
        return self._csv_plan

    def _fingerprint(self) -> dict[str, str]:
        names = [os.path.basename(path) for path in self.paths]
        return {
            "the files or their rows": digest(names, self._row_order),
            "the columns": digest(self._parts, self._csv_plan.outputs),
        }

    def _user_workers(self) -> int | None:
        return self._workers

    def _unit(self) -> str:
        return "rows"

    def _most_rows(self) -> int:
        return max(self.batch_size, self._unit_rows)

    def _serves_in_own_order(self) -> bool:
        # Not where rows are to come in order and Keras is left to shuffle batches of them.
        return bool(self.shuffle)

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        # An array serves as a list of names here, and travels in a tenth of the time.
        return Request(key, len(indices), stream, indices)  # type: ignore[arg-type]

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        return self._parts.arranged(arrays)

    # Rows that are left out

    @property
    def bad_rows(self) -> dict[str, str]:
        """The first rows that ``on_error="skip"`` has left out: file and line to reason."""
        return {str(name): reason for name, reason in self._bad.reasons.items()}

    def _new_bad(self) -> BadFiles:
        return BadRows()

    def _maps_in_workers(self) -> bool:
        # Workers parse units of many batches.
        return False

    def _meaning(self) -> Meaning:
        return Meaning(None if self._parts.targets is None else "unknown", name_column="row")

    # Units: what is parsed at once where batches are read one after the other

    def _fetch_once(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        parts = self._parts_of(place)
        if not parts:
            return self._fetch_alone(place, coming)
        if any(key not in self._units for key, _ in parts) and not self._keeps_all(place):
            # One by one in any order, a batch is cheaper than its units.
            # Of two threads one may be ahead.
            following = list(islice(coming, 2))
            coming = chain(following, coming)
            if place.key[1] + 1 not in [other.key[1] for other in following]:
                if not self._is_stored():
                    self._note_of_leap()
                return self._fetch_alone(place, coming)
        pieces: list[list[np.ndarray]] = []
        bad: list[BadSample] = []
        begin = 0
        for key, part in parts:
            unit = self._unit_batch(key)
            if unit is None:
                return super()._fetch_once(place, coming)
            arrays, left_out = cut_rows(unit.arrays, unit.bad, part, begin)
            pieces.append(arrays)
            bad += left_out
            begin += part.stop - part.start
        if bad:
            self._leave_out(bad, place.samples)
        # Copies, since units stay here and consumers may write into what they get.
        if len(pieces) == 1:
            return self._parts.arranged([array.copy() for array in pieces[0]])
        return self._parts.arranged([np.concatenate(parts) for parts in zip(*pieces, strict=True)])

    def _note_of_leap(self) -> None:
        """Take note of a batch that was parsed by itself, and say once what that costs."""
        self._leaps += 1
        if self._leaps == _MANY_LEAPS:
            warn_user(
                "batches of a CSV flow are asked for here and there, and each is looked up and "
                "parsed by itself, many times slower than one after the other. For model.fit let "
                "the flow shuffle the rows: flow_from_csv(..., shuffle=True).",
            )

    def _keeps_all(self, place: Place) -> bool:
        """Whether the units of the whole epoch are kept once they are there."""
        order = self._order_of(place.key[0])
        return isinstance(order, RowOrder) and len(order.units) - 1 <= _UNITS_KEPT

    def _parts_of(self, place: Place) -> list[tuple[UnitKey, slice]]:
        """The units that a batch lies in, and where; none for a batch that needs no unit."""
        start = place.key[0]
        order = self._order_of(start)
        count = place.samples
        if 2 * count > self._unit_rows or self._builds_directly():
            return []
        if not isinstance(order, RowOrder):
            # An order that somebody has set.
            return []
        begin = place.begin
        borders = order.unit_borders
        unit = bisect_right(borders, begin) - 1
        parts = []
        while borders[unit] < begin + count:
            unit_begin, unit_end = borders[unit : unit + 2]
            part = slice(
                max(begin, unit_begin) - unit_begin, min(begin + count, unit_end) - unit_begin
            )
            parts.append(((self.__dict__.get("_revision"), start, unit), part))
            unit += 1
        return parts

    def _unit_batch(self, key: UnitKey) -> Batch | None:
        """A unit, built; None where one of its rows cannot be."""
        found = self._units.get(key)
        if found is not None:
            return found
        with self._unit_lock:
            if key in self._units:
                return self._units[key]
            batch = None
            try:
                batch, workers = self._built_unit(key)
            except Exception:
                # Whatever it is, a bad row or the user's own function, it belongs to one of the
                # unit's batches. That one will raise it; the others are none the worse for it.
                pass
            else:
                self._meter.add(batch.work, workers)
            self._units[key] = batch
            if len(self._units) > _UNITS_KEPT:
                self._units.popitem(last=False)
            return batch

    def _built_unit(self, key: UnitKey) -> tuple[Batch, int]:
        """A unit, and how many workers took part."""
        request = self._unit_request(key)
        store = self._csv_plan.stored
        if store is not None:
            names: Any = request.names
            hull = names.hull()
            if self._is_stored() or store.holds(hull.firsts, hull.stops):
                # Picking rows takes less than a worker's answer.
                return build_here(self._csv_plan, request)[0], 0
        engine = self._current_engine()
        return engine.fetch(request, self._units_after(key)), engine.workers

    def _is_stored(self) -> bool:
        """Whether all rows of this flow are in the cache."""
        store, first = self._csv_plan.stored, self._row_order.first
        return (
            store is not None
            and store.has_all(first, first + self.n)
            and not self._builds_directly()
        )

    def cache_info(self) -> ColumnCacheInfo | None:
        """How full the cache is; None without one."""
        store = self._csv_plan.stored
        return None if store is None else cache_info(store)

    def _fetch_alone(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        """A batch that is cut from no unit."""
        if not self._is_stored():
            return super()._fetch_once(place, coming)
        batch = build_here(self._csv_plan, self._request(place))[0]
        self._meter.add(batch.work, 0)
        return self._deliver(batch, place.indices)

    def _unit_request(self, key: UnitKey) -> Request:
        _, start, unit = key
        order = self._order_of(start)
        assert isinstance(order, RowOrder)
        begin, end = order.unit_borders[unit : unit + 2]
        rows = order.drawn(begin, end)
        return Request(key, len(rows), start, rows)  # type: ignore[arg-type]

    def _order_of(self, start: int) -> SampleOrder:
        epoch = self._epoch
        if epoch is None or epoch.start != start:
            epoch = self._current_schedule().epoch(start)
        return epoch.order

    def _units_after(self, key: UnitKey) -> AbstractIterator[Expected]:
        revision, start, unit = key
        while True:
            unit += 1
            order = self._order_of(start)
            if not isinstance(order, RowOrder):
                return
            if unit + 1 >= len(order.units):
                start, unit = start + len(self), 0
            following = (revision, start, unit)
            yield following, partial(self._unit_request, following)

    def _prepare(self, coming: AbstractIterator[Place]) -> None:
        if self._is_stored():
            return
        first = list(islice(coming, 2))
        parts = []
        if [place.key[1] for place in first] == [0, 1] or (first and self._keeps_all(first[0])):
            parts = self._parts_of(first[0])
        if not parts:
            super()._prepare(chain(first, coming))
        elif self._engine is not None:
            revision, start, _ = parts[0][0]
            self._engine.prepare(self._units_after((revision, start, -1)))


def flow_from_csv(
    path_or_paths: Any,
    x_cols: Any,
    y_cols: Any = None,
    *,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    validation_split: float = 0,
    subset: Subset | None = None,
    dtype: Any = "float32",
    preprocess: Mapping[Any, Callable[[Any], Any]] | None = None,
    sample_weight: Any = None,
    drop_remainder: bool = False,
    sep: str | None = ",",
    header: Any = "infer",
    encoding: str = "utf-8",
    on_error: OnError = "raise",
    index_dir: Any = None,
    shard: Any = None,
    cache: Any = None,
    verbose: bool = True,
    workers: int | None = None,
) -> CsvIterator:
    """Batches of the rows of CSV files of any size, in any order; see docs/csv-stream.md.

    The files are gone through once to note where their rows are; that index is kept beside
    them. Several files are one stream of rows.

    Args:
        path_or_paths: a file, or several with the same columns.
        x_cols: inputs. A column's name gives an array of shape (batch,), a list of k names one
            of shape (batch, k), a dict of those a dict of arrays. Columns of files without
            header have numbers from 0.
        y_cols: targets, in the same way; None for inputs alone.
        batch_size: rows a batch; the last of an epoch may be shorter. Defaults to 32.
        shuffle: whether each epoch has an order of its own. Defaults to False.
        seed: int in [0, 2**32); None: drawn from NumPy's global generator.
        validation_split: the first fraction of the rows, in [0, 1), which is for validation.
        subset: "training" or "validation"; None for all rows.
        dtype: of the values, or a dict of columns and their dtypes (float32 for others). Float
            dtypes read missing values as NaN, dtypes of text ("U16": of at most 16 characters,
            str: 64) as "". Defaults to "float32".
        preprocess: a dict of columns and functions, for columns that do not hold numbers: a
            function takes a ``pandas.Series`` of strings (NaN where one is missing) and
            returns an array with one value, or one row of values, for each. It gets any
            number of rows in any order, and runs in the workers.
        sample_weight: a column of numbers that weigh the targets, or where ``y_cols`` is a dict one
            of the same keys; None for no weights.
        drop_remainder: whether an epoch ends before a batch that would be shorter.
        sep: the separator of fields, one ASCII character; None lets Python's ``csv.Sniffer``
            guess it from the beginning of the first file. Defaults to ",".
        header: "infer" or 0 where the first record names the columns, None where it does not.
        encoding: of the text, one with ASCII characters as single bytes. Defaults to "utf-8".
        on_error: "raise" (default): a row that cannot be read stops the run with its file and
            line. "skip": it is left out of its batch, which is shorter, counted, and reported
            once an epoch; ``bad_rows`` names the first of them.
        index_dir: a folder for the indexes, made if missing; None for beside the files.
        shard: (index, count): which part of each batch is this flow's, for one of several
            processes that train one model, see docs/shards.md; "auto": as the environment says.
            ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
        cache: a folder, made if missing, that keeps the columns as numbers while they are read for
            the first time; what it holds is not parsed again, in later epochs and runs. None for
            no cache. See docs/csv-stream.md.
        verbose: print a separator that was guessed; False logs it. Defaults to True.
        workers: worker processes; 0 for none, None for one a CPU.

    Returns:
        A flow that ``model.fit`` takes: ``len(flow)`` batches an epoch, by ``next()`` or by
        index. A loop over the flow itself never ends; ``flow.epoch()`` is one pass.

    Raises:
        TypeError, ValueError: an argument that cannot be used.
        CsvReadError: a file, row or value that cannot be read; it names file, line and column.
        OSError: a file cannot be read.
    """
    return CsvIterator(**arguments_of(locals()))
