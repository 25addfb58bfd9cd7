"""Named pipes, sockets and devices among a user's files: bad files at once, and no endless wait."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow import (
    CsvReadError,
    ImageDataGenerator,
    ImageReadError,
    flow_from_csv,
)
from augflow.base.regular_file import NotRegularFileError, open_regular, read_regular, regular_file
from augflow.base.settings import ReadSettings
from augflow.companions.masks import read_mask
from augflow.csv import index as csv_index
from augflow.csv import row_order as csv_order
from augflow.read.image_file import read_image
from augflow.read.image_size import image_size
from augflow.read.load_and_save import load_img
from tests.companions.moving_world import write_pairs
from tests.flow_world import SAMPLES, SIZE, table_of, take, write_folder

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX files"),
    # What is tested is that nothing is waited for.
    pytest.mark.timeout(60),
]

EPOCH = 5  # batches of 4
# Rows of the table, which are the positions of the files in a flow's list.
PIPE, SOCKET, DEVICE = 1, 9, 13
CAUSES = {
    PIPE: "it is a named pipe, not a regular file",
    SOCKET: "it is a socket, not a regular file",
    DEVICE: "it is a character device, not a regular file",
}
WORKERS = [0, 2]


def make_socket(place: Path) -> None:
    # The path of a socket may only be short.
    with socket.socket(socket.AF_UNIX) as one, tempfile.TemporaryDirectory(dir="/tmp") as short:
        one.bind(f"{short}/s")
        shutil.move(f"{short}/s", place)


MAKERS: dict[int, Callable[[Path], Any]] = {
    PIPE: os.mkfifo,
    SOCKET: make_socket,
    DEVICE: lambda place: place.symlink_to("/dev/zero"),
}
each_kind = pytest.mark.parametrize("kind", MAKERS, ids=["pipe", "socket", "device"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images, and in the place of three of them what is no file."""
    folder = write_folder(tmp_path / "photos")
    for row, name in names_of(folder).items():
        (folder / name).unlink()
        MAKERS[row](folder / name)
    return folder


def names_of(folder: Path) -> dict[int, str]:
    names = table_of(folder)["filename"]
    return {row: names[row] for row in MAKERS}


def make_flow(folder: Path, workers: int = 0, **options: Any) -> Any:
    settings = {"target_size": SIZE, "batch_size": 4, "seed": 3, "class_mode": "sparse"}
    generator = ImageDataGenerator(rotation_range=20, workers=workers)
    return generator.flow_from_directory(folder, **(settings | options))


# One file


@each_kind
@pytest.mark.timeout(20)
def test_what_is_no_file_is_said_of_each(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "one.jpg"
    MAKERS[kind](path)
    read = ReadSettings(target_size=SIZE)
    readers: list[Callable[[], Any]] = [
        lambda: read_image(str(path), read),
        lambda: read_mask(path),
        lambda: image_size(str(path), read),
        lambda: image_size(str(path), ReadSettings(target_size=SIZE, exif=True)),
        lambda: load_img(path),
        lambda: load_img(str(path)),
        lambda: load_img(os.fsencode(path)),
    ]
    for number, reader in enumerate(readers):
        with pytest.raises(ImageReadError) as caught:
            reader()
        error = caught.value
        assert (error.path, error.cause) == (str(path), CAUSES[kind]), number
        assert isinstance(error.__cause__, NotRegularFileError)
    for opener in (open_regular, read_regular, regular_file):
        with pytest.raises(NotRegularFileError, match=r"one\.jpg"):
            opener(path)


def test_nothing_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    before = len(os.listdir("/proc/self/fd"))
    for opener in (open_regular, read_regular, regular_file):
        for path in (tmp_path / "pipe", tmp_path):
            with pytest.raises(OSError):
                opener(path)
    read_regular(tmp_path / "file")
    assert len(os.listdir("/proc/self/fd")) == before


def test_directories_missing_and_forbidden_files_keep_their_errors(tmp_path: Path) -> None:
    read = ReadSettings(target_size=SIZE)
    for reader in (lambda path: read_image(path, read), read_mask, load_img):
        with pytest.raises(IsADirectoryError) as caught:
            reader(str(tmp_path))
        assert (caught.value.errno, caught.value.filename) == (errno.EISDIR, str(tmp_path))
        with pytest.raises(FileNotFoundError) as missing:
            reader(str(tmp_path / "gone"))
        assert missing.value.filename == str(tmp_path / "gone")
    # A number is a path of nobody's, and no file that is open already.
    for reader in (read_regular, regular_file, read_mask):
        with pytest.raises(TypeError, match="not int"):
            reader(0)


def test_files_and_links_to_them_are_read_whole(tmp_path: Path) -> None:
    for size in (0, 1, 25_000, 300_000):
        content = os.urandom(size)
        (tmp_path / "file").write_bytes(content)
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to("file")
        for path in (tmp_path / "file", str(tmp_path / "link"), os.fsencode(tmp_path / "link")):
            assert read_regular(path) == content
            with regular_file(path) as file:
                assert file.read() == content
    # It says that it is empty, and is not.
    assert b"Name:" in read_regular("/proc/self/status")


def test_a_file_that_is_given_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(1000)
    (tmp_path / "file").write_bytes(content)
    original = os.read
    with monkeypatch.context() as patch:
        patch.setattr(os, "read", lambda descriptor, count: original(descriptor, min(count, 300)))
        assert read_regular(tmp_path / "file") == content


def test_objects_stay_as_they_are(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos")
    path = folder / table_of(folder)["filename"][2]
    assert load_img(io.BytesIO(path.read_bytes())).size == load_img(path).size


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="leases are Linux's")
def test_a_file_under_lease_is_waited_for(tmp_path: Path) -> None:
    """File servers hold leases, and give them back when they are asked."""
    path = tmp_path / "leased.jpg"
    path.write_bytes(b"content")
    script = """
import fcntl, os, signal, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR)
def give_back(*_):
    time.sleep(0.3)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
signal.signal(signal.SIGIO, give_back)
fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
while True:
    time.sleep(0.05)
"""
    holder = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"leased\n":
            pytest.skip("this file system has no leases")
        begin = time.monotonic()
        assert read_regular(path) == b"content"
        assert 0.2 < time.monotonic() - begin < 10
    finally:
        holder.kill()
        holder.communicate()


# Flows of images


@pytest.mark.parametrize("workers", WORKERS)
@each_kind
def test_a_flow_names_it(tmp_path: Path, workers: int, kind: int) -> None:
    folder = write_folder(tmp_path / "photos")
    name = folder / table_of(folder)["filename"][kind]
    name.unlink()
    MAKERS[kind](name)
    with (
        make_flow(folder, workers) as flow,
        pytest.raises(ImageReadError, match="not a regular file") as caught,
    ):
        take(flow, EPOCH)
    assert (caught.value.path, caught.value.cause) == (str(name), CAUSES[kind])


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("where", [None, "ram", "directory"])
def test_a_flow_leaves_it_out(
    folder: Path, tmp_path: Path, workers: int, where: str | None
) -> None:
    cache = tmp_path / "cache" if where == "directory" else where
    with make_flow(folder, workers, on_error="skip", cache=cache) as flow:
        with pytest.warns(UserWarning, match=r"3 file\(s\) could not be read"):
            batches = take(flow, 2 * EPOCH)
        assert sum(len(labels) for _, labels in batches) == 2 * (SAMPLES - len(CAUSES))
        expected = {str(folder / name): CAUSES[row] for row, name in names_of(folder).items()}
        assert flow.bad_files == expected
        if cache is not None:
            assert flow.cache_info().cached == SAMPLES - len(CAUSES)


def test_a_cache_changes_no_error(folder: Path, tmp_path: Path) -> None:
    for cache in ("ram", tmp_path / "cache"):
        with (
            make_flow(folder, cache=cache, shuffle=False) as flow,
            pytest.raises(ImageReadError) as caught,
        ):
            next(flow)
        assert caught.value.cause == CAUSES[PIPE]


@pytest.mark.parametrize("workers", WORKERS)
def test_verify_lists_it(folder: Path, workers: int) -> None:
    names = names_of(folder)
    with make_flow(folder) as flow:
        for given in (flow, folder, [folder / name for name in names.values()]):
            found = augflow.verify(given, workers=workers)
            assert [str(name) for name in found["filename"]] == [
                str(folder / name) if isinstance(given, list) else name for name in names.values()
            ]
            assert found["reason"].tolist() == list(CAUSES.values())


@pytest.mark.parametrize("workers", WORKERS)
def test_a_first_file_that_tells_what_the_others_are(tmp_path: Path, workers: int) -> None:
    folder = write_folder(tmp_path / "photos")
    first = folder / table_of(folder)["filename"][0]
    first.unlink()
    os.mkfifo(first)
    settings = {"color_mode": "unchanged", "shuffle": False}
    with pytest.raises(ImageReadError, match="named pipe"):
        make_flow(folder, workers, **settings)
    with make_flow(folder, workers, on_error="skip", **settings) as flow:
        images, _ = next(flow)
        assert images.shape == (3, *SIZE, 3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flow.close()


# Functions of the user's


def make_loader(calls: Path) -> Callable[[str], np.ndarray]:
    # Made by a function, so that it travels to the workers by value.
    def load(path: str) -> np.ndarray:
        import numpy

        with open(calls, "a") as log:
            log.write(f"{path}\n")
        with open(path, "rb") as file:
            file.read()
        return numpy.zeros((30, 30, 3), numpy.uint8)

    return load


@pytest.mark.parametrize("workers", WORKERS)
def test_a_loader_is_not_called_for_it(folder: Path, tmp_path: Path, workers: int) -> None:
    calls = tmp_path / "calls"
    options = {"formats": {"": make_loader(calls)}, "on_error": "skip"}
    with make_flow(folder, workers, **options) as flow:
        with pytest.warns(UserWarning, match=r"3 file\(s\) could not be read"):
            take(flow, EPOCH)
        assert sorted(flow.bad_files.values()) == sorted(CAUSES.values())
        found = augflow.verify(flow, workers=workers)
    assert found["reason"].tolist() == list(CAUSES.values())
    called = set(calls.read_text().splitlines())
    assert len(called) == SAMPLES - len(CAUSES)
    assert not called & {str(folder / name) for name in names_of(folder).values()}


def test_a_loader_may_read_directories_and_what_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    seen = []

    def load(path: str) -> np.ndarray:
        seen.append(path)
        return np.zeros((4, 4, 3), np.uint8)

    names = [str(tmp_path / "scan"), str(tmp_path / "archive.zip" / "inner"), "a\0b"]
    table = pd.DataFrame({"filename": names})
    flow = ImageDataGenerator(workers=0).flow_from_dataframe(
        table, None, class_mode=None, formats={"": load}, validate_filenames=False, shuffle=False
    )
    next(flow)
    assert seen == names


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("loader", [False, True])
def test_masks(tmp_path: Path, workers: int, loader: bool) -> None:
    write_pairs(tmp_path)
    place = tmp_path / "masks" / "01.png"
    place.unlink()
    os.mkfifo(place)
    generator = ImageDataGenerator(workers=workers)
    calls = tmp_path / "calls"
    settings: Any = {
        "mask_directory": tmp_path / "masks",
        "target_size": (24, 28),
        "color_mode": "grayscale",
        "batch_size": 4,
        "shuffle": False,
    }
    if loader:
        load = make_loader(calls)
        settings["mask_loader"] = lambda path: read_mask(path) if load(path) is not None else None
    with (
        generator.flow_from_directory(tmp_path / "images", **settings) as flow,
        pytest.raises(ImageReadError, match=r"mask .*01\.png.*it is a named pipe"),
    ):
        next(flow)
    with generator.flow_from_directory(
        tmp_path / "images", on_error="skip", **settings
    ) as skipping:
        images, masks = next(skipping)
        assert len(images) == len(masks) == 3
        found = augflow.verify(skipping, workers=workers)
        assert [Path(name).name for name in found["filename"]] == ["01.png"]
        assert f"{place}" in found["reason"][0] and "a named pipe" in found["reason"][0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            skipping.close()
    assert not loader or str(place) not in calls.read_text()


# Tables


@each_kind
@pytest.mark.timeout(20)
def test_a_csv_file(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "data.csv"
    MAKERS[kind](path)
    with pytest.raises(CsvReadError, match=r"data\.csv: " + CAUSES[kind]) as caught:
        flow_from_csv(path, "a")
    assert caught.value.path == str(path)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_csv_file_whose_place_is_taken(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that a small file has many groups of blocks, and they are read one after the other.
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_order, "_GROUP_BYTES", 1000)
    monkeypatch.setattr(csv_order, "_FEWEST_BLOCKS_A_GROUP", 2)
    path = tmp_path / "data.csv"
    path.write_text("a\n" + "".join(f"{row}\n" for row in range(3000)))
    with flow_from_csv(path, "a", batch_size=300, workers=workers) as flow:
        next(flow)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(CsvReadError, match=r"data\.csv: it is a named pipe"):
            take(flow, 2 * len(flow))
