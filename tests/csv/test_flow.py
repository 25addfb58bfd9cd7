"""``flow_from_csv``: the same rows as pandas, each once an epoch, in any way of reading."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augflow
from augflow import CsvReadError, flow_from_csv
from augflow.csv import index as csv_index
from augflow.csv import row_order as csv_order
from augflow.csv.row_order import CsvOrder, most_rows_of_unit

ROWS = 1000


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of some rows and groups of some blocks, so that small files have many."""
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_order, "_GROUP_BYTES", 1000)
    monkeypatch.setattr(csv_order, "_FEWEST_BLOCKS_A_GROUP", 2)


def make_frame(rows: int = ROWS, first: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(first)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            "a": draw.normal(size=rows).round(4),
            "b": draw.normal(size=rows).round(4),
            "word": draw.choice(["red", 'gr"een', "blue\nsky"], rows),
            "y": draw.integers(0, 3, rows),
        }
    )


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    make_frame().to_csv(path, index=False)
    return path


def epoch_of(flow: Any) -> list[Any]:
    return [next(flow) for _ in range(len(flow))]


def ids_of(batches: list[Any]) -> list[int]:
    return np.concatenate([np.atleast_1d(batch) for batch in batches]).astype(int).tolist()


# Which rows


@given(
    first=st.integers(0, 60),
    rows=st.integers(1, 300),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    group=st.integers(1, 20),
    row_bytes=st.sampled_from([0, 4, 1 << 20, 5 << 20]),
    cut=st.integers(1, 50),
    shuffle=st.booleans(),
)
@settings(max_examples=300)
def test_an_order_holds_each_row_once(
    first: int,
    rows: int,
    sizes: list[int],
    group: int,
    row_bytes: int,
    cut: int,
    shuffle: bool,
) -> None:
    borders = np.concatenate([[0], np.cumsum(sizes)])
    stop = min(first + rows, int(borders[-1]))
    first = min(first, stop - 1)
    most = most_rows_of_unit(row_bytes, borders, group)
    order = CsvOrder(first, borders, group, most)(stop - first, shuffle, 1)[0]
    whole = np.asarray(order)
    assert sorted(whole.tolist()) == list(range(first, stop))
    parts = [order[start : start + cut] for start in range(0, len(order), cut)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    # What a worker draws by itself is the same, whichever part of it is asked for.
    drawn = [order.drawn(start, min(start + cut, len(order)))
             for start in range(0, len(order), cut)]  # fmt: skip
    for part, rows_of_part in zip(drawn, parts, strict=True):
        assert np.asarray(part).tolist() == rows_of_part.tolist()
        assert np.asarray(part[1:3]).tolist() == rows_of_part[1:3].tolist()
        spans, places = pickle.loads(pickle.dumps(part)).to_read()
        assert len(spans) == len(part) == len(rows_of_part)
        taken = spans.rows() if places is None else spans.rows()[places]
        assert taken.tolist() == rows_of_part.tolist()
    # Units cut the epoch into parts that hold something, and not too much.
    assert order.units[0] == 0 and order.units[-1] == len(order)
    assert (np.diff(order.units) > 0).all()
    assert np.diff(order.units).max() <= most
    assert most * row_bytes <= 16 << 20
    # What the batches are made of changes no order.
    other = CsvOrder(first, borders, group, 10**9)(stop - first, shuffle, 1)[0]
    assert np.asarray(other).tolist() == whole.tolist()


@pytest.mark.parametrize("blocks", [1, 15, 31, 32, 33, 63, 64, 97, 1000])
def test_no_group_is_a_small_rest(blocks: int) -> None:
    rows = 10
    order = CsvOrder(0, np.arange(blocks + 1) * rows, 32, 10**9)(blocks * rows, True, 0)[0]
    whole = np.asarray(order)
    # A group ends where rows of blocks begin that were not there before.
    places = np.searchsorted(np.sort(whole), whole) // rows
    firsts = np.unique(places, return_index=True)[1]
    lasts = blocks * rows - 1 - np.unique(places[::-1], return_index=True)[1]
    borders = [
        place for place in range(1, blocks * rows)
        if not ((firsts < place) & (lasts >= place)).any()
    ]  # fmt: skip
    sizes = np.diff([0, *borders, blocks * rows]) // rows
    assert sizes.min() >= min(blocks, 32)
    assert sizes.max() - sizes.min() <= 1


def test_units_are_cut_by_what_batches_take() -> None:
    borders = np.arange(65) * 10_000
    numbers = CsvOrder(0, borders, 32, most_rows_of_unit(4, borders, 32))(640_000, True, 0)[0]
    assert numbers.units.tolist() == [0, 640_000]
    most = most_rows_of_unit(4000, borders, 32)
    one_hot = CsvOrder(0, borders, 32, most)(640_000, True, 0)[0]
    assert np.diff(one_hot.units).max() * 4000 <= 16 << 20
    # Of even parts, each within one group.
    assert np.diff(one_hot.units).min() * 4000 > 15 << 20
    assert 320_000 in one_hot.units


@given(
    counts=st.lists(st.integers(1, 120), min_size=1, max_size=3),
    batch_size=st.integers(1, 90),
    shuffle=st.booleans(),
    split=st.sampled_from([0, 0.1, 0.5]),
)
@settings(max_examples=40)
def test_each_row_once_an_epoch(
    tmp_path_factory: pytest.TempPathFactory,
    counts: list[int],
    batch_size: int,
    shuffle: bool,
    split: float,
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    paths = []
    for number, count in enumerate(counts):
        paths.append(folder / f"{number}.csv")
        text = make_frame(count, sum(counts[:number])).to_csv(index=False)
        # The last lines of the files do not end.
        paths[-1].write_text(text.rstrip("\n"))
    total = sum(counts)
    border = int(total * split)
    parts = (
        {None: range(total)}
        if not border
        else {"validation": range(border), "training": range(border, total)}
    )
    for subset, expected in parts.items():
        flow = flow_from_csv(
            paths, "id", batch_size=batch_size, shuffle=shuffle, seed=5, workers=0,
            validation_split=split if subset else 0, subset=subset,
        )  # fmt: skip
        assert (flow.n, flow.samples) == (len(expected), len(expected))
        assert len(flow) == -(-len(expected) // batch_size)
        batches = [epoch_of(flow), epoch_of(flow)]
        for epoch in batches:
            assert [len(batch) for batch in epoch[:-1]] == [batch_size] * (len(flow) - 1)
            assert sorted(ids_of(epoch)) == list(expected)
        if not shuffle:
            assert ids_of(batches[0]) == list(expected)
        elif len(expected) > 20:
            assert ids_of(batches[0]) != ids_of(batches[1])


def test_shuffling_mixes_near_and_far(table_file: Path) -> None:
    flow = flow_from_csv(table_file, "id", batch_size=32, shuffle=True, seed=0, workers=0)
    order = np.asarray(ids_of(epoch_of(flow)))
    # Neighbours in the file are not neighbours in the epoch, and a batch has rows from all over.
    assert (np.abs(np.diff(order)) == 1).mean() < 0.1
    spreads = [np.ptp(order[start : start + 32]) for start in range(0, 960, 32)]
    assert np.median(spreads) > 0.3 * ROWS


# Every way of reading


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [pytest.param(7, marks=pytest.mark.heavy), 64, 400])
def test_batches_are_equal_for_any_workers_and_any_way(
    table_file: Path, shuffle: bool, batch_size: int
) -> None:
    frame = make_frame()
    expected = None
    for workers in (0, 1, 2, 5):
        settings = {"batch_size": batch_size, "shuffle": shuffle, "seed": 3, "workers": workers}
        with flow_from_csv(table_file, ["a", "b"], "id", **settings) as flow:
            epochs = [epoch_of(flow), epoch_of(flow)]
        if expected is None:
            expected = epochs
            for x, ids in epochs[0]:
                rows = frame.iloc[ids.astype(int)]
                np.testing.assert_array_equal(x, rows[["a", "b"]].to_numpy(np.float32))
        with flow_from_csv(table_file, ["a", "b"], "id", **settings) as flow:
            mixed = list(range(len(flow)))
            np.random.default_rng(workers).shuffle(mixed)
            by_index = {position: flow[position] for position in mixed}
            upwards = [flow[position] for position in range(len(flow))]
            flow.on_epoch_end()
            second = [flow[position] for position in range(len(flow))]
        for got in (epochs[0], [by_index[n] for n in range(len(flow))], upwards):
            assert_equal(got, expected[0])
        for got in (epochs[1], second):
            assert_equal(got, expected[1])


def assert_equal(got: list[Any], expected: list[Any]) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_a_batch_is_the_consumers_own(table_file: Path) -> None:
    flow = flow_from_csv(table_file, "id", batch_size=10, workers=0)
    first = flow[0]
    kept = first.copy()
    first[:] = -1
    flow[1]
    np.testing.assert_array_equal(flow[0], kept)


def test_counters_set_from_outside(table_file: Path) -> None:
    flow = flow_from_csv(table_file, "id", batch_size=10, shuffle=True, seed=1, workers=0)
    first = epoch_of(flow)
    flow.reset()
    flow.total_batches_seen = 0
    assert_equal([(x, x) for x in epoch_of(flow)], [(x, x) for x in first])
    flow.reset()
    for _ in range(60):
        next(flow)
    flow.n = 500
    # Keras begins anew where the flow has become shorter than the place it is at.
    assert [next(flow).tolist() for _ in range(2)] == [
        np.asarray(flow.index_array)[start : start + 10].tolist() for start in (100, 110)
    ]
    flow.n = ROWS
    flow.reset()
    next(flow)
    flow.index_array = np.arange(ROWS)[::-1]
    assert next(flow).tolist() == list(range(ROWS - 11, ROWS - 21, -1))
    direct = flow._get_batches_of_transformed_samples(np.asarray([5, 999, 0]))
    assert direct.tolist() == [5, 999, 0]
    flow.n = ROWS + 1
    with pytest.raises(ValueError, match="cannot be more than the rows"):
        flow.reset(), next(flow)


def test_reading_here_and_there_is_warned_of_once(table_file: Path) -> None:
    def flow() -> Any:
        return augflow.flow_from_csv(table_file, "id", batch_size=2, shuffle=True, workers=0)

    shuffled = flow()
    positions = np.random.RandomState(0).permutation(len(shuffled)).tolist()
    with pytest.warns(UserWarning, match="shuffle=True") as warned:
        for position in positions:
            shuffled[position]
    assert len(warned) == 1
    # In order, by next and by index, nothing is said.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_order = flow()
        for position in range(len(in_order)):
            in_order[position]
        epoch_of(flow())


@pytest.mark.parametrize("workers", [0, 2])
def test_little_data_is_parsed_once_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.undo()
    path = tmp_path / "little.csv"
    make_frame(3000).to_csv(path, index=False)
    with flow_from_csv(path, "id", batch_size=8, shuffle=True, seed=1, workers=workers) as flow:
        expected = epoch_of(flow)
    positions = np.random.RandomState(0).permutation(len(expected)).tolist()
    with flow_from_csv(path, "id", batch_size=8, shuffle=True, seed=1, workers=workers) as flow:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for position in positions:
                np.testing.assert_array_equal(flow[position], expected[position])
        assert len(flow._units) == 1


def test_statistics_count_rows(table_file: Path) -> None:
    flow = flow_from_csv(table_file, "id", batch_size=30, workers=0)
    epoch_of(flow)
    assert f"{ROWS} rows in {len(flow)} batches" in str(flow.stats())


def test_a_flow_survives_pickling(table_file: Path) -> None:
    flow = flow_from_csv(table_file, "id", batch_size=10, shuffle=True, seed=1, workers=0)
    next(flow)
    copy = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(next(flow), next(copy))


# What a batch looks like


def test_the_forms_of_columns(table_file: Path) -> None:
    frame = make_frame()
    flow = flow_from_csv(
        table_file,
        {"user": "id", "numbers": ("a", "b")},
        {"one": ["y"], "two": "a"},
        batch_size=100,
        dtype={"id": "int64", "y": "int8"},
        workers=0,
    )
    inputs, targets = flow[2]
    rows = frame.iloc[200:300]
    shapes = {"user": (100,), "numbers": (100, 2), "one": (100, 1), "two": (100,)}
    assert {name: part.shape for name, part in (inputs | targets).items()} == shapes
    assert (inputs["user"].dtype, inputs["numbers"].dtype) == ("int64", "float32")
    assert targets["one"].dtype == "int8"
    np.testing.assert_array_equal(inputs["user"], rows["id"])
    np.testing.assert_array_equal(targets["one"][:, 0], rows["y"])
    np.testing.assert_array_equal(targets["two"], rows["a"].astype(np.float32))
    assert flow.columns == list(frame.columns)
    assert flow.paths == [str(table_file)]


def test_files_without_header_and_with_another_separator(tmp_path: Path) -> None:
    paths = [tmp_path / "1.tsv", tmp_path / "2.tsv"]
    for number, path in enumerate(paths):
        frame = make_frame(60, 60 * number)
        frame.to_csv(path, index=False, header=False, sep="\t", lineterminator="\r\n")
    flow = flow_from_csv(paths, [1, 2], 0, sep="\t", header=None, batch_size=120, workers=0)
    x, ids = flow[0]
    assert ids.tolist() == list(range(120))
    expected = pd.concat([make_frame(60), make_frame(60, 60)])[["a", "b"]].to_numpy(np.float32)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_preprocess_makes_numbers_of_text(table_file: Path, workers: int) -> None:
    words = ["red", 'gr"een', "blue\nsky"]

    def one_hot(series: pd.Series) -> np.ndarray:
        return (series.to_numpy()[:, None] == np.asarray(words, object)).astype(np.float32)

    with flow_from_csv(
        table_file, ["a", "word"], "word", preprocess={"word": one_hot}, shuffle=True, seed=1,
        batch_size=50, workers=workers,
    ) as flow:  # fmt: skip
        x, y = flow[3]
        rows = make_frame().iloc[flow.index_array[150:200]]
    assert (x.shape, y.shape) == ((50, 4), (50, 3))
    np.testing.assert_array_equal(x[:, 0], rows["a"].astype(np.float32))
    np.testing.assert_array_equal(y.argmax(axis=1), [words.index(word) for word in rows["word"]])
    np.testing.assert_array_equal(x[:, 1:], y)


def test_missing_values(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("a,b\n" + "1,2\n" * 50 + ",3\n\nNA,4\n" + "1,2\n" * 50)
    x = np.concatenate(list(epoch_of(flow_from_csv(path, "a", workers=0))))
    assert np.flatnonzero(np.isnan(x)).tolist() == [50, 51]
    flow = flow_from_csv(path, "a", dtype="int32", batch_size=10, workers=0)
    assert next(flow).tolist() == [1] * 10
    with pytest.raises(CsvReadError, match="line 52, column 'a': a value is missing") as caught:
        epoch_of(flow)
    assert (caught.value.line, caught.value.column) == (52, "a")


# What is wrong with a file


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_bad_value_is_named_with_its_line(tmp_path: Path, workers: int, shuffle: bool) -> None:
    path = tmp_path / "bad.csv"
    lines = ["id,text,a", *(f'{row},"two\nlines",{row}' for row in range(ROWS))]
    lines[701] = '700,"two\nlines",seven hundred'
    path.write_text("\n".join(lines))
    with flow_from_csv(
        path, ["id", "a"], shuffle=shuffle, seed=1, batch_size=16, workers=workers
    ) as flow:
        failed = []
        for position in range(len(flow)):
            try:
                flow[position]
            except CsvReadError as error:
                failed.append(position)
                found = error
        # Line 1 is the header, and each row has two.
        assert (found.path, found.line, found.column) == (str(path), 2 + 2 * 700, "a")
        assert "'seven hundred' cannot be read as float32" in str(found)
        # Only the batch that holds the row fails, though others are parsed with it.
        bad = flow.index_array[0:ROWS].tolist().index(700)
        assert failed == [bad // 16]


@pytest.mark.parametrize("value", ["300", "-1", "1.5", "x", "99999999999999999999"])
def test_values_that_an_int_dtype_cannot_hold(tmp_path: Path, value: str) -> None:
    path = tmp_path / "ints.csv"
    path.write_text("a\n" + "1\n" * 40 + value + "\n" + "2\n" * 40)
    with pytest.raises(CsvReadError, match=f"line 42, column 'a': '{value}' cannot be read"):
        epoch_of(flow_from_csv(path, "a", dtype="uint8", workers=0))


def test_text_where_numbers_are_expected_is_seen_at_once(table_file: Path) -> None:
    with pytest.raises(CsvReadError, match=r"line \d+, column 'word'.*preprocess="):
        flow_from_csv(table_file, ["a", "word"])


def test_files_of_different_columns(table_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("id,b,a\n1,2,3\n")
    with pytest.raises(CsvReadError, match=r"other.csv: its columns \(id, b, a\) are not those"):
        flow_from_csv([table_file, other], "a")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_changes_is_noticed(table_file: Path, workers: int) -> None:
    with flow_from_csv(table_file, "id", batch_size=400, workers=workers) as flow:
        next(flow)
        # As many rows, and all where they were.
        table_file.write_text(table_file.read_text().replace("red", "RED"))
        with pytest.raises(CsvReadError, match="changed since it was indexed"):
            epoch_of(flow), epoch_of(flow)
    make_frame(ROWS, 7).to_csv(table_file, index=False)
    assert flow_from_csv(table_file, "id", batch_size=2, workers=0)[0].tolist() == [7, 8]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x_cols": "aa"}, ValueError, "there is no column 'aa'. Did you mean 'a'"),
        ({"y_cols": ["y", "z"]}, ValueError, "`y_cols`: there is no column 'z'"),
        ({"x_cols": []}, ValueError, "`x_cols` is empty"),
        ({"x_cols": {}}, ValueError, "`x_cols` is empty"),
        ({"x_cols": None}, TypeError, "`x_cols` must be a column"),
        ({"x_cols": 1.5}, TypeError, "`x_cols` must be a column"),
        ({"dtype": "object"}, TypeError, "numeric dtype"),
        ({"dtype": "no"}, TypeError, "numeric dtype"),
        ({"dtype": None}, TypeError, "numeric dtype"),
        ({"dtype": {"b": None}}, TypeError, "numeric dtype"),
        ({"x_cols": {"a", "b"}}, TypeError, "A set has no order"),
        ({"x_cols": [["a"], "b"]}, ValueError, r"`x_cols`: there is no column \['a'\]"),
        ({"x_cols": {"1": "a", 1: "b"}}, ValueError, "two inputs of the name '1'"),
        ({"x_cols": 0}, ValueError, "there is no column 0"),
        ({"preprocess": len}, TypeError, "`preprocess` must be a dict"),
        ({"dtype": {"c": "int32"}}, ValueError, "`dtype`: there is no column 'c'"),
        ({"dtype": {"a": "int32"}, "x_cols": ["a", "b"]}, ValueError, "need one dtype"),
        ({"preprocess": {"c": len}}, ValueError, "`preprocess`: there is no column 'c'"),
        ({"preprocess": {"a": 1}}, TypeError, "`preprocess` must be a dict"),
        ({"x_cols": "word", "preprocess": {"word": len}}, ValueError, "one value a row"),
        ({"sep": ", "}, ValueError, "`sep` must be one ASCII character"),
        (
            {"sample_weight": "z", "y_cols": "y"},
            ValueError,
            "there is no column 'z'",
        ),
        ({"sample_weight": ["a"], "y_cols": "y"}, TypeError, "`sample_weight` must be a column"),
        ({"sample_weight": "a"}, ValueError, "give `y_cols`"),
        ({"sample_weight": {"z": "a"}, "y_cols": {"y": "y"}}, ValueError, "of the same keys"),
        ({"sample_weight": {"y": ["a"]}, "y_cols": {"y": "y"}}, ValueError, "one number a row"),
        (
            {"sample_weight": "word", "y_cols": "y", "dtype": {"word": "U9"}},
            ValueError,
            "one number a row",
        ),
        ({"drop_remainder": True, "batch_size": 1001}, ValueError, "leaves no batch"),
        ({"encoding": "utf-16"}, ValueError, "`encoding` must be"),
        ({"encoding": "cp037"}, ValueError, "`encoding` must be"),
        ({"encoding": "iso2022_jp"}, ValueError, "`encoding` must be"),
        ({"encoding": "klingon"}, ValueError, "`encoding` must be"),
        ({"encoding": None}, ValueError, "`encoding` must be"),
        ({"encoding": "gbk", "sep": "|"}, ValueError, "part of other characters"),
        ({"on_error": "ignore"}, ValueError, "`on_error` must be"),
        ({"on_error": "skip", "x_cols": "word"}, CsvReadError, "cannot be read as float32"),
        ({"x_cols": "word", "dtype": "U3"}, CsvReadError, "room for 3: dtype={'word'"),
        ({"dtype": "S5"}, TypeError, "one of text, as 'U16'"),
        ({"header": 3}, ValueError, "`header` must be"),
        ({"subset": "test"}, ValueError, "`subset` must be"),
        ({"subset": "validation"}, ValueError, "needs a `validation_split`"),
        ({"validation_split": 1}, ValueError, "below 1"),
        ({"validation_split": 0.2}, ValueError, 'needs subset="training" or'),
        ({"validation_split": 1e-6, "subset": "validation"}, ValueError, "of 1000 samples"),
        ({"workers": -1}, ValueError, "`workers` must be 0"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"path_or_paths": []}, ValueError, "empty list"),
        ({"path_or_paths": 3}, TypeError, "must be a path"),
        ({"path_or_paths": [3]}, TypeError, "must be a path"),
    ],
)
def test_arguments_that_cannot_be_used(
    table_file: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = {"path_or_paths": table_file, "x_cols": "a"} | arguments
    with pytest.raises(error, match=message):
        flow_from_csv(**given)


def test_columns_without_names_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("1,2\n3,4\n")
    with pytest.raises(ValueError, match=r"no column '0'. Did you mean 0\? Columns: 0, 1"):
        flow_from_csv(path, "0", header=None)
    for columns in (True, [0, np.True_], [1.0]):
        with pytest.raises((TypeError, ValueError), match=r"there is no column (np\.)?(True|1.0)"):
            flow_from_csv(path, columns, header=None)
    for argument in ("dtype", "preprocess"):
        named = {argument: {True: len if argument == "preprocess" else "int8"}}
        with pytest.raises(ValueError, match="there is no column True"):
            flow_from_csv(path, 0, header=None, **named)


# Paths


def test_paths_stay_right_elsewhere(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    flows = [
        flow_from_csv(place, "id", index_dir="indexes", workers=0)
        for place in ("data.csv", b"data.csv", Path("data.csv"), "~/data.csv", ["data.csv"])
    ]
    assert len(list((tmp_path / "indexes").iterdir())) == 1
    monkeypatch.chdir(elsewhere)
    for flow in flows:
        assert flow.paths == [str(table_file)]
        assert flow[3].tolist() == list(range(96, 128))


def test_what_is_no_file(table_file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"sorted\(glob\.glob\('.*/\*\.csv'\)\)"):
        flow_from_csv(str(tmp_path / "*.csv"), "a")
    with pytest.raises(FileNotFoundError, match=r"no file .*/none\.csv$"):
        flow_from_csv(tmp_path / "none.csv", "a")
    with pytest.raises(IsADirectoryError, match=r"is a directory; give the files in it"):
        flow_from_csv(tmp_path, "a")
    with table_file.open() as file, pytest.raises(TypeError, match="not an open file"):
        flow_from_csv(file, "a")


def test_a_header_alone_is_no_data(tmp_path: Path) -> None:
    path = tmp_path / "header.csv"
    path.write_text("a,b\n")
    with pytest.raises(CsvReadError, match="no rows besides the header"):
        flow_from_csv(path, "a")
    with pytest.raises(FileNotFoundError):
        flow_from_csv(tmp_path / "none.csv", "a")


# Beside Keras


def test_a_flow_of_csv_imports_no_framework(table_file: Path) -> None:
    script = (
        "import sys, augflow\n"
        f"flow = augflow.flow_from_csv({str(table_file)!r}, ['a', 'b'], 'y', workers=1)\n"
        "next(flow); next(flow); flow.close()\n"
        "assert not {'keras', 'tensorflow', 'torch'} & set(sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(augflow.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


@pytest.mark.heavy
@pytest.mark.parametrize("shuffle", [False, True])
def test_fit_sees_each_row_once(table_file: Path, shuffle: bool) -> None:
    keras = pytest.importorskip("keras")

    class Noted(keras.layers.Layer):
        """Keeps the sum of what it has seen in training."""

        def build(self, shape: Any) -> None:
            self.total = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any, training: bool = False) -> Any:
            if training:
                self.total.assign_add(keras.ops.sum(x))
            return x

    noted = Noted()
    model = keras.Sequential([keras.Input((1,)), noted, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with flow_from_csv(table_file, ["id"], "y", batch_size=48, shuffle=True, workers=2) as flow:
        model.fit(flow, epochs=2, verbose=0, shuffle=shuffle)
    assert float(noted.total.numpy()) == 2 * sum(range(ROWS))
