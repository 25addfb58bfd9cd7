"""Files at addresses: the same batches as from a folder, whatever the server does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import augflow
from augflow import ImageDataGenerator, ImageReadError
from augflow.store import remote
from augflow.store.remote import RemoteFile, is_address, plain_address
from tests.companions.moving_world import write_pairs
from tests.flow_world import SIZE, signature, signatures, table_of, take, write_folder
from tests.store.server import Misfortune, serving

fsspec = pytest.importorskip("fsspec", reason="the extra `store` brings fsspec")
pytest.importorskip("aiohttp", reason="the extra `store` brings aiohttp")

SETTINGS: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 3}
SECRET = "c3cret-of-a-user"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "files")


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[str, Misfortune]]:
    with serving(folder) as (address, misfortune):
        yield address, misfortune


def generator(workers: int = 0, **more: Any) -> ImageDataGenerator:
    return ImageDataGenerator(rotation_range=20, horizontal_flip=True, workers=workers, **more)


def expected(folder: Path, count: int = 10) -> list[Any]:
    return signatures(take(generator().flow_from_directory(folder, **SETTINGS), count))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_folder(
    folder: Path, server: tuple[str, Misfortune], workers: int
) -> None:
    address, _ = server
    # The server's pages list its folders.
    with generator(workers).flow_from_directory(address, **SETTINGS) as flow:
        assert flow.class_indices == {"cat": 0, "flower": 1}
        assert flow.filepaths[0] == f"{address}/cat/00.png"
        assert signatures(take(flow, 10)) == expected(folder)
    table = table_of(folder)
    with generator(workers).flow_from_dataframe(table, address, **SETTINGS) as flow:
        assert signatures(take(flow, 5)) == expected(folder, 5)
    addresses = table.assign(filename=[f"{address}/{name}?a=b" for name in table["filename"]])
    with generator(workers).flow_from_dataframe(addresses, folder, **SETTINGS) as flow:
        assert signatures(take(flow, 5)) == expected(folder, 5)


def test_masks_at_an_address(tmp_path: Path) -> None:
    table = write_pairs(tmp_path)
    settings: dict[str, Any] = {"class_mode": "mask", "target_size": (16, 16), "seed": 1}
    files = generator().flow_from_directory(
        tmp_path / "images", mask_directory=tmp_path / "masks", **settings
    )
    first = signature(next(files))
    with serving(tmp_path) as (address, misfortune):
        flow = generator().flow_from_directory(
            tmp_path / "images", mask_directory=f"{address}/masks", **settings
        )
        assert signature(next(flow)) == first
        flow = generator().flow_from_dataframe(table, address, y_col="mask", **settings)
        misfortune.asked.clear()
        batch = next(flow)
        # Each is read once, though masks ask for the size of the image's file, too.
        assert set(misfortune.asked.values()) == {1} and len(misfortune.asked) == 2 * len(batch[0])
        assert signature(batch) == first


@pytest.mark.parametrize("workers", [0, 2])
def test_an_object_that_cannot_be_read_is_named(
    folder: Path, server: tuple[str, Misfortune], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PAUSES", (0.01,))
    address, misfortune = server
    table = table_of(folder)
    table.loc[1, "filename"] = "cat/nobody.jpg"
    settings = {**SETTINGS, "shuffle": False}
    with (
        generator(workers).flow_from_dataframe(table, address, **settings) as flow,
        pytest.raises(ImageReadError, match=rf"'{address}/cat/nobody.jpg': .*no such object"),
    ):
        next(flow)
    if workers:
        return
    misfortune.cut.add("/cat/02.jpg")
    flow = generator().flow_from_dataframe(table, address, on_error="skip", **settings)
    assert len(next(flow)[0]) == 2
    assert [*flow.bad_files] == [f"{address}/cat/nobody.jpg", f"{address}/cat/02.jpg"]
    assert "ClientPayloadError" in flow.bad_files[f"{address}/cat/02.jpg"]
    # Of the flow before, each once, and 02.jpg is tried again.
    assert misfortune.asked["/cat/nobody.jpg"] == 2 and misfortune.asked["/cat/02.jpg"] == 3
    wrong = augflow.verify(flow, workers=0)
    assert wrong["filename"].tolist() == ["cat/nobody.jpg", "cat/02.jpg"]
    listed = [f"{address}/cat/01.jpg", f"{address}/cat/02.jpg"]
    assert augflow.verify(listed, workers=0)["filename"].tolist() == listed[1:]


def test_a_cache_makes_the_second_epoch_local(
    folder: Path, server: tuple[str, Misfortune], tmp_path: Path
) -> None:
    address, misfortune = server
    settings = {**SETTINGS, "cache": str(tmp_path / "cache")}
    flow = generator().flow_from_directory(address, **settings)
    first = signatures(take(flow, 5))
    misfortune.asked.clear()
    second = signatures(take(flow, 5))
    assert not misfortune.asked
    assert first + second == expected(folder)
    again = generator().flow_from_directory(address, **settings)
    assert signatures(take(again, 5)) == first
    assert not [path for path in misfortune.asked if path.endswith(("jpg", "png"))]


def test_memory_is_read_in_this_process(folder: Path) -> None:
    system = fsspec.filesystem("memory")
    system.put(str(folder), "/train", recursive=True)
    try:
        with generator(2).flow_from_directory("memory://train", **SETTINGS) as flow:
            assert signatures(take(flow, 5)) == expected(folder, 5)
        table = table_of(folder)
        table.loc[2, "filename"] = "cat/nobody.jpg"
        with pytest.warns(UserWarning, match=r"1 invalid image.*'cat/nobody.jpg'"):
            generator().flow_from_dataframe(table, "memory://train", **SETTINGS)
        with pytest.raises(FileNotFoundError, match="no files were found below 'memory://nobody'"):
            generator().flow_from_directory("memory://nobody", **SETTINGS)
    finally:
        system.rm("/train", recursive=True)


@pytest.mark.parametrize("place", ["options", "user", "query"])
def test_what_is_secret_stays_secret(
    folder: Path,
    server: tuple[str, Misfortune],
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "_PAUSES", ())
    address, misfortune = server
    misfortune.authorization = "Bearer of nothing"
    options: dict[str, Any] = {}
    table = table_of(folder)
    if place == "options":
        options = {"headers": {"Authorization": SECRET}}
    elif place == "user":
        address = address.replace("://", f"://someone:{SECRET}@")
    else:
        table["filename"] = [f"{address}/{name}?signature={SECRET}" for name in table["filename"]]
    flow = generator().flow_from_dataframe(
        table, address, storage_options=options, cache=str(tmp_path), **SETTINGS
    )
    with pytest.raises(ImageReadError, match="403") as caught:
        next(flow)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(flow.cache_info()) + repr(RemoteFile(address, options))
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    misfortune.authorization = SECRET if place == "options" else None
    assert len(next(flow)[0]) == 4


@pytest.mark.parametrize("options", [["anon"], "anon", {1: 2}])
def test_options_are_a_dict(options: Any) -> None:
    with pytest.raises(TypeError, match="`storage_options` must be a dict"):
        generator().flow_from_directory("s3://bucket", storage_options=options)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ImportError, match=r"'gs://nobody/here' needs a package.*gcsfs"):
        generator().flow_from_directory("gs://nobody/here")


def test_addresses() -> None:
    assert is_address("s3://bucket/a") and is_address("https://a.b/c")
    assert not is_address("/a/b") and not is_address("a://b"[1:]) and not is_address(Path("s3://b"))
    assert plain_address("https://me:pw@host/a.jpg?x=y@z") == "https://host/a.jpg"
    assert plain_address("s3://bucket/a@b.jpg") == "s3://bucket/a@b.jpg"


def test_local_files_need_no_fsspec(folder: Path) -> None:
    script = (
        "import sys, augflow\n"
        "flow = augflow.ImageDataGenerator(workers=0).flow_from_directory("
        f"{str(folder)!r}, target_size=(8, 8))\n"
        "next(flow)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('fsspec', 'aiohttp')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("workers", [0, 2])
def test_a_server_that_fails_now_and_then(
    folder: Path, server: tuple[str, Misfortune], workers: int
) -> None:
    address, misfortune = server
    misfortune.fails_every = 10
    with generator(workers).flow_from_dataframe(table_of(folder), address, **SETTINGS) as flow:
        assert signatures(take(flow, 20)) == expected(folder, 20)


@pytest.mark.heavy
def test_a_server_that_hangs(
    folder: Path, server: tuple[str, Misfortune], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(remote, "_PAUSES", (0.1, 0.1))
    address, misfortune = server
    misfortune.hangs = {"/cat/01.jpg": 1, "/cat/02.jpg": 99}
    settings = {**SETTINGS, "shuffle": False}
    flow = generator().flow_from_dataframe(table_of(folder), address, on_error="skip", **settings)
    assert len(next(flow)[0]) == 3
    assert flow.bad_files == {f"{address}/cat/02.jpg": "no answer within 0.5 s"}


@pytest.mark.heavy
def test_latency_is_hidden(folder: Path, tmp_path: Path) -> None:
    """Not the bound of docs/stores.md, which asks for a quiet machine: far from one by one."""
    names = [name for name in table_of(folder)["filename"] for _ in range(30)]
    table = pd.DataFrame({"filename": names, "class": "a"})
    with serving(folder) as (address, misfortune):
        misfortune.delay = 0.05
        settings = {**SETTINGS, "batch_size": 32}
        with generator(2).flow_from_dataframe(table, address, **settings) as flow:
            take(flow, 4)
            begin = time.perf_counter()
            take(flow, 13)
            seconds = time.perf_counter() - begin
    assert seconds < 13 * 32 * 0.05 / 2 / 3


@pytest.fixture(scope="module")
def bucket(folder: Path) -> Iterator[dict[str, Any]]:
    """The images in a bucket of a server that speaks S3."""
    pytest.importorskip("s3fs", reason="the extra `store` brings s3fs")
    pytest.importorskip("moto.server", reason='pip install "moto[server]"')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    options = {
        "key": "an access key",
        "secret": SECRET,
        "endpoint_url": f"http://127.0.0.1:{port}",
        "client_kwargs": {"region_name": "eu-west-1"},
    }
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        system = fsspec.filesystem("s3", **options)
        system.mkdir("photos")
        system.put(str(folder), "photos/train", recursive=True)
        yield options
    finally:
        process.kill()
        process.wait()


@pytest.mark.heavy
@pytest.mark.parametrize("workers", [0, 2])
def test_a_bucket_of_s3(folder: Path, bucket: dict[str, Any], tmp_path: Path, workers: int) -> None:
    settings = {**SETTINGS, "storage_options": bucket, "cache": str(tmp_path / "cache")}
    with generator(workers).flow_from_directory("s3://photos/train", **settings) as flow:
        assert signatures(take(flow, 10)) == expected(folder)
    table = table_of(folder)
    table["filename"] = "s3://photos/train/" + table["filename"]
    with generator(workers).flow_from_dataframe(table, **settings) as flow:
        assert signatures(take(flow, 5)) == expected(folder, 5)
    table.loc[0, "filename"] = "s3://photos/train/nobody.jpg"
    settings["cache"] = None
    flow = generator(workers).flow_from_dataframe(table, shuffle=False, **settings)
    with flow, pytest.raises(ImageReadError, match=r"s3://photos/train/nobody.jpg"):
        next(flow)
    wrong = {**settings, "storage_options": {**bucket, "endpoint_url": "http://127.0.0.1:9"}}
    if not workers:
        with pytest.raises(OSError, match="cannot list 's3://photos/train'") as caught:
            generator().flow_from_directory("s3://photos/train", **wrong)
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    for file in Path(os.fspath(tmp_path)).rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
