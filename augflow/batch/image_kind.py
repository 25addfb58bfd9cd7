"""color_mode="unchanged": what the images of a flow have in common, learnt from the first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augflow.base.settings import ReadSettings, TransformSettings
from augflow.base.user_code import UserCode
from augflow.cache.images import RAM
from augflow.cache.slots import DTYPES
from augflow.errors import ImageReadError, is_broken_file
from augflow.read.image_file import read_image


@dataclass(frozen=True)
class ImageKind:
    """What all images of a flow have.

    Attributes:
        channels: their number.
        dtype: name of their dtype, e.g. "uint16".
    """

    channels: int
    dtype: str


def learn_kind(paths: Iterable[Any], settings: ReadSettings, skip_broken: bool) -> ImageKind:
    """Read the first file to see what the images are.

    Args:
        paths: of all files.
        settings: how they are read.
        skip_broken: whether the next file is taken where one is broken.

    Raises:
        Exception: whatever reading raises; with ``skip_broken`` only if all files are broken.
    """
    # Only the size may differ, and need not be changed to find out.
    settings = replace(settings, target_size=None)
    last: OSError | None = None
    for path in paths:
        try:
            with UserCode(_note, path):
                image = read_image(path, settings)
        except OSError as error:
            if not (skip_broken and is_broken_file(error)):
                if not isinstance(error, ImageReadError):
                    error.add_note(f"augflow: while preparing file {path!r}")
                raise
            last = error
            continue
        return ImageKind(image.shape[2], image.dtype.name)
    if last is not None:
        raise last
    # No files, no images: there is nothing that could be wrong.
    return ImageKind(1, "uint8")


def check_kind(kind: ImageKind, transform: TransformSettings | None, saves: bool) -> None:
    """Raise where a setting is only for images of 8 bits with 1, 3 or 4 channels.

    Args:
        kind: of the images.
        transform: the random transforms, None for none.
        saves: whether batches are saved as image files.

    Raises:
        ValueError: the images cannot be brightened, or saved.
    """
    has_levels = kind.dtype == "uint8" and kind.channels in (1, 3, 4)
    found = f"these files have {kind.channels} channel(s) of {kind.dtype}"
    if transform is not None and transform.brightness_range is not None and not has_levels:
        raise ValueError(
            "`brightness_range` counts in 8-bit levels, as Keras does, and needs 1, 3 or 4 "
            f"channels of uint8; {found}. Leave it out, or scale the values in a "
            "preprocessing_function."
        )
    if saves and kind.channels not in (1, 3, 4):
        raise ValueError(f"`save_to_dir` needs images of 1, 3 or 4 channels; {found}")


def check_cacheable(where: str, settings: ReadSettings) -> None:
    """Raise where a cache could not keep the images, or not know whether they are still right.

    Raises:
        ValueError: see above.
    """
    if settings.loaders and where != RAM:
        raise ValueError(
            f"a cache in a directory ({where!r}) cannot know whether {settings.loaders[0].name} "
            'still does what it did when the cache was filled: use cache="ram"'
        )
    if settings.dtype is not None and np.dtype(settings.dtype) not in DTYPES.values():
        known = ", ".join(dtype.name for dtype in DTYPES.values())
        raise ValueError(
            f"`cache` keeps pixels of {known}; these files have {settings.dtype}. Leave it out, or "
            "convert them in a function given in `formats`."
        )


def _note(path: str) -> str:
    return f"augflow: while preparing file {path!r}"
