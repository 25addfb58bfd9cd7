"""A shuffled CSV flow under Keras's own shuffling: its batches come in the order of ``next()``."""

from __future__ import annotations

import pickle
import random
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import flow_from_csv
from augflow.csv import index as csv_index
from augflow.csv import row_order as csv_order
from augflow.csv.flow import CsvIterator

ROWS = 1000


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_order, "_GROUP_BYTES", 1000)
    monkeypatch.setattr(csv_order, "_FEWEST_BLOCKS_A_GROUP", 2)


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "ids.csv"
    pd.DataFrame({"id": np.arange(ROWS), "y": np.arange(ROWS) % 7}).to_csv(file, index=False)
    return str(file)


def flow_of(path: str, workers: int = 0, **arguments: Any) -> CsvIterator:
    settings = {"batch_size": 9, "shuffle": True, "seed": 3, **arguments}
    return flow_from_csv(path, "id", "y", workers=workers, **settings)


def adapter_of(flow: Any, shuffle: bool = True) -> Any:
    pytest.importorskip("keras")
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    return PyDatasetAdapter(flow, shuffle=shuffle)


def one_pass(adapter: Any) -> Iterator[list[int]]:
    """The IDs of the batches that ``fit`` is given in an epoch."""
    adapter.on_epoch_begin()
    yield from (batch[0].astype(int).tolist() for batch in adapter._get_iterator())
    adapter.on_epoch_end()


def by_next(path: str, epochs: int) -> list[list[int]]:
    flow = flow_of(path)
    return [next(flow)[0].astype(int).tolist() for _ in range(epochs * len(flow))]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("threads", [1, 3])
def test_fit_gets_the_order_of_next(path: str, threads: int, workers: int) -> None:
    due = by_next(path, 3)
    for state in (1, 2):
        random.seed(state)
        with flow_of(path, workers) as flow:
            flow.workers = threads
            adapter = adapter_of(flow)
            found = [batch for _ in range(3) for batch in one_pass(adapter)]
            assert found == due
            # Threads may come to the borders of units in disorder.
            assert threads > 1 or flow._leaps == 0
    assert sorted(chain.from_iterable(due[: len(flow)])) == list(range(ROWS))


def test_the_state_of_random_is_left_alone(path: str) -> None:
    """What the user's code draws from ``random`` is what it draws with any other dataset."""
    random.seed(5)
    for _ in one_pass(adapter_of(flow_of(path))):
        pass
    after = random.getstate()
    random.seed(5)
    random.shuffle(list(range(len(flow_of(path)))))
    assert after == random.getstate()


def test_a_shuffling_that_was_not_foreseen_gives_each_batch_once(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "shuffle", lambda indices: indices.reverse())
    random.seed(0)
    assert list(one_pass(adapter_of(flow_of(path)))) == by_next(path, 1)


def test_what_a_user_asks_for_by_index_stays(path: str) -> None:
    """Within a pass of Keras's, as a callback does, also twice; and after ``num_batches``."""
    due = by_next(path, 1)
    flow = flow_of(path)
    for number, batch in enumerate(one_pass(adapter_of(flow))):
        assert batch == due[number]
        asked = 7 * number % len(flow)
        for _ in range(2):
            assert flow[asked][0].astype(int).tolist() == due[asked]
    other = flow_of(path)
    order = list(range(other.num_batches))
    random.shuffle(order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [other[index][0].astype(int).tolist() for index in order] == [
            due[index] for index in order
        ]


def test_evaluation_comes_in_order(path: str) -> None:
    """Of the same flow as well, within a pass of ``fit`` that goes on behind it."""
    due = by_next(path, 1)
    flow = flow_of(path)
    training, evaluation = adapter_of(flow), adapter_of(flow, shuffle=False)
    batches = iter(one_pass(training))
    found = [next(batches) for _ in range(30)]
    assert [batch[0].astype(int).tolist() for batch in evaluation._get_iterator()] == due
    assert found + list(batches) == due


def test_a_flow_in_order_is_shuffled_by_keras(path: str) -> None:
    random.seed(8)
    order = list(range(-(-ROWS // 9)))
    random.shuffle(order)
    random.seed(8)
    flow = flow_of(path, shuffle=False)
    with pytest.warns(UserWarning, match="shuffle=True"):
        found = list(one_pass(adapter_of(flow)))
    assert found == [list(range(9 * k, min(ROWS, 9 * k + 9))) for k in order]


def test_a_subclass_may_change_what_it_gives(path: str) -> None:
    class Shifted(CsvIterator):
        def __getitem__(self, idx: int) -> Any:
            x, y = super().__getitem__(idx)
            return x + 1000, y

    flow = Shifted(path, "id", "y", batch_size=9, shuffle=True, seed=3, workers=0)
    found = list(one_pass(adapter_of(flow)))
    assert found == [[number + 1000 for number in batch] for batch in by_next(path, 1)]


def test_a_copy_serves_each_index_by_itself(path: str) -> None:
    """In a process of its own it would not know what its siblings have given away."""
    due = by_next(path, 1)
    flow = flow_of(path)
    batches = one_pass(adapter_of(flow))
    next(batches)
    copy = pickle.loads(pickle.dumps(flow))
    assert copy[5][0].astype(int).tolist() == due[5]
    assert copy._pass_order is None
    flow._restart_in_child()
    assert flow._pass_order is None
