"""``ImageDataGenerator.fit`` on a flow: one pass over its images, in bounded memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from augflow.base.warn_user import warn_user
from augflow.batch.image_plan import ImagePlan
from augflow.batch.request import Request
from augflow.flow.engine_iterator import EngineIterator
from augflow.flow.own_methods import is_overridden
from augflow.flow.whole_pass import whole_pass
from augflow.images.array import NumpyArrayIterator
from augflow.images.files import FileIterator
from augflow.memory.free_space import free_memory, readable
from augflow.order.streams import (
    SampleSeeds,
    StreamState,
    as_global,
    global_stream,
    open_stream,
    state_of,
)
from augflow.report.statistics import Statistics as DataStatistics
from augflow.runtime.engine import Batch
from augflow.runtime.make_engine import make_engine
from augflow.scan.row_names import first_of
from augflow.transform.pixel_moments import PixelMoments, whitening_bytes

ImagesIterator = FileIterator | NumpyArrayIterator
Statistics = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]


def flow_statistics(
    generator: Any, flow: Any, augment: bool, rounds: int, seed: int | None
) -> Statistics:
    """What ``generator.fit`` computes of an array, of the images of a flow.

    They are read as the flow reads them, each once, in the flow's workers, and rescaled by the
    generator. The flow itself does not move; its own generator's transforms and
    standardization are left out.

    Args:
        generator: an ``ImageTransformer``: says what to compute, and how images are transformed.
        flow: a flow of images.
        augment, rounds, seed: see ``ImageTransformer.fit``.

    Returns:
        (mean, std, matrix) as ``standardize.fit_statistics`` returns them.

    Raises:
        TypeError: a flow that is none of images, or makes its batches by a method of its own.
        ValueError: a flow without images, or of another data format.
        MemoryError: ZCA of images with too many pixels.
    """
    check_raw(flow, "fit")
    if flow.data_format != generator.data_format:
        raise ValueError(
            f"the flow has data_format={flow.data_format!r}, the generator that is to be fitted "
            f"{generator.data_format!r}"
        )
    whiten = generator.zca_whitening
    if not (generator.featurewise_center or generator.featurewise_std_normalization or whiten):
        warn_user(
            "fit has nothing to compute: featurewise_center, featurewise_std_normalization and "
            "zca_whitening are off.",
        )
        return None, None, None
    plan = _plan_of(generator, flow, augment)
    shape = plan.layout.fields[0].shape
    if whiten:
        _check_memory(shape)
    factor = float(generator.rescale or 1) if plan.custom is None else 1.0
    moments = PixelMoments(shape, generator.channel_axis - 1, whiten, factor)
    reading = RawReading(flow, plan, rounds if augment else 1)
    if augment:
        reading.draw_from(generator, seed)
    left_out: dict[str, str] = {}
    for batch in reading.batches():
        images = batch.arrays[0]
        if batch.bad:
            left_out.update({str(bad.name): bad.reason for bad in batch.bad})
            images = np.delete(images, [bad.row for bad in batch.bad], axis=0)
        moments.add(images)
    if left_out:
        warn_user(
            f"fit has left out {len(left_out)} broken file(s): {first_of(list(left_out))}",
        )
    return _statistics_of(moments, generator)


def _statistics_of(moments: PixelMoments, generator: Any) -> Statistics:
    if not moments.count:
        raise ValueError("fit cannot compute statistics: none of the flow's images can be read.")
    centred = generator.featurewise_center
    scaled = generator.featurewise_std_normalization
    dtype = _float_dtype(generator)
    mean = moments.mean().astype(dtype) if centred else None
    std = moments.deviation().astype(dtype) if scaled else None
    matrix = None
    if generator.zca_whitening:
        matrix = moments.whitening(centred, scaled, generator.zca_epsilon)
    return mean, std, matrix


def check_raw(flow: Any, what: str) -> None:
    """Raise unless a flow's images can be read before they are transformed; ``what``: needs them.

    Raises:
        TypeError, ValueError: see ``flow_statistics``.
    """
    if not isinstance(flow, ImagesIterator):
        raise TypeError(
            f"{what} takes an array of images, what augflow.statistics gives, or a flow of images. "
            f"Received: {type(flow).__name__}"
        )
    if is_overridden(flow, "_get_batches_of_transformed_samples", EngineIterator):
        raise TypeError(
            f"{type(flow).__name__} makes its batches by a method of its own, and {what} needs "
            f"images before they are transformed. Give {what} an array of images."
        )
    if not flow.n:
        raise ValueError(f"{what} needs images; this flow has none.")


def statistics_for(generator: Any, statistics: DataStatistics, augment: bool) -> Statistics:
    """What ``generator.fit`` takes of statistics that are there already.

    Args:
        generator: says what is wanted, and rescales.
        statistics: of images, by channel.
        augment: see ``ImageTransformer.fit``.

    Returns:
        (mean, std, matrix) as ``flow_statistics`` returns them.

    Raises:
        ValueError: statistics of something else than images, or not all that is wanted.
    """
    images = statistics.arrays.get("inputs")
    if images is None or images.mean is None or {len(shape) for shape in images.shapes} != {3}:
        found = "".join(f"\n{name}: {each}" for name, each in statistics.arrays.items())
        raise ValueError(f"fit needs statistics of images, as one input. Received:{found}")
    for unwanted, name in ((augment, "augment=True"), (generator.zca_whitening, "zca_whitening")):
        if unwanted:
            raise ValueError(f"fit needs the images themselves for {name}: give it the flow")
    shape = [1, 1, 1]
    shape[generator.channel_axis - 1] = -1
    rescale, dtype = float(generator.rescale or 1), _float_dtype(generator)
    mean = std = None
    if generator.featurewise_center:
        mean = (rescale * images.mean).reshape(shape).astype(dtype)
    if generator.featurewise_std_normalization:
        assert images.deviation is not None
        std = (abs(rescale) * images.deviation).reshape(shape).astype(dtype)
    return mean, std, None


def _float_dtype(generator: Any) -> np.dtype[Any]:
    """The dtype of ``fit`` on an array of the generator's dtype."""
    dtype: np.dtype[Any] = np.dtype(generator.dtype)
    if dtype.kind != "f":
        dtype = np.dtype(np.float32 if generator.rescale else np.float64)
    return dtype


def _check_memory(shape: tuple[int, ...]) -> None:
    needed, room = whitening_bytes(shape), free_memory()
    if room is not None and needed > room.usable:
        pixels = int(np.prod(shape))
        raise MemoryError(
            f"zca_whitening of images of shape {shape} needs matrices of {pixels} x {pixels} "
            f"numbers, {readable(needed)} in all; {readable(room.usable)} of memory can be used. "
            "Choose a smaller target_size."
        )


def _plan_of(generator: Any, flow: ImagesIterator, augment: bool) -> ImagePlan:
    custom = None
    if augment:
        custom = _Transforms(_without_functions(generator), generator.rescale or None)
    return raw_plan(flow, generator.dtype, custom)


def raw_plan(flow: ImagesIterator, dtype: Any, custom: Any = None) -> ImagePlan:
    """A plan of a flow's images as they are read, before any transform and standardization.

    Args:
        flow: says how they are read.
        dtype: that the images are at least of.
        custom: transforms them, None for nothing.
    """
    cache = flow._image_cache()
    # Sums need floats, and integers of 32 bits and more need the longer ones.
    dtype = np.result_type(np.float32, flow.dtype, flow._working_dtype(), dtype).str
    return ImagePlan(
        image_shape=flow._image_shape(),
        dtype=dtype,
        working_dtype=dtype,
        channels_first=flow.data_format == "channels_first",
        read=flow._read_settings() if isinstance(flow, FileIterator) else None,
        custom=custom,
        cache=None if cache is None else cache.place,
        on_error=flow.on_error,
    )


def _without_functions(generator: Any) -> Any:
    """A copy that only transforms, so that nothing else travels to the workers."""
    plain = copy.copy(generator)
    plain.preprocessing_function = plain.augmentation = None
    plain.mean = plain.std = plain.zca_whitening_matrix = None
    return plain


@dataclass(frozen=True)
class _Transforms:
    """Rescales, then transforms: the order of ``fit``, by the methods that a plan calls."""

    generator: Any
    rescale: float | None

    def get_random_transform(self, shape: tuple[int, ...]) -> dict[str, Any]:
        parameters: dict[str, Any] = self.generator.get_random_transform(shape)
        return parameters

    def apply_transform(self, image: np.ndarray, parameters: dict[str, Any]) -> Any:
        scaled = image * image.dtype.type(self.rescale) if self.rescale else image
        return self.generator.apply_transform(scaled, parameters)

    def standardize(self, image: np.ndarray) -> np.ndarray:
        return image


class RawReading:
    """One pass over a flow's images, beside the flow.

    Args:
        flow: whose images are read.
        plan: how.
        rounds: how often each image comes.
        doing: words in front of the progress line.
    """

    def __init__(
        self, flow: ImagesIterator, plan: ImagePlan, rounds: int = 1, doing: str = "Fitting"
    ) -> None:
        self._doing = doing
        self._flow = flow
        self._plan = plan
        self._samples = int(flow.n)
        self._total = self._samples * rounds
        self._batch_size = max(1, min(int(flow.batch_size), self._total))
        self._draw: Callable[[int], None] | None = None
        self._stream = open_stream(0)
        # Where the streams of batches begin that have not been built yet.
        self._states: dict[int, StreamState] = {}
        self._drawn = 0

    def draw_from(self, generator: Any, seed: int | None) -> None:
        """Draw the parameters that ``fit`` draws for an array of the same images, in its order."""
        self._stream = global_stream() if seed is None else open_stream(seed)
        shape = self._plan.layout.fields[0].shape

        def draw(samples: int) -> None:
            with as_global(self._stream):
                for _ in range(samples):
                    generator.get_random_transform(shape)

        self._draw = draw

    def batches(self, workers: int | None = None) -> Iterator[Batch]:
        """All batches, one after the other; ``workers``: None for those of the flow."""
        # Arrays that are only added up gain nothing from workers.
        if self._plan.read is None and self._plan.custom is None:
            workers = 0
        elif workers is None:
            workers = EngineIterator._wanted_workers(self._flow)
        cache = self._flow._image_cache()
        engine = make_engine(self._plan, workers, self._batch_size, cache)
        size, request = self._batch_size, self._request
        for start, batch in whole_pass(engine, self._total, size, request, self._doing, "images"):
            yield batch
            self._states.pop(start, None)

    def _request(self, start: int, stop: int) -> Request:
        indices = np.arange(start, stop) % self._samples
        state = self._state_at(start)
        request = self._flow._request_for(start, indices, state, SampleSeeds(0, 0, []))
        lay = None if request.lay is None else partial(_lay_as, self._flow.dtype, request.lay)
        return Request(start, len(indices), state, request.names, request.slots, lay=lay)

    def _state_at(self, start: int) -> StreamState:
        if self._draw is None:
            return 0
        while self._drawn <= start:
            self._states[self._drawn] = state_of(self._stream)
            self._draw(min(self._batch_size, self._total - self._drawn))
            self._drawn += self._batch_size
        return self._states[start]


def _lay_as(dtype: Any, lay: Callable[[list[np.ndarray]], None], arrays: list[np.ndarray]) -> None:
    """Lay images into arrays of another dtype than theirs."""
    raw = np.empty(arrays[0].shape, dtype=dtype)
    lay([raw])
    arrays[0][...] = raw
