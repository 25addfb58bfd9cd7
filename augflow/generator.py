"""``ImageDataGenerator``: where flows begin."""

from __future__ import annotations

from typing import Any

from augflow.base.checks import arguments_of
from augflow.base.words import Subset
from augflow.flows_of_folders import FlowsOfFolders
from augflow.flows_of_tables import FlowsOfTables
from augflow.images.array import NumpyArrayIterator
from augflow.images.unlikely import warn_before_flow


class ImageDataGenerator(FlowsOfFolders, FlowsOfTables):
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
    _has_subsets = False

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
        subset: Subset | None = None,
        *,
        augment: bool | None = None,
        drop_remainder: bool = False,
        shard: Any = None,
    ) -> NumpyArrayIterator:
        """Batches of an array of images.

        Args:
            x: images, array of shape (samples, height, width, channels), or with channels second
                for "channels_first"; or a pair (images, other array or list of other arrays).
            y: targets, one a sample, or None (default).
            batch_size: samples a batch; the last of an epoch may be shorter. Defaults to 32.
            shuffle: whether each epoch has an order of its own. Defaults to True.
            sample_weight: one weight a sample, or None (default).
            seed: int in [0, 2**32), of order and augmentation; None (default): one is drawn from
                NumPy's global generator at the first batch.
            save_to_dir: a folder to save each batch's images to, for looking at them; it has to be
                there for the first batch. None (default) for none.
            save_prefix: of their names. Defaults to "".
            save_format: their ending. Defaults to "png".
            ignore_class_split: do not require the same classes in both subsets. Defaults to False.
            subset: "training" or "validation": the part by the generator's ``validation_split``;
                None (default) for all.
            augment: whether the random transforms are applied (default); False leaves them out and
                everything else as it is, for validation.
            drop_remainder: leave out a last batch that would be shorter: the last samples of the
                epoch's order, so with ``shuffle`` others in each epoch. Defaults to False.
            shard: (index, count): which part of each batch is this flow's, for one of several
                processes that train one model, see docs/shards.md; "auto": as the environment says.
                ``batch_size`` is then that of one process. Needs a ``seed``. Defaults to None.

        Returns:
            A flow without end, for ``fit`` and ``next()``. A batch is an array of images, (images,
            targets) with ``y``, or (images, targets, weights) with ``sample_weight``; the images
            are of the generator's ``dtype`` and ``data_format``. Other arrays of ``x`` stand
            beside the images.

        Raises:
            ValueError: lengths, rank, subset or data format do not fit.
        """
        given = arguments_of(locals())
        warn_before_flow(self, subset, augment, of_files=False)
        return NumpyArrayIterator(image_data_generator=self, **given, **self._of_batches())
