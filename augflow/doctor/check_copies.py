"""Copies: leaks between training and validation, two labels for one image, needless files."""

from __future__ import annotations

from collections.abc import Iterator

from augflow.doctor.copies import exact_groups, near_groups
from augflow.doctor.finding import Finding, counted
from augflow.doctor.survey import Survey

_CURES = {
    "leak": "Remove them from one of the parts: a model has seen what it is tested on, and its "
    "accuracy is too high.",
    "near-leak": "Look at them, and keep frames, crops and copies of one picture in one part: a "
    "model has nearly seen what it is tested on.",
    "two-labels": "Decide for one class (or for several labels an image): a model cannot learn "
    "both.",
    "duplicate": "Keep one of each: copies count twice, and a random split puts one of them into "
    "each part.",
    "near-duplicate": "Look at them. Before a random split, keep one of each, or split by what "
    "they show.",
}
_TITLES = {
    "leak": "{} both in training and in validation or test",
    "near-leak": "{} nearly the same in training and in validation or test",
    "two-labels": "{} in two classes",
    "duplicate": "{} there more than once",
    "near-duplicate": "{} there more than once, saved anew or nearly the same",
}


def check_copies(survey: Survey) -> Iterator[Finding]:
    """Findings about images that are there more than once."""
    samples, good = survey.samples, survey.good
    exact = exact_groups(survey.images, good)
    again = {row for group in exact for row in group[1:]}
    near = near_groups(survey.images, [row for row in good if row not in again])
    found: dict[str, list[list[int]]] = {code: [] for code in _TITLES}
    for groups, leak, plain in (
        (exact, "leak", "duplicate"),
        (near, "near-leak", "near-duplicate"),
    ):
        for group in groups:
            if len({samples.classes[row] for row in group}) > 1:
                found["two-labels"].append(group)
            if len({samples.parts[row] for row in group}) > 1:
                found[leak].append(group)
            elif len({samples.classes[row] for row in group}) == 1:
                found[plain].append(group)
    for code, groups in found.items():
        if groups:
            yield Finding(
                code,
                _TITLES[code].format(counted(len(groups), "image")),
                _CURES[code],
                tuple(" = ".join(samples.names[row] for row in group) for group in groups),
                tuple(samples.paths[row] for group in groups[:3] for row in group[:2]),
            )
