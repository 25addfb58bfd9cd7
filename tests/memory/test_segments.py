"""Shared segments and their leases: memory is used again after the last view, never before."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from augflow.memory.segments import Arena, Mappings, Segment

BOTH = pytest.mark.parametrize("anonymous", [True, False])


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@BOTH
def test_a_mapping_sees_what_the_owner_writes(anonymous: bool) -> None:
    segment = Segment(10_000, anonymous)
    segment.memory[:5] = b"hello"
    mapped = Mappings().attach(segment.address)
    assert mapped[:5] == b"hello"
    mapped[9_999:10_000] = b"x"
    assert segment.memory[9_999:10_000] == b"x"


@BOTH
def test_closed_segments_vanish(anonymous: bool, temporary_folder: Path) -> None:
    segment = Segment(5_000, anonymous)
    mappings = Mappings()
    mappings.attach(segment.address)
    assert mappings.drop_vanished() == []
    segment.close()
    assert mappings.drop_vanished() == [segment.address]
    with pytest.raises(OSError):
        mappings.attach(segment.address)
    assert not os.listdir(temporary_folder)


def test_an_address_does_not_find_another_segment() -> None:
    first = Segment(5_000, True)
    address = first.address
    first.close()
    second = Segment(5_000, True)
    if second.address.path != address.path:
        pytest.skip("the descriptor's number was not used again")
    with pytest.raises(FileNotFoundError):
        Mappings().attach(address)


def test_a_lease_lasts_as_long_as_the_last_view() -> None:
    arena = Arena(4_096 * 4, most_leased=8)
    segment = arena.take()
    array = np.frombuffer(arena.lease(segment), np.uint8).reshape(4, -1)
    view = array[1:3, ::2].T
    del array
    gc.collect()
    assert arena.take() is not segment
    del view
    gc.collect()
    assert arena.take() is segment


def test_leases_are_bounded_and_counted() -> None:
    arena = Arena(4_096, most_leased=2)
    buffers = [arena.lease(arena.take()), arena.lease(arena.take())]
    assert not arena.may_lease
    buffers.pop()
    gc.collect()
    assert arena.may_lease


def test_a_held_batch_outlives_its_arena() -> None:
    arena = Arena(4_096, most_leased=2)
    segment = arena.take()
    array = np.frombuffer(arena.lease(segment), np.uint8)
    array[:] = 7
    arena.close()
    del arena, segment
    gc.collect()
    assert (array == 7).all()


def test_no_descriptor_is_left(temporary_folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for anonymous in (True, False):
        arena = Arena(4_096, most_leased=4, anonymous=anonymous)
        held = [np.frombuffer(arena.lease(arena.take()), np.uint8) for _ in range(3)]
        arena.give_back(arena.take())
        arena.close()
        del held, arena
        gc.collect()
    # The resource tracker of temporary files keeps one pipe.
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    assert not os.listdir(temporary_folder)
