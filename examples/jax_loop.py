"""Train a classifier in a plain loop of JAX, with batches from worker processes.

    python examples/jax_loop.py

The data are scans of handwritten digits in class folders. ``flow.epoch()`` is one pass over
them, of NumPy arrays, which JAX takes as they are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from augflow import ImageDataGenerator
from sample_data import write_digits

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    sys.exit("skipped: JAX is not installed (pip install jax)")


def logits(parameters: Any, images: Any) -> Any:
    """Two dense layers."""
    (first, bias), (second, other_bias) = parameters
    hidden = jax.nn.relu(images.reshape(len(images), -1) @ first + bias)
    return hidden @ second + other_bias


def loss_of(parameters: Any, images: Any, labels: Any) -> Any:
    """Mean cross-entropy."""
    return -(jax.nn.log_softmax(logits(parameters, images)) * labels).sum(axis=1).mean()


@jax.jit
def step(parameters: Any, images: Any, labels: Any) -> tuple[Any, Any]:
    """One step of gradient descent."""
    loss, gradients = jax.value_and_grad(loss_of)(parameters, images, labels)
    return jax.tree.map(lambda p, g: p - 0.3 * g, parameters, gradients), loss


def main() -> None:
    """Write the digits, train, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-")) / "digits"
    write_digits(folder)
    generator = ImageDataGenerator(rotation_range=5, rescale=1 / 255, validation_split=0.2)
    settings: dict[str, Any] = {
        "target_size": (8, 8),
        "color_mode": "grayscale",
        "batch_size": 64,
        "seed": 1,
    }
    random = np.random.default_rng(0)
    parameters = [
        (jnp.asarray(random.normal(0, 0.1, shape), jnp.float32), jnp.zeros(shape[1]))
        for shape in ((64, 96), (96, 10))
    ]
    # Whole batches alone: JAX compiles the step once.
    with generator.flow_from_directory(
        folder, subset="training", drop_remainder=True, **settings
    ) as flow:
        for epoch in range(options.epochs):
            for images, labels in flow.epoch():
                parameters, loss = step(parameters, images, labels)
            print(f"epoch {epoch}: loss {float(loss):.3f}")
    with generator.flow_from_directory(
        folder, subset="validation", augment=False, **settings
    ) as flow:
        right = [
            np.argmax(logits(parameters, images), axis=1) == labels.argmax(axis=1)
            for images, labels in flow.epoch()
        ]
    print(f"validation accuracy {100 * np.concatenate(right).mean():.1f} %")


if __name__ == "__main__":
    main()
