"""The words that an argument may be: for signatures, type checkers and messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

# The arguments of a generator that move or colour pixels by chance.
RANDOM_TRANSFORMS = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "brightness_range",
    "shear_range",
    "zoom_range",
    "channel_shift_range",
    "horizontal_flip",
    "vertical_flip",
    "augmentation",
)

ColorMode = Literal["rgb", "rgba", "grayscale", "unchanged"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"]
KeepAspectRatio = bool | Literal["crop", "pad"]
Subset = Literal["training", "validation"]
DataFormat = Literal["channels_last", "channels_first"]
FillMode = Literal[
    "nearest",
    "reflect",
    "constant",
    "wrap",
    "mirror",
    "grid-constant",
    "grid-mirror",
    "grid-wrap",
]
FolderClassMode = Literal["categorical", "binary", "sparse", "input", "mask"]
TableClassMode = Literal[
    "categorical", "binary", "sparse", "input", "mask", "raw", "multi_output", "other"
]
Sampler = Literal["balanced"] | Mapping[Any, float] | Iterable[float]
ClassOrder = Literal["text", "natural"]
Decode = Literal["exact", "fast"]
OnError = Literal["raise", "skip"]


def did_you_mean(value: Any, words: Iterable[Any]) -> str:
    """For the end of a message about an unknown word: the one that is probably meant, or nothing.

    Args:
        value: what was given.
        words: that are allowed; those that are no strings are passed over.
    """
    if not isinstance(value, str) or not value:
        return ""
    known = [word for word in words if isinstance(word, str)]
    given = value.lower().replace("grey", "gray")
    near = [word for word in known if word.startswith(given)] or difflib.get_close_matches(
        given, known, 1, 0.6
    )
    return f'. Did you mean "{near[0]}"?' if near else ""
