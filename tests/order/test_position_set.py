"""A set of positions in bits, against Python's."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from augflow.order.position_set import PositionSet


@given(st.lists(st.integers(0, 3000)), st.lists(st.integers(0, 3000)))
def test_it_is_a_set(first: list[int], second: list[int]) -> None:
    positions = PositionSet()
    for position in first:
        positions.add(position)
    other = pickle.loads(pickle.dumps(positions.copy()))
    for position in second:
        other.add(position)
    for found, expected in ((positions, set(first)), (other, {*first, *second})):
        assert len(found) == len(expected)
        assert bool(found) == bool(expected)
        assert {position for position in range(3100) if position in found} == expected
    positions.clear()
    assert len(positions) == 0 and 0 not in positions


def test_it_takes_a_bit_a_position() -> None:
    positions = PositionSet()
    for position in range(0, 4_000_000, 8):
        positions.add(position)
    assert len(positions) == 500_000
    assert len(pickle.dumps(positions)) < 1_000_000
