"""Train a model with two inputs: a picture, and numbers and words from a table.

    python examples/image_and_table.py

Each row is an order. How many pieces are wanted stands in a picture, as a handwritten digit; the
price of a piece and where it goes stand in the table. The network is to tell the sum to pay,
for which it needs both. For comparison the same network learns from the pictures alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from augflow import ImageDataGenerator
from sample_data import write_digits

POSTAGE = {"near": 1.0, "abroad": 4.0, "overseas": 9.0}


def add_orders(table: pd.DataFrame) -> pd.DataFrame:
    """Give each digit's row a price, a place to send to, and the sum to pay."""
    random = np.random.default_rng(0)
    prices = random.uniform(0.5, 2.0, len(table)).round(2)
    places = random.choice(list(POSTAGE), len(table))
    postage = np.array([POSTAGE[place] for place in places])
    return table.assign(
        price=prices, place=places, total=table["digit"].astype(int) * prices + postage
    )


def one_hot(places: np.ndarray) -> np.ndarray:
    """A column of words as three columns of zeros and ones."""
    return places[:, np.newaxis] == np.array(list(POSTAGE))


def make_model(with_table: bool) -> keras.Model:
    """A small convolutional network for the picture, beside it the numbers of the table."""
    layers = keras.layers
    image = keras.Input((16, 16, 1), name="image")
    order = keras.Input((4,), name="order")
    digit = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(image))
    digit = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(digit))
    digit = layers.Dense(64, activation="relu")(layers.Flatten()(digit))
    known = layers.Concatenate()([digit, order]) if with_table else digit
    hidden = layers.Dense(64, activation="relu")(known)
    total = layers.Dense(1)(layers.Dense(64, activation="relu")(hidden))
    model = keras.Model({"image": image, "order": order}, total)
    model.compile(keras.optimizers.Adam(2e-3), "mean_absolute_error")
    return model


def main() -> None:
    """Write the pictures, train with and without the table, print both errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-orders-"))
    table = add_orders(write_digits(folder)).sample(frac=1, random_state=0)
    split = len(table) * 3 // 4

    reading = {
        "directory": folder,
        "x_col": "file",
        "y_col": "total",
        "class_mode": "raw",
        "target_size": (16, 16),
        "color_mode": "grayscale",
        # One input of the network, "order", made of a number and of three for the word.
        "extra_cols": {"order": ["price", "place"]},
        "preprocess": {"place": one_hot},
    }
    moving = ImageDataGenerator(rotation_range=8, width_shift_range=0.05, rescale=1 / 255)
    training = moving.flow_from_dataframe(table[:split], seed=0, **reading)
    testing = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        table[split:], shuffle=False, **reading
    )
    errors = []
    for with_table in (True, False):
        keras.utils.set_random_seed(0)
        model = make_model(with_table)
        model.fit(training, epochs=options.epochs, verbose=2)
        errors.append(model.evaluate(testing, verbose=0))
        if with_table:
            answers = table.loc[testing.dataframe_index].drop(columns="file").head(8)
            answers["answer"] = model.predict(testing, verbose=0)[:8, 0].round(2)
    print("\nThe first orders, and what the network says:")
    print(answers.to_string(index=False))
    print(f"\nmean error of the sum to pay: {errors[0]:.2f}, without the table {errors[1]:.2f}")


if __name__ == "__main__":
    main()
