"""Files that are missing, empty, cut off or no images; and names that lie."""

from __future__ import annotations

import os
from collections.abc import Iterator

from augflow.doctor.finding import Finding, counted
from augflow.doctor.look import FORMAT, FORMATS
from augflow.doctor.survey import Survey
from augflow.scan.folders import IMAGE_FORMATS

_FORMAT_OF_ENDING = {
    "jpg": ("JPEG", "MPO"),
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "bmp": ("BMP",),
    "ppm": ("PPM",),
    "tif": ("TIFF",),
    "tiff": ("TIFF",),
}
# What decoders say of a file whose end is missing.
_CUT_OFF = ("truncated", "unexpected end", "not enough data", "premature", "incomplete", "broken")
_BROKEN_CURE = (
    'Take the file from its source again, or delete it. A run stops at it; on_error="skip" leaves '
    "it out."
)


def check_files(survey: Survey) -> Iterator[Finding]:
    """Findings about files as such."""
    samples = survey.samples
    if samples.missing:
        yield Finding(
            "missing",
            f"{counted(len(samples.missing), 'file')} of the table do not exist",
            "Correct the names, or what they start at (--directory). Keras leaves such rows out.",
            tuple(samples.missing),
        )
    yield from _broken(survey)
    yield from _lying_endings(survey)
    if samples.ignored:
        yield Finding(
            "ending-ignored",
            f"{counted(len(samples.ignored), 'image')} with an ending that no flow reads",
            f"Convert them to one of {', '.join(IMAGE_FORMATS)}, or pass their ending in formats=: "
            "flow_from_directory passes over them without a word.",
            tuple(samples.ignored),
        )


def kind_of_damage(reason: str) -> str:
    """The code of what is wrong with a file that cannot be read."""
    words = reason.lower()
    if "the file is empty" in words:
        return "empty"
    return "truncated" if any(word in words for word in _CUT_OFF) else "no-image"


def _broken(survey: Survey) -> Iterator[Finding]:
    words = {
        "empty": ("file is empty", "files are empty"),
        "truncated": ("image is cut off", "images are cut off"),
        "no-image": ("file cannot be read as an image", "files cannot be read as images"),
    }
    found: dict[str, list[str]] = {code: [] for code in words}
    for row, reason in survey.images.reasons.items():
        code = kind_of_damage(reason)
        name = survey.samples.names[row]
        found[code].append(name if code == "empty" else f"{name}: {reason}")
    for code, names in found.items():
        if names:
            yield Finding(code, counted(len(names), *words[code]), _BROKEN_CURE, tuple(names))


def _lying_endings(survey: Survey) -> Iterator[Finding]:
    where = []
    for row in survey.good:
        name = survey.samples.names[row]
        ending = os.path.splitext(name)[1].lower().lstrip(".")
        found = FORMATS[survey.images.notes[row, FORMAT]]
        if ending in _FORMAT_OF_ENDING and found not in _FORMAT_OF_ENDING[ending]:
            where.append(f"{name}: {found}")
    if where:
        yield Finding(
            "ending-lies",
            f"{counted(len(where), 'name')} end otherwise than the file is",
            "Give them the ending of what they are. augflow and Keras look inside, other programs "
            "(tf.io.decode_jpeg, browsers) go by the name.",
            tuple(where),
        )
