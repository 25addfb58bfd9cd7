"""``flow_from_csv(cache=)``: the same batches, parsed once, whatever happens to the folder."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow import CsvReadError, flow_from_csv
from augflow.columnar import store as column_store
from augflow.columnar import stored as stored_column
from augflow.csv import index as csv_index
from augflow.csv import row_order as csv_order
from augflow.csv.plan import CsvPlan
from augflow.memory.free_space import Room

ROWS = 1000
WORDS = ["red", 'gr"een', "blue\nsky"]
COLUMNS = ["id", "a", "word"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of some rows and groups of some blocks, so that small files have many."""
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_order, "_GROUP_BYTES", 1000)
    monkeypatch.setattr(csv_order, "_FEWEST_BLOCKS_A_GROUP", 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "a": draw.normal(size=ROWS).round(4),
            "word": draw.choice(WORDS, ROWS),
            "y": draw.integers(0, 3, ROWS),
        }
    )
    frame.loc[5, "a"] = np.nan
    frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def one_hot(words: Any) -> np.ndarray:
    return np.stack([words == word for word in WORDS], axis=1)


def flow_of(path: Path, cache: Any = None, **arguments: Any) -> Any:
    settings = {"batch_size": 9, "shuffle": True, "seed": 3, "workers": 0}
    settings |= {"preprocess": {"word": one_hot}, "dtype": {"y": "int16"}}
    settings |= arguments
    return flow_from_csv(path, COLUMNS, "y", cache=cache, **settings)


def epochs_of(flow: Any, count: int = 2) -> list[Any]:
    with flow:
        return [next(flow) for _ in range(count * len(flow))]


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for batch, due in zip(found, expected, strict=True):
        for array, wanted in zip(batch, due, strict=True):
            assert array.dtype == wanted.dtype and array.shape == wanted.shape
            assert array.tobytes() == wanted.tobytes()


def forbid_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing but the first rows is parsed in this process."""

    def refuse(plan: CsvPlan, spans: Any, clock: Any) -> Any:
        assert spans.rows().tolist() == list(range(8)), "parsed"
        return parsed(plan, spans, clock)

    parsed = CsvPlan.values
    monkeypatch.setattr(CsvPlan, "values", refuse)


def files_of(folder: Path, ending: str = "values") -> list[Path]:
    return sorted(folder.glob(f"*/*.{ending}"))


# The same batches


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_batches_are_the_same_with_and_without_it(
    path: Path, tmp_path: Path, workers: int, shuffle: bool
) -> None:
    settings = {"shuffle": shuffle, "validation_split": 0.1, "subset": "training"}
    due = epochs_of(flow_of(path, **settings), 3)
    folder = tmp_path / "columns"
    assert_equal(epochs_of(flow_of(path, folder, workers=workers, **settings), 3), due)
    # Full from the start, other batches of the same rows, and by index.
    assert_equal(epochs_of(flow_of(path, folder, workers=workers, **settings), 3), due)
    other = {**settings, "batch_size": 400}
    assert_equal(epochs_of(flow_of(path, folder, **other)), epochs_of(flow_of(path, **other)))
    flow = flow_of(path, folder, **settings)
    assert flow._is_stored()
    for index in np.random.RandomState(0).permutation(len(flow)).tolist():
        assert_equal([flow[index]], [due[index]])


@pytest.mark.parametrize("workers", [0, 2])
def test_it_fills_by_index_too_and_nobody_is_warned(
    path: Path, tmp_path: Path, workers: int
) -> None:
    due = epochs_of(flow_of(path), 1)
    order = np.random.RandomState(1).permutation(len(due)).tolist()
    with flow_of(path, tmp_path / "columns", workers=workers) as flow:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_equal([flow[index] for index in order], [due[index] for index in order])
        # What is to be parsed is left to workers.
        assert flow._engine is not None and flow._engine.workers == workers
        assert flow.cache_info().cached == ROWS
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(3):
                assert_equal([flow[index] for index in order], [due[index] for index in order])


def test_what_is_there_is_not_parsed_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "columns"
    due = epochs_of(flow_of(path, folder))
    forbid_parsing(monkeypatch)
    flow = flow_of(path, folder, workers=2)
    assert_equal(epochs_of(flow), due)
    # Neither are workers needed.
    assert flow._engine is None
    # Other columns, or some of them: only what is new is made.
    info = flow.cache_info()
    assert (info.rows, info.cached, info.bytes) == (ROWS, ROWS, info.bytes_needed)
    assert info.bytes == ROWS * (4 + 4 + 3 * 4 + 2)


def test_flows_share_columns(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    epochs_of(flow_of(path, folder))
    before = {file: file.stat().st_mtime_ns for file in files_of(folder)}
    assert len(before) == 4
    with flow_from_csv(path, ["y", "a"], cache=folder, workers=0) as flow:
        list(flow.epoch())
    after = {file: file.stat().st_mtime_ns for file in files_of(folder)}
    # "y" has been made as float32, beside the int16 it was.
    assert len(after) == 5
    assert {file: after[file] for file in before} == before


def test_what_is_held_is_not_written_to(path: Path, tmp_path: Path) -> None:
    epochs_of(flow_of(path, tmp_path / "columns"))
    flow = flow_of(path, tmp_path / "columns")
    held = [next(flow) for _ in range(len(flow))]
    copies = [[array.copy() for array in batch] for batch in held]
    for x, _ in (next(flow) for _ in range(len(flow))):
        x[:] = -1
    assert_equal(held, copies)
    flow.reset()
    assert_equal([flow[3]], [flow[3]])


# What it does not know any more


def test_a_changed_file_is_read_anew(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    epochs_of(flow_of(path, folder))
    text = path.read_text().replace("\n7,", "\n7000,")
    path.write_text(text)
    os.utime(path, ns=(1, 1))
    due = epochs_of(flow_of(path))
    assert 7000 in np.concatenate([x[:, 0] for x, _ in due])
    assert_equal(epochs_of(flow_of(path, folder)), due)
    # What the old file gave is removed.
    assert len(files_of(folder)) == 4


def test_other_settings_are_other_columns(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    epochs_of(flow_of(path, folder))
    scale = 2

    def scaled(words: Any) -> np.ndarray:
        return scale * one_hot(words)

    for number, settings in enumerate(
        [
            {"dtype": "float64"},
            {"preprocess": {"word": lambda words: 1 - one_hot(words)}},
            {"preprocess": {"word": scaled}},
        ]
    ):
        assert_equal(
            epochs_of(flow_of(path, folder, **settings)), epochs_of(flow_of(path, **settings))
        )
        assert len(files_of(folder)) > 4 + number
    scale = 3
    assert_equal(
        epochs_of(flow_of(path, folder, preprocess={"word": scaled})),
        epochs_of(flow_of(path, preprocess={"word": scaled})),
    )


def test_a_function_that_makes_something_else_is_noticed(path: Path, tmp_path: Path) -> None:
    """Its code is the same; what it reads elsewhere is not."""
    folder, factor = tmp_path / "columns", tmp_path / "factor"

    def scaled(words: Any) -> np.ndarray:
        return float(factor.read_text()) * one_hot(words)

    factor.write_text("1")
    epochs_of(flow_of(path, folder, preprocess={"word": scaled}))
    factor.write_text("5")
    with pytest.warns(UserWarning, match="first rows is not what the cache"):
        flow = flow_of(path, folder, preprocess={"word": scaled})
    assert_equal(epochs_of(flow), epochs_of(flow_of(path, preprocess={"word": scaled})))


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_values_are_parsed_again(path: Path, tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "columns"
    due = epochs_of(flow_of(path, folder))
    for file in files_of(folder):
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size // 2)
            opened.write(b"\xff" * 8)
    assert_equal(epochs_of(flow_of(path, folder, workers=workers)), due)
    # And written anew.
    with flow_of(path, folder) as flow:
        assert_equal([next(flow) for _ in due], due)
        assert flow._row_plan.stored.holds(np.array([0]), np.array([ROWS]))


@pytest.mark.parametrize("ending", ["values", "records"])
@pytest.mark.parametrize("size", [0, 100, None])
def test_files_that_were_cut_or_removed(
    path: Path, tmp_path: Path, ending: str, size: int | None
) -> None:
    folder = tmp_path / "columns"
    due = epochs_of(flow_of(path, folder))
    file = files_of(folder, ending)[0]
    file.unlink() if size is None else os.truncate(file, size)
    assert_equal(epochs_of(flow_of(path, folder)), due)


def test_a_file_that_is_cut_while_it_is_in_use(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    due = epochs_of(flow_of(path, folder))
    with flow_of(path, folder) as flow:
        found = [next(flow) for _ in range(20)]
        os.truncate(files_of(folder)[1], 100)
        with pytest.warns(UserWarning, match="has been cut"):
            found += [next(flow) for _ in range(len(due) - 20)]
    assert_equal(found, due)


def test_a_folder_that_is_removed_while_it_is_in_use(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    due = epochs_of(flow_of(path))
    with flow_of(path, folder, workers=2) as flow:
        shutil.rmtree(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_equal([next(flow) for _ in due], due)


# Filling


def test_a_row_that_cannot_be_read_fails_its_own_batch(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n" + "1,2\n" * 500 + "1,two\n" + "3,4\n" * 499)
    with flow_from_csv(path, ["a", "b"], batch_size=10, cache=tmp_path / "c", workers=0) as flow:
        for _ in range(2):
            for index in range(len(flow)):
                if index != 50:
                    assert flow[index].shape == (10, 2)
            with pytest.raises(CsvReadError, match="line 502, column 'b'"):
                flow[50]
        assert 0.9 * ROWS < flow.cache_info().cached < ROWS


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_that_are_left_out_stay_so(tmp_path: Path, workers: int) -> None:
    """Bad values, and too few fields, in some blocks; the others are kept."""
    lines = [f"{number},{number}" for number in range(ROWS)]
    lines[40], lines[700] = "40,forty", "700"
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(["a,b", *lines]))

    def flow_with(cache: Path | None, workers: int = 0) -> Any:
        return flow_from_csv(
            path, ["a", "b"], batch_size=9, shuffle=True, seed=3, on_error="skip", cache=cache,
            workers=workers,
        )  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        due = epochs_of(flow_with(None))
        for _ in range(2):
            flow = flow_with(tmp_path / "columns", workers)
            assert_equal([[x] for x in epochs_of(flow)], [[x] for x in due])
            assert 0.9 * ROWS < flow.cache_info().cached < ROWS
    assert sorted(np.concatenate(due[: len(due) // 2])[:, 0].tolist()) == [
        number for number in range(ROWS) if number not in (40, 700)
    ]


SCRIPT = """
    import os, signal, sys
    import numpy as np
    import augflow
    from augflow.columnar import stored as stored_column
    from augflow.csv import index as csv_index, row_order as csv_order
    csv_index._BLOCK_BYTES, csv_order._GROUP_BYTES = 200, 1000
    csv_order._FEWEST_BLOCKS_A_GROUP = 2
    path, folder, writes, workers = sys.argv[1:]
    if int(writes):
        done, write = [], stored_column._write
        def killed(*arguments):
            write(*arguments)
            done.append(1)
            if len(done) == int(writes):
                os.kill(os.getpid(), signal.SIGKILL)
        stored_column._write = killed
    flow = augflow.flow_from_csv(path, ["id", "a"], "y", batch_size=9, shuffle=True, seed=3,
                                 cache=folder, workers=int(workers))
    total = sum(float(np.nansum(x)) for _ in range(2) for x, _ in flow.epoch())
    print(repr(total))
    flow.close()
"""


def start(path: Path, folder: Path, writes: int = 0, workers: int = 0) -> Any:
    arguments = [str(path), str(folder), str(writes), str(workers)]
    environment = os.environ | {"PYTHONPATH": str(Path(augflow.__file__).parents[1])}
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8")


@pytest.mark.parametrize("writes", [1, 100])
def test_killed_while_it_is_filled(path: Path, tmp_path: Path, writes: int) -> None:
    """After the values of a block, before its record, and in the middle."""
    folder = tmp_path / "columns"
    process = start(path, folder, writes)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL

    def flow_with(cache: Path | None) -> Any:
        return flow_from_csv(
            path, ["id", "a"], "y", batch_size=9, shuffle=True, seed=3, cache=cache, workers=0
        )

    with flow_with(folder) as flow:
        there = flow.cache_info().cached
        assert (there == 0) == (writes == 1) and there < ROWS
        found = [next(flow) for _ in range(2 * len(flow))]
        assert flow.cache_info().cached == ROWS
    assert_equal(found, epochs_of(flow_with(None)))


@pytest.mark.heavy
def test_several_processes_fill_it_at_once(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    processes = [start(path, folder, workers=workers) for workers in (0, 0, 2)]
    totals = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(totals) == 1
    with flow_from_csv(path, ["id", "a"], "y", cache=folder, workers=0) as flow:
        assert flow.cache_info().cached == ROWS
        ids = np.concatenate([x[:, 0] for x, _ in flow.epoch()])
    assert ids.tolist() == list(range(ROWS))


def test_a_disk_without_room_is_told_beforehand(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(column_store, "free_disk", lambda folder: Room(20_000, 1 << 30))
    with pytest.warns(UserWarning, match=r"needs 22.0 KB more, but 0 B are free"):
        flow = flow_of(path, tmp_path / "columns")
    assert flow.cache_info() is None
    assert_equal(epochs_of(flow), epochs_of(flow_of(path)))


def test_a_disk_that_fills_up_ends_the_filling(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [40]

    def write(descriptor: int, data: np.ndarray, offset: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(descriptor, data, offset)

    whole = stored_column._write
    monkeypatch.setattr(stored_column, "_write", write)
    flow = flow_of(path, tmp_path / "columns")
    with pytest.warns(UserWarning, match="not filled any further: .*No space left") as warned:
        found = epochs_of(flow)
    assert len(warned) == 1
    assert_equal(found, epochs_of(flow_of(path)))


# What it is given


def test_what_is_no_folder_is_refused(path: Path, tmp_path: Path) -> None:
    for wrong in (True, 3, "", b"x", ["columns"]):
        with pytest.raises(TypeError, match="`cache` must be the path of a folder"):
            flow_of(path, wrong)
    with pytest.raises(ValueError, match="is for images"):
        flow_of(path, "ram")
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(OSError):
        flow_of(path, file)
    assert file.read_text() == "mine"


def test_links_and_pipes_are_not_touched(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "columns"
    epochs_of(flow_of(path, folder))
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in [file.name for file in files_of(folder)[:1]] + ["source", "lock"]:
        copy = tmp_path / f"copy of {name}"
        shutil.copytree(folder, copy)
        place = next(copy.glob(f"*/{name}"))
        place.unlink()
        place.symlink_to(mine)
        with pytest.raises(PermissionError, match="symbolic link"):
            flow_of(path, copy)
        place.unlink()
        os.mkfifo(place)
        with pytest.raises(PermissionError, match="named pipe"):
            flow_of(path, copy)
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "columns"
    due = epochs_of(flow_of(path, folder))
    forbid_parsing(monkeypatch)
    opened = os.open

    def refuse(name: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & (os.O_RDWR | os.O_CREAT) and str(name).endswith(("lock", "values", "records")):
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return opened(name, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.warns(UserWarning, match="is only read"):
        flow = flow_of(path, folder)
    assert_equal(epochs_of(flow), due)
    with pytest.raises(OSError, match="choose another directory"):
        flow_of(path, folder, dtype="float64")
