"""Flows whose batches are built by the stages: in workers, ahead of time, or in this process."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator as AbstractIterator
from functools import partial
from typing import Any

import numpy as np

from augflow.batch import Plan
from augflow.engine import Engine, Request, build_here
from augflow.flow_cache import FlowCache
from augflow.flow_stats import FlowStats, make_stats
from augflow.image_cache import ImageCache
from augflow.image_io import array_to_img
from augflow.iterator import Iterator
from augflow.schedule import Place
from augflow.settings import ReadSettings, StandardizeSettings, TransformSettings
from augflow.streams import StreamState, state_of

# A forked child has its parent's flows, but neither its workers nor the threads that may hold
# their locks. It was forked for the sake of parallel work, so it builds batches itself.
_flows: weakref.WeakSet[PlannedIterator] = weakref.WeakSet()
_is_forked_child = False


def _after_fork() -> None:
    global _is_forked_child
    _is_forked_child = True
    for flow in list(_flows):
        flow._restart_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class PlannedIterator(Iterator):
    """What file and array iterators share: a plan, an engine, and saving of batches.

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
    _engine: Engine | None = None
    _engine_revision: Any = None

    # The subclass's part

    def _image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        raise NotImplementedError(f"{type(self).__name__} must define _image_shape")

    def _names(self, indices: np.ndarray) -> list[str]:
        """For each sample its path, or what an error is to call it."""
        raise NotImplementedError(f"{type(self).__name__} must define _names")

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        """The batch as the consumer gets it: inputs, targets, weights."""
        raise NotImplementedError(f"{type(self).__name__} must define _output")

    def _read_settings(self) -> ReadSettings | None:
        """How to read files; None where ``_lay`` brings the raw images."""
        return None

    def _lay(self, indices: np.ndarray, rows: np.ndarray) -> None:
        """Write raw images into the rows of a batch."""

    def _current_cache(self) -> FlowCache | None:
        """The cache for the files and settings as they are now, None for none."""
        return None

    def _working_dtype(self) -> str:
        """The dtype of images between the stages."""
        return "float32"

    def _inputs_as_targets(self) -> bool:
        return False

    def _highest_save_number(self) -> int:
        """Bound of the random number in the name of a saved image, as in Keras."""
        return 10_000_000

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._engine = None
        _flows.add(self)

    def _restart_in_child(self) -> None:
        self.lock = threading.Lock()
        if self._engine is not None:
            self._engine.abandon()
        self._engine = None

    def _check_save_to_dir(self) -> None:
        if self.save_to_dir is not None and not os.path.isdir(self.save_to_dir):
            raise FileNotFoundError(
                f"save_to_dir={os.fspath(self.save_to_dir)!r} is no directory; make it first"
            )

    # Plans and engines

    def _plan(self) -> Plan:
        transform, standardize, custom = _stage_settings(self.image_data_generator)
        cache = self._image_cache()
        return Plan(
            image_shape=self._image_shape(),
            dtype=np.dtype(self.dtype).str,
            working_dtype=self._working_dtype(),
            channels_first=self.data_format == "channels_first",
            read=self._read_settings(),
            transform=transform if self.augment else None,
            standardize=standardize,
            custom=custom,
            inputs_as_targets=self._inputs_as_targets(),
            augment=bool(self.augment),
            cache=None if cache is None else cache.place,
        )

    def _wanted_workers(self) -> int:
        """Worker processes for this flow, 0 for none."""
        if _is_forked_child:
            return 0
        workers = getattr(self.image_data_generator, "workers", None)
        if workers is None:
            from augflow.pool import cpu_count

            workers = cpu_count()
        return int(workers)

    def _current_engine(self) -> Engine:
        """The engine for the settings as they are now; those of the generator included."""
        generator = self.image_data_generator
        revision = (self.__dict__.get("_revision"), getattr(generator, "_revision", None))
        with self.lock:
            if self._engine is None or revision != self._engine_revision:
                if self._engine is not None:
                    self._engine.close()
                size = max(1, min(self.batch_size, self.n))
                cache = self._image_cache()
                self._engine = Engine(self._plan(), self._wanted_workers(), size, cache=cache)
                self._engine_revision = revision
            return self._engine

    def _image_cache(self) -> ImageCache | None:
        cache = self._current_cache()
        return None if cache is None else cache.cache

    def _request(self, place: Place) -> Request:
        return self._request_for(place.key, place.indices, place.stream)

    def _request_for(self, key: Any, indices: np.ndarray, stream: StreamState) -> Request:
        lay = partial(self._lay, indices) if self._read_settings() is None else None
        cache = self._current_cache()
        slots = None if cache is None else cache.slots_of(indices)
        return Request(key, len(indices), stream, self._names(indices), slots, lay)

    # Batches

    def _has_own_batches(self) -> bool:
        method = type(self)._get_batches_of_transformed_samples
        return method is not PlannedIterator._get_batches_of_transformed_samples

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        if self._has_own_batches() or self.save_to_dir:
            return super()._fetch(place, coming)
        engine = self._current_engine()
        ahead = ((other.key, partial(self._request, other)) for other in coming)
        arrays, work = engine.fetch(self._request(place), ahead)
        self._meter.add(work, engine.workers)
        return self._output(arrays, place.indices)

    def _prepare(self, coming: AbstractIterator[Place]) -> None:
        engine = self._engine
        if engine is not None and not self._has_own_batches() and not self.save_to_dir:
            engine.prepare((other.key, partial(self._request, other)) for other in coming)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """The batch of the given samples, built in this process.

        Args:
            index_array: int array of shape (batch,), positions of samples.

        Returns:
            What ``next()`` returns for these samples.
        """
        indices = np.asarray(index_array)
        stream = self._live_stream()
        request = self._request_for("direct", indices, state_of(stream))
        arrays, end, work = build_here(self._plan(), request, self._image_cache())
        self._meter.add(work, 0)
        stream.set_state(state_of(end))
        if self.save_to_dir:
            self._save(arrays[0], indices, stream)
        return self._output(arrays, indices)

    def _save(self, batch: np.ndarray, indices: np.ndarray, stream: np.random.RandomState) -> None:
        assert self.save_to_dir is not None
        for image, index in zip(batch, indices.tolist(), strict=True):
            number = stream.randint(self._highest_save_number())
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            picture = array_to_img(image, self.data_format, scale=True)
            picture.save(os.path.join(self.save_to_dir, name))

    def stats(self) -> FlowStats:
        """Where the time of the last and of the current epoch went; ``print`` it to read it.

        Returns:
            Numbers, shares and a sentence of advice; see docs/stats.md.
        """
        from augflow.pool import cpu_count

        read = self._read_settings()
        decode = None if read is None else read.decode
        return make_stats(*self._meter.read(), cpus=cpu_count(), decode=decode)

    # Life

    def close(self) -> None:
        """End reading ahead and free its memory; batches in use stay valid.

        A closed flow that is used again starts anew.
        """
        with self.lock:
            if self._engine is not None:
                self._engine.close()
            self._engine = None

    def __enter__(self) -> PlannedIterator:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_engine", None)
        state.pop("_engine_revision", None)
        return state


def _stage_settings(
    generator: Any,
) -> tuple[TransformSettings | None, StandardizeSettings | None, Any]:
    """Settings of a generator, or the generator itself where it has methods of its own."""
    if generator is None:
        return None, None, None
    settings = getattr(generator, "_stage_settings", lambda: None)()
    return (*settings, None) if settings is not None else (None, None, generator)


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
