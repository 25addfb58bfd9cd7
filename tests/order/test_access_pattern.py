"""The guess at the next batches: right for each way that Keras and loops read, and corrected."""

from __future__ import annotations

import random

import pytest

from augflow.order import access_pattern
from augflow.order.access_pattern import AccessPattern
from augflow.order.permutation import python_shuffle


def hits(pattern: AccessPattern, order: list[int], length: int, depth: int = 4) -> int:
    """How many of the accesses after the first were among the ``depth`` expected ones."""
    found = 0
    for place, index in enumerate(order):
        found += place > 0 and index in pattern.upcoming(depth)
        pattern.observe(index, length)
    return found


def shuffled_as_keras_does(pattern: AccessPattern, length: int) -> list[int]:
    pattern.length_was_read()
    order = list(range(length))
    random.shuffle(order)
    return order


def test_upwards() -> None:
    assert hits(AccessPattern(), list(range(40)), 40) == 39


@pytest.mark.parametrize("length", [2, 7, 40, 1000])
def test_the_shuffle_of_fit_is_foreseen(length: int) -> None:
    pattern = AccessPattern()
    # Keras reads batches 0 and 1 first, to learn their shapes.
    pattern.observe(0, length)
    pattern.observe(1, length)
    for _ in range(3):
        order = shuffled_as_keras_does(pattern, length)
        # The first index may by chance be the one that an upward pass would ask for.
        assert hits(pattern, order, length) >= length - 2
        pattern.next_epoch(length)


def test_a_foreseen_epoch_is_known_before_its_first_batch() -> None:
    pattern = AccessPattern()
    hits(pattern, shuffled_as_keras_does(pattern, 30), 30)
    pattern.next_epoch(30)
    expected = pattern.upcoming(30)
    assert expected == shuffled_as_keras_does(pattern, 30)


def test_slightly_out_of_order_as_threads_ask() -> None:
    order = list(range(40))
    for place in range(1, 39, 2):
        order[place], order[place + 1] = order[place + 1], order[place]
    assert hits(AccessPattern(), order, 40) >= 37


def test_a_wrong_guess_is_given_up() -> None:
    pattern = AccessPattern()
    order = shuffled_as_keras_does(pattern, 30)
    pattern.observe(order[0], 30)
    # Somebody reads upwards after all.
    rest = [index for index in range(30) if index != order[0]]
    for index in rest[:8]:
        pattern.observe(index, 30)
    assert set(rest[8:11]) <= set(pattern.upcoming(4))


def test_evaluate_reads_upwards_although_the_length_was_read() -> None:
    # One shuffle in twenty begins with 0 as well, and is then followed for a batch or two.
    random.seed(3)
    pattern = AccessPattern()
    pattern.length_was_read()
    assert hits(pattern, list(range(20)), 20) >= 18


def test_random_access_expects_nothing() -> None:
    pattern = AccessPattern()
    for index in (5, 17, 2, 11):
        pattern.observe(index, 20)
    assert pattern.upcoming(4) == []


def test_random_access_shuffles_once_for_each_time_the_length_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shuffled = []
    monkeypatch.setattr(
        access_pattern,
        "python_shuffle",
        lambda length, state: shuffled.append(length) or python_shuffle(length, state),
    )
    pattern = AccessPattern()
    draw = random.Random(1)
    for _ in range(2):
        pattern.length_was_read()
        for _ in range(100):
            pattern.observe(draw.randrange(500), 500)
    assert shuffled == [500, 500]
    # And a shuffle that follows is still foreseen.
    assert hits(pattern, shuffled_as_keras_does(pattern, 500), 500) >= 498


def test_foreseeing_leaves_random_alone() -> None:
    pattern = AccessPattern()
    random.seed(3)
    pattern.length_was_read()
    before = random.getstate()
    pattern.observe(7, 30)
    pattern.next_epoch(30)
    assert random.getstate() == before


def test_an_epoch_of_millions_takes_no_list_of_millions() -> None:
    length = 3_000_000
    pattern = AccessPattern()
    assert hits(pattern, list(range(140_000)), length) >= 140_000 - 4
    assert len(pattern._expected) < 100_000
    pattern.next_epoch(length)
    assert pattern.upcoming(3) == [0, 1, 2]
    assert len(pattern._expected) < 100_000
