"""Batches from the class folders of a directory: ``flow_from_directory``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from augflow import defaults
from augflow.annotations import Boxes, Keypoints
from augflow.class_iterator import checked_sampler
from augflow.class_order import checked_class_order, sort_classes
from augflow.companion_iterator import CompanionArguments
from augflow.file_iterator import (
    FileIterator,
    check_class_mode,
    checked_decode,
    checked_on_error,
)
from augflow.flow_cache import check_outside, checked_cache
from augflow.generator_settings import checked_switch
from augflow.list_images import (
    check_directory,
    checked_classes,
    describe_empty,
    find_classes,
    list_flat,
    scan_classes,
)
from augflow.sample_count import SampleCount
from augflow.warn_user import warn_user


class DirectoryIterator(FileIterator):
    """Yields batches of the images in the class folders of a directory.

    Args:
        directory: holds one folder of images per class; with ``class_mode=None`` or "mask" it
            may hold the images themselves.
        image_data_generator: an ``ImageDataGenerator``, an object with its methods, or None.
        target_size: (height, width) that all images are resized to. Defaults to (256, 256).
        color_mode: "rgb" (default), "rgba" or "grayscale"; "unchanged" keeps the dtype and the
            channels of the files, which have to be the same for all.
        classes: names of the class folders, in the order of their numbers; None: all, sorted.
        class_mode: "categorical" (default; one-hot), "binary", "sparse" (class numbers),
            "input" (the images themselves), "mask" (see ``mask_directory``) or None (no
            targets).
        batch_size: samples a batch. Defaults to 32.
        shuffle: whether each epoch has an order of its own. Defaults to True.
        seed: see ``Iterator``.
        data_format: "channels_last", "channels_first", or None for Keras's default.
        save_to_dir, save_prefix, save_format: see ``NumpyArrayIterator``.
        follow_links: whether links to folders below the class folders are followed.
        subset: "training" or "validation", parts by the generator's ``validation_split``.
        interpolation: "nearest" (default), "bilinear", "bicubic", "hamming", "box", "lanczos".
        keep_aspect_ratio: False (default): images are distorted to ``target_size``; True or
            "crop": the centre is cropped to its aspect ratio first; "pad": the whole image lies
            in the middle, and the rest is 0 (black).
        dtype: of the batches; None for Keras's default float type.
        augment: whether the random transforms are applied. Defaults to True.
        sampler: None (default): an epoch has each sample once; "balanced": as many samples, of
            all classes equally many, see docs/balance.md.
        class_order: "text" (default; Keras's order of class names) or "natural" ("2" before
            "10"). Without effect if ``classes`` gives the order.
        decode: "exact" (default; Keras's pixels) or "fast": JPEGs much larger than
            ``target_size`` are decoded at 1/2, 1/4 or 1/8 of their size and then resized; for
            photographs of several megapixels three times as fast, at 50 dB from the exact
            pixels or better, but for "nearest".
        on_error: "raise" (default): a broken file stops the run with its name. "skip": it is
            left out of its batch, which is shorter; see ``bad_files``.
        formats: further endings, e.g. [".npy"], or a dict of endings to functions ``f(path)``
            that return an array, or to None: {".dcm": load_dicom, ".npy": None}. The functions
            run in the workers. "" stands for every file. Defaults to None.
        exif: whether photographs are turned upright as their EXIF data say. Defaults to False.
        cache: where decoded and resized images are kept, so that every later epoch only
            augments them: "ram" (one copy in shared memory for all flows of this process over
            the same files and settings), a directory (which later runs and other processes
            find again), or None (default). Batches are the same, byte for byte.
        mask_directory: a folder with a mask for each image, of the same relative path but for
            the ending; a list of folders for several masks an image. Asks for
            ``class_mode="mask"``: targets of shape (batch, height, width, masks), moved as the
            images are, by picking pixels.
        mask_loader: a function from the path of a mask to an integer array of shape (height,
            width) or (height, width, masks), None for image files. Runs in the workers.
        mask_fill: class number of what moves in from outside of the image; None (default): as
            the generator's ``fill_mode`` says, and 0 for "constant".
        mask_dtype: of the masks. Defaults to "uint8".
        boxes: an ``augflow.Boxes``: boxes that move with the images. Targets become a dict with
            "boxes", "valid" and maybe "labels", beside "target" or "masks".
        keypoints: an ``augflow.Keypoints``: likewise "keypoints" and "visible".
        with_transform_matrix: likewise "transform_matrix", float64 of shape (batch, 3, 3): from
            points (x, y, 1) of the delivered image to those of the file. Defaults to False.

    Raises:
        FileNotFoundError, NotADirectoryError: ``directory`` is no directory.
        ValueError: there are no images, or an argument that cannot be used.
    """

    allowed_class_modes = frozenset({"categorical", "binary", "sparse", "input", "mask", None})

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool | str = False,
        dtype: Any = None,
        *,
        augment: bool | None = None,
        sampler: str | None = None,
        class_order: str = "text",
        decode: str = "exact",
        on_error: str = "raise",
        formats: Any = None,
        exif: bool = False,
        cache: Any = None,
        mask_directory: Any = None,
        mask_loader: Any = None,
        mask_fill: int | None = None,
        mask_dtype: Any = "uint8",
        boxes: Boxes | None = None,
        keypoints: Keypoints | None = None,
        with_transform_matrix: bool = False,
    ) -> None:
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
        companions = CompanionArguments(
            mask_directory,
            mask_loader,
            mask_fill,
            mask_dtype,
            boxes,
            keypoints,
            with_transform_matrix,
        )
        class_mode = companions.class_mode(class_mode)
        check_class_mode(class_mode, self.allowed_class_modes)
        self.cache = checked_cache(cache)
        check_outside(self.cache, directory)
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = defaults.floatx() if dtype is None else dtype
        self.augment = True if augment is None else augment
        self.decode = checked_decode(decode)
        self.on_error = checked_on_error(on_error)
        self._set_formats(formats)
        self.exif = checked_switch("exif", exif)
        self.sampler = checked_sampler(sampler, class_mode, shuffle)
        self.class_order = checked_class_order(class_order)
        self._scan(classes, follow_links)
        self._take_companions(companions, None)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)
        self._epoch_order()  # a sampler that does not fit the classes fails here and now
        self._get_ready()

    def _scan(self, classes: list[str] | None, follow_links: bool) -> None:
        check_directory(self.directory)
        # An array of classes has no truth value; an empty list means all, as in Keras.
        if classes is not None and len(classes):
            found = checked_classes(classes)
        else:
            found = sort_classes(find_classes(self.directory), self.class_order)
        formats, unchanged = self.white_list_formats, self._is_unchanged
        if not found and self.class_mode in (None, "mask"):
            self.filenames = list_flat(
                self.directory, formats, split=self.split, keeps_bands=unchanged
            )
            self.classes = np.zeros(len(self.filenames), dtype=np.int32)
        else:
            scan = scan_classes(
                self.directory, found, formats, self.split, follow_links, keeps_bands=unchanged
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
        if self.split is None:
            raise ValueError(describe_empty(self.directory, classes, self.white_list_formats))
        warn_user(
            f"subset {self.subset!r} of {os.fspath(self.directory)!r} holds no images: the "
            f"fraction {self.split} of each class rounds to none",
        )
