"""Train from a bucket: each image comes over the network once, and later epochs are local.

    pip install -e ".[store,tensorflow,examples]" "moto[server]"
    python examples/bucket.py

Starts a server on this machine that speaks S3 (moto's), puts handwritten digits into a bucket (or
the images of `--data`), and trains on them, by their address. Ends with the seconds of the first
epoch and of the last, and the accuracy on digits that the network never saw.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import keras

from augflow import ImageDataGenerator
from sample_data import data_folder, write_digits

SIZE = (32, 32)


@contextmanager
def local_bucket(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of a bucket that holds a folder, and the options to reach it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if server.poll() is not None:
                sys.exit('the server has ended; is it installed? pip install "moto[server]"')
            time.sleep(0.2)
        options = {
            "key": "any",
            "secret": "any",
            "endpoint_url": f"http://127.0.0.1:{port}",
            "client_kwargs": {"region_name": "eu-west-1"},
        }
        system = fsspec.filesystem("s3", **options)
        system.mkdir("digits")
        system.put(os.fspath(folder), "digits/all", recursive=True)
        yield "s3://digits/all", options
    finally:
        server.kill()
        server.wait()


def make_model(class_count: int) -> keras.Model:
    """A small convolutional network for grey images."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 1)),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(class_count, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="class folders of images, put into the bucket")
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    folder = data_folder(arguments.data, write_digits)
    cache = tempfile.TemporaryDirectory()
    with cache, local_bucket(folder) as (address, options):
        datagen = ImageDataGenerator(rescale=1 / 255, rotation_range=8, validation_split=0.2)
        shared: dict[str, Any] = {
            "target_size": SIZE,
            "color_mode": "grayscale",
            "batch_size": 64,
            "seed": 1,
            "storage_options": options,
            # Once an image was read, its pixels are here.
            "cache": cache.name,
        }
        training = datagen.flow_from_directory(address, subset="training", **shared)
        judging = datagen.flow_from_directory(
            address, subset="validation", augment=False, shuffle=False, **shared
        )
        model = make_model(training.num_classes)
        seconds = []
        for _ in range(arguments.epochs):
            begin = time.perf_counter()
            model.fit(training, epochs=1, verbose=0)
            seconds.append(time.perf_counter() - begin)
        _, accuracy = model.evaluate(judging, verbose=0)
        training.close()
        judging.close()
    print(
        f"first epoch, from the bucket: {seconds[0]:.1f} s; last one, cached: {seconds[-1]:.1f} s"
    )
    print(f"validation accuracy {100 * accuracy:.1f} %")


if __name__ == "__main__":
    main()
