"""Scripts that tests wait for, two at a time: importing Keras keeps one core busy for seconds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@contextmanager
def side_by_side(
    jobs: Mapping[Key, Callable[[], Result]],
) -> Iterator[dict[Key, Future[Result]]]:
    """Start all jobs, in this order; on leaving, those that have not begun are given up."""
    pool = ThreadPoolExecutor(2)
    try:
        yield {key: pool.submit(job) for key, job in jobs.items()}
    finally:
        pool.shutdown(cancel_futures=True)
