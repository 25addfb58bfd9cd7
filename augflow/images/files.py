"""What flows of image files have: how files are read, the companions, the cache, broken files."""

from __future__ import annotations

import os
from collections.abc import Iterator as AbstractIterator
from functools import cached_property
from typing import Any

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.telling import tell
from augflow.batch.image_kind import check_cacheable
from augflow.batch.image_plan import ImagePlan
from augflow.batch.request import Request
from augflow.cache.flow_slots import CurrentCache, FlowCache, open_flow_cache
from augflow.cache.images import CacheInfo, ImageCache
from augflow.companions.arrange import Arrangement
from augflow.flow.engine_iterator import EngineIterator
from augflow.images.arguments import check_reading, checked_target_size, split_of
from augflow.images.balance import BalancedSampler, class_weight, single_labels
from augflow.images.make_plan import (
    make_image_plan,
    sample_timeout,
    user_augmentation,
)
from augflow.images.outputs import files_fingerprint, with_targets
from augflow.images.reading import FileReading
from augflow.images.saving import HIGHEST_OF_FILES, check_save_to_dir, save_images
from augflow.images.unlikely import warn_of_unused_split
from augflow.look.facts import Facts, Meaning
from augflow.look.image_flows import facts_of_files, meaning_of_files
from augflow.order.permutation import EpochOrder
from augflow.order.streams import SampleSeeds, StreamState
from augflow.read.resize import CHANNELS
from augflow.runtime.engine import Batch
from augflow.scan.file_paths import FilePaths
from augflow.store.remote import processes_for


class FileIterator(EngineIterator):
    """A flow of image files; a subclass scans for them.

    Everything that may be set from outside is an attribute, as in Keras, and read anew for each
    batch. What the flow has besides is kept in objects of its own.
    """

    class_mode: str | None
    classes: Any
    class_indices: dict[Any, int]
    directory: Any
    filenames: list[str]
    image_data_generator: Any
    data_format: str
    dtype: Any
    save_to_dir: str | None
    save_prefix: str
    save_format: str
    split: tuple[float, float] | None
    # A subclass that calls ``set_processing_attrs`` alone has Keras's pixels.
    augment: bool = True
    sampler: Any = None
    class_order: str
    decode: str = "exact"
    exif: bool = False
    formats: Any = None
    cache: str | None = None
    storage_options: dict[str, Any] | None = None
    verbose: bool = True
    _arrangement: Arrangement | None = None

    def set_processing_attrs(
        self,
        image_data_generator: Any,
        target_size: tuple[int, int],
        color_mode: str,
        data_format: str,
        save_to_dir: str | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool | str,
    ) -> None:
        """Set the attributes that files are processed by; see ``flow_from_directory``.

        Raises:
            ValueError, TypeError: a value that cannot be used.
        """
        self.image_data_generator = image_data_generator
        self.target_size = checked_target_size(target_size)
        check_reading(color_mode, interpolation, keep_aspect_ratio)
        self.keep_aspect_ratio = keep_aspect_ratio
        self.color_mode = color_mode
        self.data_format = data_format
        if color_mode != "unchanged":
            self._set_image_shape(CHANNELS[color_mode])
        self.save_to_dir = save_to_dir
        check_save_to_dir(save_to_dir)
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.split = split_of(subset, image_data_generator)
        self.subset = subset

    def _set_image_shape(self, channels: int) -> None:
        if self.data_format == "channels_last":
            self.image_shape = (*self.target_size, channels)
        else:
            self.image_shape = (channels, *self.target_size)

    def _get_ready(self) -> None:
        """Learn what has to be learnt from files, open the cache and say how full it is."""
        self._epoch_order()  # a sampler that does not fit the classes fails here and now
        if self.color_mode == "unchanged":
            self._set_image_shape(self._image_shape()[2])
            self._plan()
        else:
            user_augmentation(self, self._companion_settings())
        cache = self._current_cache()
        if cache is not None:
            tell(cache.info(), self.verbose)
        self._begin_early()

    # Files

    @cached_property
    def _paths(self) -> FilePaths:
        return FilePaths(self.storage_options)

    @property
    def filepaths(self) -> list[str]:
        """Paths of the files, in the order of ``filenames``."""
        return self._paths.all(self._root(), self.filenames)

    @filepaths.setter
    def filepaths(self, value: list[str]) -> None:
        self._paths.given = value

    # Where Keras keeps them, and where subclasses written for it put theirs.
    _filepaths = property(
        lambda self: self.filepaths, lambda self, value: setattr(self, "filepaths", value)
    )

    def _root(self) -> str:
        return os.fspath(getattr(self, "directory", None) or "")

    def _names(self, indices: np.ndarray) -> list[Any]:
        """The files of some samples: paths, or stored files."""
        if type(self).filepaths is not FileIterator.filepaths:
            paths = self.filepaths
            return self._paths.files(self._root(), [paths[index] for index in indices.tolist()])
        return self._paths.some(self._root(), self.filenames, indices)

    def _path(self, index: int) -> Any:
        return self._names(np.array([index]))[0]

    # How they are read

    @cached_property
    def _reading(self) -> FileReading:
        return FileReading()

    def _each_path(self) -> AbstractIterator[Any]:
        return map(self._path, range(int(self.n)))

    def _read_settings(self) -> ReadSettings:
        return self._reading.settings(self, self._each_path())

    def _image_shape(self) -> tuple[int, int, int]:
        return self._reading.image_shape(self, self._each_path())

    def _working_dtype(self) -> str:
        return self._reading.working_dtype(self)

    def _companion_settings(self) -> Any:
        return None if self._arrangement is None else self._arrangement.settings

    # The engine's part

    def _plan(self) -> ImagePlan:
        plan = make_image_plan(
            self,
            self._image_shape(),
            self._working_dtype(),
            read=self._read_settings(),
            cache=self._image_cache(),
            companions=self._companion_settings(),
            inputs_as_targets=self.class_mode == "input",
            on_error=self.on_error,
        )
        self._reading.check(self, plan, bool(self.save_to_dir))
        return plan

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        cache, companions = self._current_cache(), self._arrangement
        return Request(
            key,
            len(indices),
            stream,
            self._names(indices),
            None if cache is None else cache.slots_of(indices),
            seeds=seeds,
            extras=None if companions is None else companions.of(indices),
        )

    def _fingerprint(self) -> dict[str, str]:
        return files_fingerprint(self, self._plan())

    def _wanted_workers(self) -> int:
        names = getattr(self, "filenames", ())
        return processes_for(self._root(), names, super()._wanted_workers())

    def _user_workers(self) -> int | None:
        return getattr(self.image_data_generator, "workers", None)

    def _sample_timeout(self) -> float | None:
        return sample_timeout(self.image_data_generator)

    def _settings_revision(self) -> Any:
        return getattr(self.image_data_generator, "_revision", None)

    def _decode_mode(self) -> str | None:
        return self.decode

    def _is_about_to_begin(self) -> None:
        warn_of_unused_split(self)

    def _builds_directly(self) -> bool:
        return bool(self.save_to_dir) or super()._builds_directly()

    def _after_direct_build(
        self, batch: Batch, indices: np.ndarray, stream: np.random.RandomState
    ) -> None:
        left_out = {bad.row for bad in batch.bad}
        save_images(self, batch.arrays[0], indices, left_out, stream, HIGHEST_OF_FILES)

    # What a batch is handed over as

    @property
    def labels(self) -> Any:
        """Class number of every sample."""
        return self.classes

    @property
    def sample_weight(self) -> Any:
        """Weight of every sample, or None."""
        return None

    def _inputs(self, images: np.ndarray, indices: np.ndarray) -> Any:
        """What the model gets for a batch of images."""
        return images

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        inputs = self._inputs(arrays[0], indices)
        return with_targets(self, inputs, arrays, indices, self._arrangement)

    # Being looked at

    def _facts(self) -> Facts:
        return facts_of_files(self, super()._facts())

    def _meaning(self) -> Meaning:
        return meaning_of_files(self)

    def _sample_names(self, indices: np.ndarray) -> list[Any]:
        return [self.filenames[index] for index in indices.tolist()]

    # Classes

    def class_weight(self) -> dict[int, float]:
        """Weights for ``model.fit(class_weight=...)`` by which all classes count equally.

        Returns:
            {class number: samples / (classes * samples of the class)}, over the classes that
            have samples; the formula of scikit-learn's ``class_weight="balanced"``.

        Raises:
            ValueError: the class mode has no classes, or a sample has several.
        """
        return class_weight(
            single_labels("class_weight()", self.classes, self.class_mode, self.filenames)
        )

    def _epoch_order(self) -> EpochOrder:
        if self.sampler is None:
            return super()._epoch_order()
        return self._balanced.order(self)

    # The cache

    def cache_info(self) -> CacheInfo | None:
        """How full the cache is, of this flow's images; None without a cache.

        Returns:
            ``images``, ``cached``, ``bytes``, ``bytes_needed``, ``bytes_free``, ``where``; as
            a text it is one line.
        """
        return self._cache_of_files.info(self._cache_state(), self._opened_cache)

    def _cache_state(self) -> Any:
        # Any attribute that was set may have changed the files or the settings. Files that have
        # changed places within a list are noticed when they are read. Subclasses may have none.
        return (self.__dict__.get("_revision"), len(getattr(self, "filenames", ())))

    def _current_cache(self) -> FlowCache | None:
        """The cache for the files and settings as they are now, None for none."""
        return self._cache_of_files.get(self._cache_state(), self._opened_cache)

    def _opened_cache(self) -> FlowCache | None:
        if self.cache is None:
            return None
        settings = self._read_settings()
        check_cacheable(self.cache, settings)
        names = self._names(np.arange(int(self.n)))
        return open_flow_cache(self.cache, settings, self._image_shape(), names)

    def _image_cache(self) -> ImageCache | None:
        cache = self._current_cache()
        return None if cache is None else cache.cache

    # Broken files

    @property
    def bad_files(self) -> dict[str, str]:
        """The files that ``on_error="skip"`` has left out so far: path to reason."""
        return {str(path): reason for path, reason in self._bad.reasons.items()}

    # Life

    def close(self) -> None:
        """End reading ahead and free its memory and that of a cache in memory, unless other
        flows use it; batches in use stay valid.
        """
        super().close()
        self._cache_of_files.forget()

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._cache_of_files = CurrentCache()
        self._balanced = BalancedSampler()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_cache_of_files", "_balanced"):
            state.pop(name, None)
        return state
