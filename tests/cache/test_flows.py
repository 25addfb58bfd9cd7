"""The cache of decoded images: the same batches, and nothing believed that may be wrong."""

from __future__ import annotations

import errno
import mmap
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from augflow import ImageDataGenerator
from augflow.cache import images as image_cache
from augflow.cache import slots as slot_store
from augflow.cache.slots import RECORD_BYTES, SlotStore
from augflow.memory import free_space
from augflow.memory.free_space import Room, readable
from tests.flow_world import SAMPLES, SIZE, signatures, table_of, take, write_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")

AFFINE = {"rotation_range": 20, "zoom_range": 0.2, "horizontal_flip": True, "rescale": 1 / 255}
EPOCH = 4  # batches of 5
WHERE = ["ram", "directory"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "images")


@pytest.fixture
def cache(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that cached flows of this process have decoded."""
    seen: list[str] = []

    def counting(path: str, settings: Any, *others) -> np.ndarray:
        seen.append(path)
        return original(path, settings)

    original = slot_store.read_image
    monkeypatch.setattr(slot_store, "read_image", counting)
    return seen


def flow(folder: Path, cache: Any = None, workers: int = 0, **settings: Any) -> Any:
    settings = {"target_size": SIZE, "batch_size": 5, "seed": 3, **settings}
    generator = ImageDataGenerator(**AFFINE, workers=workers)
    return generator.flow_from_directory(folder, cache=cache, **settings)


def place_of(where: str, cache: Path) -> Any:
    return "ram" if where == "ram" else cache


def files_of(cache: Path) -> Path:
    (inner,) = cache.iterdir()
    return inner


def spoil_images(folder: Path) -> None:
    """Overwrite every image with zeros; size and time stay, so that only a decoder notices."""
    for path in folder.rglob("*.*"):
        state = path.stat()
        path.write_bytes(bytes(state.st_size))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def open_files(pid: int | str = "self") -> list[tuple[str, int]]:
    """Name and inode of each file that a process has open."""
    found = []
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        link = f"/proc/{pid}/fd/{descriptor}"
        try:
            found.append((os.readlink(link), os.stat(link).st_ino))
        except FileNotFoundError:
            # The descriptor that listed the folder.
            continue
    return found


def memory_files() -> int:
    """How many descriptors of shared memory this process has open."""
    return sum("memfd:augflow" in name for name, _ in open_files())


# The same batches


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_same(folder: Path, cache: Path, where: str, workers: int) -> None:
    plain = flow(folder)
    with flow(folder, place_of(where, cache), workers) as cached:
        assert signatures(take(cached, 3 * EPOCH)) == signatures(take(plain, 3 * EPOCH))
        assert cached.cache_info().cached == SAMPLES
        # The order by index is another one.
        order = (2, 0, -1)
        assert signatures(cached[i] for i in order) == signatures(plain[i] for i in order)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    "settings",
    [
        {"interpolation": "bilinear"},
        {"interpolation": "lanczos", "keep_aspect_ratio": True},
        {"interpolation": "box", "color_mode": "grayscale"},
        {"color_mode": "rgba"},
        {"class_mode": "input", "shuffle": False},
    ],
    ids=str,
)
def test_settings(folder: Path, cache: Path, where: str, settings: dict[str, Any]) -> None:
    expected = signatures(take(flow(folder, **settings), 2 * EPOCH))
    with flow(folder, place_of(where, cache), 2, **settings) as cached:
        assert signatures(take(cached, 2 * EPOCH)) == expected


@pytest.mark.parametrize("where", WHERE)
def test_16_bit_and_mixed_files(tmp_path: Path, cache: Path, where: str) -> None:
    folder = tmp_path / "deep"
    (folder / "one").mkdir(parents=True)
    stream = np.random.RandomState(0)
    for number in range(6):
        kind = np.uint16 if number % 2 else np.uint8
        image = stream.randint(0, np.iinfo(kind).max, (30, 28)).astype(kind)
        cv2.imwrite(str(folder / "one" / f"{number}.png"), image)
    settings = {"color_mode": "grayscale", "class_mode": None}
    expected = signatures(take(flow(folder, **settings), 4))
    assert max(float(x.max()) for x in take(flow(folder, **settings), 2)) > 1
    with flow(folder, place_of(where, cache), 1, **settings) as cached:
        assert signatures(take(cached, 4)) == expected
        assert cached.cache_info().cached == 6


def test_dataframes_and_subclasses_of_generators(folder: Path, cache: Path) -> None:
    class Own(ImageDataGenerator):
        def standardize(self, x: np.ndarray) -> np.ndarray:
            return x / 2

    def make(cache: Any) -> Any:
        table = table_of(folder)
        return Own(rotation_range=9, workers=2).flow_from_dataframe(
            table, folder, target_size=SIZE, batch_size=5, seed=1, cache=cache
        )

    with make(cache) as cached, make(None) as plain:
        assert signatures(take(cached, 8)) == signatures(take(plain, 8))
        assert cached.cache_info().cached == SAMPLES


# Each image is decoded once


@pytest.mark.parametrize("where", WHERE)
def test_every_file_is_decoded_once(
    folder: Path, cache: Path, where: str, decoded: list[str]
) -> None:
    first, second = (flow(folder, place_of(where, cache)) for _ in range(2))
    take(first, 3 * EPOCH)
    take(second, EPOCH)
    assert len(decoded) == len(set(decoded)) == SAMPLES


RUN = """
import hashlib, sys, time
from augflow import ImageDataGenerator
def flow(workers, **settings):
    generator = ImageDataGenerator(
        rotation_range=20, zoom_range=0.2, horizontal_flip=True, rescale=1 / 255, workers=workers)
    return generator.flow_from_directory(
        sys.argv[1], cache=sys.argv[2], **{"target_size": (20, 24), "batch_size": 5, "seed": 3,
        **settings})
"""


def start(script: str, *arguments: Any, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", RUN + textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output, errors


def test_a_later_process_decodes_nothing(folder: Path, cache: Path) -> None:
    script = """
    f = flow(2)
    print(hashlib.md5(b"".join(next(f)[0].tobytes() for _ in range(8))).hexdigest())
    print(f.cache_info().cached)
    """
    first, _ = finish(start(script, folder, cache))
    spoil_images(folder)
    second, _ = finish(start(script, folder, cache))
    assert first.splitlines()[-2:] == second.splitlines()[-2:]
    assert f"{SAMPLES} of {SAMPLES} images" in second and f"0 of {SAMPLES} images" in first


def test_two_processes_share_a_directory(folder: Path, cache: Path, tmp_path: Path) -> None:
    gate = tmp_path / "go"
    script = """
    import os
    from augflow.cache import slots as slot_store
    original, count = slot_store.read_image, []
    def slow(path, settings, *others):
        count.append(path)
        time.sleep(0.02)
        return original(path, settings)
    slot_store.read_image = slow
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.001)
    f = flow(0)
    print(hashlib.md5(b"".join(next(f)[0].tobytes() for _ in range(8))).hexdigest())
    print(len(count))
    """
    processes = [start(script, folder, cache, gate) for _ in range(2)]
    time.sleep(1.0)
    gate.touch()
    outputs = [finish(process)[0].splitlines() for process in processes]
    assert outputs[0][-2] == outputs[1][-2]
    # Each image was decoded by one of them only, although both came for it at the same time.
    assert sum(int(lines[-1]) for lines in outputs) == SAMPLES


def test_a_killed_fill_goes_on(folder: Path, cache: Path, decoded: list[str]) -> None:
    script = """
    import os
    from augflow.cache import slots as slot_store
    def slow(image):
        time.sleep(0.05)
        return image
    generator = ImageDataGenerator(preprocessing_function=slow, workers=2)
    f = generator.flow_from_directory(
        sys.argv[1], target_size=(20, 24), batch_size=3, cache=sys.argv[2])
    while True:
        next(f)
        print("one", flush=True)
    """
    process = start(script, folder, cache)
    assert process.stdout is not None and process.stderr is not None
    while "one" not in process.stdout.readline():
        assert process.poll() is None, process.stderr.read()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    again = flow(folder, cache)
    kept = again.cache_info().cached
    assert 0 < kept < SAMPLES
    assert signatures(take(again, EPOCH)) == signatures(take(flow(folder), EPOCH))
    assert len(decoded) == SAMPLES - kept
    assert again.cache_info().cached == SAMPLES


# Nothing wrong is believed


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_changed_file_is_noticed(folder: Path, cache: Path, where: str, workers: int) -> None:
    with flow(folder, place_of(where, cache), workers, shuffle=False) as cached:
        take(cached, EPOCH)
        path = next((folder / "cat").glob("*.png"))
        # Renamed into place: the workers read ahead, and a file being written is empty at first.
        other = path.with_name("other.new.png")
        cv2.imwrite(str(other), np.full((30, 30, 3), 77, np.uint8))
        other.replace(path)
        # What was read ahead is of the file as it was.
        take(cached, 3 * EPOCH)
        expected = flow(folder, shuffle=False)
        take(expected, 4 * EPOCH)
        assert signatures(take(cached, EPOCH)) == signatures(take(expected, EPOCH))
        assert cached.cache_info().cached == SAMPLES


@pytest.mark.parametrize("same", ["size", "time"])
def test_size_and_time_each_tell(folder: Path, cache: Path, same: str) -> None:
    paths = sorted((folder / "cat").glob("*.jpg"))[:2]
    contents = [path.read_bytes() for path in paths]
    if same == "size":
        # JPEG decoders ignore what follows the image.
        longest = max(map(len, contents))
        contents = [content.ljust(longest, b"\0") for content in contents]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    settings = {"class_mode": None, "shuffle": False, "batch_size": SAMPLES}
    cached = flow(folder, cache, **settings)
    before = signatures([cached[0]])
    for path, content in zip(paths, reversed(contents), strict=True):
        time_before = path.stat().st_mtime_ns
        path.write_bytes(content)
        later = time_before if same == "time" else time_before + 1
        os.utime(path, ns=(later, later))
    after = signatures([cached[0]])
    assert after == signatures([flow(folder, **settings)[0]]) != before


@pytest.mark.parametrize(
    "change",
    [
        {"target_size": (24, 20)},
        {"interpolation": "bicubic"},
        {"color_mode": "rgba"},
        {"keep_aspect_ratio": True},
    ],
    ids=str,
)
def test_other_settings_are_another_folder(
    folder: Path, cache: Path, change: dict[str, Any]
) -> None:
    first = flow(folder, cache)
    take(first, EPOCH)
    changed = flow(folder, cache, **change)
    assert changed.cache_info().cached == 0
    assert signatures(take(changed, EPOCH)) == signatures(take(flow(folder, **change), EPOCH))
    assert len(list(cache.iterdir())) == 2
    # Settings may also be changed in a flow that has begun.
    for name, value in change.items():
        setattr(first, name, value)
    info = first.cache_info()
    assert (info.where, info.cached) == (changed.cache_info().where, SAMPLES)


def test_a_new_format_is_another_folder(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(flow(folder, cache), EPOCH)
    monkeypatch.setattr("augflow.cache.folder.FORMAT", 2)
    assert flow(folder, cache).cache_info().cached == 0


def overwrite(path: Path, change: Callable[[bytearray], Any]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def fill(data: bytearray, start: int, stop: int, value: int = 0xA5) -> None:
    data[start:stop] = bytes([value]) * (stop - start)


def flip_bits(data: bytearray, positions: range) -> None:
    for position in positions:
        data[position] ^= 16


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "paths: garbage": lambda home: (home / "paths").write_bytes(b"\x00\xff" * 999),
    "paths: empty": lambda home: (home / "paths").write_bytes(b""),
    "paths: gone": lambda home: (home / "paths").unlink(),
    "paths: torn": lambda home: overwrite(
        home / "paths", lambda data: data.__delitem__(slice(-9, None))
    ),
    "paths: a line changed": lambda home: overwrite(
        home / "paths", lambda data: fill(data, 300, 310)
    ),
    "paths: a line lost": lambda home: (home / "paths").write_bytes(
        b"".join(
            line
            for number, line in enumerate((home / "paths").read_bytes().splitlines(True))
            if number != 4
        )
    ),
    "headers: garbage": lambda home: overwrite(
        home / "headers", lambda data: fill(data, 0, len(data))
    ),
    "headers: a bit a record": lambda home: overwrite(
        home / "headers", lambda data: flip_bits(data, range(8, len(data), RECORD_BYTES))
    ),
    "headers: dtypes": lambda home: overwrite(home / "headers", lambda data: fill_dtypes(data)),
    "headers: shifted": lambda home: overwrite(
        home / "headers", lambda data: data.__delitem__(slice(RECORD_BYTES))
    ),
    "headers: short": lambda home: os.truncate(home / "headers", 100),
    "headers: gone": lambda home: (home / "headers").unlink(),
    "pixels: a bit an image": lambda home: overwrite(
        home / "pixels", lambda data: flip_bits(data, range(700, len(data), 4096))
    ),
    "pixels: short": lambda home: os.truncate(home / "pixels", 50_001),
    "pixels: empty": lambda home: os.truncate(home / "pixels", 0),
    "pixels: gone": lambda home: (home / "pixels").unlink(),
    "all gone": lambda home: shutil.rmtree(home),
}


def fill_dtypes(data: bytearray) -> None:
    for begin in range(12, len(data), RECORD_BYTES):
        data[begin] = 4


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_rebuilt(folder: Path, cache: Path, damage: str, workers: int) -> None:
    with flow(folder, cache) as first:
        take(first, EPOCH)
    DAMAGES[damage](files_of(cache))
    expected = signatures(take(flow(folder), 2 * EPOCH))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with flow(folder, cache, workers) as second:
            assert signatures(take(second, 2 * EPOCH)) == expected
            assert second.cache_info().cached == SAMPLES
    assert (files_of(cache) / "paths").read_bytes().startswith(b"augflow image cache, version 1, ")
    spoil_images(folder)
    with flow(folder, cache, workers) as third:
        assert signatures(take(third, 2 * EPOCH)) == expected


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", [name for name in DAMAGES if "bit" not in name])
def test_damage_to_files_in_use(folder: Path, cache: Path, damage: str, workers: int) -> None:
    expected = signatures(take(flow(folder), 4 * EPOCH))
    with flow(folder, cache, workers) as cached:
        batches = take(cached, EPOCH)
        home = files_of(cache)
        DAMAGES[damage](home)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert signatures(batches + take(cached, 3 * EPOCH)) == expected
    # What was cut is told. What was removed is still there for those who have it open.
    assert len(seen) <= 1
    if damage in ("pixels: short", "pixels: empty"):
        assert "somebody has shortened its file of pixels" in str(seen[0].message)


def test_files_that_changed_places_in_the_list(folder: Path, cache: Path) -> None:
    files = list(folder.rglob("*.*"))
    longest = max(path.stat().st_size for path in files)
    for path in files:
        # By size and time they are all the same.
        path.write_bytes(path.read_bytes().ljust(longest, b"\0"))
        os.utime(path, ns=(1, 1))
    cached, plain = flow(folder, cache, shuffle=False), flow(folder, shuffle=False)
    take(cached, EPOCH), take(plain, EPOCH)
    for each in (cached, plain):
        each.filenames.reverse()
    assert signatures(take(cached, EPOCH)) == signatures(take(plain, EPOCH))


def test_names_that_need_care(folder: Path, cache: Path, decoded: list[str]) -> None:
    for number, name in enumerate(("a\nb.jpg", "a\\nb.jpg", "ü\udcff.jpg", "a\\\nb.jpg")):
        shutil.copy(sorted((folder / "cat").glob("*.jpg"))[number], folder / "cat" / name)
    names = SAMPLES + 4
    for _ in range(2):
        with flow(folder, cache) as cached:
            take(cached, len(cached))
            assert cached.cache_info().cached == names
    assert len(decoded) == names


def test_a_pixel_file_is_not_mapped_beyond_its_end(folder: Path, cache: Path) -> None:
    cached = flow(folder, cache)
    take(cached, EPOCH)
    store: SlotStore = cached._current_cache().cache.store
    os.truncate(store.place.pixels, 0)
    # By a mapping this would end the process.
    with pytest.warns(UserWarning, match="somebody has shortened its file of pixels"):
        batches = take(cached, EPOCH)
    assert signatures(batches) == signatures(take(flow(folder), 2 * EPOCH)[EPOCH:])


def test_a_pixel_file_that_is_cut_while_it_is_mapped(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flow(folder, cache) as first:
        take(first, EPOCH)
    place, settings = first._current_cache().cache.place, first._read_settings()
    path = first.filepaths[0]
    expected = SlotStore(place).fetch(0, path, settings, "uint8")
    mmap_ = mmap.mmap

    def cut_and_map(descriptor: int, *args: Any, **settings: Any) -> mmap.mmap:
        os.truncate(place.pixels, 0)
        return mmap_(descriptor, *args, **settings)

    # Between the look at the file's size and its mapping there is time for others.
    monkeypatch.setattr(mmap, "mmap", cut_and_map)
    store = SlotStore(place)
    assert np.array_equal(store.fetch(0, path, settings, "uint8"), expected)
    assert "shortened" in str(store.trouble)


@pytest.mark.parametrize("cut", ["pixels", "both"])
def test_a_cut_file_is_not_lengthened(folder: Path, cache: Path, cut: str) -> None:
    cached = flow(folder, cache)
    place, settings = cached._current_cache().cache.place, cached._read_settings()
    one, other = SlotStore(place), SlotStore(place)
    paths = cached.filepaths[:2]
    expected = [one.fetch(slot, path, settings, "uint8") for slot, path in enumerate(paths)]
    for slot, path in enumerate(paths):
        # Now it remembers them as verified.
        one.fetch(slot, path, settings, "uint8")
    os.truncate(place.pixels, 0)
    if cut == "both":
        os.truncate(place.headers, RECORD_BYTES)
    # This one knows of no pixels, and would write some.
    other.fetch(1, paths[1], settings, "uint8")
    assert "shortened" in str(other.trouble) and os.path.getsize(place.pixels) == 0
    # Nor does a new flow do so: it begins anew.
    take(flow(folder, cache), EPOCH)
    assert np.array_equal(one.fetch(0, paths[0], settings, "uint8"), expected[0])


# Too little room


def can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm"]
    return subprocess.run(probe, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="mounting is not permitted here")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("when", ["before", "meanwhile", "at once"])
def test_a_full_disk_is_one_warning(
    folder: Path, cache: Path, tmp_path: Path, workers: int, when: str
) -> None:
    cache.mkdir()
    size = {"before": "1m", "meanwhile": "3m", "at once": "8k"}[when]
    script = f"""
    import os, warnings
    import numpy as np
    big = {{"target_size": (200, 200), "interpolation": "bilinear"}}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        f, g = flow({workers}, **big), flow({workers}, **big)
        if {when == "meanwhile"}:
            with open(sys.argv[2] + "/other", "wb") as file:
                file.write(bytes(1_900_000))
        got = [next(f)[0] for _ in range(12)]
        next(g)
    info = f.cache_info()
    sys.argv[2] = None
    expected = flow(0, **big)
    print("same", all(np.array_equal(a, next(expected)[0]) for a in got))
    print("warnings", len(seen), [str(w.message) for w in seen])
    print("cached", info and info.cached)
    """
    mount = f'mount -t tmpfs -o size={size} tmpfs {cache} && exec "$@"'
    output, _ = finish(
        start(script, folder, cache, prefix=("unshare", "-m", "sh", "-c", mount, "sh"))
    )
    assert "same True" in output
    counted = next(line for line in output.splitlines() if line.startswith("warnings"))
    cached = output.splitlines()[-1].split()[1]
    if when == "at once":
        # Here it is a warning a flow, since there is nothing that the two share.
        assert int(counted.split()[1]) in (1, 2) and cached in ("None", "0")
        return
    assert counted.startswith("warnings 1"), output
    assert 2 < int(cached) < SAMPLES
    if when == "before":
        assert "19 images need 2.3 MB, 1.0 MB free: 1" in counted
    else:
        # A worker that looks for the first time sees it coming.
        assert "No space left on device" in counted or "of disk space are left" in counted


def test_too_little_memory_is_one_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    monkeypatch.setattr(slot_store, "free_memory", lambda: Room(7 * 4096 + 100, 0))
    with pytest.warns(UserWarning, match=r"19 images need 77\.8 KB, 28\.8 KB free: 12") as seen:
        first, second = flow(folder, "ram"), flow(folder, "ram", shuffle=False)
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = signatures(take(flow(folder), 2 * EPOCH))
        assert signatures(take(first, 2 * EPOCH)) == expected
        take(second, EPOCH)
    assert first.cache_info().cached == 7
    # Those without a slot are read past the cache.
    assert len(decoded) == 7


def test_memory_that_is_promised_is_not_given_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_store, "free_memory", lambda: Room(15 * 4096, 0))
    generator = ImageDataGenerator(validation_split=0.3, workers=0)
    settings = {"target_size": SIZE, "cache": "ram", "augment": False}
    train = generator.flow_from_directory(folder, subset="training", **settings)
    with pytest.warns(UserWarning, match="5 images need .*: 4 images will not"):
        generator.flow_from_directory(folder, subset="validation", **settings)
    assert len(train.filenames) == 14


def test_memory_that_others_take_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = flow(folder, "ram")
    monkeypatch.setattr(slot_store, "free_memory", lambda: Room(2000, 1 << 20))
    with pytest.warns(UserWarning, match=r"only 2\.0 KB of memory are left") as seen:
        assert signatures(take(cached, EPOCH)) == signatures(take(flow(folder), EPOCH))
    assert len(seen) == 1 and cached.cache_info().cached == 0


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EIO])
def test_a_failing_write_leaves_no_half_image(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    original = slot_store._write_all
    writes = []

    def failing(descriptor: int, data: np.ndarray, offset: int) -> None:
        writes.append(offset)
        if len(writes) == 6:
            original(descriptor, data[:500], offset)
            raise OSError(kind, os.strerror(kind))
        original(descriptor, data, offset)

    monkeypatch.setattr(slot_store, "_write_all", failing)
    cached = flow(folder, cache)
    with pytest.warns(UserWarning, match=os.strerror(kind)) as seen:
        assert signatures(take(cached, 8)) == signatures(take(flow(folder), 8))
    assert len(seen) == 1 and len(writes) == 6 and cached.cache_info().cached == 5


def test_limits_of_control_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": "MemTotal:  1000000 kB\nMemAvailable:  900000 kB",
        "/proc/self/cgroup": "4:memory:/jobs/7\n0::/jobs/7\n3:cpu:/x",
    }
    monkeypatch.setattr(free_space, "_lines", lambda path: files.get(path, "").splitlines())
    assert free_space.free_memory() == Room(900000 << 10, 1000000 << 10)
    v1 = "/sys/fs/cgroup/memory/jobs"
    files |= {f"{v1}/memory.limit_in_bytes": "500000", f"{v1}/memory.usage_in_bytes": "450000"}
    assert free_space.free_memory() == Room(50000, 500000)
    files[f"{v1}/memory.stat"] = "cache 5\ntotal_inactive_file 20000"
    assert free_space.free_memory() == Room(70000, 500000)
    files |= {
        "/sys/fs/cgroup/jobs/7/memory.max": "40000",
        "/sys/fs/cgroup/jobs/7/memory.current": "39000",
        "/sys/fs/cgroup/memory.max": "max",
        "/sys/fs/cgroup/memory.current": "1",
    }
    assert free_space.free_memory() == Room(1000, 40000)
    assert Room(1000, 40000).usable == 0 and Room(1 << 40, 1 << 42).usable == 1023 << 30
    files.clear()
    assert free_space.free_memory() is None


def test_the_machines_own_memory_is_found() -> None:
    room = free_space.free_memory()
    assert room is not None and 1 << 20 < room.free <= room.total


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (3_812_345_678, "3.8 GB")]
)
def test_readable_sizes(size: int, text: str) -> None:
    assert readable(size) == text


# One copy, and nothing stays behind


def test_flows_share_one_copy_in_memory(folder: Path, decoded: list[str]) -> None:
    before = memory_files()
    generator = ImageDataGenerator(validation_split=0.3, workers=0)
    settings = {"target_size": SIZE, "cache": "ram", "augment": False, "batch_size": 19}
    flows = [
        generator.flow_from_directory(folder, subset=subset, **settings)
        for subset in ("training", "validation", None)
    ]
    for each in flows:
        next(each)
    # Two files, this process's own access to them, and the mapping of one.
    assert memory_files() - before == 5
    assert len(decoded) == SAMPLES
    infos = [each.cache_info() for each in flows]
    assert [info.cached for info in infos] == [14, 5, 19]
    other = flow(folder, "ram", interpolation="box")
    assert other.cache_info().cached == 0
    flows[0].close()
    assert flows[1].cache_info().cached == 5
    for each in (*flows, other):
        each.close()
    assert memory_files() == before and not image_cache._caches
    assert flows[0].cache_info().cached == 0 and memory_files() == before
    # A closed flow starts anew.
    next(flows[0])
    assert flows[0].cache_info().cached == 14


@pytest.mark.parametrize("how", ["close", "drop"])
def test_workers_let_go_of_memory(folder: Path, how: str) -> None:
    from augflow.runtime.pool import shared_pool

    def count() -> int:
        pids = shared_pool().pids()
        return sum(inode in inodes for pid in pids for _, inode in open_files(pid))

    before = memory_files()
    with flow(folder, None, 2) as other:
        next(other)
        cached = flow(folder, "ram", 2)
        take(cached, 2 * EPOCH)
        place = cached._current_cache().cache.place
        inodes = {place.pixels_inode, place.headers_inode}
        # Two files and a mapping in each worker.
        assert count() >= 3
        if how == "close":
            cached.close()
        else:
            del cached
        deadline = time.monotonic() + 20
        while count() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert count() == 0
    assert memory_files() == before


def test_temporary_files_where_there_is_no_memfd(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augflow.memory.segments.supports_anonymous", lambda: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with flow(folder, "ram", 2) as cached:
        assert signatures(take(cached, 8)) == signatures(take(flow(folder), 8))
        assert cached.cache_info().cached == SAMPLES
        assert list(tmp_path.glob("augflow-*"))
    assert not list(tmp_path.glob("augflow-*"))


def test_a_forked_child_uses_the_cache(folder: Path) -> None:
    with flow(folder, "ram") as cached:
        take(cached, EPOCH)
        expected = signatures(take(flow(folder), 2 * EPOCH)[EPOCH:])
        spoil_images(folder)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if signatures(take(cached, EPOCH)) == expected else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert signatures(take(cached, EPOCH)) == expected


@pytest.mark.parametrize("where", WHERE)
def test_flows_can_be_pickled(folder: Path, cache: Path, where: str) -> None:
    cached = flow(folder, place_of(where, cache))
    take(cached, EPOCH)
    copy = pickle.loads(pickle.dumps(cached))
    assert signatures(take(copy, EPOCH)) == signatures(take(cached, EPOCH))
    assert copy.cache_info().cached == SAMPLES


# What the user gives and gets


def test_cache_info(folder: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flow(folder).cache_info() is None
    capsys.readouterr()
    cached = flow(folder, cache)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 and printed[1] == str(cached.cache_info())
    assert f"0 of {SAMPLES} images (0 B), needs 77.8 KB, " in printed[1]
    next(cached)
    info = cached.cache_info()
    assert (info.images, info.cached) == (SAMPLES, 5)
    assert (info.bytes, info.bytes_needed) == (5 * 4096, SAMPLES * 4096)
    assert info.bytes_free is not None and info.bytes_free > 1 << 20
    assert info.where == str(cache / "20x24-rgb-nearest-v1")
    # What the figures say is what the disk says; the headers and the paths are one page each.
    taken = sum(path.stat().st_blocks * 512 for path in files_of(cache).iterdir())
    assert info.bytes <= taken <= info.bytes + 3 * 4096


@pytest.mark.parametrize("wrong", [7, True, b"ram", ""])
def test_wrong_caches_are_refused(folder: Path, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`cache` must be"):
        flow(folder, wrong)


def test_caches_in_the_wrong_place_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"):
        flow(folder, tmp_path / "file")
    for inside in (folder, folder / "cache", folder / "cat" / ".." / "cache"):
        with pytest.raises(ValueError, match="would be taken for a class"):
            flow(folder, inside)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission_is_an_error(folder: Path, cache: Path) -> None:
    cache.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        flow(folder, cache)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_named(folder: Path, cache: Path, workers: int) -> None:
    broken = folder / "cat" / "01.jpg"
    with flow(folder, cache, workers, shuffle=False) as cached:
        next(cached)
        cached.close()
        broken.write_bytes(b"no image")
        for _ in range(2):
            with pytest.raises(OSError, match=r"01\.jpg"):
                cached[0]
        broken.unlink()
        with pytest.raises(FileNotFoundError):
            cached[0]
