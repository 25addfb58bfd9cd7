"""tf.data with Keras's layers, after keras.io's guide and TensorFlow's tutorial on images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.work import FULL_AFFINE, Contestant, Epochs, Work

# The tutorial's: of batches here, since the dataset comes in batches.
SHUFFLE_BUFFER = 1000


def load(contestant: Contestant) -> None:
    """Import what the contestant needs, so that it is not measured."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401


def make_layers(work: Work) -> Any:
    """The augmentation as layers; the last one scales to 0 to 1."""
    from keras import layers

    rescaling = layers.Rescaling(1 / 255)
    if not work.augmented:
        return layers.Pipeline([rescaling])
    zoom, shift = FULL_AFFINE["zoom_range"], FULL_AFFINE["width_shift_range"]
    nearest = {"fill_mode": "nearest"}
    # Keras shears by an angle's sine along one axis; the layer takes the fraction, from 0 up.
    shear = 0.342
    return layers.Pipeline(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(FULL_AFFINE["rotation_range"] / 360, **nearest),
            layers.RandomTranslation(shift, shift, **nearest),
            layers.RandomShear(x_factor=shear, **nearest),
            layers.RandomZoom(zoom, zoom, **nearest),
            rescaling,
        ]
    )


def open_fit_input(contestant: Contestant, work: Work) -> Any:
    """The dataset: batches of images (float32) and classes."""
    import keras
    import tensorflow as tf

    images = keras.utils.image_dataset_from_directory(
        str(work.make_folder()),
        label_mode="binary",
        batch_size=work.batch_size,
        image_size=work.size,
        interpolation=work.interpolation,
        seed=0,
    )
    if contestant.options.get("cached"):
        images = images.cache().shuffle(SHUFFLE_BUFFER)
    augment = make_layers(work)
    return images.map(
        lambda batch, classes: (augment(batch, training=True), classes),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def open_epochs(contestant: Contestant, work: Work) -> Epochs:
    """The epochs of the dataset."""
    dataset = open_fit_input(contestant, work)

    def read_epoch() -> Iterator[int]:
        for images, _ in dataset:
            yield int(images.shape[0])

    return read_epoch


def scan_folder(contestant: Contestant, work: Work) -> Callable[[], Any]:
    """A function that makes a dataset over the empty files, looking for them in their folders."""
    import keras

    from tests.benchmarks.empty_files import empty_files

    folder = str(empty_files(work.images))
    return lambda: keras.utils.image_dataset_from_directory(folder, seed=0)
