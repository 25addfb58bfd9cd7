"""Train a recommender: two inputs, ``user_id`` and ``item_id``, and a rating as the target.

    python examples/recommender.py

The ratings are made here: every user and every item has a few hidden tastes, a rating says how
well they match, with noise, in steps of half a star. The columns lie in ``.npy`` files and are
memory-mapped, as they would for a table larger than memory. The network finds tastes for users
and items that explain the ratings it sees, and is measured on those it has not seen.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np

from augflow import flow_from_arrays

TASTES = 3
NOISE = 0.25


def write_ratings(folder: Path, users: int, items: int, ratings: int) -> None:
    """Write one file a column: user_id, item_id and rating; the rows are in no order."""
    random = np.random.default_rng(0)
    tastes_of_users = random.normal(size=(users, TASTES))
    tastes_of_items = random.normal(size=(items, TASTES))
    user = random.integers(users, size=ratings)
    item = random.integers(items, size=ratings)
    match = (tastes_of_users[user] * tastes_of_items[item]).sum(axis=1) / np.sqrt(TASTES)
    stars = np.clip(3 + match + random.normal(scale=NOISE, size=ratings), 0.5, 5)
    np.save(folder / "user_id.npy", user.astype("int32"))
    np.save(folder / "item_id.npy", item.astype("int32"))
    np.save(folder / "rating.npy", (np.round(2 * stars) / 2).astype("float32"))


def make_model(users: int, items: int) -> keras.Model:
    """The product of a user's and an item's tastes, and what each is rated on average."""
    layers = keras.layers
    inputs = {name: keras.Input((), dtype="int32", name=name) for name in ("user_id", "item_id")}
    counts = {"user_id": users, "item_id": items}
    tastes, means = [], []
    for name, number in inputs.items():
        tastes.append(layers.Embedding(counts[name], TASTES + 1)(number))
        means.append(layers.Embedding(counts[name], 1, embeddings_initializer="zeros")(number))
    match = layers.Dot(axes=1)(tastes)
    output = layers.Dense(1, kernel_initializer="ones")(layers.Add()([match, *means]))
    return keras.Model(inputs, output)


def main() -> None:
    """Write the ratings, train, compare with the mean rating."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    users, items = 2000, 1000
    folder = Path(tempfile.mkdtemp(prefix="augflow-ratings-"))
    write_ratings(folder, users, items, options.ratings)
    keras.utils.set_random_seed(0)

    columns = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r")
        for name in ("user_id", "item_id", "rating")
    }
    inputs = {name: columns[name] for name in ("user_id", "item_id")}
    reading = {"batch_size": 512, "validation_split": 0.1}
    training = flow_from_arrays(inputs, columns["rating"], **reading, subset="training", seed=0)
    validation = flow_from_arrays(
        inputs, columns["rating"], **reading, subset="validation", shuffle=False
    )

    model = make_model(users, items)
    model.compile(
        keras.optimizers.Adam(0.01), "mse", metrics=[keras.metrics.RootMeanSquaredError("rmse")]
    )
    model.fit(training, validation_data=validation, epochs=options.epochs, verbose=2)

    error = model.evaluate(validation, return_dict=True, verbose=0)["rmse"]
    baseline = np.sqrt(np.mean((validation.targets - training.targets.mean()) ** 2))
    print(
        f"root mean squared error on {len(validation.targets)} unseen ratings: {error:.3f} stars; "
        f"of the mean rating: {baseline:.3f}"
    )


if __name__ == "__main__":
    main()
