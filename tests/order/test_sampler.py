"""``sampler="balanced"``: every class equally often; and ``class_weight()``."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import ImageDataGenerator
from augflow.order.permutation import BalancedOrder, epoch_order, occurrences
from augflow.order.schedule import Epoch, Schedule
from augflow.order.streams import SampleSeeds, open_stream
from tests.flow_world import signature, signatures, take

COUNTS = {"a": 14, "b": 3, "c": 1, "d": 7}
SAMPLES = sum(COUNTS.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 images of four classes; image n has the grey level 10 n everywhere."""
    root = tmp_path_factory.mktemp("balance")
    number = 0
    for name, count in COUNTS.items():
        (root / name).mkdir()
        for place in range(count):
            Image.new("L", (4, 4), 10 * number).save(root / name / f"{place:02d}.png")
            number += 1
    return root


def flow_of(folder: Path, kind: str = "directory", workers: int = 0, **arguments: Any) -> Any:
    split = arguments.pop("split", 0)
    generator = ImageDataGenerator(workers=workers, validation_split=split)
    arguments = {
        "target_size": (4, 4), "color_mode": "grayscale", "class_mode": "sparse",
        "batch_size": 4, "seed": 2, "sampler": "balanced", **arguments,
    }  # fmt: skip
    if kind == "directory":
        return generator.flow_from_directory(folder, **arguments)
    table = pd.DataFrame(
        [(f"{name}/{n:02d}.png", name) for name, count in COUNTS.items() for n in range(count)],
        columns=["filename", "class"],
    )
    return generator.flow_from_dataframe(table, folder, **arguments)


def samples_of(batches: list[Any]) -> tuple[list[int], list[int]]:
    """Which images these are, read from their pixels, and their class numbers."""
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    return (images[:, 0, 0, 0] / 10).astype(int).tolist(), labels.astype(int).tolist()


# The order


@settings(max_examples=200)
@given(
    numbers=st.lists(st.integers(0, 6), min_size=1, max_size=60),
    seed=st.integers(0, 2**32 - 1),
)
def test_shares(numbers: list[int], seed: int) -> None:
    """Classes differ by one sample at most, and so do the samples of a class."""
    classes = np.array(numbers)
    order, state = BalancedOrder(classes)(len(classes), True, seed)
    assert len(order) == len(classes)
    by_class = Counter(classes[order].tolist())
    counts = [by_class[number] for number in set(numbers)]
    assert max(counts) - min(counts) <= 1
    by_sample = Counter(order.tolist())
    for number in set(numbers):
        own = [by_sample[sample] for sample in np.flatnonzero(classes == number).tolist()]
        assert max(own) - min(own) <= 1
    again, end = BalancedOrder(classes)(len(classes), True, seed)
    np.testing.assert_array_equal(order, again)
    assert open_stream(state).uniform() == open_stream(end).uniform()


def test_epochs_and_seeds_differ_and_are_shuffled() -> None:
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    orders = [BalancedOrder(classes)(100, True, seed)[0] for seed in range(30)]
    assert len({order.tobytes() for order in orders}) == 30
    # Of the 60 samples that 33 or 34 places are for, each has its turn.
    assert set(np.concatenate(orders).tolist()) == set(range(100))
    # The remainder does not always go to the same class.
    extra = [np.bincount(classes[order]).argmax() for order in orders]
    assert set(extra) == {0, 1, 2}
    # Classes are mixed: no place of the epoch prefers one.
    first = np.bincount(classes[np.stack(orders)[:, :50]].ravel()) / 1500
    np.testing.assert_allclose(first, 1 / 3, atol=0.05)


def test_taking_turns_misses_nothing() -> None:
    """What docs/balance.md says about independent draws."""
    classes = np.repeat([0, 1], [500, 500])
    random = np.random.default_rng(0)
    missed = [500 - len(np.unique(random.integers(0, 500, 500))) for _ in range(50)]
    assert np.mean(missed) / 500 == pytest.approx(np.exp(-1), abs=0.01)
    assert len(np.unique(BalancedOrder(classes)(1000, True, 0)[0])) == 1000


@given(st.lists(st.integers(0, 8), max_size=30))
def test_occurrences(order: list[int]) -> None:
    counts = occurrences(np.array(order, dtype=np.int64))
    if len(set(order)) == len(order):
        assert counts is None
    else:
        assert counts.tolist() == [order[:place].count(one) for place, one in enumerate(order)]


# Flows


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
@pytest.mark.parametrize("class_mode", ["categorical", "sparse"])
def test_every_class_equally_often(folder: Path, kind: str, class_mode: str) -> None:
    flow = flow_of(folder, kind, class_mode=class_mode)
    assert len(flow) == 7 and flow.samples == SAMPLES
    for _ in range(3):
        batches = take(flow, len(flow))
        if class_mode == "categorical":
            batches = [(images, labels.argmax(axis=1)) for images, labels in batches]
        images, labels = samples_of(batches)
        assert sorted(Counter(labels).values()) == [6, 6, 6, 7]
        assert labels == [int(flow.classes[image]) for image in images]
        assert Counter(images)[17] == Counter(labels)[2] >= 6  # the only one of its class


def test_binary_and_subsets(folder: Path) -> None:
    flow = flow_of(folder, classes=["a", "b"], class_mode="binary", batch_size=17)
    assert sorted(Counter(next(flow)[1].tolist()).values()) == [8, 9]
    split = {"split": 0.3, "classes": ["a", "d"]}
    flow = flow_of(folder, **split, subset="training", batch_size=30, augment=True)
    images, labels = samples_of([next(flow)])
    assert len(images) == 15 and sorted(Counter(labels).values()) == [7, 8]
    validation = flow_of(folder, **split, subset="validation", sampler=None, augment=False)
    seen, _ = samples_of(take(validation, len(validation)))
    assert len(seen) == len(set(seen)) == 6 and not set(seen) & set(images)


def test_a_class_without_samples(folder: Path) -> None:
    with pytest.warns(UserWarning, match="has no folder"):
        flow = flow_of(folder, classes=["a", "none", "b"], batch_size=100)
    assert flow.class_indices["none"] == 1
    counts = Counter(next(flow)[1].tolist())
    assert set(counts) == {0.0, 2.0} and sorted(counts.values()) == [8, 9]
    assert list(flow.class_weight()) == [0, 2]


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_the_same_for_any_number_of_workers_and_any_access(folder: Path, kind: str) -> None:
    wanted = None
    for workers in (0, 1, 2, 5):
        with flow_of(folder, kind, workers) as flow:
            by_next = signatures(take(flow, 3 * len(flow)))
        wanted = wanted or by_next
        assert by_next == wanted
        with flow_of(folder, kind, workers) as flow:
            for epoch in range(3):
                places = list(range(len(flow)))[:: 1 - 2 * (epoch % 2)]
                for place in places:
                    assert signature(flow[place]) == wanted[epoch * len(flow) + place]
                flow.on_epoch_end()


def test_it_reads_ahead_what_comes(folder: Path) -> None:
    """The places that are foreseen are those that come, over the end of an epoch."""
    flow = flow_of(folder)
    next(flow)
    schedule = flow._current_schedule()
    coming = schedule.coming(flow._epoch, flow.batch_index, flow.total_batches_seen)
    foreseen = [next(coming) for _ in range(20)]
    for place in foreseen:
        images, _ = samples_of([next(flow)])
        assert images == place.indices.tolist()


def test_copies_go_on_where_the_original_stood(folder: Path) -> None:
    flow = flow_of(folder, seed=None)
    next(flow)
    copies = [copy.copy(flow), pickle.loads(pickle.dumps(flow))]
    wanted = signatures(take(flow, 9))
    for one in copies:
        assert signatures(take(one, 9)) == wanted


def test_attributes_that_change(folder: Path) -> None:
    flow = flow_of(folder, batch_size=SAMPLES)
    plain = flow_of(folder, batch_size=SAMPLES, sampler=None)
    flow.sampler = None
    assert signature(next(flow)) == signature(next(plain))
    flow.sampler = "balanced"
    assert sorted(Counter(next(flow)[1].tolist()).values()) == [6, 6, 6, 7]
    flow.classes = np.arange(SAMPLES) % 2
    assert sorted(Counter(next(flow)[1].tolist()).values()) == [12, 13]
    flow.shuffle = False
    assert samples_of([next(flow)])[0] == list(range(SAMPLES))


def test_without_a_sampler_nothing_changes() -> None:
    schedule, plain = Schedule(30, 7, True, 5), epoch_order(30, True, 5)
    np.testing.assert_array_equal(schedule.epoch(0).order, plain[0])
    assert schedule.epoch(0).occurrences is None
    place = schedule.place(schedule.epoch(0), 2, 2)
    assert place.seeds == SampleSeeds(5, 0, place.indices.tolist())
    key = (5, 0, int(place.indices[3]))
    assert place.seeds.generator(3).random() == np.random.default_rng(key).random()


def test_a_sample_that_comes_twice_has_two_generators() -> None:
    order = BalancedOrder(np.array([0] * 9 + [1]))
    schedule = Schedule(10, 4, True, 3, order)
    epoch = schedule.epoch(0)
    places = [schedule.place(epoch, position, position) for position in range(3)]
    drawn = {
        (sample, place.seeds.part(row, row + 1).generator(0).random())
        for place in places
        for row, sample in enumerate(place.indices.tolist())
    }
    assert len(drawn) == 10
    assert sorted(Counter(sample for sample, _ in drawn).values()) == [1, 1, 1, 1, 1, 5]
    # The first occurrence is what it would be without the others, whatever the batch size.
    first = {s: SampleSeeds(3, 0, [s]).generator(0).random() for s in epoch.order.tolist()}
    assert {(sample, value) for sample, value in first.items()} <= drawn
    wide = Schedule(10, 10, True, 3, order)
    place = wide.place(wide.epoch(0), 0, 0)
    assert drawn == {
        (sample, place.seeds.generator(row).random())
        for row, sample in enumerate(place.indices.tolist())
    }
    assert Epoch(0, np.array([4, 4]), 0).occurrences.tolist() == [0, 1]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another name": (
        {"sampler": "equal"},
        r'must be "balanced", weights or None. Received: \'equal\'',
    ),
    "a flag": ({"sampler": True}, r'must be "balanced", weights or None. Received: True'),
    "no classes": ({"class_mode": None}, r"Received: None"),
    "images as targets": ({"class_mode": "input"}, r"Received: 'input'"),
    "no shuffling": ({"shuffle": False}, r"needs shuffle=True"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_what_cannot_be_balanced(folder: Path, kind: str, case: str) -> None:
    options, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        flow_of(folder, kind, **options)


def test_several_labels_have_no_class_weight(folder: Path) -> None:
    table = pd.DataFrame({"filename": ["a/00.png", "b/00.png"], "class": ["x", ["x", "y"]]})
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(table, folder)
    with pytest.raises(ValueError, match=r"class_weight\(\) needs one class"):
        flow.class_weight()


# Weights


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_class_weight_is_that_of_scikit_learn(folder: Path, kind: str) -> None:
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    flow = flow_of(folder, kind, sampler=None)
    weights = flow.class_weight()
    wanted = compute("balanced", classes=np.arange(4), y=np.array(flow.classes))
    assert list(weights) == [0, 1, 2, 3]
    assert list(weights.values()) == pytest.approx(wanted.tolist(), rel=1e-15)
    assert all(type(weight) is float for weight in weights.values())
    # The classes weigh the same in all.
    assert {weights[n] * count for n, count in enumerate(COUNTS.values())} == {SAMPLES / 4}


def test_class_weight_needs_classes(folder: Path) -> None:
    flow = flow_of(folder, sampler=None, class_mode=None)
    with pytest.raises(ValueError, match=r"class_weight\(\) needs classes.*Received: None"):
        flow.class_weight()


def test_keras_takes_both(folder: Path) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    plain = flow_of(folder, sampler=None, shuffle=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(flow_of(folder), epochs=2, verbose=0)
        model.optimizer.learning_rate = 0.0
        weights = plain.class_weight()
        weighted = model.fit(plain, class_weight=weights, verbose=0).history["loss"][0]
    logits = model.predict(plain, verbose=0)
    losses = keras.losses.sparse_categorical_crossentropy(
        np.array(plain.classes), logits, from_logits=True
    )
    by_hand = np.mean([weights[n] * float(one) for n, one in zip(plain.classes, losses)])  # noqa: B905
    assert weighted == pytest.approx(by_hand, rel=1e-4)
