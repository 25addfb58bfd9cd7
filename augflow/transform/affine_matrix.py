"""Affine matrices: built from drawn parameters, for many images at once, and folded with flips.

A matrix maps output (row, column, 1) to input (row, column, 1), as
``scipy.ndimage.affine_transform`` wants it.
"""

from __future__ import annotations

import numpy as np

_IDENTITIES = np.broadcast_to(np.eye(3), (3, 1, 3, 3))
# An index that exchanges the first two rows and columns of each matrix.
_SWAPPED = (slice(None), np.array([[1], [0], [2]]), np.array([[1, 0, 2]]))


def affine_matrices(
    theta: np.ndarray,
    tx: np.ndarray,
    ty: np.ndarray,
    shear: np.ndarray,
    zx: np.ndarray,
    zy: np.ndarray,
    height: int,
    width: int,
    swap: bool = True,
) -> np.ndarray:
    """Build the matrices of Keras's ``apply_affine_transform`` for many images at once.

    The product is rotation . shift . shear . zoom, turned about the centre of the image.
    Keras counts the first coordinate as x: with ``swap`` the two coordinates change places
    at the end, and with them the centre's two offsets. So for an image that is not square
    the turning point is Keras's, not the middle.

    Args:
        theta: rotations in degrees, float64 of shape (n,), as all arrays here.
        tx: shifts in pixels along the first coordinate.
        ty: shifts in pixels along the second coordinate.
        shear: shear angles in degrees.
        zx: zoom factors of the first coordinate.
        zy: zoom factors of the second coordinate.
        height: height of the images in pixels.
        width: width of the images in pixels.
        swap: exchange the coordinates, as Keras does when the column axis comes after the
            row axis.

    Returns:
        float64 of shape (n, 3, 3), bit for bit Keras's own matrices.
    """
    rotation, shift, shearing = np.repeat(_IDENTITIES, len(theta), axis=1)
    radians = np.deg2rad(theta)
    rotation[:, 0, 0] = rotation[:, 1, 1] = np.cos(radians)
    rotation[:, 1, 0] = sines = np.sin(radians)
    np.negative(sines, out=rotation[:, 0, 1])
    shift[:, 0, 2] = tx
    shift[:, 1, 2] = ty
    radians = np.deg2rad(shear)
    np.negative(np.sin(radians), out=shearing[:, 0, 1])
    shearing[:, 1, 1] = np.cos(radians)
    # matmul, not a closed formula: it rounds as the products that Keras forms.
    product = np.matmul(np.matmul(rotation, shift), shearing)
    product[:, :, 0] *= np.asarray(zx)[:, None]
    product[:, :, 1] *= np.asarray(zy)[:, None]
    to_centre, from_centre = _IDENTITIES[:2, 0].copy()
    to_centre[:2, 2] = float(height) / 2 - 0.5, float(width) / 2 - 0.5
    from_centre[:2, 2] = -to_centre[:2, 2]
    product = np.matmul(np.matmul(to_centre, product), from_centre)
    return product[_SWAPPED] if swap else product


def fold_flips(
    matrix: np.ndarray, height: int, width: int, horizontal: bool, vertical: bool
) -> np.ndarray:
    """Return the matrix that warps and then flips.

    ``warp(image, fold_flips(matrix, ...))`` equals ``flip(warp(image, matrix), ...)`` up to
    the rounding of coordinates, and costs no pass over the pixels.

    Args:
        matrix: float64 of shape (3, 3), output (row, column, 1) to input.
        height: height of the image in pixels.
        width: width of the image in pixels.
        horizontal: mirror left and right.
        vertical: mirror top and bottom.

    Returns:
        A new float64 array of shape (3, 3); ``matrix`` itself if nothing is flipped.
    """
    if not (horizontal or vertical):
        return matrix
    folded = matrix.copy()
    if horizontal:
        folded[:, 2] += folded[:, 1] * (width - 1)
        folded[:, 1] *= -1.0
    if vertical:
        folded[:, 2] += folded[:, 0] * (height - 1)
        folded[:, 0] *= -1.0
    return folded
