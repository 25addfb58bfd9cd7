"""What errors say that come out of functions of the user's."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

# Each of them ends something without a word: the data, the program. A worker's would end it, too.
_SILENT = (StopIteration, SystemExit, GeneratorExit)


class UserCode:
    """A context in which functions of the user's are called for one sample.

    What they raise gets a note that names the sample, and keeps its type, also where it is no
    ``Exception`` (``asyncio.CancelledError``). Only what would pass for an end of the data or of
    the program becomes a RuntimeError. A KeyboardInterrupt is the user's own and goes through as
    it is.

    Args:
        note: gives the note; called only where it is needed. None for no note.
        *arguments: of ``note``.

    Raises:
        RuntimeError: on leaving it, for StopIteration, ``sys.exit()`` and GeneratorExit.
    """

    __slots__ = ("_arguments", "_note")

    def __init__(self, note: Callable[..., str] | None = None, *arguments: object) -> None:
        self._note = note
        self._arguments = arguments

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        if isinstance(error, _SILENT):
            called = ", as sys.exit() does" if isinstance(error, SystemExit) else ""
            instead = RuntimeError(
                f"a function that this flow calls raised {error!r}{called}. That would end the "
                "data or the program without a message: let it raise another error"
            )
            self._add_note(instead)
            raise instead from error
        if not isinstance(error, KeyboardInterrupt):
            self._add_note(error)

    def _add_note(self, error: BaseException) -> None:
        if self._note is not None:
            error.add_note(self._note(*self._arguments))
