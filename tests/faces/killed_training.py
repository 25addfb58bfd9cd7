"""A script that trains, and may kill itself; run by ``test_killed_training.py``.

Arguments: a folder of images, one for the checkpoint, a file for the log of steps, one for the
final weights, the number of workers, and the step after which to kill (0 for none).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from augflow import ImageDataGenerator, ResumeCallback
from tests.flow_world import SIZE, table_of

folder, checkpoint, log, weights = map(Path, sys.argv[1:5])
workers, kill_at = int(sys.argv[5]), int(sys.argv[6])

keras.utils.set_random_seed(3)
generator = ImageDataGenerator(rotation_range=20, rescale=1 / 255, workers=workers)
flow = generator.flow_from_dataframe(
    table_of(folder),
    folder,
    y_col="id",
    class_mode="raw",
    target_size=SIZE,
    batch_size=2,
    seed=1,
)
model = keras.Sequential(
    [
        keras.Input((*SIZE, 3)),
        keras.layers.AveragePooling2D(4),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(1),
    ]
)


def mean_id(y_true: Any, y_pred: Any) -> Any:
    """Which samples a batch has, as one number."""
    return keras.ops.mean(y_true)


model.compile(keras.optimizers.Adam(0.01), "mse", metrics=[mean_id])


class Log(keras.callbacks.Callback):
    """Writes down each step, and kills at one."""

    epoch = steps = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        with open(log, "a") as file:
            file.write(json.dumps([self.epoch, *map(float, logs.values())]) + "\n")
        self.steps += 1
        if self.steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


resume = ResumeCallback(checkpoint, flow, every=3)
model.fit(flow, epochs=3, verbose=0, callbacks=[resume, Log()])
np.savez(weights, *model.get_weights())
