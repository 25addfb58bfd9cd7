"""Batches of rows of CSV files: ``augflow.flow_from_csv``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from augflow.base.checks import arguments_of, checked_choice, checked_workers
from augflow.base.words import OnError, Subset
from augflow.csv.columns import make_plan
from augflow.csv.open_files import checked_files
from augflow.csv.plan import early_arrays
from augflow.csv.row_flow import RowIterator
from augflow.csv.stored_columns import (
    checked_cache,
)
from augflow.flow.counted_later import Later
from augflow.order.permutation import checked_batch_size
from augflow.order.subset import check_subset


class CsvIterator(RowIterator):
    """Yields batches of rows of CSV files; see ``flow_from_csv``, which makes it.

    Attributes:
        paths: of the files.
        columns: their names, or their numbers in files without header.
        n, samples: rows of this flow.
        batch_size, shuffle, seed, subset, dtype, drop_remainder, on_error: as given.
        shard: (index, count), or None.
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
        workers, folder = checked_workers(workers), checked_cache(cache)
        self.on_error = checked_choice("on_error", on_error, ("raise", "skip"))
        # Before the files are looked through.
        self.shard = shard
        # Before the files are looked through, which may take a while.
        check_subset(validation_split, subset)
        files = checked_files(
            path_or_paths, sep, header, index_dir, encoding, on_error == "skip", verbose
        )
        # A cache needs to know where all rows are.
        is_later = (
            not shuffle
            and not validation_split
            and folder is None
            and self.shard is None
            and files.take_long()
        )
        beginnings = files.beginnings() if is_later else iter(())
        beginning = next(beginnings, None)
        if beginning is not None and beginning.rows < checked_batch_size(batch_size):
            beginning = None
        table = files.table() if beginning is None else beginning
        plan, parts = make_plan(table, x_cols, y_cols, dtype, preprocess, sample_weight, on_error)
        later = None
        if beginning is not None:
            later = early_arrays(plan, chain([beginning], beginnings)), Later(files.table)
        super().__init__(
            plan,
            parts,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            validation_split=validation_split,
            subset=subset,
            dtype=dtype,
            drop_remainder=drop_remainder,
            cache=folder,
            shard=shard,
            workers=workers,
            later=later,
        )


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
