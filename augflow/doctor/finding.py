"""One thing that is wrong, how bad it is, and what helps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "note"]

# The most harmful first. An error makes results wrong or a run stop; a warning costs accuracy or
# samples; a note is worth a look.
LEVELS: dict[str, Level] = {
    "unreadable-script": "error",
    "leak": "error",
    "near-leak": "error",
    "two-labels": "error",
    "classes-differ": "error",
    "shuffled-predict": "error",
    "preprocess-and-rescale": "error",
    "scaling-differs": "error",
    "rescale-above-one": "error",
    "mask-seeds": "error",
    "loss-and-classes": "error",
    "broken-mask": "error",
    "mask-missing": "error",
    "mask-size": "error",
    "mask-black-white": "error",
    "mask-lossy": "error",
    "missing": "error",
    "empty": "error",
    "truncated": "error",
    "no-image": "error",
    "empty-class": "error",
    "not-fitted": "error",
    "augmented-validation": "warning",
    "split-unused": "warning",
    "steps-drop-data": "warning",
    "one-image-class": "warning",
    "sixteen-bits": "warning",
    "orientation": "warning",
    "transparent": "warning",
    "ending-ignored": "warning",
    "ending-lies": "warning",
    "duplicate": "warning",
    "near-duplicate": "warning",
    "imbalance": "warning",
    "tiny": "warning",
    "modes": "note",
    "aspect-ratios": "note",
}
_RANK = {code: place for place, code in enumerate(LEVELS)}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        code: a key of ``LEVELS``, the same in each release.
        title: what was found, one line.
        cure: what to do about it.
        where: files, groups of files ("a.jpg = b.jpg"), classes or lines of a script.
        pictures: paths of images that show it, for the report.
    """

    code: str
    title: str
    cure: str
    where: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """How bad it is."""
        return LEVELS[self.code]

    def as_json(self) -> dict[str, Any]:
        """All of it but for the pictures."""
        values = asdict(self)
        values.pop("pictures")
        return {"level": self.level, **values}


def most_harmful_first(findings: Iterable[Finding]) -> list[Finding]:
    """In the order of ``LEVELS``, and of the same kind by how many places they name."""
    return sorted(findings, key=lambda one: (_RANK[one.code], -len(one.where)))


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 file", "3 files"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
