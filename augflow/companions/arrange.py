"""For each image of a flow its masks, boxes and keypoints, found and checked before the first
batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.settings import ReadSettings
from augflow.base.warn_user import warn_user
from augflow.companions.arguments import CompanionArguments
from augflow.companions.columns import (
    RowNames,
    checked_boxes,
    checked_points,
    column_values,
    label_values,
    mask_values,
    try_on_first,
)
from augflow.companions.masks import MaskSettings, load_masks, read_mask
from augflow.companions.moving import CompanionSettings, Record
from augflow.companions.pair_masks import (
    MASK_FORMATS,
    pair_by_stem,
    warn_of_left,
    warn_of_lossy,
)
from augflow.companions.unlikely_boxes import warn_of_boxes
from augflow.errors import is_broken_file
from augflow.read.image_size import image_size
from augflow.store.open_folder import open_folder
from augflow.store.stored_folder import StoredFolder

if TYPE_CHECKING:
    import pandas


# The first one may show nothing but background.
_MASKS_LOOKED_AT = 8


@dataclass(frozen=True, eq=False)
class ImageRows:
    """The images that get companions.

    Attributes:
        filenames: of the images, relative to ``root``.
        root: what they start at: a path, or a stored folder.
        path: the whole path of an image, by its place.
        read: how images are read, whatever their channels.
        dataframe: with a row for each image; None for a directory.
        mask_column: column or columns of the dataframe that hold masks.
        is_part: whether the other images of the folder belong to another subset.
        skips: whether broken files are left out, rather than raised.
        options: of fsspec, for addresses.
    """

    filenames: Sequence[str]
    root: str | StoredFolder
    path: Callable[[int], Any]
    read: ReadSettings
    dataframe: pandas.DataFrame | None = None
    mask_column: Any = None
    is_part: bool = False
    skips: bool = False
    options: Any = None

    @property
    def names(self) -> RowNames:
        """What messages call them."""
        return RowNames(self.dataframe, self.filenames)

    def paths(self) -> Iterator[Any]:
        """Whole paths, one after the other."""
        return map(self.path, range(len(self.filenames)))


@dataclass(frozen=True, eq=False)
class Arrangement:
    """What moves with the images of a flow.

    Attributes:
        settings: what all have in common.
        records: where the companions of each image come from.
    """

    settings: CompanionSettings
    records: list[Record]

    def of(self, indices: np.ndarray) -> list[Record]:
        """The records of some images: int array of shape (batch,)."""
        return [self.records[index] for index in indices.tolist()]

    def beside(
        self,
        target: Any,
        arrays: list[np.ndarray],
        image_shape: tuple[int, int, int],
        channels_first: bool,
    ) -> Any:
        """The targets of a batch: masks alone as they are, else a dict.

        Args:
            target: by the class mode; None for none.
            arrays: of the batch; those of the companions come last.
            image_shape: (height, width, channels).
            channels_first: whether the batch is.
        """
        fields = self.settings.fields(image_shape, channels_first)
        named: dict[str, Any] = dict(zip(fields, arrays[-len(fields) :], strict=True))
        if list(named) == ["masks"]:
            return named["masks"]
        return named if target is None else {"target": target, **named}


def arrange_companions(
    arguments: CompanionArguments, with_masks: bool, images: ImageRows, stranger: Any = None
) -> Arrangement | None:
    """Find what moves with each image; None where nothing does.

    Args:
        arguments: what is asked for.
        with_masks: whether masks are among it.
        images: of the flow.
        stranger: an object whose own methods move the images; None where augflow does.

    Raises:
        TypeError, ValueError, FileNotFoundError: companions that are missing or cannot be used;
            the message names the image or the row.
    """
    boxes, points = arguments.boxes, arguments.keypoints
    if not (with_masks or boxes or points or arguments.with_transform_matrix):
        return None
    if stranger is not None:
        raise ValueError(
            "masks, boxes and keypoints cannot follow the methods of "
            f"{type(stranger).__qualname__}, which moves pixels in its own way. Use an "
            "ImageDataGenerator with `preprocessing_function` or `augmentation`."
        )
    settings = CompanionSettings(
        boxes=boxes, keypoints=points, matrix=bool(arguments.with_transform_matrix)
    )
    masks: list[Any] | None = None
    if with_masks:
        masks = _mask_values(arguments, images)
        settings = replace(settings, masks=_probed(arguments, masks, images))
    names, skips = images.names, images.skips
    box_values = column_values(boxes, images.dataframe)
    labels = label_values(boxes, images.dataframe)
    if boxes is not None:
        settings, box_values, labels = checked_boxes(
            settings, box_values, labels, names, images.paths(), skips
        )
        if boxes.loader is None and box_values is not None:
            warn_of_boxes(boxes, box_values, images.path, images.read)
    point_values = column_values(points, images.dataframe)
    if points is not None:
        settings, point_values = checked_points(
            settings, point_values, names, images.paths(), skips
        )
    count = len(images.filenames)
    columns = (masks or [()] * count, box_values, labels, point_values)
    nothing = [None] * count
    records = [Record(*parts) for parts in zip(*(one or nothing for one in columns), strict=True)]
    return Arrangement(settings, records)


def _mask_values(arguments: CompanionArguments, images: ImageRows) -> list[tuple[Any, ...]]:
    given = arguments.mask_directory
    if images.dataframe is not None:
        start = images.root if given is None else _opened(given, images)
        return mask_values(
            images.dataframe,
            images.mask_column,
            start,
            arguments.loader,
            images.names,
            joins=given is not None,
            options=images.options,
        )
    if given is None:
        raise ValueError(
            'class_mode="mask" needs mask_directory=, a folder of masks with the names of '
            "the images. Received: mask_directory=None"
        )
    formats = MASK_FORMATS if arguments.loader is None else None
    columns = []
    for folder in given if isinstance(given, list | tuple) else [given]:
        paths, left = pair_by_stem(images.filenames, folder, formats, images.options)
        # Of a subset's images the others' masks are left.
        if not images.is_part:
            warn_of_left(left, folder)
        if arguments.loader is None:
            warn_of_lossy(paths)
        columns.append(paths)
    return list(zip(*columns, strict=True))


def _opened(directory: Any, images: ImageRows) -> str | StoredFolder:
    return open_folder(directory, images.options) or os.fspath(directory)


def _probed(
    arguments: CompanionArguments, masks: list[tuple[Any, ...]], images: ImageRows
) -> MaskSettings:
    """The settings of masks; the first sample tells how many there are, and what is wrong."""
    settings = arguments.mask_settings(len(masks[0]) if masks else 1)
    if not masks:
        return settings
    from_files = settings.loader is None
    probing = settings if from_files else replace(settings, count=0)
    places = iter(range(len(masks)))

    def count(values: tuple[Any, ...]) -> int:
        path = images.path(next(places))
        try:
            size = image_size(path, images.read)
        except OSError:
            # The image itself is broken, which is told when it is read.
            size = None
        return load_masks(values, probing, images.read, size).shape[2]

    try:
        # A broken file is no reason against a flow: `verify` finds all of them.
        what = "the reading of masks" if from_files else "mask_loader"
        found = try_on_first(count, masks, what, images.skips or from_files)
    except OSError as error:
        if from_files and is_broken_file(error):
            return settings
        raise
    if from_files and not settings.binary:
        _warn_of_black_and_white(masks)
    return replace(settings, count=found)


def _warn_of_black_and_white(masks: list[tuple[Any, ...]]) -> None:
    """Warn where masks hold 0 and 255, the numbers of colours and not of classes."""
    for row in masks[:_MASKS_LOOKED_AT]:
        paths = [path for path in row if path is not None]
        if not paths:
            continue
        try:
            values = np.unique(np.concatenate([read_mask(path).ravel() for path in paths]))
        except OSError:
            # What is broken is told when it is read.
            continue
        if values.tolist() in ([0, 255], [255]):
            warn_user(
                f"augflow: the mask {paths[0]!r} holds {' and '.join(map(str, values))}, which "
                "are taken for numbers of classes: a binary loss of them falls below zero. "
                'mask_loader="binary" makes them 0 and 1.'
            )
            return
        if len(values) > 1:
            return
