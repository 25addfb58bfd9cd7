"""``ResumeCallback``: a training that ends within an epoch goes on to the same weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow import ImageDataGenerator, ResumeCallback
from augflow.faces.checkpoint import Checkpoint
from tests.flow_world import SIZE, table_of, write_folder

EPOCHS = 3
BATCHES = 7


class KilledError(Exception):
    """What ends a training here; ``test_killed_training.py`` has real kills."""


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


def make_flow(folder: Path, **settings: Any) -> Any:
    generator = ImageDataGenerator(rotation_range=20, rescale=1 / 255, workers=0)
    flow = generator.flow_from_dataframe(
        table_of(folder),
        folder,
        **{
            "y_col": "id",
            "class_mode": "raw",
            "target_size": SIZE,
            "batch_size": 3,
            "seed": 1,
            "verbose": False,
            **settings,
        },
    )
    return flow


def make_model(keras: Any) -> Any:
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            keras.layers.AveragePooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
    return model


def train(keras: Any, flow: Any, path: Path, kill_at: int | None = None, **fit: Any) -> Any:
    """Train until step ``kill_at`` of this call; the weights, and (epoch, batch, logs) of steps."""
    steps: list[Any] = []
    callbacks = fit.pop("callbacks", [])
    every = fit.pop("every", 2)

    class Watch(keras.callbacks.Callback):
        epoch = 0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            steps.append((self.epoch, {name: float(value) for name, value in logs.items()}))
            if len(steps) == kill_at:
                raise KilledError

    model = make_model(keras)
    resume = ResumeCallback(path, flow, every=every)
    try:
        model.fit(flow, epochs=EPOCHS, verbose=0, callbacks=[*callbacks, resume, Watch()], **fit)
    except KilledError:
        return None, steps
    return [weights.tobytes() for weights in model.get_weights()], steps


@pytest.fixture(scope="module")
def whole(keras: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An uninterrupted training: weights and steps."""
    found = train(keras, make_flow(folder), tmp_path_factory.mktemp("whole"))
    assert len(found[1]) == EPOCHS * BATCHES
    return found


@pytest.mark.filterwarnings("error:Your input ran out of data")
@pytest.mark.parametrize(
    "kill_at", [4, *(pytest.param(step, marks=pytest.mark.heavy) for step in (1, 7, 12, 21))]
)
def test_the_same_weights_as_uninterrupted(
    kill_at: int, keras: Any, folder: Path, whole: Any, tmp_path: Path
) -> None:
    due, due_steps = whole
    nothing, before = train(keras, make_flow(folder), tmp_path / "kept", kill_at)
    assert nothing is None and before == due_steps[:kill_at]
    weights, after = train(keras, make_flow(folder), tmp_path / "kept")
    # Batches after the last checkpoint are trained again, and no others.
    assert len(due_steps) - kill_at <= len(after) <= len(due_steps) - kill_at + 2
    assert after == due_steps[len(due_steps) - len(after) :]
    assert weights == due
    assert not (tmp_path / "kept").exists()


@pytest.mark.heavy
def test_killed_again_and_again(keras: Any, folder: Path, whole: Any, tmp_path: Path) -> None:
    for kill_at in (3, 1, 6, 5):
        train(keras, make_flow(folder), tmp_path, kill_at)
    assert train(keras, make_flow(folder), tmp_path)[0] == whole[0]


@pytest.mark.heavy
def test_beside_backup_and_restore(keras: Any, folder: Path, whole: Any, tmp_path: Path) -> None:
    def backup() -> dict[str, Any]:
        return {"callbacks": [keras.callbacks.BackupAndRestore(tmp_path / "backup")]}

    for kill_at in (9, 3):
        train(keras, make_flow(folder), tmp_path / "kept", kill_at, **backup())
    assert train(keras, make_flow(folder), tmp_path / "kept", **backup())[0] == whole[0]


@pytest.mark.heavy
def test_a_training_that_has_ended_begins_anew(keras: Any, folder: Path, tmp_path: Path) -> None:
    flow = make_flow(folder)
    first = train(keras, flow, tmp_path)[1]
    # The same flow goes on to its next epochs; another one begins where the first did.
    assert train(keras, flow, tmp_path)[1] != first
    assert train(keras, make_flow(folder), tmp_path)[1] == first
    # And Keras's own order counts again.
    assert not flow._in_order


@pytest.mark.heavy
def test_validation_and_shards(keras: Any, folder: Path, tmp_path: Path) -> None:
    validation = make_flow(folder, shuffle=False)
    first, second = tmp_path / "first", tmp_path / "second"

    def part(index: int, path: Path, kill_at: int | None) -> list[Any]:
        flow = make_flow(folder, shard=(index, 2), batch_size=2)
        return train(keras, flow, path, kill_at, validation_data=validation)[1]

    part(0, first, 5)
    assert len(part(0, first, None)) == 3 * 5 - 4
    # Only the first process writes.
    part(1, second, 3)
    assert first.parent.exists() and not second.exists()


@pytest.mark.heavy
def test_what_does_not_fit_is_refused(keras: Any, folder: Path, tmp_path: Path) -> None:
    train(keras, make_flow(folder), tmp_path, 3)
    with pytest.raises(ValueError, match="of other data or settings") as caught:
        train(keras, make_flow(folder, seed=2), tmp_path)
    assert str(tmp_path) in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="leave `steps_per_epoch` out"):
        train(keras, make_flow(folder), tmp_path, steps_per_epoch=3)
    flow = make_flow(folder)
    flow.workers = 2
    with pytest.raises(ValueError, match="one thread reads"):
        train(keras, flow, tmp_path)
    with pytest.raises(TypeError, match="needs the flow"):
        ResumeCallback(tmp_path, 3)
    for every, error in ((0, ValueError), (1.5, TypeError), (True, ValueError)):
        with pytest.raises(error, match="`every` must be"):
            ResumeCallback(tmp_path, make_flow(folder), every=every)  # type: ignore[arg-type]
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(ValueError, match="no state of a training"):
        train(keras, make_flow(folder), tmp_path)


def test_a_checkpoint_is_whole_whenever_its_writer_ends(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.read() is None

    def write(number: int, ends: bool = False) -> None:
        def save(path: Path) -> None:
            path.write_text(f"weights {number}")
            if ends:
                raise KilledError

        checkpoint.write({"is": number}, save, [np.arange(number)])

    write(1)
    for number in (2, 3):
        with pytest.raises(KilledError):
            write(number, ends=True)
        state = checkpoint.read()
        assert state is not None and state["is"] == 1
        assert checkpoint.weights_of(state).read_text() == "weights 1"
    write(4)
    state = Checkpoint(tmp_path).read()
    assert state is not None and state["is"] == 4
    assert checkpoint.weights_of(state).read_text() == "weights 4"
    assert checkpoint.variables_of(state)[0].tolist() == [0, 1, 2, 3]
    assert len(os.listdir(tmp_path)) == 3
    assert json.loads((tmp_path / "state.json").read_text())["is"] == 4
    checkpoint.remove()
    assert not tmp_path.exists()
