"""Flows whose images have companions: masks, boxes, keypoints, the matrix of the move."""

from __future__ import annotations

import os
from collections.abc import Iterator as AbstractIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.annotations import Boxes, Keypoints
from augflow.companion_columns import (
    RowNames,
    checked_boxes,
    checked_points,
    column_values,
    label_values,
    mask_values,
    try_on_first,
)
from augflow.companions import CompanionSettings, Record
from augflow.errors import is_broken_file
from augflow.image_size import image_size
from augflow.pair_masks import MASK_FORMATS, pair_by_stem, warn_of_left, warn_of_lossy
from augflow.planned_iterator import PlannedIterator, is_transformer
from augflow.read_mask import MaskSettings, load_masks
from augflow.settings import ReadSettings

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class CompanionArguments:
    """What a flow is asked to move with its images; see ``DirectoryIterator``."""

    mask_directory: Any = None
    mask_loader: Any = None
    mask_fill: int | None = None
    mask_dtype: Any = "uint8"
    boxes: Boxes | None = None
    keypoints: Keypoints | None = None
    with_transform_matrix: bool = False

    def class_mode(self, class_mode: str | None) -> str | None:
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
        if self.mask_loader is not None and not callable(self.mask_loader):
            raise TypeError(f"`mask_loader` must be a function. Received: {self.mask_loader!r}")
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
        return MaskSettings(count, dtype.str, None if fill is None else int(fill), self.mask_loader)


class CompanionIterator(PlannedIterator):
    """What iterators over files have that deliver companions."""

    class_mode: str | None
    filenames: list[str]
    split: tuple[float, float] | None
    _settings_of_companions: CompanionSettings | None = None
    _record_list: list[Record] | None = None

    def _root(self) -> str:
        """What relative file names start at."""
        raise NotImplementedError(f"{type(self).__name__} must define _root")

    def _settings_of_any(self) -> ReadSettings:
        """How images are read, whatever their channels."""
        raise NotImplementedError(f"{type(self).__name__} must define _settings_of_any")

    def _companion_settings(self) -> CompanionSettings | None:
        return self._settings_of_companions

    def _records(self, indices: np.ndarray) -> list[Any] | None:
        records = self._record_list
        return None if records is None else [records[index] for index in indices.tolist()]

    def _take_companions(
        self, arguments: CompanionArguments, dataframe: pandas.DataFrame | None, y_col: Any = None
    ) -> None:
        """Set up what moves with the images, once ``filenames`` are known.

        Args:
            arguments: what is asked for.
            dataframe: the rows of the samples, None for a directory.
            y_col: column or columns of the masks.
        """
        boxes, points = arguments.boxes, arguments.keypoints
        has_masks = self.class_mode == "mask"
        if not (has_masks or boxes or points or arguments.with_transform_matrix):
            return
        self._check_generator()
        count = len(self.filenames)
        names = RowNames(dataframe, self.filenames)
        skips = self.on_error == "skip"
        settings = CompanionSettings(
            boxes=boxes, keypoints=points, matrix=bool(arguments.with_transform_matrix)
        )
        masks: list[Any] | None = None
        if has_masks:
            masks = self._mask_values(arguments, dataframe, y_col, names)
            settings = replace(settings, masks=self._probed(arguments, masks, skips))
        box_values, labels = column_values(boxes, dataframe), label_values(boxes, dataframe)
        if boxes is not None:
            settings, box_values, labels = checked_boxes(
                settings, box_values, labels, names, self._each_path(), skips
            )
        point_values = column_values(points, dataframe)
        if points is not None:
            settings, point_values = checked_points(
                settings, point_values, names, self._each_path(), skips
            )
        columns = (masks or [()] * count, box_values, labels, point_values)
        nothing = [None] * count
        self._record_list = [
            Record(*parts) for parts in zip(*(one or nothing for one in columns), strict=True)
        ]
        self._settings_of_companions = settings

    def _each_path(self) -> AbstractIterator[str]:
        return (self._names(np.array([row]))[0] for row in range(len(self.filenames)))

    def _mask_values(
        self,
        arguments: CompanionArguments,
        dataframe: pandas.DataFrame | None,
        y_col: Any,
        names: RowNames,
    ) -> list[tuple[Any, ...]]:
        given = arguments.mask_directory
        if dataframe is not None:
            start = os.fspath(self._root() if given is None else given)
            loader = arguments.mask_loader
            return mask_values(dataframe, y_col, start, loader, names, joins=given is not None)
        if given is None:
            raise ValueError(
                'class_mode="mask" needs mask_directory=, a folder of masks with the names of '
                "the images. Received: mask_directory=None"
            )
        formats = MASK_FORMATS if arguments.mask_loader is None else None
        columns = []
        for folder in given if isinstance(given, list | tuple) else [given]:
            paths, left = pair_by_stem(self.filenames, folder, formats)
            # Of a subset's images the others' masks are left.
            if self.split is None:
                warn_of_left(left, folder)
            if arguments.mask_loader is None:
                warn_of_lossy(paths)
            columns.append(paths)
        return list(zip(*columns, strict=True))

    def _probed(
        self, arguments: CompanionArguments, masks: list[tuple[Any, ...]], skips: bool
    ) -> MaskSettings:
        """The settings of masks; the first sample tells how many there are, and what is wrong."""
        settings = arguments.mask_settings(len(masks[0]) if masks else 1)
        if not masks:
            return settings
        from_files = settings.loader is None
        probing = settings if from_files else replace(settings, count=0)
        read = self._settings_of_any()
        places = iter(range(len(masks)))

        def count(values: tuple[Any, ...]) -> int:
            path = self._names(np.array([next(places)]))[0]
            try:
                size = image_size(path, read)
            except OSError:
                # The image itself is broken, which is told when it is read.
                size = None
            return load_masks(values, probing, read, size).shape[2]

        try:
            # A broken file is no reason against a flow: `verify` finds all of them.
            what = "the reading of masks" if from_files else "mask_loader"
            found = try_on_first(count, masks, what, skips or from_files)
        except OSError as error:
            if from_files and is_broken_file(error):
                return settings
            raise
        return replace(settings, count=found)

    def _check_generator(self) -> None:
        generator = self.image_data_generator
        if generator is not None and (
            not is_transformer(generator) or generator._stage_settings() is None
        ):
            raise ValueError(
                "masks, boxes and keypoints cannot follow the methods of "
                f"{type(generator).__qualname__}, which moves pixels in its own way. Use an "
                "ImageDataGenerator with `preprocessing_function` or `augmentation`."
            )

    def _with_companions(self, target: Any, arrays: list[np.ndarray]) -> Any:
        """The targets with what has moved: masks alone as they are, else a dict."""
        settings = self._settings_of_companions
        if settings is None:
            return target
        fields = settings.fields(self._image_shape(), self.data_format == "channels_first")
        named: dict[str, Any] = dict(zip(fields, arrays[-len(fields) :], strict=True))
        if list(named) == ["masks"]:
            return named["masks"]
        return named if target is None else {"target": target, **named}
