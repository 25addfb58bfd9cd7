"""``save_to_dir``: each batch's images as files, for looking at them."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Protocol

import numpy as np

from augflow.read.load_and_save import array_to_img

# Bounds of the number in the name of a saved image, as in Keras.
HIGHEST_OF_FILES = 10_000_000
HIGHEST_OF_ARRAYS = 10_000


class SavingFlow(Protocol):
    """The attributes of a flow that say how its images are saved; all may change."""

    data_format: str
    save_to_dir: Any
    save_prefix: str
    save_format: str


def check_save_to_dir(folder: Any) -> None:
    """Raise ``TypeError`` unless it is a path, or counts as false: None, "", False."""
    if folder and not isinstance(folder, str | os.PathLike):
        raise TypeError(
            "`save_to_dir` must be the path of a folder, or None. Received: "
            f"{folder!r} of type {type(folder).__name__}"
        )


def save_images(
    flow: SavingFlow,
    images: np.ndarray,
    indices: np.ndarray,
    left_out: Collection[int],
    stream: np.random.RandomState,
    highest: int,
) -> None:
    """Save the images of a batch, if the flow is asked to.

    Args:
        flow: where, and by which names.
        images: array of shape (batch, ...), in the flow's data format.
        indices: positions of the samples, which the names begin with.
        left_out: rows that hold no image.
        stream: of the batch, after the last draw of its transforms. Draws a number for each name.
        highest: bound of that number, as in Keras.

    Raises:
        FileNotFoundError: the folder is not there. It may be made after the flow.
    """
    if not flow.save_to_dir:
        return
    if not os.path.isdir(flow.save_to_dir):
        raise FileNotFoundError(
            f"save_to_dir={os.fspath(flow.save_to_dir)!r} is no directory; make it before the "
            "first batch"
        )
    for row, (image, index) in enumerate(zip(images, indices.tolist(), strict=True)):
        number = stream.randint(highest)
        if row in left_out:
            continue
        name = f"{flow.save_prefix}_{index}_{number}.{flow.save_format}"
        picture = array_to_img(image, flow.data_format, scale=True)
        picture.save(os.path.join(flow.save_to_dir, name))
