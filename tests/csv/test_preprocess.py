"""Functions for columns of text: whose row fails, and what may come out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import CsvReadError, flow_from_csv

ROWS = 400


@pytest.fixture
def word_file(tmp_path: Path) -> Path:
    path = tmp_path / "words.csv"
    path.write_text("n,word\n" + "".join(f"{row},{row}\n" for row in range(ROWS)))
    return path


def read_all(flow: Any) -> tuple[list[int], Exception]:
    """The numbers of the batches that fail, and the last of their errors."""
    failed, last = [], None
    for position in range(len(flow)):
        try:
            flow[position]
        except Exception as error:
            failed.append(position)
            last = error
    assert last is not None
    return failed, last


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_only_the_batch_of_a_bad_row_fails(word_file: Path, workers: int, shuffle: bool) -> None:
    def strict(series: pd.Series) -> np.ndarray:
        if (series == "205").any():
            raise KeyError("what is 205?")
        return series.astype(float).to_numpy()

    with flow_from_csv(
        word_file, "word", preprocess={"word": strict}, batch_size=10, workers=workers,
        shuffle=shuffle, seed=1,
    ) as flow:  # fmt: skip
        failed, error = read_all(flow)
        assert failed == [np.asarray(flow.index_array).tolist().index(205) // 10]
    assert isinstance(error, KeyError)
    notes = " ".join(error.__notes__)
    assert f"in the preprocess of column 'word': {word_file}, line 207" in notes


def test_a_unit_that_fails_is_tried_once(word_file: Path) -> None:
    sizes = []

    def strict(series: pd.Series) -> np.ndarray:
        sizes.append(len(series))
        if (series == "205").any():
            raise KeyError("what is 205?")
        return series.astype(float).to_numpy()

    flow = flow_from_csv(word_file, "word", preprocess={"word": strict}, batch_size=10, workers=0)
    failed, _ = read_all(flow)
    assert failed == [20]
    assert sizes.count(ROWS) == 1


def test_what_no_single_row_does(word_file: Path) -> None:
    def together(series: pd.Series) -> np.ndarray:
        if {"204", "207"} <= set(series):
            raise KeyError("not both")
        return series.astype(float).to_numpy()

    flow = flow_from_csv(word_file, "word", preprocess={"word": together}, batch_size=10, workers=0)
    failed, error = read_all(flow)
    assert failed == [20]
    assert f"of rows from {word_file}, line 202, to {word_file}, line 211" in error.__notes__[0]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int32", np.nan),
        ("int32", 1.7),
        ("int8", 300.0),
        ("uint8", -1),
        ("uint64", -1),
        ("int64", 2.0**63),
        ("bool", 2),
    ],
)
def test_what_a_dtype_cannot_hold_is_refused(word_file: Path, dtype: str, value: float) -> None:
    def function(series: pd.Series) -> np.ndarray:
        return np.where(series == "205", value, 1)

    flow = flow_from_csv(
        word_file, "word", dtype=dtype, preprocess={"word": function}, batch_size=10, workers=0
    )
    failed, error = read_all(flow)
    assert failed == [20]
    assert isinstance(error, CsvReadError)
    assert (error.path, error.line, error.column) == (str(word_file), 207, "word")
    assert f"which {dtype} cannot hold" in str(error)


@pytest.mark.parametrize("kind", [object, "U5"])
def test_strings_are_no_truth_values(word_file: Path, kind: Any) -> None:
    def function(series: pd.Series) -> np.ndarray:
        return np.asarray(["False"] * len(series), kind)

    with pytest.raises(CsvReadError, match=r"line 2, .* returned 'False', which bool cannot hold"):
        flow_from_csv(word_file, "word", dtype="bool", preprocess={"word": function}, workers=0)


def test_strings_and_objects_may_be_integers(word_file: Path) -> None:
    for function in (lambda s: s, lambda s: s.astype(int).astype(object)):
        flow = flow_from_csv(
            word_file, "word", dtype="int16", preprocess={"word": function}, workers=0
        )
        assert flow[1].tolist() == list(range(32, 64))


def test_characters_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    rows = [b"1,caf\xe9,\xe8", "2,\ufffd,é".encode(), b"3,tea,\xe9"] * 40
    path.write_bytes(b"n,word,other\n" + b"\n".join([*rows[1:3] * 10, *rows]) + b"\n")
    # Numbers beside it, and columns that nobody wants, stay readable.
    numbers = flow_from_csv(path, "n", batch_size=140, workers=0)[0]
    assert numbers.tolist() == [2, 3] * 10 + [1, 2, 3] * 40
    flow = flow_from_csv(
        path, "word", preprocess={"word": lambda words: words.str.len()}, batch_size=20, workers=0
    )
    # A replacement character that the file really holds is a character as any other.
    assert flow[0].tolist() == [1, 3] * 10
    with pytest.raises(CsvReadError, match=r"line 22, .*no UTF-8; encoding=") as caught:
        flow[1]
    assert caught.value.column == "word"
