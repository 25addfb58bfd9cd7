"""Settings of an ``ImageDataGenerator``, and what it does with one image or an array of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from augflow.base import checks, defaults
from augflow.base.settings import StandardizeSettings, TransformSettings
from augflow.base.warn_user import warn_user
from augflow.base.words import DataFormat, FillMode
from augflow.companions.pipeline_settings import checked_augmentation
from augflow.flow.iterator import Iterator
from augflow.flow.keras_base import KerasFace, faces_keras
from augflow.images.array import NumpyArrayIterator
from augflow.images.fit import Statistics, flow_statistics, statistics_for
from augflow.look.grid import checked_count, grid_of_draws
from augflow.look.html import table_of_settings
from augflow.look.words import as_call, changed_settings
from augflow.order.streams import as_global, global_stream, open_stream
from augflow.read.load_and_save import img_to_array, load_img
from augflow.report.statistics import Statistics as DataStatistics
from augflow.transform import draw
from augflow.transform.apply import transform_image, transform_matrices
from augflow.transform.preprocess_input import recognise
from augflow.transform.standardize import fit_statistics, missing_statistics, standardize

_AXES = {"channels_first": (1, 2, 3), "channels_last": (3, 1, 2)}
_PIXEL_METHODS = ("get_random_transform", "apply_transform", "standardize", "random_transform")


@faces_keras("ImageDataGenerator")
class ImageTransformer(KerasFace):
    """The part of ``ImageDataGenerator`` that works on images in hand; see there."""

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: FillMode = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], Any] | None = None,
        data_format: DataFormat | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
        *,
        workers: int | None = None,
        augmentation: Any = None,
        timeout: float | None = None,
    ) -> None:
        self.featurewise_center = checks.checked_truth(
            "featurewise_center", self._other_than_self(featurewise_center)
        )
        self.samplewise_center = checks.checked_truth("samplewise_center", samplewise_center)
        self.featurewise_std_normalization = checks.checked_truth(
            "featurewise_std_normalization", featurewise_std_normalization
        )
        self.samplewise_std_normalization = checks.checked_truth(
            "samplewise_std_normalization", samplewise_std_normalization
        )
        self.zca_whitening = checks.checked_truth("zca_whitening", zca_whitening)
        self.zca_epsilon = checks.checked_number("zca_epsilon", zca_epsilon)
        self.rotation_range = checks.checked_range("rotation_range", rotation_range)
        self.width_shift_range = checks.checked_shift("width_shift_range", width_shift_range)
        self.height_shift_range = checks.checked_shift("height_shift_range", height_shift_range)
        self.brightness_range = checks.checked_brightness(brightness_range)
        self.shear_range = checks.checked_range("shear_range", shear_range)
        self.zoom_range = checks.checked_zoom(zoom_range)
        self.channel_shift_range = checks.checked_number("channel_shift_range", channel_shift_range)
        self.fill_mode = fill_mode
        self.cval = checks.checked_number("cval", cval)
        self.horizontal_flip = checks.checked_truth("horizontal_flip", horizontal_flip)
        self.vertical_flip = checks.checked_truth("vertical_flip", vertical_flip)
        self.rescale = checks.checked_rescale(rescale)
        self.preprocessing_function = checks.checked_function(preprocessing_function)
        self.data_format = checks.checked_data_format(
            defaults.data_format() if data_format is None else data_format
        )
        self.channel_axis, self.row_axis, self.col_axis = _AXES[self.data_format]
        self._validation_split = checks.checked_validation_split(validation_split)
        self.interpolation_order = checks.checked_order(interpolation_order)
        self.dtype = checks.checked_dtype(defaults.floatx() if dtype is None else dtype)
        self.workers = checks.checked_workers(workers)
        self.augmentation = checked_augmentation(augmentation)
        self.timeout = checks.checked_timeout(timeout)
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.zca_whitening_matrix: np.ndarray | None = None
        self._switch_on_what_is_needed()
        checks.checked_fill_mode(fill_mode, draw.moves_pixels(self._transform_settings()))

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        # Flows compare this number, and so notice every change.
        self.__dict__["_revision"] = self.__dict__.get("_revision", 0) + 1

    def _other_than_self(self, first_argument: Any) -> Any:
        """The argument, and True with a warning for a slip of subclasses."""
        if first_argument is not self:
            return first_argument
        warn_user(
            "`super().__init__(self, ...)` gives the generator itself as `featurewise_center`, "
            "which counts as True, as in Keras. Write super().__init__(...) without self."
        )
        return True

    def _switch_on_what_is_needed(self) -> None:
        """The switches that others imply, each with a warning."""
        if self.zca_whitening and self.featurewise_std_normalization:
            self._overrule("featurewise_std_normalization", False, "zca_whitening")
        for needing, needed in (
            ("zca_whitening", "featurewise_center"),
            ("featurewise_std_normalization", "featurewise_center"),
            ("samplewise_std_normalization", "samplewise_center"),
        ):
            if getattr(self, needing) and not getattr(self, needed):
                self._overrule(needed, True, needing)

    def _overrule(self, name: str, value: bool, reason: str) -> None:
        setattr(self, name, value)
        warn_user(f"`{reason}` sets `{name}` to {value}.")

    def _of_batches(self) -> dict[str, Any]:
        """What a flow takes from its generator."""
        return {"data_format": self.data_format, "dtype": self.dtype}

    # Settings of the stages

    def _transform_settings(self) -> TransformSettings:
        return TransformSettings(
            rotation_range=self.rotation_range,
            width_shift_range=_as_range(self.width_shift_range),
            height_shift_range=_as_range(self.height_shift_range),
            shear_range=self.shear_range,
            zoom_range=(self.zoom_range[0], self.zoom_range[1]),
            channel_shift_range=self.channel_shift_range,
            brightness_range=(
                None if self.brightness_range is None else tuple(self.brightness_range)
            ),
            horizontal_flip=self.horizontal_flip,
            vertical_flip=self.vertical_flip,
            fill_mode=self.fill_mode,
            cval=self.cval,
            interpolation_order=self.interpolation_order,
        )

    def _standardize_settings(self) -> StandardizeSettings:
        function = checks.checked_function(self.preprocessing_function)
        return StandardizeSettings(
            preprocessing_function=recognise(function) or function,
            rescale=self.rescale or None,
            samplewise_center=self.samplewise_center,
            samplewise_std_normalization=self.samplewise_std_normalization,
            featurewise_center=self.featurewise_center,
            featurewise_std_normalization=self.featurewise_std_normalization,
            zca_whitening=self.zca_whitening,
            mean=self.mean,
            std=self.std,
            zca_whitening_matrix=self.zca_whitening_matrix,
        )

    def _stage_settings(self) -> tuple[TransformSettings, StandardizeSettings] | None:
        """What flows build batches by; None where a subclass changes how pixels are made."""
        for name in _PIXEL_METHODS:
            changed = getattr(type(self), name) is not getattr(ImageTransformer, name)
            if changed or name in vars(self):
                return None
        return self._transform_settings(), self._standardize_settings()

    def _is_random(self) -> bool:
        return draw.is_random(self._transform_settings()) or self.augmentation is not None

    def _warn_if_not_fitted(self) -> None:
        for name in missing_statistics(self._standardize_settings()):
            warn_user(
                f"`{name}` has no effect yet: call this generator's fit(images) or fit(flow).",
            )

    # Being looked at

    @staticmethod
    def _plain() -> ImageTransformer:
        """A generator with all defaults, to compare with."""
        return ImageTransformer()

    def __repr__(self) -> str:
        try:
            return as_call(type(self).__name__, changed_settings(self, self._plain()))
        except Exception:
            # One half made, in a traceback or a debugger, must not hide what went wrong.
            return object.__repr__(self)

    def _repr_html_(self) -> str | None:
        """What notebooks show: the arguments that are not the default ones."""
        try:
            return table_of_settings(type(self).__name__, changed_settings(self, self._plain()))
        except Exception:
            # As for ``__repr__``, which a notebook shows in its place.
            return None

    def show(self, image: Any, n: int = 8, seed: int = 0) -> Any:
        """A figure of one image and of what this generator may make of it.

        Args:
            image: an array of rank 3 in this generator's data format, a picture of Pillow, or the
                path of a file.
            n: draws. Defaults to 8.
            seed: of the draws; another one shows others. Defaults to 0.

        Returns:
            A ``matplotlib.figure.Figure``; above each draw stand the parameters that were drawn,
            as far as they are the generator's own.

        Raises:
            TypeError, ValueError: something that is no image, or a number that cannot be used.
            ImportError: matplotlib is missing.
        """
        n, seed = checked_count("n", n, 1), checked_count("seed", seed, 0)
        if isinstance(image, str | os.PathLike):
            image = load_img(os.fspath(image))
        pixels = img_to_array(image, data_format=self.data_format, dtype="float32")
        flow = NumpyArrayIterator(
            np.repeat(pixels[np.newaxis], n, axis=0),
            None,
            self,
            batch_size=n,
            seed=seed,
            data_format=cast(DataFormat, self.data_format),
            dtype=self.dtype,
        )
        return grid_of_draws(pixels, flow.explain(0), self.data_format == "channels_first")

    # One image at a time

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Apply preprocessing function, rescaling and normalisations, in place where possible.

        Args:
            x: one image (rank 3) or a batch (rank 4).

        Returns:
            The standardized values.
        """
        self._warn_if_not_fitted()
        return standardize(x, self._standardize_settings())

    def get_random_transform(
        self, img_shape: tuple[int, ...], seed: int | None = None
    ) -> dict[str, Any]:
        """Draw the parameters of one random transform.

        Args:
            img_shape: shape of the image, rank 3.
            seed: int; None draws from NumPy's global generator, like ``np.random.uniform``.

        Returns:
            theta (degrees), tx (pixels, rows), ty (pixels, columns), shear (degrees), zx, zy
            (factors), flip_horizontal, flip_vertical, channel_shift_intensity and brightness
            (None where off).
        """
        stream = global_stream() if seed is None else open_stream(seed)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        return draw.as_dict(
            draw.draw_parameters(self._transform_settings(), height, width, 1, stream)[0]
        )

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Apply the transform with the given parameters.

        Args:
            x: one image, rank 3, in this generator's data format; not changed.
            transform_parameters: as ``get_random_transform`` gives them; what is missing is
                left out of the transform.

        Returns:
            The transformed image, of the same shape.
        """
        channels_first = self.data_format == "channels_first"
        image = np.moveaxis(x, 0, 2) if channels_first else np.asarray(x)
        row = draw.from_dict(transform_parameters)
        matrix = transform_matrices(row[np.newaxis], *image.shape[:2]).of(0)
        image = transform_image(image, row, matrix, self._transform_settings())
        return np.moveaxis(image, 2, 0) if channels_first else image

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Apply a random transform to one image (rank 3); see ``get_random_transform``."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute mean, standard deviation and ZCA matrix, as far as they are switched on.

        Args:
            x: images, rank 4; or a flow of images, which are read once, in its workers, while
                the flow itself stays where it is; or what ``augflow.statistics`` gives of such
                a flow. ``rescale`` is applied to a copy first, nothing else.
            augment: whether to compute them from randomly transformed images.
            rounds: passes over the data with ``augment``. Defaults to 1.
            seed: of the transforms; None draws from NumPy's global generator.

        Raises:
            ValueError: x does not have rank 4, or the flow has no images; statistics of something
                else, or with ``augment`` or ZCA, which need the images.
            TypeError: a flow of something else.
            MemoryError: ZCA of a flow whose images have too many pixels.
        """
        if isinstance(x, Iterator):
            mean, std, matrix = flow_statistics(self, x, augment, rounds, seed)
        elif isinstance(x, DataStatistics):
            mean, std, matrix = statistics_for(self, x, augment)
        else:
            mean, std, matrix = self._array_statistics(x, augment, rounds, seed)
        if self.featurewise_center:
            self.mean = mean
        if self.featurewise_std_normalization:
            self.std = std
        if self.zca_whitening:
            self.zca_whitening_matrix = matrix

    def _array_statistics(self, x: Any, augment: bool, rounds: int, seed: int | None) -> Statistics:
        try:
            images = np.array(x, dtype=self.dtype)
        except (TypeError, ValueError) as error:
            raise type(error)(
                "`fit` takes an array of images of one size, or a flow of images. Received: "
                f"{type(x).__name__} ({error})"
            ) from error
        if images.ndim != 4:
            raise ValueError(
                f"`fit` needs images of rank 4. Received an array of shape {images.shape}"
            )
        if images.shape[self.channel_axis] not in (1, 3, 4):
            warn_user(
                f"expected 1, 3 or 4 channels on axis {self.channel_axis} (data_format="
                f'"{self.data_format}"), but x has shape {images.shape}.',
            )
        if self.rescale:
            if images.dtype.kind != "f":
                images = images.astype(np.float32)
            images *= self.rescale
        if augment:
            images = self._augmented(images, rounds, seed)
        return fit_statistics(
            images,
            featurewise_center=self.featurewise_center,
            featurewise_std_normalization=self.featurewise_std_normalization,
            zca_whitening=self.zca_whitening,
            zca_epsilon=self.zca_epsilon,
            channel_axis=self.channel_axis,
        )

    def _augmented(self, images: np.ndarray, rounds: int, seed: int | None) -> np.ndarray:
        stream = global_stream() if seed is None else open_stream(seed)
        augmented = np.empty((rounds * len(images), *images.shape[1:]), dtype=images.dtype)
        with as_global(stream):
            for place in range(len(augmented)):
                augmented[place] = self.random_transform(images[place % len(images)])
        return augmented


def _as_range(value: Any) -> Any:
    return value if np.ndim(value) == 0 else tuple(value)


# Python's error about an unknown argument gives this name, and users know only the subclass.
ImageTransformer.__init__.__qualname__ = "ImageDataGenerator.__init__"
