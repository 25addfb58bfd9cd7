"""What a setting of the parity suite is, and the words that the table is written in.

Neither Keras nor augflow is imported here: worker processes import this module for its
functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

GREY = 1.0
UNIT = 1 / 255


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    Attributes:
        group: heading in the documentation.
        name: what is special about it, in words.
        kind: "flow", "flow_from_directory", "flow_from_dataframe", or an iterator class
            that is constructed directly.
        source: which array, folder or dataframe of ``parity_images``.
        generator: arguments of ImageDataGenerator; None: no generator at all.
        arguments: arguments of the flow. "=name" stands for the array of that name.
        fit: arguments of ``fit`` ("x": name of an array), or None.
        grey_level: what one of 255 grey levels is in the values of a batch.
        levels: the largest difference allowed, in grey levels.
        share: how many values may differ by more than 0.05 levels (1: all of them).
        epochs: epochs to run; one more batch follows, to see the next epoch begin.
        reset_after: call ``reset()`` after so many batches.
        by_index: read ``flow[0]``, ``flow[1]``, ... instead of ``next(flow)``.
        channels_first: transpose the arrays.
        prepare: what a script does to the iterator before its first batch.
        partner: a second flow, read in turns with this one.
    """

    group: str
    name: str
    kind: str
    source: str
    generator: dict[str, Any] | None
    arguments: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] | None = None
    grey_level: float = GREY
    levels: float = 0.05
    share: float = 0.0
    epochs: int = 1
    reset_after: int | None = None
    by_index: bool = False
    channels_first: bool = False
    prepare: Callable[[Any], None] | None = None
    partner: Setting | None = None

    @property
    def title(self) -> str:
        return f"{self.group}: {self.name}"


@dataclass(frozen=True)
class KerasFunction:
    """``keras.applications.<family>.preprocess_input``, looked up when it is needed."""

    family: str


OPTIONS = [
    "fit",
    "grey_level",
    "levels",
    "share",
    "epochs",
    "reset_after",
    "by_index",
    "channels_first",
    "prepare",
    "partner",
]


def make(
    kind: str, group: str, name: str, source: str, generator: dict[str, Any] | None, **rest: Any
) -> Setting:
    """A setting; what is no option of :class:`Setting` is an argument of the flow."""
    options = {key: rest.pop(key) for key in OPTIONS if key in rest}
    arguments: dict[str, Any] = {"batch_size": 4, "seed": 3}
    if kind not in ("flow", "NumpyArrayIterator"):
        arguments["target_size"] = (40, 48)
    arguments.update(rest)
    return Setting(group, name, kind, source, generator, arguments, **options)


def arrays(group: str, name: str, source: str = "rgb", /, **rest: Any) -> Setting:
    generator = rest.pop("generator", {})
    return make("flow", group, name, source, generator, **rest)


def folder(group: str, name: str, source: str = "classes", /, **rest: Any) -> Setting:
    generator = rest.pop("generator", {})
    return make("flow_from_directory", group, name, source, generator, **rest)


def table(group: str, name: str, source: str = "table", /, **rest: Any) -> Setting:
    generator = rest.pop("generator", {})
    return make("flow_from_dataframe", group, name, source, generator, **rest)


AFFINE: dict[str, Any] = {
    "rotation_range": 25,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 15,
    "zoom_range": 0.3,
}
FLIPS: dict[str, Any] = {"horizontal_flip": True, "vertical_flip": True}
COLOURS: dict[str, Any] = {"channel_shift_range": 40.0, "brightness_range": (0.5, 1.0)}


def invert(image: np.ndarray) -> np.ndarray:
    return 255 - image


def half_in_place(image: np.ndarray) -> np.ndarray:
    image *= 0.5
    return image


def noise(image: np.ndarray) -> np.ndarray:
    """Draws from NumPy's global generator, as many users' functions do."""
    return image + np.random.normal(0, 8, image.shape)


def sometimes_dark(image: np.ndarray) -> np.ndarray:
    """Uses up a number of draws that depends on what was drawn."""
    if np.random.random() < 0.5:
        return image
    return image * np.random.uniform(0.2, 0.8)


def refuse(image: np.ndarray) -> np.ndarray:
    """A function with a bug. It is here, not in its test, so that workers can import it fast."""
    raise ArithmeticError("no such colour")
