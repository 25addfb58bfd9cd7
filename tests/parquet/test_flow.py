"""``flow_from_parquet``: the same rows as pyarrow's, each once an epoch, in any way of reading."""

from __future__ import annotations

import datetime
import os
import pickle
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow import ParquetReadError, flow_from_parquet
from augflow.parquet import plan as parquet_plan

pa = pytest.importorskip("pyarrow")
import pyarrow.feather as feather  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402

ROWS = 1000
WORDS = ["red", "green", "blue"]


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of some row groups, so that small files have many."""
    monkeypatch.setattr(parquet_plan, "_GROUP_BYTES", 2000)


def frame_of(rows: int = ROWS, first: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(first)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            "a": draw.normal(size=rows),
            "word": draw.choice(WORDS, rows),
            "is": draw.integers(0, 2, rows).astype(bool),
            "y": draw.integers(0, 3, rows).astype("int16"),
        }
    )


def write(path: Path, frame: pd.DataFrame, block: int = 64) -> Path:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=block)
    else:
        feather.write_feather(table, path, chunksize=block, compression="lz4")
    return path


@pytest.fixture(params=["parquet", "feather"])
def path(request: Any, tmp_path: Path) -> Path:
    return write(tmp_path / f"data.{request.param}", frame_of())


def one_hot(words: Any) -> np.ndarray:
    return np.stack([words == word for word in WORDS], axis=1)


def flow_of(path: Any, **arguments: Any) -> Any:
    given = {"batch_size": 9, "shuffle": True, "seed": 3, "workers": 0}
    given |= {"dtype": {"y": "int64"}, "preprocess": {"word": one_hot}}
    return flow_from_parquet(path, ["id", "a", "is", "word"], "y", **given | arguments)


def epochs_of(flow: Any, count: int = 2) -> list[Any]:
    with flow:
        return [next(flow) for _ in range(count * len(flow))]


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for batch, due in zip(found, expected, strict=True):
        for array, wanted in zip(batch, due, strict=True):
            assert array.dtype == wanted.dtype and array.shape == wanted.shape
            assert array.tobytes() == wanted.tobytes()


# Which rows


def test_values_are_those_of_the_file(path: Path) -> None:
    frame = frame_of()
    with flow_of(path, shuffle=False) as flow:
        batches = list(flow.epoch())
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    due = np.concatenate([frame[["id", "a", "is"]].to_numpy("float32"), one_hot(frame.word)], 1)
    np.testing.assert_array_equal(x, due.astype("float32"))
    np.testing.assert_array_equal(y, frame.y.to_numpy("int64"))
    assert (flow.n, flow.columns) == (ROWS, list(frame.columns))


@given(
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=3),
    block=st.integers(1, 90),
    batch_size=st.integers(1, 120),
    shuffle=st.booleans(),
    split=st.sampled_from([0, 0.3]),
)
@settings(max_examples=25, deadline=None)
def test_each_row_once_an_epoch(
    tmp_path_factory: Any,
    sizes: list[int],
    block: int,
    batch_size: int,
    shuffle: bool,
    split: float,
) -> None:
    folder = tmp_path_factory.mktemp("once")
    firsts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    paths = [
        write(
            folder / f"{number}.{'parquet' if number % 2 else 'arrow'}",
            frame_of(size, first),
            block,
        )
        for number, (size, first) in enumerate(zip(sizes, firsts[:-1], strict=True))
    ]
    ids: list[int] = []
    for subset in ["validation", "training"] if split else [None]:
        if subset == "validation" and not int(split * firsts[-1]):
            continue
        with flow_from_parquet(
            paths, "id", batch_size=batch_size, shuffle=shuffle, seed=1, workers=0, dtype="int64",
            validation_split=split, subset=subset,
        ) as flow:  # fmt: skip
            ids += np.concatenate(list(flow.epoch())).tolist()
    assert sorted(ids) == list(range(firsts[-1]))
    if not shuffle:
        assert ids == sorted(ids)


@pytest.mark.filterwarnings("ignore:batches of rows are asked for here and there")
@pytest.mark.parametrize(
    ("workers", "shuffle"),
    [(2, True)]
    + [pytest.param(*each, marks=pytest.mark.heavy) for each in [(5, True), (2, False)]],
)
def test_batches_are_the_same_for_any_workers_and_any_way(
    path: Path, tmp_path: Path, workers: int, shuffle: bool
) -> None:
    due = epochs_of(flow_of(path, shuffle=shuffle))
    assert_equal(epochs_of(flow_of(path, shuffle=shuffle, workers=workers)), due)
    with flow_of(path, shuffle=shuffle) as flow:
        order = np.random.RandomState(0).permutation(len(flow)).tolist()
        assert_equal([flow[index] for index in order], [due[index] for index in order])
    for _ in range(2):
        cached = flow_of(path, shuffle=shuffle, workers=workers, cache=tmp_path / "columns")
        assert_equal(epochs_of(cached), due)
    assert cached.cache_info().cached == ROWS
    again = pickle.loads(pickle.dumps(flow_of(path, shuffle=shuffle)))
    assert_equal(epochs_of(again), due)


def test_epochs_differ_and_seeds_repeat(path: Path) -> None:
    first, second = epochs_of(flow_of(path)), epochs_of(flow_of(path))
    assert_equal(first, second)
    half = len(first) // 2
    assert any((a[0] != b[0]).any() for a, b in zip(first[:half], first[half:], strict=True))


def test_weights_and_whole_batches(path: Path) -> None:
    with flow_from_parquet(
        path, {"one": "a", "two": ["id", "is"]}, "y", sample_weight="a", batch_size=300,
        drop_remainder=True, workers=0,
    ) as flow:  # fmt: skip
        batches = list(flow.epoch())
    assert len(batches) == 3
    x, _, weights = batches[0]
    assert x["two"].shape == (300, 2)
    np.testing.assert_array_equal(x["one"], weights)


# What columns hold


def values_of(tmp_path: Path, column: Any, dtype: str, **arguments: Any) -> np.ndarray:
    path = tmp_path / "one.parquet"
    parquet.write_table(pa.table({"x": column}), path)
    with flow_from_parquet(path, "x", dtype=dtype, batch_size=100, workers=0, **arguments) as flow:
        return next(flow)


def test_kinds_of_columns(tmp_path: Path) -> None:
    big = 2**53 + 1
    for column, dtype, due in [
        (pa.array([1, None, 3]), "float32", [1, np.nan, 3]),
        (pa.array([1.5, None], "float32"), "float64", [1.5, np.nan]),
        (pa.array([True, False]), "int8", [1, 0]),
        (pa.array([True, None]), "float32", [1, np.nan]),
        (pa.array([1, 0]), "bool", [True, False]),
        (pa.array([big, -big]), "int64", [big, -big]),
        (pa.array([2**64 - 1], "uint64"), "uint64", [2**64 - 1]),
        (pa.array([Decimal("1.25"), None]), "float32", [1.25, np.nan]),
        (pa.array([3, 4, 3]).dictionary_encode(), "int32", [3, 4, 3]),
        (pa.array([3.0, 4.0]), "int32", [3, 4]),
        (pa.array(["ab", None, "c"]), "U4", ["ab", "", "c"]),
        (pa.array(["ab", "c"]).dictionary_encode(), "U4", ["ab", "c"]),
    ]:
        found = values_of(tmp_path, column, dtype)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, np.asarray(due, dtype))


@pytest.mark.parametrize(
    ("column", "dtype", "message"),
    [
        (pa.array([1, 300]), "int8", "row 1, column 'x': 300 does not fit into int8"),
        (pa.array([1, -1]), "uint64", "row 1, column 'x': -1 does not fit into uint64"),
        (pa.array([2**64 - 1], "uint64"), "int64", "does not fit into int64"),
        (pa.array([1.0, 1.5]), "int32", "row 1, column 'x': 1.5 does not fit into int32"),
        (pa.array([2, 1]), "bool", "row 0, column 'x': 2 does not fit into bool"),
        (pa.array([1, None]), "int32", "row 1, column 'x': a value is missing"),
        (pa.array([1.0, float("nan")]), "int32", "row 1, column 'x': nan does not fit"),
        (pa.array(["a"]), "float32", "column 'x': it holds string, no numbers; see preprocess="),
        (pa.array([[1]]), "float32", "column 'x': it holds list"),
        (pa.array([datetime.date.today()]), "float32", "column 'x': it holds date32"),
        (pa.array([1]), "U4", "column 'x': it holds int64, no text"),
        (pa.array(["long"]), "U3", "row 0, column 'x'"),
    ],
)
def test_nothing_is_rounded_to_fit(tmp_path: Path, column: Any, dtype: str, message: str) -> None:
    with pytest.raises(ParquetReadError) as caught:
        values_of(tmp_path, column, dtype)
    assert message in str(caught.value) and "one.parquet" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_functions_get_what_the_column_holds(tmp_path: Path) -> None:
    days = pa.array([datetime.datetime(2024, 1, day) for day in (1, 2, 3)])
    found = values_of(tmp_path, days, "float32", preprocess={"x": lambda days: days.dt.day})
    assert found.tolist() == [1, 2, 3]
    lists = pa.array([[1, 2], [3, 4]])
    found = values_of(tmp_path, lists, "float32", preprocess={"x": lambda rows: np.stack(rows)})
    assert found.tolist() == [[1, 2], [3, 4]]


def test_a_bad_row_fails_its_own_batch(tmp_path: Path) -> None:
    frame = frame_of()
    frame.loc[700, "a"] = np.inf
    path = write(tmp_path / "bad.parquet", frame)

    def refuse(values: Any) -> Any:
        if np.isinf(values).any():
            raise ValueError("infinite")
        return values

    for cache in (None, tmp_path / "columns"):
        flow = flow_from_parquet(
            path, "a", batch_size=10, preprocess={"a": refuse}, cache=cache, workers=0
        )
        for index in range(len(flow)):
            if index != 70:
                assert len(flow[index]) == 10
        with pytest.raises(ValueError, match="infinite") as caught:
            flow[70]
        assert any("row 700" in note for note in caught.value.__notes__)


# Files that are none, or others than they were


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    text = tmp_path / "text.parquet"
    text.write_text("a,b\n1,2\n")
    with pytest.raises(ParquetReadError, match="neither Parquet nor Arrow: it begins with"):
        flow_from_parquet(text, "a")
    old = tmp_path / "old.feather"
    old.write_bytes(b"FEA1 and so on")
    with pytest.raises(ParquetReadError, match="Feather of version 1"):
        flow_from_parquet(old, "a")
    torn = write(tmp_path / "torn.parquet", frame_of())
    os.truncate(torn, torn.stat().st_size // 2)
    with pytest.raises(ParquetReadError, match=r"torn\.parquet"):
        flow_from_parquet(torn, "a")
    empty = write(tmp_path / "empty.parquet", frame_of(0))
    with pytest.raises(ParquetReadError, match="there are no rows"):
        flow_from_parquet(empty, "a")
    with pytest.raises(FileNotFoundError):
        flow_from_parquet(tmp_path / "none.parquet", "a")
    with pytest.raises(IsADirectoryError, match=r"\*\.parquet"):
        flow_from_parquet(tmp_path, "a")
    one, other = write(tmp_path / "1.parquet", frame_of()), tmp_path / "2.parquet"
    write(other, frame_of()[["a", "id"]])
    with pytest.raises(ParquetReadError, match=r"2.parquet.*its columns \(a, id\) are not those"):
        flow_from_parquet([one, other], "a")
    with pytest.raises(
        ValueError, match=r"`x_cols`: there is no column 'words'. Did you mean 'word'"
    ):
        flow_from_parquet(one, "words")
    with pytest.raises(TypeError, match="`cache` must be the path"):
        flow_from_parquet(one, "id", cache=3)
    with pytest.raises(TypeError, match="sep"):
        flow_from_parquet(one, "id", sep=",")  # type: ignore[call-arg]


def test_a_file_that_changes_is_an_error(path: Path) -> None:
    flow = flow_of(path, shuffle=False)
    next(flow)
    write(path, frame_of(ROWS, 5))
    with pytest.raises(ParquetReadError, match="has changed since it was opened"):
        for _ in range(len(flow)):
            next(flow)


def test_a_changed_file_is_cached_anew(path: Path, tmp_path: Path) -> None:
    epochs_of(flow_of(path, cache=tmp_path / "columns"))
    write(path, frame_of(ROWS, 5))
    due = epochs_of(flow_of(path))
    assert_equal(epochs_of(flow_of(path, cache=tmp_path / "columns")), due)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "data.parquet", frame_of())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'pip install "keras-augflow\[parquet\]"'):
        flow_from_parquet(path, "a")
