"""Drawn parameters applied to one image: geometry, channels, flips, brightness."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from augflow.base.settings import TransformSettings
from augflow.transform import draw
from augflow.transform.affine_matrix import affine_matrices, fold_flips
from augflow.transform.colour import shift_brightness, shift_channels
from augflow.transform.draw import Column
from augflow.transform.warp import flip, warp

# Folding a flip into the matrix moves coordinates by one rounding error. That cannot be seen
# where pixels are blended, but may pick another pixel (order 0) or another side of the edge.
_FOLDING_FILL_MODES = frozenset({"nearest", "reflect"})

_UNMOVED = draw.identity_parameters(1)[0, : Column.FLIP_HORIZONTAL]


class Move(NamedTuple):
    """What was drawn for one image.

    Attributes:
        parameters: one row of ``draw.draw_parameters``.
        matrix: the affine matrix of that row, None for none.
    """

    parameters: np.ndarray
    matrix: np.ndarray | None


# What moves nothing.
STILL = Move(draw.identity_parameters(1)[0], None)


class Matrices(NamedTuple):
    """The affine matrices of some images.

    Attributes:
        values: float64 of shape (images, 3, 3).
        moves: bool of shape (images,): False where the geometry stays as it is, whatever the
            matrix is.
    """

    values: np.ndarray
    moves: np.ndarray

    def of(self, place: int) -> np.ndarray | None:
        """The matrix of one image, None for none."""
        matrix: np.ndarray = self.values[place]
        return matrix if self.moves[place] else None


class Moves:
    """What was drawn for some images; each ``Move`` is made where it is asked for.

    Args:
        parameters: as ``draw.draw_parameters`` gives them.
        matrices: of them.
    """

    def __init__(self, parameters: np.ndarray, matrices: Matrices) -> None:
        self._parameters = parameters
        self._matrices = matrices

    def __len__(self) -> int:
        return len(self._parameters)

    def __getitem__(self, place: int) -> Move:
        return Move(self._parameters[place], self._matrices.of(place))


def transform_matrices(parameters: np.ndarray, height: int, width: int) -> Matrices:
    """The affine matrix of each row of parameters."""
    geometry = parameters[:, : Column.FLIP_HORIZONTAL]
    moves = (geometry != _UNMOVED).any(axis=1)
    if not moves.any():
        return no_matrices(len(parameters))
    theta, tx, ty, shear, zx, zy = geometry.T
    return Matrices(affine_matrices(theta, tx, ty, shear, zx, zy, height, width), moves)


def no_matrices(count: int) -> Matrices:
    """Those of images whose geometry stays as it is."""
    return Matrices(np.broadcast_to(np.eye(3), (count, 3, 3)), np.zeros(count, bool))


def transform_image(
    image: np.ndarray,
    parameters: np.ndarray,
    matrix: np.ndarray | None,
    settings: TransformSettings,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Apply drawn parameters to one image: geometry, channels, flips, brightness.

    Args:
        image: (height, width, channels).
        parameters: one row of ``draw.draw_parameters``.
        matrix: the affine matrix of that row, None for none.
        settings: fill mode, value and interpolation order.
        out: where the warped image may be written, None for a new array.

    Returns:
        The image; ``out`` itself where the warp was the last to touch it.
    """
    horizontal = bool(parameters[Column.FLIP_HORIZONTAL])
    vertical = bool(parameters[Column.FLIP_VERTICAL])
    if matrix is not None:
        if (
            (horizontal or vertical)
            and settings.interpolation_order == 1
            and settings.fill_mode in _FOLDING_FILL_MODES
        ):
            matrix = fold_flips(matrix, image.shape[0], image.shape[1], horizontal, vertical)
            horizontal = vertical = False
        image = warp(
            image,
            matrix,
            fill_mode=settings.fill_mode,
            cval=settings.cval,
            order=settings.interpolation_order,
            out=out if image.dtype == np.float32 else None,
        )
    intensity = parameters[Column.CHANNEL_SHIFT_INTENSITY]
    if not np.isnan(intensity):
        image = shift_channels(image, float(intensity))
    if horizontal or vertical:
        image = flip(image, horizontal, vertical)
    brightness = parameters[Column.BRIGHTNESS]
    if not np.isnan(brightness):
        image = shift_brightness(image, float(brightness), False)
    return image
