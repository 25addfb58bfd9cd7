"""``flow_from_loader(on_error="skip")`` and ``verify``: what cannot be loaded is left out, named,
counted, and reported once an epoch; all else is what it would be without it."""

from __future__ import annotations

import copy
import errno
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augflow
from augflow import flow_from_loader
from tests.flow_world import take

WORKERS = (0, 1, 2, 5)
BROKEN = frozenset({3, 7, 8})


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    """Five workers, kept between the tests."""
    flow = flow_from_loader(loads(), range(4), batch_size=2, workers=5, seed=0)
    next(flow)
    yield
    flow.close()


def loads(broken: frozenset[int] = frozenset(), error: Any = None) -> Callable[[int], Any]:
    """Three numbers that are the ID; some samples are missing."""

    def load(each: int) -> Any:
        if each in broken:
            raise error or FileNotFoundError(errno.ENOENT, "No such file", f"{each}.npy")
        return np.full(3, each, "float32")

    return load


def noisy(sample: Any, rng: np.random.Generator) -> Any:
    return sample + np.float32(rng.normal() + np.random.uniform())


def make(broken: frozenset[int] = BROKEN, workers: int = 0, **settings_: Any) -> Any:
    samples = settings_.pop("samples", 20)
    options = {"batch_size": 4, "seed": 5, "on_error": "skip", "workers": workers, **settings_}
    return flow_from_loader(loads(broken), range(samples), np.arange(samples) * 10, **options)


def read_quietly(flow: Any, count: int) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return take(flow, count)


@settings(max_examples=30)
@given(
    broken=st.frozensets(st.integers(0, 19), max_size=9),
    batch_size=st.integers(3, 20),
    shuffle=st.booleans(),
)
def test_the_others_are_what_they_would_be(
    broken: frozenset[int], batch_size: int, shuffle: bool
) -> None:
    settings_: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle}
    settings_["sample_weight"] = np.arange(20) + 1
    flow = make(broken, augment=noisy, **settings_)
    whole = flow_from_loader(
        loads(), range(20), np.arange(20) * 10, seed=5, workers=0, augment=noisy, **settings_
    )
    for _ in range(2):
        for _ in range(len(flow)):
            inputs, targets, weights = next(whole)
            good = ~np.isin(targets // 10, list(broken))
            if not good.any():
                # A stand-in or an error; both have tests of their own.
                flow.reset()
                return
            (batch,) = read_quietly(flow, 1)
            for own, all_of_them in zip(batch, (inputs, targets, weights), strict=True):
                assert np.array_equal(own, all_of_them[good])
    assert set(flow.bad_samples) == broken


def test_any_number_of_workers_gives_the_same() -> None:
    batches = [read_quietly(make(workers=workers, augment=noisy), 10) for workers in WORKERS]
    for other in batches[1:]:
        for one, two in zip(batches[0], other, strict=True):
            assert all(np.array_equal(*pair) for pair in zip(one, two, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_one_report_an_epoch_names_them(workers: int) -> None:
    with make(workers=workers) as flow:
        for epoch in (1, 2):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert sum(len(batch[1]) for batch in take(flow, len(flow))) == 17
            (message,) = [str(each.message) for each in caught]
            assert f"3 sample(s) could not be loaded and were left out in epoch {epoch}" in message
            assert "`bad_samples`" in message
            assert all(f"{each} (FileNotFoundError: No such file)" in message for each in BROKEN)
        assert flow.bad_samples == dict.fromkeys(BROKEN, "FileNotFoundError: No such file")
        other = copy.copy(flow)
        assert other.bad_samples == {}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_unlike_the_first_is_left_out(workers: int) -> None:
    def load(each: int) -> Any:
        odd = {1: np.zeros(4, "f4"), 2: np.zeros(3, "f8"), 3: None, 4: (np.zeros(3), 1)}
        return odd.get(each, np.zeros(3, "f4"))

    with flow_from_loader(
        load, range(8), shuffle=False, batch_size=8, workers=workers, on_error="skip"
    ) as flow:
        assert [len(batch) for batch in read_quietly(flow, 1)] == [4]
        assert sorted(flow.bad_samples) == [1, 2, 3, 4]
        assert "shape (4,)" in flow.bad_samples[1] and "float64" in flow.bad_samples[2]


def test_the_first_samples_may_be_broken() -> None:
    assert len(read_quietly(make(frozenset({0, 1, 2})), 1)[0][0])
    with pytest.raises(FileNotFoundError, match="No such file") as caught:
        make(frozenset(range(20)))
    assert "None of the first 20 samples can be loaded." in caught.value.__notes__
    with pytest.raises(FileNotFoundError):
        make(frozenset({0}), on_error="raise")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_of_broken_samples_alone(workers: int) -> None:
    broken = frozenset(range(4, 8))
    with make(broken, workers, shuffle=False) as flow:
        assert len(next(flow)[0]) == 4
        with pytest.raises(RuntimeError, match=r"ID 4: File.*None of the 4 s.*`bad_samples`"):
            next(flow)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flow.close()
    # While shuffling another batch of the epoch stands in.
    with make(frozenset({3}), workers, batch_size=1) as flow:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert [len(batch[0]) for batch in take(flow, 20)] == [1] * 20
        assert "1 batch(es) held nothing else" in str(caught[0].message)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [ImportError("no h5py"), MemoryError(), OSError(24, "too many")])
def test_what_every_sample_would_meet_is_raised(workers: int, error: Exception) -> None:
    load = loads(BROKEN, error)
    with flow_from_loader(
        load, range(20), batch_size=20, workers=workers, on_error="skip", seed=0
    ) as flow:
        with pytest.raises(type(error)) as caught:
            next(flow)
        assert any("the sample of ID" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_augment_is_raised(workers: int) -> None:
    def augment(sample: Any, rng: Any) -> Any:
        if sample[0] == 5:
            raise KeyError("mine")
        return sample

    with (
        make(frozenset(), workers, augment=augment, shuffle=False) as flow,
        pytest.raises(KeyError, match="mine"),
    ):
        take(flow, 2)


def test_a_sample_that_takes_too_long_is_left_out() -> None:
    def load(each: int) -> Any:
        if each == 2:
            time.sleep(60)
        return np.full(3, each, "f4")

    with flow_from_loader(
        load, range(4), shuffle=False, workers=1, timeout=0.5, on_error="skip", batch_size=4
    ) as flow:
        assert read_quietly(flow, 1)[0][:, 0].tolist() == [0, 1, 3]
        assert flow.bad_samples == {2: "not ready within 0.5 s (timeout=)"}


def test_ids_that_are_no_keys() -> None:
    def load(each: list[int]) -> Any:
        return loads(frozenset({1}))(each[0])

    with flow_from_loader(load, [[0], [1], [2]], workers=0, on_error="skip") as flow:
        assert len(read_quietly(flow, 1)[0]) == 2
        assert list(flow.bad_samples) == ["[1]"]


@pytest.mark.parametrize("value", ["ignore", None, True, "Skip"])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match='`on_error` must be "raise" or "skip"'):
        make(on_error=value)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_verify_lists_what_is_wrong(workers: int, on_error: str) -> None:
    flow = make(workers=workers, on_error=on_error)
    found = augflow.verify(flow, workers=workers)
    assert found["id"].tolist() == sorted(BROKEN)
    assert found["reason"].tolist() == ["FileNotFoundError: No such file"] * 3
    assert (flow.batch_index, flow.total_batches_seen, flow.bad_samples) == (0, 0, {})
    assert augflow.verify(make(frozenset()), 0).columns.tolist() == ["id", "reason"]
    assert len(augflow.verify(make(frozenset()))) == 0
    flow.close()


def test_verify_compares_with_the_first() -> None:
    def load(each: int) -> Any:
        return np.zeros(3 + (each == 6))

    found = augflow.verify(flow_from_loader(load, range(9), batch_size=2), workers=0)
    assert found["id"].tolist() == [6] and "shape (4,)" in found["reason"][0]


@pytest.mark.heavy
def test_fit_goes_on() -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with make(workers=2) as flow, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(flow, epochs=2, verbose=0)
    said = [str(each.message) for each in caught if "augflow" in str(each.message)]
    assert len(said) == 2
