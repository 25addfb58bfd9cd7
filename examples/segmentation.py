"""Train a small network to find the pixels of an object: images and masks from two folders.

    python examples/segmentation.py

The pictures are digits painted over photographs; the masks say which pixels are digit. Both
are turned, zoomed and flipped alike, and only the pictures change their brightness. Ends with
how well prediction and truth overlap on pictures the network never saw, and with a picture of
the predicted outlines: ``segmentation.png``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

from augflow import ImageDataGenerator
from sample_data import data_folder, write_digit_scenes

WANTED_OVERLAP = 0.6
SIZE = (64, 64)


def make_model() -> keras.Model:
    """A small U-Net: two steps down, two steps up, and a class for each pixel."""
    layers = keras.layers
    inputs = keras.Input((*SIZE, 3))
    large = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    middle = layers.MaxPooling2D()(large)
    middle = layers.Conv2D(32, 3, padding="same", activation="relu")(middle)
    small = layers.MaxPooling2D()(middle)
    small = layers.Conv2D(64, 3, padding="same", activation="relu")(small)
    small = layers.Conv2D(64, 3, padding="same", activation="relu")(small)
    up = layers.Concatenate()([layers.UpSampling2D()(small), middle])
    up = layers.Conv2D(32, 3, padding="same", activation="relu")(up)
    up = layers.Concatenate()([layers.UpSampling2D()(up), large])
    up = layers.Conv2D(16, 3, padding="same", activation="relu")(up)
    model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(up))
    # The masks hold class numbers, so this is the loss, and nothing has to be made one-hot.
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


def overlap(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Intersection over union of the pixels of class 1, of all images together."""
    both = np.logical_and(truth == 1, predicted == 1).sum()
    return float(both / np.logical_or(truth == 1, predicted == 1).sum())


def save_picture(path: Path, images: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Save the images with two outlines: white where the object is, red where it was found."""
    plt.switch_backend("agg")  # draws into files; needs no screen
    figure, rows = plt.subplots(2, 6, figsize=(11, 4.2), layout="constrained")
    for axes, image, mask, found in zip(rows.flat, images, truth, predicted, strict=False):
        axes.imshow(image)
        axes.contour(mask, [0.5], colors="white", linewidths=2.5)
        axes.contour(found, [0.5], colors="red", linewidths=1)
        axes.axis("off")
    figure.suptitle("true outlines (white) and predicted outlines (red)")
    figure.savefig(path, dpi=110)


def main() -> int:
    """Write the folders, train, save the picture; 1 if the overlap is too small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        type=Path,
        help="your own folder with images/ and masks/ of 0 and 1 (sample digits)",
    )
    parser.add_argument("--output", type=Path, default=Path("segmentation.png"))
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    folder = data_folder(options.data, partial(write_digit_scenes, count=600))
    keras.utils.set_random_seed(0)

    generator = ImageDataGenerator(
        rotation_range=15,
        zoom_range=0.15,
        horizontal_flip=True,
        brightness_range=(0.7, 1.3),
        fill_mode="reflect",
        rescale=1 / 255,
        validation_split=0.2,
    )
    reading = {
        "directory": folder / "images",
        "mask_directory": folder / "masks",
        "target_size": SIZE,
    }
    training = generator.flow_from_directory(**reading, subset="training", seed=0)
    validation = generator.flow_from_directory(
        **reading, subset="validation", shuffle=False, augment=False
    )

    model = make_model()
    model.fit(training, validation_data=validation, epochs=options.epochs)

    batches = [validation[index] for index in range(len(validation))]
    images = np.concatenate([images for images, _ in batches])
    truth = np.concatenate([masks for _, masks in batches])[..., 0]
    predicted = model.predict(images, verbose=0).argmax(axis=-1)

    save_picture(options.output, images, truth, predicted)
    score = overlap(truth, predicted)
    print(f"picture: {options.output}")
    print(f"intersection over union {score:.3f}; of calling all pixels digit {truth.mean():.3f}")
    return 0 if options.data or score >= WANTED_OVERLAP else 1


if __name__ == "__main__":
    sys.exit(main())
