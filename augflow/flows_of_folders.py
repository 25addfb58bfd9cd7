"""``flow_from_directory``, as a method of generators."""

from __future__ import annotations

from typing import Any

from augflow.base.checks import arguments_of
from augflow.base.words import (
    ClassOrder,
    ColorMode,
    Decode,
    FolderClassMode,
    Interpolation,
    KeepAspectRatio,
    OnError,
    Sampler,
    Subset,
)
from augflow.companions.annotations import Boxes, Keypoints
from augflow.images.directory import DirectoryIterator
from augflow.images.transformer import ImageTransformer
from augflow.images.unlikely import warn_before_flow


class FlowsOfFolders(ImageTransformer):
    """The part of ``ImageDataGenerator`` that makes flows of folders."""

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: list[str] | None = None,
        class_mode: FolderClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: Subset | None = None,
        interpolation: Interpolation = "nearest",
        keep_aspect_ratio: KeepAspectRatio = False,
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
    ) -> DirectoryIterator:
        """Batches of the images in class folders.

        Args:
            directory: a folder, or one inside of a zip or tar file ("train.zip",
                "train.tar/within"); it holds one folder of images per class; with
                ``class_mode=None`` or "mask" it may hold the images themselves.
            target_size: (height, width) that all images are resized to. Defaults to (256, 256).
            color_mode: "rgb" (default), "rgba" or "grayscale"; "unchanged" keeps the dtype and the
                channels of the files, which have to be the same for all.
            classes: names of the class folders, in the order of their numbers; None (default):
                all, sorted.
            class_mode: "categorical" (default; one-hot), "binary", "sparse" (class numbers),
                "input" (the images themselves), "mask" (see ``mask_directory``) or None (no
                targets).
            batch_size: samples a batch; the last of an epoch may be shorter. Defaults to 32.
            shuffle: whether each epoch has an order of its own. Defaults to True.
            seed: int in [0, 2**32), of order and augmentation; None (default): one is drawn from
                NumPy's global generator at the first batch.
            save_to_dir: a folder to save each batch's images to, for looking at them; it has to be
                there for the first batch. None (default) for none.
            save_prefix: of their names. Defaults to "".
            save_format: their ending. Defaults to "png".
            follow_links: whether links to folders below the class folders are followed. Defaults
                to False.
            subset: "training" or "validation": the part by the generator's ``validation_split``;
                None (default) for all.
            interpolation: how images are resized: "nearest" (default), "bilinear", "bicubic",
                "hamming", "box" or "lanczos".
            keep_aspect_ratio: False (default): images are distorted to ``target_size``; True or
                "crop": the centre is cropped to its aspect ratio first; "pad": the whole image
                lies in the middle, and the rest is 0 (black).
            augment: whether the random transforms are applied (default); False leaves them out and
                everything else as it is, for validation.
            sampler: None (default): each sample once; "balanced": all classes equally often; a dict
                {class: weight}, or a weight a sample: as often as these say; see docs/balance.md.
            class_order: "text" (default; Keras's order of class names) or "natural" ("2" before
                "10"). Without effect if ``classes`` gives the order.
            decode: "exact" (default; Keras's pixels) or "fast": JPEGs much larger than
                ``target_size`` are decoded at 1/2, 1/4 or 1/8 of their size and then resized; for
                photographs of several megapixels three times as fast, at 50 dB from the exact
                pixels or better, but for "nearest".
            on_error: "raise" (default): a broken file stops the run with its name. "skip": it is
                left out of its batch, which is shorter, named in ``bad_files``, and reported at
                the end of the epoch.
            formats: further endings, e.g. [".npy"], or a dict of endings to functions ``f(path)``
                that return an array, or to None: {".dcm": load_dicom, ".npy": None}. The functions
                run in the workers. "" stands for every file. Defaults to None.
            exif: whether photographs are turned upright as their EXIF data say. Defaults to False.
            cache: where decoded and resized images are kept, so that every later epoch only
                augments them: "ram" (one copy in shared memory for all flows of this process over
                the same files and settings), a directory (which later runs and other processes
                find again), or None (default). Batches are the same, byte for byte.
            storage_options: fsspec's options for addresses such as "s3://bucket/train", e.g.
                {"anon": True}, see docs/stores.md. Defaults to None.
            mask_directory: a folder with a mask for each image, of the same relative path but for
                the ending; a list of folders for several masks an image. Asks for
                ``class_mode="mask"``: targets of shape (batch, height, width, masks), moved as the
                images are, by picking pixels.
            mask_loader: None (default) for image files whose values are numbers of classes;
                "binary" for black and white ones (0 and 255), which become 0 and 1; or a function
                from the path of a mask to an integer array of shape (height, width) or (height,
                width, masks). It runs in the workers.
            mask_fill: class number of what moves in from outside of the image; None (default): as
                the generator's ``fill_mode`` says, and 0 for "constant".
            mask_dtype: of the masks. Defaults to "uint8".
            boxes: an ``augflow.Boxes``: boxes that move with the images. Targets become a dict
                with "boxes", "valid" and maybe "labels", beside "target" or "masks".
            keypoints: an ``augflow.Keypoints``: likewise "keypoints" and "visible".
            with_transform_matrix: likewise "transform_matrix", float64 of shape (batch, 3, 3):
                from points (x, y, 1) of the delivered image to those of the file. Defaults to
                False.
            drop_remainder: leave out a last batch that would be shorter: the last samples of the
                epoch's order, so with ``shuffle`` others in each epoch. Defaults to False.
            shard: (index, count): which part of each batch is this flow's, for one of several
                processes that train one model, see docs/shards.md; "auto": as the environment says.
                ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
            verbose: whether "Found ... images" and what a cache holds are printed (default); False
                logs these lines, at level INFO of the logger "augflow".

        Returns:
            A flow without end, for ``fit`` and ``next()``. A batch is (images, targets), or images
            alone without targets: images an array of shape (batch, height, width, channels), or
            with channels second for "channels_first", of the generator's ``dtype``.

        Raises:
            FileNotFoundError, NotADirectoryError: ``directory`` is no directory.
            TypeError, ValueError: there are no images, or an argument that cannot be used.
        """
        given = arguments_of(locals())
        warn_before_flow(self, subset, augment, of_files=True)
        return DirectoryIterator(image_data_generator=self, **given, **self._of_batches())

    # What Python calls it where an argument is wrong.
    flow_from_directory.__qualname__ = "ImageDataGenerator.flow_from_directory"
