"""Classes from a table: numbers and booleans, rows that are left out, orders of classes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from augflow import ImageDataGenerator
from augflow.scan.class_order import sort_classes
from tests.flow_world import SAMPLES, table_of, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("labels") / "images")


@pytest.fixture
def table(folder: Path) -> pd.DataFrame:
    return table_of(folder)


@pytest.fixture(autouse=True)
def _no_stray_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def flow_of(table: pd.DataFrame, folder: Path, /, *, split: float = 0, **arguments: Any) -> Any:
    generator = ImageDataGenerator(workers=0, validation_split=split)
    arguments = {"shuffle": False, "batch_size": SAMPLES, "target_size": (4, 4), **arguments}
    return generator.flow_from_dataframe(table, folder, **arguments)


def labels_of(flow: Any) -> list[Any]:
    """The class of each sample of the first batch, read from the target by class_indices."""
    names = {number: name for name, number in flow.class_indices.items()}
    targets = next(flow)[1]
    numbers = targets.argmax(axis=1) if targets.ndim == 2 else targets
    return [names[int(number)] for number in numbers]


NUMBERS = np.arange(SAMPLES)
COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "bool": (NUMBERS % 2 == 0, [False, True]),
    "boolean": (pd.array(NUMBERS % 2 == 0, dtype="boolean"), [False, True]),
    "bool in objects": (pd.Series(NUMBERS % 2 == 0, dtype=object), [False, True]),
    "int": (NUMBERS % 2 * 8 + 2, [2, 10]),
    "uint8": ((NUMBERS % 2 * 8 + 2).astype("uint8"), [2, 10]),
    "negative": (-(NUMBERS % 2 * 8 + 2), [-10, -2]),
    "Int64": (pd.array(NUMBERS % 2 * 8 + 2, dtype="Int64"), [2, 10]),
    "float, integral": (NUMBERS % 2 * 8 + 2.0, [2.0, 10.0]),
    "float": (NUMBERS % 2 * 0.5 + 0.5, [0.5, 1.0]),
    "float32": ((NUMBERS % 2 * 0.1 + 0.1).astype("f4"), [float(np.float32(0.1)), 0.2]),
    "NumPy's scalars": (pd.Series(list(NUMBERS % 2 * 8 + 2), dtype=object), [2, 10]),
    "NumPy's bools": (pd.Series(list(NUMBERS % 2 == 0), dtype=object), [False, True]),
    "category": (pd.Series(NUMBERS % 2 * 8 + 2).astype("category"), [2, 10]),
    "ints and floats": (pd.Series([2, 10.0] * 10, dtype=object)[:SAMPLES], [2, 10.0]),
    "text": (pd.Series([str(n % 2 * 8 + 2) for n in NUMBERS]), ["10", "2"]),
}


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_labels_of_any_kind(kind: str, class_mode: str, table: pd.DataFrame, folder: Path) -> None:
    values, classes = COLUMNS[kind]
    table["label"] = values
    flow = flow_of(table, folder, y_col="label", class_mode=class_mode)
    names = list(flow.class_indices)
    assert names == pytest.approx(classes) if kind == "float32" else names == classes
    assert [type(name) for name in names] == [type(name) for name in classes]
    assert list(flow.class_indices.values()) == [0, 1]
    assert labels_of(flow) == table["label"].tolist()


@pytest.mark.parametrize("class_mode", ["categorical", "sparse"])
@given(data=st.data())
def test_any_column_of_numbers(
    class_mode: str, data: st.DataObject, folder_and_table: tuple[Path, pd.DataFrame]
) -> None:
    folder, table = folder_and_table
    one = data.draw(
        st.sampled_from([st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.booleans()])
    )
    few = data.draw(st.lists(one, min_size=1, max_size=6))
    values = data.draw(st.lists(st.sampled_from(few), min_size=SAMPLES, max_size=SAMPLES))
    table = table.assign(label=values)
    flow = flow_of(table, folder, y_col="label", class_mode=class_mode)
    assert list(flow.class_indices) == sorted(set(values))
    assert flow.classes == [sorted(set(values)).index(value) for value in values]


@pytest.fixture(scope="module")
def folder_and_table(folder: Path) -> tuple[Path, pd.DataFrame]:
    return folder, table_of(folder)


@pytest.mark.parametrize(
    ("values", "classes", "wanted"),
    [
        (NUMBERS % 3, [2, 0], [2, 0]),
        (NUMBERS % 3, np.array([2, 0], dtype="int8"), [2, 0]),
        (NUMBERS % 3, pd.Index([2, 0]), [2, 0]),
        (NUMBERS % 3 + 0.0, [2, 0], [2, 0]),
        (NUMBERS % 2 == 1, [1, 0], [1, 0]),
        (NUMBERS % 2, [True, False], [True, False]),
    ],
)
def test_classes_that_are_given(
    values: Any, classes: Any, wanted: list[Any], table: pd.DataFrame, folder: Path
) -> None:
    """The names are those that were given, as plain Python values."""
    table["label"] = values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flow = flow_of(table, folder, y_col="label", class_mode="binary", classes=classes)
    assert [repr(name) for name in flow.class_indices] == [repr(name) for name in wanted]
    left = table[table["label"].isin(wanted)]
    assert labels_of(flow) == left["label"].tolist()
    assert flow.dataframe_index.equals(left.index)


def test_lists_of_numbers(table: pd.DataFrame, folder: Path) -> None:
    table["label"] = [[np.int64(3), 1] if number % 2 else [10] for number in NUMBERS]
    flow = flow_of(table, folder, y_col="label")
    assert [repr(name) for name in flow.class_indices] == ["1", "3", "10"]
    np.testing.assert_array_equal(next(flow)[1][:2], [[0, 0, 1], [1, 1, 0]])


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "text and numbers": (["a", 1] * 10, {}, r"str: row 'r0' has 'a'; number: row 'r1' has 1"),
    "bools and numbers": ([True, 2] * 10, {}, r"bool: row 'r0' .*number: row 'r1'"),
    "in lists": ([["a"], ["b", 1]] * 10, {}, r"str: row 'r0' .*number: row 'r1' has 1"),
    "a gap in a list": ([["a"], ["b", None]] * 10, {}, r"row 'r1'"),
    "dates": (pd.date_range("2020", periods=20), {}, "Timestamp"),
    "classes are text": ([0, 1] * 10, {"classes": ["0", "1"]}, r"'\d' in `classes`, \d in the col"),
    "classes are numbers": (["0", "1"] * 10, {"classes": [0, 1]}, r"\d in `classes`, '\d' in"),
}


@pytest.mark.parametrize("case", WRONG)
def test_labels_that_are_no_classes(case: str, table: pd.DataFrame, folder: Path) -> None:
    values, options, message = WRONG[case]
    table.index = pd.Index([f"r{number}" for number in NUMBERS])
    table["label"] = pd.Series(values[:SAMPLES], index=table.index)
    with pytest.raises(TypeError, match=message):
        flow_of(table, folder, y_col="label", **options)


def test_binary_counts_numbers(table: pd.DataFrame, folder: Path) -> None:
    table["label"] = NUMBERS % 3
    with pytest.raises(ValueError, match=r"3 were found in y_col='label': 0, 1, 2\."):
        flow_of(table, folder, y_col="label", class_mode="binary")


def test_values_to_estimate_are_suspicious(tmp_path: Path) -> None:
    table = pd.DataFrame({"filename": [f"{n}.png" for n in range(60)], "age": np.arange(60.0)})
    reading = {"y_col": "age", "validate_filenames": False}
    with pytest.warns(UserWarning, match=r'60 different numbers in 60 rows.*class_mode="raw"'):
        flow_of(table, tmp_path, **reading)
    flow_of(table, tmp_path, **reading, classes=list(range(60)))
    table["age"] = table["age"] % 30
    flow_of(table, tmp_path, **reading)


# Rows that are left out


@pytest.mark.parametrize("values", [[1, None, 2.5, None], ["a", None, "b", np.nan], [True, None]])
def test_rows_without_a_label(values: list[Any], table: pd.DataFrame, folder: Path) -> None:
    table.index = pd.Index([f"r{number}" for number in NUMBERS])
    table["label"] = pd.Series((values * 10)[:SAMPLES], index=table.index)
    left = table[table["label"].notna()]
    count = SAMPLES - len(left)
    with pytest.warns(UserWarning, match=rf"^{count} row\(s\) have no label.*: 'r1', 'r3', 'r5'"):
        flow = flow_of(table, folder, y_col="label", class_mode="sparse")
    assert flow.dataframe_index.tolist() == left.index.tolist()
    assert flow.filenames == left["filename"].tolist()
    assert labels_of(flow) == left["label"].tolist()


def test_every_row_that_is_left_out_is_named(table: pd.DataFrame, folder: Path) -> None:
    table["label"] = (NUMBERS % 4).astype(float)
    table.loc[[3, 9], "label"] = np.nan
    table.loc[5, "filename"] = "cat/none.png"
    table.loc[6, "filename"] = "cat/notes.txt"
    with pytest.warns() as caught:
        flow = flow_of(table, folder, y_col="label", classes=[2, 1], split=0.5, subset="training")
    messages = [str(one.message) for one in caught]
    assert [re.match(r"(Found )?\d+", text)[0] for text in messages] == ["Found 2", "2", "8"]
    assert "1 without a file" in messages[0] and "1 with an ending other" in messages[0]
    assert "`formats=` adds endings" in messages[0]
    assert "'cat/none.png', 'cat/notes.txt'" in messages[0]
    assert messages[1].endswith("left out: 3, 9")
    assert messages[2].endswith("left out: 0 (0.0), 4 (0.0), 7 (3.0), 8 (0.0), 11 (3.0), ...")
    rows = [1, 2, 10, 13, 14, 17, 18]
    assert flow.dataframe_index.tolist() == rows[3:]
    assert table.loc[flow.dataframe_index, "label"].tolist() == labels_of(flow)


@pytest.mark.parametrize("subset", [None, "training", "validation"])
@pytest.mark.parametrize("class_mode", ["categorical", "raw", "input", "multi_output", None])
def test_predictions_can_be_joined(
    class_mode: str | None, subset: str | None, table: pd.DataFrame, folder: Path
) -> None:
    table.index = pd.Index(NUMBERS[::-1] * 10)
    several: Any = {"multi_output": ["id", "half"], "raw": "half"}
    y_col = several.get(class_mode, "class")
    flow = flow_of(table, folder, split=0.3, subset=subset, class_mode=class_mode, y_col=y_col)
    assert table.loc[flow.dataframe_index, "filename"].tolist() == flow.filenames
    assert len(flow.filenames) == {None: 19, "training": 14, "validation": 5}[subset]


# Orders of classes

NAMES = ["a10", "a2", "a1", "b", "a02", "", "10", "9", "a10b2", "a10b10", "٣", "Ä"]


def test_natural_order() -> None:
    natural = ["", "٣", "9", "10", "a1", "a02", "a2", "a10", "a10b2", "a10b10", "b", "Ä"]
    assert sort_classes(NAMES, "natural") == natural
    assert sort_classes(NAMES, "text") == sorted(NAMES)


@given(st.lists(st.integers(0, 10**12), unique=True), st.text(alphabet="ab-. ", max_size=3))
def test_natural_order_of_numbers(numbers: list[int], prefix: str) -> None:
    wanted = [f"{prefix}{number}" for number in sorted(numbers)]
    assert sort_classes([f"{prefix}{number}" for number in numbers], "natural") == wanted


@given(st.lists(st.text(max_size=5)), st.randoms())
def test_natural_order_is_an_order(names: list[str], random: Any) -> None:
    once = sort_classes(names, "natural")
    random.shuffle(names)
    assert sort_classes(names, "natural") == once
    assert sorted(once) == sorted(names)


def test_class_order_of_flows(tmp_path: Path, folder: Path) -> None:
    numbers = ["1", "2", "9", "10", "11"]
    source = next((folder / "cat").glob("*.png"))
    for number in numbers:
        (tmp_path / number).mkdir()
        (tmp_path / number / "image.png").write_bytes(source.read_bytes())
    generator = ImageDataGenerator(workers=0)
    rows = pd.DataFrame({"filename": [f"{n}/image.png" for n in numbers], "class": numbers})
    for class_order, wanted in (("text", sorted(numbers)), ("natural", numbers)):
        reading = {"class_order": class_order, "target_size": (4, 4), "shuffle": False}
        files = generator.flow_from_directory(tmp_path, **reading)
        frame = generator.flow_from_dataframe(rows, tmp_path, **reading)
        assert list(files.class_indices) == list(frame.class_indices) == wanted
        assert files.filenames == [f"{number}/image.png" for number in wanted]
        assert list(files.classes) == [0, 1, 2, 3, 4]
        given_order = generator.flow_from_directory(tmp_path, **reading, classes=["10", "9"])
        assert list(given_order.class_indices) == ["10", "9"]
    with pytest.raises(ValueError, match="`class_order` must be"):
        generator.flow_from_directory(tmp_path, class_order="numeric")
    with pytest.raises(ValueError, match="`class_order` must be"):
        generator.flow_from_dataframe(rows, tmp_path, class_order=None)


# Targets and weights that are missing


@pytest.mark.parametrize("class_mode", ["raw", "multi_output"])
def test_missing_targets_and_weights_are_told(tmp_path: Path, class_mode: str) -> None:
    table = pd.DataFrame(
        {
            "filename": [f"{number}.png" for number in range(4)],
            "size": [1.0, np.nan, 3.0, 4.0],
            "count": pd.array([1, 2, None, 4], dtype="Int64"),
            "weight": [1.0, 1.0, 1.0, np.nan],
        },
        index=list("abcd"),
    )
    for name in table["filename"]:
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    with pytest.warns(UserWarning) as told:
        flow = ImageDataGenerator(workers=0).flow_from_dataframe(
            table,
            tmp_path,
            y_col=["size", "count"],
            weight_col="weight",
            class_mode=class_mode,
            shuffle=False,
        )
    texts = [str(each.message) for each in told]
    for column, row in (
        ("y_col='size'", "b"),
        ("y_col='count'", "c"),
        ("weight_col='weight'", "d"),
    ):
        assert sum(column in text and f"row '{row}'" in text for text in texts) == 1
    # pandas's own integers are numbers beside others, with NaN for what is missing.
    columns = np.stack(flow.labels, axis=-1) if class_mode == "multi_output" else flow.labels
    assert columns.dtype == np.float64
    assert np.array_equal(columns[:, 1], [1, 2, np.nan, 4], equal_nan=True)


def test_missing_file_names_are_told_by_row() -> None:
    for column in (pd.Categorical(["0.png", None, "1.png"]), ["0.png", np.nan, "1.png"]):
        table = pd.DataFrame({"filename": column, "class": ["a", "b", "c"]}, index=[7, 8, 9])
        with pytest.raises(TypeError, match=r"x_col='filename' .* 1 are missing, in row 8"):
            ImageDataGenerator().flow_from_dataframe(table, "anywhere")
