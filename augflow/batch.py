"""A batch of images: the only place that knows the order of the stages.

``ImagePlan.build`` is a pure function of the plan (settings) and a job (which rows, which
stream).
"""

from __future__ import annotations

import numpy as np

from augflow import draw
from augflow.augment import transform_image, transform_matrices
from augflow.batch_plan import BadSample, Built, Job
from augflow.companions import Companions, read_companions, write_companions
from augflow.draw import draw_parameters
from augflow.errors import is_broken_file, reason_beside, reason_of
from augflow.image_settings import ImageSettings
from augflow.read_image import read_image
from augflow.slot_store import SlotStore
from augflow.stage_times import AUGMENT, STANDARDIZE, StageClock
from augflow.standardize import is_elementwise, standardize
from augflow.streams import as_global, open_stream
from augflow.user_code import UserCode

# Images up to this size stay in a core's cache for the whole batch.
_SMALL_BYTES = 16 << 10


class ImagePlan(ImageSettings):
    """A ``BatchPlan`` of images."""

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
            _build_with_settings(self, job, arrays, built, clock, store)
        if self.inputs_as_targets:
            arrays[1][job.start : job.stop] = batch[job.start : job.stop]
        return built


def _build_with_settings(
    plan: ImageSettings,
    job: Job,
    arrays: list[np.ndarray],
    built: Built,
    clock: StageClock,
    store: SlotStore | None,
) -> None:
    batch = arrays[0]
    stream = _stream_of(built)
    one_by_one = plan.is_indivisible
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
        clock.begin(job.start + place, name)
        with UserCode(_note, name, plan):
            image = _raw_image(plan, job, place, row, clock, store, built.bad)
            if one_by_one:
                # Also for a row that is left out: those after it draw what they always draw.
                parameters = _draw(plan, 1, stream)
                matrices = _matrices(plan, parameters)
            if image is None:
                continue
            of_row = 0 if one_by_one else place
            move = parameters[of_row], matrices[of_row]
            if plan.companions is None and plan.augmentation is None:
                _build_row(plan, image, row, *move, stream, clock)
            else:
                _build_with_companions(plan, job, place, image, arrays, *move, built, clock)


def _is_small_array(plan: ImageSettings) -> bool:
    """Whether a call a sample would cost more than its pixels."""
    return (
        plan.read is None
        and plan.augmentation is None
        and np.dtype(plan.dtype).kind == "f"
        and plan.working_dtype == plan.dtype
        and plan.layout.fields[0].bytes_of(1) <= _SMALL_BYTES
        and (plan.standardize is None or is_elementwise(plan.standardize))
    )


def _build_small_arrays(
    plan: ImageSettings,
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


def _draw(plan: ImageSettings, samples: int, stream: np.random.RandomState) -> np.ndarray:
    if plan.transform is None:
        return draw.identity_parameters(samples)
    height, width, _ = plan.image_shape
    return draw_parameters(plan.transform, height, width, samples, stream)


def _matrices(plan: ImageSettings, parameters: np.ndarray) -> list[np.ndarray | None]:
    if plan.transform is None:
        return [None] * len(parameters)
    height, width, _ = plan.image_shape
    return transform_matrices(parameters, height, width)


def _build_row(
    plan: ImageSettings,
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
    _finish_row(plan, image, row, stream, clock)


def _build_with_companions(
    plan: ImageSettings,
    job: Job,
    place: int,
    image: np.ndarray,
    arrays: list[np.ndarray],
    parameters: np.ndarray,
    matrix: np.ndarray | None,
    built: Built,
    clock: StageClock,
) -> None:
    """A row whose image has companions, or is augmented by the user's pipeline."""
    companions: Companions | None = None
    if plan.companions is not None:
        assert plan.read is not None and job.extras is not None
        record, name = job.extras[place], job.names[place]
        try:
            companions = read_companions(
                plan.companions, record, name, plan.read, parameters, matrix, plan.transform
            )
        except OSError as error:
            _leave_out(plan, job, place, error, built.bad, reason_beside(error))
            return
        clock.lap(AUGMENT)
    if plan.transform is not None:
        image = transform_image(image, parameters, matrix, plan.transform)
    if plan.augmentation is not None:
        image, companions = _augmented(plan, job, place, image, companions)
    if plan.companions is not None and companions is not None:
        named = plan.companion_arrays(arrays)
        row = job.start + place
        write_companions(plan.companions, companions, named, row, plan.channels_first)
    clock.lap(AUGMENT)
    _finish_row(plan, image, arrays[0][job.start + place], _stream_of(built), clock)


def _augmented(
    plan: ImageSettings, job: Job, place: int, image: np.ndarray, companions: Companions | None
) -> tuple[np.ndarray, Companions | None]:
    assert plan.augmentation is not None and job.seeds is not None
    generator = job.seeds.generator(place)
    image, companions = plan.augmentation.apply(image, generator, companions)
    return image.astype(plan.working_dtype), companions


def _finish_row(
    plan: ImageSettings,
    image: np.ndarray,
    row: np.ndarray,
    stream: np.random.RandomState,
    clock: StageClock,
) -> None:
    if plan.channels_first:
        image = image.transpose(2, 0, 1)
    if plan.standardize is not None:
        if plan.is_indivisible:
            with as_global(stream):
                image = standardize(image, plan.standardize)
        else:
            image = standardize(image, plan.standardize)
    if image is not row:
        row[...] = image
    clock.lap(STANDARDIZE)


def _raw_image(
    plan: ImageSettings,
    job: Job,
    place: int,
    row: np.ndarray,
    clock: StageClock,
    store: SlotStore | None,
    bad: list[BadSample],
) -> np.ndarray | None:
    """The image before any transform, (height, width, channels), free to be overwritten.

    None, with a new entry in ``bad``, for a sample that is to be left out.
    """
    if job.start + place in job.left_out:
        reason = job.left_out[job.start + place]
        bad.append(BadSample(job.start + place, job.names[place], reason))
        return None
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
        _leave_out(plan, job, place, error, bad, reason_of(error))
        return None
    if image.shape != plan.image_shape:
        raise ValueError(f"expected an image of shape {plan.image_shape}, got {image.shape}")
    return image


def _leave_out(
    plan: ImageSettings, job: Job, place: int, error: OSError, bad: list[BadSample], reason: str
) -> None:
    """Note a sample that is left out, or raise the error."""
    if plan.on_error != "skip" or not is_broken_file(error):
        raise error
    bad.append(BadSample(job.start + place, job.names[place], reason))


def _build_with_methods(
    plan: ImageSettings,
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
        clock.begin(job.start + place, name)
        with UserCode(_note, name, plan):
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
                if plan.augmentation is not None:
                    image = np.moveaxis(image, 0, 2) if plan.channels_first else image
                    image, _ = _augmented(plan, job, place, image, None)
                    image = np.moveaxis(image, 2, 0) if plan.channels_first else image
                clock.lap(AUGMENT)
                image = generator.standardize(image)
            row[...] = image
            clock.lap(STANDARDIZE)


def _stream_of(built: Built) -> np.random.RandomState:
    assert built.stream is not None
    return built.stream


def _note(name: str, plan: ImageSettings) -> str:
    return f"augflow: while preparing {plan.describe(name)}"
