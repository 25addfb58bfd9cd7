"""Batches from the files named in a table: ``flow_from_dataframe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.telling import tell
from augflow.base.warn_user import warn_user
from augflow.base.words import (
    ClassOrder,
    ColorMode,
    DataFormat,
    Decode,
    Interpolation,
    KeepAspectRatio,
    OnError,
    Sampler,
    Subset,
    TableClassMode,
)
from augflow.companions.annotations import Boxes, Keypoints
from augflow.companions.level_masks import with_level_masks
from augflow.flow.keras_base import faces_keras
from augflow.images.arguments import FileArguments, check_class_mode
from augflow.images.balance import CLASS_MODES_WITH_ONE_LABEL
from augflow.images.files import FileIterator
from augflow.images.outputs import WITHOUT_CLASSES, arrangement_of
from augflow.order.fingerprint import digest
from augflow.order.sample_count import SampleCount
from augflow.order.subset import warn_of_sorted_split
from augflow.scan.dataframe import (
    CLASS_MODES,
    as_columns,
    check_columns,
    check_rows,
    keep_valid_files,
    split_slice,
    with_images,
    with_targets,
)
from augflow.scan.labels import class_numbers, keep_classes
from augflow.scan.table_inputs import TableInputs, check_extra_cols, read_extra_cols
from augflow.store.image_bytes import ImageBytes, name_of

if TYPE_CHECKING:
    import pandas


@faces_keras("DataFrameIterator")
class DataFrameIterator(FileIterator):
    """Yields batches of the images that a dataframe's column names, or holds.

    ``next(flow)`` gives (images, targets), images alone with ``class_mode=None``, or (images,
    targets, weights) with ``weight_col``. ``ImageDataGenerator.flow_from_dataframe`` makes it, and
    explains the arguments. Besides:

    Args:
        image_data_generator: see ``DirectoryIterator``.
        data_format: Defaults to "channels_last".
        dtype: Defaults to "float32".

    Attributes:
        dataframe_index: the labels, in the dataframe's index, of the rows that remain, in the
            order of ``filenames``: ``dataframe.loc[flow.dataframe_index]``.
        Those of ``DirectoryIterator``, too.
    """

    allowed_class_modes = frozenset(CLASS_MODES)
    # A subclass may leave out the initialisation of its base.
    _table_inputs: TableInputs | None = None
    _target_names: tuple[str, ...] | None = None
    # Paths, and images that lie in the table; None where all are paths.
    _images: list[str | ImageBytes] | None = None

    def __init__(
        self,
        dataframe: pandas.DataFrame,
        directory: Any = None,
        image_data_generator: Any = None,
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
        data_format: DataFormat = "channels_last",
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        interpolation: Interpolation = "nearest",
        keep_aspect_ratio: KeepAspectRatio = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
        *,
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
    ) -> None:
        call = locals()
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
        arguments = FileArguments.among(call)
        class_mode = arguments.companions.class_mode(class_mode)
        check_class_mode(class_mode, self.allowed_class_modes)
        arguments.checked(class_mode, shuffle).set_on(self)
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = dtype
        y_col = as_columns(y_col)
        if weight_col is False or weight_col == "":
            weight_col = None
        check_columns(dataframe, x_col, y_col, weight_col, classes, class_mode)
        check_extra_cols(dataframe, extra_cols, preprocess, image_key)
        given_rows = len(dataframe)
        dataframe = with_images(dataframe, x_col)
        if validate_filenames:
            place, formats = self._paths.place(self._root()), self.white_list_formats
            dataframe = keep_valid_files(dataframe, place, x_col, formats)
        if class_mode not in WITHOUT_CLASSES:
            dataframe, names = keep_classes(dataframe, y_col, classes, self.class_order)
            self.class_indices = {name: number for number, name in enumerate(names)}
            self.num_classes = len(names)
        check_rows(dataframe, given_rows, x_col)
        dataframe = with_targets(dataframe, y_col, weight_col, class_mode)
        if extra_cols is not None:
            # Before a subset is taken: a function sees the same rows for both of them.
            self._table_inputs = read_extra_cols(dataframe, extra_cols, preprocess, image_key)
        levelled = None
        if class_mode == "mask" and arguments.companions.loader is None:
            columns = y_col if isinstance(y_col, list) else [y_col]
            dataframe, levelled = with_level_masks(dataframe, columns)
        dataframe = self._take_rows(dataframe, x_col, y_col, weight_col)
        if not self.samples:
            warn_user(
                f"subset {self.subset!r} holds no images: the fraction {self.split} of "
                f"{given_rows} row(s) rounds to none"
            )
        self._arrangement = arrangement_of(self, arguments, dataframe, y_col)
        kind = "validated" if validate_filenames else "non-validated"
        belonging = (
            "" if class_mode in WITHOUT_CLASSES else f" belonging to {self.num_classes} classes"
        )
        tell(f"Found {self.samples} {kind} image filenames{belonging}.", self.verbose)
        if levelled is not None:
            tell(levelled, self.verbose)
        super().__init__(self.samples, batch_size, shuffle, seed)
        self._get_ready()

    def _take_rows(
        self, dataframe: pandas.DataFrame, x_col: Any, y_col: Any, weight_col: Any
    ) -> pandas.DataFrame:
        """Take over the rows of the subset: files, targets, weights, inputs; gives those rows."""
        if self.split is not None:
            part = split_slice(len(dataframe), self.split)
            if self.class_mode in CLASS_MODES_WITH_ONE_LABEL:
                self._warn_of_sorted_split(dataframe[y_col], part)
            dataframe = dataframe.iloc[part]
            if self._table_inputs is not None:
                self._table_inputs = self._table_inputs.part(part)
        self.dataframe_index = dataframe.index
        if self.class_mode not in WITHOUT_CLASSES:
            self.classes = class_numbers(dataframe, y_col, self.class_indices)
        self._target_names = tuple(map(str, y_col)) if isinstance(y_col, list | tuple) else None
        images = dataframe[x_col].tolist()
        self.filenames = list(map(name_of, images))
        if any(isinstance(image, ImageBytes) for image in images):
            self._images = images
        self.samples = SampleCount(len(self.filenames))
        self._sample_weight = None if weight_col is None else dataframe[weight_col].to_numpy()
        if self.class_mode == "multi_output":
            self._targets: Any = [np.array(dataframe[column].tolist()) for column in y_col]
        elif self.class_mode == "raw":
            self._targets = dataframe[y_col].to_numpy()
        return dataframe

    def _warn_of_sorted_split(self, labels: pandas.Series, part: slice) -> None:
        if labels.map(lambda label: isinstance(label, list | tuple)).any():
            return
        cure = "Shuffle the rows beforehand: dataframe.sample(frac=1, random_state=0)."
        warn_of_sorted_split(labels.astype(str).to_numpy(dtype=object), part, cure)

    @property
    def labels(self) -> Any:
        """Class number of every sample; for "raw" and "multi_output" the targets."""
        return self._targets if self.class_mode in ("raw", "multi_output") else self.classes

    @property
    def sample_weight(self) -> Any:
        """Weight of every sample, or None."""
        return self._sample_weight

    def _names(self, indices: np.ndarray) -> list[Any]:
        names = super()._names(indices)
        if self._images is None:
            return names
        images = [self._images[index] for index in indices.tolist()]
        return [
            name if isinstance(image, str) else image
            for name, image in zip(names, images, strict=True)
        ]

    def _fingerprint(self) -> dict[str, str]:
        found = super()._fingerprint()
        if self._images is not None:
            sizes = [0 if isinstance(each, str) else len(each.data) for each in self._images]
            found["the sizes of the images in the table"] = digest(sizes)
        return found

    def _inputs(self, images: np.ndarray, indices: np.ndarray) -> Any:
        inputs = self._table_inputs
        return images if inputs is None else inputs.beside(images, indices)
