"""One seed, one answer: a batch depends on settings, seed, epoch and position alone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augflow import ImageDataGenerator
from tests.flow_world import (
    SAMPLES,
    SIZE,
    force_workers,
    numbered_images,
    signature,
    signatures,
    table_of,
    take,
    write_folder,
)

AFFINE: dict[str, Any] = {
    "rotation_range": 25,
    "width_shift_range": 0.2,
    "height_shift_range": [-2, 1, 3],
    "shear_range": 12,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "channel_shift_range": 20.0,
}
BATCH_SIZE = 8
LENGTH = 3  # batches an epoch: 8, 8 and 3 samples
EPOCHS = 3

MakeFlow = Callable[..., Any]
ImageFunction = Callable[[np.ndarray], np.ndarray]
# For tests whose fixtures do not change with hypothesis's numbers.
few = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
many = settings(few, max_examples=80)


# Made by functions, so that they travel to the workers by value: a worker would have to import
# this module for one of its own functions.
def drawing() -> ImageFunction:
    """A user's function with random numbers of its own, sometimes one more."""

    def draw(image: np.ndarray) -> np.ndarray:
        if image[0, 0, 0] > 100:
            np.random.uniform()
        return image + np.random.normal(0, 5, image.shape)

    return draw


def slow_drawing() -> ImageFunction:
    """One that draws twice, and lets other threads run in between."""

    def draw(image: np.ndarray) -> np.ndarray:
        first = np.random.normal(size=image.shape)
        time.sleep(0.001)
        return image + first + np.random.normal(size=image.shape)

    return draw


def closure() -> ImageFunction:
    factor = 0.5
    return lambda image: image * factor


def vgg_preprocess_input() -> Any:
    from keras.applications.vgg16 import preprocess_input

    return preprocess_input


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    return table_of(folder)


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    """Five workers, kept between the tests: starting them for each would take the longest."""
    generator = ImageDataGenerator(rotation_range=1, workers=5)
    flow = force_workers(generator.flow(numbered_images(4, 8), batch_size=2, seed=0))
    next(flow)
    yield
    flow.close()


@pytest.fixture(scope="module")
def make(folder: Path, table: pd.DataFrame) -> MakeFlow:
    """make(kind, workers) gives a new flow of 19 samples in batches of 8, with seed 5."""

    def directory(generator: dict[str, Any], workers: int, **flow: Any) -> Any:
        flow = {"target_size": SIZE, "batch_size": BATCH_SIZE, "seed": 5, **flow}
        generator = {**AFFINE, **generator}
        return ImageDataGenerator(**generator, workers=workers).flow_from_directory(folder, **flow)

    def dataframe(workers: int) -> Any:
        return ImageDataGenerator(**AFFINE, rescale=1 / 255, workers=workers).flow_from_dataframe(
            table,
            folder,
            y_col=["id", "half"],
            class_mode="multi_output",
            weight_col="weight",
            target_size=SIZE,
            batch_size=BATCH_SIZE,
            seed=5,
        )

    def array(workers: int) -> Any:
        pixels = np.random.RandomState(3).uniform(0, 255, (SAMPLES, 12, 10, 3))
        flow = ImageDataGenerator(**AFFINE, workers=workers).flow(
            (pixels, np.arange(SAMPLES)), pixels[:, 0, 0], batch_size=BATCH_SIZE, seed=5
        )
        return force_workers(flow)

    kinds: dict[str, MakeFlow] = {
        "directory": lambda workers: directory({}, workers),
        "not shuffled": lambda workers: directory({}, workers, shuffle=False),
        "input": lambda workers: directory({}, workers, class_mode="input"),
        "plain": lambda workers: directory(dict.fromkeys(AFFINE, 0), workers, class_mode=None),
        "lambda": lambda workers: directory(
            {"preprocessing_function": lambda image: image[::-1] - 1}, workers
        ),
        "closure": lambda workers: directory({"preprocessing_function": closure()}, workers),
        "drawing": lambda workers: directory({"preprocessing_function": drawing()}, workers),
        "slow drawing": lambda workers: directory(
            {"preprocessing_function": slow_drawing()}, workers
        ),
        "preprocess_input": lambda workers: directory(
            {"preprocessing_function": vgg_preprocess_input()}, workers
        ),
        "dataframe": dataframe,
        "array": array,
    }
    return lambda kind, workers: kinds[kind](workers)


KINDS = (
    "directory",
    "not shuffled",
    "input",
    "plain",
    "lambda",
    "closure",
    "drawing",
    "preprocess_input",
    "dataframe",
    "array",
)


@pytest.fixture(scope="module")
def answers(make: MakeFlow) -> Callable[[str], list[Any]]:
    """answers(kind)[epoch * LENGTH + position]: what everything is to agree with."""
    known: dict[str, list[Any]] = {}

    def of(kind: str) -> list[Any]:
        if kind not in known:
            known[kind] = signatures(take(make(kind, 0), EPOCHS * LENGTH))
        return known[kind]

    return of


# The number of workers, next() and index


@pytest.mark.parametrize("kind", KINDS)
def test_batches_differ_from_each_other(kind: str, answers: Any) -> None:
    """Otherwise the tests below could not fail."""
    assert len(set(answers(kind))) == LENGTH * EPOCHS


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_workers(kind: str, workers: int, make: MakeFlow, answers: Any) -> None:
    with make(kind, workers) as flow:
        batches = take(flow, EPOCHS * LENGTH)
        # Otherwise something went wrong and the flow went on without workers.
        assert flow._engine.workers == workers
    assert signatures(batches) == answers(kind)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_by_index(kind: str, workers: int, make: MakeFlow, answers: Any) -> None:
    order = random.Random(1)
    with make(kind, workers) as flow:
        for epoch in range(EPOCHS):
            positions = [0, 1, 2, 2, 0]
            order.shuffle(positions)
            batches = [flow[position] for position in positions]
            due = [answers(kind)[epoch * LENGTH + position] for position in positions]
            assert signatures(batches) == due, (epoch, positions)
            flow.on_epoch_end()


epochs_of_positions = st.lists(
    st.tuples(st.permutations(range(LENGTH)), st.lists(st.integers(0, LENGTH - 1), max_size=3)),
    min_size=1,
    max_size=EPOCHS,
)


@pytest.mark.parametrize("workers", [0, 2])
@given(epochs=epochs_of_positions)
@few
def test_any_order_of_indices(
    workers: int, epochs: list[Any], make: MakeFlow, answers: Any
) -> None:
    """Each batch at least once an epoch, some of them again, negative indices among them."""
    with make("directory", workers) as flow:
        for epoch, (positions, again) in enumerate(epochs):
            for position in positions + again:
                index = position - LENGTH if position in again else position
                due = answers("directory")[epoch * LENGTH + position]
                assert signature(flow[index]) == due
            flow.on_epoch_end()


@pytest.mark.parametrize("workers", [0, 2])
@given(steps=st.lists(st.sampled_from(["next", 0, 1, 2]), max_size=20))
@few
def test_index_access_does_not_disturb_next(
    workers: int, steps: list[Any], make: MakeFlow, answers: Any
) -> None:
    due = answers("not shuffled")
    with make("not shuffled", workers) as flow:
        seen = 0
        for step in steps:
            if step == "next":
                if seen == len(due):
                    break
                assert signature(next(flow)) == due[seen]
                seen += 1
            else:
                # Index access is to the epoch that next() is in.
                epoch = max(0, seen - 1) // LENGTH
                assert signature(flow[step]) == due[epoch * LENGTH + step]


@pytest.mark.parametrize("workers", [0, 2])
def test_next_after_epochs_by_index(workers: int, make: MakeFlow, answers: Any) -> None:
    with make("directory", workers) as flow:
        for position in (2, 0, 1):
            flow[position]
        flow.on_epoch_end()
        assert signatures(take(flow, LENGTH)) == answers("directory")[LENGTH : 2 * LENGTH]
        assert signature(next(flow)) == answers("directory")[2 * LENGTH]


@pytest.mark.parametrize("workers", [0, 2])
def test_on_epoch_end_after_an_epoch_by_next_skips_nothing(
    workers: int, make: MakeFlow, answers: Any
) -> None:
    with make("directory", workers) as flow:
        take(flow, LENGTH)
        flow.on_epoch_end()
        assert signatures(flow[k] for k in range(LENGTH)) == answers("directory")[3:6]


def test_on_epoch_end_before_the_first_batch_skips_nothing(make: MakeFlow, answers: Any) -> None:
    """Keras's fit calls it there."""
    flow = make("directory", 0)
    flow.on_epoch_end()
    assert signature(flow[0]) == answers("directory")[0]
    assert signature(next(flow)) == answers("directory")[0]


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_reset_in_mid_epoch(after: int, make: MakeFlow) -> None:
    results = []
    for workers in (0, 2):
        with make("drawing", workers) as flow:
            batches = take(flow, after)
            flow.reset()
            batches += take(flow, LENGTH + 1)
            results.append(signatures(batches))
    assert results[0] == results[1]


def test_after_reset_an_epoch_begins_with_draws_of_its_own(make: MakeFlow, answers: Any) -> None:
    flow = make("not shuffled", 2)
    before = take(flow, 2)
    flow.reset()
    again = take(flow, LENGTH)
    # The same samples from the start, and new random transforms: the batch count went on.
    assert [len(batch[0]) for batch in again] == [8, 8, 3]
    np.testing.assert_array_equal(again[0][1], before[0][1])
    assert signature(again[0]) not in signatures(before)
    flow.close()


# Several flows, several threads


@pytest.mark.parametrize("turn", range(3))
def test_flows_in_any_order_and_interleaved(turn: int, make: MakeFlow, answers: Any) -> None:
    order = random.Random(turn)
    kinds = ["directory", "drawing", "dataframe", "array"]
    order.shuffle(kinds)
    flows = {kind: make(kind, workers) for kind, workers in zip(kinds, (0, 1, 2, 5), strict=True)}
    moves = [kind for kind in kinds for _ in range(EPOCHS * LENGTH)]
    order.shuffle(moves)
    batches: dict[str, list[Any]] = {kind: [] for kind in kinds}
    for kind in moves:
        batches[kind].append(next(flows[kind]))
    for kind, flow in flows.items():
        assert signatures(batches[kind]) == answers(kind), kind
        flow.close()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["directory", "slow drawing"])
def test_threads_that_ask_by_index(kind: str, workers: int, make: MakeFlow, answers: Any) -> None:
    positions = [0, 1, 2] * 4
    with make(kind, workers) as flow, ThreadPoolExecutor(4) as threads:
        batches = list(threads.map(flow.__getitem__, positions))
    assert signatures(batches) == [answers(kind)[position] for position in positions]


@pytest.mark.parametrize("workers", [0, 2])
def test_threads_that_call_next(workers: int, make: MakeFlow, answers: Any) -> None:
    kind = "slow drawing"
    with make(kind, workers) as flow, ThreadPoolExecutor(4) as threads:
        batches = list(threads.map(lambda _: next(flow), range(EPOCHS * LENGTH)))
    assert sorted(map(str, signatures(batches))) == sorted(map(str, answers(kind)))


def test_two_flows_in_two_threads(make: MakeFlow, answers: Any) -> None:
    """Both have a function that draws from np.random in this process."""
    before = np.random.get_state()
    results: dict[int, list[Any]] = {}

    def consume(number: int) -> None:
        results[number] = take(make("slow drawing", 0), EPOCHS * LENGTH)

    threads = [threading.Thread(target=consume, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(2):
        assert signatures(results[number]) == answers("slow drawing")
    assert same_state(before, np.random.get_state())


def test_many_threads_across_many_epochs() -> None:
    """Two batches an epoch, so that reading ahead and eight threads cross epochs all the time."""
    generator = ImageDataGenerator(preprocessing_function=lambda image: image, workers=2)

    def flow() -> Any:
        return generator.flow(numbered_images(10), np.arange(10), batch_size=5, seed=1)

    due = sorted(batch[1].tobytes() for batch in take(flow(), 120))
    with force_workers(flow()) as shared, ThreadPoolExecutor(8) as threads:
        batches = list(threads.map(lambda _: next(shared), range(120)))
    assert sorted(batch[1].tobytes() for batch in batches) == due


# Without a seed, and the caller's np.random


def same_state(first: Any, second: Any) -> bool:
    return repr(first[2:]) == repr(second[2:]) and np.array_equal(first[1], second[1])


def unseeded(workers: int) -> Any:
    pixels = np.random.RandomState(3).uniform(0, 255, (SAMPLES, 8, 8, 3))
    generator = ImageDataGenerator(**AFFINE, preprocessing_function=drawing(), workers=workers)
    return force_workers(generator.flow(pixels, np.arange(SAMPLES), batch_size=BATCH_SIZE))


def run_unseeded(workers: int) -> list[Any]:
    with unseeded(workers) as flow:
        batches = take(flow, LENGTH + 1)
        batches += [flow[2], flow[1]]
    return signatures(batches)


def test_unseeded_after_np_random_seed() -> None:
    results = []
    for workers in (0, 2, 0):
        np.random.seed(17)
        results.append([run_unseeded(workers), run_unseeded(workers)])
    assert results[0] == results[1] == results[2]
    # The second flow of a run has another seed than the first.
    assert results[0][0] != results[0][1]
    np.random.seed(18)
    assert run_unseeded(0) != results[0][0]


def test_unseeded_after_set_random_seed() -> None:
    import keras

    results = []
    for workers in (0, 2):
        keras.utils.set_random_seed(17)
        results.append(run_unseeded(workers))
    assert results[0] == results[1]


def words_drawn(state: Any) -> int:
    """How many 32-bit words were drawn since ``np.random.seed(1)``, up to one block of them."""
    return int(state[2]) % 624


@pytest.mark.parametrize("first_use", ["next", "index", "on_epoch_end", "index_array"])
def test_an_unseeded_flow_draws_once_from_np_random(first_use: str) -> None:
    np.random.seed(1)
    np.random.randint(2)
    before = words_drawn(np.random.get_state())
    flow = unseeded(0)
    if first_use == "on_epoch_end":
        flow.on_epoch_end()
    elif first_use == "index_array":
        flow.index_array = np.arange(SAMPLES)
    elif first_use == "index":
        flow[2]
    take(flow, LENGTH + 2)
    flow.reset()
    flow.on_epoch_end()
    flow[1]
    assert words_drawn(np.random.get_state()) == before + 1


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["directory", "drawing", "dataframe", "array"])
def test_a_seeded_flow_leaves_np_random_alone(kind: str, workers: int, make: MakeFlow) -> None:
    np.random.seed(1)
    python_state = random.getstate()
    before = np.random.get_state()
    with make(kind, workers) as flow:
        take(flow, LENGTH + 1)
        flow.reset()
        next(flow)
        flow[1]
        flow.on_epoch_end()
        list(map(flow.__getitem__, range(LENGTH)))
        flow._set_index_array()
        flow._get_batches_of_transformed_samples(np.array([1, 2]))
    assert same_state(before, np.random.get_state())
    assert random.getstate() == python_state


def test_np_random_is_put_back_when_a_function_raises(make: MakeFlow, folder: Path) -> None:
    def failing(image: np.ndarray) -> np.ndarray:
        np.random.uniform()
        raise ArithmeticError("on purpose")

    flow = ImageDataGenerator(preprocessing_function=failing, workers=0).flow_from_directory(
        folder, target_size=SIZE, seed=1
    )
    before = np.random.get_state()
    with pytest.raises(ArithmeticError):
        next(flow)
    assert same_state(before, np.random.get_state())


def test_the_callers_draws_do_not_matter(make: MakeFlow, answers: Any) -> None:
    flow = make("drawing", 0)
    batches = []
    for turn in range(LENGTH):
        np.random.seed(turn)
        batches.append(next(flow))
        np.random.uniform(size=turn)
    assert signatures(batches) == answers("drawing")[:LENGTH]


# Every sample once


def labels_of_epochs(flow: Any, epochs: int, by_index: bool) -> list[list[int]]:
    result = []
    for _ in range(epochs):
        labels: list[int] = []
        for position in range(len(flow)):
            images, batch_labels = flow[position] if by_index else next(flow)
            # The image is the label's, too.
            assert images[:, 0, 0, 0].tolist() == batch_labels.tolist()
            labels += batch_labels.tolist()
        if by_index:
            flow.on_epoch_end()
        result.append(labels)
    return result


@given(
    samples=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    shuffle=st.booleans(),
    seed=st.none() | st.integers(0, 2**32 - 1),
    by_index=st.booleans(),
)
@many
def test_every_sample_once_an_epoch(
    samples: int, batch_size: int, shuffle: bool, seed: int | None, by_index: bool
) -> None:
    flow = ImageDataGenerator(workers=0).flow(
        numbered_images(samples, 1), np.arange(samples), batch_size, shuffle, seed=seed
    )
    epochs = labels_of_epochs(flow, 3, by_index)
    for labels in epochs:
        assert sorted(labels) == list(range(samples))
        if not shuffle:
            assert labels == list(range(samples))
    if shuffle and samples > 12:
        # 1 in 13! that this fails by chance.
        assert epochs[0] != epochs[1] != epochs[2]


@given(
    samples=st.integers(1, 60),
    fraction=st.floats(0.01, 0.99),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
@many
def test_array_parts_are_disjoint_and_complete(
    samples: int, fraction: float, batch_size: int, seed: int
) -> None:
    generator = ImageDataGenerator(validation_split=fraction, workers=0)
    parts: dict[str, list[int]] = {}
    for subset in ("validation", "training"):
        flow = generator.flow(
            numbered_images(samples, 1),
            np.arange(samples),
            batch_size,
            seed=seed,
            subset=subset,
            ignore_class_split=True,
        )
        parts[subset] = sorted(labels_of_epochs(flow, 1, False)[0])
    # Validation comes first.
    assert parts["validation"] + parts["training"] == list(range(samples))
    assert len(parts["validation"]) == int(samples * fraction)


@given(samples=st.integers(2, 60), fraction=st.floats(0.01, 0.99), classes=st.integers(1, 5))
@many
def test_dataframe_parts_are_disjoint_and_complete(
    samples: int, fraction: float, classes: int
) -> None:
    names = [f"{number}.png" for number in range(samples)]
    rows = pd.DataFrame({"filename": names, "class": [f"c{k % classes}" for k in range(samples)]})
    generator = ImageDataGenerator(validation_split=fraction)
    flows = [
        generator.flow_from_dataframe(rows, "none", validate_filenames=False, subset=subset)
        for subset in ("validation", "training")
    ]
    assert flows[0].filenames + flows[1].filenames == names
    assert flows[0].class_indices == flows[1].class_indices
    for flow in flows:
        expected = [f"c{int(name[:-4]) % classes}" for name in flow.filenames]
        of_number = {number: name for name, number in flow.class_indices.items()}
        assert [of_number[number] for number in flow.classes] == expected


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=3), fraction=st.floats(0.01, 0.99))
@settings(many, max_examples=25)
@pytest.mark.filterwarnings("ignore:subset .* holds no images")
def test_directory_parts_are_disjoint_and_complete(
    counts: list[int], fraction: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("parts")
    for number, count in enumerate(counts):
        (root / f"c{number}").mkdir()
        for file in range(count):
            # The scan looks at names alone.
            (root / f"c{number}" / f"{file}.jpg").touch()
    if not sum(counts):
        return
    generator = ImageDataGenerator(validation_split=fraction)
    whole = generator.flow_from_directory(root)
    parts = [
        generator.flow_from_directory(root, subset=subset) for subset in ("validation", "training")
    ]
    assert sorted(parts[0].filenames + parts[1].filenames) == sorted(whole.filenames)
    assert sum(part.samples for part in parts) == whole.samples == sum(counts)
    for part in parts:
        assert part.class_indices == whole.class_indices
        named = [int(name[1]) for name in part.filenames]
        assert part.classes.tolist() == named
