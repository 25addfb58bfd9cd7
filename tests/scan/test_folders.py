"""Class folders: the files, their order and their classes are Keras's."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from augflow.scan.folders import (
    check_directory,
    describe_empty,
    find_classes,
    list_flat,
    scan_classes,
)

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return pytest.importorskip("keras.src.legacy.preprocessing.image")


def make_files(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Names whose order depends on how paths are compared, and links of every kind."""
    root = tmp_path / "data"
    make_files(
        root,
        "10/1.png", "10/10.png", "10/2.png", "10/B.JPG", "10/a.jpeg", "10/notes.txt",
        "2/a/c/1.jpg", "2/a-b/2.jpg", "2/a/0.bmp", "2/z.ppm", "2/.hidden.png", "2/.d/1.png",
        "cats and dogs/ü.png", "cats and dogs/photojpg", "cats and dogs/jpg",
        "cats and dogs/x.tif", "cats and dogs/sub.png/inner.JPEG",
        "flat file.png",
    )  # fmt: skip
    (root / "empty").mkdir()
    outside = tmp_path / "outside"
    make_files(outside, "o1.png", "deeper/o2.png", "target.png")
    (root / "linked class").symlink_to(outside, target_is_directory=True)
    (root / "2" / "linked folder").symlink_to(outside, target_is_directory=True)
    (root / "2" / "linked.png").symlink_to(outside / "target.png")
    (root / "2" / "broken.png").symlink_to(outside / "nothing.png")
    (root / "broken class").symlink_to(tmp_path / "nowhere")
    return root


def keras_scan(reference: ModuleType, directory: Any, split: float = 0.0, **options: Any) -> Any:
    generator = reference.ImageDataGenerator(validation_split=split)
    return generator.flow_from_directory(directory, shuffle=False, **options)


@pytest.mark.parametrize("follow_links", [False, True])
@pytest.mark.parametrize(
    ("fraction", "subset"),
    [(0.0, None)] + [(f, s) for f in (0.25, 0.5, 0.7) for s in ("training", "validation")],
)
def test_same_files_and_classes_as_keras(
    reference: ModuleType, tree: Path, follow_links: bool, fraction: float, subset: str | None
) -> None:
    expected = keras_scan(reference, tree, fraction, subset=subset, follow_links=follow_links)
    split = {None: None, "validation": (0, fraction), "training": (fraction, 1)}[subset]

    classes = find_classes(tree)
    scan = scan_classes(tree, classes, FORMATS, split, follow_links)

    assert {name: number for number, name in enumerate(classes)} == expected.class_indices
    assert scan.filenames == expected.filenames
    assert scan.class_numbers.dtype == expected.classes.dtype == np.int32
    np.testing.assert_array_equal(scan.class_numbers, expected.classes)
    assert len(scan.filenames) > 3


@pytest.mark.parametrize(
    "classes",
    [["2", "10"], ["10"], ["."], [""], ["10", "2", "10"], ["missing", "2"], ("2", "empty")],
)
def test_given_classes_as_keras(reference: ModuleType, tree: Path, classes: Any) -> None:
    expected = keras_scan(reference, tree, classes=classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scan = scan_classes(tree, classes, FORMATS)
    assert scan.filenames == expected.filenames
    np.testing.assert_array_equal(scan.class_numbers, expected.classes)


def test_relative_directory_and_path_objects_as_keras(
    reference: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree.parent)
    for directory in ("data", "data/", "./data", Path("data")):
        expected = keras_scan(reference, directory)
        scan = scan_classes(directory, find_classes(directory), FORMATS)
        assert scan.filenames == expected.filenames, directory


def test_nested_class_paths_find_their_files(tree: Path) -> None:
    scan = scan_classes(tree, ["2/a", "10/"], FORMATS)
    assert scan.filenames[:2] == ["2/a/0.bmp", "2/a/c/1.jpg"]
    assert scan.filenames[2] == "10/1.png"
    assert all(os.path.exists(tree / name) for name in scan.filenames)
    assert scan.class_numbers.tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_missing_class_folder_is_named_and_empty(tree: Path) -> None:
    with pytest.warns(UserWarning, match="'kats' has no folder"):
        scan = scan_classes(tree, ["kats", "10"], FORMATS)
    assert set(scan.class_numbers.tolist()) == {1}


def test_tiff_warns_once_also_for_formats_that_are_left_out(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.tiff", "a/2.TIFF", "b/3.tiff")
    with pytest.warns(UserWarning, match=".tiff") as caught:
        scan = scan_classes(tmp_path, ["a", "b"], ("png",))
    assert len(caught) == 1
    assert scan.filenames == []
    with pytest.warns(UserWarning, match=".tiff"):
        list_flat(tmp_path / "a", FORMATS)


def test_no_warning_without_a_reason(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.tif", "b/2.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scan_classes(tmp_path, ["a", "b"], FORMATS, None, True).filenames


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    make_files(tmp_path, "class/1.png", "class/one/2.png", "class/two/3.png")
    (tmp_path / "class/self").symlink_to(tmp_path / "class")
    (tmp_path / "class/one/to_two").symlink_to(tmp_path / "class/two")
    (tmp_path / "class/two/to_one").symlink_to(tmp_path / "class/one")
    with pytest.warns(UserWarning, match="not followed"):
        scan = scan_classes(tmp_path, ["class"], FORMATS, None, True)
    assert scan.filenames == [
        "class/1.png",
        "class/one/2.png",
        "class/one/to_two/3.png",
        "class/two/3.png",
        "class/two/to_one/2.png",
    ]


def test_flat_folder(tree: Path) -> None:
    make_files(tree, "b.JPG", "a.png", "notes.txt")
    assert list_flat(tree, FORMATS) == ["a.png", "b.JPG", "flat file.png"]
    assert list_flat(tree, FORMATS, split=(0, 0.4)) == ["a.png"]
    assert list_flat(tree, FORMATS, split=(0.4, 1)) == ["b.JPG", "flat file.png"]
    assert list_flat(tree / "empty", FORMATS) == []


@pytest.mark.parametrize("read", [find_classes, check_directory])
def test_missing_directory_and_file(tree: Path, read: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing_here.*does not exist"):
        read(tree / "nothing_here")
    with pytest.raises(NotADirectoryError, match="not a directory"):
        read(tree / "flat file.png")
    for scan in (lambda path: scan_classes(path, ["a"], FORMATS), lambda p: list_flat(p, FORMATS)):
        with pytest.raises(FileNotFoundError):
            scan(tree / "nothing_here")


@pytest.mark.parametrize("classes", ["cats", [1, 2], [b"cats"]])
def test_classes_of_wrong_type(tree: Path, classes: Any) -> None:
    with pytest.raises(TypeError, match="classes"):
        scan_classes(tree, classes, FORMATS)


def test_description_of_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "is empty" in describe_empty(tmp_path / "empty", [], FORMATS)
    make_files(tmp_path, "flat/1.png", "flat/2.png", "texts/cats/a.txt")
    flat = describe_empty(tmp_path / "flat", [], FORMATS)
    assert "class_mode=None" in flat
    assert "'1.png'" in flat
    texts = describe_empty(tmp_path / "texts", ["cats"], FORMATS)
    assert "1 folder(s) ('cats')" in texts
    assert "class_mode=None" not in texts
    make_files(tmp_path, "texts/stray.png")
    both = describe_empty(tmp_path / "texts", ["cats"], FORMATS)
    assert "1 of them images" in both
    assert "class_mode=None" not in both


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder"
)
def test_unreadable_folder_is_named(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.png", "a/closed/2.png")
    (tmp_path / "a/closed").chmod(0)
    try:
        with pytest.warns(UserWarning, match="closed"):
            scan = scan_classes(tmp_path, ["a"], FORMATS)
    finally:
        (tmp_path / "a/closed").chmod(0o700)
    assert scan.filenames == ["a/1.png"]
