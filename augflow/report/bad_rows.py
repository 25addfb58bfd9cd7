"""The rows of tables that a flow leaves out: counted, the first named, reported once an epoch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

import numpy as np

from augflow.batch.plan import BadSample
from augflow.errors import CsvReadError
from augflow.report.bad_files import BadFiles, NothingLeftError, Wording

# A table may have billions of rows, and be of another kind altogether.
_MOST_KEPT = 1000


class NothingReadableError(NothingLeftError, CsvReadError):
    """No row of a batch can be read."""


ROWS = Wording("row", "read", "bad_rows", NothingReadableError, "the first of them")


class BadRows(BadFiles):
    """What one flow of rows has left out.

    Attributes:
        reasons: of the first rows that were left out the reason, by file and line.
    """

    def __init__(self) -> None:
        super().__init__(ROWS)
        # Since the last report.
        self._count = 0

    def leave_out(self, bad: list[BadSample], samples: int) -> None:
        """Take note of rows that are left out of a batch of so many.

        Raises:
            NothingReadableError: nothing else was in it.
        """
        self._count += len(bad)
        for each in bad:
            if each.name is not None and len(self._new) < _MOST_KEPT:
                self._new.setdefault(each.name, each.reason)
                if len(self.reasons) < _MOST_KEPT:
                    self.reasons.setdefault(each.name, each.reason)
        if len(bad) == samples:
            raise self._nothing_left(bad)

    def _counted(self, named: Mapping[Hashable, str]) -> int:
        count, self._count = self._count, 0
        return count

    def _nothing_left(self, bad: list[BadSample]) -> NothingReadableError:
        named = next((each for each in bad if each.name is not None), bad[0])
        return NothingReadableError(
            str(named.name),
            None,
            None,
            f"{named.reason}. None of the {len(bad)} row(s) of this batch can be read, so nothing "
            "is left to hand over; use a larger batch_size.",
        )


def cut_rows(
    arrays: list[np.ndarray], bad: list[BadSample], part: slice, begin: int
) -> tuple[list[np.ndarray], list[BadSample]]:
    """Some rows of arrays but for those that are left out, and which these are.

    Args:
        arrays: of shape (rows, ...); what comes back are views, where all rows are there.
        bad: rows of them that hold no sample.
        part: which rows.
        begin: where they come to lie in their batch.

    Returns:
        (arrays, bad), where ``bad`` has rows of the batch.
    """
    arrays = [array[part] for array in arrays]
    among = [each for each in bad if part.start <= each.row < part.stop]
    if among:
        kept = np.ones(part.stop - part.start, bool)
        kept[[each.row - part.start for each in among]] = False
        arrays = [array[kept] for array in arrays]
    return arrays, [replace(each, row=each.row - part.start + begin) for each in among]
