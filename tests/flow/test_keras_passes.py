"""The passes that Keras 3's trainers make of a flow, with and without Keras's own threads.

As on torch and JAX, whatever the backend: ``EpochIterator`` over NumPy arrays, and a model that is
built by a look at a batch. What whole trainings give is in test_training.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from augflow import ImageDataGenerator
from tests.flow_world import force_workers, numbered_images

IDS = 60
THREADS = pytest.mark.parametrize("threads", [1, 2, 4])


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


def id_flow(threads: int, batch_size: int = 2, workers: int = 0, **settings: Any) -> Any:
    """60 images with their numbers as targets; 30 batches are more than a queue holds."""
    generator = ImageDataGenerator(
        preprocessing_function=(lambda image: image) if workers else None, workers=workers
    )
    flow = generator.flow(
        numbered_images(IDS), np.arange(IDS), batch_size, **{"seed": 1, **settings}
    )
    flow.workers = threads
    return force_workers(flow)


def reader_of(flow: Any, **settings: Any) -> Any:
    from keras.src.trainers.epoch_iterator import EpochIterator

    return EpochIterator(x=flow, **settings)


def look(keras: Any, reader: Any) -> None:
    """What ``fit`` does before its first epoch where the model is not built."""

    class Identity(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    model = Identity()
    model.compile()
    model._symbolic_build(iterator=reader)
    reader.reset()


def epoch_of(reader: Any) -> list[list[int]]:
    return [data[0][1].tolist() for _, _, data in reader]


def flat(batches: list[list[int]]) -> list[int]:
    return [number for batch in batches for number in batch]


def due_of(epochs: int, batch_size: int = 2) -> list[list[list[int]]]:
    other = id_flow(1, batch_size)
    return [[next(other)[1].tolist() for _ in range(len(other))] for _ in range(epochs)]


@THREADS
@pytest.mark.parametrize(("batch_size", "workers"), [(2, 0), (2, 2), (15, 0), (60, 0)])
def test_a_look_at_a_batch_is_no_epoch(
    keras: Any, threads: int, batch_size: int, workers: int
) -> None:
    """The epochs after it are those of ``next()``, each with each sample once."""
    with id_flow(threads, batch_size, workers) as flow:
        reader = reader_of(flow, shuffle=True)
        look(keras, reader)
        for due in due_of(3, batch_size):
            epoch = epoch_of(reader)
            assert sorted(flat(epoch)) == list(range(IDS))
            assert sorted(epoch) == sorted(due)


@THREADS
def test_unshuffled_passes_come_in_order_after_a_look(keras: Any, threads: int) -> None:
    flow = id_flow(threads)
    reader = reader_of(flow, shuffle=False)
    look(keras, reader)
    assert [epoch_of(reader) for _ in range(3)] == due_of(3)


@THREADS
def test_a_second_training_goes_on_after_the_first(keras: Any, threads: int) -> None:
    flow = id_flow(threads)
    seen = []
    for _ in range(3):
        reader = reader_of(flow, shuffle=False)
        look(keras, reader)
        seen.append(epoch_of(reader))
    assert seen == due_of(3)
    assert next(flow)[1].tolist() not in (seen[0][0], seen[2][0])


def test_a_look_after_a_training_that_was_given_up(keras: Any) -> None:
    """``stop_training`` leaves a pass without its end: the next one is another epoch."""
    flow = id_flow(1)
    reader = reader_of(flow, shuffle=False)
    look(keras, reader)
    first, second = due_of(2)
    given_up = [data[0][1].tolist() for (_, _, data), _ in zip(reader, range(3), strict=False)]
    assert given_up == first[: len(given_up)]
    reader = reader_of(flow, shuffle=False)
    look(keras, reader)
    assert epoch_of(reader) == second


@THREADS
def test_each_validation_by_few_steps_begins_anew(threads: int) -> None:
    """``evaluate`` within ``fit`` gives up the rest of a pass, with what threads have read."""
    flow = id_flow(threads, shuffle=False)
    reader = reader_of(flow, steps_per_epoch=3, shuffle=False)
    for _ in range(3):
        reader.reset()
        assert flat(epoch_of(reader)) == list(range(6))


@pytest.mark.parametrize("steps", [2, 3])
def test_a_queue_keeps_what_the_rest_of_a_pass_needs(steps: int) -> None:
    """Between the epochs of a pass that goes on nothing is dropped."""
    flow = id_flow(2, batch_size=10)
    reader = reader_of(flow, steps_per_epoch=steps, shuffle=False)
    reader.reset()
    batches = [batch for _ in range(6 // steps) for batch in epoch_of(reader)]
    assert sorted(flat(batches)) == list(range(IDS))


def test_a_late_batch_of_a_thread_is_waited_for_and_dropped(keras: Any) -> None:
    """A busy machine: a thread puts its batch into the queue after the queue was emptied."""
    flow = id_flow(2)
    reader = reader_of(flow, shuffle=False)
    queue = reader.data_adapter.enqueuer
    waited = []

    class Late:
        def get(self) -> Any:
            waited.append(True)
            return flow[7]

    stop = queue.stop

    def stop_early(*arguments: Any, **settings: Any) -> None:
        was_running = queue.running
        stop(*arguments, **settings)
        if was_running and not waited:
            queue.future_queue.put(Late())

    queue.stop = stop_early
    look(keras, reader)
    queue.stop = stop
    assert waited and queue.future_queue.empty()
    assert epoch_of(reader) == due_of(1)[0]


def test_an_error_of_a_late_thread_is_raised() -> None:
    flow = id_flow(2)
    reader = reader_of(flow, shuffle=False)
    reader.data_adapter.enqueuer.future_queue.put(OSError("no such disk"))
    with pytest.raises(OSError, match="no such disk"):
        reader.reset()


def test_a_bad_file_at_the_look_is_reported_once(keras: Any, tmp_path: Any) -> None:
    """The look is no epoch of its own in the warnings, either."""
    from PIL import Image

    for number in range(6):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "0.png").write_bytes(b"no image")
    flow = ImageDataGenerator(workers=0).flow_from_directory(
        tmp_path.parent,
        classes=[tmp_path.name],
        batch_size=2,
        target_size=(8, 8),
        shuffle=False,
        on_error="skip",
    )
    reader = reader_of(flow, shuffle=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        look(keras, reader)
        assert not [one for one in caught if "left out" in str(one.message)]
        epoch_of(reader)
    assert len([one for one in caught if "in epoch 1" in str(one.message)]) == 1
