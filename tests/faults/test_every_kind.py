"""Rows of the fault table that any kind of flow can meet: one test body each, over all kinds.

What comes is compared with the batches of a flow without workers, byte by byte.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from loky.process_executor import _ThreadWakeup

from augflow.runtime.pool import WorkerPool
from tests.faults.conftest import SEED
from tests.faults.inject import worker_processes
from tests.faults.kinds import KINDS
from tests.faults.leftovers import await_nothing_left, memory_in_use
from tests.faults.reference import Reference, Twin

pytestmark = [pytest.mark.heavy, pytest.mark.parametrize("kind", KINDS)]


@pytest.fixture
def twin(kind: str, reference: Reference) -> Twin:
    return reference.twin(kind, SEED)


@pytest.fixture
def make(kind: str, reference: Reference) -> Callable[[int], Any]:
    """Makes a flow with some workers, of the same batches as the twin."""
    return lambda workers: KINDS[kind](reference.folder, workers, SEED)


@pytest.fixture(autouse=True)
def nothing_is_left_and_nothing_said() -> Iterator[None]:
    # Other tests of this process may hold batches; their leases count as there.
    before, held = set(threading.enumerate()), memory_in_use()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*from now on.*")
        yield
    gc.collect()
    await_nothing_left(before, held)


@contextmanager
def open_flow(flow: Any) -> Iterator[Any]:
    """A flow that is closed at the end, whatever it is."""
    try:
        yield flow
    finally:
        close = getattr(flow, "close", None)
        if close is not None:
            close()


def read(flow: Any, twin: Twin, count: int, start: int = 0) -> None:
    """Read batches by ``next`` and compare them."""
    for number in range(start, start + count):
        position = number % twin.length
        twin.compare(next(flow), [(number - position, position)], f"batch {number}")


def later(seconds: float, function: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


def a_worker(then: Callable[[Any], object]) -> None:
    for worker in worker_processes()[:1]:
        then(worker)


def test_killed_workers(make: Callable[[int], Any], twin: Twin) -> None:
    with open_flow(make(2)) as flow:
        read(flow, twin, 2)
        for round_number in range(4):
            # In the middle of a task, between two, and while others start.
            timer = later(0.004 * round_number**2, lambda: a_worker(lambda worker: worker.kill()))
            read(flow, twin, 2 + twin.length // 2, flow.total_batches_seen)
            timer.join()


def test_stopped_workers(make: Callable[[int], Any], twin: Twin) -> None:
    with open_flow(make(2)) as flow:
        read(flow, twin, 3)
        stopped = worker_processes()
        for worker in stopped:
            worker.suspend()
        timers = [later(0.3, worker.resume) for worker in stopped]
        read(flow, twin, twin.length, 3)
        for timer in timers:
            timer.join()


@pytest.mark.parametrize("where", ["before", "within", "after"])
def test_an_interrupt_while_tasks_are_handed_over(
    make: Callable[[int], Any], twin: Twin, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exception comes as it would where another thread has taken the signal."""
    home, name = (WorkerPool, "submit") if where != "within" else (_ThreadWakeup, "wakeup")
    original = getattr(home, name)
    calls, interrupts = itertools.count(1), set(range(2, 90, 7))

    def interrupted(*arguments: Any) -> Any:
        now = next(calls) in interrupts
        if now and where == "before":
            raise KeyboardInterrupt
        original(*arguments)
        if now:
            raise KeyboardInterrupt

    with open_flow(make(2)) as flow:
        read(flow, twin, 1)
        monkeypatch.setattr(home, name, interrupted)
        held = []
        # Another batch each time: what is left of an interrupted one must not be seen in it.
        for position in [*range(twin.length)] * 4:
            with contextlib.suppress(KeyboardInterrupt):
                held.append((position, flow[position]))
        monkeypatch.undo()
        time.sleep(0.2)
        for position, batch in held:
            twin.compare(batch, [(0, position)], f"position {position}")
    assert held


def test_a_pool_that_is_outgrown(make: Callable[[int], Any], twin: Twin) -> None:
    with open_flow(make(1)) as small, open_flow(make(2)) as middle, open_flow(make(3)) as large:
        read(small, twin, 3)
        readers = [
            threading.Thread(target=read, args=(flow, twin, twin.length))
            for flow in (middle, large)
        ]
        for reader in readers:
            reader.start()
        read(small, twin, twin.length, 3)
        for reader in readers:
            reader.join()


def test_a_flow_that_is_closed_while_others_read(make: Callable[[int], Any], twin: Twin) -> None:
    failures: list[str] = []

    def read_all(flow: Any) -> None:
        try:
            for position in range(twin.length):
                twin.compare(flow[position], [(0, position)], f"position {position}")
        except BaseException as error:
            failures.append(error)

    with open_flow(make(2)) as flow:
        readers = [threading.Thread(target=read_all, args=(flow,)) for _ in range(2)]
        for reader in readers:
            reader.start()
        close = getattr(flow, "close", lambda: None)
        while any(reader.is_alive() for reader in readers):
            close()
            time.sleep(0.01)
    assert not failures, failures[0]


def test_batches_that_are_held(make: Callable[[int], Any], twin: Twin) -> None:
    with open_flow(make(2)) as flow:
        held = [next(flow) for _ in range(3 * twin.length)]
        for number, batch in enumerate(held):
            position = number % twin.length
            twin.compare(batch, [(number - position, position)], f"batch {number}")


@pytest.mark.parametrize("how", ["drop", "close"])
def test_a_flow_that_ends_while_it_reads_ahead(
    make: Callable[[int], Any], twin: Twin, how: str
) -> None:
    flow = make(2)
    read(flow, twin, 2)
    if how == "close" and hasattr(flow, "close"):
        flow.close()
    del flow
    # The fixture sees that nothing is left.
