"""A thread that reads a flow of its own all the time."""

from __future__ import annotations

import threading
from random import Random

from tests.faults.reading import end_epoch, read_index, step
from tests.faults.stage import Stage
from tests.faults.subject import Subject

_LONGEST_PAUSE = 0.004


class Reader:
    """Reads a flow until it is told to stop.

    Attributes:
        subject: the flow. Others may only look at it.
    """

    def __init__(self, stage: Stage, subject: Subject, seed: str) -> None:
        self.subject = subject
        self._stage = stage
        self._random = Random(seed)
        self._is_over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._is_over.wait(_LONGEST_PAUSE * self._random.random()):
                self._read_some()
        except BaseException as error:
            self._error = error

    def _read_some(self) -> None:
        random = self._random
        if random.random() < 0.5:
            for _ in range(random.randint(1, 5)):
                step(self._stage, self.subject, random)
        else:
            for _ in range(random.randint(1, 5)):
                read_index(self._stage, self.subject, random.randrange(self.subject.length), random)
        if random.random() < 0.2:
            end_epoch(self._stage, self.subject)
        self._stage.looked_at += self.subject.check_held()
        if random.random() < 0.2:
            self.subject.held.clear()

    def check(self) -> None:
        """Raise what went wrong so far.

        Raises:
            BaseException: a fault that was found, or what the flow raised.
        """
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the reading, and wait for it.

        Raises:
            BaseException: see ``check``.
        """
        self._is_over.set()
        self._thread.join()
        self.check()
