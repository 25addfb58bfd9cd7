"""The words that an argument may be: for signatures, editors and type checkers."""

from __future__ import annotations

from typing import Literal

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
Sampler = Literal["balanced"]
ClassOrder = Literal["text", "natural"]
Decode = Literal["exact", "fast"]
OnError = Literal["raise", "skip"]
