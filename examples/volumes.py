"""Train on 3-D volumes: one ``.npy`` file each, loaded by a function of three lines.

    python examples/volumes.py

Each volume of 24 x 24 x 24 holds a ball or a cube of some size, somewhere, under noise: made
here, for want of scans that may be shipped. ``volumes.txt`` says which file is which, with
"path label" lines. A small 3-D convolutional network learns to tell them apart.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np

from augflow import flow_from_loader, partition

SIDE = 24
SHAPES = ("ball", "cube")


def make_volume(shape: str, random: np.random.Generator) -> np.ndarray:
    """A ball or a cube of the same volume, under noise half as strong as itself."""
    volume_of_shape = random.uniform(500, 2500)
    radius = (volume_of_shape * 3 / 4 / np.pi) ** (1 / 3)
    half_side = volume_of_shape ** (1 / 3) / 2
    center = random.uniform(radius, SIDE - radius, 3)
    distances = np.abs(np.indices((SIDE,) * 3) - center.reshape(3, 1, 1, 1))
    if shape == "ball":
        inside = (distances**2).sum(axis=0) < radius**2
    else:
        inside = distances.max(axis=0) < half_side
    return inside + random.normal(scale=0.5, size=inside.shape)


def write_volumes(folder: Path, count: int) -> Path:
    """Write the volumes, and the text file that lists them.

    Returns:
        The text file.
    """
    random = np.random.default_rng(0)
    lines = []
    for number in range(count):
        shape = SHAPES[number % 2]
        np.save(folder / f"{number:04d}.npy", make_volume(shape, random).astype("float16"))
        lines.append(f"{number:04d}.npy {shape}\n")
    listing = folder / "volumes.txt"
    listing.write_text("".join(lines))
    return listing


def load(path: str) -> np.ndarray:
    """One volume, normalised, with an axis for the one channel. Runs in the workers."""
    volume = np.load(path).astype("float32")
    return ((volume - volume.mean()) / volume.std())[..., np.newaxis]


def turn(volume: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turn and mirror a volume: what is a ball or a cube stays one. Runs in the workers."""
    for axes in ((0, 1), (1, 2), (0, 2)):
        volume = np.rot90(volume, random.integers(4), axes)
    return volume[:: random.choice([-1, 1])]


def make_model() -> keras.Model:
    """Three layers of 3-D convolutions."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, SIDE, 1)),
            layers.Conv3D(8, 5, strides=2, activation="relu"),
            layers.Conv3D(16, 3, activation="relu"),
            layers.Conv3D(16, 3, activation="relu"),
            layers.GlobalMaxPooling3D(),
            layers.Dense(len(SHAPES), activation="softmax"),
        ]
    )


def main() -> None:
    """Write the volumes, train, say how many of the validation volumes are recognised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-volumes-"))
    listing = write_volumes(folder, options.volumes)
    keras.utils.set_random_seed(0)

    parts = partition(listing, validation=0.2, root=folder)
    print(f"classes: {parts.class_indices}")
    training = flow_from_loader(
        load, parts.train, parts.labels, num_classes=parts.num_classes, augment=turn, seed=0
    )
    validation = flow_from_loader(
        load, parts.validation, parts.labels, num_classes=parts.num_classes, shuffle=False
    )

    model = make_model()
    model.compile(keras.optimizers.Adam(0.003), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(training, validation_data=validation, epochs=options.epochs, verbose=2)
    print(training.stats())
    accuracy = model.evaluate(validation, verbose=0)[1]
    print(f"accuracy on {len(parts.validation)} validation volumes: {100 * accuracy:.1f} %")


if __name__ == "__main__":
    main()
