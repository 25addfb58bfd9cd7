"""What one sample is made of: an array, or a tuple or dict of them, of shapes and dtypes that all
samples share.

Learnt from the first sample. Every other is compared with it before it is written into its row
of a batch, so that an error can say which sample is different, and in what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from augflow.memory.layout import Field, Layout

# Bytes without meaning, references to objects, and times: nothing that a model can compute with.
REFUSED_KINDS = "OVMm"

# How long a padded axis is: as ``pad`` says, as the longest of all samples, as that of the batch.
Padded = Literal["fixed", "auto", "longest"]
FIXED: Padded = "fixed"
AUTO: Padded = "auto"
LONGEST: Padded = "longest"


@dataclass(frozen=True)
class Leaf:
    """One array of a sample.

    Attributes:
        where: what follows "the sample" in a message: "", "[0]", "['image']".
        shape: of one sample in the batch; of ``LONGEST`` axes what there is room for.
        dtype: in the byte order of this machine.
        padded: for each axis whether samples may be shorter along it, and what decides how long
            it is; None for an axis that is not padded.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    padded: tuple[Padded | None, ...]

    @property
    def is_cut(self) -> bool:
        """Whether a batch is as long as the longest of its samples."""
        return LONGEST in self.padded


class NeedsRoomError(Exception):
    """A batch has too little room for a sample, along an axis that is as long as the longest.

    Attributes:
        leaf: number of the array.
        shape: of the sample.
    """

    def __init__(self, leaf: int, shape: tuple[int, ...]) -> None:
        super().__init__(leaf, shape)
        self.leaf = leaf
        self.shape = shape


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
        """The arrays of a batch: one a leaf, then the shapes of samples for those that are cut."""
        fields = [Field(leaf.shape, leaf.dtype.str) for leaf in self.leaves]
        cut = [leaf for leaf in self.leaves if leaf.is_cut]
        return Layout((*fields, *(Field((len(leaf.shape),), "<i8") for leaf in cut)))

    @cached_property
    def is_cut(self) -> bool:
        """Whether batches may have different lengths."""
        return any(leaf.is_cut for leaf in self.leaves)

    def cut(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Arrays by ``layout`` as one a leaf, each as long as its longest sample."""
        shapes = iter(arrays[len(self.leaves) :])
        return [
            _cut(array, leaf, next(shapes)) if leaf.is_cut else array
            for leaf, array in zip(self.leaves, arrays, strict=False)
        ]

    def assemble(self, arrays: Sequence[np.ndarray]) -> Any:
        """Arrays, one a leaf, in the form that samples have."""
        return _assemble(self.tree, arrays)

    def with_shapes(self, shapes: Sequence[tuple[int, ...]]) -> Structure:
        """The same with other shapes of the leaves."""
        leaves = [
            replace(leaf, shape=tuple(shape))
            for leaf, shape in zip(self.leaves, shapes, strict=True)
        ]
        return replace(self, leaves=tuple(leaves))

    def write(self, sample: Any, arrays: Sequence[np.ndarray], row: int, name: Any) -> None:
        """Write a sample into its row of a batch.

        Args:
            sample: of this structure.
            arrays: of the batch, by ``layout``.
            row: of the batch.
            name: the sample's ID, for messages.

        Raises:
            TypeError, ValueError: the sample is built differently.
            NeedsRoomError: it is longer than there is room for, where any length is right.
        """
        values = self.checked(sample, name)
        shapes = iter(arrays[len(self.leaves) :])
        for number, (leaf, value) in enumerate(zip(self.leaves, values, strict=True)):
            array = arrays[number]
            if leaf.is_cut:
                next(shapes)[row] = value.shape
            if value.shape == leaf.shape:
                array[row] = value
                continue
            if any(own > room for own, room in zip(value.shape, leaf.shape, strict=True)):
                raise NeedsRoomError(number, value.shape)
            array[row] = self.pad_value
            array[row][tuple(slice(side) for side in value.shape)] = value

    def checked(self, sample: Any, name: Any) -> list[np.ndarray]:
        """The arrays of a sample, one a leaf.

        Raises:
            TypeError, ValueError: the sample is built differently.
        """
        values: list[Any] = []
        self._collect(self.tree, sample, "", name, values)
        arrays = []
        for leaf, value in zip(self.leaves, values, strict=True):
            array = as_array(value, leaf.where, name)
            if isinstance(value, list) and not array.size:
                # NumPy makes floats of a list without a value, which may be one of tokens.
                array = array.astype(leaf.dtype)
            self._check_leaf(leaf, array, name)
            arrays.append(array)
        return arrays

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
            f"the sample of ID {name!r}{place_in(where)} is {described(received)}; the first "
            f"sample, of ID {self.first}, has {expected} there, and all must be built alike"
        )

    def _check_leaf(self, leaf: Leaf, value: np.ndarray, name: Any) -> None:
        if not _fits(value.dtype, leaf.dtype):
            raise ValueError(
                f"the sample of ID {name!r}{place_in(leaf.where)} has dtype {value.dtype}; the "
                f"first sample, of ID {self.first}, has {leaf.dtype}, and all must have the same: "
                f"use {_common_form(value.dtype, leaf.dtype)} for every sample, in what returns "
                "them"
            )
        if value.shape != leaf.shape:
            self._check_shape(leaf, value.shape, name)

    def _check_shape(self, leaf: Leaf, shape: tuple[int, ...], name: Any) -> None:
        """Raise unless padding makes the shape that of the leaf."""
        fits = len(shape) == len(leaf.shape) and all(
            side == wanted or padded == LONGEST or (padded and side < wanted)
            for side, wanted, padded in zip(shape, leaf.shape, leaf.padded, strict=True)
        )
        if fits:
            return
        found = f"the sample of ID {name!r}{place_in(leaf.where)} has shape {shape}; "
        if len(shape) == len(leaf.shape) and any(leaf.padded):
            measured = ""
            if AUTO in leaf.padded:
                measured = ", measured when the flow was made,"
            raise ValueError(
                f"{found}`pad`{measured} makes room for {leaf.shape}: give a larger `pad`, or cut "
                "the sample in `load`"
            )
        advice = "give pad=..., the shape that shorter samples are filled up to, or cut in `load`"
        if len(shape) != len(leaf.shape):
            advice = "let `load` return arrays of one rank"
        raise ValueError(
            f"{found}the first sample, of ID {self.first}, has {leaf.shape}, and all must have "
            f"the same: {advice}"
        )


def check_unmasked(value: Any, begin: str) -> None:
    """Raise where NumPy would hand over what a mask hides; ``begin``: of the message."""
    if np.ma.is_masked(value):
        raise ValueError(f"{begin}, with masked elements; fill these in, with .filled(value)")


def as_array(value: Any, where: str, name: Any) -> np.ndarray:
    """A value of a sample as an array.

    Raises:
        TypeError, ValueError: it makes none of numbers, booleans or text.
    """
    if type(value) is np.ndarray and value.dtype.kind not in REFUSED_KINDS:
        return value
    begin = f"the sample of ID {name!r}{place_in(where)} is {described(value)}"
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
            "Number text in `load`: Keras takes no strings of NumPy from a flow"
        )
    return array


def _assemble(tree: Any, arrays: Sequence[np.ndarray]) -> Any:
    if isinstance(tree, dict):
        return {key: _assemble(branch, arrays) for key, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_assemble(branch, arrays) for branch in tree)
    return arrays[tree]


def _cut(array: np.ndarray, leaf: Leaf, shapes: np.ndarray) -> np.ndarray:
    """Rows without what lies beyond the longest of them; ``shapes``: of the samples."""
    ends = [
        end if how == LONGEST else None
        for end, how in zip(shapes.max(axis=0, initial=0).tolist(), leaf.padded, strict=True)
    ]
    return array[(slice(None), *(slice(end) for end in ends))]


def _fits(dtype: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    """Whether values keep what they are: the same dtype in any byte order, or shorter text."""
    if dtype.kind == expected.kind and dtype.kind in "US":
        return dtype.itemsize <= expected.itemsize
    return dtype == expected or dtype.newbyteorder("=") == expected


def place_in(where: str) -> str:
    """What follows "the sample" in a message."""
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


def described(value: Any) -> str:
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
