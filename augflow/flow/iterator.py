"""The base of all flows: epochs, positions, access by ``next()`` and by index.

A batch is a pure function of (settings, seed, epoch, position), whichever way it is asked for.
"""

from __future__ import annotations

import operator
from collections.abc import Generator
from collections.abc import Iterator as AbstractIterator
from typing import Any, Self

import numpy as np

from augflow.base.interrupts import Interruptible, uninterrupted
from augflow.batch.mapped_plan import mapped
from augflow.errors import BatchIndexError
from augflow.flow.keras_base import (
    drop_unread_batches,
    faces_keras,
    is_asked_by,
    is_building_model,
    is_called_by_enqueuer,
    shuffling_reader,
)
from augflow.flow.other_forms import OtherForms
from augflow.flow.own_methods import is_overridden, with_live_stream, with_tuples
from augflow.flow.resumable import Resumable
from augflow.order.permutation import batch_count
from augflow.order.schedule import Epoch, Place
from augflow.order.shuffled_pass import PassOrder
from augflow.order.streams import (
    open_stream,
)
from augflow.report.stats import FlowStats, make_stats
from augflow.runtime.exit_guard import exit_guard
from augflow.scan.folders import IMAGE_FORMATS


@faces_keras("Iterator")
class Iterator(Resumable, OtherForms):
    """Yields batches without end, by ``next()`` or by index; a ``keras.utils.PyDataset``.

    For a loop that ends there is ``epoch()``.

    Subclasses give ``_get_batches_of_transformed_samples(index_array)``. Keras's attributes
    can be read and set: a new value takes effect with the next batch.

    Args:
        n: number of samples.
        batch_size: samples a batch; the last of an epoch may be shorter.
        shuffle: whether each epoch has an order of its own.
        seed: int in [0, 2**32), or None: one is drawn from NumPy's global generator at the
            first batch.
        **kwargs: ``workers``, ``use_multiprocessing`` and ``max_queue_size`` of
            ``PyDataset`` are accepted; augflow's own processes do their work.

    Raises:
        TypeError, ValueError: a batch size below 1, or a seed out of range.
    """

    white_list_formats: tuple[str, ...] = IMAGE_FORMATS

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        name = "_get_batches_of_transformed_samples"
        if name in vars(cls):
            setattr(cls, name, with_live_stream(vars(cls)[name]))

    def _reads_by_itself(self) -> bool:
        """Whether ``flow[i]`` is code of a subclass that keeps NumPy's seeds and the order itself,
        as Keras's does."""
        return (
            not self._asked
            and self.index_array is not None
            and type(self).__getitem__ is not Iterator.__getitem__
            and self._live.is_global()
        )

    def reset(self) -> None:
        """Let the next ``next()`` begin an epoch; ``total_batches_seen`` goes on."""
        self.batch_index = 0

    @uninterrupted
    def on_epoch_begin(self) -> None:
        """Take the times of another epoch; called by Keras."""
        # One that was begun before and never ended has read part of the epoch already.
        self._is_look = not self._begun and is_building_model()
        self._begun = True
        self._meter.begin_epoch()

    @uninterrupted
    def on_epoch_end(self) -> None:
        """Go on to the next epoch.

        Keras also calls this before the first epoch and, with ``steps_per_epoch``, in the
        middle of a pass by index, while TensorFlow reads on in a thread of its own. A pass
        that Keras makes therefore keeps its epoch until the next one begins. A queue of Keras 2
        may end a pass, begin the next one and be stopped, before ``fit`` ends the same pass. A
        look that builds the model is no pass: the epoch that it looked at is still to come.
        """
        self._meter.end_epoch()
        drop_unread_batches(self)
        with self.lock:
            if self._reads_by_itself():
                self._set_index_array()
                return
            if self._is_look:
                self._asked.clear()
                self._is_look = self._begun = False
                return
            was_ahead, self._is_ahead = self._is_ahead, is_called_by_enqueuer(self)
            if was_ahead and not self._is_ahead:
                return
            self._ended, self._begun = True, False
            if self._counted and not self._asked:
                return
            if self._epoch is not None or self._is_ahead:
                # A queue's forked processes have read the first pass, and this one nothing.
                start = self._epoch.start if self._epoch else self.total_batches_seen
                self.total_batches_seen = max(self.total_batches_seen, start + len(self))
            self.batch_index = 0
            if not self._counted:
                self._begin_pass()
            if not self._asked or len(self._asked) == len(self):
                self._pattern.next_epoch(len(self))
                if not self._has_own_order():
                    coming = self._current_schedule().epoch(self.total_batches_seen)
                    self._prepare(self._expected_by_index(coming))

    def _begin_pass(self) -> None:
        """Let another pass by index begin, in the next epoch if the last one has ended."""
        if self._ended and (self._asked or not self._counted):
            self._begin_epoch(self.total_batches_seen)
        self._asked.clear()
        self._ended = False

    def _serves_in_own_order(self) -> bool:
        """Whether a reader that shuffles the numbers of the batches gets them in the order of the
        epoch, which is as random, and which the flow reads faster."""
        return False

    def _length_was_read(self) -> None:
        reader = shuffling_reader(self) if self._serves_in_own_order() else None
        if reader is None:
            self._pattern.length_was_read()
        else:
            self._pass_order = PassOrder(reader, len(self))

    def _position_for(self, number: int, length: int) -> int:
        """Which batch of the epoch comes for an index: that one, unless Keras has shuffled."""
        if self._in_order and self._counted:
            return len(self._asked) % length
        own = self._pass_order
        reader = None if own is None else own.reader()
        if own is None or reader is None or own.length != length or not is_asked_by(self, reader):
            return number
        return own.position(number)

    def _expected_by_index(self, epoch: Epoch) -> AbstractIterator[Place]:
        schedule = self._current_schedule()
        return schedule.by_index(epoch, self._pattern.upcoming(256))

    # Access

    def __len__(self) -> int:
        """Batches an epoch, the same number for all shards."""
        return batch_count(self.n, self._global_batch_size(), self.drop_remainder)

    @property
    @uninterrupted
    def num_batches(self) -> int:
        """Batches of a pass; Keras reads this just before it shuffles their indices."""
        with self.lock:
            self._length_was_read()
            # Keras's threads read the length again within their pass.
            if self._ended or not self._begun:
                self._begin_pass()
            self._counted = True
            given = len(self._asked) if self._in_order else 0
        return len(self) - given if given < len(self) else len(self)

    def __iter__(self) -> Self:
        return self

    def next(self) -> Any:
        """The next batch, as ``next(flow)``."""
        return self.__next__()

    @uninterrupted
    def __next__(self) -> Any:
        """The next batch; the first of another epoch after the last of one, without end.

        Returns:
            What the flow's ``_get_batches_of_transformed_samples`` gives: of augflow's own flows
            the inputs, (inputs, targets) or (inputs, targets, weights), by their arguments.
        """
        if self._has_own_indices():
            with exit_guard():
                with self.lock:
                    index_array = next(self.index_generator)
                return self._get_batches_of_transformed_samples(index_array)
        with exit_guard(), self._meter.visit(len(self)) as visit:
            with self.lock:
                place = self._advance()
                assert self._epoch is not None
                coming: AbstractIterator[Place] = iter(())
                if not self._has_own_order():
                    assert self._schedule is not None
                    coming = self._schedule.coming(
                        self._epoch, self.batch_index, self.total_batches_seen
                    )
            visit.batch_is(place.key, place.samples)
            self._last_place = place
            try:
                return self._fetched(place, coming)
            except StopIteration as error:
                # Out of an iterator it would be taken for the end of the data (PEP 479).
                raise RuntimeError(
                    "a function that this flow calls raised StopIteration"
                ) from error

    def _has_own_indices(self) -> bool:
        """Whether somebody else decides which samples ``next()`` gives."""
        return self._given_indices is not None or is_overridden(self, "_flow_index", Iterator)

    @uninterrupted
    def __getitem__(self, idx: int) -> Any:
        """Batch ``idx`` of the current epoch; negative indices count from its end.

        Raises:
            IndexError: there is no such batch (also a ValueError, as in Keras).
        """
        number = operator.index(idx)
        length = len(self)
        position = number + length if number < 0 else number
        if not 0 <= position < length:
            raise BatchIndexError(
                f"batch index {number} is out of range: this flow has {length} batches an epoch"
            )
        with exit_guard(), self._meter.visit(length) as visit:
            with self.lock:
                position = self._position_for(position, length)
                if self._ended and position in self._asked:
                    self._begin_pass()
                    self._counted = False
                epoch = self._epoch or self._begin_epoch(self.total_batches_seen)
                place = self._current_schedule().place(epoch, position, epoch.start + position)
                self._live.step_to(place.stream)
                self._asked.add(position)
                self._pattern.observe(position, length)
                is_for_keras = self._counted
                coming = self._expected_by_index(epoch)
            visit.batch_is(place.key, place.samples)
            self._last_place = place
            batch = self._fetched(place, coming)
            return with_tuples(batch) if is_for_keras else batch

    def stats(self) -> FlowStats:
        """Where the time of the last and of the current epoch went; ``print`` it to read it."""
        return make_stats(*self._meter.read(), cpus=1, decode=None)

    @property
    def index_generator(self) -> AbstractIterator[np.ndarray]:
        """Index arrays of the coming batches, each step of which advances this flow.

        For subclasses that write ``next()`` themselves, with ``lock`` held:
        ``index_array = next(self.index_generator)``. One that is set is what ``next()`` asks.
        """
        if self._given_indices is not None:
            return self._given_indices
        if self._own_indices is None:
            self._own_indices = self._flow_index()
        return self._own_indices

    @index_generator.setter
    def index_generator(self, value: AbstractIterator[np.ndarray]) -> None:
        self._given_indices = value

    def _flow_index(self) -> Generator[np.ndarray, None, None]:
        """Index arrays of the coming batches, without end; what ``index_generator`` steps through.

        An own one of a subclass decides what ``next()`` gives.
        """
        while True:
            yield self._advance().indices

    def _advance(self) -> Place:
        """Step to the next batch: Keras's counters, and the place they point to."""
        schedule = self._current_schedule()
        position, seen = self.batch_index, self.total_batches_seen
        epoch = self._epoch
        if position == 0 or epoch is None:
            epoch = self._begin_epoch(seen)
            self._asked.clear()
            self._ended = self._counted = False
        place = schedule.place(epoch, position, seen)
        # Past ``__setattr__``, which lets nothing follow from these.
        counters = self.__dict__
        counters["batch_index"] = schedule.follower(position)
        counters["total_batches_seen"] = seen + 1
        self._live.step_to(place.stream)
        return place

    # Life

    def close(self) -> None:
        """Free what the flow has begun; here there is nothing. It may be used again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Batches

    def _fetched(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        batch = self._fetch(place, coming)
        if not self._functions or self._maps_in_workers():
            return batch
        seed = (place.seeds.base, place.seeds.epoch, place.key[1])
        return mapped(self._functions, batch, seed)

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        """The batch at a place; ``coming`` are those that will probably be asked for next."""
        with self._live.lent(open_stream(place.stream)), Interruptible():
            return self._get_batches_of_transformed_samples(place.indices)

    def _prepare(self, coming: AbstractIterator[Place]) -> None:
        """Begin work on batches that are expected; nothing to do where nobody works ahead."""

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """The batch of the given samples; to be written by subclasses.

        Args:
            index_array: int array of shape (batch,), positions of samples.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define _get_batches_of_transformed_samples(index_array)"
        )
