"""``ImageDataGenerator``: where flows begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    TableClassMode,
)
from augflow.companions.annotations import Boxes, Keypoints
from augflow.images.arguments import without_deprecated
from augflow.images.array import NumpyArrayIterator
from augflow.images.dataframe import DataFrameIterator
from augflow.images.directory import DirectoryIterator
from augflow.images.transformer import ImageTransformer
from augflow.images.unlikely import warn_before_flow

if TYPE_CHECKING:
    import pandas


class ImageDataGenerator(ImageTransformer):
    """Augments and standardizes images on the fly, in worker processes.

    A drop-in for Keras's class of this name: the same arguments, and for the same seed the
    same batches. Attributes can be changed at any time; flows take them up with the next
    batch (changes inside an array or list are not noticed: assign a new one).

    Args:
        featurewise_center: subtract the mean over the data that ``fit`` has seen.
        samplewise_center: subtract each image's own mean.
        featurewise_std_normalization: divide by the standard deviation over that data.
        samplewise_std_normalization: divide by each image's own standard deviation.
        zca_whitening: whiten with the matrix from ``fit``.
        zca_epsilon: added to the singular values of ZCA. Defaults to 1e-6.
        rotation_range: degrees; angles are drawn from [-range, range].
        width_shift_range: float below 1: fraction of the width; otherwise pixels. An int n
            draws one of 0 to n-1, a list one of its values, each with a random sign.
        height_shift_range: likewise, of the height.
        brightness_range: (lowest, highest) factor, None for no change.
        shear_range: degrees; angles are drawn from [-range, range].
        zoom_range: float z for factors in [1-z, 1+z], or (lowest, highest).
        channel_shift_range: grey levels; shifts are drawn from [-range, range].
        fill_mode: what lies outside of the image: "nearest" (default), "constant" (``cval``),
            "reflect" or "wrap".
        cval: value outside for "constant". Defaults to 0.
        horizontal_flip: flip half of the images left to right.
        vertical_flip: flip half of the images upside down.
        rescale: factor on all values, after ``preprocessing_function``; None or 0 for none.
        preprocessing_function: takes one image (float array of rank 3), returns one of the
            same shape; runs after the random transforms, in the workers.
        data_format: "channels_last", "channels_first", or None for Keras's default.
        validation_split: fraction of the data for ``subset="validation"``.
        interpolation_order: of the spline, 0 to 5. Defaults to 1 (bilinear).
        dtype: of the batches; None for Keras's default float type.
        workers: worker processes; None (default): the CPUs this process may use, by affinity
            and container quota; 0: everything in this process.
        augmentation: a pipeline of albumentations, or a function ``f(image, rng)`` from a uint8
            image and a NumPy generator to an image of the same shape. It runs in the workers
            after the random transforms and before ``preprocessing_function``; each sample has
            generators of its own. Images are rounded and clipped to 8-bit levels for it.
        timeout: seconds that one image may take in a worker, None (default) for any: reading it
            and all functions of yours. One that takes longer is a ``SampleTimeoutError`` that
            names it, or is left out with ``on_error="skip"``; its worker is replaced. Needs
            workers: nothing can end a function in the calling process.

    Raises:
        TypeError, ValueError: an argument of the wrong type or out of its range.
    """

    _warned_of_augmented_validation = False
    _has_subsets = False

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: Subset | None = None,
        *,
        augment: bool | None = None,
    ) -> NumpyArrayIterator:
        """Batches of an array of images.

        Args:
            x: images, array of shape (samples, height, width, channels), or with channels second
                for "channels_first"; or a pair (images, other array or list of other arrays).
            y: targets, one a sample, or None (default).
            batch_size: samples a batch; the last of an epoch may be shorter. Defaults to 32.
            shuffle: whether each epoch has an order of its own. Defaults to True.
            sample_weight: one weight a sample, or None (default).
            seed: int in [0, 2**32), of order and augmentation; None (default): one is drawn from
                NumPy's global generator at the first batch.
            save_to_dir: a folder to save each batch's images to, for looking at them; it has to be
                there for the first batch. None (default) for none.
            save_prefix: of their names. Defaults to "".
            save_format: their ending. Defaults to "png".
            ignore_class_split: do not require the same classes in both subsets. Defaults to False.
            subset: "training" or "validation": the part by the generator's ``validation_split``;
                None (default) for all.
            augment: whether the random transforms are applied (default); False leaves them out and
                everything else as it is, for validation.

        Returns:
            A flow without end, for ``fit`` and ``next()``. A batch is an array of images, (images,
            targets) with ``y``, or (images, targets, weights) with ``sample_weight``; the images
            are of the generator's ``dtype`` and ``data_format``. Other arrays of ``x`` stand
            beside the images.

        Raises:
            ValueError: lengths, rank, subset or data format do not fit.
        """
        given = arguments_of(locals())
        warn_before_flow(self, subset, augment, of_files=False)
        return NumpyArrayIterator(image_data_generator=self, **given, **self._of_batches())

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
        mask_directory: Any = None,
        mask_loader: Any = None,
        mask_fill: int | None = None,
        mask_dtype: Any = "uint8",
        boxes: Boxes | None = None,
        keypoints: Keypoints | None = None,
        with_transform_matrix: bool = False,
        verbose: bool = True,
    ) -> DirectoryIterator:
        """Batches of the images in class folders.

        Args:
            directory: holds one folder of images per class; with ``class_mode=None`` or "mask" it
                may hold the images themselves.
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

    def flow_from_dataframe(
        self,
        dataframe: pandas.DataFrame,
        directory: Any = None,
        x_col: Any = "filename",
        y_col: Any = "class",
        weight_col: Any = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: list[Any] | None = None,
        class_mode: TableClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        interpolation: Interpolation = "nearest",
        validate_filenames: bool = True,
        *,
        keep_aspect_ratio: KeepAspectRatio = False,
        augment: bool | None = None,
        extra_cols: Any = None,
        preprocess: Any = None,
        image_key: str | None = None,
        sampler: Sampler | None = None,
        class_order: ClassOrder = "text",
        decode: Decode = "exact",
        on_error: OnError = "raise",
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
        verbose: bool = True,
        **deprecated: Any,
    ) -> DataFrameIterator:
        """Batches of the images that a table names.

        Args:
            dataframe: a pandas.DataFrame with one row a sample; not changed.
            directory: what relative file names start at; None (default) for the working directory.
            x_col: column of file names. Defaults to "filename".
            y_col: column or list of columns of the targets. Defaults to "class".
            weight_col: column of sample weights, or None (default).
            target_size: (height, width) that all images are resized to. Defaults to (256, 256).
            color_mode: "rgb" (default), "rgba" or "grayscale"; "unchanged" keeps the dtype and the
                channels of the files, which have to be the same for all.
            classes: the classes to use, in the order of their numbers; None (default): all,
                sorted. Rows of other classes are left out, with a warning.
            class_mode: "categorical" (default), "binary", "sparse", "input", "raw" (the values of
                ``y_col``), "multi_output" (a list, one array per column of ``y_col``), "mask"
                (the masks that ``y_col`` names: for each row a path or a list of paths, one column
                or a list of columns) or None. Classes may be strings, booleans or numbers; rows
                without a label are left out, with a warning.
            batch_size: samples a batch; the last of an epoch may be shorter. Defaults to 32.
            shuffle: whether each epoch has an order of its own. Defaults to True.
            seed: int in [0, 2**32), of order and augmentation; None (default): one is drawn from
                NumPy's global generator at the first batch.
            save_to_dir: a folder to save each batch's images to, for looking at them; it has to be
                there for the first batch. None (default) for none.
            save_prefix: of their names. Defaults to "".
            save_format: their ending. Defaults to "png".
            subset: "training" or "validation": the part by the generator's ``validation_split``;
                None (default) for all.
            interpolation: how images are resized: "nearest" (default), "bilinear", "bicubic",
                "hamming", "box" or "lanczos".
            validate_filenames: leave out rows whose file is missing or of an unknown format, with
                a warning. Defaults to True.
            keep_aspect_ratio: False (default): images are distorted to ``target_size``; True or
                "crop": the centre is cropped to its aspect ratio first; "pad": the whole image
                lies in the middle, and the rest is 0 (black).
            augment: whether the random transforms are applied (default); False leaves them out and
                everything else as it is, for validation.
            extra_cols: columns that are inputs beside the image. A list: the inputs of a batch are
                (images, table), table a float32 array of shape (batch, columns). A dict {name of
                an input: column, or list of columns}: the inputs are a dict, see
                docs/image-and-table.md.
            preprocess: {column: function} for columns of ``extra_cols`` that are no numbers: gets
                the column as an array, returns an array of numbers with a row for each value. It
                runs once, here, on the rows of all subsets.
            image_key: the image's name in a dict of inputs; None (default) for "image".
            sampler: None (default): each sample once; "balanced": all classes equally often; a dict
                {class: weight}, or a weight a sample: as often as these say; see docs/balance.md.
            class_order: of string labels: "text" (default; Keras's order) or "natural" ("2" before
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
            mask_directory: what relative paths of masks start at; None (default) for
                ``directory``.
            mask_loader: None (default) for image files whose values are numbers of classes;
                "binary" for black and white ones (0 and 255), which become 0 and 1; or a function
                from the value of ``y_col`` to an integer array of shape (height, width) or (height,
                width, masks), e.g. with ``augflow.decode_run_length``. It runs in the workers.
            mask_fill: class number of what moves in from outside of the image; None (default): as
                the generator's ``fill_mode`` says, and 0 for "constant".
            mask_dtype: of the masks. Defaults to "uint8".
            boxes: an ``augflow.Boxes``: boxes that move with the images. Targets become a dict
                with "boxes", "valid" and maybe "labels", beside "target" or "masks".
            keypoints: an ``augflow.Keypoints``: likewise "keypoints" and "visible".
            with_transform_matrix: likewise "transform_matrix", float64 of shape (batch, 3, 3):
                from points (x, y, 1) of the delivered image to those of the file. Defaults to
                False.
            verbose: whether "Found ... images" and what a cache holds are printed (default); False
                logs these lines, at level INFO of the logger "augflow".
            **deprecated: ``has_ext``, ``sort`` and ``drop_duplicates`` of old Keras are accepted
                with a warning and have no effect.

        Returns:
            A flow without end, for ``fit`` and ``next()``. A batch is (images, targets), images
            alone without targets, or (images, targets, weights) with ``weight_col``: images as
            from ``flow_from_directory``. The flow's ``dataframe_index`` has the labels, in the
            dataframe's index, of the rows that remain, in the order of ``filenames``.

        Raises:
            KeyError: a column that is not there.
            TypeError, ValueError: values that do not fit the class mode, or cannot be an input; an
                argument that cannot be used.
        """
        given = arguments_of(locals())
        given["class_mode"] = without_deprecated(
            given.pop("deprecated"), class_mode, ImageDataGenerator
        )
        warn_before_flow(self, subset, augment, of_files=True)
        return DataFrameIterator(image_data_generator=self, **given, **self._of_batches())

    def _of_batches(self) -> dict[str, Any]:
        """What a flow takes from its generator."""
        return {"data_format": self.data_format, "dtype": self.dtype}
