"""Faults: workers that are killed or stopped, Ctrl-C, and flows that are closed, all at moments
that nobody chose."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import TypeVar

import psutil

import augflow
from tests.faults.history import History
from tests.faults.plan import Fault

_PACKAGE = str(Path(augflow.__file__).parent) + os.sep

# Between interrupts, in seconds.
_LONGEST_GAP = 0.05
# How often to look whether a call has begun, and about as long as one takes.
_SOON = 0.0002
_SHORT_CALL = 0.01

Result = TypeVar("Result")


def worker_processes() -> list[psutil.Process]:
    """The workers of this process, in the order of their ids."""
    found = []
    for child in psutil.Process().children():
        try:
            if any("popen_loky" in word for word in child.cmdline()):
                found.append(child)
        except psutil.Error:
            # It has ended meanwhile.
            continue
    return sorted(found, key=lambda worker: worker.pid)


class Interrupts:
    """Ctrl-C as it really arrives, in the main thread, at any instruction inside of augflow.

    Anywhere else it would end the soak itself: there the handler does nothing.

    Attributes:
        armed: whether a call is under way that may be interrupted.
        hits: how many became a ``KeyboardInterrupt``.
        misses: how many did not.
    """

    def __init__(self) -> None:
        self.hits = self.misses = 0
        self.armed = False
        signal.signal(signal.SIGINT, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.armed and is_inside_augflow(frame):
            self.hits += 1
            signal.default_int_handler(number, frame)
        self.misses += 1

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function that may be interrupted.

        Raises:
            KeyboardInterrupt: it was.
        """
        self.armed = True
        try:
            return function()
        finally:
            self.armed = False


def is_inside_augflow(frame: FrameType | None) -> bool:
    """Whether a frame is augflow's, or of something that augflow has called."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False


class Injector:
    """Carries out planned faults from threads of its own.

    Attributes:
        done: how many faults of each kind.
    """

    def __init__(self, interrupts: Interrupts, history: History) -> None:
        self.done: Counter[str] = Counter()
        self._interrupts = interrupts
        self._history = history
        self._timers: list[threading.Timer] = []
        self._stopped: list[psutil.Process] = []
        self._errors: list[BaseException] = []

    @contextmanager
    def during(self, faults: tuple[Fault, ...], close: Callable[[], None]) -> Iterator[None]:
        """Let faults happen from now on. Interrupts end with the block, others when it is time.

        Args:
            faults: what is to happen, and when.
            close: closes the flow that is being read.
        """
        is_over = threading.Event()
        interrupter = None
        for fault in faults:
            if fault.kind == "interrupt":
                interrupter = threading.Thread(
                    target=self._interrupt, args=(Random(fault.seed), is_over), daemon=True
                )
                interrupter.start()
            else:
                self._later(fault.delay, self._happen, fault, close)
        try:
            yield
        finally:
            is_over.set()
        if interrupter is not None:
            interrupter.join()

    def _interrupt(self, random: Random, is_over: threading.Event) -> None:
        # Some soon after each other, some as late as the longest gap.
        while not is_over.wait(_LONGEST_GAP * random.random() ** 2):
            while not self._interrupts.armed and not is_over.wait(_SOON):
                pass
            # Anywhere in a call, not at its beginning.
            time.sleep(_SHORT_CALL * random.random() ** 2)
            os.kill(os.getpid(), signal.SIGINT)

    def _later(self, delay: float, function: Callable[..., None], *arguments: object) -> None:
        timer = threading.Timer(delay, function, arguments)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _happen(self, fault: Fault, close: Callable[[], None]) -> None:
        try:
            if fault.kind == "close":
                close()
            else:
                workers = worker_processes()
                if not workers:
                    return
                worker = workers[int(fault.share * len(workers))]
                if fault.kind == "kill":
                    self._kill(worker)
                else:
                    self._stop(worker, fault.seconds)
            self.done[fault.kind] += 1
        except psutil.NoSuchProcess:
            # It was about to end by itself.
            return
        except BaseException as error:
            self._errors.append(error)

    def _kill(self, worker: psutil.Process) -> None:
        worker.kill()
        self._history.note(f"killed worker {worker.pid}")

    def _stop(self, worker: psutil.Process, seconds: float) -> None:
        worker.suspend()
        self._stopped.append(worker)
        self._later(seconds, self._go_on, worker)
        self._history.note(f"stopped worker {worker.pid} for {seconds:.2f} s")

    def _go_on(self, worker: psutil.Process) -> None:
        try:
            worker.resume()
            self._stopped.remove(worker)
        except (psutil.NoSuchProcess, ValueError):
            # Somebody has killed it, or ``settle`` was first.
            return

    def settle(self) -> None:
        """Wait until all that was planned has happened, and let stopped workers go on.

        Raises:
            BaseException: what a ``close`` raised.
        """
        while self._timers:
            self._timers.pop().join()
        self.let_go()
        if self._errors:
            raise self._errors.pop()

    def let_go(self) -> None:
        """Let stopped workers go on: one that is left so would never notice that all is over."""
        for worker in list(self._stopped):
            self._go_on(worker)
