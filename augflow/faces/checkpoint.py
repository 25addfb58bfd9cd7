"""A folder that always holds one whole checkpoint, whenever its writer is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

_STATE = "state.json"
_KINDS = ("weights.h5", "npz")


class Checkpoint:
    """A folder with a state, weights and further variables that belong together.

    The state names the files; it is replaced in one step, after they are on the disk.

    Args:
        folder: is made if missing.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def read(self) -> dict[str, Any] | None:
        """The last state that was written; None where there is none.

        Raises:
            ValueError: the file is none of this class's.
        """
        path = self.folder / _STATE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            state = json.loads(text)
            state["number"] = int(state["number"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{str(path)!r} is no state of a training ({error}): remove the folder to begin "
                "anew"
            ) from None
        return dict(state)

    def weights_of(self, state: dict[str, Any]) -> Path:
        """The file of the weights that go with a state."""
        return self._file(state["number"], "weights.h5")

    def variables_of(self, state: dict[str, Any]) -> list[np.ndarray]:
        """The other variables that go with a state."""
        with np.load(self._file(state["number"], "npz")) as file:
            return [file[f"arr_{number}"] for number in range(len(file.files))]

    def write(
        self,
        state: dict[str, Any],
        save_weights: Callable[[Path], Any],
        variables: list[np.ndarray],
    ) -> None:
        """Put another checkpoint in the place of the last one.

        Args:
            state: for JSON.
            save_weights: writes the weights to a path that ends in .weights.h5.
            variables: arrays of numbers.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.read()
        number = 0 if last is None else last["number"] + 1
        save_weights(self._file(number, "weights.h5"))
        np.savez(self._file(number, "npz"), *variables)
        for kind in _KINDS:
            _to_disk(self._file(number, kind))
        new = self.folder / f"{_STATE}.new"
        new.write_text(json.dumps({**state, "number": number}), encoding="utf-8")
        _to_disk(new)
        os.replace(new, self.folder / _STATE)
        _to_disk(self.folder)
        if last is not None:
            self._remove_files(last["number"])

    def remove(self) -> None:
        """Remove what was written, and the folder if nothing else is in it."""
        last = self.read()
        if last is not None:
            (self.folder / _STATE).unlink(missing_ok=True)
            self._remove_files(last["number"])
        with suppress(OSError):
            self.folder.rmdir()

    def _file(self, number: int, kind: str) -> Path:
        return self.folder / f"{number:08d}.{kind}"

    def _remove_files(self, number: int) -> None:
        for kind in _KINDS:
            self._file(number, kind).unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
