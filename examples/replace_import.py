"""One script, both imports: the same batches, at two speeds.

python examples/replace_import.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator

# This import is the whole change; make_flow below is the same for both.
from augflow import ImageDataGenerator as AugflowGenerator
from sample_data import write_photos


def make_flow(generator_class: Any, folder: Path) -> Any:
    """A flow with the augmentation that most scripts use."""
    generator = generator_class(
        rotation_range=20,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=20,
        zoom_range=0.2,
        horizontal_flip=True,
        rescale=1 / 255,
    )
    return generator.flow_from_directory(folder, target_size=(224, 224), seed=7)


def images_per_second(flow: Any) -> float:
    """The speed of ``next(flow)`` over one epoch."""
    start = time.perf_counter()
    for _ in range(len(flow)):
        next(flow)
    return flow.samples / (time.perf_counter() - start)


def main() -> None:
    """Compare an epoch batch by batch, then time the next one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1024, help="photographs to make")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="augflow-photos-"))
    write_photos(folder, options.images)

    keras_flow = make_flow(KerasGenerator, folder)
    augflow_flow = make_flow(AugflowGenerator, folder)

    largest = 0.0
    for _ in range(len(keras_flow)):
        keras_images, keras_labels = next(keras_flow)
        augflow_images, augflow_labels = next(augflow_flow)
        np.testing.assert_array_equal(augflow_labels, keras_labels)
        largest = max(largest, float(np.abs(augflow_images - keras_images).max()))
    print(f"labels equal; largest difference of a pixel: {255 * largest:.3f} of 255 grey levels")

    keras_speed = images_per_second(keras_flow)
    augflow_speed = images_per_second(augflow_flow)
    print(f"Keras    {keras_speed:6.0f} images/s")
    print(
        f"augflow  {augflow_speed:6.0f} images/s, {augflow_speed / keras_speed:.1f} times as many"
    )


if __name__ == "__main__":
    main()
