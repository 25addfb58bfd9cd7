"""Dataframes: the same rows, classes and verdicts as Keras's DataFrameIterator."""

from __future__ import annotations

import functools
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow.scan.dataframe import check_columns, keep_valid_files, split_slice
from augflow.scan.labels import class_numbers, keep_classes

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return pytest.importorskip("keras.src.legacy.preprocessing.image")


def keras_flow(reference: ModuleType, dataframe: pd.DataFrame, split: float = 0.0, **options: Any):
    generator = reference.ImageDataGenerator(validation_split=split)
    return generator.flow_from_dataframe(dataframe, shuffle=False, **options)


def rows_of(dataframe: pd.DataFrame, split: Any) -> slice:
    return slice(None) if split is None else split_slice(len(dataframe), split)


def prepare(
    dataframe: pd.DataFrame,
    directory: Any = None,
    x_col: Any = "filename",
    y_col: Any = "class",
    weight_col: Any = None,
    classes: Any = None,
    class_mode: str | None = "categorical",
    validate_filenames: bool = True,
    split: Any = None,
) -> tuple[pd.DataFrame, Any, Any]:
    """All steps in the order an iterator takes them: (rows, class list, class numbers)."""
    check_columns(dataframe, x_col, y_col, weight_col, classes, class_mode)
    if validate_filenames:
        dataframe = keep_valid_files(dataframe, directory, x_col, FORMATS)
    if class_mode not in ("binary", "categorical", "sparse"):
        return dataframe[rows_of(dataframe, split)], None, None
    dataframe, names = keep_classes(dataframe, y_col, classes)
    dataframe = dataframe[rows_of(dataframe, split)]
    indices = {name: number for number, name in enumerate(names)}
    return dataframe, names, class_numbers(dataframe, y_col, indices)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in [f"many/{i}.png" for i in range(30)] + ["few/a.JPG", "few/b.jpeg", "x.png"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "many" / "folder.png").mkdir()
    (root / "many" / "link.png").symlink_to(root / "x.png")
    (root / "many" / "broken.png").symlink_to(root / "none.png")
    (root / "linked").symlink_to(root / "many", target_is_directory=True)
    (root / "many" / "notes.txt").touch()
    (root / "many" / "photopng").touch()
    return root


def path_names(folder: Path) -> list[str]:
    many = [f"many/{i}.png" for i in range(0, 40, 2)]
    return [
        *many, "many/folder.png", "many/link.png", "many/broken.png", "many/notes.txt",
        "many/photopng", "many/none.PNG", "few/a.JPG", "few/A.jpg", "few/b.jpeg", "x.png",
        "./x.png", "many/../x.png", "many//3.png", "../images/x.png", "nowhere/../x.png",
        *[f"linked/{i}.png" for i in range(25, 35)], *[f"nowhere/{i}.png" for i in range(9)],
        *[f"x.png/{i}.png" for i in range(9)], str(folder / "x.png"), "/x.png", "", "png", ".",
        *[str(folder / "many" / f"{i}.png") for i in range(20, 34)], "many/", "bad\0name.png",
        "many/5.png ", "ü.png",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["text", "path", "none", "trailing"])
@pytest.mark.parametrize("dtype", ["str", "object", "string", "category"])
def test_same_files_as_keras(
    reference: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, dtype: str
) -> None:
    directory = {"text": str(folder), "path": folder, "none": None, "trailing": f"{folder}/"}[kind]
    monkeypatch.chdir(folder)
    frame = pd.DataFrame({"filename": pd.Series(path_names(folder), dtype=dtype)})
    with pytest.warns(UserWarning, match="invalid image filename") as keras_warnings:
        expected = keras_flow(reference, frame, directory=directory, class_mode=None)
    with pytest.warns(UserWarning, match="invalid image filename") as own_warnings:
        kept = keep_valid_files(frame, directory, "filename", FORMATS)
    assert kept["filename"].tolist() == expected.filenames
    assert 30 < len(kept) < len(frame) - 20
    count = f"Found {len(frame) - len(kept)} invalid image filename"
    assert count in str(own_warnings[0].message)
    assert count in str(keras_warnings[0].message)


def test_warning_shows_the_first_names(folder: Path) -> None:
    frame = pd.DataFrame({"file": [f"gone/{i}.png" for i in range(12)] + ["x.png"]})
    with pytest.warns(UserWarning) as caught:
        keep_valid_files(frame, folder, "file", FORMATS)
    message = str(caught[0].message)
    assert "'gone/0.png'" in message
    assert "'gone/4.png', ..." in message
    assert "gone/5.png" not in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(keep_valid_files(frame[12:], folder, "file", FORMATS)) == 1


def test_index_labels_and_columns_stay(folder: Path) -> None:
    frame = pd.DataFrame(
        {"filename": ["x.png", "none.png", "few/a.JPG"], "other": [1, 2, 3]}, index=["q", "q", "r"]
    )
    with pytest.warns(UserWarning):
        kept = keep_valid_files(frame, folder, "filename", FORMATS)
    assert kept.index.tolist() == ["q", "r"]
    assert kept["other"].tolist() == [1, 3]


def labels_cases() -> dict[str, tuple[Any, dict[str, Any]]]:
    text = ["b", "a", "c", "a", "b", "a", "c", "10", "2", "a"]
    lists = [["b", "a"], "a", ("c",), ["a", "z"], "b", ["z"], ["c", "b", "a"], "z", ("z", "b"), "a"]
    two = ["no", "yes"] * 5
    return {
        "str": (text, {}),
        "object": (pd.Series(text, dtype=object), {}),
        "string": (pd.Series(text, dtype="string"), {}),
        "category": (pd.Series(text, dtype="category"), {}),
        "unused categories": (
            pd.Series(pd.Categorical(text, categories=["zz", 5, "c", "b", "a", "2", "10"])), {}
        ),
        "sparse": (text, {"class_mode": "sparse"}),
        "binary": (two, {"class_mode": "binary"}),
        "binary of three": (text, {"class_mode": "binary", "classes": ["b", "a"]}),
        "chosen": (text, {"classes": ["c", "a", "c", "absent"]}),
        "chosen tuple": (text, {"classes": ("10",), "class_mode": "sparse"}),
        "chosen category": (pd.Series(text, dtype="category"), {"classes": ["c", "a"]}),
        "no classes": (text, {"classes": []}),
        "lists": (pd.Series(lists), {}),
        "lists chosen": (pd.Series(lists), {"classes": ["b", "a"]}),
        "empty list": (pd.Series([["a"], []] * 5), {}),
        "empty list chosen": (pd.Series([["a"], [], "b"] * 3 + ["a"]), {"classes": ["a"]}),
        "lists of ints": (pd.Series([[3, 1], [2]] * 5), {}),
    }  # fmt: skip


@pytest.mark.parametrize("case", labels_cases())
@pytest.mark.parametrize("subset", [None, "training", "validation"])
def test_same_classes_as_keras(reference: ModuleType, case: str, subset: str | None) -> None:
    labels, options = labels_cases()[case]
    frame = pd.DataFrame({"filename": [f"{i}.png" for i in range(10)], "class": labels})
    before = frame.copy(deep=True)
    options = {"validate_filenames": False, **options}
    expected = keras_flow(reference, frame, 0.35, subset=subset, **options)
    split = {None: None, "validation": (0, 0.35), "training": (0.35, 1)}[subset]
    rows, names, numbers = prepare(frame, split=split, **options)

    assert rows["filename"].tolist() == expected.filenames
    assert {name: number for number, name in enumerate(names)} == expected.class_indices
    assert numbers == expected.classes
    assert [type(number) for number in numbers] == [type(number) for number in expected.classes]
    pd.testing.assert_frame_equal(frame, before)


def frame_of(labels: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"filename": [f"{i}.png" for i in range(4)], "class": labels, **columns})


TEXT = ["a", "b", "a", "b"]
VERDICTS: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "fine": (frame_of(TEXT), {}),
    "mode": (frame_of(TEXT), {"class_mode": "rawr"}),
    "multi_output str": (frame_of(TEXT), {"class_mode": "multi_output"}),
    "multi_output tuple": (frame_of(TEXT), {"class_mode": "multi_output", "y_col": ("class",)}),
    "multi_output": (
        frame_of(TEXT, b=[1, 2, 3, 4]), {"class_mode": "multi_output", "y_col": ["class", "b"]}
    ),
    "x ints": (frame_of(TEXT), {"x_col": "n"}),
    "x mixed": (frame_of(TEXT, m=["a.png", "b.png", 3, "c.png"]), {"x_col": "m"}),
    "x missing": (frame_of(TEXT, m=["a.png", None, "b.png", "c.png"]), {"x_col": "m"}),
    "x string missing": (
        frame_of(TEXT, m=pd.Series(["a.png", None, "b.png", "c"], dtype="string")), {"x_col": "m"}
    ),
    "y ints": (frame_of([1, 2, 1, 2]), {}),
    "y ints sparse": (frame_of([1, 2, 1, 2]), {"class_mode": "sparse"}),
    "y ints raw": (frame_of([1, 2, 1, 2]), {"class_mode": "raw"}),
    "y nan": (frame_of(["a", np.nan, "a", "b"]), {}),
    "y nan object": (frame_of(pd.Series(["a", np.nan, "a", "b"], dtype=object)), {}),
    "y none object": (frame_of(pd.Series(["a", None, "a", "b"], dtype=object)), {}),
    "y NA": (frame_of(pd.Series(["a", None, "a", "b"], dtype="string")), {"class_mode": "binary"}),
    "y lists": (frame_of([["a"], ["b"], ("a", "b"), "b"]), {}),
    "y lists sparse": (frame_of([["a"], ["b"], ["a"], ["b"]]), {"class_mode": "sparse"}),
    "y sets": (frame_of([{"a"}, {"b"}, {"a"}, {"b"}]), {}),
    "y arrays": (frame_of([np.array(["a"])] * 4), {}),
    "y bool category": (frame_of(pd.Series([True, False] * 2, dtype="category")), {}),
    "binary two": (frame_of(TEXT), {"class_mode": "binary"}),
    "binary one": (frame_of(["a"] * 4), {"class_mode": "binary"}),
    "binary three": (frame_of(["a", "b", "c", "a"]), {"class_mode": "binary"}),
    "binary given three": (frame_of(TEXT), {"class_mode": "binary", "classes": ["a", "b", "c"]}),
    "binary given twice": (frame_of(TEXT), {"class_mode": "binary", "classes": ["a", "a"]}),
    "binary given two": (
        frame_of(["a", "b", "c", "a"]), {"class_mode": "binary", "classes": ["a", "b"]}
    ),
    "weights": (frame_of(TEXT, w=[1, 2.5, 3, 4]), {"weight_col": "w"}),
    "weights Int64": (
        frame_of(TEXT, w=pd.Series([1, 2, 3, 4], dtype="Int64")), {"weight_col": "w"}
    ),
    "weights text": (frame_of(TEXT, w=["1", "2", "3", "4"]), {"weight_col": "w"}),
    "weights object": (
        frame_of(TEXT, w=pd.Series([1, 2, 3, 4], dtype=object)), {"weight_col": "w"}
    ),
    "weights bool": (frame_of(TEXT, w=[True, False] * 2), {"weight_col": "w"}),
    "no x": (frame_of(TEXT), {"x_col": "file"}),
    "no y": (frame_of(TEXT), {"y_col": "label"}),
    "no y raw": (frame_of(TEXT), {"y_col": "label", "class_mode": "raw"}),
    "no y multi": (frame_of(TEXT), {"y_col": ["class", "q"], "class_mode": "multi_output"}),
    "y None": (frame_of(TEXT), {"y_col": None, "class_mode": None}),
    "y None input": (frame_of(TEXT), {"y_col": None, "class_mode": "input"}),
    "y None categorical": (frame_of(TEXT), {"y_col": None}),
    "no weights": (frame_of(TEXT), {"weight_col": "weight"}),
    "no rows": (frame_of(TEXT)[:0], {}),
    "no rows binary": (frame_of(TEXT)[:0], {"class_mode": "binary"}),
}  # fmt: skip


# Keras refuses these labels; see tests/scan/test_labels.py for what becomes of them.
TAKEN = ["y ints", "y ints sparse", "y bool category"]
LEFT_OUT = ["y nan", "y nan object", "y none object", "y NA"]


@pytest.mark.parametrize("case", TAKEN + LEFT_OUT)
def test_labels_that_keras_refuses(reference: ModuleType, case: str) -> None:
    frame, options = VERDICTS[case]
    with pytest.raises(TypeError):
        keras_flow(reference, frame, validate_filenames=False, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows, _, numbers = prepare(frame, validate_filenames=False, **options)
    assert len(rows) == len(numbers) == (4 if case in TAKEN else 3)
    assert ["no label" in str(one.message) for one in caught] == [True] * (case in LEFT_OUT)


@pytest.mark.parametrize("case", [case for case in VERDICTS if case not in TAKEN + LEFT_OUT])
def test_same_verdict_as_keras(reference: ModuleType, case: str) -> None:
    frame, options = VERDICTS[case]
    if options.get("x_col") == "n":
        frame = frame.assign(n=range(4))

    def verdict(function: Any) -> type | None:
        try:
            function()
        except (TypeError, ValueError, KeyError) as error:
            return type(error)
        return None

    expected = verdict(lambda: keras_flow(reference, frame, validate_filenames=False, **options))
    assert verdict(lambda: prepare(frame, validate_filenames=False, **options)) is expected


def test_both_verdicts_occur() -> None:
    """Guards the test above: a check that always or never raises would not pass it."""
    assert "fine" in VERDICTS
    prepare(VERDICTS["fine"][0], validate_filenames=False)
    with pytest.raises(TypeError, match="set"):
        prepare(VERDICTS["y sets"][0], validate_filenames=False)


def test_unused_classes_warn_as_in_keras(reference: ModuleType) -> None:
    frame = frame_of(TEXT)
    for mode in ("input", "raw", None):
        for flow in (functools.partial(keras_flow, reference), prepare):
            with pytest.warns(UserWarning, match="ignored"):
                flow(frame, class_mode=mode, classes=["a"], validate_filenames=False)


@pytest.mark.parametrize("argument", ["x_col", "y_col", "weight_col"])
def test_missing_column_lists_the_columns(argument: str) -> None:
    with pytest.raises(KeyError, match=rf"{argument}='label'.*\['filename', 'class'\]"):
        prepare(frame_of(TEXT), **{argument: "label"})


@pytest.mark.parametrize("table", ["train.csv", {"filename": []}, [["a.png", "a"]], None])
def test_no_dataframe(table: Any) -> None:
    with pytest.raises(TypeError, match=r"pandas\.DataFrame.*Received"):
        prepare(table)


def test_ambiguous_column() -> None:
    frame = pd.DataFrame([["a.png", "b.png", "a"]], columns=["filename", "filename", "class"])
    with pytest.raises(TypeError, match="several columns"):
        prepare(frame)


def test_missing_category_is_left_out_with_a_warning() -> None:
    # Keras fails in sorted(), comparing str and float.
    frame = frame_of(pd.Series(["b", None, "a", "b"], dtype="category"))
    with pytest.warns(UserWarning, match=r"1 row\(s\) have no label"):
        rows, names, numbers = prepare(frame, validate_filenames=False)
    assert rows["filename"].tolist() == ["0.png", "2.png", "3.png"]
    assert (names, numbers) == (["a", "b"], [1, 0, 1])


def test_classes_as_array_and_as_text() -> None:
    _, names, numbers = prepare(
        frame_of(TEXT), classes=np.array(["b", "a"]), validate_filenames=False
    )
    assert names == ["b", "a"]
    assert numbers == [1, 0, 1, 0]
    with pytest.raises(TypeError, match="list of class names"):
        prepare(frame_of(TEXT), classes="ab", validate_filenames=False)


def test_label_of_another_type_is_named() -> None:
    with pytest.raises(TypeError, match=r"number: row 1 has 3"):
        prepare(frame_of(["a", 3, ["b"], "b"]), classes=["a"], validate_filenames=False)


def test_arrow_strings(reference: ModuleType) -> None:
    pytest.importorskip("pyarrow")
    for dtype in ("string[pyarrow]", "large_string[pyarrow]"):
        frame = frame_of(pd.Series(TEXT)).astype(dtype)
        expected = keras_flow(reference, frame, validate_filenames=False)
        rows, names, numbers = prepare(frame, validate_filenames=False)
        assert rows["filename"].tolist() == expected.filenames
        assert numbers == expected.classes
        assert names == ["a", "b"]


def test_importing_the_module_loads_no_pandas() -> None:
    code = "import sys, augflow.scan.dataframe; sys.exit('pandas' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
