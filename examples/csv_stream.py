"""Train from CSV files row by row, however large they are.

    python examples/csv_stream.py

Two files hold what a power station might have written down: the hour, the temperature, the day
of the week and the demand, 150,000 rows each. The rows are made up by a formula with random
noise, so the error that no network can get below is known. The first epoch parses them and keeps
the columns in a folder; later ones pick rows from there. Prints rows a second of each epoch, and
ends with the network's error on rows it never saw, beside that of the mean demand and that of the
noise.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import augflow

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
NOISE = 3.0


def write_files(folder: Path, rows: int) -> list[Path]:
    """Two files of the given number of rows each; some temperatures are missing."""
    draw = np.random.default_rng(0)
    paths = []
    for year in (2023, 2024):
        day = draw.integers(0, 7, rows)
        hour = draw.uniform(0, 24, rows)
        temperature = draw.normal(15, 8, rows)
        wave = 20 * np.sin((hour - 9) * np.pi / 12)
        demand = 60 + np.where(day < 5, wave, wave / 2) + 1.5 * np.abs(temperature - 18)
        temperature[draw.random(rows) < 0.01] = np.nan
        table = pd.DataFrame(
            {
                "day": np.asarray(DAYS)[day],
                "hour": hour.round(3),
                "temperature": temperature.round(2),
                "demand": (demand + draw.normal(0, NOISE, rows)).round(3),
            }
        )
        paths.append(folder / f"demand-{year}.csv")
        table.to_csv(paths[-1], index=False)
    return paths


def one_hot_days(days: pd.Series) -> np.ndarray:
    """Seven columns for the names of days; runs in the workers."""
    return (days.to_numpy()[:, None] == np.asarray(DAYS, object)).astype("float32")


def hours_on_a_circle(hours: pd.Series) -> np.ndarray:
    """Two columns: midnight is near to midnight."""
    angle = hours.astype(float).to_numpy() * np.pi / 12
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def scaled_temperatures(temperatures: pd.Series) -> np.ndarray:
    """About -2 to 2; a missing one counts as the mean."""
    return ((temperatures.astype(float) - 15) / 8).fillna(0).to_numpy()


class RowsASecond(keras.callbacks.Callback):
    """Prints how fast rows came, training included, after each epoch."""

    def __init__(self, flow: augflow.CsvIterator) -> None:
        super().__init__()
        self.flow = flow

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.begin = time.perf_counter()

    def on_test_begin(self, logs: object = None) -> None:
        # Validation is part of an epoch, but not of its training.
        self.seconds = time.perf_counter() - self.begin

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        info = self.flow.cache_info()
        print(
            f"epoch {epoch + 1}: {self.flow.n / self.seconds:,.0f} rows/s; "
            f"{info.cached} of {info.rows} rows are in the cache"
        )


def main() -> None:
    """Write the files, train, print the errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=150_000, help="rows of each file")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-csv-"))
    paths = write_files(folder, options.rows)
    keras.utils.set_random_seed(0)

    reading = {
        "x_cols": ["day", "hour", "temperature"],
        "y_cols": "demand",
        "preprocess": {
            "day": one_hot_days,
            "hour": hours_on_a_circle,
            "temperature": scaled_temperatures,
        },
        "batch_size": 256,
        "validation_split": 0.1,
        "cache": folder / "columns",
    }
    training = augflow.flow_from_csv(paths, **reading, subset="training", shuffle=True, seed=0)
    validation = augflow.flow_from_csv(paths, **reading, subset="validation")
    print(f"{training.n} rows to train with, {validation.n} to judge by, in {len(paths)} files")

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(
        training,
        validation_data=validation,
        epochs=options.epochs,
        callbacks=[RowsASecond(training)],
        verbose=2,
    )

    # The same rows without a model: what the flow itself gives from its cache.
    begin = time.perf_counter()
    rows = sum(len(inputs) for inputs, _ in training.epoch())
    print(f"the flow alone: {rows / (time.perf_counter() - begin):,.0f} rows/s")

    error = model.evaluate(validation, return_dict=True, verbose=0)["mae"]
    targets = np.concatenate([validation[index][1] for index in range(len(validation))])
    of_the_mean = np.abs(targets - targets.mean()).mean()
    of_the_noise = NOISE * np.sqrt(2 / np.pi)
    print(
        f"mean absolute error {error:.2f}; of the mean demand {of_the_mean:.2f}; "
        f"of the noise alone {of_the_noise:.2f}"
    )


if __name__ == "__main__":
    main()
