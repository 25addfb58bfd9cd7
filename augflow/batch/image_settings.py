"""What every batch of a flow of images has in common."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from augflow.base.settings import ReadSettings, StandardizeSettings, TransformSettings
from augflow.batch.plan import declared_state
from augflow.cache.slots import CachePlace
from augflow.companions.moving import CompanionSettings
from augflow.companions.pipeline import Augmentation
from augflow.memory.layout import Field, Layout
from augflow.order.find_generators import find_generators
from augflow.order.held_generators import HeldGenerators
from augflow.transform.draw import Drawing
from augflow.transform.one_pass import OnePass, find_one_pass
from augflow.transform.preprocess_input import KerasPreprocessing


@dataclass(frozen=True)
class ImageSettings:
    """What every batch of a flow of images has in common.

    Attributes:
        image_shape: (height, width, channels), whatever ``channels_first`` says.
        channels_first: whether batches are (samples, channels, height, width).
        dtype: of the batches.
        working_dtype: of the images between the stages, a float type but for integer arrays.
        read: how to read files; None for arrays, whose raw images the caller lays into the
            rows before the batch is built.
        transform: ranges of the random transforms, None for none at all.
        standardize: what follows them, None for nothing.
        custom: an object whose own ``get_random_transform``, ``apply_transform`` and
            ``standardize`` take the place of the two above; None for augflow's.
        augmentation: the user's own, between the two; None for none.
        companions: what moves with the images, None for nothing.
        inputs_as_targets: a second copy of the batch serves as its targets.
        cache: where images that were read are kept, None for nowhere.
        on_error: "raise", or "skip": rows whose file is broken are left out.
    """

    image_shape: tuple[int, int, int]
    dtype: str
    working_dtype: str
    channels_first: bool = False
    read: ReadSettings | None = None
    transform: TransformSettings | None = None
    standardize: StandardizeSettings | None = None
    custom: Any = None
    augmentation: Augmentation | None = None
    companions: CompanionSettings | None = None
    inputs_as_targets: bool = False
    augment: bool = True
    cache: CachePlace | None = None
    on_error: str = "raise"

    def __getstate__(self) -> dict[str, Any]:
        return declared_state(self)

    @property
    def calls_user_code(self) -> bool:
        """Whether a function of the user runs once a sample."""
        return bool(self._user_functions)

    @property
    def is_indivisible(self) -> bool:
        """Whether one sample's stages have a say in what the samples after it draw.

        A preprocessing function may draw from ``np.random``, as it may in Keras, from the
        stream of the whole batch: such a batch is built by one worker, in order.
        """
        if self.custom is not None:
            return True
        function = self.standardize.preprocessing_function if self.standardize else None
        return function is not None and not isinstance(function, KerasPreprocessing)

    @cached_property
    def drawing(self) -> Drawing | None:
        """How the parameters of a sample are drawn; None where there are no random transforms."""
        height, width, _ = self.image_shape
        return None if self.transform is None else Drawing(self.transform, height, width)

    @cached_property
    def one_pass(self) -> OnePass | None:
        """The stages between reading and the batch as one; None where they are several."""
        in_floats = np.dtype(self.dtype) == np.dtype(self.working_dtype) == np.float32
        if self.augmentation is not None or not in_floats:
            return None
        channels = self.image_shape[2]
        found = find_one_pass(self.transform, self.standardize, channels, self.channels_first)
        if found and self.read is None and self.transform is None and found.scaling.changes_nothing:
            # The rows hold already what they are to hold.
            return None
        return found

    @cached_property
    def layout(self) -> Layout:
        """The images, in the flow's data format, their copy where it serves as targets, and
        their companions."""
        height, width, channels = self.image_shape
        shape = (channels, height, width) if self.channels_first else self.image_shape
        images = (Field(shape, self.dtype),) * (1 + self.inputs_as_targets)
        return Layout((*images, *self._companion_fields.values()))

    @cached_property
    def _companion_fields(self) -> dict[str, Field]:
        if self.companions is None:
            return {}
        return self.companions.fields(self.image_shape, self.channels_first)

    def companion_arrays(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays of companions among those of a batch, by their names in the targets."""
        return dict(zip(self._companion_fields, arrays[1 + self.inputs_as_targets :], strict=True))

    @property
    def leaves_out(self) -> bool:
        """See ``BatchPlan``."""
        return self.on_error == "skip"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return str(name) if self.read is None else f"file {os.fspath(name)!r}"

    def user_code(self) -> str:
        """The user's objects and functions that take part."""
        loaders = [loader.name for loader in self.read.loaders] if self.read else []
        return " or ".join([*self._user_functions, *loaders]) or "the flow's plan"

    @cached_property
    def held_generators(self) -> HeldGenerators:
        """See ``BatchPlan``."""
        roots: list[tuple[str, Any]] = [("image_data_generator", self.custom)]
        if self.is_indivisible and self.standardize is not None:
            roots.append(("preprocessing_function", self.standardize.preprocessing_function))
        if self.augmentation is not None:
            roots.append(("augmentation", self.augmentation.function))
        if self.companions is not None:
            loaders = self.companions.user_functions()
            roots += [(f"loader {number}", loader) for number, loader in enumerate(loaders)]
        if self.read is not None:
            roots += [(f"formats[{each.ending!r}]", each.function) for each in self.read.loaders]
        return find_generators(roots)

    @property
    def _user_functions(self) -> list[str]:
        """What runs of the user's code, in words."""
        found = []
        if self.custom is not None:
            found.append(f"the image_data_generator {type(self.custom).__qualname__!r}")
        elif self.is_indivisible and self.standardize is not None:
            function = self.standardize.preprocessing_function
            found.append(f"the preprocessing_function {_name_of(function)!r}")
        if self.augmentation is not None:
            function = self.augmentation.function or self.augmentation.pipeline
            found.append(f"the augmentation {_name_of(function)!r}")
        if self.companions is not None:
            loaders = self.companions.user_functions()
            found += [f"the loader {_name_of(loader)!r}" for loader in loaders]
        return found


def _name_of(function: Any) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__
