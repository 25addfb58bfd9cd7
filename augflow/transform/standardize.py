"""Pixel values after the random transforms: the user's function, scaling, normalisation.

Order and arithmetic are those of Keras's legacy ``ImageDataGenerator.standardize`` and
``fit``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from augflow.base.settings import StandardizeSettings

# Added to a standard deviation so that a flat image does not divide by zero (Keras's value).
SMALLEST_DEVIATION = 1e-6


def standardize(image: np.ndarray, settings: StandardizeSettings) -> np.ndarray:
    """Apply the user's function, rescale and the normalisations.

    Works in place on a writable float array. A read-only array is copied first, and an
    array of another dtype is made float32 before the arithmetic (Keras raises there).

    Args:
        image: one image (3 axes) or a batch (4 axes).
        settings: what to do; a statistic that is None is left out (see
            ``missing_statistics``).

    Returns:
        Array of the same shape. Its dtype is the input's where that is a float (or that of
        what the function returned), else float32; ZCA whitening gives the common dtype of
        the image and the matrix.

    Raises:
        TypeError: the ``preprocessing_function`` returned None or something that is no
            array of numbers.
        ValueError: it returned another shape.
    """
    values = image
    if settings.preprocessing_function is not None:
        values = _preprocessed(values, settings.preprocessing_function)
    if not _has_arithmetic(settings):
        return values
    values = _writable_float(values)
    if settings.rescale:
        values *= settings.rescale
    if settings.samplewise_center:
        values -= np.mean(values, keepdims=True)
    if settings.samplewise_std_normalization:
        values /= np.std(values, keepdims=True) + SMALLEST_DEVIATION
    if settings.featurewise_center and settings.mean is not None:
        values -= settings.mean
    if settings.featurewise_std_normalization and settings.std is not None:
        values /= settings.std + SMALLEST_DEVIATION
    if settings.zca_whitening and settings.zca_whitening_matrix is not None:
        flat = values.reshape(-1, int(np.prod(values.shape[-3:])))
        values = np.reshape(flat @ settings.zca_whitening_matrix, values.shape)
    return values


def is_elementwise(settings: StandardizeSettings) -> bool:
    """Whether a batch at once gives what its images give one by one, in place, bit for bit."""
    return (
        settings.preprocessing_function is None
        and not settings.samplewise_center
        and not settings.samplewise_std_normalization
        and not settings.zca_whitening
    )


def missing_statistics(settings: StandardizeSettings) -> list[str]:
    """The switches whose statistics were never fitted, so that they have no effect."""
    needed = {
        "featurewise_center": (settings.featurewise_center, settings.mean),
        "featurewise_std_normalization": (settings.featurewise_std_normalization, settings.std),
        "zca_whitening": (settings.zca_whitening, settings.zca_whitening_matrix),
    }
    return [name for name, (is_on, value) in needed.items() if is_on and value is None]


def fit_statistics(
    images: np.ndarray,
    *,
    featurewise_center: bool,
    featurewise_std_normalization: bool,
    zca_whitening: bool,
    zca_epsilon: float = 1e-6,
    channel_axis: int = 3,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Mean, standard deviation and whitening matrix of a set of images.

    Args:
        images: float array with 4 axes, rescaled and augmented; not changed.
        featurewise_center: whether to take the mean and subtract it before what follows.
        featurewise_std_normalization: whether to take the deviation and divide by it.
        zca_whitening: whether to compute the whitening matrix (Krizhevsky, "Learning
            multiple layers of features from tiny images", 2009, appendix A).
        zca_epsilon: added to the singular values before they are inverted.
        channel_axis: 3 for channels last, 1 for channels first.

    Returns:
        (mean, std, matrix), None where not asked for. mean and std have three axes, size 1
        but for the channels, and the dtype of the images; the matrix is square with
        height * width * channels rows, float64.

    Raises:
        ValueError: not 4 axes.
    """
    if images.ndim != 4:
        raise ValueError(
            f"statistics need images of shape (samples, rows, columns, channels). "
            f"Received shape: {images.shape}"
        )
    others = tuple(axis for axis in range(4) if axis != channel_axis)
    shape = [1, 1, 1]
    shape[channel_axis - 1] = images.shape[channel_axis]
    mean = std = matrix = None
    values = images
    if featurewise_center:
        mean = np.mean(values, axis=others).reshape(shape)
        if featurewise_std_normalization or zca_whitening:
            values = values - mean
    if featurewise_std_normalization:
        std = np.std(values, axis=others).reshape(shape)
        if zca_whitening:
            values = values / (std + SMALLEST_DEVIATION)
    if zca_whitening:
        count = len(values)
        flat = np.reshape(values, (count, -1))
        directions, sizes, _ = np.linalg.svd(flat.T, full_matrices=False)
        matrix = (directions * (np.sqrt(count) / (sizes + zca_epsilon))).dot(directions.T)
    return mean, std, matrix


def _has_arithmetic(settings: StandardizeSettings) -> bool:
    return bool(
        settings.rescale
        or settings.samplewise_center
        or settings.samplewise_std_normalization
        or (settings.featurewise_center and settings.mean is not None)
        or (settings.featurewise_std_normalization and settings.std is not None)
        or (settings.zca_whitening and settings.zca_whitening_matrix is not None)
    )


def _writable_float(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values.astype(np.float32)
    return values if values.flags.writeable else values.copy()


def _preprocessed(image: np.ndarray, function: Callable[[np.ndarray], Any]) -> np.ndarray:
    """The function's answer as an array of the image's shape."""
    expected = image.shape
    # Many functions (Keras's preprocess_input) write into what they are given.
    answer = function(image if image.flags.writeable else image.copy())
    name = getattr(function, "__qualname__", None) or repr(function)
    if answer is None:
        raise TypeError(
            f"preprocessing_function {name} returned None; expected an array of shape "
            f"{expected}. Does it end without `return`?"
        )
    # A foreign tensor may share its memory, so what follows must not write into it.
    values = answer if isinstance(answer, np.ndarray) else np.array(answer)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"preprocessing_function {name} returned {type(answer).__name__} (dtype "
            f"{values.dtype}); expected an array of numbers of shape {expected}."
        )
    if len(expected) == 3 and values.shape != expected:
        return _broadcast(values, expected, name)
    return values


def _broadcast(values: np.ndarray, expected: tuple[int, ...], name: str) -> np.ndarray:
    """Accept what Keras accepts by assigning into the batch: axes of size 1 are stretched."""
    extra = max(values.ndim - len(expected), 0)
    trimmed = values.reshape(values.shape[extra:]) if set(values.shape[:extra]) <= {1} else values
    try:
        return np.broadcast_to(trimmed, expected).copy()
    except ValueError:
        raise ValueError(
            f"preprocessing_function {name} returned shape {values.shape}; expected "
            f"{expected}, the shape of the image it received. Resize with `target_size`, and "
            f"choose the channels with `color_mode`."
        ) from None
