"""Several targets from labels, and inputs alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import flow_from_loader
from tests.flow_world import take


def zeros(each: Any) -> np.ndarray:
    return np.zeros(2, "float32")


def pair(each: int) -> tuple[Any, Any]:
    return np.full(2, each, "float32"), np.full(3, -each, "int8")


BY_ID = {name: number for number, name in enumerate("abcd")}


@pytest.mark.parametrize("as_list", [False, True])
def test_a_tuple_is_several_targets(as_list: bool) -> None:
    labels: Any = {name: (number, [0.5, number]) for name, number in BY_ID.items()}
    if as_list:
        labels = list(labels.values())
    flow = flow_from_loader(zeros, list("abcd"), labels, shuffle=False, workers=0)
    _, (number, vector) = next(flow)
    assert number.dtype == np.int64 and number.tolist() == [0, 1, 2, 3]
    assert vector.dtype == np.float64 and vector.shape == (4, 2)


def test_a_dict_is_named_targets_with_weights_and_subset() -> None:
    labels = {
        name: {"kind": np.int8(number), "place": {"x": 0.5 * number, "y": (number, 1)}}
        for name, number in BY_ID.items()
    }
    flow = flow_from_loader(
        zeros, list("abcd"), labels, shuffle=False, workers=0, sample_weight=[1, 2, 3, 4],
        validation_split=0.5, subset="training",
    )  # fmt: skip
    _, targets, weights = next(flow)
    assert targets["kind"].dtype == np.int8 and targets["kind"].tolist() == [2, 3]
    assert targets["place"]["x"].tolist() == [1, 1.5]
    assert [each.tolist() for each in targets["place"]["y"]] == [[2, 3], [1, 1]]
    assert weights.tolist() == [3, 4]


def test_lists_and_arrays_stay_one_target() -> None:
    for value in ([1, 2], np.array([1, 2])):
        flow = flow_from_loader(zeros, list("abcd"), dict.fromkeys("abcd", value), workers=0)
        assert next(flow)[1].shape == (4, 2)
    column = pd.Series([(1, 2.0)] * 4)
    assert len(next(flow_from_loader(zeros, list("abcd"), column, workers=0))[1]) == 2


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        ([(1, 2), (1, 2), (1,), (1, 2)], ValueError, "a tuple of 1 for ID 'c', and a tuple of 2"),
        ([(1, 2), (1, 2), 5, (1, 2)], ValueError, "5 for ID 'c', and a tuple of 2 for ID 'a'"),
        ([{"x": 1}, {"x": 1}, {"y": 1}, {"x": 1}], ValueError, r"\['y'\] for ID 'c'"),
        ([{"x": 1}, {"x": 1}, {"x": "far"}, {"x": 1}], TypeError, r"`labels\['x'\]`.*'far'.*'c'"),
        ([()] * 4, ValueError, "must hold a target"),
        ({"a": (1, 2), "b": (1, 2)}, ValueError, "no value for 2 of 4 IDs: 'c', 'd'"),
    ],
)
def test_labels_that_are_not_alike(labels: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        flow_from_loader(zeros, list("abcd"), labels, workers=0)


def test_classes_are_those_of_one_target() -> None:
    with pytest.raises(ValueError, match=r"labels of one target.*num_classes=3"):
        flow_from_loader(zeros, list("abcd"), [(1, 2)] * 4, num_classes=3, workers=0)


def test_labels_that_are_set_later_are_counted() -> None:
    flow = flow_from_loader(zeros, list("abcd"), [(1, 2)] * 4, workers=0)
    flow.labels = (np.zeros(4), np.zeros(3))
    with pytest.raises(ValueError, match="`labels` was changed and now has 3 values"):
        next(flow)


@pytest.mark.parametrize("workers", [0, 2])
def test_inputs_only(workers: int) -> None:
    with flow_from_loader(
        pair, range(6), inputs_only=True, batch_size=4, shuffle=False, workers=workers
    ) as flow:
        for batch in [*take(flow, 1), flow[0]]:
            ((left, right),) = batch
            assert left.shape == (4, 2) and right.dtype == np.int8
    batch = next(flow_from_loader(zeros, range(3), inputs_only=True, workers=0))
    assert isinstance(batch, tuple) and batch[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"labels": [0] * 6}, ValueError, "without targets. Received: `labels`"),
        ({"sample_weight": [1] * 6}, ValueError, "Received: `sample_weight`"),
        ({"inputs_only": "yes"}, TypeError, "`inputs_only`.*'yes'"),
        ({"inputs_only": None}, TypeError, "`inputs_only`"),
    ],
)
def test_bad_inputs_only(settings: dict[str, Any], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        flow_from_loader(pair, range(6), **{"inputs_only": True, "workers": 0, **settings})


@pytest.mark.heavy
def test_predict_takes_two_inputs_or_says_what_to_do() -> None:
    keras = pytest.importorskip("keras")
    entries = [keras.Input((2,)), keras.Input((3,))]
    outputs = {"sum": keras.layers.Dense(1, name="sum")(keras.layers.Concatenate()(entries))}
    model = keras.Model(entries, outputs)
    model.compile("sgd", {"sum": "mse"})
    with pytest.raises(ValueError, match=r"2 inputs, and `load` returns a tuple.*inputs_only=True"):
        model.predict(flow_from_loader(pair, range(6), workers=0), verbose=0)
    flow = flow_from_loader(pair, range(6), inputs_only=True, workers=0)
    assert model.predict(flow, verbose=0)["sum"].shape == (6, 1)
    named = {each: {"sum": float(each)} for each in range(6)}
    model.fit(flow_from_loader(pair, range(6), named, workers=0), verbose=0)
    # One input of a tuple is what it was.
    single = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert single.predict(flow_from_loader(pair, range(6), workers=0), verbose=0).shape == (6, 1)
