"""``ImageDataGenerator``: where flows begin."""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING, Any

from augflow.annotations import Boxes, Keypoints
from augflow.array_iterator import NumpyArrayIterator
from augflow.dataframe_iterator import DataFrameIterator
from augflow.directory_iterator import DirectoryIterator
from augflow.image_transformer import ImageTransformer
from augflow.warn_user import warn_user

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
        subset: str | None = None,
        *,
        augment: bool | None = None,
    ) -> NumpyArrayIterator:
        """Batches of an array of images; see ``NumpyArrayIterator`` for the arguments.

        Args:
            augment: whether the random transforms are applied (default); False leaves them
                out and everything else as it is, for validation.
        """
        self._check_before_flow(subset, augment)
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
            augment=augment,
        )

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool | str = False,
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
    ) -> DirectoryIterator:
        """Batches of the images in class folders; see ``DirectoryIterator`` for the arguments.

        Args:
            augment: whether the random transforms are applied (default); False leaves them
                out and everything else as it is, for validation.
            sampler: "balanced" draws all classes equally often; None (default): each sample
                once an epoch.
            class_order: "text" (default) or "natural", with "2" before "10".
            decode: "exact" (default), or "fast" for photographs much larger than
                ``target_size``.
            on_error: "raise" (default), or "skip": broken files are left out of their batches,
                named in ``bad_files``, and reported at the end of the epoch.
            formats: further endings, and functions that read them.
            exif: whether photographs are turned upright as their EXIF data say.
            cache: None, "ram" or a directory: decode each image once, see
                ``DirectoryIterator``.
            mask_directory, mask_loader, mask_fill, mask_dtype: masks as targets.
            boxes, keypoints, with_transform_matrix: what else moves with the images.
        """
        self._check_before_flow(subset, augment)
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            augment=augment,
            sampler=sampler,
            class_order=class_order,
            decode=decode,
            on_error=on_error,
            formats=formats,
            exif=exif,
            cache=cache,
            mask_directory=mask_directory,
            mask_loader=mask_loader,
            mask_fill=mask_fill,
            mask_dtype=mask_dtype,
            boxes=boxes,
            keypoints=keypoints,
            with_transform_matrix=with_transform_matrix,
        )

    def flow_from_dataframe(
        self,
        dataframe: pandas.DataFrame,
        directory: Any = None,
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
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        *,
        keep_aspect_ratio: bool | str = False,
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
        **deprecated: Any,
    ) -> DataFrameIterator:
        """Batches of the images named in a dataframe; see ``DataFrameIterator``.

        Args:
            augment: whether the random transforms are applied (default); False leaves them
                out and everything else as it is, for validation.
            extra_cols: columns that are inputs beside the image: a list for inputs (images,
                table), a dict {input name: column} for named inputs.
            preprocess: {column: function} that turns a whole column into an array of numbers.
            image_key: the image's name among named inputs. Defaults to "image".
            sampler: "balanced" draws all classes equally often; None (default): each sample
                once an epoch.
            class_order: of string labels: "text" (default) or "natural", with "2" before "10".
            decode: "exact" (default), or "fast" for photographs much larger than
                ``target_size``.
            on_error: "raise" (default), or "skip": broken files are left out of their batches,
                named in ``bad_files``, and reported at the end of the epoch.
            formats: further endings, and functions that read them.
            exif: whether photographs are turned upright as their EXIF data say.
            cache: None, "ram" or a directory: decode each image once, see
                ``DirectoryIterator``.
            mask_directory, mask_loader, mask_fill, mask_dtype: masks as targets.
            boxes, keypoints, with_transform_matrix: what else moves with the images.
            **deprecated: ``has_ext``, ``sort`` and ``drop_duplicates`` of old Keras are
                accepted with a warning and have no effect.
        """
        class_mode = _without_deprecated(deprecated, class_mode)
        self._check_before_flow(subset, augment)
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
            augment=augment,
            extra_cols=extra_cols,
            preprocess=preprocess,
            image_key=image_key,
            sampler=sampler,
            class_order=class_order,
            decode=decode,
            on_error=on_error,
            formats=formats,
            exif=exif,
            cache=cache,
            mask_directory=mask_directory,
            mask_loader=mask_loader,
            mask_fill=mask_fill,
            mask_dtype=mask_dtype,
            boxes=boxes,
            keypoints=keypoints,
            with_transform_matrix=with_transform_matrix,
        )

    def _check_before_flow(self, subset: str | None, augment: bool | None) -> None:
        if (
            subset == "validation"
            and augment is None
            and self._is_random()
            and not self._warned_of_augmented_validation
        ):
            self._warned_of_augmented_validation = True
            warn_user(
                "the validation images will be augmented like the training images: pass "
                "augment=False to this flow to leave the random transforms out, or augment=True "
                "to keep them and silence this warning.",
            )
        self._warn_if_not_fitted()


def _without_deprecated(deprecated: dict[str, Any], class_mode: str | None) -> str | None:
    """Warn about arguments of old Keras; the class mode that is meant."""
    advice = {
        "has_ext": "file names must have their endings",
        "sort": "rows keep their order if shuffle=False",
        "drop_duplicates": "use dataframe.drop_duplicates()",
    }
    for name in deprecated:
        if name in advice:
            warn_user(
                f"`{name}` is deprecated and has no effect: {advice[name]}.",
                DeprecationWarning,
            )
        else:
            _warn_of_unknown(name)
    if class_mode == "other":
        warn_user(
            'class_mode="other" is deprecated, use class_mode="raw".',
            DeprecationWarning,
        )
        return "raw"
    return class_mode


def _warn_of_unknown(name: str) -> None:
    """Say that an argument is not known; Keras ignores such, and scripts have them."""
    known = inspect.signature(ImageDataGenerator.flow_from_dataframe).parameters
    near = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    if name in inspect.signature(ImageDataGenerator).parameters:
        hint = " It is an argument of `ImageDataGenerator`."
    warn_user(f"`flow_from_dataframe` has no argument `{name}`, which has no effect.{hint}")
