"""Warp, flips and arithmetic of an image in one pass over its pixels, by the compiled kernel.

Each of these stages alone is a pass over all pixels, and so is the conversion of grey levels to
floats. Where nothing between them needs a whole image's pixels at once, the kernel does them all,
and writes the result where it belongs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from augflow.base.settings import StandardizeSettings, TransformSettings
from augflow.native import kernel
from augflow.transform.apply import Matrices
from augflow.transform.draw import Column
from augflow.transform.preprocess_input import KerasPreprocessing
from augflow.transform.standardize import SMALLEST_DEVIATION

# The kernel multiplies and adds in float32. Where a deviation is far smaller than the mean, the sum
# could lose digits that subtracting first keeps: 1000 allows an error of 1e-4 of a deviation.
_LARGEST_SUMMAND = 1000.0
_STILL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class Scaling(NamedTuple):
    """What happens to a value: it is multiplied, then something is added.

    Attributes:
        multiply, add: float32 of shape (channels,), for the channels as they were read.
        is_reversed: whether the last channel then becomes the first.
    """

    multiply: np.ndarray
    add: np.ndarray
    is_reversed: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether values and channels stay as they are."""
        return bool((self.multiply == 1).all() and not self.add.any() and not self.is_reversed)


class OnePass(NamedTuple):
    """Stages that the kernel does together.

    Attributes:
        fill_mode, cval, order: of the warp, see ``TransformSettings``.
        scaling: what follows it.
    """

    fill_mode: str
    cval: float
    order: int
    scaling: Scaling

    def write(self, images: np.ndarray, moves: np.ndarray, rows: np.ndarray) -> None:
        """Make rows of a batch.

        Args:
            images: uint8 or float32 of shape (images, height, width, channels).
            moves: of these images, see ``moves_of``.
            rows: float32 of the same shape, or the same memory as ``images``.
        """
        multiply, add, is_reversed = self.scaling
        targets = rows[..., ::-1] if is_reversed else rows
        kernel.warp_images(
            images, targets, moves, self.fill_mode, self.cval, self.order, multiply, add
        )


def find_one_pass(
    transform: TransformSettings | None,
    standardize: StandardizeSettings | None,
    channels: int,
    channels_first: bool,
) -> OnePass | None:
    """The stages of a flow of float32 images as one pass.

    Args:
        transform: ranges of the random transforms, None for none.
        standardize: what follows them, None for nothing.
        channels: of the images.
        channels_first: where the flow's statistics have their channels.

    Returns:
        None if a stage needs more than one pixel at a time, or is the user's, or if there is no
        compiled kernel.
    """
    if not kernel.IS_ON:
        return None
    scaling = _scaling_of(standardize or StandardizeSettings(), channels, channels_first)
    if scaling is None:
        return None
    transform = transform or TransformSettings()
    if (
        transform.interpolation_order not in kernel.ORDERS
        or transform.fill_mode not in kernel.FILL_MODES
        or transform.brightness_range is not None
        or transform.channel_shift_range != 0
    ):
        return None
    return OnePass(transform.fill_mode, transform.cval, transform.interpolation_order, scaling)


def moves_of(parameters: np.ndarray, matrices: Matrices) -> np.ndarray:
    """How the kernel is to move some images.

    Args:
        parameters: rows of ``draw.draw_parameters``.
        matrices: of these rows.

    Returns:
        float64 of shape (images, 8), see ``kernel.warp_images``.
    """
    moves = np.empty((len(parameters), kernel.MOVE_LENGTH))
    moves[:, :6] = matrices.values[:, :2].reshape(-1, 6)
    if not matrices.moves.all():
        moves[~matrices.moves, :6] = _STILL
    moves[:, 6:] = parameters[:, Column.FLIP_HORIZONTAL : Column.FLIP_VERTICAL + 1]
    return moves


def _scaling_of(
    settings: StandardizeSettings, channels: int, channels_first: bool
) -> Scaling | None:
    """``standardize.standardize`` as a product and a sum; None where it is something else."""
    if (
        settings.samplewise_center
        or settings.samplewise_std_normalization
        or (settings.zca_whitening and settings.zca_whitening_matrix is not None)
    ):
        return None
    multiply, add = np.ones(channels), np.zeros(channels)
    is_reversed = False
    function = settings.preprocessing_function
    if isinstance(function, KerasPreprocessing):
        factors = function.factors(channels, channels_first)
        if factors is None:
            return None
        multiply, add, is_reversed = factors
    elif function is not None:
        return None
    if settings.rescale:
        multiply, add = multiply * settings.rescale, add * settings.rescale
    mean = settings.mean if settings.featurewise_center else None
    std = settings.std if settings.featurewise_std_normalization else None
    for statistic in (mean, std):
        if statistic is not None and not _is_per_channel(statistic, channels, channels_first):
            return None
    # The statistics are those of the channels as the function leaves them.
    step = -1 if is_reversed else 1
    if mean is not None:
        add = add - np.ravel(mean)[::step]
    if std is not None:
        deviation = np.ravel(std)[::step] + SMALLEST_DEVIATION
        multiply, add = multiply / deviation, add / deviation
    if not (np.abs(add) <= _LARGEST_SUMMAND).all() or not np.isfinite(multiply).all():
        return None
    return Scaling(multiply.astype(np.float32), add.astype(np.float32), is_reversed)


def _is_per_channel(statistic: np.ndarray, channels: int, channels_first: bool) -> bool:
    """Whether a statistic is one number for all, or one for each channel of float32 images."""
    shape = np.shape(statistic)
    # Of another type NumPy would compute in that, or not at all.
    if np.asarray(statistic).dtype not in (np.float32, np.float64):
        return False
    per_channel = (channels, 1, 1) if channels_first else (1, 1, channels)
    return shape == per_channel or (np.size(statistic) == 1 and len(shape) <= 3)
