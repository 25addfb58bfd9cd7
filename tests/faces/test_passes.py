"""Passes over a flow that are broken off, chosen by number, and gone on with."""

from __future__ import annotations

import threading
from itertools import islice

import numpy as np

from augflow import flow_from_arrays
from augflow.faces.passes import Passes


def make_flow() -> object:
    return flow_from_arrays(np.arange(23), batch_size=4, seed=1)


def epochs(count: int) -> list[list[list[int]]]:
    flow = make_flow()
    return [[batch.tolist() for batch in flow.epoch()] for _ in range(count)]


def read(passes: Passes, count: int | None = None) -> list[list[int]]:
    return [batch.tolist() for batch in islice(passes.begin(), count)]


def test_each_pass_is_the_next_epoch() -> None:
    passes = Passes(make_flow())
    assert [read(passes) for _ in range(3)] == epochs(3)


def test_what_is_broken_off_is_followed_by_the_next_epoch() -> None:
    due = epochs(4)
    for most in (1, 5, 6):
        passes = Passes(make_flow())
        assert read(passes, most) == due[0][:most]
        assert [read(passes), read(passes, 2), read(passes)] == [due[1], due[2][:2], due[3]]


def test_the_number_of_an_epoch_names_it() -> None:
    due = epochs(4)
    passes = Passes(make_flow())
    for number in (2, 0, 3, 3):
        passes.go_to(number)
        assert read(passes) == due[number]
    assert len(read(passes)) == 6


def test_a_pass_begins_where_the_flow_stands() -> None:
    due = epochs(3)
    flow = make_flow()
    for _ in range(8):
        next(flow)
    passes = Passes(flow)
    passes.go_to(1)
    assert read(passes) == due[1][2:]
    assert read(passes) == due[2]
    passes.go_to(1)
    assert read(passes) == due[1]


def test_a_pass_that_is_over_takes_nothing_from_the_next() -> None:
    due = epochs(2)
    passes = Passes(make_flow())
    old = passes.begin()
    next(old)
    new = passes.begin()
    got = [next(new).tolist()]
    # As a thread that reads ahead, and has not heard yet that nobody wants what it reads.
    thread = threading.Thread(target=lambda: list(old))
    thread.start()
    thread.join()
    assert got + [batch.tolist() for batch in new] == due[1]
