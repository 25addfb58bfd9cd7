"""Ctrl-C at every step of a call: ``python -m tests.faults.every_step --call next``.

The soak interrupts at moments that chance picks, and most faults need one microsecond of them all.
Here a call is made again and again, interrupted at its first step, its second, and so on: a step is
the call of a Python function or the return of one written in C, the places where Python looks for
signals. After each the flow has to go on as if nothing had been. The calls are made in a process of
its own, so that the steps after one that hangs are tried, too.
"""

from __future__ import annotations

import _thread
import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from tests.faults.inject import Interrupts, is_inside_augflow
from tests.faults.kinds import KINDS, write_world
from tests.faults.plan import Cast
from tests.faults.reference import FoundFaultError, Reference
from tests.faults.subject import Subject
from tests.faults.watchdog import die_in

_CALLS = ("next", "index", "epoch end", "close")
_SEED = 3
# How long a call, and those that follow it, may take.
_SECONDS = 10.0
# So that the workers are up, and batches are being built ahead.
_BATCHES_BEFORE = 8
# Calls have different numbers of steps: so many have to end before the step is reached.
_CALLS_WITHOUT = 5


class Stepper:
    """A profile function that interrupts this process at a step inside of augflow.

    Attributes:
        where: that step was; None if it was never reached.
    """

    def __init__(self, step: int) -> None:
        self.where: str | None = None
        self._left = step

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "c_return") or not is_inside_augflow(frame):
            return
        self._left -= 1
        if self._left == 0:
            sys.setprofile(None)
            code = frame.f_code
            what = f"{event} of {getattr(argument, '__name__', code.co_name)}"
            self.where = f"{Path(code.co_filename).name}:{frame.f_lineno} {what}"
            # As if another thread had heard it: the system picks any that has not blocked it.
            _thread.interrupt_main(signal.SIGINT)


class Trial:
    """A flow whose calls are interrupted.

    Args:
        cast: the flow.
        call: one of ``_CALLS``.
        folder: of the data.
    """

    def __init__(self, cast: Cast, call: str, folder: Path) -> None:
        self._cast = cast
        self._call = call
        self._reference = Reference(folder, [cast.kind], [cast.seed])
        self._interrupts = Interrupts()
        self._random = Random(0)
        self._subject = self._start()

    def _start(self) -> Subject:
        subject = Subject(1, self._cast, self._reference)
        for _ in range(_BATCHES_BEFORE):
            self._step(subject)
        return subject

    def interrupt(self, step: int, say: Callable[[str], None]) -> bool:
        """Make the call, interrupt it at a step, and look what comes after it.

        Args:
            step: counted from 1.
            say: is told where the step was, before anything can hang.

        Returns:
            Whether the call had that many steps.

        Raises:
            FoundFaultError: something was not as it has to be. The next call has a new flow.
        """
        subject, stepper = self._subject, Stepper(step)
        position = self._random.randrange(subject.length)
        calls: dict[str, Callable[[], Any]] = {
            "next": subject.flow.next,
            "index": lambda: subject.flow[position],
            "epoch end": subject.flow.on_epoch_end,
            "close": subject.close,
        }
        before = subject.counters()
        result, is_lost = None, False
        try:
            sys.setprofile(stepper)
            try:
                result = self._interrupts.call(calls[self._call])
            except KeyboardInterrupt:
                is_lost = True
            finally:
                sys.setprofile(None)
                say(f"was {stepper.where}")
            self._check(subject, before, position, result, is_lost)
        except Exception as error:
            self._subject = self._start()
            raise FoundFaultError(
                f"step {step}, {stepper.where}: {type(error).__name__}: {error}"
            ) from error
        return stepper.where is not None

    def _check(
        self, subject: Subject, before: tuple[int, int], position: int, result: Any, is_lost: bool
    ) -> None:
        if self._call == "next":
            keys = subject.note_steps(before, most=1, calls=0 if is_lost else 1)
            if not is_lost:
                subject.match([("next()", result)], keys, lost=0)
        elif self._call == "index" and not is_lost:
            subject.check_indexed(position, result, f"flow[{position}]")
        elif self._call == "epoch end":
            subject.note_epoch_end(before, is_lost)
        for _ in range(3):
            again = self._random.randrange(subject.length)
            subject.check_indexed(again, subject.flow[again], f"flow[{again}] after it")
            self._step(subject)

    def _step(self, subject: Subject) -> None:
        before = subject.counters()
        batch = subject.flow.next()
        subject.match([("next() after it", batch)], subject.note_steps(before, 1, 1), lost=0)


def _try_from(step: int, trial: Trial) -> None:
    """Try steps until calls end before they are reached, and print what happens."""

    def say(text: str) -> None:
        print(text, flush=True)

    without = 0
    while without < _CALLS_WITHOUT:
        die_in(_SECONDS)
        say(f"at {step}")
        try:
            without = 0 if trial.interrupt(step, say) else without + 1
        except FoundFaultError as error:
            say("fault " + " ".join(str(error).split())[:300])
        step += 1


def _try_all(arguments: list[str]) -> int:
    """Start processes that try steps, each from where the last one hung; how many faults."""
    step, faults = 1, 0
    while True:
        process = subprocess.run(
            [sys.executable, "-m", "tests.faults.every_step", *arguments, "--first", str(step)],
            capture_output=True,
            text=True,
            errors="replace",
        )
        lines = process.stdout.splitlines()
        found = [line for line in lines if line.startswith("fault ")]
        last = max(number for number, line in enumerate(lines) if line.startswith("at "))
        step = int(lines[last].split()[1])
        if process.returncode:
            how = "hang" if process.returncode == -signal.SIGALRM else f"end {process.returncode}"
            where = " ".join(lines[last + 1 :])
            found.append(f"{how} after step {step}, {where}; {_stack(process.stderr)}")
        for line in found:
            print(line, flush=True)
        faults += len(found)
        if process.returncode == 0:
            print(f"{step - _CALLS_WITHOUT} steps, {faults} faults")
            return faults
        step += 1


def _stack(text: str) -> str:
    """Where the main thread was, in a line."""
    own = text.rpartition("(most recent call first):")[2]
    lines = [line.strip() for line in own.splitlines() if line.strip().startswith("File")]
    return " < ".join(line.replace('File "', "").split("/")[-1] for line in lines[:6])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.every_step")
    parser.add_argument("--kind", choices=KINDS, default="directory", metavar="KIND")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--call", choices=_CALLS, default="next")
    parser.add_argument("--first", type=int, help="try from this step, in this process")
    options = parser.parse_args()
    if options.first is None:
        sys.exit(1 if _try_all(sys.argv[1:]) else 0)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        world = write_world(Path(folder) / "world")
        report, silence = sys.stdout, stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(silence))
        trial = Trial(Cast(options.kind, options.workers, _SEED), options.call, world)
        with contextlib.redirect_stdout(report):
            _try_from(options.first, trial)


if __name__ == "__main__":
    main()
