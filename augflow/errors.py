"""The errors that are augflow's own.

Wherever Keras or Python has a fitting type (ValueError, TypeError, IndexError), that type
is raised instead; a user's exception keeps its own type.
"""

from __future__ import annotations

from typing import Any

from PIL import UnidentifiedImageError


class ImageReadError(UnidentifiedImageError):
    """An image file cannot be read: it is truncated, damaged or no image.

    A subclass of ``PIL.UnidentifiedImageError`` and so of ``OSError``, as Pillow's own.

    Attributes:
        path: the file, as it was asked for.
        cause: what the decoder said.
    """

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"cannot read image {path!r}: {cause}")
        self.path = path
        self.cause = cause

    def __reduce__(self) -> tuple[Any, ...]:
        # The state carries the notes that were added on the way.
        return type(self), (self.path, self.cause), self.__dict__


class WorkerDiedError(RuntimeError):
    """Worker processes died again and again over the same batch."""


class BatchIndexError(IndexError, ValueError):
    """A batch index is out of range: an IndexError, as for a sequence, and Keras's ValueError."""


class InterpreterExitingError(RuntimeError):
    """A batch was asked for while the interpreter exits."""
