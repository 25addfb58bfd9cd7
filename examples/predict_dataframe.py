"""Train from a table of files, and join the predictions to the file names.

    python examples/predict_dataframe.py

A table says which file shows which digit. Half of its rows train a small network; for the
others the network's answer and how sure it is of it become two more columns.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np

from augflow import ImageDataGenerator
from sample_data import write_digits


def make_model(class_count: int) -> keras.Model:
    """A small convolutional network for grey images of 16 x 16 pixels."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(class_count, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Write files and table, train on one half, predict the other, print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-digits-"))
    table = write_digits(folder)
    keras.utils.set_random_seed(0)
    known, unknown = table[::2], table[1::2]

    reading = {
        "directory": folder,
        "x_col": "file",
        "target_size": (16, 16),
        "color_mode": "grayscale",
        "interpolation": "bilinear",
    }
    training = ImageDataGenerator(
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        fill_mode="constant",
        rescale=1 / 255,
    ).flow_from_dataframe(known, y_col="digit", seed=0, **reading)
    model = make_model(len(training.class_indices))
    model.fit(training, epochs=options.epochs)

    # shuffle=False: row n of the predictions belongs to row n of filenames. The default,
    # True, is right for training and would join each prediction to another file's name.
    # class_mode=None: there are no labels to read, as for files nobody has looked at yet.
    testing = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        unknown, class_mode=None, shuffle=False, **reading
    )
    probabilities = model.predict(testing, verbose=0)

    names = {index: name for name, index in training.class_indices.items()}
    answers = unknown.set_index("file").loc[testing.filenames]
    answers["predicted"] = [names[index] for index in probabilities.argmax(axis=1)]
    answers["probability"] = probabilities.max(axis=1).round(3)

    print("\nThe answers that the network is least sure of:")
    print(answers.sort_values("probability").head(8).to_string())
    accuracy = np.mean(answers["predicted"] == answers["digit"])
    print(f"\naccuracy on {len(answers)} files: {100 * accuracy:.1f} %")


if __name__ == "__main__":
    main()
