"""A batch of images: the only place that knows the order of the stages.

``ImagePlan.build`` is a pure function of the plan (settings) and a job (which rows, which
stream).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from augflow.base.stage_times import AUGMENT, STANDARDIZE, StageClock
from augflow.base.user_code import UserCode
from augflow.batch.image_settings import ImageSettings
from augflow.batch.plan import BadSample, Built, Job
from augflow.cache.slots import SlotStore
from augflow.companions.moving import Companions, read_companions, write_companions
from augflow.errors import is_broken_file, reason_beside, reason_of
from augflow.order.streams import as_global, open_stream
from augflow.read.image_file import read_image
from augflow.store.remote import reading_ahead
from augflow.store.stored_file import StoredFile, plain_name
from augflow.transform import draw
from augflow.transform.apply import (
    Matrices,
    Move,
    Moves,
    no_matrices,
    transform_image,
    transform_matrices,
)
from augflow.transform.one_pass import OnePass, moves_of
from augflow.transform.standardize import is_elementwise, standardize

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
        kind = _RowsBySettings if self.custom is None else _RowsByMethods
        rows = kind(self, job, arrays, clock, store)
        with reading_ahead(files_to_read(self, job, store)):
            rows.build()
        if self.inputs_as_targets:
            arrays[1][job.start : job.stop] = arrays[0][job.start : job.stop]
        return Built(rows.stream, rows.bad, rows.drawn)


class _Rows(ABC):
    """The rows of one job, and how each of them comes to be.

    Attributes:
        stream: of the batch; what draws from it advances it.
        bad: rows that hold no sample.
        drawn: for each row its ``Move``, or what a method of the user's has drawn.
        one_pass: the stages between reading and the batch as one; None where they are several.
    """

    one_pass: OnePass | None = None

    def __init__(
        self,
        plan: ImageSettings,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None,
    ) -> None:
        if plan.is_indivisible and (job.start, job.stop) != (0, job.samples):
            raise ValueError("a batch whose samples run user code must be built as a whole")
        self.stream = open_stream(job.stream)
        self.bad: list[BadSample] = []
        self.drawn: list[Any] | Moves = []
        self.plan = plan
        self.job = job
        self.arrays = arrays
        self.clock = clock
        self.store = store
        if job.skipped:
            self._skip(job.skipped)

    def build(self) -> None:
        """Build all rows, one by one."""
        self.drawn = drawn = []
        held = self.plan.held_generators
        with held.borrowed():
            for place, name in enumerate(self.job.names):
                self.clock.begin(self.job.start + place, name)
                with UserCode(_note, name, self.plan):
                    held.seed(self.job.seeds, place)
                    drawn.append(self._build_sample(place))

    def _build_sample(self, place: int) -> Any:
        """Build one row; returns what was drawn for it."""
        image = self._read(place)
        with self._global_stream():
            # Also for a row that is left out: those after it draw what they always draw.
            drawn = self._draw(place)
            if image is not None:
                self._build_row(place, image, drawn)
        return drawn

    def _build_row(self, place: int, image: np.ndarray, drawn: Any) -> None:
        """The order of the stages, for one image as it was read."""
        companions = None
        if self.plan.companions is not None:
            companions = self._read_companions(place, drawn)
            if companions is None:
                return
        row = self.job.start + place
        image = self._transform(place, image, drawn, self.arrays[0][row])
        if self.plan.augmentation is not None:
            image, companions = self._augment(place, image, companions)
        if companions is not None:
            self._write_companions(row, companions)
        self.clock.lap(AUGMENT)
        self._standardize_into(self.arrays[0][row], image)
        self.clock.lap(STANDARDIZE)

    # Stages that depend on who moves the pixels

    def _global_stream(self) -> AbstractContextManager[None]:
        """Lets code of the user draw from the batch's stream by ``np.random``, where it may."""
        return nullcontext()

    @abstractmethod
    def _skip(self, samples: int) -> None:
        """Draw what so many samples draw that another process builds."""

    @abstractmethod
    def _draw(self, place: int) -> Any:
        """The parameters of one image's transform."""

    @abstractmethod
    def _transform(self, place: int, image: np.ndarray, drawn: Any, row: np.ndarray) -> np.ndarray:
        """Move and colour the pixels of (height, width, channels), maybe right into ``row``."""

    @abstractmethod
    def _standardize_into(self, row: np.ndarray, image: np.ndarray) -> None:
        """Standardize an image of (height, width, channels), and write it into its row."""

    # Those that do not

    def _read(self, place: int) -> np.ndarray | None:
        """The image before any transform, (height, width, channels), free to be overwritten.

        For ``one_pass``, which only reads it, it may hold grey levels (uint8) and be the user's.
        None, with a new entry in ``bad``, for a sample that is to be left out.
        """
        plan, job, row = self.plan, self.job, self.job.start + place
        if row in job.left_out:
            name = plain_name(job.names[place])
            self.bad.append(BadSample(row, name, job.left_out[row]))
            return None
        if plan.read is None:
            image = self.arrays[0][row]
            image = image.transpose(1, 2, 0) if plan.channels_first else image
            return image.astype(plan.working_dtype, copy=False)
        name, store = job.names[place], self.store
        dtype = plan.working_dtype if self.one_pass is None else None
        try:
            if store is not None and job.slots is not None and job.slots[place] >= 0:
                slot = job.slots[place]
                image = store.fetch(slot, name, plan.read, dtype, self.clock)
            else:
                image = read_image(name, plan.read, self.clock)
                image = image if dtype is None else image.astype(dtype)
        except OSError as error:
            self._leave_out(place, error, reason_of(error))
            return None
        if image.shape != plan.image_shape:
            raise ValueError(f"expected an image of shape {plan.image_shape}, got {image.shape}")
        if dtype is None and image.dtype != np.uint8:
            image = image.astype(plan.working_dtype, copy=False)
        return image

    def _leave_out(self, place: int, error: OSError, reason: str) -> None:
        """Note a sample that is left out, or raise the error."""
        if self.plan.on_error != "skip" or not is_broken_file(error):
            raise error
        name = plain_name(self.job.names[place])
        self.bad.append(BadSample(self.job.start + place, name, reason))

    def _read_companions(self, place: int, drawn: Any) -> Companions | None:
        """The image's companions, moved as it is; None for a sample that is to be left out."""
        plan, job = self.plan, self.job
        assert plan.companions is not None and plan.read is not None and job.extras is not None
        try:
            companions = read_companions(
                plan.companions,
                job.extras[place],
                job.names[place],
                plan.read,
                drawn,
                plan.transform,
            )
        except OSError as error:
            self._leave_out(place, error, reason_beside(error))
            return None
        self.clock.lap(AUGMENT)
        return companions

    def _augment(
        self, place: int, image: np.ndarray, companions: Companions | None
    ) -> tuple[np.ndarray, Companions | None]:
        plan, seeds = self.plan, self.job.seeds
        assert plan.augmentation is not None and seeds is not None
        image, companions = plan.augmentation.apply(image, seeds.generator(place), companions)
        return image.astype(plan.working_dtype), companions

    def _write_companions(self, row: int, companions: Companions) -> None:
        plan = self.plan
        assert plan.companions is not None
        named = plan.companion_arrays(self.arrays)
        write_companions(plan.companions, companions, named, row, plan.channels_first)


class _RowsBySettings(_Rows):
    """Rows that augflow's own stages make."""

    def build(self) -> None:
        """See ``_Rows``; what can be done for all rows at once is."""
        plan, job = self.plan, self.job
        if not plan.is_indivisible:
            drawn = self._draw_some(job.samples)
            self._parameters = drawn[job.start : job.stop]
            self._matrices = self._matrices_of(self._parameters)
            self.one_pass = plan.one_pass
            self._moves = moves_of(self._parameters, self._matrices)
        self.clock.lap(AUGMENT)
        if not plan.is_indivisible and _is_small_array(plan):
            self._build_small()
            self.drawn = Moves(self._parameters, self._matrices)
        else:
            super().build()

    def _skip(self, samples: int) -> None:
        self._draw_some(samples)

    def _draw_some(self, samples: int) -> np.ndarray:
        drawing = self.plan.drawing
        if drawing is None:
            return draw.identity_parameters(samples)
        return drawing.draw(samples, self.stream)

    def _matrices_of(self, parameters: np.ndarray) -> Matrices:
        if self.plan.transform is None:
            return no_matrices(len(parameters))
        height, width, _ = self.plan.image_shape
        return transform_matrices(parameters, height, width)

    def _channels_last(self, rows: np.ndarray) -> np.ndarray:
        """A view of rows of the batch as (..., height, width, channels)."""
        return np.moveaxis(rows, -3, -1) if self.plan.channels_first else rows

    def _build_small(self) -> None:
        """The rows that a transform touches one by one, and the arithmetic for all at once; or
        all in one pass."""
        plan, rows = self.plan, self.arrays[0][self.job.start : self.job.stop]
        if self.one_pass is not None:
            images = self._channels_last(rows)
            self.one_pass.write(images, self._moves, images)
            self.clock.lap(AUGMENT)
            self.clock.lap(STANDARDIZE)
            return
        if plan.transform is not None:
            touched = draw.changes_image(self._parameters)
            for place in np.flatnonzero(touched).tolist():
                row = rows[place].transpose(1, 2, 0) if plan.channels_first else rows[place]
                parameters, matrix = self._parameters[place], self._matrices.of(place)
                row[...] = transform_image(row, parameters, matrix, plan.transform)
        self.clock.lap(AUGMENT)
        if plan.standardize is not None:
            standardize(rows, plan.standardize)
        self.clock.lap(STANDARDIZE)

    def _draw(self, place: int) -> Move:
        if not self.plan.is_indivisible:
            return Move(self._parameters[place], self._matrices.of(place))
        # The user's function may have drawn from the same stream for the image before.
        parameters = self._draw_some(1)
        return Move(parameters[0], self._matrices_of(parameters).of(0))

    def _transform(self, place: int, image: np.ndarray, drawn: Any, row: np.ndarray) -> np.ndarray:
        plan = self.plan
        if self.one_pass is not None:
            target = self._channels_last(row)
            moves = self._moves[place : place + 1]
            self.one_pass.write(image[np.newaxis], moves, target[np.newaxis])
            return target
        if plan.transform is None:
            return image
        # The last stage that moves pixels writes straight into the batch where it can.
        is_last = plan.augmentation is None and not plan.channels_first and plan.read is not None
        out = row if is_last and row.dtype == np.float32 else None
        return transform_image(image, drawn.parameters, drawn.matrix, plan.transform, out)

    def _standardize_into(self, row: np.ndarray, image: np.ndarray) -> None:
        plan = self.plan
        if self.one_pass is not None:
            return
        if plan.channels_first:
            image = image.transpose(2, 0, 1)
        if plan.standardize is not None:
            if plan.is_indivisible:
                with as_global(self.stream):
                    image = standardize(image, plan.standardize)
            else:
                image = standardize(image, plan.standardize)
        if image is not row:
            row[...] = image


class _RowsByMethods(_Rows):
    """Rows that the methods of a subclass or a stranger make, as Keras calls them."""

    def _global_stream(self) -> AbstractContextManager[None]:
        return as_global(self.stream)

    def _skip(self, samples: int) -> None:
        with self._global_stream():
            for place in range(samples):
                self._draw(place)

    def _draw(self, place: int) -> Any:
        if not self.plan.augment:
            return None
        return self.plan.custom.get_random_transform(self.plan.layout.fields[0].shape)

    def _transform(self, place: int, image: np.ndarray, drawn: Any, row: np.ndarray) -> np.ndarray:
        if not self.plan.augment:
            return image
        if not self.plan.channels_first:
            moved: np.ndarray = self.plan.custom.apply_transform(image, drawn)
            return moved
        moved = self.plan.custom.apply_transform(image.transpose(2, 0, 1), drawn)
        return np.moveaxis(moved, 0, 2)

    def _standardize_into(self, row: np.ndarray, image: np.ndarray) -> None:
        if self.plan.channels_first:
            image = image.transpose(2, 0, 1)
        row[...] = self.plan.custom.standardize(image)


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


def _note(name: str, plan: ImageSettings) -> str:
    return f"augflow: while preparing {plan.describe(name)}"


def files_to_read(plan: ImageSettings, job: Job, store: SlotStore | None) -> list[StoredFile]:
    """The stored files, images and masks, that a job is about to read: not those in the cache."""
    found = []
    for place, name in enumerate(job.names):
        if isinstance(name, str) or not isinstance(name, StoredFile):
            continue
        # A companion's place in the image depends on the size of the image's file.
        if store is not None and job.slots is not None and plan.companions is None:
            slot = job.slots[place]
            if slot >= 0 and store.holds(slot, name):
                continue
        found.append(name)
    for record in job.extras or ():
        found += [mask for mask in record.masks if isinstance(mask, StoredFile)]
    return found
