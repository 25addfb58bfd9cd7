"""Train an autoencoder: ``class_mode="input"`` makes every image its own target.

    python examples/autoencoder.py

The network squeezes each digit of 32 x 32 pixels through 24 numbers and draws it again. It
is compared with the best answer that does not look at the image at all, the mean image.
Saves originals beside reconstructions: ``autoencoder.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

from augflow import ImageDataGenerator
from sample_data import data_folder, write_digits

SIZE = (32, 32)
CODE_LENGTH = 24


def make_model() -> keras.Model:
    """Half the size three times, 24 numbers, and back again."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((*SIZE, 1)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(CODE_LENGTH),
            layers.Dense(8 * 8 * 32, activation="relu"),
            layers.Reshape((8, 8, 32)),
            layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ]
    )


def save_picture(path: Path, originals: np.ndarray, reconstructions: np.ndarray) -> None:
    """Save the originals in the upper row, what the network made of them in the lower."""
    plt.switch_backend("agg")  # draws into files; needs no screen
    figure, rows = plt.subplots(
        2, len(originals), figsize=(len(originals), 2.5), layout="constrained"
    )
    for images, row in zip((originals, reconstructions), rows, strict=True):
        for image, axes in zip(images, row, strict=True):
            axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axes.axis("off")
    figure.suptitle("originals (above) and reconstructions (below)")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Write the folder, train, compare, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="your own class folders (sample digits)")
    parser.add_argument("--output", type=Path, default=Path("autoencoder.png"))
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    folder = data_folder(options.data, write_digits)
    keras.utils.set_random_seed(0)

    generator = ImageDataGenerator(
        rotation_range=10,
        zoom_range=0.1,
        # The paper around a digit is black, so what turns in from outside is black too.
        fill_mode="constant",
        rescale=1 / 255,
        validation_split=0.2,
    )
    reading = {
        "directory": folder,
        "target_size": SIZE,
        "color_mode": "grayscale",
        "interpolation": "bilinear",
        # Each batch is (images, the same images): the target is what went in, augmented too.
        "class_mode": "input",
    }
    training = generator.flow_from_directory(**reading, subset="training", seed=0)
    validation = generator.flow_from_directory(**reading, subset="validation", augment=False)

    model = make_model()
    model.compile("adam", "mse")
    model.fit(training, validation_data=validation, epochs=options.epochs)
    loss = model.evaluate(validation, verbose=0)

    plain = generator.flow_from_directory(**reading, subset="training", augment=False)
    mean_image = np.concatenate([next(plain)[0] for _ in range(len(plain))]).mean(axis=0)
    images = np.concatenate([validation[index][0] for index in range(len(validation))])
    baseline = float(np.mean((images - mean_image) ** 2))

    save_picture(options.output, images[:12], model.predict(images[:12], verbose=0))
    print(f"picture: {options.output}")
    print(f"mean squared error {loss:.4f}; of the mean image {baseline:.4f}")


if __name__ == "__main__":
    main()
