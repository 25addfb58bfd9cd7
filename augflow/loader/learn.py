"""What samples are made of, learnt from the first of them; and how they are padded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from augflow.base.structure import (
    AUTO,
    FIXED,
    LONGEST,
    Leaf,
    Padded,
    Structure,
    as_array,
    described,
    place_in,
)
from augflow.base.words import did_you_mean

_WORDS = tuple(word for word in get_args(Padded) if word != FIXED)


def learn_structure(sample: Any, name: Any, pad: Any = None, pad_value: Any = 0) -> Structure:
    """The structure of a sample.

    Args:
        sample: an array, or a tuple or dict of such; numbers and what NumPy makes arrays of
            count as arrays.
        name: its ID, for messages.
        pad: None, or the shape that each sample is filled up to at the end of its axes: an int
            for one axis, a tuple of ints for several, with None for an axis that is not padded.
            For tuples and dicts a tuple or dict of such; arrays it leaves out are not padded.
            "auto" or "longest" in the place of an int, or of all.
        pad_value: what to fill up with.

    Raises:
        TypeError, ValueError: the sample holds something else, or ``pad`` does not fit it.
    """
    leaves: list[Leaf] = []
    tree = _learn(sample, name, pad, "", leaves)
    for leaf in leaves:
        if any(leaf.padded):
            _check_pad_value(pad_value, leaf)
    return Structure(tree, tuple(leaves), repr(name), pad_value)


def _learn(sample: Any, name: Any, pad: Any, where: str, leaves: list[Leaf]) -> Any:
    if isinstance(sample, Mapping):
        _check_items(sample, where, name)
        pads = {} if pad is None else pad
        if isinstance(pad, str):
            pads = dict.fromkeys(sample, pad)
        if not isinstance(pads, Mapping) or not pads.keys() <= sample.keys():
            raise _bad_pad(pad, f"a dict with keys among {list(sample)}", where)
        return {
            key: _learn(value, name, pads.get(key), f"{where}[{key!r}]", leaves)
            for key, value in sample.items()
        }
    if isinstance(sample, tuple):
        _check_items(sample, where, name)
        pads = [pad] * len(sample) if pad is None or isinstance(pad, str) else pad
        if not isinstance(pads, tuple | list) or len(pads) != len(sample):
            wanted = f"a tuple of {len(sample)} items, one an array, None for those not padded"
            raise _bad_pad(pad, wanted, where)
        return tuple(
            _learn(value, name, one, f"{where}[{number}]", leaves)
            for number, (value, one) in enumerate(zip(sample, pads, strict=True))
        )
    array = as_array(sample, where, name)
    shape, padded = _padded_shape(array.shape, pad, where, name)
    leaves.append(Leaf(where, shape, array.dtype.newbyteorder("="), padded))
    return len(leaves) - 1


def _check_items(sample: Any, where: str, name: Any) -> None:
    if not sample:
        raise ValueError(f"the sample of ID {name!r}{place_in(where)} is {described(sample)}")


def _padded_shape(
    shape: tuple[int, ...], pad: Any, where: str, name: Any
) -> tuple[tuple[int, ...], tuple[Padded | None, ...]]:
    if pad is None:
        return shape, (None,) * len(shape)
    sides = (pad,) if isinstance(pad, int | np.integer) else pad
    if isinstance(pad, str):
        if pad not in _WORDS:
            words = " or ".join(f'"{word}"' for word in _WORDS)
            expected = f"a shape, {words}"
            raise ValueError(f"{_bad_pad(pad, expected, where)}{did_you_mean(pad, _WORDS)}")
        sides = (pad,) * len(shape)
    if not (
        isinstance(sides, tuple | list)
        and len(sides) == len(shape)
        and all(_is_side(side) for side in sides)
    ):
        expected = {0: "None for a number, which has no axes", 1: "an int of at least 1"}.get(
            len(shape), f"{len(shape)} ints of at least 1, None for axes that are not padded"
        )
        raise _bad_pad(pad, f"{expected}: the sample has shape {shape}", where)
    wanted = tuple(
        own if side is None or side in _WORDS else int(side)
        for own, side in zip(shape, sides, strict=True)
    )
    if any(own > side for own, side in zip(shape, wanted, strict=True)):
        raise ValueError(
            f"the sample of ID {name!r}{place_in(where)} has shape {shape}; `pad` makes room for "
            f"{wanted}: give a larger `pad`, or cut the sample in `load`"
        )
    return wanted, tuple(side if side is None or side in _WORDS else FIXED for side in sides)


def _is_side(side: Any) -> bool:
    if isinstance(side, int | np.integer):
        return bool(side > 0)
    return side is None or (isinstance(side, str) and side in _WORDS)


def _check_pad_value(pad_value: Any, leaf: Leaf) -> None:
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            filled = np.full((), pad_value, leaf.dtype)
        kind = leaf.dtype.kind
        # Text of any length, in the place of a comparison of text with a number.
        whole = np.asarray(pad_value).astype(kind) if kind in "US" else pad_value
        fits = bool(kind in "fc" or filled == whole)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(
            f"`pad_value` must fit into dtype {leaf.dtype}, that of the sample"
            f"{place_in(leaf.where)}. Received: {pad_value!r}"
        )


def has_empty_list(sample: Any) -> bool:
    """Whether a sample holds a list without a value, of which NumPy would make floats."""
    if isinstance(sample, Mapping):
        return any(has_empty_list(value) for value in sample.values())
    if isinstance(sample, tuple):
        return any(has_empty_list(value) for value in sample)
    return isinstance(sample, list) and not np.size(sample)


def as_measuring(structure: Structure) -> Structure:
    """The same, of which axes that are padded to the longest of all samples take any."""
    leaves = [
        replace(leaf, padded=tuple(LONGEST if how == AUTO else how for how in leaf.padded))
        for leaf in structure.leaves
    ]
    return replace(structure, leaves=tuple(leaves))


def is_measured(structure: Structure) -> bool:
    """Whether all samples have to be looked at to know how long they are."""
    return any(AUTO in leaf.padded for leaf in structure.leaves)


def _bad_pad(pad: Any, wanted: str, where: str) -> ValueError:
    return ValueError(f"`pad`{place_in(where)} must be {wanted}. Received: {pad!r}")
