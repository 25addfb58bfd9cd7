"""Train a small network on a folder of images, augmented by augflow.

    python examples/classify_folder.py
    python examples/classify_folder.py --data my_photos

The folder holds one folder of images for each class: your own, or handwritten digits. The
network sees them turned and shifted a little differently in every epoch, and is judged on files
it never saw. Ends with the validation accuracy, and with a picture: ``classify_folder.png``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

from augflow import ImageDataGenerator
from sample_data import data_folder, write_digits

WANTED_ACCURACY = 0.95
SIZE = (32, 32)


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
            layers.Dropout(0.3),
            layers.Dense(class_count, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def save_picture(
    path: Path, originals: np.ndarray, augmented: np.ndarray, history: keras.callbacks.History
) -> None:
    """Save one picture: augmented images below their originals, and the learning curve."""
    plt.switch_backend("agg")  # draws into files; needs no screen
    columns = len(originals) // 2
    figure = plt.figure(figsize=(11, 4.6), layout="constrained")
    samples, curve = figure.subfigures(1, 2, width_ratios=(6, 5))
    rows = samples.subplots(4, columns)
    shown = (originals[:columns], augmented[:columns], originals[columns:], augmented[columns:])
    names = ("original", "augmented", "original", "augmented")
    for name, images, row in zip(names, shown, rows, strict=True):
        row[0].set_ylabel(name)
        for image, axes in zip(images, row, strict=False):
            axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
    axes = curve.subplots()
    epochs = range(1, len(history.history["accuracy"]) + 1)
    axes.plot(epochs, history.history["accuracy"], label="training, augmented")
    axes.plot(epochs, history.history["val_accuracy"], label="validation")
    axes.axhline(WANTED_ACCURACY, color="gray", linestyle=":", label="wanted")
    axes.set(xlabel="epoch", ylabel="accuracy", title="learning curve")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main() -> int:
    """Train on the folder, save the picture; 1 if the network is not good enough for digits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="your own class folders (sample digits)")
    parser.add_argument("--output", type=Path, default=Path("classify_folder.png"))
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    folder = data_folder(options.data, write_digits)
    keras.utils.set_random_seed(0)

    # No flips: a mirrored digit is no digit.
    generator = ImageDataGenerator(
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        # The paper around a digit is black, so what moves in from outside is black too.
        fill_mode="constant",
        rescale=1 / 255,
        validation_split=0.2,
    )
    reading = {
        "directory": folder,
        "target_size": SIZE,
        "color_mode": "grayscale",
        "interpolation": "bilinear",
    }
    training = generator.flow_from_directory(**reading, subset="training", seed=0)
    # augment=False: the network is judged on the images as they are, not on distorted ones.
    validation = generator.flow_from_directory(
        **reading, subset="validation", shuffle=False, augment=False
    )

    # For the picture. One seed gives both flows one order: each image meets its augmentation.
    sampling = {**reading, "subset": "training", "seed": 1, "batch_size": 12}
    originals, _ = next(generator.flow_from_directory(**sampling, augment=False))
    augmented, _ = next(generator.flow_from_directory(**sampling))

    model = make_model(training.num_classes)
    history = model.fit(training, validation_data=validation, epochs=options.epochs)
    _, accuracy = model.evaluate(validation, verbose=0)

    save_picture(options.output, originals, augmented, history)
    print(f"picture: {options.output}")
    print(f"validation accuracy {100 * accuracy:.1f} %")
    # How good a network gets with other images, nobody knows.
    return 0 if options.data or accuracy >= WANTED_ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
