"""Flows of rows that may leave out those that cannot be read: counted, named, reported."""

from __future__ import annotations

from collections.abc import Iterator as AbstractIterator
from contextlib import suppress
from typing import Any

import numpy as np

from augflow.batch.plan import BadSample
from augflow.flow.engine_iterator import EngineIterator
from augflow.order.schedule import Place
from augflow.report.bad_rows import BadRows, NothingReadableError

# So many others are tried in the place of a batch of which no row can be read.
_STAND_INS = 4


class LeavesOutRows(EngineIterator):
    """A flow whose batches may lack rows.

    Attributes:
        on_error: "raise", or "skip": rows that cannot be read are left out.
    """

    on_error = "raise"

    def _fetch_any(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        """The batch at a place, see ``_fetch``.

        Raises:
            NothingReadableError: none of its rows can be read.
        """
        return super()._fetch(place, coming)

    @property
    def bad_rows(self) -> dict[str, str]:
        """The first rows that ``on_error="skip"`` has left out: file and line to reason."""
        return dict(self._bad_rows.reasons)

    def _report_bad(self, bad: list[BadSample], indices: np.ndarray) -> None:
        self._bad_rows.leave_out(bad, len(indices))

    def _fetch(self, place: Place, coming: AbstractIterator[Place]) -> Any:
        if self.on_error == "raise":
            return self._fetch_any(place, coming)
        try:
            return self._fetch_any(place, coming)
        except NothingReadableError:
            # Without shuffling each epoch would have the same gap, and predictions an order.
            others = self._current_schedule().before(place, self._epoch, _STAND_INS)
            for other in others if self.shuffle else []:
                with suppress(NothingReadableError):
                    batch = self._fetch_any(other, iter(()))
                    self._bad_rows.add_stand_in()
                    return batch
            raise
        finally:
            self._bad_rows.batch_was_read(place.key[0], place.key[1], len(self))

    def on_epoch_end(self) -> None:
        """See ``Iterator.on_epoch_end``; also says which rows were left out."""
        # Keras looks at the first batch and ends an "epoch" before it begins one.
        is_an_end = self._begun
        super().on_epoch_end()
        if is_an_end:
            self._bad_rows.epoch_has_ended()

    def close(self) -> None:
        """See ``EngineIterator.close``; also says which rows were left out."""
        super().close()
        self._bad_rows.report()

    def _restore_runtime(self) -> None:
        super()._restore_runtime()
        self._bad_rows = BadRows()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_bad_rows", None)
        return state
