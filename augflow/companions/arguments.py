"""What a flow is asked to move with its images, as the user has typed it, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.companions.annotations import Boxes, Keypoints
from augflow.companions.masks import MaskSettings


@dataclass(frozen=True)
class CompanionArguments:
    """Arguments of ``flow_from_directory`` and ``flow_from_dataframe``, which explain them."""

    mask_directory: Any = None
    mask_loader: Any = None
    mask_fill: int | None = None
    mask_dtype: Any = "uint8"
    boxes: Boxes | None = None
    keypoints: Keypoints | None = None
    with_transform_matrix: bool = False

    @property
    def loader(self) -> Any:
        """The function that reads masks; None where they are files."""
        return None if self.reads_binary else self.mask_loader

    @property
    def reads_binary(self) -> bool:
        """Whether masks are files of black and white."""
        return isinstance(self.mask_loader, str) and self.mask_loader == "binary"

    def class_mode(self, class_mode: Any) -> Any:
        """The class mode that is meant: a folder of masks asks for masks.

        Raises:
            ValueError, TypeError: arguments that contradict each other, or of a wrong type.
        """
        if self.mask_directory is not None and class_mode == "categorical":
            class_mode = "mask"
        if class_mode != "mask":
            for name in ("mask_directory", "mask_loader", "mask_fill"):
                if getattr(self, name) is not None:
                    raise ValueError(
                        f'`{name}` is for class_mode="mask". Received: {name}='
                        f"{getattr(self, name)!r}, class_mode={class_mode!r}"
                    )
        if self.loader is not None and not callable(self.loader):
            raise TypeError(
                f'`mask_loader` must be a function, "binary" or None. Received: {self.loader!r}'
            )
        for name, kind in (("boxes", Boxes), ("keypoints", Keypoints)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise TypeError(
                    f"`{name}` must be an augflow.{kind.__name__}(...). Received: {value!r}"
                )
        return class_mode

    def mask_settings(self, count: int) -> MaskSettings:
        """How masks are read.

        Raises:
            TypeError, ValueError: a dtype or fill value that cannot be used.
        """
        try:
            dtype = np.dtype(self.mask_dtype)
        except TypeError:
            dtype = np.dtype(object)
        if dtype.kind not in "iuf":
            raise TypeError(
                "`mask_dtype` must be an integer or float dtype, e.g. 'uint8' or 'int32'. "
                f"Received: {self.mask_dtype!r}"
            )
        fill = self.mask_fill
        if fill is not None:
            if not isinstance(fill, int | np.integer) or isinstance(fill, bool):
                raise TypeError(f"`mask_fill` must be a class number (int). Received: {fill!r}")
            if dtype.kind in "iu" and not np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max:
                raise ValueError(f"mask_fill={fill} does not fit into mask_dtype={dtype.name!r}")
        fill = None if fill is None else int(fill)
        return MaskSettings(count, dtype.str, fill, self.loader, self.reads_binary)
