"""What went into one sample of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from augflow.base.stage_times import STAGES, StageClock
from augflow.look.words import in_words
from augflow.transform.apply import Move
from augflow.transform.draw import as_dict

# What a parameter is called where it is shown, its unit, and what stands for "nothing".
_WORDS: dict[str, tuple[str, str, Any]] = {
    "theta": ("rotation", "°", 0),
    "shear": ("shear", "°", 0),
    "zx": ("zoom of width", "", 1),
    "zy": ("zoom of height", "", 1),
    "flip_horizontal": ("flipped left to right", "", False),
    "flip_vertical": ("upside down", "", False),
    "channel_shift_intensity": ("channels", " levels", None),
    "brightness": ("brightness", "", None),
}
# Of a positive number, and of a negative one: where the picture goes, before it is flipped. Keras's
# first coordinate counts columns in the end, see ``affine_matrix``.
_WAYS = {"tx": ("left", "right"), "ty": ("up", "down")}


@dataclass(frozen=True, eq=False)
class Explanation:
    """What went into a sample, recomputed; ``print`` it to read it.

    Attributes:
        name: of the sample: its file, ID, row, or number.
        index: its number in the data.
        label: its target in words, "" where words do not say it.
        epoch: what names the epoch: the batches before it.
        batch, row: where it came.
        seeds: "flow": of the flow; "batch": of the batch's stream, an int, or for the first batch
            of a shuffled epoch a state for ``np.random.RandomState().set_state``; "sample": the
            seed of the sample's own ``np.random.default_rng``.
        parameters: as drawn, for ``ImageDataGenerator.apply_transform``; None where nothing is.
        matrix: float64 of shape (3, 3), the affine matrix of the warp, from (row, column, 1) of the
            result to those of the image that was read; None where nothing moves. Flips come after.
        seconds: what each stage took now, {stage: seconds}, without what is done for the whole
            batch. Empty where the flow does not build sample by sample.
        inputs: of the sample, as the batch has them: an array, or a list, tuple or dict of such.
    """

    name: Any
    index: int
    label: str
    epoch: int
    batch: int
    row: int
    seeds: dict[str, Any]
    parameters: dict[str, Any] | None
    matrix: np.ndarray | None
    seconds: dict[str, float] = field(default_factory=dict)
    inputs: Any = None

    def __str__(self) -> str:
        label = f" ({self.label})" if self.label else ""
        stream = self.seeds["batch"]
        lines = [
            f"{self.name}{label}, sample {self.index}: row {self.row} of batch {self.batch} of the "
            f"epoch that began after {self.epoch} batches",
            f"seeds: flow {self.seeds['flow']}, batch "
            f"{stream if isinstance(stream, int) else 'after the permutation of the epoch'}, "
            f"sample {self.seeds['sample']}",
            f"drawn: {parameters_in_words(self.parameters)}",
        ]
        if self.matrix is not None:
            rows = np.array2string(self.matrix, precision=4, suppress_small=True, prefix="matrix: ")
            lines.append(f"matrix: {rows}")
        if self.seconds:
            times = [f"{stage} {1000 * taken:.2f} ms" for stage, taken in self.seconds.items()]
            lines.append(f"took: {', '.join(times)}")
        return "\n".join(lines)

    __repr__ = __str__


def parameters_in_words(parameters: dict[str, Any] | None) -> str:
    """What was drawn for an image, without what changes nothing: "rotation -12.3°, left 4 px"."""
    parts = []
    for key, value in (parameters or {}).items():
        if key in _WAYS:
            if value:
                parts.append(f"{_WAYS[key][value < 0]} {_short(abs(value))} px")
            continue
        word, unit, nothing = _WORDS.get(key, (key, "", None))
        if value == nothing:
            continue
        parts.append(word if value is True else f"{word} {_short(value)}{unit}")
    return ", ".join(parts) or "nothing"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float | np.floating) else in_words(value)


class RowClock(StageClock):
    """A stopwatch that tells the rows of a job apart.

    Attributes:
        rows: {row: seconds of each of ``STAGES``}.
    """

    __slots__ = ("_row", "rows")

    def __init__(self) -> None:
        super().__init__()
        self._row: int | None = None
        self.rows: dict[int, list[float]] = {}

    def begin(self, row: int, name: Any) -> None:
        """See ``StageClock``."""
        super().begin(row, name)
        self._row = row
        self.rows[row] = [0.0] * len(STAGES)

    def lap(self, stage: int) -> None:
        """See ``StageClock``."""
        before = self._seconds[stage]
        super().lap(stage)
        if self._row is not None:
            self.rows[self._row][stage] += self._seconds[stage] - before

    def of(self, row: int) -> dict[str, float]:
        """The seconds of a row's stages, without those that took none."""
        seconds = self.rows.get(row, [0.0] * len(STAGES))
        return {stage: taken for stage, taken in zip(STAGES, seconds, strict=True) if taken}


def described_move(drawn: Any) -> tuple[dict[str, Any] | None, np.ndarray | None]:
    """(parameters, matrix) of what was drawn for a row: a ``Move``, or what a method of the user's
    own returned."""
    if not isinstance(drawn, Move):
        return (drawn if isinstance(drawn, dict) else None), None
    return as_dict(drawn.parameters), drawn.matrix


def row_of(inputs: Any, row: int) -> Any:
    """One sample's inputs out of a batch's."""
    if isinstance(inputs, dict):
        return {key: row_of(value, row) for key, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return type(inputs)(row_of(value, row) for value in inputs)
    return inputs[row]
