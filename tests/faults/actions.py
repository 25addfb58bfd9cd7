"""The actions of a round: flows are read in every way while faults happen, and all is compared."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.faults import reading
from tests.faults.forks import Child
from tests.faults.plan import FAULTS, Action, Cast
from tests.faults.reader import Reader
from tests.faults.stage import CallLostError, Result, Stage
from tests.faults.subject import Subject

_FORGET = 0.3


class Actions:
    """Carries out the actions of one round.

    Args:
        stage: shared by all rounds.
        casts: of the flows.
        readers: casts of the flows that other threads read meanwhile.
        seed: of what these threads draw.
    """

    def __init__(
        self, stage: Stage, casts: tuple[Cast, ...], readers: tuple[Cast, ...], seed: str
    ) -> None:
        self._stage = stage
        self._made = 0
        self._subjects = [self._make(cast) for cast in casts]
        self._readers = [
            Reader(stage, self._make(cast), f"{seed} {number}")
            for number, cast in enumerate(readers)
        ]

    def _make(self, cast: Cast) -> Subject:
        self._made += 1
        return self._insist(
            f"making {cast}", lambda: Subject(self._made, cast, self._stage.reference)
        )

    def _insist(self, what: str, function: Callable[[], Result]) -> Result:
        """Call a function again until it is not interrupted."""
        while True:
            try:
                return self._stage.call(what, function)
            except CallLostError:
                continue

    def carry_out(self, action: Action) -> None:
        """One action.

        Raises:
            FoundFaultError: something was not as it has to be.
            Exception: what a flow raised.
        """
        stage, subject = self._stage, self._subjects[action.flow]
        stage.history.note(f"{subject.name}: {action}")
        random = Random(action.seed)
        ways: dict[str, Callable[[], None]] = {
            "next": lambda: reading.take_steps(stage, subject, action.count, random),
            "order": lambda: reading.read_in_order(stage, subject, action.count, random),
            "anywhere": lambda: reading.read_anywhere(stage, subject, action.count, random),
            "threads by next": lambda: reading.share_steps(
                stage, subject, action.count, action.threads
            ),
            "threads by index": lambda: reading.share_indices(
                stage, subject, action.count, action.threads, random
            ),
            "epoch end": lambda: reading.end_epoch(stage, subject),
            "reset": lambda: subject.flow.reset(),
            "fork": lambda: self._fork(subject, action.count, random),
            "drop": lambda: self._drop(action),
            "interrupted close": lambda: self._close_interrupted(action, random),
        }
        with stage.injector.during(action.faults, subject.close):
            ways[action.do]()
        if action.do in FAULTS:
            stage.injector.done[action.do] += 1
        stage.looked_at += subject.check_held()
        if random.random() < _FORGET:
            subject.held.clear()
        stage.check_silence()
        for reader in self._readers:
            reader.check()

    def _drop(self, action: Action) -> None:
        """Another flow takes the place of one that is dropped; its batches stay."""
        subject = self._subjects[action.flow]
        subject.flow = None
        self._subjects[action.flow] = self._make(action.cast)
        self._subjects[action.flow].held = subject.held

    def _close_interrupted(self, action: Action, random: Random) -> None:
        """Ctrl-C while another flow is made, read and closed, which is tried until it is done."""
        subject = self._make(action.cast)
        for _ in range(action.count // 3):
            reading.read_index(self._stage, subject, random.randrange(subject.length), random)
        self._insist(f"close() of {subject.name}", subject.close)
        self._stage.looked_at += subject.check_held()

    def _fork(self, subject: Subject, count: int, random: Random) -> None:
        """Children that read this flow and others, some of which other threads are reading."""
        others = [*self._subjects, *(reader.subject for reader in self._readers)]
        folder = self._stage.reference.folder
        children = [Child([subject, random.choice(others)], folder, random) for _ in range(count)]
        for child in children:
            with self._stage.watchdog.watching("waiting for a child"):
                self._stage.note_time("a child", child.finish())

    def end(self, random: Random) -> None:
        """Close or drop all flows; the batches that are held stay as they are.

        Raises:
            FoundFaultError, Exception: see ``carry_out``.
        """
        for reader in self._readers:
            reader.stop()
        self._stage.injector.settle()
        subjects = [*self._subjects, *(reader.subject for reader in self._readers)]
        random.shuffle(subjects)
        for subject in subjects:
            if random.random() < 0.5:
                self._stage.call(f"close() of {subject.name}", subject.close)
            subject.flow = None
        for subject in subjects:
            self._stage.looked_at += subject.check_held()
        self._stage.check_silence()
