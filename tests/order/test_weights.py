"""``sampler=`` with weights: each sample as often as they say; and several labels, balanced."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow import ImageDataGenerator
from augflow.order.permutation import WeightedOrder
from tests.flow_world import signatures, table_of, take, write_folder

SIZE = {"target_size": (4, 4), "batch_size": 8, "verbose": False, "seed": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("weights") / "photos")


def flow_of(folder: Path, workers: int = 0, **arguments: Any) -> Any:
    generator = ImageDataGenerator(workers=workers, rotation_range=20)
    rows = arguments.pop("rows", table_of(folder))
    return generator.flow_from_dataframe(rows, folder, **SIZE | arguments)


def drawn(flow: Any) -> Counter[int]:
    """How often each sample comes in the next epoch."""
    take(flow, len(flow))
    return Counter(flow.index_array.tolist())


weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=60).filter(any)


@given(weights, st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_each_sample_comes_as_often_as_its_weight_says(values: list[float], seed: int) -> None:
    given_weights = np.array(values)
    samples = len(values)
    order, _ = WeightedOrder(given_weights)(samples, True, seed)
    counts = np.bincount(order, minlength=samples)
    expected = samples * (given_weights / given_weights.sum())
    assert len(order) == samples
    assert (np.abs(counts - expected) < 1 + 1e-6).all()
    assert (counts[given_weights == 0] == 0).all()


@given(weights, st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_so_do_groups(values: list[float], seed: int, groups: int) -> None:
    given_weights = np.array(values)
    samples = len(values)
    numbers = np.arange(samples) % groups
    order, _ = WeightedOrder(given_weights, numbers)(samples, True, seed)
    expected = np.bincount(numbers, samples * (given_weights / given_weights.sum()), groups)
    assert (np.abs(np.bincount(numbers[order], minlength=groups) - expected) < 1 + 1e-6).all()


def test_the_mean_over_epochs_is_the_weight() -> None:
    order = WeightedOrder(np.array([1.0, 2.0, 3.0, 10.0]))
    counts = np.zeros(4)
    for seed in range(4000):
        counts += np.bincount(order(4, True, seed)[0], minlength=4)
    assert np.allclose(counts / 4000, [0.25, 0.5, 0.75, 2.5], atol=0.04)
    plain = order(4, False, 0)[0]
    assert plain.tolist() == [0, 1, 2, 3]


def test_equal_weights_are_an_epoch_of_each_sample_once() -> None:
    for seed in range(20):
        order, _ = WeightedOrder(np.full(7, 0.3))(7, True, seed)
        assert sorted(order.tolist()) == list(range(7))


def test_weights_of_samples(folder: Path) -> None:
    weight = np.where(np.arange(19) < 3, 5.0, 1.0)
    counts = drawn(flow_of(folder, sampler=weight))
    share = 19 * 5 / weight.sum()
    assert all(counts[place] in (int(share), int(share) + 1) for place in range(3))
    assert sum(counts.values()) == 19
    real = flow_of(folder, sampler=weight.tolist(), class_mode="raw", y_col="id")
    assert sum(drawn(real).values()) == 19


def test_a_column_of_the_table_follows_its_rows(folder: Path) -> None:
    rows = table_of(folder).sample(frac=1, random_state=0)
    rows["often"] = (rows["id"] == 4).astype(float)
    rows.loc[rows.index[0], "class"] = None
    with pytest.warns(UserWarning, match="no label"):
        flow = flow_of(folder, rows=rows, sampler=rows["often"])
    (place,) = drawn(flow)
    assert rows.loc[flow.dataframe_index[place], "id"] == 4


def test_weights_of_classes_are_their_shares(folder: Path) -> None:
    generator = ImageDataGenerator(workers=0)
    for kind in ("directory", "table"):
        sampler = {"cat": 1, "flower": 3}
        if kind == "directory":
            flow = generator.flow_from_directory(folder, sampler=sampler, **SIZE)
        else:
            flow = flow_of(folder, sampler=sampler)
        for _ in range(3):
            counts = drawn(flow)
            flowers = sum(counts[place] for place in range(11, 19))
            assert flowers in (14, 15)  # 3 of 4 parts of 19 samples
    alone = flow_of(folder, sampler={"cat": 0, "flower": 1})
    assert min(drawn(alone)) >= 11


def test_several_labels_are_balanced(folder: Path) -> None:
    rows = table_of(folder)
    rows["class"] = [["often"]] * 15 + [["often", "seldom"]] + [["rare"]] * 3
    flow = flow_of(folder, rows=rows, sampler="balanced")
    totals: Counter[str] = Counter()
    for _ in range(50):
        for place, count in drawn(flow).items():
            totals.update({name: count for name in rows["class"][place]})
    # A third of the draws is for each class; the one sample of "seldom" is also "often".
    wanted = {"often": 1 / 3 + 1 / 3, "seldom": 1 / 3 * (1 + 1 / 16), "rare": 1 / 3}
    for name, share in wanted.items():
        assert abs(totals[name] / (50 * 19) - share) < 0.03, name


def test_any_number_of_workers_gives_the_same(folder: Path) -> None:
    def batches(workers: int) -> list[Any]:
        with flow_of(folder, workers, sampler={"cat": 1, "flower": 3}) as flow:
            return take(flow, 6)

    expected = signatures(batches(0))
    assert signatures(batches(2)) == expected
    again = flow_of(folder, sampler={"cat": 1, "flower": 3})
    assert signatures([again[place] for place in range(3)]) == expected[:3]


def test_a_sampler_that_is_set_later(folder: Path) -> None:
    flow = flow_of(folder)
    assert max(drawn(flow).values()) == 1
    flow.sampler = {"cat": 0, "flower": 1}
    assert min(drawn(flow)) >= 11
    assert "sampler={'cat': 0" in repr(flow)
    flow.sampler = None
    assert max(drawn(flow).values()) == 1


@pytest.mark.parametrize(
    ("sampler", "error", "message"),
    [
        ({"cat": 1}, ValueError, "no weight for 'flower'"),
        ({"cat": 1, "flower": 1, "dog": 1}, ValueError, "unknown class 'dog'"),
        ({"cat": 1, "flower": -1}, ValueError, "Received: -1.0 for class 'flower'"),
        ({"cat": 0, "flower": 0}, ValueError, "no class with samples"),
        ({"cat": 1, "flower": "2"}, TypeError, "sampler.*must be a number. Received: '2'"),
        ([1.0] * 18, ValueError, r"shape \(18,\) for 19 samples"),
        ([1.0] * 18 + [np.nan], ValueError, "Received: nan for sample 'flower/07.jpg'"),
        ([0.0] * 19, ValueError, "no sample a weight"),
        (["a"] * 19, TypeError, "must hold numbers"),
        (3, TypeError, "Received: 3"),
        ("Balanced", ValueError, 'Did you mean "balanced"'),
    ],
)
def test_weights_that_cannot_be_used(
    sampler: Any, error: type[Exception], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=message):
        flow_of(folder, sampler=sampler)


def test_weights_need_what_they_are_of(folder: Path) -> None:
    with pytest.raises(ValueError, match="needs classes"):
        flow_of(folder, sampler={"cat": 1}, class_mode=None)
    with pytest.raises(ValueError, match="needs shuffle=True"):
        flow_of(folder, sampler=[1.0] * 19, shuffle=False)
    with pytest.raises(ValueError, match="no weight for row 5"):
        flow_of(folder, sampler=pd.Series(1.0, index=[n for n in range(19) if n != 5]))
