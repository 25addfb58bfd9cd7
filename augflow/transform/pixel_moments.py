"""Mean, deviation and whitening of images that are seen only once, a batch at a time.

What ``standardize.fit_statistics`` computes of all images at once, from sums in float64.
"""

from __future__ import annotations

from math import prod

import numpy as np

from augflow.transform.standardize import SMALLEST_DEVIATION

# The deviations of so many images at once stay in a core's cache, or nearly.
_BLOCK_BYTES = 2 << 20
# The sums, eigenvectors, the working memory of LAPACK's syevd, and the matrix itself.
_MATRICES_AT_ONCE = 5


class PixelMoments:
    """Sums over images from which the statistics follow.

    All sums are of differences from a first guess of the channels' means, so that squares of
    large numbers are never subtracted from each other (Chan, Golub and LeVeque, "Algorithms
    for computing the sample variance", 1983).

    Args:
        image_shape: of one image, three axes.
        channel_axis: of an image: 2 for channels last, 0 for channels first.
        with_products: whether ``whitening`` will be asked for.
        factor: on all pixels. Defaults to 1.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        channel_axis: int,
        with_products: bool,
        factor: float = 1.0,
    ) -> None:
        self.count = 0
        self._shape = image_shape
        self._factor = factor
        self._others = tuple(axis for axis in range(3) if axis != channel_axis)
        size = prod(image_shape)
        self._guess = np.zeros(size)
        self._sums = np.zeros(size)
        self._squares = np.zeros(size)
        self._products = np.zeros((size, size)) if with_products else None

    def add(self, images: np.ndarray) -> None:
        """Take images into account: shape (images, *image_shape), any dtype of numbers."""
        flat = images.reshape(len(images), -1)
        if not self.count and len(images):
            first = np.mean(images, axis=0, dtype=np.float64)
            self._guess[:] = self._expand(first.mean(axis=self._others, keepdims=True))
        rows = max(1, _BLOCK_BYTES // (8 * flat.shape[1]))
        for start in range(0, len(flat), rows):
            differences = flat[start : start + rows] - self._guess
            self._sums += differences.sum(axis=0)
            if self._products is None:
                self._squares += np.einsum("ij,ij->j", differences, differences)
            else:
                self._products += differences.T @ differences
        self.count += len(images)

    def mean(self) -> np.ndarray:
        """Mean of each channel: float64, three axes, size 1 but for the channels."""
        return self._factor * self._raw_mean()

    def deviation(self) -> np.ndarray:
        """Standard deviation of each channel, of the same shape."""
        squares = self._squares if self._products is None else np.diagonal(self._products)
        offset = self._by_channel(self._sums) / self.count
        variance = self._by_channel(squares) / self.count - offset**2
        return np.asarray(abs(self._factor) * np.sqrt(np.maximum(variance, 0)))

    def whitening(self, centred: bool, scaled: bool, epsilon: float) -> np.ndarray:
        """The ZCA matrix, as ``standardize.fit_statistics`` defines it.

        The singular values of the images, as rows of a matrix, are the roots of the
        eigenvalues of that matrix's product with itself; the directions are the same. This
        uses up the sums.

        Args:
            centred: whether the mean is subtracted from the images first.
            scaled: whether they are divided by the deviation then.
            epsilon: added to the singular values.

        Returns:
            float64, shape (pixels * channels, pixels * channels).
        """
        assert self._products is not None
        scale = np.full(len(self._sums), self._factor)
        if scaled:
            scale /= self._expand(self.deviation()) + SMALLEST_DEVIATION
        products, self._products = self._products, None
        # From squares around the guess to those around the centre that is asked for.
        move = (self._expand(self._raw_mean()) if centred else 0.0) - self._guess
        cross = np.outer(self._sums - self.count / 2 * move, move)
        products -= cross
        products -= cross.T
        del cross
        products *= scale
        products *= scale[:, np.newaxis]
        squares, directions = np.linalg.eigh(products)
        del products
        # With fewer images than pixels, the images span no more directions than there are images.
        kept = slice(max(0, len(squares) - self.count), None)
        sizes = np.sqrt(np.maximum(squares[kept], 0))
        directions = directions[:, kept]
        return np.asarray((directions * (np.sqrt(self.count) / (sizes + epsilon))) @ directions.T)

    def _raw_mean(self) -> np.ndarray:
        return self._by_channel(self._guess + self._sums / self.count)

    def _by_channel(self, pixels: np.ndarray) -> np.ndarray:
        return np.asarray(pixels.reshape(self._shape).mean(axis=self._others, keepdims=True))

    def _expand(self, channels: np.ndarray) -> np.ndarray:
        return np.broadcast_to(channels, self._shape).reshape(-1)


def whitening_bytes(image_shape: tuple[int, ...]) -> int:
    """What ``PixelMoments.whitening`` needs at its peak."""
    return _MATRICES_AT_ONCE * 8 * prod(image_shape) ** 2
