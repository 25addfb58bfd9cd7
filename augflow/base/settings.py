"""What a flow is asked to do, as frozen values.

Every stage takes one of these instead of the generator object, so a stage can run
in a worker process that knows nothing of generators, iterators or Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ShiftRange = float | int | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Loader:
    """How files with an ending are read by a function of the user's.

    Two are equal if their function is the same object: what a function does, and whether two of
    them do the same, cannot be known.

    Attributes:
        ending: lower case, with its dot.
        function: takes a path, returns an array.
    """

    ending: str
    function: Callable[[str], Any] | None

    @property
    def name(self) -> str:
        """For messages."""
        function = getattr(self.function, "__qualname__", None) or repr(self.function)
        return f"the function {function!r} of formats[{self.ending!r}]"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Loader)
            and self.ending == other.ending
            and self.function is other.function
        )

    def __hash__(self) -> int:
        return hash((self.ending, id(self.function)))


@dataclass(frozen=True)
class ReadSettings:
    """How a file becomes an array.

    Attributes:
        target_size: (height, width) in pixels, or None for the size of the file.
        color_mode: "rgb", "rgba", "grayscale" or "unchanged".
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: True: crop the centre to the target's aspect ratio before resizing;
            "pad": resize all of it, and fill up with 0.
        decode: "exact", or "fast": large JPEGs are decoded at a fraction of their size.
        exif: turn the image upright, as its EXIF data say.
        channels, dtype: what "unchanged" images have to have; None before that is known.
        loaders: functions of the user's for some endings, the longest ending first.
    """

    target_size: tuple[int, int] | None = None
    color_mode: str = "rgb"
    interpolation: str = "nearest"
    keep_aspect_ratio: bool | str = False
    decode: str = "exact"
    exif: bool = False
    channels: int | None = None
    dtype: str | None = None
    loaders: tuple[Loader, ...] = ()


@dataclass(frozen=True)
class TransformSettings:
    """The ranges that random transforms are drawn from, and how pixels are moved.

    Units are those of Keras's ``ImageDataGenerator``: degrees for rotation and shear,
    a fraction of the image (below 1) or pixels for shifts, grey levels for channel shifts.
    """

    rotation_range: float = 0
    width_shift_range: ShiftRange = 0.0
    height_shift_range: ShiftRange = 0.0
    shear_range: float = 0.0
    zoom_range: tuple[float, float] = (1.0, 1.0)
    channel_shift_range: float = 0.0
    brightness_range: tuple[float, float] | None = None
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill_mode: str = "nearest"
    cval: float = 0.0
    interpolation_order: int = 1


@dataclass(frozen=True)
class StandardizeSettings:
    """What happens to the pixel values after the random transforms, in this order.

    ``preprocessing_function`` (one image in, one image of the same shape out), rescale,
    sample-wise centring and scaling, feature-wise centring and scaling, ZCA whitening.
    ``mean`` and ``std`` broadcast against one image; ``zca_whitening_matrix`` has shape
    (pixels * channels, pixels * channels). A statistic that is None is left out.
    """

    preprocessing_function: Callable[[np.ndarray], Any] | None = None
    rescale: float | None = None
    samplewise_center: bool = False
    samplewise_std_normalization: bool = False
    featurewise_center: bool = False
    featurewise_std_normalization: bool = False
    zca_whitening: bool = False
    mean: np.ndarray | None = field(default=None, compare=False)
    std: np.ndarray | None = field(default=None, compare=False)
    zca_whitening_matrix: np.ndarray | None = field(default=None, compare=False)
