"""``flow_from_loader``: every sample once, the same batches for any number of workers, and errors
that name the ID.

What a batch must be is computed here once more, by plain loops over NumPy's own functions.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augflow
from augflow import flow_from_loader
from tests.flow_world import numbered_images, take

ROOT = Path(__file__).parents[2]
WORKERS = (0, 1, 2, 5)

Load = Callable[[Any], Any]


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    """Five workers, kept between the tests: starting them for each would take the longest."""
    flow = flow_from_loader(numbers(), range(4), batch_size=2, workers=5, seed=0)
    next(flow)
    yield
    flow.close()


# Functions made by functions, so that they travel to the workers by value: a worker would have to
# import this module for one of its own functions.
def numbers(shape: tuple[int, ...] = (2, 3)) -> Load:
    """Every element of a sample is its ID."""
    return lambda each: np.full(shape, each, "float32")


def noisy() -> Callable[..., Any]:
    """Adds a number from the sample's generator to all arrays of a sample."""

    def add(sample: Any, rng: np.random.Generator) -> Any:
        amount = np.float32(rng.normal())
        if isinstance(sample, dict):
            return {key: value + amount for key, value in sample.items()}
        if isinstance(sample, tuple):
            return tuple(value + amount for value in sample)
        return sample + amount

    return add


def of_form(form: str) -> Load:
    """Samples of different forms, and for "ragged" of different lengths."""

    def load(each: int) -> Any:
        vector = np.full(3, each, "float32")
        if form == "array":
            return vector
        if form == "dict":
            return {"left": vector, "right": np.float32(each) * 2}
        if form == "tuple":
            return vector, np.full((2, 2), -each, "float32")
        return np.full(1 + each % 4, each, "float32")

    return load


def flat(batch: Any) -> list[np.ndarray]:
    """All arrays of a batch."""
    if isinstance(batch, dict):
        batch = tuple(batch.values())
    if isinstance(batch, tuple):
        return [array for part in batch for array in flat(part)]
    return [batch]


def same(one: Any, other: Any) -> bool:
    """Whether two batches are equal: form, dtypes and values."""
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return (
            isinstance(other, tuple)
            and len(one) == len(other)
            and all(same(*pair) for pair in zip(one, other, strict=True))
        )
    return one.dtype == other.dtype and np.array_equal(one, other)


def expected_samples(
    load: Load, samples: int, shuffle: bool, seed: int, start: int, augment: Any, pad: int | None
) -> list[list[np.ndarray]]:
    """What an epoch that begins after ``start`` batches hands over, sample by sample."""
    order = np.random.RandomState(seed + start).permutation(samples)
    found = []
    for each in order.tolist() if shuffle else range(samples):
        sample = load(each)
        if augment is not None:
            sample = augment(sample, np.random.default_rng((seed, start, each)))
        if pad is not None:
            sample = np.pad(sample, (0, pad - len(sample)), constant_values=-1)
        found.append(flat(sample))
    return found


@settings(max_examples=25)
@given(
    samples=st.integers(1, 23),
    batch_size=st.integers(1, 9),
    shuffle=st.booleans(),
    drop_remainder=st.booleans(),
    augments=st.booleans(),
    form=st.sampled_from(["array", "dict", "tuple", "ragged"]),
    seed=st.integers(0, 99),
    by_index=st.randoms(use_true_random=False),
)
def test_each_sample_once_and_the_same_for_any_number_of_workers(
    samples: int,
    batch_size: int,
    shuffle: bool,
    drop_remainder: bool,
    augments: bool,
    form: str,
    seed: int,
    by_index: Any,
) -> None:
    batch_size = min(batch_size, samples) if drop_remainder else batch_size
    load, augment = of_form(form), noisy() if augments else None
    pad = 4 if form == "ragged" else None
    flows = [
        flow_from_loader(
            load,
            range(samples),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_remainder=drop_remainder,
            augment=augment,
            pad=pad,
            pad_value=-1,
            workers=workers,
        )
        for workers in WORKERS
    ]
    length = samples // batch_size if drop_remainder else -(-samples // batch_size)
    assert {len(flow) for flow in flows} == {length}
    for start in (0, length):
        # The batches of the first two epochs are known, so they can be compared one by one.
        wanted = expected_samples(load, samples, shuffle, seed, start, augment, pad)
        wanted = wanted[: length * batch_size]
        positions = by_index.sample(range(length), length)
        for flow in flows:
            before = {position: flow[position] for position in positions} if not start else {}
            batches = take(flow, length)
            rows = [row for batch in batches for row in zip(*flat(batch), strict=True)]
            assert len(rows) == len(wanted)
            for row, sample in zip(rows, wanted, strict=True):
                assert all(np.array_equal(*pair) for pair in zip(row, sample, strict=True))
            assert all(same(before[position], batches[position]) for position in before)
    for flow in flows:
        flow.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_the_order_is_that_of_image_flows(workers: int) -> None:
    images = augflow.ImageDataGenerator(workers=0).flow(
        numbered_images(19), batch_size=4, shuffle=True, seed=8
    )
    flow = flow_from_loader(numbers(), range(19), batch_size=4, seed=8, workers=workers)
    for _ in range(2 * len(flow) + 1):
        assert np.array_equal(next(flow)[:, 0, 0], next(images)[:, 0, 0, 0])
    flow.reset()
    images.reset()
    assert np.array_equal(next(flow)[:, 0, 0], next(images)[:, 0, 0, 0])
    flow.on_epoch_end()
    images.on_epoch_end()
    assert np.array_equal(flow[3][:, 0, 0], images[3][:, 0, 0, 0])
    flow.close()


def drawing() -> Load:
    """A load function that draws from NumPy's global generator, a different count for each ID."""

    def load(each: int) -> np.ndarray:
        return np.random.normal(size=1 + each % 3)[-1:] + np.random.uniform(size=2)

    return load


def test_draws_from_np_random_belong_to_the_sample() -> None:
    flows = {
        (workers, batch_size): flow_from_loader(
            drawing(), range(12), batch_size=batch_size, seed=4, shuffle=False, workers=workers
        )
        for workers in WORKERS
        for batch_size in (3, 12)
    }
    np.random.seed(3)
    before = np.random.get_state(legacy=True)[1].copy()
    epochs = {
        key: np.concatenate([flow[position] for position in range(len(flow))])
        for key, flow in flows.items()
    }
    assert np.array_equal(np.random.get_state(legacy=True)[1], before)
    first = epochs.pop((0, 3))
    assert len(np.unique(first)) == 24, "samples repeat each other's numbers"
    for key, epoch in epochs.items():
        assert np.array_equal(epoch, first), key
    following = flows[2, 3]
    take(following, len(following))
    assert not np.array_equal(next(following), first[:3]), "the next epoch draws the same"
    for flow in flows.values():
        flow.close()


def test_a_sample_draws_the_same_in_any_batch_of_its_epoch() -> None:
    small, large = (
        flow_from_loader(
            numbers(), range(9), batch_size=size, seed=2, augment=noisy(), shuffle=False, workers=0
        )
        for size in (2, 9)
    )
    assert np.array_equal(np.concatenate([small[n] for n in range(5)]), large[0])


# What a batch looks like


def test_labels_become_targets() -> None:
    ids = ["b", "a", "c"]
    by_id = {"a": 2, "b": 0, "c": 1, "other": 9}
    load = numbers_of_names()
    options: dict[str, Any] = {"shuffle": False, "workers": 0}
    samples, plain = next(flow_from_loader(load, ids, by_id, **options))
    assert samples[:, 0].tolist() == [98, 97, 99] and plain.tolist() == [0, 2, 1]
    _, by_place = next(flow_from_loader(load, ids, [0, 2, 1], **options))
    assert np.array_equal(plain, by_place)
    _, one_hot = next(flow_from_loader(load, ids, by_id, num_classes=3, **options))
    assert one_hot.dtype == np.float32
    assert np.array_equal(one_hot, np.eye(3)[[0, 2, 1]])
    weighted = next(
        flow_from_loader(load, ids, by_id, sample_weight={"a": 1, "b": 2, "c": 3}, **options)
    )
    assert weighted[2].tolist() == [2, 1, 3]
    _, vectors = next(flow_from_loader(load, ids, {each: [1.0, 2.0] for each in ids}, **options))
    assert vectors.shape == (3, 2)


def numbers_of_names() -> Load:
    return lambda name: np.full(2, ord(name))


def test_a_subset_takes_ids_labels_and_weights_together() -> None:
    values = np.arange(10.0)
    for subset, part in (("validation", slice(0, 3)), ("training", slice(3, 10))):
        flow = flow_from_loader(
            numbers(()),
            range(10),
            values * 2,
            sample_weight=values * 3,
            validation_split=0.39,
            subset=subset,
            shuffle=False,
            workers=0,
        )
        assert flow.n == len(values[part])
        batch = next(flow)
        for array, factor in zip(batch, (1, 2, 3), strict=True):
            assert np.array_equal(array, values[part] * factor)


@pytest.mark.parametrize(
    ("value", "shape", "dtype"),
    [
        (3, (), "int64"),
        (True, (), "bool"),
        (np.float16(1), (), "float16"),
        ([1.0, 2.0], (2,), "float64"),
        (np.zeros((2, 0), "uint8"), (2, 0), "uint8"),
        (np.arange(4, dtype=">f4"), (4,), "float32"),
        (np.array(["tea", "coffee"]), (2,), "<U6"),
        (np.ones((3, 4), order="F"), (3, 4), "float64"),
        (pd.Series([1, 2]), (2,), "int64"),
        (np.ones(3, "complex64"), (3,), "complex64"),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_whatever_makes_an_array(value: Any, shape: Any, dtype: str, workers: int) -> None:
    with flow_from_loader(lambda each: value, range(3), workers=workers) as flow:
        batch = next(flow)
    assert batch.shape == (3, *shape) and batch.dtype == dtype and batch.dtype.isnative
    assert np.array_equal(batch, np.stack([np.asarray(value)] * 3))


@pytest.mark.parametrize("workers", [0, 2])
def test_padding_is_that_of_numpy(workers: int) -> None:
    def load(each: int) -> Any:
        sound = np.full((1 + each, 2), each, "float32")
        return {"sound": sound, "text": np.arange(each + 1, dtype="int16"), "fixed": np.float32(0)}

    pad = {"sound": (6, None), "text": 8}
    with flow_from_loader(
        load, range(6), np.arange(6), pad=pad, pad_value=-7, shuffle=False, workers=workers
    ) as flow:
        inputs, _ = next(flow)
    sounds = [
        np.pad(load(each)["sound"], ((0, 5 - each), (0, 0)), constant_values=-7)
        for each in range(6)
    ]
    texts = [np.pad(load(n)["text"], (0, 7 - n), constant_values=-7) for n in range(6)]
    assert same(
        inputs, {"sound": np.stack(sounds), "text": np.stack(texts), "fixed": np.zeros(6, "f4")}
    )


# Errors


def odd_at(odd: int, value: Any) -> Load:
    return lambda each: value if each == odd else np.zeros((2, 3), "float32")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (np.zeros((2, 4), "f4"), ValueError, r"ID 7 has shape \(2, 4\).*ID 0, has \(2, 3\).*pad="),
        (np.zeros(6, "f4"), ValueError, r"ID 7 has shape \(6,\).*one rank"),
        (np.zeros((2, 3)), ValueError, r"ID 7 has dtype float64.*float32.*astype\('float32'\)"),
        (None, TypeError, "ID 7 is None; a `return` may be missing"),
        ((1, 2), ValueError, "ID 7 is a tuple of 2 items.*an array there"),
        ({"a": 1}, ValueError, r"ID 7 is a dict with the keys \['a'\].*an array there"),
        ([[1, 2], [3]], ValueError, "ID 7 is a list of 2 items, which makes no array"),
        (np.array([None]), TypeError, "ID 7 is an array of shape.*object"),
        (object, TypeError, "ID 7 .*makes an array of dtype object"),
    ],
)
def test_a_sample_unlike_the_first(workers: int, value: Any, kind: Any, message: str) -> None:
    flow = flow_from_loader(
        odd_at(7, value), range(9), batch_size=3, shuffle=False, workers=workers
    )
    take(flow, 2)
    with pytest.raises(kind, match=message):
        next(flow)
    flow.close()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([{"a": 1, "b": 2}, {"a": 1}], r"ID 1 is a dict .*\['a'\].*keys \['a', 'b'\]"),
        ([(1, 2), (1, 2, 3)], "ID 1 is a tuple of 3 items.*a tuple of 2 items"),
        ([(1, (2, 3)), (1, 2)], r"ID 1 at \[1\] is 2 \(int\).*a tuple of 2 items"),
        ([{"a": 1}, {"a": 1.5}], r"ID 1 at \['a'\] has dtype float64"),
    ],
)
def test_a_sample_of_another_structure(samples: list[Any], message: str) -> None:
    flow = flow_from_loader(lambda each: samples[each], [0, 1], shuffle=False, workers=0)
    with pytest.raises(ValueError, match=message):
        next(flow)


def odd_error() -> Any:
    class OddError(Exception):
        """An exception whose ``__init__`` does not fit its ``args``."""

        def __init__(self, code: int, *, reason: str) -> None:
            super().__init__(f"{reason} ({code})")
            self.code = code

    return OddError


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("where", ["load", "augment"])
def test_an_error_keeps_its_type_and_names_the_id(workers: int, where: str) -> None:
    error = odd_error()

    def load(each: str) -> np.ndarray:
        if where == "load" and each == "e":
            raise error(7, reason="broken")
        return np.array([each == "e"])

    def augment(sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if sample[0]:
            raise error(7, reason="broken")
        return sample

    flow = flow_from_loader(
        load, list("abcdef"), augment=augment, batch_size=2, shuffle=False, workers=workers
    )
    take(flow, 2)
    with pytest.raises(Exception, match=r"broken \(7\)") as caught:
        next(flow)
    assert type(caught.value).__name__ == "OddError" and caught.value.code == 7
    notes = "\n".join(caught.value.__notes__)
    assert "while preparing the sample of ID 'e'" in notes
    assert ("Traceback" in notes and f"in {where}" in notes) == bool(workers)
    # The flow goes on behind it.
    assert len(next(flow)) == 2
    flow.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_the_end_of_an_iterator_in_load_is_no_end_of_the_data(workers: int) -> None:
    def load(each: int) -> Any:
        return np.float32(next(iter([]))) if each == 5 else np.float32(each)

    flow = flow_from_loader(load, range(8), batch_size=2, shuffle=False, workers=workers)
    received = []
    with pytest.raises(RuntimeError, match=r"StopIteration[\s\S]*ID 5"):
        for batch in flow:
            received.append(batch.tolist())
    assert received == [[0, 1], [2, 3]]
    flow.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_text_is_never_cut(workers: int) -> None:
    texts = ["wide enough", "short", "", "just as wide"[:11]]
    flow = flow_from_loader(
        lambda each: texts[each], range(4), batch_size=4, shuffle=False, workers=workers
    )
    assert next(flow).tolist() == texts
    flow.close()
    longer = flow_from_loader(
        lambda each: "ab" * (each + 1), range(4), batch_size=4, shuffle=False, workers=workers
    )
    with pytest.raises(ValueError, match=r"one length.*'U64'.*every sample") as caught:
        next(longer)
    assert "astype" not in str(caught.value)
    longer.close()


def test_an_error_of_the_first_sample_comes_at_once() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        flow_from_loader(lambda each: 1 / each, [0, 1], workers=0)
    assert "while preparing the sample of ID 0" in caught.value.__notes__[0]


def test_labels_may_be_a_column_of_arrays() -> None:
    labels = pd.Series([np.array([n, n + 1]) for n in range(3)], index=[7, 8, 9])
    flow = flow_from_loader(np.float32, range(3), labels, shuffle=False, workers=0)
    assert next(flow)[1].tolist() == [[0, 1], [1, 2], [2, 3]]


@pytest.mark.parametrize(
    ("first", "later", "advice"),
    [
        (np.int64(5), 5.5, "astype('float64')"),
        (np.float32(5), 5.5, "astype('float32')"),
        (5.5, 5, "astype('float64')"),
        (True, 3, "astype('int64')"),
        ("a", 3, "numbers only"),
    ],
)
def test_the_advised_dtype_loses_nothing(first: Any, later: Any, advice: str) -> None:
    flow = flow_from_loader([first, later].__getitem__, [0, 1], shuffle=False, workers=0)
    with pytest.raises(ValueError, match="all must have the same") as caught:
        next(flow)
    assert advice in str(caught.value)
    if "astype" not in advice:
        return
    dtype = advice.split("'")[1]
    values = [first, later]
    mended = flow_from_loader(
        lambda each: np.asarray(values[each]).astype(dtype), [0, 1], shuffle=False, workers=0
    )
    assert next(mended).tolist() == values


def test_a_pad_value_is_refused_without_a_warning_beside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="`pad_value` must fit into dtype int64"):
            flow_from_loader(lambda each: [1], [0], pad=4, pad_value=np.nan, workers=0)


def test_a_padded_text_takes_a_value_that_fits() -> None:
    flow = flow_from_loader(
        lambda each: np.array(["ab"] * (1 + each)), [0, 1], pad=2, pad_value="-", shuffle=False
    )
    assert next(flow).tolist() == [["ab", "-"], ["ab", "ab"]]


def test_what_is_set_later_is_checked() -> None:
    flow = flow_from_loader(np.float32, range(20), batch_size=5, drop_remainder=True, workers=0)
    with pytest.raises(ValueError, match="`batch_size` must be at least 1"):
        flow.batch_size = 0
    assert flow.batch_size == 5 and len(flow) == 4
    flow.batch_size = 100
    with pytest.raises(ValueError, match="leaves no batch of 20 samples: batch_size is 100"):
        next(flow)
    flow.batch_size = 4
    flow.ids = flow.ids[:3]
    for ask in (lambda: next(flow), lambda: flow[4]):
        with pytest.raises(ValueError, match="`ids` was changed and now has 3 values for the 20"):
            ask()


def test_the_note_of_an_ended_iterator_stands_once() -> None:
    import traceback

    flow = flow_from_loader(
        lambda each: next(iter([])) if each else np.float32(0), [0, 1], shuffle=False, workers=0
    )
    with pytest.raises(RuntimeError) as caught:
        next(flow)
    assert "".join(traceback.format_exception(caught.value)).count("the sample of ID 1") == 1


TABLE = pd.DataFrame({"path": list("abcd"), "y": range(4)})
PLAIN = {"load": lambda each: np.zeros(2), "ids": [3, 4, 5, 6], "workers": 0}


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"load": "photos"}, TypeError, "`load` must be a function.*'photos'"),
        ({"augment": 3}, TypeError, "`augment` must be a function.*3"),
        ({"ids": "abc"}, TypeError, "`ids` must be a list.*str"),
        ({"ids": {"a": 1}}, TypeError, "`ids` must be a list.*keys"),
        ({"ids": {1, 2}}, TypeError, "`ids` must be a list.*an order"),
        ({"ids": 5}, TypeError, "`ids` must be a list.*5"),
        ({"ids": []}, ValueError, "`ids` is empty"),
        ({"ids": np.zeros((2, 2))}, ValueError, r"one axis.*\(2, 2\)"),
        ({"labels": {3: 0, 5: 1}}, ValueError, "no value for 2 of 4 IDs: 4, 6"),
        (
            {"labels": {"3": 0, "4": 0, "5": 0, "6": 0}},
            ValueError,
            "IDs: 3, 4, 5, ....*'3', a str, but the ID is of type int",
        ),
        ({"labels": [1, 2, 3]}, ValueError, "3 values for 4 IDs"),
        ({"labels": 1}, TypeError, "`labels` must be a dict.*1"),
        ({"labels": "catd"}, TypeError, "`labels` must be a dict.*'catd'"),
        ({"labels": [1, 2, "x", 3]}, TypeError, "must hold numbers"),
        ({"labels": {3: 1, 4: None, 5: 1, 6: 1}}, TypeError, "None for ID 4"),
        ({"labels": [[1], [1], [1, 2], [1]]}, ValueError, r"shape \(2,\) for ID 5, and \(1,\)"),
        ({"labels": [0, 1, 2, 3], "num_classes": 3}, ValueError, "0 to 2.*3 for ID 6"),
        ({"labels": [0, 1, -1, 0], "num_classes": 2}, ValueError, "-1 for ID 5"),
        ({"labels": [0, 0.5, 1, 1], "num_classes": 2}, ValueError, "0.5 for ID 4"),
        ({"labels": [0, np.nan, 1, 1], "num_classes": 2}, ValueError, "nan for ID 4"),
        ({"labels": [[0], [1], [0], [1]], "num_classes": 2}, ValueError, r"shape \(4, 1\)"),
        ({"num_classes": 2}, ValueError, "`num_classes` is for `labels`"),
        ({"labels": [0] * 4, "num_classes": 2.5}, TypeError, "must be an int.*2.5"),
        ({"labels": [0] * 4, "num_classes": 0}, ValueError, "at least 1.*0"),
        ({"sample_weight": [1, 1, 1, 1]}, ValueError, "needs `labels`.*inputs only"),
        (
            {"labels": [0] * 4, "sample_weight": [1, np.inf, 1, 1]},
            ValueError,
            "finite.*inf for ID 4",
        ),
        ({"labels": [0] * 4, "sample_weight": {3: 1}}, ValueError, "3 of 4 IDs: 4, 5, 6"),
        ({"labels": [0] * 4, "sample_weight": [[1]] * 4}, ValueError, r"one number.*\(4, 1\)"),
        ({"validation_split": 1.5, "subset": "training"}, ValueError, "below 1.*1.5"),
        ({"validation_split": "a", "subset": "training"}, TypeError, "a number.*'a'"),
        ({"validation_split": 0.5}, ValueError, "needs subset="),
        ({"subset": "training"}, ValueError, "needs a `validation_split`"),
        ({"subset": "test", "validation_split": 0.5}, ValueError, "'test'"),
        ({"subset": "validation", "validation_split": 0.1}, ValueError, "has no samples"),
        (
            {
                "labels": [0, 0, 1, 1],
                "num_classes": 2,
                "validation_split": 0.5,
                "subset": "training",
            },
            ValueError,
            "different classes.*only one of them has class 0.*partition",
        ),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"batch_size": 5, "drop_remainder": True}, ValueError, "no batch of 4 samples"),
        ({"workers": -1}, ValueError, "`workers`.*-1"),
        ({"seed": -1}, ValueError, "`seed`"),
        ({"pad": (1,)}, ValueError, r"shape \(2,\); `pad` makes room for \(1,\)"),
        ({"pad": (3, 3)}, ValueError, r"`pad` must be an int of at least 1: .*\(2,\).*\(3, 3\)"),
        ({"pad": {"a": 3}}, ValueError, "`pad` must be an int of at least 1"),
        ({"load": np.float32, "pad": 3}, ValueError, "`pad` must be None for a number"),
        (
            {"load": lambda each: np.zeros((2, 2)), "pad": 3},
            ValueError,
            "`pad` must be 2 ints of at least 1, None for",
        ),
        ({"load": lambda each: [1], "pad": 4, "pad_value": np.nan}, ValueError, "int64.*nan"),
        (
            {"load": lambda each: np.array(["ab"]), "pad": 4, "pad_value": "longer"},
            ValueError,
            "<U2.*'longer'",
        ),
        (
            {"load": lambda each: np.ma.array([1, 2], mask=[0, 1])},
            ValueError,
            r"ID 3.*masked.*\.filled",
        ),
        ({"labels": np.ma.array([0, 1, 1, 0], mask=[0, 0, 1, 0])}, ValueError, "`labels`.*masked"),
        (
            {"labels": {"a": np.zeros(4), "b": np.zeros(4)}},
            ValueError,
            r"4 of 4 IDs.*several outputs, let `load` return \(inputs, targets\)",
        ),
        ({"labels": (np.zeros(4), np.zeros(4))}, ValueError, "2 values for 4 IDs. For several out"),
        ({"labels": {"a": "cats", "b": "dogs"}}, ValueError, r"4 of 4 IDs: 3, 4, 5, \.\.\.$"),
        ({"ids": TABLE}, TypeError, r"`ids` must be a list.*\['path', 'y'\].*table\['path'\]"),
        (
            {"labels": pd.Series([[1], [1], [1, 2], [1]], index=[9, 8, 7, 6])},
            ValueError,
            r"shape \(2,\) for ID 5",
        ),
        ({"load": lambda each: {"a": 1}, "pad": {"b": 3}}, ValueError, "among .*'a'.*'b'"),
        ({"load": lambda each: ([1], [2]), "pad": (4,)}, ValueError, "tuple of 2 items"),
        ({"load": lambda each: [1], "pad": 4, "pad_value": 0.5}, ValueError, "int64.*0.5"),
        ({"load": lambda each: [1], "pad": 4, "pad_value": "x"}, ValueError, "int64.*'x'"),
        ({"load": lambda each: (1, 2, 3, 4)}, ValueError, "without `labels`.*4 items"),
        ({"load": lambda each: None}, TypeError, "ID 3 is None; a `return`"),
        ({"load": lambda each: {}}, ValueError, "ID 3 is a dict with the keys"),
        ({"load": lambda each: ()}, ValueError, "ID 3 is a tuple of 0 items"),
        ({"load": lambda each: np.datetime64("2020")}, TypeError, "ID 3.*dtype datetime64"),
        (
            {"load": lambda each: (1, 2, 3), "sample_weight": [1] * 4},
            ValueError,
            "weights of its own",
        ),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        flow_from_loader(**{**PLAIN, **arguments})


def test_a_pad_that_is_too_small_for_a_later_sample() -> None:
    flow = flow_from_loader(lambda n: np.zeros(n), [1, 5], pad=4, shuffle=False, workers=0)
    with pytest.raises(ValueError, match=r"ID 5 has shape \(5,\); `pad` makes room for \(4,\)"):
        next(flow)


def test_a_column_of_labels_goes_by_place_or_is_refused() -> None:
    column = pd.Series([10, 20, 30])
    flow = flow_from_loader(numbers_of_names(), ["a", "b", "c"], column, workers=0)
    assert flow.labels.tolist() == [10, 20, 30]
    # The index says one thing and the place another.
    with pytest.raises(ValueError, match=r"labels.to_dict\(\) to go by ID"):
        flow_from_loader(numbers(), [2, 0, 1], column, workers=0)
    flow = flow_from_loader(numbers(), [2, 0, 1], column.to_dict(), workers=0)
    assert flow.labels.tolist() == [30, 10, 20]


# Workers


@pytest.mark.parametrize("workers", [1, 2])
def test_load_runs_in_workers_from_the_first_batch(workers: int) -> None:
    with flow_from_loader(
        lambda each: os.getpid(), range(8), batch_size=2, workers=workers
    ) as flow:
        processes = {number for batch in take(flow, 4) for number in batch.tolist()}
    assert os.getpid() not in processes and len(processes) <= 5


class Unpicklable:
    """A load function with a state that cannot travel."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, each: int) -> np.ndarray:
        with self.lock:
            return np.full(2, each)


def test_a_function_that_cannot_be_pickled_runs_here() -> None:
    flow = flow_from_loader(Unpicklable(), range(6), batch_size=2, shuffle=False, workers=2)
    with pytest.warns(UserWarning, match="load function.*cannot be pickled.*lock") as caught:
        batches = take(flow, 6)
    assert len(caught) == 1
    assert np.array_equal(np.concatenate(batches)[:, 0], [*range(6), *range(6)])


SCRIPT = '''
import sys
import warnings

import numpy as np

from augflow import flow_from_loader

warnings.simplefilter("error")
archive = None


def load(name):
    """Opens the archive at its first call in a process, and keeps it open."""
    global archive
    if archive is None:
        archive = np.load("archive.npz")
    return archive[name] * factor


factor = 3
flow = flow_from_loader(load, ["a", "b", "c"], batch_size=2, shuffle=False, workers=2)
print(next(flow).tolist(), next(flow).tolist())
print([next(flow_from_loader(lambda n: n + factor, [1, 2], shuffle=False, workers=2)).tolist()])
print(archive)
'''


def test_functions_of_a_script_that_keep_a_file_open(tmp_path: Path) -> None:
    np.savez(tmp_path / "archive.npz", a=[1], b=[2], c=[3])
    (tmp_path / "script.py").write_text(SCRIPT)
    finished = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ["[[3], [6]] [[9]]", "[[4, 5]]", "None"]


def test_a_flow_that_changes_starts_anew() -> None:
    with flow_from_loader(numbers(), range(4), shuffle=False, workers=2) as flow:
        assert next(flow).dtype == np.float32
        flow.load = numbers((5,))
        assert next(flow).shape == (4, 5)
        flow.augment = lambda sample, rng: sample.astype("int8") + np.int8(1)
        assert next(flow).dtype == np.int8
        flow.batch_size = 3
        assert next(flow)[:, 0].tolist() == [1, 2, 3]


def test_a_copy_goes_on_where_the_original_stood() -> None:
    flow = flow_from_loader(np.ones, range(5), np.arange(5), batch_size=2, seed=1, workers=0, pad=9)
    next(flow)
    copy = pickle.loads(pickle.dumps(flow))
    assert same(next(copy), next(flow))


def test_ids_of_any_kind() -> None:
    for ids in (
        np.arange(3),
        pd.Series([0, 1, 2]),
        pd.Index([0, 1, 2]),
        iter([0, 1, 2]),
        (0, 1, 2),
        range(3),
    ):
        flow = flow_from_loader(numbers(()), ids, [5, 6, 7], shuffle=False, workers=0)
        assert [array.tolist() for array in next(flow)] == [[0, 1, 2], [5, 6, 7]]
    twice = flow_from_loader(numbers(()), [4, 4, 4], augment=noisy(), seed=0, workers=0)
    assert len(np.unique(next(twice))) == 3, "a sample that stands there twice is two samples"
    paths = flow_from_loader(lambda path: len(path.name), [Path("ab"), Path("c")], workers=2)
    assert sorted(next(paths)) == [1, 2]
    paths.close()


# Statistics


@pytest.mark.parametrize("workers", [0, 2])
def test_stats_speak_of_samples(workers: int) -> None:
    def slowly(each: int) -> np.ndarray:
        import time

        time.sleep(0.02)
        return np.zeros(3)

    flow = flow_from_loader(slowly, range(12), batch_size=4, augment=noisy(), workers=workers)
    take(flow, 3)
    stats = flow.stats()
    text = str(stats)
    assert stats.last is not None and stats.last.images == 12
    assert "12 samples in 3 batches" in text and "samples/s" in text and "image" not in text
    assert "read " in text and "augment " in text, text
    assert "decode" not in text and "resize" not in text and "cache" not in text
    assert stats.last.stage_shares["read"] > 0.8
    assert stats.last.stage_shares["augment"] > 0
    if workers == 0:
        assert "workers=None" in stats.advice
    flow.close()


# Training

keras_forms = pytest.mark.parametrize("form", ["labels", "pair", "dict", "several", "weights"])


@pytest.mark.heavy
@keras_forms
def test_fit_takes_the_flow(form: str) -> None:
    """One epoch of ``fit`` on the flow is one on the same arrays; so are evaluate and predict."""
    keras = pytest.importorskip("keras")
    generator = np.random.default_rng(0)
    left = generator.normal(size=(10, 3)).astype("float32")
    right = generator.normal(size=(10, 2)).astype("float32")
    targets = left.sum(axis=1, keepdims=True)
    weights = generator.uniform(size=10).astype("float32")
    forms: dict[str, tuple[Any, Load, dict[str, Any]]] = {
        "labels": ((left, targets), lambda n: left[n], {"labels": targets}),
        "pair": ((left, targets), lambda n: (left[n], targets[n]), {}),
        "dict": (
            ({"a": left, "b": right}, targets),
            lambda n: {"a": left[n], "b": right[n]},
            {"labels": targets},
        ),
        "several": (
            ((left, right), targets),
            lambda n: ((left[n], right[n]), targets[n]),
            {},
        ),
        "weights": (
            (left, targets, weights),
            lambda n: left[n],
            {"labels": targets, "sample_weight": weights},
        ),
    }
    wanted, load, options = forms[form]
    flow = flow_from_loader(load, range(10), **options, batch_size=4, shuffle=False, workers=2)

    def model() -> Any:
        keras.utils.set_random_seed(0)
        first, second = keras.Input((3,), name="a"), keras.Input((2,), name="b")
        entry: Any = first
        joined = first
        if form in ("dict", "several"):
            entry = {"a": first, "b": second} if form == "dict" else (first, second)
            joined = keras.layers.Concatenate()([first, second])
        made = keras.Model(entry, keras.layers.Dense(1)(joined))
        made.compile("sgd", "mse")
        return made

    ours, theirs = model(), model()
    inputs, outputs, weighing = (*wanted, None)[:3]
    theirs.fit(
        inputs, outputs, sample_weight=weighing, batch_size=4, shuffle=False, epochs=2, verbose=0
    )
    ours.fit(flow, shuffle=False, epochs=2, verbose=0)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        ours.predict(flow, verbose=0), theirs.predict(inputs, verbose=0), rtol=1e-4, atol=1e-5
    )
    assert np.isfinite(ours.evaluate(flow, verbose=0))
    flow.close()


def test_no_warning_without_reason() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with flow_from_loader(numbers(), range(4), batch_size=2, workers=2) as flow:
            take(flow, 3)
