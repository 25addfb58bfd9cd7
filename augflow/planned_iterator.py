"""Flows of images: a plan by an ``ImageDataGenerator``, and saving of batches."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from augflow import draw
from augflow.augmentation import Augmentation
from augflow.augmentation_settings import make_augmentation
from augflow.batch import ImagePlan
from augflow.companions import CompanionSettings
from augflow.engine import Batch
from augflow.engine_iterator import EngineIterator
from augflow.flow_cache import FlowCache
from augflow.image_cache import ImageCache
from augflow.image_io import array_to_img
from augflow.request import Request
from augflow.settings import ReadSettings, StandardizeSettings, TransformSettings
from augflow.streams import SampleSeeds, StreamState


class PlannedIterator(EngineIterator):
    """What file and array iterators share.

    A subclass sets ``image_data_generator``, ``data_format``, ``dtype``, ``save_to_dir``,
    ``save_prefix`` and ``save_format``, and gives the methods below marked as its part.
    """

    image_data_generator: Any
    data_format: str
    dtype: Any
    save_to_dir: str | None
    save_prefix: str
    save_format: str
    augment: bool = True
    on_error: str = "raise"

    # The subclass's part

    def _image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        raise NotImplementedError(f"{type(self).__name__} must define _image_shape")

    def _names(self, indices: np.ndarray) -> list[str]:
        """For each sample its path, or what an error is to call it."""
        raise NotImplementedError(f"{type(self).__name__} must define _names")

    def _read_settings(self) -> ReadSettings | None:
        """How to read files; None where ``_layer`` brings the raw images."""
        return None

    def _layer(self, indices: np.ndarray) -> Callable[[list[np.ndarray]], None] | None:
        """What writes raw images into the rows of a batch; None where files are read.

        It is kept with the batch and must not hold this flow, which could not be dropped then.
        """
        return None

    def _current_cache(self) -> FlowCache | None:
        """The cache for the files and settings as they are now, None for none."""
        return None

    def _working_dtype(self) -> str:
        """The dtype of images between the stages."""
        return "float32"

    def _companion_settings(self) -> CompanionSettings | None:
        """What moves with the images, None for nothing."""
        return None

    def _records(self, indices: np.ndarray) -> list[Any] | None:
        """Where the companions of these samples come from, None for nowhere."""
        return None

    def _inputs_as_targets(self) -> bool:
        return False

    def _highest_save_number(self) -> int:
        """Bound of the random number in the name of a saved image, as in Keras."""
        return 10_000_000

    def _check_save_to_dir(self) -> None:
        if self.save_to_dir is not None and not os.path.isdir(self.save_to_dir):
            raise FileNotFoundError(
                f"save_to_dir={os.fspath(self.save_to_dir)!r} is no directory; make it first"
            )

    # The engine's part

    def _plan(self) -> ImagePlan:
        transform, standardize, custom = _stage_settings(self.image_data_generator)
        cache = self._image_cache()
        working_dtype = self._working_dtype()
        if custom is None and _keeps_values(transform if self.augment else None, standardize):
            # No arithmetic, so nothing is gained by floats on the way.
            working_dtype = np.dtype(self.dtype).str
        return ImagePlan(
            image_shape=self._image_shape(),
            dtype=np.dtype(self.dtype).str,
            working_dtype=working_dtype,
            channels_first=self.data_format == "channels_first",
            read=self._read_settings(),
            transform=transform if self.augment else None,
            standardize=standardize,
            custom=custom,
            augmentation=self._augmentation(),
            companions=self._companion_settings(),
            inputs_as_targets=self._inputs_as_targets(),
            augment=bool(self.augment),
            cache=None if cache is None else cache.place,
            on_error=self.on_error,
        )

    def _augmentation(self) -> Augmentation | None:
        """The user's own augmentation, None for none."""
        if not self._is_augmented_by_user():
            return None
        return make_augmentation(self.image_data_generator.augmentation, self._companion_settings())

    def _is_augmented_by_user(self) -> bool:
        generator = self.image_data_generator
        # What a stranger's attribute of this name means, nobody knows.
        given = getattr(generator, "augmentation", None) if is_transformer(generator) else None
        return given is not None and bool(self.augment)

    def _user_workers(self) -> int | None:
        return getattr(self.image_data_generator, "workers", None)

    def _sample_timeout(self) -> float | None:
        generator = self.image_data_generator
        return generator.timeout if is_transformer(generator) else None

    def _settings_revision(self) -> Any:
        return getattr(self.image_data_generator, "_revision", None)

    def _image_cache(self) -> ImageCache | None:
        cache = self._current_cache()
        return None if cache is None else cache.cache

    def _decode_mode(self) -> str | None:
        read = self._read_settings()
        return None if read is None else read.decode

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        cache = self._current_cache()
        slots = None if cache is None else cache.slots_of(indices)
        return Request(
            key,
            len(indices),
            stream,
            self._names(indices),
            slots,
            seeds=seeds if self._is_augmented_by_user() else None,
            extras=self._records(indices),
            lay=self._layer(indices),
        )

    def _builds_directly(self) -> bool:
        return bool(self.save_to_dir) or super()._builds_directly()

    def _after_direct_build(
        self, batch: Batch, indices: np.ndarray, stream: np.random.RandomState
    ) -> None:
        if not self.save_to_dir:
            return
        left_out = {bad.row for bad in batch.bad}
        for row, (image, index) in enumerate(zip(batch.arrays[0], indices.tolist(), strict=True)):
            number = stream.randint(self._highest_save_number())
            if row in left_out:
                continue
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            picture = array_to_img(image, self.data_format, scale=True)
            picture.save(os.path.join(self.save_to_dir, name))


def _keeps_values(
    transform: TransformSettings | None, standardize: StandardizeSettings | None
) -> bool:
    """Whether pixels are at most moved as a whole, by flips."""
    if standardize is not None and standardize != StandardizeSettings():
        return False
    if transform is None:
        return True
    return not draw.is_random(replace(transform, horizontal_flip=False, vertical_flip=False))


def _stage_settings(
    generator: Any,
) -> tuple[TransformSettings | None, StandardizeSettings | None, Any]:
    """Settings of a generator, or the generator itself where it has methods of its own."""
    if generator is None:
        return None, None, None
    settings = generator._stage_settings() if is_transformer(generator) else None
    return (*settings, None) if settings is not None else (None, None, generator)


def is_transformer(generator: Any) -> bool:
    """Whether it is an ``ImageDataGenerator``, and no stranger with methods of these names."""
    return hasattr(generator, "_stage_settings")


def validation_fraction(subset: str, generator: Any) -> float:
    """The part of the data that is for validation; checks the name of the subset."""
    if subset not in ("training", "validation"):
        raise ValueError(f'`subset` must be "training" or "validation". Received: {subset!r}')
    fraction = generator._validation_split
    if subset == "validation" and not fraction:
        raise ValueError(
            'subset="validation" needs a generator with `validation_split`, e.g. '
            f"ImageDataGenerator(validation_split=0.2). Received validation_split={fraction!r}"
        )
    return float(fraction or 0)
