"""Where a flow stands, as a small state to be written down and taken up in another process."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from augflow.base.warn_user import warn_user
from augflow.flow.epochs import Epochs
from augflow.order.access_pattern import AccessPattern
from augflow.order.fingerprint import differences
from augflow.order.position_set import PositionSet

_VERSION = 1
_KINDS: dict[str, tuple[type, ...]] = {
    "seed": (int,),
    "epoch": (int, type(None)),
    "batch_index": (int,),
    "batches_seen": (int,),
    "asked": (str,),
    "ended": (bool,),
    "flow": (dict,),
}


class Resumable(Epochs):
    """What lets an ``Iterator`` go on where another one was."""

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._described: tuple[Any, dict[str, Any]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_described", None)
        return state

    def _fingerprint(self) -> dict[str, str]:
        """What a flow's batches depend on besides its order: names for messages, and digests."""
        return {}

    def _has_own_indices(self) -> bool:
        """Whether a method or an iterator of the user's decides what ``next()`` gives."""
        raise NotImplementedError(f"{type(self).__name__} must define _has_own_indices")

    def state_dict(self) -> dict[str, Any]:
        """Where this flow stands: what comes next, by ``next()`` and by index.

        A flow like this one that loads it, in another process, with any number of workers, gives
        the very same batches from there on. A flow without a seed draws its own now, if it has
        not yet.

        Returns:
            A dict for ``json.dumps``, of less than a kilobyte but for passes by index of many
            thousand batches in a permuted order, which take up to a bit for each batch.

        Raises:
            ValueError: the order of the current epoch was set from outside, or is made by a
                method of yours that does not begin anew.
        """
        with self.lock:
            self._check_order_is_own()
            base_seed = self._current_schedule().base_seed
            return {
                "version": _VERSION,
                "seed": base_seed,
                "epoch": None if self._epoch is None else int(self._epoch.start),
                "batch_index": int(self.batch_index),
                "batches_seen": int(self.total_batches_seen),
                "asked": self._asked.packed(),
                "ended": self._ended,
                "flow": self._description(),
            }

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Go on where another flow, or this one, was.

        Args:
            state: what ``state_dict()`` gave, maybe by way of JSON.
            strict: True (default): data and settings have to be the same: files, labels, seed,
                batch size and all that the batches depend on, but for the code of functions.
                False: the position is taken alone, with a warning of what differs; batches are
                then those of this flow's own data, settings and seed.

        Raises:
            TypeError, ValueError: no state, or with ``strict`` that of another flow; it says what
                differs.
        """
        state = _checked(state)
        changed = differences(state["flow"], self._description())
        if changed and strict:
            raise ValueError(
                f"this state is of other data or settings: {'; '.join(changed)}. Make the flow "
                "that it is of, or call load_state_dict(state, strict=False) to take the position "
                "alone"
            )
        if changed:
            warn_user(
                f"augflow: a state of other data or settings was loaded: {'; '.join(changed)}. "
                "The batches to come are not those of the flow that it is of."
            )
        with self.lock:
            self._check_order_is_own()
            self._take_up(state, is_same=not changed)

    def state_after(self, start: int, batches: int) -> dict[str, Any]:
        """The state of a flow that has given so many batches of an epoch, see ``state_dict``.

        For whoever knows better than the flow how many were used: what reads a flow ahead of time
        has asked for more.

        Args:
            start: the batches before that epoch.
            batches: of the epoch, from 0 to ``len(flow)``.
        """
        given = PositionSet()
        for position in range(batches):
            given.add(position)
        is_over = batches == len(self)
        return {
            **self.state_dict(),
            "epoch": start,
            "batch_index": 0 if is_over else batches,
            "batches_seen": start + batches,
            "asked": given.packed(),
            "ended": is_over,
        }

    def read_in_order(self, state: Mapping[str, Any] | None) -> int:
        """Let Keras's passes be in the flow's own order, whatever indices Keras shuffles.

        The order is shuffled as it is; that of Keras depends on Python's ``random``, and begins
        anew where a training does.

        Args:
            state: where the first pass begins: maybe in the middle of an epoch, whose rest it then
                is. None lets Keras's order count again.

        Returns:
            The start of the epoch of the first pass.
        """
        self._in_order = state is not None
        if state is None:
            return self.total_batches_seen
        self.load_state_dict(state)
        with self.lock:
            if self._epoch is None or not self.batch_index:
                self._begin_epoch(self.total_batches_seen)
            assert self._epoch is not None
            self._asked.clear()
            for position in range(self.batch_index):
                self._asked.add(position)
            self._ended, self._counted = False, True
            return self._epoch.start

    def _take_up(self, state: dict[str, Any], is_same: bool) -> None:
        if self.seed is None and self._drawn_seed != state["seed"]:
            self._drawn_seed = state["seed"]
            # Batches that were read ahead are those of another seed.
            self.__dict__["_revision"] = self.__dict__.get("_revision", 0) + 1
        batch_index = state["batch_index"]
        self.batch_index = batch_index if is_same or batch_index < len(self) else 0
        self.total_batches_seen = state["batches_seen"]
        # Positions of other batches say nothing.
        self._asked = PositionSet.unpacked(state["asked"]) if is_same else PositionSet()
        self._ended = state["ended"]
        self._counted = self._begun = self._is_ahead = self._is_look = False
        self._pattern = AccessPattern()
        if state["epoch"] is None:
            self._epoch = None
            self.__dict__["index_array"] = None
        else:
            self._begin_epoch(state["epoch"])

    def _description(self) -> dict[str, Any]:
        """All that the batches depend on, for ``fingerprint.differences``."""
        revision = (self.__dict__.get("_revision"), self._settings_revision(), int(self.n))
        if self._described is None or self._described[0] != revision:
            description = {
                "`samples`": int(self.n),
                "`batch_size` (of all shards)": self._global_batch_size(),
                "`shuffle`": bool(self.shuffle),
                "`seed`": self.seed,
                "`drop_remainder`": bool(self.drop_remainder),
                **self._fingerprint(),
            }
            self._described = (revision, description)
        return dict(self._described[1])

    def _check_order_is_own(self) -> None:
        if self._epoch is not None and self._epoch.is_given:
            raise ValueError(
                "the order of this epoch was set from outside (`index_array`), and no seed makes "
                "it again: save that order beside the state, or wait for the next epoch"
            )
        if self._has_own_indices():
            raise ValueError(
                f"{type(self).__name__} has a `_flow_index` or `index_generator` of its own, and "
                "where that stands is not known: save it yourself"
            )


def _checked(state: Any) -> dict[str, Any]:
    """A state as it was made.

    Raises:
        TypeError, ValueError: something else, or of another version.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"`state` must be what state_dict() gave. Received: {state!r}")
    if state.get("version") != _VERSION:
        raise ValueError(
            f"`state` has the version {state.get('version')!r}, and this release of augflow knows "
            f"version {_VERSION}: load it with the release that wrote it"
        )
    for name, kinds in _KINDS.items():
        if name not in state or type(state[name]) not in kinds:
            raise ValueError(
                f"`state` must be what state_dict() gave; {name!r} is missing or of another type. "
                f"Received: {state.get(name)!r}"
            )
    for name in ("batch_index", "batches_seen"):
        if operator.index(state[name]) < 0:
            raise ValueError(f"`state[{name!r}]` must be 0 or more. Received: {state[name]!r}")
    PositionSet.unpacked(state["asked"])
    return dict(state)
