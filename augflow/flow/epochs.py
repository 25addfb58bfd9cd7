"""The epochs of a flow: its settings, which may change at any time, and the order they give."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator
from collections.abc import Iterator as AbstractIterator
from typing import Any

import numpy as np

from augflow.batch.mapped_plan import BatchFunction
from augflow.batch.plan import BadSample
from augflow.flow.keras_base import KerasBase
from augflow.flow.own_methods import is_overridden
from augflow.order.access_pattern import AccessPattern
from augflow.order.live_stream import LiveStream
from augflow.order.permutation import EpochOrder, SampleOrder, checked_batch_size, epoch_order
from augflow.order.position_set import PositionSet
from augflow.order.sample_count import SampleCount
from augflow.order.schedule import Epoch, Place, Schedule
from augflow.order.shard import Shard, check_shared_seed, checked_shard
from augflow.order.shuffled_pass import PassOrder
from augflow.order.streams import (
    as_global,
    checked_seed,
    draw_base_seed,
    global_stream,
    open_stream,
    seeded,
    state_of,
)
from augflow.order.subset import check_has_batch
from augflow.report.epoch_meter import EpochMeter

# Attributes that move with every batch; a change of any other one may change the batches.
_MOVING = frozenset({"batch_index", "total_batches_seen", "index_array", "lock"})
# What a pickle leaves out, and a copy starts anew.
_RUNTIME = (
    "lock",
    "_pattern",
    "_schedule",
    "_live",
    "_meter",
    "_own_indices",
    "_last_place",
    "_pass_order",
)
# Methods that take the place of the class's own where they are set on one flow.
_OVERRIDABLE = frozenset({"_flow_index", "_get_batches_of_transformed_samples", "_set_index_array"})


_flows: weakref.WeakSet[Epochs] = weakref.WeakSet()


def _after_fork() -> None:
    for flow in list(_flows):
        flow._restart_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Epochs(KerasBase):
    """What an ``Iterator`` keeps of its epochs; see there for the arguments."""

    # Whether an epoch ends before a batch that would be shorter; flows that offer it set it.
    drop_remainder = False
    # Which part of each batch is this flow's, where several processes share it.
    shard: Shard | None = None
    # Where a copy that is read beside its flow notes what it leaves out, in place of a report.
    _noted: list[BadSample] | None = None
    # What batches pass through as a whole, see ``map``; and one that has passed through it.
    _functions: tuple[BatchFunction, ...] = ()
    _mapped_example: Any = None
    # The batch that was handed over last.
    _last_place: Place | None = None

    def __init__(
        self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any
    ) -> None:
        unknown = set(kwargs) - {"workers", "use_multiprocessing", "max_queue_size"}
        if unknown:
            raise TypeError(f"unexpected keyword arguments: {sorted(unknown)}")
        self._start_runtime()
        self.n = SampleCount(n)
        self.batch_size = batch_size
        self.seed = checked_seed(seed)
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: SampleOrder | None = None
        check_shared_seed(self.shard, self.seed)
        check_has_batch(
            self.n,
            self._global_batch_size(),
            self.drop_remainder,
            self.shard[1] if self.shard else 1,
        )

    def _start_runtime(self) -> None:
        self._drawn_seed: int | None = None
        self._epoch: Epoch | None = None
        # The pass by index: which positions were asked for, whether it has ended, and whether
        # it is Keras that makes it.
        self._asked = PositionSet()
        self._ended = False
        self._counted = False
        self._begun = False
        self._is_ahead = False
        # Whether the pass is Keras's look at a batch that builds the model.
        self._is_look = False
        # Whether such a pass is given in the flow's own order, see ``Resumable.read_in_order``.
        self._in_order = False
        self._given_indices: AbstractIterator[np.ndarray] | None = None
        self._restore_runtime()

    def _restore_runtime(self) -> None:
        self.lock = threading.Lock()
        self._pattern = AccessPattern()
        self._schedule: Schedule | None = None
        self._meter = EpochMeter()
        self._live = LiveStream()
        self._own_indices: Generator[np.ndarray, None, None] | None = None
        self._pass_order: PassOrder | None = None
        _flows.add(self)

    def _restart_in_child(self) -> None:
        """In a forked child: another thread of the parent may have held the locks."""
        # Its siblings would give other indices the same batches.
        self._pass_order = None
        self.lock = threading.Lock()
        self._meter = EpochMeter()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "batch_size":
            value = checked_batch_size(value)
        elif name == "shard":
            value = checked_shard(value)
        object.__setattr__(self, name, value)
        if name in _OVERRIDABLE or (not name.startswith("_") and name not in _MOVING):
            self.__dict__["_revision"] = self.__dict__.get("_revision", 0) + 1
        elif name == "index_array" and (value is not None or self.__dict__.get("_epoch")):
            self._epoch = self._given_epoch(value)
            self.__dict__["_revision"] += 1

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in _RUNTIME}
        state["_asked"] = self._asked.copy()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._restore_runtime()
        self.__dict__.update(state)

    def _settings_revision(self) -> Any:
        """What changes whenever settings change that lie outside of the flow."""
        return None

    def _global_batch_size(self) -> int:
        """Samples that all shards together get in a step."""
        return self.batch_size * (self.shard[1] if self.shard else 1)

    # Epochs

    def _current_schedule(self) -> Schedule:
        check_shared_seed(self.shard, self.seed)
        if self.seed is None and self._drawn_seed is None:
            self._drawn_seed = draw_base_seed()
        base = self.seed if self.seed is not None else self._drawn_seed
        assert base is not None
        schedule = self._schedule
        settings = (
            self.n,
            self.batch_size,
            bool(self.shuffle),
            base,
            self._epoch_order(),
            bool(self.drop_remainder),
            self.shard,
        )
        if schedule is None or settings != schedule.settings:
            self._schedule = schedule = Schedule(*settings)
        return schedule

    def _epoch_order(self) -> EpochOrder:
        """How the order of an epoch is drawn."""
        return epoch_order

    def _given_epoch(self, order: Any) -> Epoch | None:
        """The epoch of an order that was set from outside, which holds until the next one begins.

        None lets another epoch begin, after the batches that were asked for by index: Keras
        counts these when they are asked for.
        """
        start = self._epoch.start if self._epoch else self.total_batches_seen
        if order is None:
            self.__dict__["total_batches_seen"] = max(
                self.total_batches_seen, start + len(self._asked)
            )
            self._asked.clear()
            self._ended = False
            return None
        # No permutation is drawn for it, so its first batch's stream is untouched, as in Keras.
        first = seeded(self._current_schedule().base_seed, start)
        return Epoch(start, np.asarray(order), first, is_given=True)

    def _has_own_order(self) -> bool:
        return is_overridden(self, "_set_index_array", Epochs)

    def _begin_epoch(self, start: int) -> Epoch:
        schedule = self._current_schedule()
        if self._has_own_order():
            stream = open_stream(seeded(schedule.base_seed, start))
            revision = self.__dict__.get("_revision")
            with as_global(stream):
                self._set_index_array()
            self.__dict__["_revision"] = revision
            self._epoch = Epoch(start, np.asarray(self.index_array), state_of(stream))
        else:
            self._epoch = schedule.epoch(start)
            self.__dict__["index_array"] = self._epoch.order
        return self._epoch

    def _set_index_array(self) -> None:
        """Take the order of the epoch anew, e.g. after ``n`` was changed."""
        if self._has_own_order() or self._live.is_global():
            # Called by an override, to change what Keras would have drawn at this point, or by
            # code that has seeded NumPy's generator for it.
            if self.shuffle:
                self.index_array = global_stream().permutation(self.n)
            else:
                self.index_array = np.arange(self.n)
            return
        start = self._epoch.start if self._epoch else self.total_batches_seen
        self._epoch = self._current_schedule().epoch(start)
        self.__dict__["index_array"] = self._epoch.order
