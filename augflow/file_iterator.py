"""What iterators over image files share: how files are read, and how targets are made."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator as AbstractIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from augflow.augmentation import check_levels_dtype
from augflow.bad_files import BadFiles, NothingLeftError, nothing_left
from augflow.batch import ImagePlan
from augflow.batch_plan import BadSample
from augflow.class_iterator import ClassIterator
from augflow.companion_iterator import CompanionIterator
from augflow.flow_cache import FlowCache, open_flow_cache
from augflow.image_cache import CacheInfo
from augflow.image_kind import ImageKind, check_cacheable, check_kind, learn_kind
from augflow.kept_paths import KeptPaths
from augflow.loaders import checked_formats, loaders_of
from augflow.placement import checked_keep_aspect_ratio
from augflow.planned_iterator import validation_fraction
from augflow.read_scaled import DECODE_MODES
from augflow.resize import CHANNELS, FILTERS
from augflow.schedule import Place
from augflow.settings import ReadSettings
from augflow.targets import batch_targets

WITHOUT_CLASSES = frozenset({"input", "mask", "multi_output", "raw", None})


# So many others are tried in the place of a batch of broken files alone.
_STAND_INS = 4


class FileIterator(CompanionIterator, ClassIterator):
    """What iterators over files share: how files are read, and how targets are made."""

    class_indices: dict[Any, int]
    directory: Any
    # A subclass that calls ``set_processing_attrs`` alone has Keras's pixels.
    decode: str = "exact"
    exif: bool = False
    formats: Any = None
    _image_kind: ImageKind | None = None
    _kept_paths: KeptPaths | None = None
    cache: str | None = None
    _open_cache: FlowCache | None = None
    _cache_state: tuple[Any, ...] | None = None

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
        """Set the attributes that files are processed by; see ``DirectoryIterator``.

        Raises:
            ValueError, TypeError: a value that cannot be used.
        """
        self.image_data_generator = image_data_generator
        self.target_size = _checked_target_size(target_size)
        checked_keep_aspect_ratio(keep_aspect_ratio)
        self.keep_aspect_ratio = keep_aspect_ratio
        if color_mode not in (*CHANNELS, "unchanged"):
            raise ValueError(
                '`color_mode` must be "rgb", "rgba", "grayscale" or "unchanged". '
                f"Received: {color_mode!r}"
            )
        if interpolation not in FILTERS:
            raise ValueError(
                f"`interpolation` must be one of {sorted(FILTERS)}. Received: {interpolation!r}"
            )
        self.color_mode = color_mode
        self.data_format = data_format
        if color_mode != "unchanged":
            self._set_image_shape(CHANNELS[color_mode])
        self.save_to_dir = save_to_dir
        self._check_save_to_dir()
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.split = _split_of(subset, image_data_generator)
        self.subset = subset

    def _set_image_shape(self, channels: int) -> None:
        if self.data_format == "channels_last":
            self.image_shape = (*self.target_size, channels)
        else:
            self.image_shape = (channels, *self.target_size)

    def _set_formats(self, formats: Any) -> None:
        """Add endings to those that are looked for, see ``DirectoryIterator``."""
        checked = checked_formats(formats)
        self.formats = formats
        if checked:
            self.white_list_formats = (*self.white_list_formats, *checked)

    # Paths are joined when they are needed: a second list of a million of them would cost more
    # memory than the first, and a new ``directory`` or ``filenames`` has to take effect. Who asks
    # for the list gets one that stays, as in Keras: it may be changed, or asked for in a loop.
    @property
    def filepaths(self) -> list[str]:
        """Paths of the files, in the order of ``filenames``."""
        given = self.__dict__.get("_given_filepaths")
        if given is not None:
            return given  # type: ignore[no-any-return]
        root, kept = self._root(), self._kept_paths
        if kept is None or not kept.fits(root, self.filenames):
            kept = self._kept_paths = KeptPaths(root, self.filenames)
        return kept.paths

    @filepaths.setter
    def filepaths(self, value: list[str]) -> None:
        self._given_filepaths = value

    # Where Keras keeps them, and where subclasses written for it put theirs.
    @property
    def _filepaths(self) -> list[str]:
        return self.filepaths

    @_filepaths.setter
    def _filepaths(self, value: list[str]) -> None:
        self.filepaths = value

    def _root(self) -> str:
        return os.fspath(self.directory or "")

    @property
    def labels(self) -> Any:
        """Class number of every sample."""
        return self.classes

    @property
    def sample_weight(self) -> Any:
        """Weight of every sample, or None."""
        return None

    def _image_shape(self) -> tuple[int, int, int]:
        channels = self._kind().channels if self._is_unchanged else CHANNELS[self.color_mode]
        return (*self.target_size, channels)

    @property
    def _is_unchanged(self) -> bool:
        return self.color_mode == "unchanged"

    def _kind(self) -> ImageKind:
        """What "unchanged" images have to have: learnt from the first file, once a flow."""
        kind = self._image_kind
        if kind is None:
            paths = (str(self._names(np.array([row]))[0]) for row in range(int(self.n)))
            kind = learn_kind(paths, self._settings_of_any(), self.on_error == "skip")
            self._image_kind = kind
            self._set_image_shape(kind.channels)
        return kind

    def _working_dtype(self) -> str:
        if self._is_unchanged and np.dtype(self.dtype).itemsize > 4:
            return "float64"
        return super()._working_dtype()

    def _plan(self) -> ImagePlan:
        plan = super()._plan()
        if self._is_unchanged:
            check_kind(self._kind(), plan.transform, bool(self.save_to_dir))
            if plan.augmentation is not None:
                check_levels_dtype(self._kind().dtype)
        return plan

    def _read_settings(self) -> ReadSettings:
        settings = self._settings_of_any()
        if not self._is_unchanged:
            return settings
        kind = self._kind()
        return replace(settings, channels=kind.channels, dtype=kind.dtype)

    def _settings_of_any(self) -> ReadSettings:
        return ReadSettings(
            target_size=self.target_size,
            color_mode=self.color_mode,
            interpolation=self.interpolation,
            keep_aspect_ratio=checked_keep_aspect_ratio(self.keep_aspect_ratio),
            decode=self.decode,
            exif=self.exif,
            loaders=loaders_of(checked_formats(self.formats)) if self.formats else (),
        )

    def _names(self, indices: np.ndarray) -> list[str]:
        own = type(self).filepaths is not FileIterator.filepaths
        if own or self.__dict__.get("_given_filepaths") is not None:
            paths = self.filepaths
            return [paths[index] for index in indices.tolist()]
        root, names, kept = self._root(), self.filenames, self._kept_paths
        if kept is None:
            return [os.path.join(root, names[index]) for index in indices.tolist()]
        return [kept.path(root, names, index) for index in indices.tolist()]

    # The cache

    def cache_info(self) -> CacheInfo | None:
        """How full the cache is, of this flow's images; None without a cache.

        Returns:
            ``images``, ``cached``, ``bytes``, ``bytes_needed``, ``bytes_free``, ``where``; as
            a text it is one line.
        """
        was_open = self._open_cache is not None
        cache = self._current_cache()
        info = None if cache is None else cache.info()
        if not was_open:
            # Asking a closed flow leaves nothing behind.
            self._forget_cache()
        return info

    def _current_cache(self) -> FlowCache | None:
        if self.cache is None:
            return None
        # Any attribute that was set may have changed the files or the settings. Files that have
        # changed places within a list are noticed when they are read.
        state = (self.__dict__.get("_revision"), len(self.filenames))
        if state != self._cache_state:
            names = self._names(np.arange(int(self.n)))
            settings = self._read_settings()
            check_cacheable(self.cache, settings)
            self._open_cache = open_flow_cache(self.cache, settings, self._image_shape(), names)
            self._cache_state = state
        return self._open_cache

    def _forget_cache(self) -> None:
        self._open_cache = None
        self._cache_state = None

    def _get_ready(self) -> None:
        """Learn what has to be learnt from files, open the cache and say how full it is."""
        if self._is_unchanged:
            # All that can be wrong is to be said now.
            self._plan()
        else:
            # What contradicts itself is better known now than at the first batch.
            self._augmentation()
        cache = self._current_cache()
        if cache is not None:
            print(cache.info())

    def close(self) -> None:
        """End reading ahead and free its memory and that of a cache in memory, unless other
        flows use it; batches in use stay valid.

        A closed flow that is used again starts anew.
        """
        super().close()
        self._forget_cache()
        self._bad_files.report()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_bad_files", None)
        state.pop("_open_cache", None)
        state.pop("_cache_state", None)
        return state

    # Broken files

    @property
    def bad_files(self) -> dict[str, str]:
        """The files that ``on_error="skip"`` has left out so far: path to reason."""
        return dict(self._bad_files.reasons)

    def _report_bad(self, bad: list[BadSample], indices: np.ndarray) -> None:
        self._bad_files.add(bad)
        if len(bad) == len(indices):
            raise nothing_left(bad)

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        try:
            return super()._fetch(place, coming)
        except NothingLeftError:
            for other in self._instead_of(place):
                with suppress(NothingLeftError):
                    batch = super()._fetch(other, iter(()))
                    self._bad_files.add_stand_in()
                    return batch
            raise
        finally:
            if self.on_error == "skip":
                self._bad_files.batch_was_read(place.key[0], place.key[1], len(self))

    def _instead_of(self, place: Place) -> AbstractIterator[Place]:
        """Batches of the same epoch to train on where one is broken files alone: those before.

        None without shuffling: each epoch would have the same gap, and predictions an order.
        """
        if not self.shuffle:
            return
        start, position, _ = place.key
        epoch = self._epoch
        schedule = self._current_schedule()
        if epoch is None or epoch.start != start:
            epoch = schedule.epoch(start)
        for distance in range(1, min(_STAND_INS, len(self) - 1) + 1):
            other = (position - distance) % len(self)
            yield schedule.place(epoch, other, start + other)

    def on_epoch_end(self) -> None:
        """See ``Iterator.on_epoch_end``; also says which files were left out."""
        # Keras looks at the first batch and ends an "epoch" before it begins one.
        is_an_end = self._begun
        super().on_epoch_end()
        if is_an_end:
            self._bad_files.epoch_has_ended()

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._bad_files = BadFiles()

    def _inputs_as_targets(self) -> bool:
        return self.class_mode == "input"

    def _inputs(self, images: np.ndarray, indices: np.ndarray) -> Any:
        """What the model gets for a batch of images."""
        return images

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        inputs = self._inputs(arrays[0], indices)
        targets: Any = None
        if self.class_mode == "input":
            targets = arrays[1]
        elif self.class_mode not in (None, "mask"):
            numbered = self.class_mode not in WITHOUT_CLASSES
            targets = batch_targets(
                self.class_mode,
                indices,
                self.classes if numbered else None,
                len(self.class_indices) if numbered else None,
                None if numbered else self.labels,
                self.dtype,
            )
        targets = self._with_companions(targets, arrays)
        if targets is None:
            # Keras would take a bare tuple for inputs and targets.
            return (inputs,) if isinstance(inputs, tuple) else inputs
        weights = self.sample_weight
        return (inputs, targets) if weights is None else (inputs, targets, weights[indices])


def check_class_mode(class_mode: Any, allowed: frozenset[str | None]) -> None:
    """Raise unless the class mode is one of the allowed."""
    if class_mode not in allowed:
        raise ValueError(
            f"`class_mode` must be one of {sorted(allowed, key=str)}. Received: {class_mode!r}"
        )


def checked_decode(decode: Any) -> str:
    """Raise unless it is one of the ways to decode."""
    if decode not in DECODE_MODES:
        raise ValueError(f'`decode` must be "exact" or "fast". Received: {decode!r}')
    return str(decode)


def checked_on_error(on_error: Any) -> str:
    """Raise unless it is one of the ways to treat broken files."""
    if on_error not in ("raise", "skip"):
        raise ValueError(f'`on_error` must be "raise" or "skip". Received: {on_error!r}')
    return str(on_error)


def _checked_target_size(target_size: Any) -> tuple[int, int]:
    try:
        height, width = (operator.index(side) for side in target_size)
    except (TypeError, ValueError):
        raise TypeError(
            f"`target_size` must be two ints, (height, width). Received: {target_size!r}"
        ) from None
    if height < 1 or width < 1:
        raise ValueError(f"`target_size` must be at least (1, 1). Received: {target_size!r}")
    return height, width


def _split_of(subset: str | None, generator: Any) -> tuple[float, float] | None:
    """The fraction of each class that a subset takes: validation first, then training."""
    if subset is None:
        return None
    border = validation_fraction(subset, generator)
    return (0, border) if subset == "validation" else (border, 1)
