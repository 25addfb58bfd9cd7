"""A cache directory that somebody else has prepared, or that cannot be written to.

What lies outside of it stays as it is, nothing is waited for, and what can be read is read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from augflow import ImageDataGenerator
from augflow.cache import folder as cache_folder
from augflow.cache import slots as slot_store
from augflow.cache.files import UnsafeFileError, make_cache_file
from augflow.cache.folder import CacheFolder
from tests.flow_world import SAMPLES, SIZE, signatures, table_of, take, write_folder

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX files"),
    # What is tested is, above all, that nothing is waited for.
    pytest.mark.timeout(60),
]

NAMES = ["lock", "paths", "headers", "pixels"]
EPOCH = 4  # batches of 5
STRANGER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm"]
    return subprocess.run(probe, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not can_unshare(), reason="mounting is not permitted here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "images")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that caches of this process have decoded."""
    seen: list[str] = []

    def counting(path: str, settings: Any, *others: Any) -> Any:
        seen.append(path)
        return original(path, settings)

    original = slot_store.read_image
    monkeypatch.setattr(slot_store, "read_image", counting)
    return seen


def flow(folder: Path, cache: Any = None, workers: int = 0, **settings: Any) -> Any:
    settings = {"target_size": SIZE, "batch_size": 5, "seed": 3, **settings}
    generator = ImageDataGenerator(rotation_range=20, workers=workers)
    return generator.flow_from_directory(folder, cache=cache, **settings)


def some(folder: Path, cache: Any, rows: int) -> Any:
    """A flow of the first rows alone."""
    return ImageDataGenerator(workers=0).flow_from_dataframe(
        table_of(folder)[:rows], str(folder), target_size=SIZE, batch_size=rows, cache=cache
    )


def home_of(cache: Path) -> Path:
    return cache / "20x24-rgb-nearest-v1"


def fill(folder: Path, cache: Path) -> Path:
    """A full cache."""
    with flow(folder, cache) as filling:
        take(filling, EPOCH)
    return home_of(cache)


def contents(home: Path) -> dict[str, Any]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in home.iterdir()
    }


def lay_link(place: Path, target: Path) -> None:
    place.symlink_to(target)


def lay_dangling_link(place: Path, target: Path) -> None:
    target.unlink()
    place.symlink_to(target)


def lay_hard_link(place: Path, target: Path) -> None:
    os.link(target, place)


def lay_pipe(place: Path, target: Path) -> None:
    os.mkfifo(place)


def lay_directory(place: Path, target: Path) -> None:
    place.mkdir()


def lay_socket(place: Path, target: Path) -> None:
    # The path of a socket may only be short.
    with socket.socket(socket.AF_UNIX) as one, tempfile.TemporaryDirectory(dir="/tmp") as short:
        one.bind(f"{short}/s")
        os.rename(f"{short}/s", place)


TRAPS: dict[str, Callable[[Path, Path], None]] = {
    "symbolic link": lay_link,
    "symbolic link to nothing": lay_dangling_link,
    "hard link": lay_hard_link,
    "named pipe": lay_pipe,
    "directory": lay_directory,
    "socket": lay_socket,
}


def state_of(target: Path) -> Any:
    if not os.path.lexists(target):
        return None
    status = target.stat()
    return target.read_bytes(), status.st_mtime_ns, status.st_mode


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.timeout(20)
def test_what_is_no_file_of_its_own_is_refused(
    folder: Path, cache: Path, tmp_path: Path, when: str, trap: str, name: str
) -> None:
    """In an empty folder, and in the place of a file of a full cache that lies elsewhere now."""
    target = tmp_path / "target"
    home = home_of(cache)
    if when == "after":
        fill(folder, cache)
        (home / name).rename(target)
    else:
        home.mkdir(parents=True)
        target.write_bytes(b"precious")
    TRAPS[trap](home / name, target)
    before = state_of(target), sorted(os.listdir(home))
    with pytest.raises(PermissionError, match="choose another directory") as caught:
        flow(folder, cache)
    assert repr(str(home / name)) in str(caught.value)
    assert trap.removesuffix(" to nothing") in str(caught.value)
    left = sorted(set(os.listdir(home)) - {"lock"})
    assert (state_of(target), left) == (before[0], sorted(set(before[1]) - {"lock"}))


@pytest.mark.parametrize("trap", ["symbolic link", "symbolic link to nothing", "file"])
def test_the_folder_in_the_directory_is_no_link(
    folder: Path, cache: Path, tmp_path: Path, trap: str
) -> None:
    elsewhere = fill(folder, tmp_path / "elsewhere")
    cache.mkdir()
    if trap == "file":
        home_of(cache).touch()
    else:
        home_of(cache).symlink_to(elsewhere if trap == "symbolic link" else tmp_path / "nowhere")
    before = contents(elsewhere)
    with pytest.raises(PermissionError, match="a folder and no link") as caught:
        flow(folder, cache)
    assert repr(str(home_of(cache))) in str(caught.value)
    assert contents(elsewhere) == before and not (tmp_path / "nowhere").exists()


def test_the_directory_itself_may_be_a_link(folder: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    cache.symlink_to(tmp_path / "large disk")
    with flow(folder, cache) as cached:
        take(cached, EPOCH)
        assert cached.cache_info().cached == SAMPLES
    assert len(os.listdir(tmp_path / "large disk")) == 1


def test_no_other_folder_takes_its_place_meanwhile(cache: Path, tmp_path: Path) -> None:
    files = CacheFolder(str(cache), "one", (4, 4, 3))
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in NAMES:
        (victim / name).write_bytes(b"precious")
    with files._locked() as opened:
        (cache / "one").rename(cache / "moved")
        (cache / "one").symlink_to(victim)
        for name in NAMES[1:]:
            files._lengthen(opened, name, 100)
        (cache / "moved" / "paths").write_bytes(b"")
        # Now it makes new ones.
        with pytest.raises(UnsafeFileError):
            files.intact()
        files.intact = lambda: False  # type: ignore[method-assign]
        files._make_files(opened)
    assert {path.read_bytes() for path in victim.iterdir()} == {b"precious"}
    assert (cache / "moved" / "paths").read_bytes().startswith(b"augflow image cache")


def test_a_file_is_not_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    opened = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError, match=str(tmp_path / "link")):
            make_cache_file(str(tmp_path / "link"), opened)
    finally:
        os.close(opened)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("name", ["headers", "pixels"])
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_trap_that_is_laid_after_the_flow_was_made(
    folder: Path, cache: Path, tmp_path: Path, workers: int, trap: str, name: str
) -> None:
    """Each process opens the files by itself, and goes on without the cache."""
    expected = signatures(take(flow(folder), EPOCH))
    target = tmp_path / "target"
    with flow(folder, cache, workers) as cached:
        # A file of its size, so that a process that followed the link could write.
        shutil.copy(home_of(cache) / name, target)
        (home_of(cache) / name).unlink()
        TRAPS[trap](home_of(cache) / name, target)
        before = state_of(target)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert signatures(take(cached, EPOCH)) == expected
        (message,) = [str(each.message) for each in seen]
        assert "nothing more is stored (it cannot be opened: " in message
        if "hard" not in trap:
            assert trap.removesuffix(" to nothing") in message
    assert state_of(target) == before


@pytest.mark.timeout(20)
def test_asking_how_full_it_is_waits_for_nothing(folder: Path, cache: Path) -> None:
    with flow(folder, cache) as cached:
        (home_of(cache) / "headers").unlink()
        os.mkfifo(home_of(cache) / "headers")
        with pytest.raises(PermissionError, match="it is a named pipe"):
            cached.cache_info()


# Files of another user


def give_away(path: Path) -> None:
    os.chown(path, STRANGER, STRANGER)


@as_root
@pytest.mark.parametrize("name", [*NAMES, "all"])
@pytest.mark.parametrize("workers", [0, 2])
def test_files_of_another_user_are_only_read(
    folder: Path, cache: Path, workers: int, name: str, decoded: list[str]
) -> None:
    expected = signatures(take(flow(folder), 2 * EPOCH))
    home = fill(folder, cache)
    for each in NAMES if name == "all" else [name]:
        give_away(home / each)
    decoded.clear()
    before = contents(home)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with flow(folder, cache, workers) as cached:
            assert signatures(take(cached, 2 * EPOCH)) == expected
            assert cached.cache_info().cached == SAMPLES
    assert contents(home) == before and decoded == []


@as_root
@pytest.mark.parametrize("name", [*NAMES, "all"])
def test_files_of_another_user_take_no_more_images(
    folder: Path, cache: Path, name: str, decoded: list[str]
) -> None:
    with some(folder, cache, 7) as first:
        next(first)
    home = home_of(cache)
    for each in NAMES if name == "all" else [name]:
        give_away(home / each)
    decoded.clear()
    before = contents(home)
    with pytest.warns(UserWarning, match=r"only read.* belongs to user 12345") as seen:
        cached, twin = flow(folder, cache), flow(folder, cache, shuffle=False)
    assert "12 images that are not in it are decoded in every epoch" in str(seen[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert signatures(take(cached, 2 * EPOCH)) == signatures(take(flow(folder), 2 * EPOCH))
        take(twin, EPOCH)
    info = cached.cache_info()
    assert (len(seen), info.images, info.cached) == (1, SAMPLES, 7)
    # Those without a slot are read past the cache.
    assert contents(home) == before and decoded == []


@as_root
@pytest.mark.parametrize("name", NAMES)
def test_a_single_file_of_another_user_is_no_cache(folder: Path, cache: Path, name: str) -> None:
    home_of(cache).mkdir(parents=True)
    (home_of(cache) / name).write_bytes(b"precious")
    give_away(home_of(cache) / name)
    with pytest.raises(PermissionError, match="belongs to user 12345") as caught:
        flow(folder, cache)
    assert str(home_of(cache)) in str(caught.value)
    assert os.listdir(home_of(cache)) == [name]
    assert (home_of(cache) / name).read_bytes() == b"precious"


def test_file_systems_that_know_no_owners(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On some network drives new files are not this user's either: what he makes is his."""
    monkeypatch.setattr(cache_folder.os, "geteuid", lambda: STRANGER)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with flow(folder, cache) as cached:
                take(cached, EPOCH)
                assert cached.cache_info().cached == SAMPLES


# Folders that cannot be written


@pytest.fixture
def powerless() -> Iterator[Path]:
    """A folder that this process may read but not write while it is tested."""
    # Not below the folder of all tests, which is its owner's alone.
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        yield Path(home)


@pytest.mark.parametrize("state", ["full", "half", "none", "cut"])
def test_a_folder_without_permission(
    powerless: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = write_folder(powerless / "images"), powerless / "cache"
    expected = signatures(take(flow(folder), EPOCH))
    cache.mkdir()
    if state != "none":
        with some(folder, cache, 7) if state == "half" else flow(folder, cache) as first:
            take(first, len(first))
        if state == "cut":
            os.truncate(home_of(cache) / "headers", 100)
        for path in home_of(cache).iterdir():
            path.chmod(0o444)
        home_of(cache).chmod(0o555)
    cache.chmod(0o555)
    was = os.geteuid()
    if was == 0:
        os.seteuid(STRANGER)
    try:
        if state in ("none", "cut"):
            with pytest.raises(PermissionError, match="Permission denied"):
                flow(folder, cache)
            return
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            with flow(folder, cache) as cached:
                assert signatures(take(cached, EPOCH)) == expected
                assert cached.cache_info().cached == (SAMPLES if state == "full" else 7)
        messages = [str(each.message) for each in seen]
        assert len(messages) == (0 if state == "full" else 1), messages
        assert all("Permission denied" in message for message in messages)
    finally:
        os.seteuid(was)
        for path in (home_of(cache), cache):
            if path.exists():
                path.chmod(0o755)


RUN = """
import hashlib, sys, warnings
from augflow import ImageDataGenerator

def batches(cache):
    generator = ImageDataGenerator(rotation_range=20, workers=int(sys.argv[3]))
    flow = generator.flow_from_directory(
        sys.argv[1], cache=cache, target_size=(20, 24), batch_size=5, seed=3)
    with flow:
        digest = hashlib.md5(b"".join(next(flow)[0].tobytes() for _ in range(8))).hexdigest()
        return digest, flow.cache_info()

warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as seen:
    try:
        digest, info = batches(sys.argv[2])
        print("cached", info.cached)
        print("digest", digest)
    except OSError as error:
        print("error", type(error).__name__, error)
for each in seen:
    print("warning", each.message)
"""


def on_read_only(cache: Path, folder: Path, workers: int) -> dict[str, list[str]]:
    """What is printed, by its first word, where the cache lies on a read-only file system."""
    mount = f"mount --bind {cache} {cache} && mount -o remount,ro,bind {cache}"
    command = [sys.executable, "-c", RUN, str(folder), str(cache), str(workers)]
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *command],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    return found


def digest_of(folder: Path) -> str:
    data = b"".join(images.tobytes() for images, _ in take(flow(folder), 8))
    return hashlib.md5(data).hexdigest()


@needs_mounts
@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_cache_on_a_read_only_file_system(folder: Path, cache: Path, workers: int) -> None:
    expected = digest_of(folder)
    home = fill(folder, cache)
    # Other names do no harm where nothing is written.
    os.link(home / "pixels", cache / "a copy of pixels")
    for path in folder.rglob("*.*"):
        # Size and time stay: only a decoder would notice.
        state = path.stat()
        path.write_bytes(bytes(state.st_size))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    before = contents(home)
    found = on_read_only(cache, folder, workers)
    assert found["digest"] == [expected] and found["cached"] == [str(SAMPLES)]
    assert "warning" not in found
    assert contents(home) == before


@needs_mounts
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("why", ["half", "changed", "damaged"])
def test_what_a_read_only_cache_lacks_is_one_warning(
    folder: Path, cache: Path, workers: int, why: str
) -> None:
    """Files it does not have, that are not as they were, or whose pixels it does not believe."""
    expected = digest_of(folder)
    if why == "half":
        with some(folder, cache, 7) as first:
            next(first)
    else:
        fill(folder, cache)
    if why == "changed":
        for path in folder.rglob("*.*"):
            os.utime(path, ns=(1, 1))
    if why == "damaged":
        pixels = home_of(cache) / "pixels"
        data = bytearray(pixels.read_bytes())
        for position in range(700, len(data), 4096):
            data[position] ^= 16
        pixels.write_bytes(data)
    found = on_read_only(cache, folder, workers)
    assert found["digest"] == [expected]
    (message,) = found["warning"]
    assert "it is only read" in message and "Read-only file system" in message
    assert "are decoded in every epoch" in message and str(home_of(cache)) in message


@needs_mounts
@pytest.mark.parametrize("state", ["none", "empty", "cut", "pipe"])
def test_a_read_only_folder_without_a_whole_cache(folder: Path, cache: Path, state: str) -> None:
    if state == "none":
        cache.mkdir()
    elif state == "empty":
        home_of(cache).mkdir(parents=True)
    else:
        home = fill(folder, cache)
        if state == "cut":
            os.truncate(home / "pixels", 4096)
        else:
            (home / "headers").unlink()
            os.mkfifo(home / "headers")
    (message,) = on_read_only(cache, folder, 0)["error"]
    assert str(home_of(cache)) in message
    assert ("it is a named pipe" if state == "pipe" else "Read-only file system") in message
