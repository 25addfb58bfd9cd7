"""What one sample is made of: an array, or a tuple or dict of them, of shapes and dtypes that all
samples share.

Learnt from the first sample. Every other is compared with it before it is written into its row
of a batch, so that an error can say which sample is different, and in what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from augflow.memory.layout import Field, Layout

# Bytes without meaning, references to objects, and times: nothing that a model can compute with.
REFUSED_KINDS = "OVMm"


@dataclass(frozen=True)
class Leaf:
    """One array of a sample.

    Attributes:
        where: what follows "the sample" in a message: "", "[0]", "['image']".
        shape: of one sample in the batch.
        dtype: in the byte order of this machine.
        padded: for each axis whether samples may be shorter along it.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    padded: tuple[bool, ...]


@dataclass(frozen=True)
class Structure:
    """How samples are built.

    Attributes:
        tree: the number of a leaf, or a tuple or dict of trees.
        leaves: by their numbers.
        first: the ID of the sample this was learnt from, as messages show it: an ID need not be
            one that can be pickled.
        pad_value: what fills up samples that are shorter.
    """

    tree: Any
    leaves: tuple[Leaf, ...]
    first: str
    pad_value: Any = 0

    @cached_property
    def layout(self) -> Layout:
        """The arrays of a batch: one a leaf."""
        return Layout(tuple(Field(leaf.shape, leaf.dtype.str) for leaf in self.leaves))

    def assemble(self, arrays: Sequence[np.ndarray]) -> Any:
        """Arrays, one a leaf, in the form that samples have."""
        return _assemble(self.tree, arrays)

    def write(self, sample: Any, arrays: Sequence[np.ndarray], row: int, name: Any) -> None:
        """Write a sample into its row of a batch.

        Args:
            sample: of this structure.
            arrays: of the batch, by ``layout``.
            row: of the batch.
            name: the sample's ID, for messages.

        Raises:
            TypeError, ValueError: the sample is built differently.
        """
        values: list[Any] = []
        self._collect(self.tree, sample, "", name, values)
        for leaf, array, value in zip(self.leaves, arrays, values, strict=True):
            self._write_leaf(leaf, array, row, _as_array(value, leaf.where, name), name)

    def _collect(self, tree: Any, sample: Any, where: str, name: Any, values: list[Any]) -> None:
        if isinstance(tree, dict):
            if not isinstance(sample, Mapping) or sample.keys() != tree.keys():
                self._refuse(f"a dict with the keys {list(tree)}", sample, where, name)
            for key, branch in tree.items():
                self._collect(branch, sample[key], f"{where}[{key!r}]", name, values)
        elif isinstance(tree, tuple):
            if not isinstance(sample, tuple) or len(sample) != len(tree):
                self._refuse(f"a tuple of {len(tree)} items", sample, where, name)
            for number, branch in enumerate(tree):
                self._collect(branch, sample[number], f"{where}[{number}]", name, values)
        elif isinstance(sample, tuple | Mapping):
            self._refuse("an array", sample, where, name)
        else:
            values.append(sample)

    def _refuse(self, expected: str, received: Any, where: str, name: Any) -> None:
        raise ValueError(
            f"the sample of ID {name!r}{_at(where)} is {_described(received)}; the first sample, "
            f"of ID {self.first}, has {expected} there, and all must be built alike"
        )

    def _write_leaf(
        self, leaf: Leaf, array: np.ndarray, row: int, value: np.ndarray, name: Any
    ) -> None:
        if not _fits(value.dtype, leaf.dtype):
            raise ValueError(
                f"the sample of ID {name!r}{_at(leaf.where)} has dtype {value.dtype}; the first "
                f"sample, of ID {self.first}, has {leaf.dtype}, and all must have the same: use "
                f"{_common_form(value.dtype, leaf.dtype)} for every sample, in what returns them"
            )
        if value.shape == leaf.shape:
            array[row] = value
            return
        self._check_shape(leaf, value.shape, name)
        array[row] = self.pad_value
        array[row][tuple(slice(side) for side in value.shape)] = value

    def _check_shape(self, leaf: Leaf, shape: tuple[int, ...], name: Any) -> None:
        """Raise unless padding makes the shape that of the leaf."""
        fits = len(shape) == len(leaf.shape) and all(
            side == wanted or (padded and side < wanted)
            for side, wanted, padded in zip(shape, leaf.shape, leaf.padded, strict=True)
        )
        if fits:
            return
        found = f"the sample of ID {name!r}{_at(leaf.where)} has shape {shape}; "
        if len(shape) == len(leaf.shape) and any(leaf.padded):
            raise ValueError(
                f"{found}`pad` makes room for {leaf.shape}: give a larger `pad`, or cut the sample "
                "in `load`"
            )
        advice = "give pad=..., the shape that shorter samples are filled up to, or cut in `load`"
        if len(shape) != len(leaf.shape):
            advice = "let `load` return arrays of one rank"
        raise ValueError(
            f"{found}the first sample, of ID {self.first}, has {leaf.shape}, and all must have "
            f"the same: {advice}"
        )


def learn_structure(sample: Any, name: Any, pad: Any = None, pad_value: Any = 0) -> Structure:
    """The structure of a sample.

    Args:
        sample: an array, or a tuple or dict of such; numbers and what NumPy makes arrays of
            count as arrays.
        name: its ID, for messages.
        pad: None, or the shape that each sample is filled up to at the end of its axes: an int
            for one axis, a tuple of ints for several, with None for an axis that is not padded.
            For tuples and dicts a tuple or dict of such; arrays it leaves out are not padded.
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
        if not isinstance(pads, Mapping) or not pads.keys() <= sample.keys():
            raise _bad_pad(pad, f"a dict with keys among {list(sample)}", where)
        return {
            key: _learn(value, name, pads.get(key), f"{where}[{key!r}]", leaves)
            for key, value in sample.items()
        }
    if isinstance(sample, tuple):
        _check_items(sample, where, name)
        pads = [None] * len(sample) if pad is None else pad
        if not isinstance(pads, tuple | list) or len(pads) != len(sample):
            wanted = f"a tuple of {len(sample)} items, one an array, None for those not padded"
            raise _bad_pad(pad, wanted, where)
        return tuple(
            _learn(value, name, one, f"{where}[{number}]", leaves)
            for number, (value, one) in enumerate(zip(sample, pads, strict=True))
        )
    array = _as_array(sample, where, name)
    shape, padded = _padded_shape(array.shape, pad, where, name)
    leaves.append(Leaf(where, shape, array.dtype.newbyteorder("="), padded))
    return len(leaves) - 1


def _check_items(sample: Any, where: str, name: Any) -> None:
    if not sample:
        raise ValueError(f"the sample of ID {name!r}{_at(where)} is {_described(sample)}")


def _padded_shape(
    shape: tuple[int, ...], pad: Any, where: str, name: Any
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    if pad is None:
        return shape, (False,) * len(shape)
    sides = (pad,) if isinstance(pad, int | np.integer) else pad
    if not (
        isinstance(sides, tuple | list)
        and len(sides) == len(shape)
        and all(side is None or (isinstance(side, int | np.integer) and side > 0) for side in sides)
    ):
        expected = {0: "None for a number, which has no axes", 1: "an int of at least 1"}.get(
            len(shape), f"{len(shape)} ints of at least 1, None for axes that are not padded"
        )
        raise _bad_pad(pad, f"{expected}: the sample has shape {shape}", where)
    wanted = tuple(
        own if side is None else int(side) for own, side in zip(shape, sides, strict=True)
    )
    if any(own > side for own, side in zip(shape, wanted, strict=True)):
        raise ValueError(
            f"the sample of ID {name!r}{_at(where)} has shape {shape}; `pad` makes room for "
            f"{wanted}: give a larger `pad`, or cut the sample in `load`"
        )
    return wanted, tuple(side is not None for side in sides)


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
            f"`pad_value` must fit into dtype {leaf.dtype}, that of the sample{_at(leaf.where)}. "
            f"Received: {pad_value!r}"
        )


def _bad_pad(pad: Any, wanted: str, where: str) -> ValueError:
    return ValueError(f"`pad`{_at(where)} must be {wanted}. Received: {pad!r}")


def check_unmasked(value: Any, begin: str) -> None:
    """Raise where NumPy would hand over what a mask hides; ``begin``: of the message."""
    if np.ma.is_masked(value):
        raise ValueError(f"{begin}, with masked elements; fill these in, with .filled(value)")


def _as_array(value: Any, where: str, name: Any) -> np.ndarray:
    if type(value) is np.ndarray and value.dtype.kind not in REFUSED_KINDS:
        return value
    begin = f"the sample of ID {name!r}{_at(where)} is {_described(value)}"
    if value is None:
        raise TypeError(f"{begin}; a `return` may be missing in `load` or `augment`")
    check_unmasked(value, begin)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{begin}, which makes no array ({error}); return a tuple or a dict for several arrays"
        ) from error
    if array.dtype.kind in REFUSED_KINDS:
        raise TypeError(
            f"{begin}, which makes an array of dtype {array.dtype}; expected numbers or booleans. "
            "Number text in `load`: Keras takes no strings from a flow"
        )
    return array


def _assemble(tree: Any, arrays: Sequence[np.ndarray]) -> Any:
    if isinstance(tree, dict):
        return {key: _assemble(branch, arrays) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_assemble(branch, arrays) for branch in tree)
    return arrays[tree]


def _fits(dtype: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    """Whether values keep what they are: the same dtype in any byte order, or shorter text."""
    if dtype.kind == expected.kind and dtype.kind in "US":
        return dtype.itemsize <= expected.itemsize
    return dtype == expected or dtype.newbyteorder("=") == expected


def _at(where: str) -> str:
    return f" at {where}" if where else ""


def _common_form(dtype: np.dtype[Any], other: np.dtype[Any]) -> str:
    """An expression that gives samples of both dtypes one dtype, without a loss."""
    if dtype.kind in "US" and dtype.kind == other.kind:
        # Made as long as the first sample, the text would be cut in silence.
        return f"one length, e.g. np.asarray(value, '{dtype.kind}64'),"
    common = np.result_type(dtype, other)
    if common.kind in "US":
        return "numbers only, or text only,"
    # float64 beside float32 is what NumPy's functions return, and seldom wanted.
    if dtype.kind == other.kind == "f":
        common = other
    return f"np.asarray(value).astype({common.name!r})"


def _described(value: Any) -> str:
    """What a value is, briefly."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, Mapping):
        return f"a dict with the keys {list(value)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)} items"
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
