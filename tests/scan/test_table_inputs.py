"""Columns beside the image: as a table, as named inputs, through preprocess, into models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import ImageDataGenerator
from augflow.scan.table_inputs import read_extra_cols
from tests.flow_world import SAMPLES, signature, table_of, take, write_folder

NUMBERS = np.arange(SAMPLES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("extra") / "images")


@pytest.fixture
def table(folder: Path) -> pd.DataFrame:
    table = table_of(folder)
    table.index = pd.Index([f"r{number}" for number in NUMBERS])
    table["size"] = NUMBERS * 3
    table["old"] = NUMBERS % 2 == 0
    table["tokens"] = [[number, 2, 7] for number in NUMBERS]
    table["word"] = [("red", "green", "blue")[number % 3] for number in NUMBERS]
    return table


def flow_of(
    table: pd.DataFrame, folder: Path, /, *, workers: int = 0, split: float = 0, **arguments: Any
) -> Any:
    generator = ImageDataGenerator(rotation_range=20, workers=workers, validation_split=split)
    arguments = {"batch_size": 4, "target_size": (6, 5), "seed": 3, "augment": True, **arguments}
    return generator.flow_from_dataframe(table, folder, **arguments)


def order_of(flow: Any) -> list[int]:
    return flow.index_array[: flow.batch_size].tolist()


def parts(inputs: Any) -> Any:
    """What ``flow_world.signature`` can compare: dicts become tuples."""
    if isinstance(inputs, dict):
        return tuple(inputs[name] for name in sorted(inputs))
    return tuple(parts(one) for one in inputs) if isinstance(inputs, tuple) else inputs


def test_a_list_gives_a_table(table: pd.DataFrame, folder: Path) -> None:
    columns = ["half", "size", "old"]
    flow = flow_of(table, folder, extra_cols=columns)
    plain = flow_of(table, folder)
    for _ in range(len(flow) + 2):
        (images, numbers), targets = next(flow)
        wanted_images, wanted_targets = next(plain)
        assert numbers.dtype == np.float32
        np.testing.assert_array_equal(images, wanted_images)
        np.testing.assert_array_equal(targets, wanted_targets)
    (_, numbers), _ = flow[0]
    rows = table.iloc[order_of(flow)]
    np.testing.assert_array_equal(numbers, rows[columns].to_numpy("float32"))


def test_a_dict_gives_named_inputs(table: pd.DataFrame, folder: Path) -> None:
    table["user"] = 2**40 + NUMBERS
    flow = flow_of(
        table,
        folder,
        extra_cols={"who": "user", "both": ["half", "size"], "seq": "tokens", "age": "half"},
        image_key="picture",
    )
    inputs, _ = next(flow)
    assert list(inputs) == ["picture", "who", "both", "seq", "age"]
    rows = table.iloc[order_of(flow)]
    np.testing.assert_array_equal(inputs["who"], rows["user"])
    np.testing.assert_array_equal(inputs["both"], rows[["half", "size"]])
    np.testing.assert_array_equal(inputs["seq"], rows["tokens"].tolist())
    np.testing.assert_array_equal(inputs["age"], rows["half"])
    assert inputs["picture"].shape == (4, 6, 5, 3)
    dtypes = [inputs[name].dtype.name for name in ("who", "both", "seq", "age")]
    assert dtypes == ["int64", "float32", "int64", "float32"]


def test_a_column_of_arrays_takes_its_place_in_the_table(table: pd.DataFrame, folder: Path) -> None:
    table["matrix"] = [np.full((2, 2), number, "float64") for number in NUMBERS]
    flow = flow_of(table, folder, extra_cols=["tokens", "half", "matrix"], shuffle=False)
    (_, numbers), _ = next(flow)
    assert numbers.shape == (4, 3 + 1 + 4)
    np.testing.assert_array_equal(numbers[3], [3, 2, 7, 1.5, 3, 3, 3, 3])


MODES: dict[str, dict[str, Any]] = {
    "categorical": {},
    "binary": {"class_mode": "binary"},
    "sparse": {"class_mode": "sparse"},
    "raw": {"class_mode": "raw", "y_col": "half"},
    "multi_output": {"class_mode": "multi_output", "y_col": ["id", "half"]},
    "input": {"class_mode": "input"},
    "None": {"class_mode": None},
}


@pytest.mark.parametrize("extra", [["size", "half"], {"size": "size", "tokens": "tokens"}])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("weight_col", [None, "weight"])
def test_every_class_mode(
    mode: str, extra: Any, weight_col: str | None, table: pd.DataFrame, folder: Path
) -> None:
    """All but the inputs is what it is without extra columns; the rows belong together."""
    options = {**MODES[mode], "weight_col": weight_col}
    flow = flow_of(table, folder, extra_cols=extra, **options)
    batch, plain = next(flow), next(flow_of(table, folder, **options))
    if mode == "None":
        # In a tuple of its own: Keras would take (images, table) for inputs and targets.
        inputs = batch if isinstance(extra, dict) else batch[0]
        assert isinstance(batch, dict) or len(batch) == 1
        images = plain
    else:
        inputs, *rest = batch
        images, *wanted = plain
        assert signature(tuple(rest)) == signature(tuple(wanted))
        assert len(batch) == (2 if weight_col is None else 3)
    rows = table.iloc[order_of(flow)]
    if isinstance(extra, dict):
        np.testing.assert_array_equal(inputs["image"], images)
        np.testing.assert_array_equal(inputs["size"], rows["size"])
    else:
        np.testing.assert_array_equal(inputs[0], images)
        np.testing.assert_array_equal(inputs[1], rows[extra])


@pytest.mark.parametrize("extra", [["size", "half"], {"size": "size", "tokens": "tokens"}])
def test_the_same_for_any_number_of_workers(extra: Any, table: pd.DataFrame, folder: Path) -> None:
    wanted = None
    for workers in (0, 1, 2, 5):
        with flow_of(table, folder, workers=workers, extra_cols=extra) as flow:
            by_next = [signature(parts(batch)) for batch in take(flow, len(flow))]
        with flow_of(table, folder, workers=workers, extra_cols=extra) as flow:
            places = list(reversed(range(len(flow))))
            by_index = [signature(parts(flow[place])) for place in places]
        assert by_next == by_index[::-1]
        wanted = wanted or by_next
        assert by_next == wanted


def test_rows_stay_together_through_filters_and_subsets(table: pd.DataFrame, folder: Path) -> None:
    table.loc["r2", "filename"] = "cat/none.png"
    table.loc["r4", "class"] = None
    seen = []
    for subset in ("training", "validation"):
        with pytest.warns(UserWarning, match="left out"):
            flow = flow_of(
                table, folder, split=0.4, subset=subset, extra_cols=["id"], shuffle=False
            )
        ids = np.concatenate([batch[0][1] for batch in take(flow, len(flow))])[:, 0]
        np.testing.assert_array_equal(ids, table.loc[flow.dataframe_index, "id"])
        seen += ids.tolist()
    assert sorted(seen) == sorted(set(NUMBERS.tolist()) - {2, 4})


def test_rows_of_files_that_are_left_out(table: pd.DataFrame, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images")
    (folder / table["filename"].iloc[1]).write_bytes(b"no image")
    flow = flow_of(table, folder, extra_cols={"number": "size"}, shuffle=False, on_error="skip")
    with pytest.warns(UserWarning, match="left out"):
        batches = take(flow, len(flow))
    assert len(batches[0][0]["image"]) == len(batches[0][1]) == 3
    numbers = np.concatenate([inputs["number"] for inputs, _ in batches])
    np.testing.assert_array_equal(numbers, np.delete(3 * NUMBERS, 1))


def test_beside_masks(table: pd.DataFrame, folder: Path) -> None:
    table["mask"] = [str(folder / name) for name in table["filename"]]
    flow = flow_of(
        table,
        folder,
        extra_cols=["size"],
        class_mode="mask",
        y_col="mask",
        shuffle=False,
        mask_loader=empty_mask,
    )
    (images, numbers), masks = next(flow)
    np.testing.assert_array_equal(numbers[:, 0], [0, 3, 6, 9])
    assert len(images) == len(masks) == 4
    fitted = ImageDataGenerator(featurewise_center=True)
    fitted.fit(flow)
    plain = ImageDataGenerator(featurewise_center=True)
    plain.fit(flow_of(table, folder))
    np.testing.assert_array_equal(fitted.mean, plain.mean)


# preprocess


def test_preprocess_gets_the_whole_column_once(table: pd.DataFrame, folder: Path) -> None:
    calls: list[list[str]] = []

    def one_hot(words: np.ndarray) -> np.ndarray:
        calls.append(words.tolist())
        return words[:, None] == np.array(["blue", "green", "red"])

    for subset in ("training", "validation"):
        flow = flow_of(
            table,
            folder,
            split=0.4,
            subset=subset,
            extra_cols=["half", "word"],
            preprocess={"word": one_hot},
            shuffle=False,
        )
        (_, numbers), _ = next(flow)
        rows = table.loc[flow.dataframe_index]
        assert numbers.shape == (4, 4) and numbers.dtype == np.float32
        words = np.array(["blue", "green", "red"])[numbers[:, 1:].argmax(axis=1)]
        assert words.tolist() == rows["word"].tolist()[:4]
        take(flow, 2 * len(flow))
    # Both subsets see the same rows, so that what a function learns from them is the same.
    assert calls == [table["word"].tolist()] * 2


@pytest.mark.parametrize("form", ["array", "list of lists", "list of arrays", "Series"])
def test_preprocess_may_return(form: str, table: pd.DataFrame, folder: Path) -> None:
    def tokens(words: np.ndarray) -> Any:
        rows = [[len(word), ord(word[0])] for word in words]
        if form == "array":
            return np.array(rows)
        if form == "list of arrays":
            return [np.array(row) for row in rows]
        return pd.Series(rows) if form == "Series" else rows

    flow = flow_of(
        table, folder, extra_cols={"t": "word"}, preprocess={"word": tokens}, shuffle=False
    )
    np.testing.assert_array_equal(next(flow)[0]["t"][:2], [[3, ord("r")], [5, ord("g")]])


def test_preprocess_handles_missing_values(table: pd.DataFrame, folder: Path) -> None:
    table.loc["r1", "half"] = np.nan
    flow = flow_of(
        table, folder, extra_cols=["half"], preprocess={"half": np.nan_to_num}, shuffle=False
    )
    np.testing.assert_array_equal(next(flow)[0][1][:, 0], [0, 0, 1, 1.5])


def empty_mask(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.zeros((image.height, image.width), dtype=np.uint8)


def fails(values: np.ndarray) -> np.ndarray:
    raise ArithmeticError("no such word")


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no such column": ({"extra_cols": ["age"]}, KeyError, r"extra_cols='age' is not a column"),
    "no such column in a dict": ({"extra_cols": {"a": ["size", "age"]}}, KeyError, r"'age'"),
    "one name": ({"extra_cols": "size"}, TypeError, r"must be a list .* Received: 'size'"),
    "none": ({"extra_cols": []}, ValueError, r"names no column"),
    "input without a name": ({"extra_cols": {1: "size"}}, TypeError, r"must be str"),
    "two images": ({"extra_cols": {"image": "size"}}, ValueError, r"image_key="),
    "image_key of a table": (
        {"extra_cols": ["size"], "image_key": "x"},
        ValueError,
        r"give `extra_cols` as a dict",
    ),
    "preprocess alone": ({"preprocess": {"size": len}}, ValueError, r"which is None"),
    "preprocess of another column": (
        {"extra_cols": ["size"], "preprocess": {"word": len}},
        ValueError,
        r"'word', which is not in `extra_cols`: \['size'\]",
    ),
    "preprocess is no dict": (
        {"extra_cols": ["size"], "preprocess": len}, TypeError, r"must be a dict"
    ),
    "preprocess is no function": (
        {"extra_cols": ["size"], "preprocess": {"size": 3}}, TypeError, r"must be a function"
    ),
    "text": ({"extra_cols": ["word"]}, TypeError, r"row 'r0' .*'word' .* has 'red'.*preprocess="),
    "dates": ({"extra_cols": ["date"]}, TypeError, r"row 'r0' of the column 'date'"),
    "missing": ({"extra_cols": ["gaps"]}, ValueError, r"'gaps' .*2 missing .*'r3', 'r8'"),
    "missing in an array": ({"extra_cols": ["holes"]}, ValueError, r"'holes' .* in row 'r7'"),
    "missing in pandas's integers": ({"extra_cols": ["Int"]}, ValueError, r"'Int' .* 'r3', 'r8'"),
    "missing text": ({"extra_cols": ["gap word"]}, ValueError, r"'gap word' .* row 'r3'"),
    "missing after preprocess": (
        {"extra_cols": ["gaps"], "preprocess": {"gaps": np.sqrt}},
        ValueError,
        r"`preprocess` gives for the column 'gaps' .*'r3', 'r8'",
    ),
    "preprocess returns nothing": (
        {"extra_cols": ["word"], "preprocess": {"word": lambda values: None}},
        ValueError,
        r"preprocess\['word'\].* returned None of type NoneType",
    ),
    "preprocess returns ragged lists": (
        {
            "extra_cols": ["word"],
            "preprocess": {"word": lambda values: [[1] * (1 + n % 2) for n in range(19)]},
        },
        ValueError,
        r"row .* of the column 'word' .*\(2,\).*\(1,\)",
    ),
    "ragged": ({"extra_cols": {"r": "ragged"}}, ValueError, r"row 'r5' .*\(2,\), row 'r0' .*\(3,"),
    "ragged within": ({"extra_cols": {"r": "nested"}}, TypeError, r"row 'r0' .*'nested'"),
    "too large for float32": ({"extra_cols": ["user"]}, ValueError, r"'user' .*2\*\*24 .*'r9'"),
    "too large for float32, a fraction": (
        {"extra_cols": {"far": "far"}}, ValueError, r"'far' .*beyond 3.4e38.* row 'r4'"
    ),
    "one column twice": (
        {"extra_cols": ["size", "half", "size"]}, ValueError, r"'size' more than once"
    ),
    "one column twice in an input": (
        {"extra_cols": {"table": ["size", "size"]}}, ValueError, r"'size' more than once"
    ),
    "preprocess raises": (
        {"extra_cols": ["word"], "preprocess": {"word": fails}}, ArithmeticError, "no such word"
    ),
    "preprocess returns text": (
        {"extra_cols": ["word"], "preprocess": {"word": lambda values: values.astype(str)}},
        TypeError,
        r"preprocess\['word'\].* returned values of dtype <U5",
    ),
    "preprocess returns too few": (
        {"extra_cols": ["word"], "preprocess": {"word": lambda values: np.zeros(3)}},
        ValueError,
        r"3 values of type ndarray for 19 rows",
    ),
    "preprocess returns one number": (
        {"extra_cols": ["word"], "preprocess": {"word": len}}, ValueError, "returned 19 of type int"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_an_input(case: str, table: pd.DataFrame, folder: Path) -> None:
    options, kind, message = WRONG[case]
    table["gaps"] = table["half"].where(~table.index.isin(["r3", "r8"]))
    table["Int"] = table["gaps"].mul(2).astype("Int64")
    table["gap word"] = table["word"].where(table.index != "r3")
    table["holes"] = [[1.0, np.nan if number == 7 else 2.0] for number in NUMBERS]
    table["ragged"] = [[1, 2] if number == 5 else [1, 2, 3] for number in NUMBERS]
    table["nested"] = [[[1, 2], [3]] for number in NUMBERS]
    table["user"] = np.where(NUMBERS == 9, 2**24 + 1, 5)
    table["far"] = np.where(NUMBERS == 4, -1e39, np.inf)
    table["date"] = pd.date_range("2020", periods=SAMPLES)
    with pytest.raises(kind, match=message) as raised:
        flow_of(table, folder, **options)
    if kind is ArithmeticError:
        assert "preprocess['word'] (fails)" in "".join(raised.value.__notes__)


def test_no_rows(table: pd.DataFrame) -> None:
    inputs = read_extra_cols(table[:0], {"a": "half", "b": ["half", "size"], "c": "tokens"})
    assert [array.shape for array in inputs.arrays.values()] == [(0,), (0, 2), (0,)]


@settings(max_examples=40)
@given(data=st.data())
def test_any_columns_of_numbers(data: st.DataObject) -> None:
    """A table holds what pandas's own conversion gives, whatever the columns' types."""
    count = data.draw(st.integers(1, 6))
    kinds = {
        "int8": st.integers(-128, 127),
        "uint16": st.integers(0, 2**16 - 1),
        "int64": st.integers(-(2**24), 2**24),
        "float32": st.floats(-1e6, 1e6, width=32),
        "float64": st.floats(-1e6, 1e6),
        "bool": st.booleans(),
        "Int32": st.integers(-(2**20), 2**20),
        "boolean": st.booleans(),
        "Float64": st.floats(-1e6, 1e6),
        "object": st.integers(-(2**24), 2**24),
        "category": st.integers(-9, 9),
    }
    chosen = data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=4))
    columns = {
        f"{kind} {place}": pd.Series(
            data.draw(st.lists(kinds[kind], min_size=count, max_size=count)), dtype=kind
        )
        for place, kind in enumerate(chosen)
    }
    table = pd.DataFrame(columns)
    wanted = np.stack([column.astype("float32").to_numpy() for column in columns.values()], axis=1)
    numbers = read_extra_cols(table, list(columns)).arrays[None]
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, wanted)


# Models


def inputs_of_a_model(keras: Any, kind: str) -> Any:
    image = keras.Input((6, 5, 3), name="image")
    if kind == "list":
        return [image, keras.Input((2,), name="table")]
    return {
        "image": image,
        "size": keras.Input((), dtype="int32", name="size"),
        "tokens": keras.Input((3,), dtype="int32", name="tokens"),
        "half": keras.Input((1,), name="half"),
    }


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["list", "dict"])
def test_models_take_it(kind: str, workers: int, table: pd.DataFrame, folder: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    inputs = inputs_of_a_model(keras, kind)
    if kind == "list":
        extra: Any = ["size", "half"]
        beside = [inputs[1]]
        image = inputs[0]
    else:
        extra = {"size": "size", "tokens": "tokens", "half": "half"}
        image = inputs["image"]
        tokens = layers.Flatten()(layers.Embedding(20, 2)(inputs["tokens"]))
        beside = [layers.Embedding(60, 2)(inputs["size"]), tokens, inputs["half"]]
    joined = layers.Concatenate()([layers.Flatten()(image), *beside])
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(joined))
    model.compile("sgd", "categorical_crossentropy", weighted_metrics=["accuracy"])
    settings = {"workers": workers, "extra_cols": extra}
    with (
        flow_of(table, folder, **settings, weight_col="weight") as training,
        flow_of(table, folder, **settings, class_mode=None, shuffle=False) as testing,
    ):
        history = model.fit(training, validation_data=training, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2
        assert model.predict(testing, verbose=0).shape == (SAMPLES, 2)
        batch = testing[0] if kind == "dict" else testing[0][0]
        np.testing.assert_allclose(
            model.predict(testing, verbose=0)[:4], model.predict_on_batch(batch), rtol=1e-4
        )
