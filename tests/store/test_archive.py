"""Folders inside of tar and zip files, read in place: as if they were unpacked."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augflow
from augflow import ImageDataGenerator, ImageReadError
from augflow.scan.folders import find_classes, list_flat, scan_classes
from augflow.store.archive import Archive
from augflow.store.folder_tree import FolderTree
from augflow.store.open_folder import open_folder
from tests.companions.moving_world import write_pairs
from tests.flow_world import SIZE, signature, table_of, write_folder

SETTINGS: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 3}
KINDS = ["zip", "stored.zip", "tar", "inner.tar", "nested.tar"]


def pack(folder: Path, kind: str, place: Path) -> str:
    """An archive of a folder, and what a user types to read it."""
    path = place / f"packed.{kind}"
    if kind.endswith("zip"):
        method = zipfile.ZIP_STORED if kind.startswith("stored") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "w", method) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder))
    elif kind == "tar":
        with tarfile.open(path, "w") as tar:
            tar.add(folder, ".")
    elif kind == "inner.tar":
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(folder, "a folder/train")
        return f"{path}/a folder/train"
    else:
        # ImageNet's way: a tar of tars, one a class.
        with tarfile.open(path, "w") as tar:
            for each in sorted(folder.iterdir()):
                inner = io.BytesIO()
                with tarfile.open(fileobj=inner, mode="w") as of_class:
                    for file in sorted(each.iterdir(), reverse=True):
                        of_class.add(file, file.name)
                entry = tarfile.TarInfo(f"{each.name}.tar")
                entry.size = len(inner.getvalue())
                tar.addfile(entry, io.BytesIO(inner.getvalue()))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "files")


def generator(workers: int = 0, **more: Any) -> ImageDataGenerator:
    return ImageDataGenerator(rotation_range=20, horizontal_flip=True, workers=workers, **more)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_unpacked_folder(
    folder: Path, tmp_path: Path, kind: str, workers: int
) -> None:
    packed = pack(folder, kind, tmp_path)
    files = generator().flow_from_directory(folder, **SETTINGS)
    with generator(workers).flow_from_directory(packed, **SETTINGS) as flow:
        assert flow.filenames == files.filenames and flow.class_indices == files.class_indices
        assert flow.filepaths[0] == os.path.join(packed, files.filenames[0])
        for _ in range(2 * len(files)):
            assert signature(next(flow)) == signature(next(files))
        assert signature(flow[1]) == signature(files[1])
    by_table = generator(workers).flow_from_dataframe(table_of(folder), packed, **SETTINGS)
    with by_table:
        files = generator().flow_from_directory(folder, **SETTINGS)
        assert signature(next(by_table)) == signature(next(files))


def test_subsets_caches_and_other_ways_in(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, "zip", tmp_path)
    datagen = generator(validation_split=0.3)
    files = datagen.flow_from_directory(folder, subset="training", **SETTINGS)
    cache = str(tmp_path / "cache")
    for where in ("ram", cache, cache):
        flow = datagen.flow_from_directory(packed, subset="training", cache=where, **SETTINGS)
        for number in (0, 2, 1, 2):
            assert signature(flow[number]) == signature(files[number])
    info = flow.cache_info()
    assert info is not None and info.cached > 0
    assert augflow.scan_directory(packed).equals(augflow.scan_directory(folder))
    assert augflow.verify(packed, workers=0).empty


def test_masks_in_an_archive(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    images, masks = tmp_path / "images", tmp_path / "masks"
    settings: dict[str, Any] = {"class_mode": "mask", "target_size": (16, 16), "seed": 1}
    files = generator().flow_from_directory(images, mask_directory=masks, **settings)
    for place, folder in (("i", images), ("m", masks)):
        (tmp_path / place).mkdir()
        pack(folder, "zip", tmp_path / place)
    packed = [str(tmp_path / place / "packed.zip") for place in ("i", "m")]
    for workers in (0, 2):
        with generator(workers).flow_from_directory(
            packed[0], mask_directory=packed[1], **settings
        ) as flow:
            assert signature(flow[0]) == signature(files[0])


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_member_is_named(folder: Path, tmp_path: Path, kind: str, workers: int) -> None:
    packed = Path(pack(folder, kind, tmp_path))
    name = "cat/01.jpg"
    member = Archive(str(packed)).file(name)
    data = bytearray(packed.read_bytes())
    middle = member.offset + 200  # type: ignore[attr-defined]
    data[middle : middle + 40] = bytes(40)
    packed.write_bytes(data)
    settings = {**SETTINGS, "shuffle": False, "class_mode": None}
    with generator(workers).flow_from_directory(str(packed), **settings) as flow:
        if kind == "zip":
            with pytest.raises(ImageReadError, match=r"packed.zip/cat/01.jpg.*damaged|checksum"):
                next(flow)
        else:
            # A tar has no checksums: what is decoded is what stands there.
            next(flow)
    flow = generator(workers).flow_from_directory(str(packed), on_error="skip", **settings)
    with flow:
        expected = [str(packed / name)] if kind == "zip" else []
        next(flow)
        assert [*flow.bad_files] == expected


def test_an_archive_that_changes_is_noticed(folder: Path, tmp_path: Path) -> None:
    packed = Path(pack(folder, "tar", tmp_path))
    flow = generator().flow_from_directory(str(packed), **SETTINGS)
    packed.write_bytes(packed.read_bytes()[:-10240])
    with pytest.raises(ImageReadError, match="is not what it was when the flow was made"):
        next(flow)


def test_what_cannot_be_read_in_place_is_refused(folder: Path, tmp_path: Path) -> None:
    squeezed = shutil.make_archive(str(tmp_path / "a"), "gztar", folder)
    with pytest.raises(ValueError, match=r"compressed as a whole.*gunzip"):
        generator().flow_from_directory(squeezed)
    other = tmp_path / "b.zip"
    with zipfile.ZipFile(other, "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(folder / "cat" / "01.jpg", "cat/01.jpg")
    with pytest.raises(ValueError, match=r"'cat/01.jpg' in .*b.zip' is compressed by method 12"):
        generator().flow_from_directory(other)
    packed = pack(folder, "zip", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no files in a folder 'dog'.*'cat', 'flower'"):
        generator().flow_from_directory(f"{packed}/dog")
    plain = tmp_path / "plain.txt"
    plain.write_text("no archive")
    with pytest.raises(NotADirectoryError):
        generator().flow_from_directory(plain)
    flow = generator().flow_from_dataframe(
        table_of(folder).assign(filename="cat/nobody.jpg"),
        packed,
        validate_filenames=False,
        **SETTINGS,
    )
    with pytest.raises(FileNotFoundError, match=r"no such file in the archive.*cat/nobody.jpg"):
        next(flow)
    with pytest.raises(ValueError, match="none of the 19 row"), pytest.warns(UserWarning):
        generator().flow_from_dataframe(table_of(folder), f"{packed}/cat", **SETTINGS)


def test_links_within_a_tar(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "links"
    shutil.copytree(folder, place)
    os.link(place / "cat" / "01.jpg", place / "cat" / "z hard.jpg")
    os.symlink("01.jpg", place / "cat" / "z symbolic.jpg")
    packed = pack(place, "tar", tmp_path)
    with pytest.warns(UserWarning, match="1 symbolic links in the archive .* not followed"):
        archive = open_folder(packed)
    assert archive is not None and "cat/z symbolic.jpg" not in archive
    for name in ("cat/01.jpg", "cat/z hard.jpg"):
        assert archive.file(name).read() == (place / name).read_bytes()


def test_nothing_stays_open(folder: Path, tmp_path: Path) -> None:
    from augflow.store import archive

    packed = pack(folder, "tar", tmp_path)
    next(generator().flow_from_directory(packed, **SETTINGS))
    archive._opened.cache_clear()
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    assert packed not in [os.readlink(link) for link in links if os.path.islink(link)]


NAMES = st.text("ab-.é", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@settings(max_examples=40, deadline=None)
@given(st.sets(PATHS, max_size=12))
def test_a_tree_lists_what_folders_list(names: set[str]) -> None:
    import tempfile

    # A name cannot be both a file and a folder.
    files = sorted(one for one in names if not any(other.startswith(f"{one}/") for other in names))
    with tempfile.TemporaryDirectory() as top:
        for name in files:
            os.makedirs(os.path.join(top, os.path.dirname(name)), exist_ok=True)
            Path(top, name).touch()
        with zipfile.ZipFile(os.path.join(top, "packed"), "w") as archive:
            for name in files:
                archive.write(os.path.join(top, name), name)
        packed = Archive(os.path.join(top, "packed"))
        classes = find_classes(top)
        assert find_classes(packed) == classes
        there, here = (scan_classes(each, classes, ("",)) for each in (packed, top))
        assert there.filenames == here.filenames
        assert np.array_equal(there.class_numbers, here.class_numbers)
        assert list_flat(packed, ("",)) == [one for one in list_flat(top, ("",)) if one != "packed"]


def test_a_tree_of_empty_folders() -> None:
    tree = FolderTree(["a/b/1.jpg"], ["c/d", "a"])
    assert tree.read("") == ([], ["a", "c"]) and tree.read("c/d") == ([], [])
    assert tree.has("c/d") and not tree.has("d") and tree.has_file("a/b", "1.jpg")
