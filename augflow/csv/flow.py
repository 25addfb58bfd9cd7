"""Batches of rows of CSV files: ``augflow.flow_from_csv``."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from collections.abc import Iterator as AbstractIterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np

from augflow.base.checks import arguments_of, checked_workers
from augflow.base.warn_user import warn_user
from augflow.base.words import OnError, Subset
from augflow.batch.plan import BadSample
from augflow.batch.request import Request
from augflow.csv.columns import make_plan
from augflow.csv.open_files import checked_files
from augflow.csv.plan import CsvPlan, early_arrays
from augflow.csv.row_order import CsvOrder, RowOrder, blocks_of_group, most_rows_of_unit
from augflow.csv.table import CsvTable
from augflow.flow.counted_later import CountedLater, Later
from augflow.flow.leaves_out_rows import LeavesOutRows
from augflow.order.permutation import EpochOrder, SampleOrder
from augflow.order.sample_count import SampleCount
from augflow.order.schedule import Place
from augflow.order.streams import SampleSeeds, StreamState
from augflow.order.subset import check_has_batch, check_subset, subset_part
from augflow.report.bad_rows import cut_rows
from augflow.runtime.engine import Batch, Expected

# A batch may lie in two units.
_UNITS_KEPT = 2
# So many batches out of order are no accident: a few are, where a pass begins or ends.
_MANY_LEAPS = 32

# Revision of the settings, start of the epoch, number of the unit in it.
UnitKey = tuple[Any, int, int]


class CsvIterator(LeavesOutRows, CountedLater):
    """Yields batches of rows of CSV files; see ``flow_from_csv``, which makes it.

    Attributes:
        paths: of the files.
        columns: their names, or their numbers in files without header.
        n, samples: rows of this flow.
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
        verbose: bool = True,
        workers: int | None = None,
    ) -> None:
        self._workers = checked_workers(workers)
        if on_error not in ("raise", "skip"):
            raise ValueError(f"`on_error` must be 'raise' or 'skip'. Received: {on_error!r}")
        self.on_error = on_error
        self.drop_remainder = bool(drop_remainder)
        # Before the files are looked through, which may take a while.
        check_subset(validation_split, subset)
        files = checked_files(
            path_or_paths, sep, header, index_dir, encoding, on_error == "skip", verbose
        )
        self._split = (validation_split, subset)
        self.dtype = dtype
        self.subset = subset
        is_later = not shuffle and not validation_split and files.take_long()
        beginnings = files.beginnings() if is_later else iter(())
        beginning = next(beginnings, None)
        table = files.table() if beginning is None else beginning
        self._csv_plan, self._parts = make_plan(
            table, x_cols, y_cols, dtype, preprocess, sample_weight, on_error
        )
        self.paths = table.paths
        self.columns = table.columns
        super().__init__(self._take_count(table), batch_size, shuffle, seed)
        if beginning is None:
            check_has_batch(self.n, self.batch_size, self.drop_remainder)
            self._begin_early()
        else:
            parts = early_arrays(self._csv_plan, chain([beginning], beginnings))
            self._count_later(parts, Later(files.table))

    def _take_count(self, answer: CsvTable) -> SampleCount:
        """Take the rows of a table; see ``CountedLater``."""
        part = subset_part(answer.rows, *self._split)
        plan = self._csv_plan = replace(self._csv_plan, table=answer)
        group_blocks = blocks_of_group(answer.block_bytes)
        self._unit_rows = most_rows_of_unit(plan.row_bytes, answer.first_rows, group_blocks)
        self._row_order = CsvOrder(part.start, answer.first_rows, group_blocks, self._unit_rows)
        return SampleCount(part.stop - part.start)

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

    def _user_workers(self) -> int | None:
        return self._workers

    def _unit(self) -> str:
        return "rows"

    def _most_rows(self) -> int:
        return max(self.batch_size, self._unit_rows)

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        # An array serves as a list of names here, and travels in a tenth of the time.
        return Request(key, len(indices), stream, indices)  # type: ignore[arg-type]

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        return self._parts.arranged(arrays)

    # Units: what is parsed at once where batches are read one after the other

    def _fetch_any(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        parts = self._parts_of(place)
        if not parts:
            return super()._fetch_any(place, coming)
        if [key for key, _ in parts if key not in self._units] and not self._keeps_all(place):
            # One by one in any order, a batch is cheaper than its units.
            following = list(islice(coming, 1))
            coming = chain(following, coming)
            if [other.key[1] for other in following] != [place.key[1] + 1]:
                self._note_of_leap()
                return super()._fetch_any(place, coming)
        pieces: list[list[np.ndarray]] = []
        bad: list[BadSample] = []
        for key, part in parts:
            unit = self._unit_batch(key)
            if unit is None:
                return super()._fetch_any(place, coming)
            arrays, left_out = cut_rows(unit.arrays, unit.bad, part)
            pieces.append(arrays)
            bad += left_out
        if bad:
            self._bad_rows.leave_out(bad, place.samples)
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
                "parsed by itself, many times slower than one after the other. Under Keras: "
                "model.fit(..., shuffle=False); the flow shuffles the rows itself "
                "(flow_from_csv(..., shuffle=True)).",
            )

    def _keeps_all(self, place: Place) -> bool:
        """Whether the units of the whole epoch are kept once they are there."""
        order = self._order_of(place.key[0])
        return isinstance(order, RowOrder) and len(order.units) - 1 <= _UNITS_KEPT

    def _parts_of(self, place: Place) -> list[tuple[UnitKey, slice]]:
        """The units that a batch lies in, and where; none for a batch that needs no unit."""
        start, position, _ = place.key
        order = self._order_of(start)
        count = place.samples
        if 2 * count > self._unit_rows or self._builds_directly():
            return []
        if not isinstance(order, RowOrder):
            # An order that somebody has set.
            return []
        # As in Schedule.place, also where somebody has made the flow shorter.
        begin = position * self.batch_size % self.n
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
            engine = self._current_engine()
            batch = None
            try:
                batch = engine.fetch(self._unit_request(key), self._units_after(key))
            except Exception:
                # Whatever it is, a bad row or the user's own function, it belongs to one of the
                # unit's batches. That one will raise it; the others are none the worse for it.
                pass
            else:
                self._meter.add(batch.work, engine.workers)
            self._units[key] = batch
            if len(self._units) > _UNITS_KEPT:
                self._units.popitem(last=False)
            return batch

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
