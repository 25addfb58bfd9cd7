"""A training that kills itself in the middle of an epoch, goes on, and proves that nothing is lost.

    python examples/resume_training.py

The script starts itself: once to train without a stop, once to train and kill itself (SIGKILL, as
the out-of-memory killer or a cluster does), and once more to go on, with another number of workers.
Then it compares the final weights of both trainings.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sample_data import write_digits


def train(folder: Path, name: str, workers: int, kill_at: int, epochs: int) -> None:
    """Train on the digits, maybe until a step, and save the final weights."""
    import keras

    from augflow import ImageDataGenerator, ResumeCallback

    keras.utils.set_random_seed(0)
    generator = ImageDataGenerator(rotation_range=10, rescale=1 / 255, workers=workers)
    flow = generator.flow_from_directory(
        folder / "digits",
        target_size=(8, 8),
        color_mode="grayscale",
        class_mode="sparse",
        batch_size=64,
        seed=1,
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    class Kill(keras.callbacks.Callback):
        """Ends this process after so many steps, without a word."""

        steps = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            """Called by Keras after each step."""
            self.steps += 1
            if self.steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    resume = ResumeCallback(folder / name, flow, every=5)
    history = model.fit(flow, epochs=epochs, verbose=0, callbacks=[resume, Kill()])
    print(
        f"{name}: accuracy {100 * history.history['accuracy'][-1]:.1f} % with {workers} worker(s)"
    )
    np.savez(folder / f"{name}.npz", *model.get_weights())
    flow.close()


def run(folder: Path, name: str, workers: int, kill_at: int, epochs: int) -> int:
    """Another process of this script; its exit status."""
    sys.stdout.flush()
    arguments = map(str, ("--train", folder, name, workers, kill_at, "--epochs", epochs))
    return subprocess.run([sys.executable, __file__, *arguments], check=False).returncode


def main() -> None:
    """Start three trainings, and compare two of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--train", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        folder, name, workers, kill_at = options.train
        train(Path(folder), name, int(workers), int(kill_at), options.epochs)
        return

    folder = Path(tempfile.mkdtemp(prefix="augflow-"))
    write_digits(folder / "digits")
    if run(folder, "whole", 1, 0, options.epochs):
        sys.exit("the training failed")
    # In the middle of an epoch, which has 29 steps.
    kill_at = 29 * (options.epochs // 2) + 12
    status = run(folder, "killed", 1, kill_at, options.epochs)
    print(f"killed after {kill_at} of {29 * options.epochs} steps: exit status {status}")
    if run(folder, "killed", 2, 0, options.epochs):
        sys.exit("the training did not go on")
    with np.load(folder / "whole.npz") as whole, np.load(folder / "killed.npz") as killed:
        same = all(np.array_equal(whole[name], killed[name]) for name in whole.files)
    print("final weights:", "the same, to the bit" if same else "NOT the same")


if __name__ == "__main__":
    main()
