"""Augment with albumentations, in worker processes, with batches that can be repeated.

    pip install -e ".[tensorflow,examples]"
    python examples/albumentations_pipeline.py

A network learns handwritten digits that albumentations turns, bends, blurs and covers in part.
Shows first that the same seed gives the same batches with any number of workers. Ends with the
accuracy on files the network never saw, and with a picture: ``albumentations_pipeline.png``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

# augflow before albumentations, which then does not ask the network for newer versions.
from augflow import ImageDataGenerator  # isort: skip
import albumentations as A

from sample_data import data_folder, write_digits

WANTED_ACCURACY = 0.93
SIZE = (32, 32)


def make_pipeline() -> A.Compose:
    """What albumentations does to each image; 8-bit levels go in and come out."""
    return A.Compose(
        [
            A.Affine(rotate=(-12, 12), translate_percent=(-0.08, 0.08), scale=(0.9, 1.1), p=1),
            A.ElasticTransform(alpha=8, sigma=4, p=0.5),
            A.OneOf([A.GaussianBlur(), A.GaussNoise(std_range=(0.05, 0.15))], p=0.5),
            A.CoarseDropout(num_holes_range=(1, 2), hole_height_range=(3, 6), p=0.5),
        ]
    )


def make_model(class_count: int) -> keras.Model:
    """A small convolutional network for grey images of 32 x 32 pixels."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(class_count, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def save_picture(path: Path, originals: np.ndarray, augmented: np.ndarray) -> None:
    """Save originals in the upper row, what albumentations made of them in the lower."""
    plt.switch_backend("agg")  # draws into files; needs no screen
    figure, rows = plt.subplots(
        2, len(originals), figsize=(len(originals), 2.5), layout="constrained"
    )
    for images, row in zip((originals, augmented), rows, strict=True):
        for image, axes in zip(images, row, strict=True):
            axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axes.axis("off")
    figure.suptitle("originals (above) and augmented by albumentations (below)")
    figure.savefig(path, dpi=110)


def main() -> int:
    """Write the folder, compare workers, train; 1 if the network is not good enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="your own class folders (sample digits)")
    parser.add_argument("--output", type=Path, default=Path("albumentations_pipeline.png"))
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    folder = data_folder(options.data, write_digits)
    keras.utils.set_random_seed(0)

    settings = {"augmentation": make_pipeline(), "rescale": 1 / 255, "validation_split": 0.2}
    reading = {
        "directory": folder,
        "target_size": SIZE,
        "color_mode": "grayscale",
        "interpolation": "bilinear",
    }
    first = [
        next(
            ImageDataGenerator(**settings, workers=workers).flow_from_directory(
                **reading, subset="training", seed=0
            )
        )
        for workers in (0, 1, 2)
    ]
    equal = all(np.array_equal(images, first[0][0]) for images, _ in first)
    print(f"batches of 0, 1 and 2 workers are {'equal' if equal else 'DIFFERENT'}")

    generator = ImageDataGenerator(**settings)
    training = generator.flow_from_directory(**reading, subset="training", seed=0)
    validation = generator.flow_from_directory(
        **reading, subset="validation", shuffle=False, augment=False
    )
    originals, _ = next(
        generator.flow_from_directory(**reading, subset="training", seed=0, augment=False)
    )
    save_picture(options.output, originals[:12], first[0][0][:12])

    model = make_model(training.num_classes)
    model.fit(training, validation_data=validation, epochs=options.epochs)
    _, accuracy = model.evaluate(validation, verbose=0)
    print(f"picture: {options.output}")
    print(f"validation accuracy {100 * accuracy:.1f} %")
    is_good = options.data or accuracy >= WANTED_ACCURACY
    return 0 if is_good and equal else 1


if __name__ == "__main__":
    sys.exit(main())
