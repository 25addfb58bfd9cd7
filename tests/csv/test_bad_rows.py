"""``flow_from_csv(on_error="skip")``: rows that cannot be read are left out, counted and named."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow import CsvReadError, flow_from_csv
from augflow.csv import index as csv_index
from augflow.csv import row_order as csv_order
from augflow.csv.numbers import PARSE_ERRORS, parse_columns, unreadable
from augflow.report import bad_rows

_BAD = ["x,1,dry", "5,6", "1,2,3,4", ",1,snow", "7.5,1,dry", "9999999999,1,dry"]
_TOKENS = ["1", "-2", "3.5", "1e3", "1e400", "", "NA", "nan", "inf", "True", "FALSE", " 4", "5 ",
           "0x1f", "1_000", "1,5", "abc", "9007199254740993", "300", "-129", "7.0", "+8", "--1",
           "\u0663", ".", "1.", ".5", "1e", "None", 'a"b']  # fmt: skip


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of some rows and groups of some blocks, so that small files have many."""
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_order, "_GROUP_BYTES", 1000)
    monkeypatch.setattr(csv_order, "_FEWEST_BLOCKS_A_GROUP", 2)


def write_file(path: Path, bad: dict[int, str], rows: int = 600) -> list[int]:
    """Rows whose first column is their number, but for bad ones; the numbers of the good ones."""
    lines = [bad.get(row, f"{row},{row * 2},dry") for row in range(rows)]
    path.write_text("id,y,word\n" + "\n".join(lines) + "\n")
    return [row for row in range(rows) if row not in bad]


def ids_of(batches: list[Any]) -> list[int]:
    return [int(number) for batch in batches for number in batch[0]]


@given(
    texts=st.lists(st.sampled_from(_TOKENS), min_size=1, max_size=8),
    dtype=st.sampled_from(["float32", "float64", "int8", "int64", "uint16", "bool"]),
)
@settings(max_examples=150, deadline=None)
def test_unreadable_is_what_cannot_be_parsed(texts: list[str], dtype: str) -> None:
    kind = np.dtype(dtype)
    lines = ['"' + text.replace('"', '""') + '",0\n' for text in texts]
    expected = []
    for line in lines:
        try:
            parse_columns(line.encode(), ",", 1, {0: kind})
            expected.append(False)
        except PARSE_ERRORS:
            expected.append(True)
    series = parse_columns("".join(lines).encode(), ",", len(lines), {0: None})[0]
    assert unreadable(series, kind).tolist() == expected


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_bad_rows_are_left_out_and_named(tmp_path: Path, workers: int, shuffle: bool) -> None:
    path = tmp_path / "data.csv"
    bad = {50 + 90 * number: line for number, line in enumerate(_BAD)}
    good = write_file(path, bad)
    reading: dict[str, Any] = {"dtype": "int32", "batch_size": 32, "seed": 3, "shuffle": shuffle}
    with pytest.raises(CsvReadError, match="line 142: 2 fields where 3 are expected"):
        flow_from_csv(path, "id", "y", workers=workers, **reading)
    with flow_from_csv(path, "id", "y", on_error="skip", workers=workers, **reading) as flow:
        assert (flow.n, len(flow)) == (600, 19)
        with pytest.warns(
            UserWarning, match=r"6 row\(s\) could not be read .*in epoch 1: "
        ) as told:
            batches = [next(flow) for _ in range(len(flow))]
        assert len(told) == 1 and "data.csv, line " in str(told[0].message)
        ids = ids_of(batches)
        assert sorted(ids) == good and (shuffle or ids == good)
        assert all((ids_and_y[1] == ids_and_y[0] * 2).all() for ids_and_y in batches)
        lines = {f"{path}, line {row + 2}" for row in bad}
        assert set(flow.bad_rows) == lines
        assert "'x' cannot be read as int32" in flow.bad_rows[f"{path}, line 52"]
        assert "4 fields where 3" in flow.bad_rows[f"{path}, line 232"]
        with pytest.warns(UserWarning, match="in epoch 2"):
            again = ids_of([next(flow) for _ in range(len(flow))])
        assert sorted(again) == good and (again == ids) == (not shuffle)
        # By index, where batches are parsed by themselves.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            order = np.random.default_rng(0).permutation(len(flow)).tolist()
            by_index = {index: flow[index] for index in order}
        assert ids_of([by_index[index] for index in range(len(flow))]) == again
    # What was noted of malformed rows does not hide them from others.
    with pytest.raises(CsvReadError, match="line 142: 2 fields where 3 are expected"):
        flow_from_csv(path, "id", "y", workers=0)


def test_batches_without_bad_rows_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    write_file(path, {100: "x,1,dry"})
    reading: dict[str, Any] = {"batch_size": 32, "seed": 3, "shuffle": True, "workers": 0}
    with flow_from_csv(path, "y", on_error="skip", **reading) as flow:
        skipping = [flow[index].tolist() for index in range(len(flow))]
    strict = flow_from_csv(path, "y", **reading)
    assert skipping == [strict[index].tolist() for index in range(len(strict))]


def test_words_that_no_encoding_knows_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"id,word\n" + b"1,tea\n" * 30 + b"2,caf\xe9\n" + b"3,tea\n" * 30)
    flow = flow_from_csv(
        path, {"id": "id", "word": "word"}, dtype={"word": "U4"}, on_error="skip",
        batch_size=61, workers=0,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="1 row"):
        batch = flow[0]
    assert batch["id"].tolist() == [1] * 30 + [3] * 30
    assert set(batch["word"]) == {"tea"}
    assert "no UTF-8" in flow.bad_rows[f"{path}, line 32"]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_of_bad_rows_alone(tmp_path: Path, shuffle: bool) -> None:
    path = tmp_path / "data.csv"
    good = write_file(path, {row: "x,1,dry" for row in range(300, 340)})
    flow = flow_from_csv(
        path, "id", "y", on_error="skip", batch_size=2, shuffle=shuffle, seed=0, workers=0
    )
    if shuffle:
        # Another batch stands in for one that holds nothing else.
        with pytest.warns(UserWarning, match="another batch of the epoch was handed over"):
            assert set(ids_of([next(flow) for _ in range(len(flow))])) == set(good)
    else:
        for _ in range(150):
            next(flow)
        with pytest.raises(CsvReadError, match=r"line 302: .*None of the 2 row\(s\)"):
            next(flow)


def test_of_many_bad_rows_only_the_first_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bad_rows, "_MOST_KEPT", 100)
    path = tmp_path / "data.csv"
    good = write_file(path, {row: "x,1,dry" for row in range(0, 6000, 2)}, rows=6000)
    flow = flow_from_csv(path, "id", "y", on_error="skip", batch_size=10, workers=0)
    with pytest.warns(UserWarning, match=r"3,000 row\(s\) could not be read"):
        assert ids_of([next(flow) for _ in range(len(flow))]) == good
    assert len(flow.bad_rows) == 100
