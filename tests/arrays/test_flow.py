"""``flow_from_arrays``: rows of arrays of any form, each once an epoch, and no others read."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array

from augflow import flow_from_arrays
from tests.flow_world import take

few = settings(max_examples=40)

# Of Python, for each batch; each takes about a fifth of a microsecond.
MOST_CALLS = 60


@few
@given(
    samples=st.integers(1, 40),
    batch_size=st.integers(1, 12),
    shuffle=st.booleans(),
    drop_remainder=st.booleans(),
    seed=st.integers(0, 99),
    by_index=st.randoms(use_true_random=False),
)
def test_each_row_once_in_keras_order(
    samples: int, batch_size: int, shuffle: bool, drop_remainder: bool, seed: int, by_index: Any
) -> None:
    batch_size = min(batch_size, samples) if drop_remainder else batch_size
    number = np.arange(samples)
    flow = flow_from_arrays(
        {"one": number, "square": np.stack([number, -number], axis=1)},
        number * 0.5,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        sample_weight=number + 1,
        drop_remainder=drop_remainder,
    )
    length = samples // batch_size if drop_remainder else -(-samples // batch_size)
    assert len(flow) == length
    for start in (0, length):
        order = np.random.RandomState(seed + start).permutation(samples) if shuffle else number
        order = order[: length * batch_size]
        if start == 0:
            before = {n: flow[n] for n in by_index.sample(range(length), length)}
        batches = take(flow, length)
        assert np.array_equal(np.concatenate([batch[0]["one"] for batch in batches]), order)
        for inputs, targets, weights in batches:
            one = inputs["one"]
            assert np.array_equal(inputs["square"], np.stack([one, -one], axis=1))
            assert np.array_equal(targets, one * 0.5) and np.array_equal(weights, one + 1)
        if start == 0:
            for position, batch in before.items():
                assert np.array_equal(batch[0]["one"], batches[position][0]["one"])
    flow.reset()
    flow.on_epoch_end()
    assert len(flow[0][1]) == min(batch_size, samples)


TABLE = pd.DataFrame(
    {
        "user": pd.array([3, 1, 2, 1], dtype="Int64"),
        "price": [1.0, 2.0, 3.0, 4.0],
        "tokens": [[1, 2], [3, 4], [5, 6], [7, 8]],
        "vector": [np.full(3, n, "f4") for n in range(4)],
    },
    index=[9, 8, 7, 6],
)


def first(inputs: Any, targets: Any = None, **options: Any) -> Any:
    return next(flow_from_arrays(inputs, targets, shuffle=False, **options))


def test_what_inputs_may_be() -> None:
    a, b = np.arange(4), np.ones((4, 2), "float32")
    assert first(a).tolist() == [0, 1, 2, 3]
    assert first([0, 1, 2, 3]).tolist() == [0, 1, 2, 3]
    assert first([[0, 1], [2, 3]]).shape == (2, 2)
    for several in ((a, b), [a, b]):
        inputs, targets = first(several, a)
        assert isinstance(inputs, tuple) and np.array_equal(inputs[1], b)
        (inputs,) = first(several)
        assert np.array_equal(inputs[0], a) and np.array_equal(inputs[1], b)
    inputs, targets = first({"x": a, "y": (b, a)}, {"out": b})
    assert list(inputs) == ["x", "y"] and np.array_equal(inputs["y"][0], b)
    assert np.array_equal(targets["out"], b)
    words = first(np.array(["tea", "coffee"]))
    assert words.tolist() == ["tea", "coffee"]


def test_columns_of_a_table() -> None:
    inputs, targets = first(TABLE, TABLE["price"])
    assert list(inputs) == ["user", "price", "tokens", "vector"]
    assert inputs["user"].tolist() == [3, 1, 2, 1] and inputs["user"].dtype == np.int64
    assert inputs["tokens"].tolist() == TABLE["tokens"].tolist()
    assert np.array_equal(inputs["vector"], np.stack(list(TABLE["vector"])))
    assert targets.tolist() == [1, 2, 3, 4]
    user, price = first((TABLE["user"], TABLE["price"]), TABLE[["price"]])[0]
    assert user.tolist() == [3, 1, 2, 1] and price.tolist() == [1, 2, 3, 4]


def test_subsets_are_views() -> None:
    values = np.arange(10.0)
    for subset, wanted in (("validation", values[:2]), ("training", values[2:])):
        flow = flow_from_arrays(
            {"a": values},
            values * 2,
            sample_weight=values * 3,
            validation_split=0.2,
            subset=subset,
            shuffle=False,
        )
        inputs, targets, weights = next(flow)
        assert np.array_equal(inputs["a"], wanted) and np.array_equal(targets, wanted * 2)
        assert np.array_equal(weights, wanted * 3) and flow.n == len(wanted)
        assert np.shares_memory(flow.inputs["a"], values)


def layouts(values: np.ndarray) -> dict[str, np.ndarray]:
    """The same values in other memory layouts."""
    spaced = np.zeros((len(values), 2 * values.shape[1]), values.dtype)
    spaced[:, ::2] = values
    unaligned = np.zeros(values.nbytes + 1, "uint8")[1:].view(values.dtype).reshape(values.shape)
    unaligned[...] = values
    return {
        "plain": values,
        "fortran": np.asfortranarray(values),
        "spaced": spaced[:, ::2],
        "big endian": values.astype(">f8"),
        "read only": np.frombuffer(values.tobytes()).reshape(values.shape),
        "unaligned": unaligned,
    }


@pytest.mark.parametrize("layout", layouts(np.zeros((2, 2))))
def test_any_memory_layout(layout: str) -> None:
    values = np.random.default_rng(0).normal(size=(30, 4))
    flow = flow_from_arrays(layouts(values)[layout], batch_size=7, seed=3)
    order = np.random.RandomState(3).permutation(30)
    for position in range(len(flow)):
        rows = flow[position]
        assert np.array_equal(rows, values[order[7 * position :][:7]])
        assert rows.dtype == np.float64 and rows.dtype.isnative
        assert not np.shares_memory(rows, flow.inputs)
        rows[...] = 0  # a batch is the consumer's own


def resident_bytes(file: Path) -> int:
    """How much of a mapped file this process has read."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(file.name)
        elif inside and line.startswith("Rss:"):
            found += int(line.split()[1]) * 1024
    return found


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_memory_mapped_file_is_not_read_whole(tmp_path: Path, order: Any) -> None:
    file, samples = tmp_path / "large.npy", 1_000_000
    # A sparse file: 80 MB that take no space.
    mapped = np.lib.format.open_memmap(
        file, "w+", "float32", (samples, 20), fortran_order=order == "F"
    )
    mapped[[0, 123_456, samples - 1], 5] = [1, 2, 3]
    del mapped
    flow = flow_from_arrays({"rows": np.load(file, mmap_mode="r")}, batch_size=2, shuffle=False)
    assert flow[0]["rows"][0, 5] == 1
    assert flow[123_456 // 2]["rows"][0, 5] == 2
    assert flow[-1]["rows"][-1, 5] == 3
    # In column order every element of a row lies on a page of its own, and pages come in groups.
    assert 0 < resident_bytes(file) < 20_000_000


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (({"a": np.zeros(3), "b": np.zeros(4)},), ValueError, r"\['a'\] with 3 .*\['b'\] with 4"),
        ((np.zeros(3), np.zeros(4)), ValueError, "inputs with 3 rows and targets with 4"),
        (([np.zeros(2)] * 5, np.zeros(5)), ValueError, r"inputs\[0\] with 2.*np.stack"),
        (((),), ValueError, "inputs is an empty tuple"),
        (({},), ValueError, "inputs is an empty dict"),
        ((np.zeros((0, 3)),), ValueError, "inputs has no rows"),
        ((3,), ValueError, "inputs must have a row for each sample.*3"),
        (({"a": None},), ValueError, r"inputs\['a'\]"),
        (([1, None, 2],), ValueError, "inputs makes no array: row 1 has no value"),
        ((TABLE.assign(name=list("abcd")),), TypeError, r"\['name'\] holds text, 'a' in row 0"),
        (
            (TABLE.assign(user=pd.array([1, None, 2, 3], "Int64")),),
            ValueError,
            r"\['user'\] has no value in 1 rows, the first of them row 1",
        ),
        (
            (TABLE.assign(tokens=[[1], [2], [3, 4], [5]]),),
            ValueError,
            r"\['tokens'\].*row 2 has shape \(2,\) and row 0 has \(1,\)",
        ),
        ((pd.to_datetime(["2020-01-01"]),), TypeError, "dtype datetime64"),
        ((pd.concat([TABLE, TABLE], axis=1),), ValueError, "several columns of one name"),
        (([[1, 2], [3]],), ValueError, "row 1 has 1 values and row 0 has 2 values"),
        (([[1, 2], 3],), ValueError, "row 1 has one value and row 0 has 2 values"),
        (([1, "a", 2],), TypeError, "inputs holds text, and 1 in row 0"),
        (([["a"], [2]],), TypeError, r"inputs\[1\] holds text, and 2 in row 0"),
        (({"a": None},), ValueError, r"inputs\['a'\] must be an array.*None"),
        (({3, 4},), TypeError, "a set; list"),
        ((iter([3, 4]),), TypeError, "a list_iterator; list"),
        ((coo_array(np.eye(3)),), TypeError, r"a sparse coo_array; \.toarray\(\)"),
        ((np.ma.array([1, 2], mask=[0, 1]),), ValueError, r"inputs.*masked.*\.filled"),
        ((TABLE[["user"]], TABLE["price"].sort_index()), ValueError, "targets has the same index"),
        (
            ({"a": TABLE["user"], "b": [TABLE["price"].sort_index()]},),
            ValueError,
            r"inputs\['b'\]\[0\] has the same index as inputs\['a'\], in another order",
        ),
    ],
)
def test_bad_arrays(arguments: tuple[Any, ...], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        flow_from_arrays(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": [1, 2, 3, np.nan]}, "finite.*nan for row 3"),
        ({"sample_weight": [1, 2]}, "inputs with 4 rows and sample_weight with 2"),
        ({"sample_weight": [1] * 4, "targets": None}, "needs `targets`"),
        ({"subset": "training"}, "validation_split"),
        ({"drop_remainder": True, "batch_size": 5}, "no batch of 4 samples"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flow_from_arrays(np.zeros(4), **{"targets": np.zeros(4), **options})


@pytest.mark.parametrize("weights", [{"a": 1}, 3, "abcd"])
def test_weights_that_are_none(weights: Any) -> None:
    with pytest.raises(TypeError, match="one number a row"):
        flow_from_arrays(np.zeros(4), np.zeros(4), sample_weight=weights)


def test_columns_in_different_orders() -> None:
    shuffled = TABLE["price"].sample(frac=1, random_state=1)
    assert shuffled.index.tolist() != TABLE.index.tolist()
    with pytest.raises(ValueError, match="sample_weight has the same index as inputs"):
        flow_from_arrays(TABLE[["user"]], np.zeros(4), sample_weight=shuffled)
    # Other indices, the same order and plain arrays say nothing else than the place.
    for targets in (shuffled.to_numpy(), shuffled.reset_index(drop=True), TABLE["price"].copy()):
        assert first(TABLE[["user"]], targets)[1].tolist() == list(targets)


def test_a_split_is_any_real_number() -> None:
    flow = flow_from_arrays(np.zeros(10), validation_split=np.float32(0.2), subset="validation")
    assert flow.n == 2


def test_only_a_list_is_told_about_lists() -> None:
    with pytest.raises(ValueError, match="targets with 4") as caught:
        flow_from_arrays(np.zeros(3), np.zeros(4))
    assert "list" not in str(caught.value)


def test_a_seed_of_its_own() -> None:
    np.random.seed(5)
    one = take(flow_from_arrays(np.arange(9), batch_size=4), 4)
    np.random.seed(5)
    other = take(flow_from_arrays(np.arange(9), batch_size=4), 4)
    assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
    flow = flow_from_arrays(np.arange(9), batch_size=4, seed=2)
    next(flow)
    assert np.array_equal(next(pickle.loads(pickle.dumps(flow))), next(flow))


def test_stats_ask_for_no_workers() -> None:
    flow = flow_from_arrays(np.zeros((64, 4)), batch_size=4, seed=0)
    take(flow, 16)
    stats = flow.stats()
    text = str(stats)
    assert stats.last is not None and stats.last.work.samples == 64
    assert "64 samples in 16 batches" in text and "image" not in text
    assert "workers=" not in text and "cache" not in text and "read" in text


def test_an_override_is_honoured() -> None:
    from augflow import ArraysIterator

    class Doubled(ArraysIterator):
        """Calls what it overrides."""

        def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
            return 2 * super()._get_batches_of_transformed_samples(index_array)

    assert next(Doubled(np.arange(3), shuffle=False)).tolist() == [0, 2, 4]
    plain = flow_from_arrays(np.arange(3), shuffle=False)
    assert plain._get_batches_of_transformed_samples([2, 0]).tolist() == [2, 0]


@pytest.mark.heavy
@pytest.mark.parametrize("several", [dict, tuple])
def test_fit_takes_the_flow(several: type) -> None:
    keras = pytest.importorskip("keras")
    generator = np.random.default_rng(0)
    users, items = generator.integers(0, 5, (2, 20))
    ratings = (users - items).astype("float32")
    weights = generator.uniform(size=20).astype("float32")
    inputs = {"user": users, "item": items} if several is dict else (users, items)

    def model() -> Any:
        keras.utils.set_random_seed(0)
        entries = {name: keras.Input((), name=name) for name in ("user", "item")}
        tables = [keras.layers.Embedding(5, 3)(entry) for entry in entries.values()]
        entry = entries if several is dict else tuple(entries.values())
        made = keras.Model(entry, keras.layers.Dot(1)(tables))
        made.compile("sgd", "mse")
        return made

    ours, theirs = model(), model()
    flow = flow_from_arrays(inputs, ratings, sample_weight=weights, batch_size=8, shuffle=False)
    ours.fit(flow, epochs=2, shuffle=False, verbose=0)
    theirs.fit(
        inputs, ratings, sample_weight=weights, batch_size=8, epochs=2, shuffle=False, verbose=0
    )
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    unlabelled = flow_from_arrays(inputs, batch_size=8, shuffle=False)
    np.testing.assert_allclose(
        ours.predict(unlabelled, verbose=0), theirs.predict(inputs, verbose=0), rtol=1e-4, atol=1e-5
    )


def test_a_batch_of_few_rows_takes_few_calls() -> None:
    flow = flow_from_arrays(np.zeros((1600, 4), "float32"), np.zeros(1600), batch_size=16, seed=1)
    take(flow, 3)
    calls: list[str] = []

    def count(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_qualname)

    # Calls and not seconds, which depend on what else the machine does.
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in range(50):
            next(flow)
    finally:
        sys.setprofile(before)
    assert len(calls) <= 50 * MOST_CALLS, calls[-MOST_CALLS - 5 :]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint64", "bool"])
def test_integers_stay_what_they_are(dtype: str) -> None:
    numbers = np.array([1, 0, 1, 1]).astype(dtype)
    nullable = {"bool": "boolean"}.get(dtype, dtype.replace("u", "U").replace("int", "Int"))
    table = pd.DataFrame(
        {"plain": numbers, "nullable": pd.array(numbers.tolist(), dtype=nullable),
         "tokens": [numbers] * 4, "category": pd.Categorical(numbers)}
    )  # fmt: skip
    inputs, targets = next(flow_from_arrays(table, numbers, shuffle=False))
    assert targets.dtype == inputs["plain"].dtype == inputs["tokens"].dtype == dtype
    assert inputs["nullable"].dtype.kind == inputs["category"].dtype.kind == numbers.dtype.kind
    assert inputs["nullable"].tolist() == inputs["category"].tolist() == numbers.tolist()
