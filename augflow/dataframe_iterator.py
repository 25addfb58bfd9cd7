"""Batches from the files named in a table: ``flow_from_dataframe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augflow import scan_table
from augflow.annotations import Boxes, Keypoints
from augflow.class_iterator import checked_sampler
from augflow.class_order import checked_class_order
from augflow.companion_iterator import CompanionArguments
from augflow.file_iterator import (
    WITHOUT_CLASSES,
    FileIterator,
    check_class_mode,
    checked_decode,
    checked_on_error,
)
from augflow.flow_cache import checked_cache
from augflow.generator_settings import checked_switch
from augflow.sample_count import SampleCount
from augflow.scan_labels import class_numbers, keep_classes
from augflow.table_inputs import TableInputs, check_extra_cols, read_extra_cols

if TYPE_CHECKING:
    import pandas


class DataFrameIterator(FileIterator):
    """Yields batches of the images named in a dataframe's column.

    Args:
        dataframe: one row a sample; not changed.
        directory: what relative file names start at; None for the working directory.
        image_data_generator: see ``DirectoryIterator``.
        x_col: column of file names. Defaults to "filename".
        y_col: column or list of columns of the targets. Defaults to "class".
        weight_col: column of sample weights, or None.
        class_mode: "categorical" (default; labels may be lists), "binary", "sparse", "input",
            "raw" (the values of ``y_col``), "multi_output" (a tuple, one array per column of
            ``y_col``), "mask" (the masks that ``y_col`` names: for each row a path or a list
            of paths, one column or a list of columns) or None. Classes may be strings, booleans
            or numbers; rows without a label are left out, with a warning.
        classes: the classes to use, in the order of their numbers; None: all, sorted. Rows
            of other classes are left out, with a warning.
        validate_filenames: leave out rows whose file is missing or of an unknown format, with
            a warning. Defaults to True.
        data_format: Defaults to "channels_last".
        dtype: Defaults to "float32".
        extra_cols: columns that are inputs beside the image. A list: the inputs of a batch are
            (images, table), table a float32 array of shape (batch, columns). A dict {name of
            an input: column, or list of columns}: the inputs are a dict, see
            docs/image-and-table.md.
        preprocess: {column: function} for columns of ``extra_cols`` that are no numbers: gets
            the column as an array, returns an array of numbers with a row for each value. It
            runs once, here, on the rows of all subsets.
        image_key: the image's name in a dict of inputs. Defaults to "image".
        mask_directory: what relative paths of masks start at; None for ``directory``.
        mask_loader: for ``class_mode="mask"`` a function from the value of ``y_col`` to an
            integer array of shape (height, width) or (height, width, masks), e.g. with
            ``augflow.decode_run_length``; None for files. Runs in the workers.

    The other arguments are those of ``DirectoryIterator``.

    Attributes:
        dataframe_index: the labels, in the dataframe's index, of the rows that remain, in the
            order of ``filenames``: ``dataframe.loc[flow.dataframe_index]``.

    Raises:
        KeyError: a column that is not there.
        TypeError, ValueError: values that do not fit the class mode, or cannot be an input.
    """

    allowed_class_modes = frozenset(scan_table.CLASS_MODES)
    # A subclass may leave out the initialisation of its base.
    _table_inputs: TableInputs | None = None

    def __init__(
        self,
        dataframe: pandas.DataFrame,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: Any = "filename",
        y_col: Any = "class",
        weight_col: Any = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[Any] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str = "channels_last",
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool | str = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
        *,
        augment: bool | None = None,
        extra_cols: Any = None,
        preprocess: Any = None,
        image_key: str | None = None,
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
            data_format,
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
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = dtype
        self.augment = True if augment is None else augment
        self.decode = checked_decode(decode)
        self.on_error = checked_on_error(on_error)
        self._set_formats(formats)
        self.exif = checked_switch("exif", exif)
        self.sampler = checked_sampler(sampler, class_mode, shuffle)
        self.class_order = checked_class_order(class_order)
        scan_table.check_columns(dataframe, x_col, y_col, weight_col, classes, class_mode)
        check_extra_cols(dataframe, extra_cols, preprocess, image_key)
        if validate_filenames:
            dataframe = scan_table.keep_valid_files(
                dataframe, self.directory, x_col, self.white_list_formats
            )
        if class_mode not in WITHOUT_CLASSES:
            dataframe, names = keep_classes(dataframe, y_col, classes, self.class_order)
            self.class_indices = {name: number for number, name in enumerate(names)}
            self.num_classes = len(names)
        dataframe = scan_table.with_targets(dataframe, y_col, weight_col, class_mode)
        if extra_cols is not None:
            # Before a subset is taken: a function sees the same rows for both of them.
            self._table_inputs = read_extra_cols(dataframe, extra_cols, preprocess, image_key)
        dataframe = self._take_rows(dataframe, x_col, y_col, weight_col)
        self._take_companions(companions, dataframe, y_col)
        kind = "validated" if validate_filenames else "non-validated"
        belonging = (
            "" if class_mode in WITHOUT_CLASSES else f" belonging to {self.num_classes} classes"
        )
        print(f"Found {self.samples} {kind} image filenames{belonging}.")
        super().__init__(self.samples, batch_size, shuffle, seed)
        self._epoch_order()  # a sampler that does not fit the classes fails here and now
        self._get_ready()

    def _take_rows(
        self, dataframe: pandas.DataFrame, x_col: Any, y_col: Any, weight_col: Any
    ) -> pandas.DataFrame:
        """Take over the rows of the subset: files, targets, weights, inputs; gives those rows."""
        if self.split is not None:
            part = scan_table.split_slice(len(dataframe), self.split)
            dataframe = dataframe.iloc[part]
            if self._table_inputs is not None:
                self._table_inputs = self._table_inputs.part(part)
        self.dataframe_index = dataframe.index
        if self.class_mode not in WITHOUT_CLASSES:
            self.classes = class_numbers(dataframe, y_col, self.class_indices)
        self.filenames = dataframe[x_col].tolist()
        self.samples = SampleCount(len(self.filenames))
        self._sample_weight = None if weight_col is None else dataframe[weight_col].to_numpy()
        if self.class_mode == "multi_output":
            self._targets: Any = [np.array(dataframe[column].tolist()) for column in y_col]
        elif self.class_mode == "raw":
            self._targets = dataframe[y_col].to_numpy()
        return dataframe

    @property
    def labels(self) -> Any:
        """Class number of every sample; for "raw" and "multi_output" the targets."""
        return self._targets if self.class_mode in ("raw", "multi_output") else self.classes

    @property
    def sample_weight(self) -> Any:
        """Weight of every sample, or None."""
        return self._sample_weight

    def _inputs(self, images: np.ndarray, indices: np.ndarray) -> Any:
        inputs = self._table_inputs
        return images if inputs is None else inputs.beside(images, indices)
