"""Batches of rows of Parquet and Arrow files: ``augflow.flow_from_parquet``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from augflow.base.checks import arguments_of, checked_workers
from augflow.base.words import Subset
from augflow.csv.columns import make_plan
from augflow.csv.open_files import checked_paths
from augflow.csv.row_flow import RowIterator
from augflow.csv.stored_columns import checked_cache
from augflow.order.subset import check_subset
from augflow.parquet.plan import ParquetPlan
from augflow.parquet.table import open_parquet


class ParquetIterator(RowIterator):
    """Yields batches of rows of Parquet and Arrow files; see ``flow_from_parquet``, which makes it.

    Attributes:
        paths: of the files.
        columns: their names.
        n, samples: rows of this flow.
        batch_size, shuffle, seed, subset, dtype, drop_remainder: as given.
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
        shard: Any = None,
        cache: Any = None,
        workers: int | None = None,
    ) -> None:
        workers, folder = checked_workers(workers), checked_cache(cache)
        check_subset(validation_split, subset)
        table: Any = open_parquet(checked_paths(path_or_paths, "*.parquet"))
        plan, parts = make_plan(
            table, x_cols, y_cols, dtype, preprocess, sample_weight, plan_type=ParquetPlan
        )
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
        )


def flow_from_parquet(
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
    shard: Any = None,
    cache: Any = None,
    workers: int | None = None,
) -> ParquetIterator:
    """Batches of the rows of Parquet and Arrow (Feather) files; see docs/csv-stream.md.

    Files are told by their content. Several are one stream of rows. Whole row groups are read, and
    of these the columns that are asked for. Needs pyarrow:
    ``pip install "keras-augflow[parquet]"``.

    Args:
        path_or_paths: a file, or several with the same columns.
        x_cols: inputs. A column's name gives an array of shape (batch,), a list of k names one
            of shape (batch, k), a dict of those a dict of arrays.
        y_cols: targets, in the same way; None for inputs alone.
        batch_size: rows a batch; the last of an epoch may be shorter. Defaults to 32.
        shuffle: whether each epoch has an order of its own: row groups are permuted, and rows
            within as many neighbours of these as take 16 MB. Defaults to False.
        seed: int in [0, 2**32); None: drawn from NumPy's global generator.
        validation_split: the first fraction of the rows, in [0, 1), which is for validation.
        subset: "training" or "validation"; None for all rows.
        dtype: of the values, or a dict of columns and their dtypes (float32 for others). Float
            dtypes read missing values as NaN; nothing is rounded to an int. Defaults to
            "float32".
        preprocess: a dict of columns and functions, for columns that do not hold numbers: a
            function takes a ``pandas.Series`` of what the column holds and returns an array with
            one value, or one row of values, for each. It gets any number of rows in any order,
            and runs in the workers.
        sample_weight: a column of numbers that weigh the targets, or where ``y_cols`` is a dict one
            of the same keys; None for no weights.
        drop_remainder: whether an epoch ends before a batch that would be shorter.
        shard: (index, count): which part of each batch is this flow's, for one of several
            processes that train one model, see docs/shards.md; "auto": as the environment says.
            ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
        cache: a folder, made if missing, that keeps the columns as numbers while they are read for
            the first time; what it holds is not read again from the files, in later epochs and
            runs. None for no cache.
        workers: worker processes; 0 for none, None for one a CPU.

    Returns:
        A flow that ``model.fit`` takes: ``len(flow)`` batches an epoch, by ``next()`` or by
        index. A loop over the flow itself never ends; ``flow.epoch()`` is one pass.

    Raises:
        TypeError, ValueError: an argument that cannot be used.
        ParquetReadError: a file or value that cannot be read; it names file, row and column.
        ImportError: pyarrow is not installed.
        OSError: a file cannot be read.
    """
    return ParquetIterator(**arguments_of(locals()))
