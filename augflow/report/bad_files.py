"""The files that a flow leaves out: counted, and reported once an epoch."""

from __future__ import annotations

from augflow.base.warn_user import warn_user
from augflow.batch.plan import BadSample
from augflow.errors import ImageReadError

_EPOCHS_KEPT = 2
_NAMES_SHOWN = 5


class BadFiles:
    """What one flow has left out. Several threads may read a flow; each step here is one of
    the interpreter's own, so none of them needs a lock.

    Attributes:
        reasons: path to reason of every file that was left out, in the order of their coming.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        # What the next report is to name.
        self._new: dict[str, str] = {}
        self._epoch: int | None = None
        # Of each epoch that is being read the positions of the batches handed over.
        self._read: dict[int, set[int]] = {}
        # Epochs read to their end, whose end Keras has not announced yet.
        self._complete = 0
        self._stand_ins = 0

    def leave_out(self, bad: list[BadSample], samples: int) -> None:
        """Take note of files that are left out of a batch of so many.

        Raises:
            NothingLeftError: nothing else was in it.
        """
        for each in bad:
            self.reasons.setdefault(str(each.name), each.reason)
            self._new.setdefault(str(each.name), each.reason)
        if len(bad) == samples:
            raise _nothing_left(bad)

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

    def report(self) -> None:
        """Warn of the files left out since the last report, if there are any."""
        left_out, self._new = self._new, {}
        if not left_out:
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
        shown = [f"{path!r} ({reason})" for path, reason in list(left_out.items())[:_NAMES_SHOWN]]
        more = ", ..." if len(left_out) > len(shown) else ""
        warn_user(
            f"augflow: {len(left_out):,} file(s) could not be read and were left out{when}: "
            f"{', '.join(shown)}{more}. The flow's `bad_files` has all of them.{twice}",
        )


class NothingLeftError(ImageReadError):
    """No file of a batch can be read."""


def _nothing_left(bad: list[BadSample]) -> NothingLeftError:
    """The error for a batch of which no file can be read."""
    return NothingLeftError(
        str(bad[0].name),
        f"{bad[0].reason}. None of the {len(bad)} file(s) of this batch can be read, so nothing "
        "is left to hand over. `bad_files` has those found so far, augflow.verify(flow) finds "
        "all: leave them out, or use a larger batch_size.",
    )
