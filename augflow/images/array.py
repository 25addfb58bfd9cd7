"""Batches from images in memory: ``ImageDataGenerator.flow``."""

from __future__ import annotations

import time
from collections.abc import Iterator as AbstractIterator
from functools import partial
from typing import Any

import numpy as np

from augflow.base import defaults
from augflow.base.checks import checked_switch
from augflow.base.warn_user import warn_user
from augflow.base.words import DataFormat, OnError, Subset
from augflow.batch.image_plan import ImagePlan
from augflow.batch.request import Request
from augflow.companions.pipeline import check_levels
from augflow.flow.engine_iterator import EngineIterator
from augflow.flow.keras_base import faces_keras
from augflow.images.arguments import checked_augment
from augflow.images.make_plan import (
    has_user_augmentation,
    make_image_plan,
    plan_digest,
    sample_timeout,
    user_augmentation,
    validation_fraction,
)
from augflow.images.saving import HIGHEST_OF_ARRAYS, check_save_to_dir, save_images
from augflow.images.unlikely import warn_of_array, warn_of_unused_split
from augflow.look.facts import Facts, Meaning
from augflow.look.image_flows import facts_of_array, meaning_of_array
from augflow.order.fingerprint import digest
from augflow.order.schedule import Place
from augflow.order.shard import check_not_saved
from augflow.order.streams import SampleSeeds, StreamState
from augflow.runtime.engine import Batch

# A batch that this process builds faster than this gains nothing from workers: they cost a copy
# of the raw images into shared memory and about half a millisecond.
_WORTH_WORKERS_SECONDS = 0.004
_BATCHES_TIMED = 3
# What Keras's messages call the targets, for whoever searches for their words.
_LABELS = {"y": " (labels)"}


@faces_keras("NumpyArrayIterator")
class NumpyArrayIterator(EngineIterator):
    """Yields batches of an array of images.

    ``next(flow)`` gives images, (images, targets) with ``y``, or (images, targets, weights) with
    ``sample_weight``. ``ImageDataGenerator.flow`` makes it, and explains the arguments. Besides:

    Args:
        image_data_generator: an ``ImageDataGenerator`` or an object with its methods.
        shuffle: whether each epoch has an order of its own. Defaults to False.
        data_format: "channels_last", "channels_first", or None for Keras's default.
        dtype: of the batches; None for Keras's default float type.

    Attributes:
        x: images of ``dtype``.
        x_misc: the other arrays of ``x``, a list.
        y, sample_weight: arrays, or None.
    """

    augment: bool = True
    on_error: OnError = "raise"

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: DataFormat | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
        *,
        augment: bool | None = None,
        drop_remainder: bool = False,
        shard: Any = None,
    ) -> None:
        self.dtype = defaults.floatx() if dtype is None else dtype
        self.data_format = defaults.data_format() if data_format is None else data_format
        images, others = _images_and_others(x)
        for name, values in (("y", y), ("sample_weight", sample_weight)):
            if values is not None and len(values) != len(images):
                raise ValueError(
                    f"`x` (images tensor) and `{name}`{_LABELS.get(name, '')} should have the same "
                    f"length. Received: x.shape = {np.shape(images)}, "
                    f"{name}.shape = {np.shape(values)}"
                )
        if subset is not None:
            part = _part(images, y, image_data_generator, subset, ignore_class_split)
            images = images[part]
            others = [values[part] for values in others]
            y = None if y is None else y[part]
            sample_weight = None if sample_weight is None else sample_weight[part]
        self.x = np.asarray(images, dtype=self.dtype)
        self.x_misc = others
        self._check_images()
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        check_save_to_dir(save_to_dir)
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.subset = subset
        self.augment = checked_augment(augment)
        self.drop_remainder = checked_switch("drop_remainder", drop_remainder)
        check_not_saved(shard, save_to_dir)
        self.shard = shard
        if self.augment:
            warn_of_array(image_data_generator, self.x)
        if has_user_augmentation(self):
            check_levels(self.x)
            user_augmentation(self)
        self._timings: list[float] = []
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _check_images(self) -> None:
        if self.x.ndim != 4:
            raise ValueError(
                "`x` must have rank 4: (samples, height, width, channels). Received an array of "
                f"shape {self.x.shape}. A single image becomes a batch with x[np.newaxis]."
            )
        axis = 3 if self.data_format == "channels_last" else 1
        if self.x.shape[axis] not in (1, 3, 4):
            warn_user(
                f"expected 1, 3 or 4 channels on axis {axis} (data_format="
                f'"{self.data_format}"), but x has shape {self.x.shape}: {self.x.shape[axis]} '
                "channels.",
            )

    def _image_shape(self) -> tuple[int, int, int]:
        first, second, third = self.x.shape[1:]
        if self.data_format == "channels_first":
            return second, third, first
        return first, second, third

    def _working_dtype(self) -> str:
        return np.dtype(self.dtype).str

    def _plan(self) -> ImagePlan:
        return make_image_plan(self, self._image_shape(), self._working_dtype())

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        return Request(
            key,
            len(indices),
            stream,
            [f"sample {index} of x" for index in indices.tolist()],
            seeds=seeds,
            lay=partial(_lay, self.x, indices),
        )

    def _fingerprint(self) -> dict[str, str]:
        return {
            "the images": digest(self.x),
            "targets or weights": digest(self.y, self.sample_weight, self.x_misc),
            "settings of the images": digest(self.augment, plan_digest(self._plan())),
        }

    def _user_workers(self) -> int | None:
        return getattr(self.image_data_generator, "workers", None)

    def _sample_timeout(self) -> float | None:
        return sample_timeout(self.image_data_generator)

    def _settings_revision(self) -> Any:
        return getattr(self.image_data_generator, "_revision", None)

    def _is_about_to_begin(self) -> None:
        warn_of_unused_split(self)

    def _builds_directly(self) -> bool:
        return bool(self.save_to_dir) or super()._builds_directly()

    def _after_direct_build(
        self, batch: Batch, indices: np.ndarray, stream: np.random.RandomState
    ) -> None:
        save_images(self, batch.arrays[0], indices, (), stream, HIGHEST_OF_ARRAYS)

    def _wanted_workers(self) -> int:
        pays = min(self._timings, default=0.0) > _WORTH_WORKERS_SECONDS
        return super()._wanted_workers() if pays or self._sample_timeout() is not None else 0

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        if len(self._timings) >= _BATCHES_TIMED or self._sample_timeout() is not None:
            return super()._fetch(place, coming)
        # The first batches are built here and timed. That decides about workers, and so about
        # speed only: the batches are the same.
        begin = time.perf_counter()
        batch = super()._fetch(place, coming)
        self._timings.append(time.perf_counter() - begin)
        if len(self._timings) == _BATCHES_TIMED and self._wanted_workers():
            self.close()
        return batch

    def _facts(self) -> Facts:
        return facts_of_array(self, super()._facts())

    def _meaning(self) -> Meaning:
        return meaning_of_array(self)

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        others = [values[indices] for values in self.x_misc]
        if self.y is None:
            return [arrays[0], *others] if others else arrays[0]
        inputs = [arrays[0], *others] if others else arrays[0]
        if self.sample_weight is None:
            return inputs, self.y[indices]
        return inputs, self.y[indices], self.sample_weight[indices]


def _lay(images: np.ndarray, indices: np.ndarray, arrays: list[np.ndarray]) -> None:
    np.take(images, indices, axis=0, out=arrays[0], mode="clip")


def _images_and_others(x: Any) -> tuple[Any, list[np.ndarray]]:
    if not isinstance(x, tuple | list):
        return x, []
    if len(x) != 2:
        raise ValueError(
            "`x` must be an array of images, or a pair (images, other array or list of other "
            f"arrays). Received a {type(x).__name__} of {len(x)} items; a list of images becomes "
            "an array with np.stack."
        )
    images, rest = x
    others = [np.asarray(values) for values in (rest if isinstance(rest, list) else [rest])]
    for values in others:
        if len(values) != len(images):
            raise ValueError(
                "All of the arrays in `x` should have the same length. Received: "
                f"len(x[0]) = {len(images)} and another of length {len(values)}"
            )
    return images, others


def _part(images: Any, y: Any, generator: Any, subset: str, ignore_class_split: bool) -> slice:
    """The slice of a subset: validation is the first fraction, training the rest."""
    border = int(len(images) * validation_fraction(subset, generator))
    if (
        y is not None
        and not ignore_class_split
        and not np.array_equal(np.unique(y[:border]), np.unique(y[border:]))
    ):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split, or "
            "different ones. Shuffle x and y together if they are sorted by label, or pass "
            "ignore_class_split=True."
        )
    return slice(None, border) if subset == "validation" else slice(border, None)
