"""Keras 2, as TensorFlow's ``TF_USE_LEGACY_KERAS=1`` runs it: a script needs the import alone.

Targets are the numbers of the samples, so that a model can keep what it got. Of itself Keras 2 asks
for the batches of an epoch in an order of its own; with ``shuffle=False`` in theirs.
"""

from __future__ import annotations

import copy
import pickle
import queue
import subprocess
import sys
import time
from collections.abc import Iterator as AbstractIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import augflow
from augflow import ImageDataGenerator
from augflow.preprocessing import image as ours
from tests.flow_world import SIZE, table_of, take, write_folder

tf_keras = pytest.importorskip("tf_keras")
tensorflow = pytest.importorskip("tensorflow")
pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

SAMPLES, BATCH = 22, 4
BATCHES = 6
IMAGES = np.tile(np.arange(SAMPLES, dtype="float32").reshape(-1, 1, 1, 1), (1, 4, 4, 1))
LABELS = np.arange(SAMPLES, dtype="float32")
AFFINE: dict[str, Any] = {"rotation_range": 25, "zoom_range": 0.3, "horizontal_flip": True}
# How Keras 2 asks: in its own thread, in threads of a pool, in forked processes.
WAYS = [
    {},
    {"workers": 4, "max_queue_size": 3},
    {"workers": 2, "use_multiprocessing": True, "max_queue_size": 10},
    {"workers": 1, "use_multiprocessing": True},
]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: repr(sorted(way.items())))
each_number_of_workers = pytest.mark.parametrize("processes", [0, 2])


class ShortWaits(queue.Queue):
    """Keras 2 waits for its queue for 5 s at the end of each pass."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        return super().get(block, None if timeout is None else min(timeout, 0.3))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from tf_keras.src.utils import data_utils

    monkeypatch.setattr(data_utils, "queue", SimpleNamespace(Queue=ShortWaits, Empty=queue.Empty))


@pytest.fixture(scope="module")
def keras_image() -> Any:
    from tf_keras.preprocessing import image

    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


class Keeper:
    """A model that keeps the targets, and the largest difference of an image from them."""

    def __init__(self) -> None:
        self.epochs: list[list[list[int]]] = []
        self.worst = 0.0
        model = tf_keras.Sequential(
            [tf_keras.layers.Flatten(), tf_keras.layers.Dense(1, kernel_initializer="zeros")]
        )
        keeper = self

        class Model(tf_keras.Model):  # type: ignore[misc]
            def call(self, inputs: Any) -> Any:
                return model(inputs)

            def train_step(self, data: Any) -> Any:
                keeper.keep(*(part.numpy() for part in data))
                return {"loss": 0.0}

            test_step = train_step

        self.model = Model()
        self.model.compile("sgd", "mse", run_eagerly=True)

    def keep(self, images: np.ndarray, targets: np.ndarray, weights: Any = None) -> None:
        self.epochs[-1].append(targets.astype(int).tolist())
        self.worst = max(self.worst, float(np.abs(images[:, 0, 0, 0] - targets).max()))
        if weights is not None:
            np.testing.assert_array_equal(weights, 2 * targets)

    def callback(self) -> Any:
        keeper = self

        class Epochs(tf_keras.callbacks.Callback):  # type: ignore[misc]
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                keeper.epochs.append([])

            def on_test_begin(self, logs: Any = None) -> None:
                keeper.epochs.append([])

        return Epochs()


def flow_of(processes: int = 0, **settings: Any) -> Any:
    generator = ImageDataGenerator(workers=processes)
    flow = generator.flow(IMAGES, LABELS, **{"batch_size": BATCH, "seed": 7, **settings})
    if processes:
        flow._timings[:] = [1.0, 1.0, 1.0]
    return flow


def orders(epochs: int, **settings: Any) -> list[list[list[int]]]:
    """The labels of the batches of some epochs, as ``next()`` gives them."""
    flow = flow_of(**settings)
    return [[next(flow)[1].astype(int).tolist() for _ in range(BATCHES)] for _ in range(epochs)]


# What a flow is


def test_a_flow_is_what_each_keras_asks_for(keras_image: Any) -> None:
    import keras
    from keras.src.legacy.preprocessing import image as keras3_image

    flow = flow_of()
    for base in (tf_keras.utils.Sequence, keras.utils.PyDataset):
        assert isinstance(flow, base)
        assert issubclass(type(flow), base)
    for module in (keras_image, keras3_image):
        assert isinstance(flow, module.NumpyArrayIterator)
        assert isinstance(flow, module.Iterator)
        assert isinstance(flow.image_data_generator, module.ImageDataGenerator)
        assert not isinstance(flow, module.DirectoryIterator)
    assert type(flow).__name__ == flow.__class__.__name__ == "NumpyArrayIterator"
    for twin in (copy.deepcopy(flow), pickle.loads(pickle.dumps(flow))):
        np.testing.assert_array_equal(next(twin)[1], flow[0][1])


@pytest.mark.parametrize("first", ["tf_keras", "keras"])
def test_a_flow_made_before_keras_is_imported(first: str) -> None:
    base = {"keras": "keras.utils.PyDataset", "tf_keras": "tf_keras.utils.Sequence"}[first]
    code = f"""
import numpy as np, augflow, {first}
flow = augflow.ImageDataGenerator().flow(np.zeros((4, 5, 5, 1)), batch_size=2)
assert isinstance(flow, {base})
import keras, tf_keras
assert isinstance(flow, keras.utils.PyDataset) and isinstance(flow, tf_keras.utils.Sequence)
assert isinstance(flow, tf_keras.preprocessing.image.NumpyArrayIterator)
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=100, cwd=Path(__file__).parents[2]
    )


# The same batches


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_are_those_of_keras_2(folder: Path, keras_image: Any, processes: int) -> None:
    def batches(module: Any, **workers: int) -> AbstractIterator[Any]:
        generator = module.ImageDataGenerator(**AFFINE, rescale=1 / 255, **workers)
        reading = {"target_size": SIZE, "batch_size": 8, "seed": 5}
        yield from take(generator.flow_from_directory(str(folder), **reading), 7)
        table = table_of(folder)
        yield from take(generator.flow_from_dataframe(table, str(folder), **reading), 7)
        yield from take(generator.flow(IMAGES, LABELS, batch_size=8, seed=3), 7)

    for got, due in zip(batches(ours, workers=processes), batches(keras_image), strict=True):
        np.testing.assert_allclose(got[0], due[0], atol=0.05 / 255)
        np.testing.assert_array_equal(got[1], due[1])


# Training


@each_way
@each_number_of_workers
def test_fit_gives_each_sample_once_an_epoch_in_order(way: dict[str, Any], processes: int) -> None:
    keeper = Keeper()
    with flow_of(processes) as flow:
        settings = {"epochs": 3, "verbose": 0, "callbacks": [keeper.callback()], **way}
        keeper.model.fit(flow, shuffle=False, **settings)
        keeper.model.fit(flow, **settings)
    due = orders(6)
    assert keeper.epochs[:3] == due[:3]
    for got, epoch in zip(keeper.epochs[3:], due[3:], strict=True):
        assert sorted(got) == sorted(epoch)
    assert keeper.worst == 0


@each_way
def test_fit_generator_with_float_steps_and_validation(way: dict[str, Any]) -> None:
    keeper = Keeper()
    training, validation = flow_of(2), flow_of(shuffle=False)
    with training:
        keeper.model.fit_generator(
            training,
            steps_per_epoch=SAMPLES / BATCH,
            epochs=2,
            verbose=0,
            validation_data=validation,
            validation_steps=validation.n // BATCH,
            callbacks=[keeper.callback()],
            **way,
        )
    (first, second), plain = orders(2), orders(1, shuffle=False)[0]
    got = keeper.epochs
    assert [sorted(got[0]), sorted(got[2])] == [sorted(first), sorted(second)]
    assert [got[1], got[3]] == [plain[:5], plain[:5]]


@each_way
def test_fewer_steps_than_batches(way: dict[str, Any]) -> None:
    keeper = Keeper()
    with flow_of(2) as flow:
        keeper.model.fit(
            flow,
            steps_per_epoch=2,
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=[keeper.callback()],
            **way,
        )
    assert keeper.epochs == [epoch[:2] for epoch in orders(3)]


@each_way
def test_the_epochs_do_not_depend_on_how_soon_keras_stops_its_queue(way: dict[str, Any]) -> None:
    """A slow end of an epoch, in which the queue of Keras 2 begins the next pass by itself."""
    keeper = Keeper()

    class Slow(tf_keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            time.sleep(0.5)

    callbacks = [keeper.callback(), Slow()]
    keeper.model.fit(flow_of(), epochs=3, shuffle=False, verbose=0, callbacks=callbacks, **way)
    assert keeper.epochs == orders(3)


def test_several_passes_of_one_queue() -> None:
    """``OrderedEnqueuer`` by itself, as old loops of training use it."""
    for forks in (False, True):
        enqueuer = tf_keras.utils.OrderedEnqueuer(flow_of(), use_multiprocessing=forks)
        enqueuer.start(workers=2, max_queue_size=4)
        batches = enqueuer.get()
        got = [[next(batches)[1].astype(int).tolist() for _ in range(BATCHES)] for _ in range(3)]
        enqueuer.stop()
        assert got == orders(3)


@each_way
def test_weights(way: dict[str, Any]) -> None:
    keeper = Keeper()
    flow = flow_of(sample_weight=2 * LABELS)
    keeper.model.fit(flow, epochs=1, verbose=0, callbacks=[keeper.callback()], **way)
    assert sorted(keeper.epochs[0]) == sorted(orders(1)[0])
    model = small_model()
    flow = ImageDataGenerator().flow(IMAGES, LABELS // 11, batch_size=BATCH)
    model.fit(flow, epochs=2, class_weight={0: 1.0, 1: 3.0}, verbose=0, **way)


def small_model() -> Any:
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential(
        [tf_keras.layers.Flatten(input_shape=(4, 4, 1)), tf_keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    return model


@each_way
@each_number_of_workers
def test_predictions_match_their_images(way: dict[str, Any], processes: int) -> None:
    model = small_model()
    due = model.predict(IMAGES, verbose=0)
    with flow_of(processes, shuffle=False) as flow:
        for _ in range(2):
            got = model.predict(flow, verbose=0, **way)
            np.testing.assert_allclose(got, due, rtol=1e-5)
        steps = len(flow)
        got = model.predict_generator(flow, steps=steps, verbose=0, **way)
        np.testing.assert_allclose(got, due, rtol=1e-5)


@each_way
def test_evaluate_sees_each_sample_once(way: dict[str, Any]) -> None:
    model = small_model()
    due = model.evaluate(IMAGES, LABELS, verbose=0)
    with flow_of(2) as flow:
        assert model.evaluate(flow, verbose=0, **way) == pytest.approx(due, rel=1e-4)
        got = model.evaluate_generator(flow, steps=len(flow), **way)
        assert got == pytest.approx(due, rel=1e-4)


def test_targets_of_several_arrays(folder: Path) -> None:
    inputs = tf_keras.Input((*SIZE, 3))
    pooled = tf_keras.layers.GlobalAveragePooling2D()(inputs)
    model = tf_keras.Model(inputs, [tf_keras.layers.Dense(1)(pooled) for _ in range(2)])
    model.compile("sgd", ["mse", "mse"])
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        table_of(folder), folder, y_col=["id", "half"], class_mode="multi_output", target_size=SIZE
    )
    model.fit(flow, epochs=1, verbose=0)


# Forks


@each_number_of_workers
def test_forked_readers_do_not_touch_the_pool(folder: Path, processes: int) -> None:
    """Afterwards the parent's own flow goes on, with its workers."""
    reading = {"target_size": SIZE, "batch_size": 4, "seed": 5}
    generator = ImageDataGenerator(**AFFINE, workers=processes)
    with generator.flow_from_directory(folder, **reading) as flow:
        before = [batch[0].copy() for batch in take(flow, 5)]
        enqueuer = tf_keras.utils.OrderedEnqueuer(flow, use_multiprocessing=True)
        flow.reset()
        flow.total_batches_seen = 0
        next(flow)
        enqueuer.start(workers=2, max_queue_size=4)
        batches = enqueuer.get()
        forked = [next(batches)[0] for _ in range(5)]
        enqueuer.stop()
        for got, due in zip(forked, before, strict=True):
            np.testing.assert_array_equal(got, due)
        other = ImageDataGenerator(**AFFINE, workers=0).flow_from_directory(folder, **reading)
        np.testing.assert_array_equal(flow[1][1], flow[1][1])
        assert len(next(flow)[0]) == len(next(other)[0])


def test_own_sequences_around_a_flow() -> None:
    class Around(tf_keras.utils.Sequence):  # type: ignore[misc]
        def __init__(self, flow: augflow.Iterator) -> None:
            self.flow = flow

        def __len__(self) -> int:
            return len(self.flow)

        def __getitem__(self, index: int) -> Any:
            images, labels = self.flow[index]
            return images, labels

        def on_epoch_end(self) -> None:
            self.flow.on_epoch_end()

    keeper = Keeper()
    callbacks = [keeper.callback()]
    keeper.model.fit(Around(flow_of()), epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    assert keeper.epochs == orders(2)
