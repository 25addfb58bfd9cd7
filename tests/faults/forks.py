"""Forked children that read flows of their parent and leave, without a hang or a wrong batch."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.reference import FoundFaultError
from tests.faults.subject import Subject
from tests.faults.watchdog import die_in

# How long a child may take.
_SECONDS = 20.0
_ERROR = 4
_READS = 2
_WAYS_OUT = ("os._exit", "sys.exit")


class Child:
    """A forked child that reads flows by index and leaves in one of several ways.

    It only writes down what it got: other threads may hold locks of the soak's own at the moment of
    the fork, and the child would wait for them.

    Args:
        subjects: whose flows it reads. Other threads may be reading them.
        folder: for what it writes.
        random: decides what it does.
    """

    def __init__(self, subjects: Sequence[Subject], folder: Path, random: Random) -> None:
        reads = [
            (subject, random.randrange(subject.length))
            for subject in subjects
            for _ in range(_READS)
        ]
        way_out = random.choice(_WAYS_OUT)
        names = " and ".join(subject.name for subject in subjects)
        self._name = f"child that reads {names} and leaves by {way_out}"
        self._reads = reads
        before = [subject.starts[0] for subject, _ in reads]
        self._begin = time.monotonic()
        self._pid = os.fork()
        if self._pid == 0:
            _live(reads, way_out, folder)
        self._batches = folder / f"{self._pid}.pickle"
        # Another thread may have been about to go on to the next epoch.
        after = [subject.starts[-1] + subject.length for subject, _ in reads]
        self._starts = list(zip(before, after, strict=True))

    def finish(self) -> float:
        """Wait for its end, and look at what it got; how many seconds it took.

        Raises:
            FoundFaultError: it hung, got a wrong batch, or failed otherwise.
        """
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            seconds = time.monotonic() - self._begin
            if pid:
                break
            if seconds > 1.2 * _SECONDS:
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(status)
        if code:
            reasons = {-signal.SIGALRM: "its stacks are above", _ERROR: "its error is above"}
            raise FoundFaultError(
                f"a {self._name} ended with code {code} after {seconds:.1f} s;"
                f" {reasons.get(code, '')}"
            )
        batches = pickle.loads(self._batches.read_bytes())
        self._batches.unlink()
        for (subject, position), (first, last), batch in zip(
            self._reads, self._starts, batches, strict=True
        ):
            # A flow that another thread reads goes on by whole epochs.
            starts = {*subject.starts, *range(first, last + 1, subject.length)}
            keys = [(start, position) for start in sorted(starts)]
            subject.twin.compare(batch, keys, f"{subject.name}, flow[{position}] in a {self._name}")
        return seconds


def _live(reads: Sequence[tuple[Subject, int]], way_out: str, folder: Path) -> None:
    die_in(_SECONDS)
    # What it says at its exit is a fault, too.
    sys.unraisablehook = _fail
    try:
        batches = [subject.flow[position] for subject, position in reads]
        (folder / f"{os.getpid()}.pickle").write_bytes(pickle.dumps(batches))
    except BaseException:
        _fail_with(traceback.format_exc())
    if way_out == "os._exit":
        os._exit(0)
    sys.exit()


def _fail(arguments: Any) -> None:
    stack = "".join(traceback.format_exception(arguments.exc_value))
    _fail_with(f"{arguments.err_msg} {arguments.object!r}: {stack}")


def _fail_with(words: str) -> None:
    # The buffers of sys.stderr may be locked by another thread of the parent.
    os.write(2, words.encode())
    os._exit(_ERROR)
