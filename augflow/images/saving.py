"""``save_to_dir``: each batch's images as files, for looking at them."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Protocol

import numpy as np

from augflow.read.load_and_save import array_to_img


class SavingFlow(Protocol):
    """The attributes of a flow that say how its images are saved; all may change."""

    data_format: str
    save_to_dir: Any
    save_prefix: str
    save_format: str


def check_save_to_dir(folder: Any) -> None:
    """Raise ``FileNotFoundError`` unless it is a folder, or None."""
    if folder is not None and not os.path.isdir(folder):
        raise FileNotFoundError(f"save_to_dir={os.fspath(folder)!r} is no directory; make it first")


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
    """
    if not flow.save_to_dir:
        return
    for row, (image, index) in enumerate(zip(images, indices.tolist(), strict=True)):
        number = stream.randint(highest)
        if row in left_out:
            continue
        name = f"{flow.save_prefix}_{index}_{number}.{flow.save_format}"
        picture = array_to_img(image, flow.data_format, scale=True)
        picture.save(os.path.join(flow.save_to_dir, name))
