"""``augflow.scan_directory``: the files of ``flow_from_directory`` as a table, and its splits."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augflow
from augflow import ImageDataGenerator
from tests.flow_world import CLASSES, SAMPLES, signature, take, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("scan") / "images")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Names in an order that depends on how they are compared, links, and other files."""
    root = tmp_path / "tree"
    names = [
        "10/1.png", "10/10.png", "10/2.PNG", "2/a/c/1.jpg", "2/a-b/2.jpg", "2/notes.txt",
        "2/z.ppm", "1/ü.jpeg", "flat.png",
    ]  # fmt: skip
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "empty").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "o.png").touch()
    (root / "1" / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    return root


OPTIONS: list[dict[str, Any]] = [
    {},
    {"follow_links": True},
    {"classes": ["2", "1"]},
    {"classes": []},
    {"class_order": "natural"},
    {"classes": ["2/a", "10"]},
    {"formats": [".txt"]},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_files_of_the_flow(tree: Path, options: dict[str, Any]) -> None:
    for directory in (tree, str(tree), os.path.relpath(tree)):
        table = augflow.scan_directory(directory, **options)
        flow = ImageDataGenerator(workers=0).flow_from_directory(directory, **options)
        assert list(table.columns) == ["filename", "class"]
        assert table["filename"].tolist() == flow.filenames
        names = list(flow.class_indices)
        assert table["class"].tolist() == [names[number] for number in flow.classes]
        assert table.index.tolist() == list(range(len(table)))


def test_the_order_of_classes(tree: Path) -> None:
    for class_order, wanted in (("text", ["1", "10", "2"]), ("natural", ["1", "2", "10"])):
        table = augflow.scan_directory(tree, class_order=class_order)
        assert table["class"].unique().tolist() == wanted


def test_the_table_flows_as_the_directory_does(folder: Path) -> None:
    generator = ImageDataGenerator(rotation_range=30, workers=0)
    reading = {"target_size": (7, 6), "batch_size": 4, "seed": 1}
    flow = generator.flow_from_dataframe(augflow.scan_directory(folder), folder, **reading)
    wanted = generator.flow_from_directory(folder, **reading)
    assert flow.class_indices == wanted.class_indices
    for _ in range(len(wanted) + 1):
        assert signature(next(flow)) == signature(next(wanted))


def test_it_is_a_function_whatever_is_imported() -> None:
    """A submodule of the same name would take its place when somebody imports it."""
    package = Path(augflow.__file__).parent
    assert not (package / "scan_directory.py").exists()
    assert callable(augflow.scan_directory) and "scan_directory" in dir(augflow)


def test_what_is_no_folder_of_classes(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        augflow.scan_directory(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"flat\.png"):
        augflow.scan_directory(tree / "flat.png")
    with pytest.raises(ValueError, match=r"no images .*empty': the directory is empty"):
        augflow.scan_directory(tree / "empty")
    with pytest.raises(ValueError, match=r"3 of them images"):
        augflow.scan_directory(tree / "10")
    with pytest.raises(TypeError, match="list of folder names"):
        augflow.scan_directory(tree, classes="10")
    with pytest.raises(TypeError, match="formats"):
        augflow.scan_directory(tree, formats="txt")
    with pytest.raises(ValueError, match="`class_order` must be"):
        augflow.scan_directory(tree, class_order="numbers")


# Splits of scikit-learn: the recipes of docs/splits.md.

READING: dict[str, Any] = {"target_size": (4, 4), "batch_size": 4, "shuffle": False}


def test_stratified_split(folder: Path) -> None:
    split = pytest.importorskip("sklearn.model_selection").train_test_split
    table = augflow.scan_directory(folder)
    classes = table["class"].unique().tolist()
    training, rest = split(table, test_size=0.4, stratify=table["class"], random_state=0)
    validation, testing = split(rest, test_size=0.5, stratify=rest["class"], random_state=0)
    seen: list[str] = []
    for part in (training, validation, testing):
        flow = ImageDataGenerator(workers=0).flow_from_dataframe(
            part, folder, classes=classes, **READING
        )
        assert flow.class_indices == {"cat": 0, "flower": 1}
        for name, number in flow.class_indices.items():
            expected = flow.samples * CLASSES[name][1] / SAMPLES
            assert flow.classes.count(number) == pytest.approx(expected, abs=1)
        assert part.loc[flow.dataframe_index, "filename"].tolist() == flow.filenames
        seen += flow.filenames
    assert sorted(seen) == sorted(table["filename"])


def test_folds_have_the_same_classes(folder: Path) -> None:
    """Also where a fold lacks a class, which then keeps its number and its column."""
    folds = pytest.importorskip("sklearn.model_selection").GroupKFold
    table = augflow.scan_directory(folder)
    table["group"] = [0 if name == "cat" else 1 + n % 3 for n, name in enumerate(table["class"])]
    classes = table["class"].unique().tolist()
    seen: Counter[str] = Counter()
    for rows, others in folds(n_splits=4).split(table, groups=table["group"]):
        assert not set(table.iloc[rows]["group"]) & set(table.iloc[others]["group"])
        for part in (rows, others):
            flow = ImageDataGenerator(workers=0).flow_from_dataframe(
                table.iloc[part], folder, classes=classes, **READING
            )
            assert flow.class_indices == {"cat": 0, "flower": 1}
            targets = np.concatenate([labels for _, labels in take(flow, len(flow))])
            wanted = [[name == "cat", name != "cat"] for name in table.iloc[part]["class"]]
            np.testing.assert_array_equal(targets, wanted)
        seen.update(flow.filenames)
    assert dict(seen) == dict.fromkeys(table["filename"], 1)
