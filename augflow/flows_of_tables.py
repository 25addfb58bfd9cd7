"""``flow_from_dataframe``, as a method of generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from augflow.base.checks import arguments_of
from augflow.base.words import (
    ClassOrder,
    ColorMode,
    Decode,
    Interpolation,
    KeepAspectRatio,
    OnError,
    Sampler,
    Subset,
    TableClassMode,
)
from augflow.companions.annotations import Boxes, Keypoints
from augflow.images.arguments import without_deprecated
from augflow.images.dataframe import DataFrameIterator
from augflow.images.transformer import ImageTransformer
from augflow.images.unlikely import warn_before_flow

if TYPE_CHECKING:
    import pandas


class FlowsOfTables(ImageTransformer):
    """The part of ``ImageDataGenerator`` that makes flows of tables."""

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
        **deprecated: Any,
    ) -> DataFrameIterator:
        """Batches of the images that a table names.

        Args:
            dataframe: a pandas.DataFrame with one row a sample; not changed.
            directory: what relative file names start at, maybe an archive, see docs/stores.md; None
                (default) for the working directory.
            x_col: column of file names; or of images themselves, each as the bytes of its file, or
                as a dict {"bytes": ..., "path": ...}, one of which may be None, see
                docs/stores.md. Defaults to "filename".
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
            storage_options: fsspec's options for addresses such as "s3://bucket/train", e.g.
                {"anon": True}, see docs/stores.md. Defaults to None.
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
            drop_remainder: leave out a last batch that would be shorter: the last samples of the
                epoch's order, so with ``shuffle`` others in each epoch. Defaults to False.
            shard: (index, count): which part of each batch is this flow's, for one of several
                processes that train one model, see docs/shards.md; "auto": as the environment says.
                ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.
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
        given["class_mode"] = without_deprecated(given.pop("deprecated"), class_mode, FlowsOfTables)
        warn_before_flow(self, subset, augment, of_files=True)
        return DataFrameIterator(image_data_generator=self, **given, **self._of_batches())

    # What Python calls it where an argument is wrong.
    flow_from_dataframe.__qualname__ = "ImageDataGenerator.flow_from_dataframe"
