"""Batches from the class folders of a directory: ``flow_from_directory``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from augflow.base import defaults
from augflow.base.telling import tell
from augflow.base.warn_user import warn_user
from augflow.base.words import (
    ClassOrder,
    ColorMode,
    DataFormat,
    Decode,
    FolderClassMode,
    Interpolation,
    KeepAspectRatio,
    OnError,
    Sampler,
    Subset,
)
from augflow.cache.flow_slots import check_outside
from augflow.companions.annotations import Boxes, Keypoints
from augflow.flow.keras_base import faces_keras
from augflow.images.arguments import FileArguments, check_class_mode
from augflow.images.files import FileIterator
from augflow.images.outputs import arrangement_of
from augflow.order.sample_count import SampleCount
from augflow.scan.class_order import sort_classes
from augflow.scan.folders import (
    check_directory,
    checked_classes,
    describe_empty,
    find_classes,
    list_flat,
    scan_classes,
)


@faces_keras("DirectoryIterator")
class DirectoryIterator(FileIterator):
    """Yields batches of the images in the class folders of a directory.

    ``next(flow)`` gives (images, targets), or images alone with ``class_mode=None``.
    ``ImageDataGenerator.flow_from_directory`` makes it, and explains the arguments. Besides:

    Args:
        image_data_generator: an ``ImageDataGenerator``, an object with its methods, or None.
        data_format: "channels_last", "channels_first", or None for Keras's default.
        dtype: of the batches; None for Keras's default float type.

    Attributes:
        filenames: of the samples, relative to ``directory``.
        classes: int32 array of shape (samples,), the class number of each.
        class_indices: {name of a class: its number}.
        n, samples, num_classes: how many there are.
        image_shape: of one image, in ``data_format``.
        Those of the arguments that are not used up by then, too: a new value takes effect with
            the next batch.
    """

    allowed_class_modes = frozenset({"categorical", "binary", "sparse", "input", "mask", None})

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: list[str] | None = None,
        class_mode: FolderClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: DataFormat | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: Subset | None = None,
        interpolation: Interpolation = "nearest",
        keep_aspect_ratio: KeepAspectRatio = False,
        dtype: Any = None,
        *,
        augment: bool | None = None,
        sampler: Sampler | None = None,
        class_order: ClassOrder = "text",
        decode: Decode = "exact",
        on_error: OnError = "raise",
        formats: Any = None,
        exif: bool = False,
        cache: Any = None,
        storage_options: Any = None,
        mask_directory: Any = None,
        mask_loader: Any = None,
        mask_fill: int | None = None,
        mask_dtype: Any = "uint8",
        boxes: Boxes | None = None,
        keypoints: Keypoints | None = None,
        with_transform_matrix: bool = False,
        drop_remainder: bool = False,
        shard: Any = None,
        verbose: bool = True,
    ) -> None:
        call = locals()
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            defaults.data_format() if data_format is None else data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        arguments = FileArguments.among(call)
        class_mode = arguments.companions.class_mode(class_mode)
        check_class_mode(class_mode, self.allowed_class_modes)
        arguments.checked(class_mode, shuffle).set_on(self)
        check_outside(self.cache, directory)
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = defaults.floatx() if dtype is None else dtype
        self._scan(classes, follow_links)
        self._arrangement = arrangement_of(self, arguments)
        found = f"Found {self.samples} images belonging to {self.num_classes} classes."
        tell(found, self.verbose)
        super().__init__(self.samples, batch_size, shuffle, seed)
        self._get_ready()

    def _scan(self, classes: list[str] | None, follow_links: bool) -> None:
        directory = self._paths.place(os.fspath(self.directory))
        check_directory(directory)
        # An array of classes has no truth value; an empty list means all, as in Keras.
        if classes is not None and len(classes):
            found = checked_classes(classes)
        else:
            found = sort_classes(find_classes(directory), self.class_order)
        formats, unchanged = self.white_list_formats, self.color_mode == "unchanged"
        if not found and self.class_mode in (None, "mask"):
            self.filenames = list_flat(directory, formats, split=self.split, keeps_bands=unchanged)
            self.classes = np.zeros(len(self.filenames), dtype=np.int32)
        else:
            scan = scan_classes(
                directory, found, formats, self.split, follow_links, keeps_bands=unchanged
            )
            self.filenames, self.classes = scan.filenames, scan.class_numbers
        self.samples = SampleCount(len(self.filenames))
        self.num_classes = len(found)
        self.class_indices = {name: number for number, name in enumerate(found)}
        if not self.samples:
            self._explain_no_images(found)
        if self.class_mode == "binary":
            self._check_two_classes(found)

    def _check_two_classes(self, classes: list[str]) -> None:
        if len(classes) < 2:
            raise ValueError(
                f'class_mode="binary" needs two class folders, {len(classes)} were found in '
                f"{os.fspath(self.directory)!r}: {classes}. Use class_mode=None for images "
                "without targets."
            )
        if len(classes) > 2:
            warn_user(
                f'class_mode="binary" is for two classes; {len(classes)} were found: '
                f"{classes[:5]}. Every target is the number of the class, as with "
                '"sparse".',
            )

    def _explain_no_images(self, classes: list[str]) -> None:
        directory = self._paths.place(self._root())
        if self.split is None:
            raise ValueError(describe_empty(directory, classes, self.white_list_formats))
        warn_user(
            f"subset {self.subset!r} of {os.fspath(self.directory)!r} holds no images: the "
            f"fraction {self.split} of each class rounds to none",
        )
