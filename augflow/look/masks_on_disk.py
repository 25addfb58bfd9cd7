"""Predicted masks as files, beside how right they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

_THRESHOLD = 0.5


def saved_masks(
    made: Any, targets: Any, names: list[str], folder: Any, channels_first: bool
) -> tuple[list[str], np.ndarray]:
    """Write the masks of a batch.

    Args:
        made: by the model: one array of shape (batch, height, width, classes), or with one
            probability a pixel.
        targets: of the batch: masks of class numbers, (batch, height, width, 1).
        names: of the images' files; those of the masks are the same, with ".png"
            added where they end otherwise.
        folder: where they go; it is made.
        channels_first: whether both arrays have channels second.

    Returns:
        (paths, float64 array of shape (batch,): the part of the pixels that are right).

    Raises:
        ValueError: an output that is no mask.
    """
    from PIL import Image

    probabilities = np.asarray(made)
    masks = np.asarray(targets["masks"] if isinstance(targets, dict) else targets)
    if channels_first and probabilities.ndim == 4:
        probabilities, masks = np.moveaxis(probabilities, 1, 3), np.moveaxis(masks, 1, 3)
    if probabilities.shape[:3] != masks.shape[:3] or masks.shape[3] != 1:
        raise ValueError(
            "predicted masks are saved where there is one mask an image, and the model gives "
            f"(batch, height, width, classes). Received: an output of shape {probabilities.shape} "
            f"for masks of shape {masks.shape}"
        )
    single = probabilities.ndim == 3 or probabilities.shape[3] == 1
    numbers = probabilities.reshape(masks.shape[:3]) > _THRESHOLD if single else None
    numbers = probabilities.argmax(axis=3) if numbers is None else numbers
    paths = []
    for name, mask in zip(names, numbers.astype(np.uint8), strict=True):
        # A name may be a whole path, or lead out of its folder.
        relative = os.path.splitdrive(os.path.normpath(name))[1].lstrip("/\\.")
        path = Path(folder, relative if relative.endswith(".png") else f"{relative}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
        paths.append(str(path))
    return paths, (numbers == masks[..., 0]).mean(axis=(1, 2))
