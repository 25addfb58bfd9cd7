"""The ways to read a flow, each batch compared with what it has to be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random
from typing import Any

from tests.faults.stage import CallLostError, Stage
from tests.faults.subject import Subject

_HOLD = 0.3


def step(stage: Stage, subject: Subject, random: Random) -> None:
    """One call of ``next()``."""
    before = subject.counters()
    try:
        batch = stage.call(f"next() of {subject.name}", subject.flow.next)
    except CallLostError:
        subject.note_steps(before, most=1, calls=0)
        return
    keys = subject.note_steps(before, most=1, calls=1)
    stage.compared += 1
    subject.match([("next()", batch)], keys, lost=0)
    if random.random() < _HOLD:
        subject.hold(batch, f"next() of {keys}", random)


def read_index(stage: Stage, subject: Subject, position: int, random: Random) -> None:
    """One access by index."""
    try:
        batch = stage.call(f"flow[{position}] of {subject.name}", lambda: subject.flow[position])
    except CallLostError:
        return
    stage.compared += 1
    subject.check_indexed(position, batch, f"flow[{position}]")
    if random.random() < _HOLD:
        subject.hold(batch, f"flow[{position}] of the epoch from {subject.starts}", random)


def end_epoch(stage: Stage, subject: Subject) -> None:
    """Go on to the next epoch."""
    before = subject.counters()
    try:
        stage.call(f"on_epoch_end() of {subject.name}", subject.flow.on_epoch_end)
    except CallLostError:
        subject.note_epoch_end(before, interrupted=True)
    else:
        subject.note_epoch_end(before, interrupted=False)


def take_steps(stage: Stage, subject: Subject, count: int, random: Random) -> None:
    """By ``next()``."""
    for _ in range(count):
        step(stage, subject, random)


def read_in_order(stage: Stage, subject: Subject, count: int, random: Random) -> None:
    """By index upwards, from anywhere, over the ends of epochs."""
    first = random.randrange(subject.length)
    for place in range(first, first + count):
        if place and place % subject.length == 0:
            end_epoch(stage, subject)
        read_index(stage, subject, place % subject.length, random)


def read_anywhere(stage: Stage, subject: Subject, count: int, random: Random) -> None:
    """By index here and there."""
    for _ in range(count):
        read_index(stage, subject, random.randrange(subject.length), random)


def share_steps(stage: Stage, subject: Subject, count: int, threads: int) -> None:
    """``next()`` by several threads: each batch has to come to one of them."""
    before = subject.counters()
    batches: list[tuple[str, Any]] = []
    lost: list[str] = []

    def read(number: int) -> None:
        for _ in range(count):
            try:
                batch = stage.call(f"next() of {subject.name}", subject.flow.next)
                batches.append((f"next() in thread {number}", batch))
            except CallLostError:
                lost.append(f"thread {number}")

    _in_threads(threads, read)
    keys = subject.note_steps(before, most=len(batches) + len(lost), calls=len(batches))
    stage.compared += len(batches)
    subject.match(batches, keys, len(lost))


def share_indices(stage: Stage, subject: Subject, count: int, threads: int, random: Random) -> None:
    """By index here and there, by several threads."""
    seeds = [random.randrange(2**32) for _ in range(threads + 1)]

    def read(number: int) -> None:
        own = Random(seeds[number])
        for _ in range(count):
            position = own.randrange(subject.length)
            what = f"flow[{position}] in thread {number}"
            try:
                batch = stage.call(
                    f"{what} of {subject.name}", lambda position=position: subject.flow[position]
                )
            except CallLostError:
                continue
            subject.check_indexed(position, batch, what)

    _in_threads(threads, read)
    stage.compared += count * (threads + 1)


def _in_threads(count: int, read: Callable[[int], None]) -> None:
    """Let ``read(number)`` run in some threads and, as number 0, in this one.

    Raises:
        BaseException: what one of them raised.
    """
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            read(number)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=guarded, args=(number,), daemon=True)
        for number in range(1, count + 1)
    ]
    for thread in threads:
        thread.start()
    read(0)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
