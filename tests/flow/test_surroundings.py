"""Workers see what this process sees: its folder, its modules as they are now, its mapped files."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow import ImageDataGenerator, flow_from_loader
from augflow.errors import WorkerDiedError
from augflow.runtime import worker_engine
from augflow.runtime.pickle_plan import pickle_with_maps
from augflow.runtime.pool import shared_pool


@pytest.fixture
def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    """The same names with other contents: 1 and 2."""
    folders = tmp_path / "one", tmp_path / "two"
    for number, folder in enumerate(folders, 1):
        (folder / "images" / "a").mkdir(parents=True)
        np.save(folder / "x.npy", np.full(2, number))
        Image.new("L", (4, 4), number).save(folder / "images" / "a" / "x.png")
    return folders


@pytest.mark.parametrize("workers", [0, 2])
def test_relative_paths_start_at_the_current_folder(
    two_folders: tuple[Path, Path], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows: list[Any] = []
    for number, folder in enumerate(two_folders, 1):
        monkeypatch.chdir(folder)
        generator = ImageDataGenerator(workers=workers)
        flows += [
            flow_from_loader(np.load, ["x.npy"] * 90, batch_size=2, workers=workers),
            generator.flow_from_directory(
                "images", target_size=(4, 4), batch_size=1, class_mode=None
            ),
        ]
        # Those made in the other folder have read ahead there.
        assert [set(next(flow).ravel().tolist()) for flow in flows] == [{number}] * len(flows)
    monkeypatch.chdir(two_folders[0])
    assert [set(next(flow).ravel().tolist()) for flow in flows] == [{1}] * 4
    monkeypatch.chdir(two_folders[1])
    other = flow_from_loader(np.load, ["x.npy"] * 90, batch_size=2, workers=workers)
    assert [set(next(other).ravel().tolist()) for _ in range(9)] == [{2}] * 9
    # These have not been used in the other folder, and go on.
    monkeypatch.chdir(two_folders[0])
    assert [set(next(flows[0]).ravel().tolist()) for _ in range(9)] == [{1}] * 9
    for flow in [*flows, other]:
        flow.close()


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with flow_from_loader(np.zeros, [2] * 8, batch_size=2, workers=2) as flow:
        assert next(flow).shape == (2, 2)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Path]]:
    """A module in a folder that is put onto sys.path while workers are running."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "loads_for_a_test.py"
    file.write_text("import numpy as np\ndef load(number): return np.array([1])\n")
    with flow_from_loader(np.zeros, [2] * 8, batch_size=2, workers=2) as flow:
        next(flow)
        monkeypatch.syspath_prepend(tmp_path)
        yield importlib.import_module(file.stem), file
    sys.modules.pop(file.stem)


def test_modules_from_a_new_place_and_loaded_again(module: tuple[ModuleType, Path]) -> None:
    loads, file = module
    flow = flow_from_loader(loads.load, range(8), batch_size=4, workers=2)
    assert next(flow).tolist() == [[1]] * 4 and flow._engine.workers == 2
    before = shared_pool()._processes
    other = flow_from_loader(loads.load, range(8), batch_size=4, workers=2)
    next(other)
    assert shared_pool()._processes is before
    file.write_text("import numpy as np\ndef load(number): return np.array([22])\n")
    importlib.invalidate_caches()
    importlib.reload(loads)
    anew = flow_from_loader(loads.load, range(8), batch_size=4, workers=2)
    assert next(anew).tolist() == [[22]] * 4
    # Flows that were made before go on.
    assert next(flow).tolist() == [[1]] * 4
    for each in (flow, other, anew):
        each.close()


CUTS = {
    "whole": lambda mapped: mapped,
    "part": lambda mapped: mapped[3:7, ::2],
    "turned": lambda mapped: mapped[::-1, 1:].T,
    "one": lambda mapped: mapped[4, 4:5],
    "as an array": lambda mapped: np.asarray(mapped)[2:4],
    "other bytes": lambda mapped: mapped[2:3].view("f8"),
    "empty": lambda mapped: mapped[:0],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_mapped_arrays_travel_as_names_of_files(tmp_path: Path, order: Any, cut: str) -> None:
    values = np.arange(8 * 6, dtype="<i8").reshape(8, 6)
    np.save(tmp_path / "x.npy", np.asarray(values, order=order))
    mapped = CUTS[cut](np.load(tmp_path / "x.npy", mmap_mode="r"))
    again = pickle.loads(pickle_with_maps({"data": mapped}))["data"]
    assert np.array_equal(again, CUTS[cut](np.asarray(values, order=order)))
    assert again.dtype == mapped.dtype
    assert again.strides == mapped.strides or not again.size
    if again.size:
        assert isinstance(again.base, np.memmap) and not again.flags.writeable


def test_a_large_map_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, "w+", "f4", (10_000, 1000))[5000] = 7
    mapped = np.load(path, mmap_mode="r+")
    assert len(pickle_with_maps(mapped)) < 1000
    with flow_from_loader(lambda row: mapped[row], range(4999, 5003), workers=2) as flow:
        assert sorted(next(flow)[:, 0].tolist()) == [0, 0, 0, 7]
    # Changes that are in no file travel themselves.
    changed = np.load(path, mmap_mode="c")[4998:5001]
    changed[0] = 3
    again = pickle.loads(pickle_with_maps(changed))
    assert again[:, 0].tolist() == [3, 0, 7]


def test_much_data_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_engine, "_MUCH_BYTES", 1 << 20)
    data = np.zeros((1 << 20) + 1, "u1")
    flow = flow_from_loader(lambda number: data[:2], range(4), workers=2)
    with flow, pytest.warns(UserWarning, match="1 MB of data go along with the load function"):
        next(flow)


@pytest.mark.parametrize("place", [0, 4])
def test_ids_that_cannot_be_pickled(place: int) -> None:
    ids: list[Any] = [0, 1, 2, 3, 4, 5]
    ids[place] = threading.Lock()
    flow = flow_from_loader(lambda name: np.zeros(2), ids, batch_size=3, workers=2)
    with flow, pytest.warns(UserWarning, match=r"\(IDs\) cannot be pickled .*_thread.lock"):
        shapes = [next(flow).shape for _ in range(4)]
    assert shapes == [(3, 2)] * 4


class Unreadable:
    """Can be pickled, and then not be read."""

    def __reduce__(self) -> Any:
        return int, ("x",)


def test_ids_that_cannot_be_read_by_a_worker() -> None:
    ids = [0, Unreadable()]
    flow = flow_from_loader(lambda name: np.zeros(2), ids, shuffle=False, workers=2)
    with flow, pytest.raises(WorkerDiedError, match=r"died 4 times .*invalid literal for int"):
        next(flow)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_no_signal_stays_blocked_in_workers_or_here() -> None:
    def count_blocked(number: int) -> np.ndarray:
        import signal

        return np.array([len(signal.pthread_sigmask(signal.SIG_BLOCK, []))])

    before = count_blocked(0)
    with flow_from_loader(count_blocked, range(8), batch_size=4, workers=2) as flow:
        assert next(flow).tolist() == [[0]] * 4
        assert flow._engine.workers == 2
    assert count_blocked(0) == before


def test_an_end_with_tasks_that_were_withdrawn_says_nothing() -> None:
    script = """
    import threading, time
    import numpy as np
    from augflow import flow_from_loader
    from augflow.runtime.pool import shared_pool

    def load(number):
        time.sleep(0.5)
        return np.zeros(3)

    flows = [flow_from_loader(load, range(999), batch_size=8, workers=2) for _ in range(4)]
    for flow in flows:
        threading.Thread(target=next, args=(flow,), daemon=True).start()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        processes = shared_pool()._processes
        # More than the workers have in their hands.
        if processes is not None and len(processes._pending_work_items) > 8:
            break
        time.sleep(0.05)
    for flow in flows:
        flow.close()
    waiting = shared_pool()._processes._pending_work_items.values()
    print(any(item.future.cancelled() for item in waiting))
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (finished.stdout, finished.stderr, finished.returncode) == ("True\n", "", 0)
