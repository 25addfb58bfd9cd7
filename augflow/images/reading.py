"""How the files of one flow are read, and what its images have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.batch.image_kind import ImageKind, check_kind, learn_kind
from augflow.batch.image_plan import ImagePlan
from augflow.companions.pipeline import check_levels_dtype
from augflow.read.loaders import checked_formats, loaders_of
from augflow.read.placement import checked_keep_aspect_ratio
from augflow.read.resize import CHANNELS


class ReadingFlow(Protocol):
    """The attributes of a flow that say how its files are read; all may change."""

    target_size: tuple[int, int]
    color_mode: str
    interpolation: str
    keep_aspect_ratio: bool | str
    decode: str
    exif: bool
    formats: Any
    on_error: str
    dtype: Any


class FileReading:
    """Answers by a flow's attributes as they are now. With ``color_mode="unchanged"`` the first
    file says the rest, once a flow."""

    def __init__(self) -> None:
        self._kind: ImageKind | None = None

    def settings_of_any(self, flow: ReadingFlow) -> ReadSettings:
        """How files are read, whatever channels they have."""
        return ReadSettings(
            target_size=flow.target_size,
            color_mode=flow.color_mode,
            interpolation=flow.interpolation,
            keep_aspect_ratio=checked_keep_aspect_ratio(flow.keep_aspect_ratio),
            decode=flow.decode,
            exif=flow.exif,
            loaders=loaders_of(checked_formats(flow.formats)) if flow.formats else (),
        )

    def settings(self, flow: ReadingFlow, paths: Iterable[Any]) -> ReadSettings:
        """How files are read.

        Args:
            flow: says how.
            paths: of all files; looked at only if the first of them has something to tell.

        Raises:
            Exception: whatever reading the first file raises.
        """
        settings = self.settings_of_any(flow)
        if flow.color_mode != "unchanged":
            return settings
        kind = self._learnt(flow, paths)
        return replace(settings, channels=kind.channels, dtype=kind.dtype)

    def image_shape(self, flow: ReadingFlow, paths: Iterable[Any]) -> tuple[int, int, int]:
        """(height, width, channels); arguments and errors as of ``settings``."""
        if flow.color_mode == "unchanged":
            return (*flow.target_size, self._learnt(flow, paths).channels)
        return (*flow.target_size, CHANNELS[flow.color_mode])

    def working_dtype(self, flow: ReadingFlow) -> str:
        """Of images between the stages."""
        is_long = flow.color_mode == "unchanged" and np.dtype(flow.dtype).itemsize > 4
        return "float64" if is_long else "float32"

    def check(self, flow: ReadingFlow, plan: ImagePlan, saves: bool) -> None:
        """Raise ``ValueError`` where a plan cannot do what it is to do with such images.

        Args:
            flow: of the images.
            plan: of their batches.
            saves: whether batches are saved as image files.
        """
        if flow.color_mode == "unchanged" and self._kind is not None:
            check_kind(self._kind, plan.transform, saves)
            if plan.augmentation is not None:
                check_levels_dtype(self._kind.dtype)

    def _learnt(self, flow: ReadingFlow, paths: Iterable[Any]) -> ImageKind:
        if self._kind is None:
            self._kind = learn_kind(paths, self.settings_of_any(flow), flow.on_error == "skip")
        return self._kind
