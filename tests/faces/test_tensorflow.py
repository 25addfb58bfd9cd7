"""``flow.to_tf_dataset()``: a dataset of TensorFlow's, an epoch a pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow import ImageDataGenerator, flow_from_arrays
from tests.faults.batches import difference
from tests.faults.kinds import KINDS, write_world
from tests.flow_world import write_folder

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("tensorflow"))


def arrays_of(batch: Any) -> Any:
    if isinstance(batch, dict):
        # TensorFlow sorts the names.
        return {name: arrays_of(batch[name]) for name in sorted(batch)}
    if isinstance(batch, tuple | list):
        return tuple(arrays_of(part) for part in batch)
    return np.asarray(batch)


# The others are for the heavy part.
QUICK = {"directory", "loader", "csv words", "boxes", "class_mode input", "rows of arrays"}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in QUICK else [pytest.mark.heavy]) for kind in KINDS],
)
def test_epochs_are_those_of_the_flow(kind: str, world: Path) -> None:
    with KINDS[kind](world, 0, 3) as flow, KINDS[kind](world, 0, 3) as other:
        dataset = other.to_tf_dataset()
        assert dataset.cardinality() == len(flow)
        for _ in range(2):
            batches = list(dataset)
            assert len(batches) == len(flow)
            for batch in batches:
                assert not difference(arrays_of(batch), arrays_of(next(flow)))


def image_flow(folder: Path, **settings: Any) -> Any:
    return ImageDataGenerator(rotation_range=20, workers=0).flow_from_directory(
        folder, **{"target_size": (8, 9), "batch_size": 4, "seed": 1, **settings}
    )


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({}, None),
        ({"drop_remainder": True}, 4),
        ({"batch_size": 19}, 19),
        ({"shard": (0, 2)}, None),
        ({"batch_size": 19, "shard": (0, 2)}, None),
        ({"drop_remainder": True, "shard": (0, 2)}, 4),
        ({"drop_remainder": True, "on_error": "skip"}, None),
    ],
)
def test_shapes_are_static_where_they_can_be(
    settings: dict[str, Any], rows: int | None, folder: Path
) -> None:
    images, labels = image_flow(folder, **settings).to_tf_dataset().element_spec
    assert images == tf.TensorSpec((rows, 8, 9, 3), tf.float32)
    assert labels == tf.TensorSpec((rows, 2), tf.float32)


def test_passes_that_are_broken_off_leave_the_next_epochs_as_they_are(folder: Path) -> None:
    flow = image_flow(folder)
    due = [[batch[0] for batch in flow.epoch()] for _ in range(3)]
    dataset = image_flow(folder).to_tf_dataset()
    for number, most in enumerate((2, 1, 5)):
        got = [images.numpy() for images, _ in dataset.take(most)]
        for one, other in zip(got, due[number], strict=False):
            np.testing.assert_array_equal(one, other)


def test_it_begins_where_the_flow_stands(folder: Path) -> None:
    flow, other = image_flow(folder), image_flow(folder)
    for _ in range(7):
        next(flow)
        next(other)
    got = [images.numpy() for images, _ in flow.to_tf_dataset().take(3)]
    for images in got:
        np.testing.assert_array_equal(images, next(other)[0])


def test_a_loop_in_a_graph(folder: Path) -> None:
    dataset = image_flow(folder).to_tf_dataset()

    @tf.function
    def total() -> Any:
        found = tf.constant(0.0)
        for images, labels in dataset:
            found += tf.reduce_sum(images) + tf.cast(tf.shape(labels)[0], tf.float32)
        return found

    flow = image_flow(folder)
    for _ in range(2):
        due = sum(float(images.sum()) + len(labels) for images, labels in flow.epoch())
        assert float(total()) == pytest.approx(due, rel=1e-4)


def test_text_and_names() -> None:
    flow = flow_from_arrays({"word": np.array(["a", "b", "ç"]), "n": np.arange(3)}, batch_size=2)
    dataset = flow.to_tf_dataset()
    assert dataset.element_spec["word"].dtype == tf.string
    words = np.concatenate([batch["word"].numpy() for batch in dataset])
    assert sorted(word.decode() for word in words) == ["a", "b", "ç"]


def test_fit_takes_it(folder: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "categorical_crossentropy")
    flow = image_flow(folder)
    history = model.fit(flow.to_tf_dataset(), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.predict(flow.to_tf_dataset(), verbose=0).shape == (19, 2)


@pytest.mark.heavy
def test_a_strategy_takes_it(folder: Path) -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    dataset = strategy.experimental_distribute_dataset(image_flow(folder).to_tf_dataset())
    assert sum(int(labels.shape[0]) for _, labels in dataset) == 19
