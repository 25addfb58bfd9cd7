"""Columns of CSV text as numbers: parsed by pandas, and each row judged by itself.

What ``pandas.read_csv`` makes of a value depends on its neighbours: ``7.0`` turns a whole column
of integers into floats, which hold them exactly only up to 2**53, and ``True`` is a number among
truth values but not beside ``0``. Rows here are read in many different companies (units, batches,
parts of batches), which must not show. So what pandas infers is taken only where it cannot differ
from what each value is by itself; other columns are read again, as text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

# What pandas raises for a value that does not fit; its own types are ValueErrors.
PARSE_ERRORS = (ValueError, OverflowError)

# pandas reads them in any case of letters.
_TRUTHS = {"true": 1, "false": 0}
_WHOLE = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*")
# All whole numbers below have a float64 of their own.
_EXACT = 2.0**53


def parse_columns(
    text: bytes,
    separator: str,
    rows: int,
    dtypes: dict[int, np.dtype | None],
    encoding: str = "utf-8",
) -> dict[int, Any]:
    """Some columns of rows without a header.

    Args:
        text: the rows.
        separator: one ASCII character.
        rows: how many they are.
        dtypes: for each column, by its number from 0, a dtype of kind f, i, u or b; None for
            strings.
        encoding: of the text; what it cannot decode is replaced.

    Returns:
        By the number of the column an array of its dtype, or a ``pandas.Series`` of strings
        with NaN where one is missing; of shape (rows,).

    Raises:
        ValueError, OverflowError: one of the rows cannot be read. Whether a row can be read
            does not depend on the others.
    """

    strings = {number: str for number, dtype in dtypes.items() if dtype is None}
    numbers = {number: dtype for number, dtype in dtypes.items() if dtype is not None}
    floats = {number: dtype for number, dtype in numbers.items() if dtype.kind == "f"}
    wholes = {number: dtype for number, dtype in numbers.items() if dtype.kind != "f"}
    inferred = dict.fromkeys(wholes)
    found: dict[int, Any] = {}
    if encoding != "utf-8" and strings:
        # Many times faster than to let pandas decode it.
        text = text.decode(encoding, "replace").encode()

    def read(kinds: dict[int, Any]) -> Any:
        return _read(text, separator, rows, kinds)

    try:
        frame = read(strings | floats | inferred)
        found = {number: frame[number].to_numpy() for number in floats}
    except PARSE_ERRORS:
        if not floats:
            raise
        frame = read(strings | dict.fromkeys(floats, str) | inferred)
        found = {number: _floats(frame[number], dtype) for number, dtype in floats.items()}
    found |= {number: frame[number] for number in strings}
    found |= _wholes(frame, wholes, read)
    return found


def fault_of(value: Any, dtype: np.dtype) -> str:
    """Why a value cannot be read.

    Args:
        value: its text; NaN where it is missing.
        dtype: what it was to be.
    """
    if not isinstance(value, str):
        return f"a value is missing, and {dtype.name} has no NaN as float dtypes have"
    what = f"{value!r} cannot be read as {dtype.name}"
    try:
        number = _floats(_series([value]), np.dtype(float))[0]
    except PARSE_ERRORS:
        return f"{what}; for other columns than numbers see preprocess="
    if not np.isfinite(number) or number != np.trunc(number):
        return f"{what}: it is no whole number"
    if _WHOLE.fullmatch(value) or abs(number) < _EXACT:
        return f"{what}: it does not fit"
    return f"{what}: above 2**53 only digits alone say exactly which number is meant"


def unreadable(texts: Any, dtype: np.dtype) -> np.ndarray:
    """Which texts ``parse_columns`` does not read as a dtype: a bool array of shape (rows,).

    Args:
        texts: a ``pandas.Series`` of strings, NaN where one is missing.
        dtype: of kind f, i, u or b.
    """
    import pandas as pd

    values = pd.to_numeric(texts, errors="coerce").to_numpy(float)
    suspects = np.isnan(values)
    if dtype.kind == "f":
        suspects &= texts.notna().to_numpy(bool)
    else:
        low, high = _range(dtype)
        with np.errstate(invalid="ignore"):
            suspects |= (values != np.trunc(values)) | (np.abs(values) >= _EXACT)
            suspects |= (values < low) | (values > high)
    wrong = np.zeros(len(texts), bool)
    # The same few words stand for what is missing in all of a file.
    verdicts: dict[str, bool] = {}
    for place in np.flatnonzero(suspects).tolist():
        text = texts.iat[place]
        if not isinstance(text, str):
            wrong[place] = True
            continue
        if text not in verdicts:
            verdicts[text] = not _is_readable(text, dtype)
        wrong[place] = verdicts[text]
    return wrong


def _is_readable(text: str, dtype: np.dtype) -> bool:
    quoted = '"' + text.replace('"', '""') + '"\n'
    try:
        parse_columns(quoted.encode(), ",", 1, {0: dtype})
    except PARSE_ERRORS:
        return False
    return True


def _read(text: bytes, separator: str, rows: int, kinds: dict[int, Any]) -> Any:
    """A frame of columns with the given dtypes; those with None are inferred."""
    import pandas as pd

    frame = pd.read_csv(
        io.BytesIO(text),
        sep=separator,
        header=None,
        index_col=False,
        usecols=sorted(kinds),
        dtype={number: kind for number, kind in kinds.items() if kind is not None},
        engine="c",
        low_memory=False,
        encoding_errors="replace",
    )
    if len(frame) != rows:
        raise ValueError(f"pandas read {len(frame)} rows where {rows} were expected")
    return frame


def _series(values: Any) -> Any:
    import pandas as pd

    return pd.Series(values, dtype=object)


def _floats(texts: Any, dtype: np.dtype) -> np.ndarray:
    """Floats from text, with truth values among them: by the same parser, for the same digits."""
    numbers = _series([_TRUTHS.get(text.lower(), text) if isinstance(text, str) else text
                       for text in texts])  # fmt: skip
    again = numbers.to_csv(index=False, header=False).encode()
    return _read(again, ",", len(numbers), {0: dtype})[0].to_numpy()  # type: ignore[no-any-return]


def _wholes(
    frame: Any, dtypes: dict[int, np.dtype], read: Callable[[dict[int, Any]], Any]
) -> dict[int, np.ndarray]:
    """Columns of integers and truth values, from what pandas took them for or from their text."""
    found = {number: _cast(frame[number].to_numpy(), dtype) for number, dtype in dtypes.items()}
    unclear = [number for number, values in found.items() if values is None]
    if unclear:
        texts = read(dict.fromkeys(unclear, str))
        found |= {number: _from_text(texts[number], dtypes[number]) for number in unclear}
    return {number: values for number, values in found.items() if values is not None}


def _cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """What pandas inferred as the dtype that is wanted; None where the text must tell."""
    if values.dtype == dtype:
        return values
    if values.dtype.kind == "f":
        # A NaN compares as False.
        if not np.abs(values).max() < _EXACT or (values != np.trunc(values)).any():
            return None
        values = values.astype(np.int64)
    if values.dtype.kind not in "iub":
        return None
    low, high = _range(dtype)
    if int(values.min()) < low or int(values.max()) > high:
        return None
    return values.astype(dtype, copy=False)


def _from_text(texts: Any, dtype: np.dtype) -> np.ndarray:
    """Each text by itself."""
    numbers: list[int] = []
    others: list[tuple[int, str]] = []
    for text in texts:
        if not isinstance(text, str):
            raise ValueError("a value is missing")
        truth = _TRUTHS.get(text.lower())
        if truth is not None:
            numbers.append(truth)
        elif _WHOLE.fullmatch(text):
            numbers.append(int(text))
        else:
            others.append((len(numbers), text))
            numbers.append(0)
    if others:
        values = _floats(_series([text for _, text in others]), np.dtype(float))
        whole = _cast(values, np.dtype(np.int64))
        if whole is None:
            raise ValueError("a value is no whole number")
        for (place, _), value in zip(others, whole.tolist(), strict=True):
            numbers[place] = value
    low, high = _range(dtype)
    if min(numbers) < low or max(numbers) > high:
        raise ValueError(f"a value does not fit into {dtype.name}")
    return np.asarray(numbers, dtype)


def _range(dtype: np.dtype) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
