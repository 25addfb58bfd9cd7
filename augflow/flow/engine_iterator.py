"""Flows whose batches are built by a plan: in workers, ahead of time, or in this process."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator as AbstractIterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from augflow.base.interrupts import uninterrupted
from augflow.base.structure import NeedsRoomError
from augflow.base.warn_user import warn_user
from augflow.batch.mapped_plan import MappedPlan, Whole, mapped, mapped_plan, with_slots
from augflow.batch.plan import BadSample, BatchPlan
from augflow.batch.request import Request
from augflow.cache.images import ImageCache
from augflow.flow.beside import Traced
from augflow.flow.iterator import Iterator
from augflow.flow.own_methods import is_overridden
from augflow.look.explanation import RowClock
from augflow.look.facts import Facts
from augflow.order.permutation import occurrences
from augflow.order.schedule import Place
from augflow.order.streams import SampleSeeds, StreamState, state_of
from augflow.report.bad_files import FILES, BadFiles, NothingLeftError, Wording
from augflow.report.stats import FlowStats, make_stats
from augflow.runtime.engine import Batch, Engine, build_here
from augflow.runtime.make_engine import make_engine
from augflow.runtime.pickle_plan import current_folder

_NAMES_SHOWN = 5
# So many others are tried in the place of a batch of which nothing is left.
_STAND_INS = 4

# A forked child has its parent's flows, but neither its workers nor the threads that may hold
# their locks. It was forked for the sake of parallel work, so it builds batches itself.
_is_forked_child = False


def _after_fork() -> None:
    global _is_forked_child
    _is_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class EngineIterator(Iterator):
    """What all flows share that have an engine; a subclass gives the methods of the first part."""

    # "skip" leaves out samples that cannot be built; flows that offer it set it.
    on_error: str = "raise"
    _wording: ClassVar[Wording] = FILES
    _engine: Engine | None = None
    _engine_revision: Any = None

    # The subclass's part

    def _plan(self) -> BatchPlan:
        """How a batch is built, by the settings as they are now."""
        raise NotImplementedError(f"{type(self).__name__} must define _plan")

    def _request_for(
        self, key: Any, indices: np.ndarray, stream: StreamState, seeds: SampleSeeds
    ) -> Request:
        """What the engine is asked for."""
        raise NotImplementedError(f"{type(self).__name__} must define _request_for")

    def _output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        """The batch as the consumer gets it: inputs, targets, weights."""
        raise NotImplementedError(f"{type(self).__name__} must define _output")

    def _user_workers(self) -> int | None:
        """The number of workers asked for, None for one a CPU."""
        raise NotImplementedError(f"{type(self).__name__} must define _user_workers")

    def _sample_timeout(self) -> float | None:
        """Seconds that a sample may take in a worker, None for any."""
        return None

    def _most_rows(self) -> int:
        """Rows of the largest request."""
        return self.batch_size

    def _image_cache(self) -> ImageCache | None:
        """The cache of the plan, None for none."""
        return None

    def _decode_mode(self) -> str | None:
        """How images are decoded, for the advice of ``stats``; None where none are."""
        return None

    def _unit(self) -> str:
        """What ``stats`` calls the samples."""
        return "images"

    def _builds_directly(self) -> bool:
        """Whether batches are built by ``_get_batches_of_transformed_samples``, here."""
        return is_overridden(self, "_get_batches_of_transformed_samples", EngineIterator)

    def _is_about_to_begin(self) -> None:
        """Look at the settings once more before the first batch that is made by them."""

    def _after_direct_build(
        self, batch: Batch, indices: np.ndarray, stream: np.random.RandomState
    ) -> None:
        """Look at a batch that was built here, with its stream after the last draw."""

    # Being looked at

    def _facts(self) -> Facts:
        return replace(super()._facts(), unit=self._unit(), workers=self._user_workers())

    def _draws(self) -> bool:
        if self._builds_directly() or self._facts().augmentations:
            return True
        return self._plan().calls_user_code

    def _trace(self, place: Place) -> Traced:
        if self._builds_directly():
            return super()._trace(place)
        plan, request, cache = self._plan_of_batches(), self._request(place), self._image_cache()
        arrays, clock = plan.layout.empty(request.samples), RowClock()
        if request.lay is not None:
            request.lay(arrays)
        store = None if cache is None else cache.store
        clock.skip()
        built = plan.build(request.job(0, request.samples), arrays, clock, store)
        batch = self._deliver(Batch(arrays, clock.work(request.samples), built.bad), place.indices)
        return Traced(batch, frozenset(bad.row for bad in built.bad), built.drawn, clock)

    def _empty_batch(self) -> Any:
        if self._builds_directly():
            return None
        return self._handed_over(self._plan_of_batches().layout.empty(0), np.arange(0))

    # Life

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._engine = None
        self._bad = self._new_bad()

    def _new_bad(self) -> BadFiles:
        """What takes note of the samples that are left out."""
        return BadFiles(self._wording)

    def _restart_in_child(self) -> None:
        super()._restart_in_child()
        if self._engine is not None:
            self._engine.abandon()
        self._engine = None

    @uninterrupted
    def close(self) -> None:
        """End reading ahead and free its memory; batches in use stay valid.

        A closed flow that is used again starts anew.
        """
        with self.lock:
            if self._engine is not None:
                self._engine.close()
            self._engine = None
        self._bad.report()

    def on_epoch_end(self) -> None:
        """See ``Iterator.on_epoch_end``; also says what was left out."""
        # Keras looks at the first batch and ends an "epoch" before it begins one.
        is_an_end = self._begun
        end = self._bad.look_has_ended if self._is_look else self._bad.epoch_has_ended
        super().on_epoch_end()
        if is_an_end:
            end()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_engine", "_engine_revision", "_bad"):
            state.pop(name, None)
        return state

    # Engines

    def _wanted_workers(self) -> int:
        """Worker processes for this flow, 0 for none."""
        if _is_forked_child or multiprocessing.current_process().daemon:
            # The processes of a multiprocessing.Pool may have no children either.
            return 0
        workers = self._user_workers()
        if workers is None:
            from augflow.runtime.processes import cpu_count

            workers = cpu_count()
        return int(workers)

    def _current_engine(self) -> Engine:
        """The engine for the settings as they are now."""
        # With the folder, relative paths name other files.
        folder = current_folder()
        revision = (self.__dict__.get("_revision"), self._settings_revision(), folder)
        with self.lock:
            if self._engine is None or revision != self._engine_revision:
                if self._engine is not None:
                    self._engine.close()
                size = max(1, min(self._most_rows(), self.n))
                cache = self._image_cache()
                workers, timeout = self._wanted_workers(), self._sample_timeout()
                if timeout is not None and not workers:
                    warn_user(
                        f"augflow: timeout={timeout:g} has no effect without worker processes: "
                        "nothing can end a function in the process that waits for it."
                    )
                self._is_about_to_begin()
                plan = self._plan_of_batches()
                _warn_of_generators(plan)
                self._engine = make_engine(plan, workers, size, cache, timeout)
                self._engine_revision = revision
            return self._engine

    def _begin_early(self) -> None:
        """Let the workers begin now, where they need long: functions that bring a framework along.

        Not without a seed: to draw one now would change what the user's code draws until the first
        batch.
        """
        if self.seed is None or self._builds_directly():
            return
        # The count of workers is asked for last: it imports loky.
        if self._plan_of_batches().held_generators.frameworks and self._wanted_workers():
            schedule = self._current_schedule()
            self._current_engine()
            self._prepare(schedule.coming(schedule.epoch(0), 0, 0))

    def _request(self, place: Place) -> Request:
        request = self._request_for(place.key, place.indices, place.stream, place.seeds)
        if place.skipped:
            request = replace(request, skipped=place.skipped)
        return self._with_whole(request, place.indices, place.seeds, place.key[1])

    # Functions that a batch passes through as a whole, see ``map``

    def _maps_in_workers(self) -> bool:
        """Whether functions of ``map`` run where the batch is built."""
        return not self._builds_directly()

    def _plan_of_batches(self) -> BatchPlan:
        plan, functions = self._plan(), self._functions
        if not functions or not self._maps_in_workers():
            return plan
        revision = (self.__dict__.get("_revision"), self._settings_revision())
        if self._mapped_example is None or self._mapped_example[0] != revision:
            example = mapped(functions, self._first_samples(), (0, 0, 0))
            self._mapped_example = (revision, example)
        given, _ = self._batch_with_slots(plan, np.arange(0))
        return mapped_plan(plan, functions, given, self._mapped_example[1])

    def _batch_with_slots(self, plan: BatchPlan, indices: np.ndarray) -> tuple[Any, list[Any]]:
        # What nobody writes to takes no memory.
        arrays = plan.layout.empty(len(indices))
        return with_slots(self._output(arrays, indices), arrays), arrays

    def _with_whole(
        self, request: Request, indices: np.ndarray, seeds: SampleSeeds, position: int
    ) -> Request:
        if not (self._functions and self._maps_in_workers()):
            return request
        batch, _ = self._batch_with_slots(self._plan(), indices)
        return replace(request, whole=Whole(batch, (seeds.base, seeds.epoch, position)))

    # Batches

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        if self.on_error != "skip":
            return self._fetch_whole(place, coming)
        try:
            return self._fetch_whole(place, coming)
        except NothingLeftError:
            # Without shuffling each epoch would have the same gap, and predictions an order.
            if self.shuffle:
                for other in self._current_schedule().before(place, self._epoch, _STAND_INS):
                    with suppress(NothingLeftError):
                        batch = self._fetch_whole(other, iter(()))
                        self._last_place = other
                        self._bad.add_stand_in()
                        return batch
            raise
        finally:
            self._bad.batch_was_read(place.key[0], place.key[1], len(self))

    def _make_room(self, error: NeedsRoomError) -> None:
        """Make room for a sample that is longer than all before it, where any length is right."""
        raise error

    def _fetch_whole(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        while True:
            try:
                return self._fetch_once(place, coming)
            except NeedsRoomError as error:
                self._make_room(error)

    def _fetch_once(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        if self._builds_directly():
            return Iterator._fetch(self, place, coming)
        engine = self._current_engine()
        ahead = ((other.key, partial(self._request, other)) for other in coming)
        batch = engine.fetch(self._request(place), ahead)
        self._meter.add(batch.work, engine.workers)
        return self._deliver(batch, place.indices)

    def _prepare(self, coming: AbstractIterator[Place]) -> None:
        engine = self._engine
        if engine is not None and not self._builds_directly():
            engine.prepare((other.key, partial(self._request, other)) for other in coming)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """The batch of the given samples, built in this process.

        Args:
            index_array: int array of shape (batch,), positions of samples.

        Returns:
            What ``next()`` returns for these samples.
        """
        indices = np.asarray(index_array)
        stream = self._live.current()
        # Before the seed of an unseeded flow is drawn, maybe from the same generator.
        start = state_of(stream)
        base, epoch = self._current_schedule().base_seed, self._epoch
        again = occurrences(indices)
        seeds = SampleSeeds(
            base,
            epoch.start if epoch else 0,
            indices.tolist(),
            None if again is None else again.tolist(),
        )
        request = self._request_for("direct", indices, start, seeds)
        # No batch of an epoch, so it has the name of its first sample.
        name = int(indices.ravel()[0]) if indices.size else 0
        request = self._with_whole(request, indices, seeds, name)
        try:
            batch, end = build_here(self._plan_of_batches(), request, self._image_cache())
        except NeedsRoomError as error:
            self._make_room(error)
            return EngineIterator._get_batches_of_transformed_samples(self, index_array)
        self._meter.add(batch.work, 0)
        stream.set_state(start if end is None else state_of(end))
        self._after_direct_build(batch, indices, stream)
        return self._deliver(batch, indices)

    def _deliver(self, batch: Batch, indices: np.ndarray) -> Any:
        """Hand a batch over, without the samples that could not be built."""
        if not batch.bad:
            return self._handed_over(batch.arrays, indices)
        self._leave_out(batch.bad, len(indices))
        kept = np.ones(len(indices), dtype=bool)
        kept[[bad.row for bad in batch.bad]] = False
        return self._handed_over([array[kept] for array in batch.arrays], indices[kept])

    def _handed_over(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        plan = self._plan_of_batches() if self._functions else None
        if isinstance(plan, MappedPlan):
            return plan.handed_over(arrays)
        return self._output(arrays, indices)

    def _leave_out(self, bad: list[BadSample], samples: int) -> None:
        if self._noted is None:
            self._bad.leave_out(bad, samples)
        else:
            self._noted.extend(bad)

    def stats(self) -> FlowStats:
        """Where the time of the last and of the current epoch went; ``print`` it to read it.

        Returns:
            Numbers, shares and a sentence of advice; see docs/stats.md.
        """
        from augflow.runtime.processes import cpu_count

        return make_stats(
            *self._meter.read(),
            cpus=cpu_count(),
            decode=self._decode_mode(),
            is_cached=self._image_cache() is not None,
            unit=self._unit(),
        )


def _warn_of_generators(plan: BatchPlan) -> None:
    names = plan.held_generators.beyond_reach
    if names:
        warn_user(
            f"augflow: {', '.join(names[:_NAMES_SHOWN])}: random numbers from there are not the "
            "same for any number of workers, nor from run to run: nothing can seed them for each "
            "sample. See docs/determinism.md."
        )
