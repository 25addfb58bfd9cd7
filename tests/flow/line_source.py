"""A source that is no image: lines of a text file, found by their offsets, as character codes.

It is what docs/architecture.md shows for whoever adds a source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.base.stage_times import READ, StageClock
from augflow.batch.plan import Job
from augflow.batch.sample_plan import SamplePlan
from augflow.flow.source import Source
from augflow.memory.layout import Field, Layout


@dataclass(frozen=True)
class LinePlan(SamplePlan):
    """How one line is read, in a worker."""

    path: str
    length: int

    @property
    def layout(self) -> Layout:
        return Layout((Field((self.length,), "<i4"),))

    def write(self, job: Job, place: int, arrays: list[np.ndarray], clock: StageClock) -> None:
        with open(self.path, "rb") as file:
            file.seek(job.names[place])
            text = file.readline().rstrip(b"\n").decode()
        clock.lap(READ)
        codes = [ord(character) for character in text[: self.length]]
        arrays[0][job.start + place] = codes + [0] * (self.length - len(codes))

    def describe(self, name: Any) -> str:
        return f"the line at byte {name} of {self.path!r}"


class LineSource(Source):
    """Which lines there are, and what a batch of them is."""

    def __init__(self, path: str, labels: np.ndarray, length: int = 16) -> None:
        with open(path, "rb") as file:
            self.offsets = np.cumsum([0] + [len(line) for line in file])[:-1]
        self.path, self.labels, self.length = path, labels, length

    def __len__(self) -> int:
        return len(self.offsets)

    def plan(self) -> LinePlan:
        return LinePlan(self.path, self.length)

    def names(self, indices: np.ndarray) -> list[int]:
        return self.offsets[indices].tolist()

    def output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        return arrays[0], self.labels[indices]
