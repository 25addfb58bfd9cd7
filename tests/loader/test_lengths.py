"""``pad="longest"`` and ``pad="auto"``: against plain NumPy, for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow import flow_from_loader
from tests.flow_world import take

WORKERS = (0, 1, 2, 5)


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    """Five workers, kept between the tests."""
    flow = flow_from_loader(sounds([1, 1]), range(2), batch_size=1, workers=5, seed=0)
    next(flow)
    yield
    flow.close()


def sounds(lengths: list[int]) -> Callable[[int], Any]:
    """Of the given lengths, with two channels; every number is the ID and one more."""
    return lambda each: np.full((lengths[each], 2), each + 1, "int16")


def padded(sample: np.ndarray, length: int, value: int) -> np.ndarray:
    return np.pad(sample, ((0, length - len(sample)), (0, 0)), constant_values=value)


lengths_of_samples = st.lists(st.integers(1, 40), min_size=1, max_size=24)


@settings(max_examples=40)
@given(lengths=lengths_of_samples, batch_size=st.integers(1, 9), shuffle=st.booleans())
def test_longest_is_that_of_the_batch(lengths: list[int], batch_size: int, shuffle: bool) -> None:
    load = sounds(lengths)
    flow = flow_from_loader(
        load, range(len(lengths)), pad=("longest", None), pad_value=-3, batch_size=batch_size,
        shuffle=shuffle, seed=1, workers=0,
    )  # fmt: skip
    for start in (0, len(flow)):
        order = np.arange(len(lengths))
        if shuffle:
            order = np.random.RandomState(1 + start).permutation(len(lengths))
        for position in range(len(flow)):
            own = order[position * batch_size : (position + 1) * batch_size].tolist()
            longest = max(lengths[each] for each in own)
            expected = np.stack([padded(load(each), longest, -3) for each in own])
            batch = next(flow)
            assert batch.dtype == np.int16 and np.array_equal(batch, expected)


@settings(max_examples=25)
@given(lengths=lengths_of_samples)
def test_auto_is_that_of_all(lengths: list[int]) -> None:
    load = sounds(lengths)
    flow = flow_from_loader(
        load, range(len(lengths)), pad="auto", shuffle=False, batch_size=99, workers=0
    )
    expected = np.stack([padded(load(n), max(lengths), 0) for n in range(len(lengths))])
    assert np.array_equal(next(flow), expected)
    assert flow.padded_to == (max(lengths), 2)
    assert flow.total_batches_seen == 1


@pytest.mark.parametrize("pad", ["longest", "auto"])
def test_any_number_of_workers_gives_the_same(pad: str) -> None:
    lengths = [1, 2, 3, 50, 4, 200, 5, 6, 900, 7, 8, 9]

    def load(each: int) -> Any:
        return {"text": np.arange(lengths[each]), "both": np.ones((lengths[each], lengths[-each]))}

    def read(workers: int) -> list[Any]:
        with flow_from_loader(
            load, range(12), np.arange(12), pad=pad, batch_size=3, seed=2, workers=workers
        ) as flow:
            by_index = [flow[index] for index in (3, 0)]
            return [batch[0] for batch in [*take(flow, 8), *by_index]]

    first, *others = [read(workers) for workers in WORKERS]
    for other in others:
        for one, two in zip(first, other, strict=True):
            assert all(np.array_equal(one[name], two[name]) for name in one)
    wide = {batch["text"].shape[1] for batch in first}
    assert wide == {900} if pad == "auto" else len(wide) > 2


def test_batches_that_are_held_are_not_written_again() -> None:
    lengths = [1, 3, 9, 27, 81, 243, 729, 2]
    load = sounds(lengths)
    with flow_from_loader(
        load, range(8), pad="longest", shuffle=False, batch_size=1, workers=2
    ) as flow:
        held = take(flow, 24)
        for number, batch in enumerate(held):
            assert np.array_equal(batch, load(number % 8)[np.newaxis])


def test_both_subsets_are_padded_alike() -> None:
    lengths = [1, 2, 3, 40]
    shapes = [
        flow_from_loader(
            sounds(lengths), range(4), pad="auto", workers=0, validation_split=0.5, subset=subset
        ).padded_to
        for subset in ("training", "validation")
    ]
    assert shapes == [(40, 2), (40, 2)]


def test_what_was_found_is_a_pad_for_others() -> None:
    def load(each: int) -> Any:
        return {"a": np.ones((each + 1, 3)), "b": np.ones(each + 1), "c": 1.0}, np.ones(each + 2)

    pad = ({"a": ("auto", None), "b": "longest"}, "auto")
    flow = flow_from_loader(load, range(5), pad=pad, workers=0)
    assert flow.padded_to == ({"a": (5, None), "b": ("longest",), "c": None}, (6,))
    inputs, targets = next(
        flow_from_loader(load, range(2), pad=({"a": (5, None), "b": 2}, 6), workers=0)
    )
    assert inputs["a"].shape == (2, 5, 3) and targets.shape == (2, 6)


def test_what_is_measured_keeps_what_is_broken_out() -> None:
    def load(each: int) -> Any:
        if each == 0:
            raise OSError("gone")
        return np.ones(each)

    with pytest.raises(OSError, match="gone"):
        flow_from_loader(load, [1, 2, 0], pad="auto", workers=0)
    flow = flow_from_loader(load, [1, 2, 0], pad="auto", workers=0, on_error="skip")
    assert flow.padded_to == (2,)


def test_augment_may_not_grow_beyond_what_was_measured() -> None:
    def grow(sample: Any, rng: np.random.Generator) -> Any:
        return np.ones(3 + int(rng.integers(0, 50)))

    flow = flow_from_loader(lambda each: 0, range(3), augment=grow, pad="auto", workers=0, seed=0)
    with pytest.raises(ValueError, match="measured when the flow was made, makes room"):
        take(flow, 50)


@pytest.mark.parametrize("pad", [4, "auto", "longest"])
@pytest.mark.parametrize("lengths", [[0, 3, 4, 1], [4, 0, 1, 2], [0, 0, 0, 4]])
def test_tokens_stay_integers_where_there_are_none(pad: Any, lengths: list[int]) -> None:
    def load(each: int) -> Any:
        return {"tokens": list(range(1, lengths[each] + 1)), "kind": np.uint8(each)}

    flow = flow_from_loader(load, range(4), pad={"tokens": pad}, shuffle=False, workers=0)
    batch = next(flow)
    expected = [[*range(1, length + 1), *[0] * (4 - length)] for length in lengths]
    assert batch["tokens"].dtype == np.int64 and batch["tokens"].tolist() == expected
    assert batch["kind"].dtype == np.uint8


def test_lists_that_are_empty_in_all_samples() -> None:
    assert next(flow_from_loader(lambda each: [], range(3), workers=0)).shape == (3, 0)


@pytest.mark.parametrize(
    ("pad", "message"),
    [
        ("longests", '`pad` must be a shape, "auto" or "longest".*Did you mean "longest"'),
        ("fixed", '"auto" or "longest"'),
        (("longest",), "2 ints of at least 1"),
        (("longest", "shortest"), "2 ints of at least 1"),
        ({"a": "auto"}, "2 ints of at least 1"),
    ],
)
def test_other_words_are_refused(pad: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flow_from_loader(sounds([3, 4]), range(2), pad=pad, workers=0)


def test_a_rank_that_differs_is_an_error() -> None:
    def load(each: int) -> Any:
        return np.ones((2,) * (1 + each % 2))

    for pad in ("auto", "longest"):
        with pytest.raises(ValueError, match=r"ID 1 has shape.*one rank"):
            next(flow_from_loader(load, range(4), pad=pad, shuffle=False, workers=0))


@pytest.mark.heavy
def test_fit_takes_batches_of_one_length_first() -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    # The first two batches are of one length, the later ones are not.
    lengths = [5] * 8 + [1, 2, 3, 4, 6, 7, 8, 9]

    def load(each: int) -> Any:
        return np.arange(lengths[each], dtype="int32")

    reader = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(10, 4),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    reader.compile("sgd", "mse")
    with flow_from_loader(
        load, range(16), np.zeros(16), pad="longest", batch_size=4, shuffle=False, workers=2
    ) as flow:
        reader.fit(flow, validation_data=flow, epochs=2, verbose=0)
        assert reader.predict(flow, verbose=0).shape == (16, 1)
        assert [batch[0].shape[1] for batch in flow.epoch()] == [5, 5, 4, 9]
