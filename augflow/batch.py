"""A batch of images: the only place that knows the order of the stages.

``ImagePlan.build`` is a pure function of the plan (settings) and a job (which rows, which
stream).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from augflow import draw
from augflow.augment import transform_image, transform_matrices
from augflow.batch_plan import BadSample, Built, Job
from augflow.draw import draw_parameters
from augflow.errors import is_broken_file, reason_of
from augflow.keras_preprocessing import KerasPreprocessing
from augflow.layout import Field, Layout
from augflow.read_image import read_image
from augflow.settings import ReadSettings, StandardizeSettings, TransformSettings
from augflow.slot_store import CachePlace, SlotStore
from augflow.stage_times import AUGMENT, STANDARDIZE, StageClock
from augflow.standardize import is_elementwise, standardize
from augflow.streams import as_global, open_stream

# Images up to this size stay in a core's cache for the whole batch.
_SMALL_BYTES = 16 << 10


@dataclass(frozen=True)
class ImagePlan:
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
    inputs_as_targets: bool = False
    augment: bool = True
    cache: CachePlace | None = None
    on_error: str = "raise"

    @property
    def calls_user_code(self) -> bool:
        """Whether a function of the user runs once a sample.

        It may draw from ``np.random``, as it may in Keras, and so has a say in what the
        samples after it draw: such a batch is built by one worker, in order.
        """
        if self.custom is not None:
            return True
        function = self.standardize.preprocessing_function if self.standardize else None
        return function is not None and not isinstance(function, KerasPreprocessing)

    @property
    def is_indivisible(self) -> bool:
        """Whether one sample's stages have a say in what the samples after it draw."""
        return self.calls_user_code

    @cached_property
    def layout(self) -> Layout:
        """The images, in the flow's data format, and their copy where it serves as targets."""
        height, width, channels = self.image_shape
        shape = (channels, height, width) if self.channels_first else self.image_shape
        return Layout((Field(shape, self.dtype),) * (1 + self.inputs_as_targets))

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Build the job's rows in place, see ``BatchPlan``.

        Without ``read`` the rows hold raw images.
        """
        batch = arrays[0]
        built = Built(open_stream(job.stream))
        if self.custom is not None:
            _build_with_methods(self, job, batch, built, clock, store)
        else:
            _build_with_settings(self, job, batch, built, clock, store)
        if self.inputs_as_targets:
            arrays[1][job.start : job.stop] = batch[job.start : job.stop]
        return built

    def user_code(self) -> str:
        """The user's object or functions that take part."""
        if self.custom is not None:
            return f"the image_data_generator {type(self.custom).__qualname__!r}"
        function = self.standardize.preprocessing_function if self.standardize else None
        name = getattr(function, "__qualname__", None) or repr(function)
        parts = [f"the preprocessing_function {name!r}"] if function is not None else []
        parts += [loader.name for loader in self.read.loaders] if self.read else []
        return " or ".join(parts)


def _build_with_settings(
    plan: ImagePlan,
    job: Job,
    batch: np.ndarray,
    built: Built,
    clock: StageClock,
    store: SlotStore | None,
) -> None:
    stream = _stream_of(built)
    one_by_one = plan.calls_user_code
    if one_by_one and (job.start, job.stop) != (0, job.samples):
        raise ValueError("a batch whose samples run user code must be built as a whole")
    if not one_by_one:
        drawn = _draw(plan, job.samples, stream)
        parameters = drawn[job.start : job.stop]
        matrices = _matrices(plan, parameters)
    clock.lap(AUGMENT)
    if not one_by_one and _is_small_array(plan):
        _build_small_arrays(plan, batch[job.start : job.stop], parameters, matrices, clock)
        return
    for place, name in enumerate(job.names):
        row = batch[job.start + place]
        try:
            image = _raw_image(plan, job, place, row, clock, store, built.bad)
            if one_by_one:
                # Also for a row that is left out: those after it draw what they always draw.
                parameters = _draw(plan, 1, stream)
                matrices = _matrices(plan, parameters)
                place = 0
            if image is None:
                continue
            _build_row(plan, image, row, parameters[place], matrices[place], stream, clock)
        except Exception as error:
            error.add_note(_note(name, plan))
            raise


def _is_small_array(plan: ImagePlan) -> bool:
    """Whether a call a sample would cost more than its pixels."""
    return (
        plan.read is None
        and np.dtype(plan.dtype).kind == "f"
        and plan.working_dtype == plan.dtype
        and plan.layout.fields[0].bytes_of(1) <= _SMALL_BYTES
        and (plan.standardize is None or is_elementwise(plan.standardize))
    )


def _build_small_arrays(
    plan: ImagePlan,
    rows: np.ndarray,
    parameters: np.ndarray,
    matrices: list[np.ndarray | None],
    clock: StageClock,
) -> None:
    """The rows that a transform touches one by one, and the arithmetic for all at once."""
    if plan.transform is not None:
        touched = draw.changes_image(parameters)
        for place in np.flatnonzero(touched).tolist():
            row = rows[place].transpose(1, 2, 0) if plan.channels_first else rows[place]
            row[...] = transform_image(row, parameters[place], matrices[place], plan.transform)
    clock.lap(AUGMENT)
    if plan.standardize is not None:
        standardize(rows, plan.standardize)
    clock.lap(STANDARDIZE)


def _draw(plan: ImagePlan, samples: int, stream: np.random.RandomState) -> np.ndarray:
    if plan.transform is None:
        return draw.identity_parameters(samples)
    height, width, _ = plan.image_shape
    return draw_parameters(plan.transform, height, width, samples, stream)


def _matrices(plan: ImagePlan, parameters: np.ndarray) -> list[np.ndarray | None]:
    if plan.transform is None:
        return [None] * len(parameters)
    height, width, _ = plan.image_shape
    return transform_matrices(parameters, height, width)


def _build_row(
    plan: ImagePlan,
    image: np.ndarray,
    row: np.ndarray,
    parameters: np.ndarray,
    matrix: np.ndarray | None,
    stream: np.random.RandomState,
    clock: StageClock,
) -> None:
    # The last stage that moves pixels writes straight into the batch where it can.
    target = None
    if not plan.channels_first and row.dtype == np.float32 and plan.read is not None:
        target = row
    if plan.transform is not None:
        image = transform_image(image, parameters, matrix, plan.transform, target)
    clock.lap(AUGMENT)
    if plan.channels_first:
        image = image.transpose(2, 0, 1)
    if plan.standardize is not None:
        if plan.calls_user_code:
            with as_global(stream):
                image = standardize(image, plan.standardize)
        else:
            image = standardize(image, plan.standardize)
    if image is not row:
        row[...] = image
    clock.lap(STANDARDIZE)


def _raw_image(
    plan: ImagePlan,
    job: Job,
    place: int,
    row: np.ndarray,
    clock: StageClock,
    store: SlotStore | None,
    bad: list[BadSample],
) -> np.ndarray | None:
    """The image before any transform, (height, width, channels), free to be overwritten.

    None, with a new entry in ``bad``, for a file that is to be left out.
    """
    if plan.read is None:
        image = row.transpose(1, 2, 0) if plan.channels_first else row
        return image.astype(plan.working_dtype, copy=False)
    name = job.names[place]
    try:
        if store is not None and job.slots is not None and job.slots[place] >= 0:
            image = store.fetch(job.slots[place], name, plan.read, plan.working_dtype, clock)
        else:
            image = read_image(name, plan.read, clock).astype(plan.working_dtype)
    except OSError as error:
        if plan.on_error != "skip" or not is_broken_file(error):
            raise
        bad.append(BadSample(job.start + place, name, reason_of(error)))
        return None
    if image.shape != plan.image_shape:
        raise ValueError(f"expected an image of shape {plan.image_shape}, got {image.shape}")
    return image


def _build_with_methods(
    plan: ImagePlan,
    job: Job,
    batch: np.ndarray,
    built: Built,
    clock: StageClock,
    store: SlotStore | None,
) -> None:
    """The stages by the methods of a subclass or a stranger, as Keras calls them."""
    generator = plan.custom
    stream = _stream_of(built)
    shape = plan.layout.fields[0].shape
    for place, name in enumerate(job.names):
        row = batch[job.start + place]
        try:
            image = _raw_image(plan, job, place, row, clock, store, built.bad)
            if image is not None and plan.channels_first:
                image = image.transpose(2, 0, 1)
            with as_global(stream):
                if plan.augment:
                    # Also for a row that is left out, see above.
                    parameters = generator.get_random_transform(shape)
                if image is None:
                    continue
                if plan.augment:
                    image = generator.apply_transform(image, parameters)
                clock.lap(AUGMENT)
                image = generator.standardize(image)
            row[...] = image
            clock.lap(STANDARDIZE)
        except Exception as error:
            error.add_note(_note(name, plan))
            raise


def _stream_of(built: Built) -> np.random.RandomState:
    assert built.stream is not None
    return built.stream


def _note(name: str, plan: ImagePlan) -> str:
    what = f"file {os.fspath(name)!r}" if plan.read is not None else name
    return f"augflow: while preparing {what}"
