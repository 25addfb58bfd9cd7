"""Where a task is: a few bytes behind the batch, written by its worker and read by the parent.

The worker notes each sample as it begins with it, the parent sees which one takes how long, and may
ask the worker to leave off at the next one. A record is 64 bytes, so that no two workers write to
one cache line.
"""

from __future__ import annotations

import os
import struct
from time import monotonic
from typing import Any, NamedTuple

# Seconds, the process, the row of the batch; then a byte by which the parent withdraws the task.
_RECORD = struct.Struct("<dqq")
_WITHDRAWN = _RECORD.size
RECORD_BYTES = 64
# In the place of a row: the worker unpickles the plan, which imports what the user's code needs.
LOADING = -1


class TaskWithdrawnError(BaseException):
    """Nobody wants the batch any more. A BaseException, so that no user's code catches it."""


class Beat(NamedTuple):
    """What a record says.

    Attributes:
        since: when the sample was begun, by ``time.monotonic``, which all processes share.
        process: the worker's id.
        row: of the batch, or ``LOADING``.
    """

    since: float
    process: int
    row: int


class Heartbeat:
    """A worker's side of one record.

    Args:
        memory: of the batch.
        offset: of the record.
    """

    __slots__ = ("_memory", "_offset", "_process")

    def __init__(self, memory: Any, offset: int) -> None:
        self._memory = memory
        self._offset = offset
        self._process = os.getpid()

    def at(self, row: int) -> None:
        """Note that a row is begun, or that the plan is (``LOADING``).

        Raises:
            TaskWithdrawnError: the parent does not want it any more.
        """
        _RECORD.pack_into(self._memory, self._offset, monotonic(), self._process, row)
        if self._memory[self._offset + _WITHDRAWN]:
            raise TaskWithdrawnError


def read_beat(memory: Any, offset: int) -> Beat | None:
    """What a record says; None where no worker has begun the task."""
    beat = Beat._make(_RECORD.unpack_from(memory, offset))
    # A worker may write meanwhile: two equal readings are no mixture.
    while (again := Beat._make(_RECORD.unpack_from(memory, offset))) != beat:
        beat = again
    return beat if beat.process else None


def clear_record(memory: Any, offset: int) -> None:
    """Make a record that of a task which nobody has begun."""
    memory[offset : offset + RECORD_BYTES] = bytes(RECORD_BYTES)


def withdraw(memory: Any, offset: int) -> None:
    """Ask the worker to leave off before the next sample."""
    memory[offset + _WITHDRAWN] = 1
