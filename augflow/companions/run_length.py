"""Run-length encodings of masks, as competitions and COCO write them."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np


def decode_run_length(
    encoding: Any, shape: tuple[int, int] | None = None, order: str = "F"
) -> np.ndarray:
    """Decode the run-length encoding of one mask.

    Args:
        encoding: a text "start length start length ..." with starts from 1, as Kaggle's
            competitions write it; "", None, NaN or pandas.NA for an empty mask. Or COCO's
            dictionary with "size" (height, width) and "counts": a list of the lengths of
            alternating runs of 0 and 1, or its compressed text.
        shape: (height, width) of the mask in pixels; may be left out for COCO's dictionary.
        order: "F" (default): the pixels are numbered down the columns, as Kaggle and COCO do;
            "C": along the rows.

    Returns:
        uint8 of shape (height, width), 1 inside the runs and 0 elsewhere.

    Raises:
        ValueError: text that is no list of runs, runs outside of the shape, or no shape.
        TypeError: another kind of encoding.
    """
    if order not in ("F", "C"):
        raise ValueError(f'`order` must be "F" or "C". Received: {order!r}')
    shape = None if shape is None else _checked_shape("shape", shape)
    if isinstance(encoding, Mapping):
        if "size" not in encoding or encoding.get("counts") is None:
            raise ValueError(
                'COCO\'s dictionary has "size" (height, width) and "counts". Received: '
                f"{dict(encoding)!r}"
            )
        size = _checked_shape("size", encoding["size"])
        if shape is not None and shape != size:
            raise ValueError(f"expected a mask of shape {shape}, the encoding says {size}")
        return _fill_counts(_counts_of(encoding["counts"]), size).reshape(size, order="F")
    if shape is None:
        raise ValueError("a run-length text needs shape=(height, width). Received: None")
    height, width = shape
    pixels = np.zeros(height * width, np.uint8)
    if _is_missing(encoding):
        return pixels.reshape(height, width)
    if not isinstance(encoding, str):
        raise TypeError(
            "a run-length encoding must be a text, COCO's dictionary, None or NaN. Received "
            f"{encoding!r} of type {type(encoding).__name__}"
        )
    for start, length in _runs_of(encoding):
        if start < 1 or length < 0 or start - 1 + length > len(pixels):
            raise ValueError(
                f"the run at {start} of length {length} does not fit into {height} x {width} "
                "pixels, counted from 1. Is the shape (height, width)?"
            )
        pixels[start - 1 : start - 1 + length] = 1
    return pixels.reshape((height, width), order="F" if order == "F" else "C")


def _checked_shape(name: str, shape: Any) -> tuple[int, int]:
    try:
        height, width = (operator.index(side) for side in shape)
    except (TypeError, ValueError):
        height = width = -1
    if height < 0 or width < 0:
        raise ValueError(f"`{name}` must be two ints, (height, width). Received: {shape!r}")
    return height, width


def _is_missing(encoding: Any) -> bool:
    # pandas.NA, without importing pandas: it equals nothing, and knows not whether it does.
    if encoding is None or type(encoding).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(encoding, float | np.floating) and bool(np.isnan(encoding))


def _runs_of(text: str) -> list[tuple[int, int]]:
    words = text.split()
    try:
        numbers = [int(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != len(words) or len(words) % 2:
        raise ValueError(f'expected pairs "start length start length ...". Received: {text[:60]!r}')
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _fill_counts(counts: list[int], size: tuple[int, int]) -> np.ndarray:
    if sum(counts) != size[0] * size[1] or any(count < 0 for count in counts):
        raise ValueError(f"the counts add up to {sum(counts)} pixels, the size is {size}")
    return np.repeat((np.arange(len(counts)) % 2).astype(np.uint8), counts)


def _counts_of(counts: Any) -> list[int]:
    """The lengths of the runs; compressed text as ``rleFrString`` of COCO's API reads it.

    Each number is cut into groups of 5 bits, the lowest first; bit 6 says that another group
    follows, and the highest bit of the last group is the sign. From the fourth number on only
    the difference to the number two places before is written.
    """
    if not isinstance(counts, str | bytes):
        try:
            return [operator.index(count) for count in counts]
        except TypeError:
            raise ValueError(
                f"the counts must be ints, or COCO's compressed text. Received: {counts!r}"
            ) from None
    values: list[int] = []
    value = shift = 0
    for code in counts.encode("ascii") if isinstance(counts, str) else counts:
        group = code - 48
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:
            value -= 1 << shift
        values.append(value + values[-2] if len(values) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError(f"the compressed counts end within a number: {counts!r}")
    return values
