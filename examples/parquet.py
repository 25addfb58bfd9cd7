"""Train from a Parquet file, and from the same rows as a Feather file.

    python examples/parquet.py

The file holds what sellers of used cars might have written down: brand, age, mileage, the day of
the offer and the price, 60,000 rows, made up by a formula with random noise. Columns come as the
file has them: brands as text, days as dates, prices as integers, and some mileages are missing.
Ends with the error of a small network on rows that it never saw, beside that of the mean price.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import augflow

BRANDS = ["Almera", "Bora", "Corsa", "Delta"]


def make_offers(rows: int) -> pd.DataFrame:
    """A table of offers."""
    draw = np.random.default_rng(0)
    brand = draw.integers(0, len(BRANDS), rows)
    age = draw.uniform(0, 15, rows)
    mileage = 12_000 * age * draw.uniform(0.5, 1.5, rows)
    offered = pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 365, rows), "D")
    summer = np.cos((offered.day_of_year - 180) * 2 * np.pi / 365)
    price = (18_000 + 4_000 * brand) * np.exp(-age / 8) - 0.02 * mileage + 500 * summer
    mileage[draw.random(rows) < 0.02] = np.nan
    return pd.DataFrame(
        {
            "brand": np.asarray(BRANDS, object)[brand],
            "age": age,
            "mileage": mileage,
            "offered": offered,
            "price": (price + draw.normal(0, 500, rows)).round().astype("int32"),
        }
    )


def one_hot_brands(brands: pd.Series) -> np.ndarray:
    """A column for each brand; runs in the workers."""
    return (brands.to_numpy()[:, None] == np.asarray(BRANDS, object)).astype("float32")


def scaled_ages(ages: pd.Series) -> np.ndarray:
    """About -2 to 2."""
    return (ages / 4 - 2).to_numpy()


def scaled_mileages(mileages: pd.Series) -> np.ndarray:
    """About -1 to 2; a missing one counts as the mean."""
    return ((mileages - 90_000) / 60_000).fillna(0).to_numpy()


def days_on_a_circle(days: pd.Series) -> np.ndarray:
    """Two columns: the end of a year is near to its beginning."""
    angle = days.dt.day_of_year.to_numpy() * 2 * np.pi / 365
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def thousands(prices: pd.Series) -> np.ndarray:
    """Prices as a network likes them."""
    return (prices / 1000).to_numpy()


def main() -> None:
    """Write the files, train, print the errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-parquet-"))
    offers = make_offers(options.rows)
    # Row groups are what is read at once, and what is shuffled: many small ones are mixed well.
    offers.to_parquet(folder / "offers.parquet", row_group_size=4096, index=False)
    offers.to_feather(folder / "offers.feather")
    keras.utils.set_random_seed(0)

    reading = {
        "x_cols": ["brand", "age", "mileage", "offered"],
        "y_cols": "price",
        "preprocess": {
            "brand": one_hot_brands,
            "age": scaled_ages,
            "mileage": scaled_mileages,
            "offered": days_on_a_circle,
            "price": thousands,
        },
        "batch_size": 128,
        "validation_split": 0.2,
        "cache": folder / "columns",
    }
    path = folder / "offers.parquet"
    training = augflow.flow_from_parquet(path, **reading, subset="training", shuffle=True, seed=0)
    validation = augflow.flow_from_parquet(path, **reading, subset="validation")
    print(f"{training.n} rows to train with, {validation.n} to judge by")

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse", metrics=["mae"])
    model.fit(training, validation_data=validation, epochs=options.epochs, verbose=2)

    feather = augflow.flow_from_parquet(
        folder / "offers.feather", **{**reading, "cache": None}, subset="validation"
    )
    errors = [
        model.evaluate(flow, return_dict=True, verbose=0)["mae"] for flow in (validation, feather)
    ]
    prices = np.concatenate([targets for _, targets in validation.epoch()])
    of_the_mean = np.abs(prices - prices.mean()).mean()
    print(
        f"mean absolute error in thousands: {errors[0]:.3f}; from the Feather file "
        f"{errors[1]:.3f}; of the mean price {of_the_mean:.3f}"
    )


if __name__ == "__main__":
    main()
