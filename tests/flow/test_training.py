"""``fit``, ``evaluate`` and ``predict`` of Keras 3, with flows as their data.

On the backend that KERAS_BACKEND names: TensorFlow as a rule, and all of them in a step of CI.
"""

from __future__ import annotations

import math
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import ImageDataGenerator
from tests.flow_world import (
    SAMPLES,
    SIZE,
    force_workers,
    numbered_images,
    table_of,
    write_folder,
)

BOTH = pytest.mark.parametrize("workers", [0, 2])
AFFINE: dict[str, Any] = {"rotation_range": 25, "zoom_range": 0.3, "horizontal_flip": True}
IDS = 20


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return table_of(folder)


def small_model(
    keras: Any, outputs: int = 2, shape: tuple[int, int, int] = (*SIZE, 3), **compile_: Any
) -> Any:
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(4, 3, strides=4, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(outputs, activation="softmax"),
        ]
    )
    model.compile(**{"optimizer": "sgd", "loss": "categorical_crossentropy", **compile_})
    return model


@pytest.fixture(scope="module")
def recorder(keras: Any) -> Callable[[float], Any]:
    """recorder(seconds) makes a model that learns nothing, and notes each step's targets.

    ``seconds`` is how long it takes for a step, to let reading ahead run on or not.
    """
    with_state = keras.backend.backend() == "jax"

    class Recorder(keras.Model):
        def __init__(self, seconds: float) -> None:
            super().__init__()
            self.seen: list[list[float]] = []
            self.weights_seen: list[list[float]] = []
            self.seconds = seconds
            self.compile()

        def _note(self, data: Any) -> None:
            _, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
            self.seen.append(np.asarray(targets).ravel().tolist())
            self.weights_seen.append([] if weights is None else np.asarray(weights).tolist())
            time.sleep(self.seconds)

        def train_step(self, *arguments: Any) -> Any:
            # JAX gives the state before the data, and takes it back.
            self._note(arguments[-1])
            logs = {"loss": keras.ops.convert_to_tensor(0.0)}
            return (logs, arguments[0]) if with_state else logs

        def test_step(self, *arguments: Any) -> Any:
            return self.train_step(*arguments)

        def call(self, inputs: Any) -> Any:
            return inputs

    def make(seconds: float = 0.0) -> Recorder:
        model = Recorder(seconds)
        model.compile(run_eagerly=True)
        return model

    return make


def id_flow(batch_size: int = 4, workers: int = 0, **settings: Any) -> Any:
    """20 images that are their numbers, with these numbers as targets."""
    generator = ImageDataGenerator(
        preprocessing_function=(lambda image: image) if workers else None, workers=workers
    )
    settings = {"seed": 1, **settings}
    flow = generator.flow(numbered_images(IDS), np.arange(IDS), batch_size, **settings)
    return force_workers(flow)


def epochs_of(model: Any, batches: int) -> list[list[int]]:
    """The recorded targets, ``batches`` steps at a time."""
    seen = [[int(number) for number in step] for step in model.seen]
    return [
        [number for step in seen[k : k + batches] for number in step]
        for k in range(0, len(seen) - batches + 1, batches)
    ]


def assert_each_once(epochs: list[list[int]], count: int) -> None:
    assert len(epochs) == count
    for epoch in epochs:
        assert sorted(epoch) == list(range(IDS)), epochs


# Each sample once


@BOTH
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [4, 7, 10, 20])
def test_each_sample_once_an_epoch(
    batch_size: int, threads: int, workers: int, recorder: Any
) -> None:
    """Keras permutes the batches, and reads the first two before the first epoch."""
    model = recorder()
    with id_flow(batch_size, workers) as flow:
        flow.workers = threads
        model.fit(flow, epochs=4, verbose=0)
        epochs = epochs_of(model, len(flow))
        assert_each_once(epochs, 4)
        batches = [
            {frozenset(step) for step in model.seen[k : k + len(flow)]}
            for k in range(0, 4 * len(flow), len(flow))
        ]
        if batch_size < IDS:
            assert all(batches[k] != batches[k + 1] for k in range(3))


def test_early_reads_do_not_shift_the_epochs(recorder: Any) -> None:
    """The epochs of ``fit`` are those of ``next()``, in Keras's order of batches."""
    other = id_flow()
    due = [sorted(next(other)[1].tolist() for _ in range(5)) for _ in range(3)]
    model = recorder()
    model.fit(id_flow(), epochs=3, verbose=0)
    assert [sorted(model.seen[5 * epoch :][:5]) for epoch in range(3)] == due


def test_without_keras_shuffle_the_order_is_that_of_next(recorder: Any) -> None:
    other = id_flow()
    due = [next(other)[1].tolist() for _ in range(15)]
    model = recorder()
    model.fit(id_flow(), epochs=3, shuffle=False, verbose=0)
    assert model.seen == due


@pytest.mark.parametrize("seconds", [0.0, 0.02], ids=["quick", "slow"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_fewer_steps_than_batches(steps: int, seconds: float, recorder: Any) -> None:
    """Keras goes on with the pass in the next epoch; each sample comes once a pass."""
    model = recorder(seconds)
    flow = id_flow()
    epochs = 15 // steps + 1
    with warnings.catch_warnings():
        # A pass may end within an epoch.
        warnings.filterwarnings("ignore", message=".*ran out of data.*")
        model.fit(flow, steps_per_epoch=steps, epochs=epochs, verbose=0)
    passes = epochs_of(model, len(flow))
    assert_each_once(passes, len(model.seen) // len(flow))
    assert len({tuple(one) for one in passes}) == len(passes)


def test_fewer_steps_do_not_depend_on_the_speed(keras: Any, recorder: Any) -> None:
    """TensorFlow reads ahead as far as it has time for: that must not decide about epochs."""
    results = []
    for seconds in (0.0, 0.03, 0.0):
        random.seed(3)
        model = recorder(seconds)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*ran out of data.*")
            model.fit(id_flow(2), steps_per_epoch=4, epochs=8, verbose=0)
        results.append(model.seen)
    assert results[0] == results[1] == results[2]


def test_more_steps_than_batches(recorder: Any) -> None:
    """Keras 3 then ends each epoch early, with a warning; the samples stay complete."""
    model = recorder()
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(id_flow(), steps_per_epoch=8, epochs=2, verbose=0)
    assert_each_once(epochs_of(model, 5), 2)


@pytest.mark.parametrize("batch_size", [3, 4, 7])
@pytest.mark.parametrize("name", ["samples", "n"])
def test_float_steps_per_epoch(
    name: str, batch_size: int, recorder: Any, folder: Path, table: pd.DataFrame
) -> None:
    """As 14 of 38 scripts have it: the last, partial step is a step."""
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table,
        folder,
        y_col="id",
        class_mode="raw",
        target_size=SIZE,
        batch_size=batch_size,
        seed=1,
    )
    model = recorder()
    steps = getattr(flow, name) / flow.batch_size
    assert isinstance(steps, float) and steps == SAMPLES / batch_size
    model.fit(flow, steps_per_epoch=steps, epochs=2, verbose=1)
    assert len(model.seen) == 2 * len(flow) == 2 * math.ceil(steps)
    for epoch in epochs_of(model, len(flow)):
        assert sorted(epoch) == list(range(SAMPLES))
    model.evaluate(flow, steps=steps, verbose=0)
    assert len(model.seen) == 3 * len(flow)
    assert model.predict(flow, steps=steps, verbose=0).shape[0] == SAMPLES


def test_int_division_and_float_validation_steps(recorder: Any) -> None:
    flow, validation = id_flow(3), id_flow(3, shuffle=False)
    assert flow.n // flow.batch_size == 6
    model = recorder()
    model.fit(
        flow,
        steps_per_epoch=flow.n / flow.batch_size,
        validation_data=validation,
        validation_steps=validation.n / validation.batch_size,
        epochs=2,
        verbose=0,
    )
    assert len(model.seen) == 2 * 2 * 7


def test_repeated_fit_on_one_flow(recorder: Any) -> None:
    model = recorder()
    flow = id_flow()
    for _ in range(4):
        model.fit(flow, epochs=1, verbose=0)
    epochs = epochs_of(model, 5)
    assert_each_once(epochs, 4)
    # Each with an order of its own.
    batches = [frozenset(map(tuple, model.seen[k : k + 5])) for k in range(0, 20, 5)]
    assert len(set(batches)) == 4


def test_fit_evaluate_fit_and_next(recorder: Any) -> None:
    """The same flow for everything, also as its own validation data."""
    model = recorder()
    flow = id_flow()
    model.fit(flow, validation_data=flow, epochs=2, verbose=0)
    model.evaluate(flow, verbose=0)
    model.fit(flow, epochs=1, verbose=0)
    assert_each_once(epochs_of(model, 5), 6)
    labels = np.concatenate([next(flow)[1] for _ in range(5)])
    assert sorted(labels) == list(range(IDS))


@pytest.mark.parametrize("threads", [2, 4])
def test_keras_worker_threads(threads: int, recorder: Any) -> None:
    """``flow.workers = 4`` sets Keras's own threads, which ask by index at once."""
    model = recorder()
    with id_flow(workers=2) as flow:
        flow.workers = threads
        model.fit(flow, epochs=3, verbose=0)
        assert_each_once(epochs_of(model, 5), 3)


# Weights


def test_sample_weights_of_a_column(table: pd.DataFrame, folder: Path, recorder: Any) -> None:
    model = recorder()
    with ImageDataGenerator(**AFFINE, workers=2).flow_from_dataframe(
        table,
        folder,
        y_col="id",
        class_mode="raw",
        weight_col="weight",
        target_size=SIZE,
        batch_size=8,
        seed=1,
    ) as flow:
        model.fit(flow, epochs=2, verbose=0)
    assert len(model.seen) == 6
    for numbers, weights in zip(model.seen, model.weights_seen, strict=True):
        np.testing.assert_array_equal(weights, table["weight"].to_numpy()[np.int64(numbers)])


@pytest.mark.parametrize("class_mode", ["sparse", "categorical", "binary"])
def test_class_weights(class_mode: str, folder: Path, recorder: Any) -> None:
    model = recorder()
    flow = ImageDataGenerator(workers=0).flow_from_directory(
        folder, target_size=SIZE, class_mode=class_mode, batch_size=8, seed=1
    )
    counts = np.bincount(flow.classes)
    class_weight = {number: len(flow.classes) / count for number, count in enumerate(counts)}
    model.fit(flow, class_weight=class_weight, epochs=1, verbose=0)
    for targets, weights in zip(model.seen, model.weights_seen, strict=True):
        classes = np.array(targets).reshape(len(weights), -1)
        numbers = classes.argmax(axis=1) if class_mode == "categorical" else classes[:, 0]
        np.testing.assert_allclose(weights, [class_weight[int(n)] for n in numbers], rtol=1e-6)


# Real models


@pytest.mark.filterwarnings("ignore:.*will be augmented")
def test_same_weights_for_any_number_of_workers(keras: Any, folder: Path) -> None:
    """fit with validation data; unseeded flows, so that ``set_random_seed`` decides."""
    results = []
    for workers in (0, 2, 0):
        keras.utils.set_random_seed(11 if len(results) < 2 else 12)
        generator = ImageDataGenerator(
            **AFFINE, rescale=1 / 255, validation_split=0.3, workers=workers
        )
        flows = [
            generator.flow_from_directory(folder, target_size=SIZE, batch_size=4, subset=subset)
            for subset in ("training", "validation")
        ]
        model = small_model(keras)
        history = model.fit(flows[0], validation_data=flows[1], epochs=2, verbose=0)
        results.append(
            (
                [weights.tobytes() for weights in model.get_weights()],
                history.history["loss"],
                history.history["val_loss"],
            )
        )
        for flow in flows:
            assert flow._engine.workers == workers
            flow.close()
    assert results[0] == results[1]
    assert results[1] != results[2]


@BOTH
def test_predictions_are_in_the_order_of_the_files(keras: Any, folder: Path, workers: int) -> None:
    """``reset``, ``predict`` with steps, twice: each row belongs to its file."""
    generator = ImageDataGenerator(workers=workers)
    flow = generator.flow_from_directory(
        folder, target_size=SIZE, batch_size=8, class_mode=None, shuffle=False
    )
    pixels = np.concatenate([flow[position] for position in range(len(flow))])
    mean = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.GlobalAveragePooling2D()])
    due = pixels.mean(axis=(1, 2))
    assert len(np.unique(due, axis=0)) == SAMPLES
    with flow:
        for _ in range(2):
            flow.reset()
            np.testing.assert_allclose(
                mean.predict(flow, steps=len(flow), verbose=0), due, rtol=1e-4
            )
            np.testing.assert_allclose(mean.predict(flow, verbose=0), due, rtol=1e-4)


def test_evaluate_is_the_same_again(keras: Any, folder: Path) -> None:
    flow = ImageDataGenerator(rescale=1 / 255, workers=2).flow_from_directory(
        folder, target_size=SIZE, batch_size=8, shuffle=False
    )
    model = small_model(keras, metrics=["accuracy"])
    with flow:
        first, second = (model.evaluate(flow, verbose=0) for _ in range(2))
        labels = model.predict(flow, verbose=0).argmax(axis=1)
    assert first == pytest.approx(second)
    assert first[1] == pytest.approx((labels == flow.classes).mean(), abs=1e-6)


@BOTH
def test_autoencoder(keras: Any, folder: Path, workers: int) -> None:
    model = keras.Sequential(
        [keras.Input((*SIZE, 3)), keras.layers.Conv2D(3, 1, kernel_initializer="zeros")]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse")
    generator = ImageDataGenerator(**AFFINE, rescale=1 / 255, workers=workers)
    with generator.flow_from_directory(
        folder, target_size=SIZE, batch_size=8, class_mode="input", seed=1
    ) as flow:
        losses = model.fit(flow, epochs=6, verbose=0).history["loss"]
        # Input and target are equal, but not one memory: a change of one leaves the other.
        images, targets = flow[0]
        np.testing.assert_array_equal(images, targets)
        assert not np.shares_memory(images, targets)
    assert losses[-1] < losses[0] / 3


def test_multi_output(keras: Any, table: pd.DataFrame, folder: Path) -> None:
    inputs = keras.Input((*SIZE, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    outputs = [keras.layers.Dense(1, name=name)(flat) for name in ("id", "half")]
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=["mse", "mse"])
    with ImageDataGenerator(workers=2).flow_from_dataframe(
        table,
        folder,
        y_col=["id", "half"],
        class_mode="multi_output",
        target_size=SIZE,
        batch_size=8,
        seed=1,
    ) as flow:
        targets = flow[0][1]
        assert len(targets) == 2
        np.testing.assert_array_equal(targets[0], 2 * targets[1])
        history = model.fit(flow, validation_data=flow, epochs=2, verbose=0).history
    assert {"id_loss", "half_loss", "val_loss"} <= set(history)
    assert history["loss"][1] < history["loss"][0]


@BOTH
def test_several_inputs(keras: Any, workers: int) -> None:
    """``flow((images, table), y)`` gives a model with two inputs both of them."""
    inputs = [keras.Input((4, 4, 1)), keras.Input((2,))]
    both = keras.layers.Concatenate()([keras.layers.Flatten()(inputs[0]), inputs[1]])
    model = keras.Model(inputs, keras.layers.Dense(1)(both))
    model.compile(optimizer="sgd", loss="mse")
    columns = np.tile(np.arange(IDS, dtype="float32")[:, np.newaxis], 2)
    generator = ImageDataGenerator(rescale=1 / 255, workers=workers)
    with force_workers(
        generator.flow((numbered_images(IDS), columns), columns[:, 0], batch_size=4, seed=1)
    ) as flow:
        (images, table), targets = flow[0]
        np.testing.assert_allclose(images[:, 0, 0, 0] * 255, targets, rtol=1e-5)
        np.testing.assert_array_equal(table[:, 0], targets)
        model.fit(flow, epochs=2, verbose=0)
        assert model.predict(flow, verbose=0).shape == (IDS, 1)


def test_train_on_batch_and_gradient_tape_loops(keras: Any, folder: Path) -> None:
    """The plain loops: each batch is the loop's own, and stays as it is."""
    flow = ImageDataGenerator(rescale=1 / 255, workers=2).flow_from_directory(
        folder, target_size=SIZE, batch_size=8, seed=1
    )
    model = small_model(keras)
    kept = []
    with flow:
        for images, labels in flow:
            assert np.isfinite(model.train_on_batch(images, labels))
            kept.append((images, images.copy()))
            if len(kept) == 9:
                break
    for images, copy in kept:
        np.testing.assert_array_equal(images, copy)
