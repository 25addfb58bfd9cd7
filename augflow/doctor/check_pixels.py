"""What kinds of pixels there are: depth, modes, transparency, orientation, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from augflow.doctor.finding import Finding, counted
from augflow.doctor.look import HEIGHT, MODE, MODES, ORIENTATION, TRANSPARENT, WIDTH
from augflow.doctor.survey import Survey

_DEEP = ("I;16", "I", "F")
_TINY_SHARE = 0.15  # of the median's side
_DISTORTION = 2.0


def check_pixels(survey: Survey) -> Iterator[Finding]:
    """Findings about what is in the files that can be read."""
    rows = np.array(survey.good, dtype=int)
    if not len(rows):
        return
    notes = survey.images.notes[rows]
    modes = np.array([MODES[number] for number in notes[:, MODE]])
    deep = np.isin(modes, _DEEP)
    turned = notes[:, ORIENTATION] > 1
    for code, mask, title, cure in (
        (
            "sixteen-bits",
            deep,
            "{} with more than 8 bits",
            'Read them with color_mode="unchanged", and scale them yourself: as "rgb" they are cut '
            "off at level 255, so most of them becomes white.",
        ),
        (
            "orientation",
            turned,
            "{} lying on their side or upside down, by their EXIF data",
            "Pass exif=True to the flow. Viewers turn them, Keras does not.",
        ),
        (
            "transparent",
            notes[:, TRANSPARENT] > 0,
            "{} with transparent parts",
            'Lay them on a background, or read them with color_mode="rgba": as "rgb" what was '
            "hidden comes to light.",
        ),
    ):
        if mask.any():
            yield _finding(survey, code, title, cure, rows[mask])
    common = Counter(modes[~deep]).most_common()
    if len(common) > 1:
        yield Finding(
            "modes",
            "images of several modes: "
            + ", ".join(f"{name} ({number:,})" for name, number in common),
            "All become what color_mode says. Look whether a mode goes with a class: then the "
            "model learns the mode.",
        )
    yield from _sizes(survey, rows, notes)


def _sizes(survey: Survey, rows: np.ndarray, notes: np.ndarray) -> Iterator[Finding]:
    width, height = notes[:, WIDTH].astype(float), notes[:, HEIGHT].astype(float)
    shorter = np.minimum(width, height)
    tiny = shorter < np.median(shorter) * _TINY_SHARE
    if tiny.any():
        yield _finding(
            survey,
            "tiny",
            "{} much smaller than the others",
            f"Look at them: half of all have a shorter side of {np.median(shorter):.0f} pixels or "
            "more. Icons and thumbnails become blurs of the model's size.",
            rows[tiny],
        )
    ratio = width / height
    low, high = np.quantile(ratio, [0.05, 0.95])
    if high / low > _DISTORTION:
        yield Finding(
            "aspect-ratios",
            f"aspect ratios from {ratio.min():.2f} to {ratio.max():.2f} (width / height)",
            'Pass keep_aspect_ratio="crop" or "pad" to the flow: by default all are squeezed into '
            "target_size.",
        )


def _finding(survey: Survey, code: str, title: str, cure: str, rows: np.ndarray) -> Finding:
    samples = survey.samples
    return Finding(
        code,
        title.format(counted(len(rows), "image")),
        cure,
        tuple(samples.names[row] for row in rows),
        tuple(samples.paths[row] for row in rows[:6]),
    )
