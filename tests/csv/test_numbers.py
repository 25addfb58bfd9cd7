"""Numbers in CSV text: one row, one verdict, whatever stands beside it."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow import CsvReadError, flow_from_csv
from augflow.csv.numbers import PARSE_ERRORS, fault_of, parse_columns

TOKENS = [
    *("0", "1", "-0", "7", "7.0", "+12", " 5 ", "\t3", "007", "255", "256", "-128", "1e2", "1.5"),
    *("True", "TRUE", "true", "False", "FALSE", "fALSE", '"True"', "True ", '"1"', "yes", "x"),
    *("", '""', "NA", "nan", "NaN", "inf", "-Infinity", "1_000", "0x10", "1e", ".", '"1\n"'),
    *("9007199254740991", "9007199254740993", "9007199254740993.0", "-9007199254740993"),
    *("9223372036854775807", "9223372036854775808", "18446744073709551615"),
    *("18446744073709551616", "-9223372036854775809", "1e400", "0.1", "123456789.123456789"),
]
DTYPES = ["float32", "float64", "int8", "int32", "int64", "uint8", "uint64", "bool"]


def text_of(rows: list[tuple[str, ...]]) -> bytes:
    # A column more, so that no row is blank.
    return "".join(",".join([*row, "0"]) + "\n" for row in rows).encode()


def parsed(rows: list[tuple[str, ...]], dtypes: list[str]) -> list[np.ndarray] | None:
    """The columns; None where they cannot be read."""
    kinds: dict[int, np.dtype | None] = {n: np.dtype(kind) for n, kind in enumerate(dtypes)}
    try:
        found = parse_columns(text_of(rows), ",", len(rows), kinds)
    except PARSE_ERRORS:
        return None
    assert [found[number].dtype.name for number in kinds] == dtypes
    return [found[number] for number in kinds]


@given(data=st.data(), dtypes=st.lists(st.sampled_from(DTYPES), min_size=1, max_size=3))
@settings(max_examples=400)
def test_each_row_is_judged_by_itself(data: st.DataObject, dtypes: list[str]) -> None:
    # Few kinds of values a column: with all of them, hardly anything could ever be read.
    columns = [
        st.sampled_from(data.draw(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=4)))
        for _ in dtypes
    ]
    rows = data.draw(st.lists(st.tuples(*columns), min_size=1, max_size=12))
    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=3))})
    alone = [parsed([row], dtypes) for row in rows]
    for start, stop in pairwise(cuts):
        together = parsed(rows[start:stop], dtypes)
        singles = alone[start:stop]
        if any(single is None for single in singles):
            assert together is None
            continue
        assert together is not None
        for number, values in enumerate(together):
            expected = np.concatenate([single[number] for single in singles if single is not None])
            np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("token", TOKENS)
def test_what_a_value_is_by_itself(token: str, dtype: str) -> None:
    found = parsed([(token,)], [dtype])
    frame = pd.read_csv(io.BytesIO(text_of([(token,)])), header=None, dtype=str)
    text = frame.iat[0, 0]
    expected: Any
    if dtype.startswith("float"):
        try:
            expected = pd.read_csv(io.BytesIO(text_of([(token,)])), header=None, dtype={0: dtype})
        except ValueError:
            expected = None
        else:
            expected = expected[0].to_numpy()
    else:
        expected = whole(text)
        low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if expected is not None:
            expected = [expected] if low <= expected <= high else None
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_array_equal(found[0], expected)
    else:
        assert ("is missing" in fault_of(text, np.dtype(dtype))) == (text != text)


def whole(text: Any) -> int | None:
    """The whole number that a text is, by Python's own rules."""
    if not isinstance(text, str) or "_" in text:
        return None
    if text.lower() in ("true", "false"):
        return int(text.lower() == "true")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if abs(value) < 2**53 and value == int(value) else None


@pytest.mark.parametrize("batch_size", [1, 3, 40])
@pytest.mark.parametrize("workers", [0, 2])
def test_large_integers_are_exact_beside_floats(
    tmp_path: Path, batch_size: int, workers: int
) -> None:
    path = tmp_path / "ids.csv"
    ids = [2**53 + 1, 7, 2**62 + 1] * 40
    path.write_text("id\n" + "".join(f"{n}.0\n" if n == 7 else f"{n}\n" for n in ids))
    with flow_from_csv(path, "id", dtype="int64", batch_size=batch_size, workers=workers) as flow:
        assert np.concatenate([next(flow) for _ in range(len(flow))]).tolist() == ids


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
def test_truth_values_and_numbers_in_one_column(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "flags.csv"
    path.write_text("flag\n" + "True\n0\nfalse\n1\n" * 30 + "maybe\n" + "True\n" * 20)
    flow = flow_from_csv(path, "flag", dtype=dtype, batch_size=20, workers=0)
    first = next(flow)
    assert (first.tolist(), first.dtype) == ([1, 0, 0, 1] * 5, dtype)
    with pytest.raises(CsvReadError, match="line 122, column 'flag': 'maybe' cannot be read"):
        flow[6]


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ("300", "int8", "'300' cannot be read as int8: it does not fit"),
        ("2", "bool", "'2' cannot be read as bool: it does not fit"),
        ("1.5", "int64", "'1.5' cannot be read as int64: it is no whole number"),
        ("inf", "int64", "'inf' cannot be read as int64: it is no whole number"),
        ("1e300", "int64", "above 2[*][*]53 only digits alone say"),
        ("two", "int64", "'two' cannot be read as int64; for other columns .* preprocess="),
        ("two", "float32", "'two' cannot be read as float32; for other columns .* preprocess="),
        ("", "uint8", "a value is missing, and uint8 has no NaN"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, value: str, dtype: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n" + "1,1\n" * 30 + f"{value},1\n" + "0,1\n" * 9)
    flow = flow_from_csv(path, "a", dtype=dtype, workers=0)
    with pytest.raises(CsvReadError, match=f"line 32, column 'a': .*{message}"):
        flow[0]
