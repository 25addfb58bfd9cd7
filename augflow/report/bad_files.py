"""The files and samples that a flow leaves out: counted, and reported once an epoch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from augflow.base.warn_user import warn_user
from augflow.batch.plan import BadSample
from augflow.errors import ImageReadError

_EPOCHS_KEPT = 2
_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Wording:
    """What messages call the things that are left out.

    Attributes:
        thing: one of them.
        could_not: what could not be done with it.
        attribute: of the flow, that has them.
        kept: which of them it has.
        error: raised where nothing else is left of a batch, with the first name and a text.
    """

    thing: str
    could_not: str
    attribute: str
    error: type[NothingLeftError]
    kept: str = "all of them"


class BadFiles:
    """What one flow has left out. Several threads may read a flow; each step here is one of
    the interpreter's own, so none of them needs a lock.

    Args:
        wording: what messages call it.

    Attributes:
        reasons: name to reason of everything that was left out, in the order of its coming. A
            name is a path or an ID; of an ID that is no key for a dict what ``repr`` makes of it.
    """

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self.reasons: dict[Hashable, str] = {}
        # What the next report is to name.
        self._new: dict[Hashable, str] = {}
        self._epoch: int | None = None
        # Of each epoch that is being read the positions of the batches handed over.
        self._read: dict[int, set[int]] = {}
        # Epochs read to their end, whose end Keras has not announced yet.
        self._complete = 0
        self._stand_ins = 0

    def leave_out(self, bad: list[BadSample], samples: int) -> None:
        """Take note of samples that are left out of a batch of so many.

        Raises:
            NothingLeftError: nothing else was in it.
        """
        for each in bad:
            name = _as_key(each.name)
            self.reasons.setdefault(name, each.reason)
            self._new.setdefault(name, each.reason)
        if len(bad) == samples:
            raise self._nothing_left(bad)

    def add_stand_in(self) -> None:
        """Take note of a batch that was handed over in the place of one without any good file."""
        self._stand_ins += 1

    def batch_was_read(self, start: int, position: int, batches: int) -> None:
        """Take note of a batch, and report with the last one of its epoch.

        Args:
            start: what names the epoch: the batches before it.
            position: of the batch.
            batches: an epoch.
        """
        self._epoch = start // max(1, batches) + 1
        positions = self._read.setdefault(start, set())
        positions.add(position)
        if len(positions) >= batches:
            self._read.pop(start, None)
            self._complete = min(self._complete + 1, _EPOCHS_KEPT)
            self.report()
        for old in list(self._read)[:-_EPOCHS_KEPT]:
            self._read.pop(old, None)

    def epoch_has_ended(self) -> None:
        """Report, if the epoch ends before all of its batches were read.

        TensorFlow reads on in the next epoch while this one ends, and the report of that one
        has to wait.
        """
        if self._complete:
            self._complete -= 1
        else:
            self.report()

    def look_has_ended(self) -> None:
        """Forget which batches were read: the epoch begins again, and says what it leaves out."""
        self._read.clear()
        self._complete = 0

    def report(self) -> None:
        """Warn of the files left out since the last report, if there are any."""
        left_out, self._new = self._new, {}
        count = self._counted(left_out)
        if not count:
            return
        # The number also lets Python show the warning once an epoch, and not only once.
        when = "" if self._epoch is None else f" in epoch {self._epoch}"
        stand_ins, self._stand_ins = self._stand_ins, 0
        twice = ""
        if stand_ins:
            twice = (
                f" {stand_ins:,} batch(es) held nothing else; another batch of the epoch was "
                "handed over a second time in that place."
            )
        shown = [f"{name!r} ({reason})" for name, reason in list(left_out.items())[:_NAMES_SHOWN]]
        more = ", ..." if count > len(shown) else ""
        words = self._wording
        warn_user(
            f"augflow: {count:,} {words.thing}(s) could not be {words.could_not} and were "
            f"left out{when}: {', '.join(shown)}{more}. The flow's `{words.attribute}` has "
            f"{words.kept}.{twice}",
        )

    def _counted(self, named: Mapping[Hashable, str]) -> int:
        """How many were left out since the last report, of which so many have names."""
        return len(named)

    def _nothing_left(self, bad: list[BadSample]) -> NothingLeftError:
        """The error for a batch of which nothing is left."""
        words = self._wording
        return words.error(
            str(bad[0].name),
            f"{bad[0].reason}. None of the {len(bad)} {words.thing}(s) of this batch can be "
            f"{words.could_not}, so nothing is left to hand over. `{words.attribute}` has those "
            "found so far, augflow.verify(flow) finds all: leave them out, or use a larger "
            "batch_size.",
        )


class NothingLeftError(Exception):
    """Nothing of a batch is left."""


class NoFileLeftError(NothingLeftError, ImageReadError):
    """No file of a batch can be read."""


class NoSampleLeftError(NothingLeftError, RuntimeError):
    """No sample of a batch can be loaded."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"cannot load the sample of ID {name}: {text}")


FILES = Wording("file", "read", "bad_files", NoFileLeftError)
SAMPLES = Wording("sample", "loaded", "bad_samples", NoSampleLeftError)


def reasons_of(bad: list[BadSample]) -> dict[Hashable, str]:
    """Name to reason of samples that are left out."""
    return {_as_key(each.name): each.reason for each in bad}


def _as_key(name: object) -> Hashable:
    try:
        hash(name)
    except TypeError:
        return repr(name)
    return name  # type: ignore[return-value]
