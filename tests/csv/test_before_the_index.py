"""Large files in order: the first batches come while a thread still indexes."""

from __future__ import annotations

import gc
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow import CsvReadError, flow_from_csv
from augflow.csv import index as csv_index
from augflow.csv import open_files
from augflow.csv import plan as csv_plan
from augflow.csv.open_files import CsvFiles
from augflow.flow.counted_later import FirstRows, Later

ROWS = 1000


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """All files are large, blocks and pieces small, and nothing is counted until this is set."""
    monkeypatch.setattr(open_files, "_LARGE_BYTES", 0)
    monkeypatch.setattr(csv_index, "_BLOCK_BYTES", 100)
    monkeypatch.setattr(csv_index, "_PIECE_BYTES", 300)
    monkeypatch.setattr(csv_index, "_PORTION_BYTES", 1000)
    monkeypatch.setattr(csv_plan, "_MOST_EARLY_BYTES", 4 * 70)
    event = threading.Event()
    table = CsvFiles.table

    def gated(self: CsvFiles, stop: threading.Event | None = None) -> Any:
        if stop is not None:
            event.wait(60)
        return table(self, stop)

    monkeypatch.setattr(CsvFiles, "table", gated)
    yield event
    event.set()


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "".join(f"{row},{row * 2}\n" for row in range(ROWS)))
    return path


@pytest.mark.parametrize("batch_size", [7, 100, 250])
@pytest.mark.parametrize("before", [1, 3])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_before_and_after(
    table_file: Path, gate: threading.Event, batch_size: int, before: int, workers: int
) -> None:
    reading: dict[str, Any] = {"batch_size": batch_size, "workers": workers}
    with flow_from_csv(table_file, ["a"], "b", **reading) as flow:
        got = [next(flow) for _ in range(before)]
        # A batch is the consumer's own.
        got[0][0][:] += 1
        gate.set()
        batches = -(-ROWS // batch_size)
        got += [next(flow) for _ in range(2 * batches - before)]
        assert (len(flow), flow.n, flow.samples) == (batches, ROWS, ROWS)
        assert (flow.batch_index, flow.total_batches_seen) == (0, 2 * batches)
    got[0][0][:] -= 1
    for epoch in (got[:batches], got[batches:]):
        assert np.concatenate([x[:, 0] for x, _ in epoch]).tolist() == list(range(ROWS))
        assert all((y == 2 * x[:, 0]).all() for x, y in epoch)
        assert [len(y) for _, y in epoch[:-1]] == [batch_size] * (batches - 1)


def test_a_pass_is_as_long_as_the_file(table_file: Path, gate: threading.Event) -> None:
    flow = flow_from_csv(table_file, "a", batch_size=100, workers=0)
    seen = []
    for batch in flow.epoch():
        seen += batch.tolist()
        if len(seen) == 500:
            assert "n" in vars(flow) and flow.__dict__["n"] < ROWS
            gate.set()
    assert seen == list(range(ROWS))
    assert sum(len(batch) for batch in flow.epoch()) == ROWS


def test_whoever_asks_for_the_count_waits(table_file: Path, gate: threading.Event) -> None:
    flow = flow_from_csv(table_file, "a", batch_size=100, workers=0)
    next(flow)
    threading.Timer(0.2, gate.set).start()
    begin = time.monotonic()
    assert len(flow) == 10 and time.monotonic() - begin > 0.1
    # The epoch is still the one that was begun.
    assert flow._epoch is not None and flow._epoch.start == 0
    # The pass by next() goes on, and batches have their places.
    assert next(flow)[0] == 100 and flow[9][0] == 900


def test_changed_settings_hold_from_the_next_batch_on(
    table_file: Path, gate: threading.Event
) -> None:
    flow = flow_from_csv(table_file, "a", batch_size=100, workers=0)
    assert next(flow)[-1] == 99
    flow.batch_size = 50
    threading.Timer(0.2, gate.set).start()
    assert next(flow).tolist() == list(range(50, 100))
    other = flow_from_csv(table_file, "a", batch_size=100, seed=0, workers=0)
    other.shuffle = True
    assert next(other).tolist() != list(range(100))


def test_a_copy_is_counted(table_file: Path, gate: threading.Event) -> None:
    flow = flow_from_csv(table_file, "a", batch_size=100, workers=0)
    next(flow)
    gate.set()
    assert next(pickle.loads(pickle.dumps(flow)))[0] == next(flow)[0] == 100


@pytest.mark.parametrize("line", ["1,2,3", "x,1"])
def test_bad_rows_are_found_in_their_time(tmp_path: Path, gate: threading.Event, line: str) -> None:
    path = tmp_path / "data.csv"
    rows = [f"{row},1" for row in range(ROWS)]
    rows[700] = line
    path.write_text("a,b\n" + "\n".join(rows) + "\n")
    flow = flow_from_csv(path, "a", batch_size=100, workers=0)
    assert [next(flow)[0] for _ in range(5)] == [0, 100, 200, 300, 400]
    gate.set()
    with pytest.raises(CsvReadError, match="line 702"):
        for _ in range(5):
            next(flow)
    # Malformed rows leave no count, and are found again.
    if line == "1,2,3":
        with pytest.raises(CsvReadError, match="line 702"):
            len(flow)


def test_the_order_must_allow_it(table_file: Path, gate: threading.Event) -> None:
    shuffled = flow_from_csv(table_file, "a", shuffle=True, workers=0)
    assert shuffled.n == ROWS
    # There is an index now.
    assert flow_from_csv(table_file, "a", workers=0).n == ROWS
    assert not gate.is_set()


def test_the_last_rows_are_left_to_who_knows_that_they_are_the_last() -> None:
    parts = [np.arange(first, first + 5) for first in range(0, 20, 5)]
    rows = FirstRows([part] for part in parts)
    taken = [rows.take(start, start + 4) for start in range(0, 20, 4)]
    assert [part[0].tolist() for part in taken[:4] if part] == [
        list(range(start, start + 4)) for start in range(0, 16, 4)
    ]
    assert taken[4] is None and rows.take(0, 4) is None


def test_what_nobody_wants_any_more_ends() -> None:
    ended = threading.Event()

    def work(stop: threading.Event) -> None:
        stop.wait(20)
        ended.set()

    later = Later(work)
    assert not later.is_there
    del later
    gc.collect()
    assert ended.wait(10)


def test_a_forked_child_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    calls = []

    def work(stop: threading.Event) -> int:
        calls.append(1)
        if len(calls) == 1:
            release.wait(20)
        return len(calls)

    later = Later(work)
    monkeypatch.setattr("augflow.flow.counted_later.os.getpid", lambda: -1)
    assert later.result() == 2
    release.set()
