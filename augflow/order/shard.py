"""Which rows of each batch are this process's, where several processes train one model.

A *global batch* is what all processes get in one step. It is the batch of a flow that is not
divided, and a process has a contiguous part of its rows. So a global batch is the same for any
number of processes, and no two of them have to talk to each other.
"""

from __future__ import annotations

import json
import operator
import os
import sys
from collections.abc import Mapping
from typing import Any

Shard = tuple[int, int]


def checked_shard(shard: Any) -> Shard | None:
    """The number of this process's part, from 0, and how many parts there are; None for no parts.

    Args:
        shard: (index, count), "auto" for ``shard_of_process()``, or None.

    Raises:
        TypeError, ValueError: something else.
    """
    if shard is None:
        return None
    if isinstance(shard, str):
        if shard != "auto":
            raise ValueError(f'`shard` must be (index, count), "auto" or None. Received: {shard!r}')
        return shard_of_process(os.environ)
    try:
        index, count = (operator.index(number) for number in shard)
    except (TypeError, ValueError):
        raise TypeError(
            f'`shard` must be (index, count), two ints, "auto" or None. Received: {shard!r}'
        ) from None
    if not 0 <= index < count:
        raise ValueError(
            f"`shard` must be (index, count) with 0 <= index < count. Received: {shard!r}"
        )
    return index, count


def shard_of_process(environment: Mapping[str, str]) -> Shard:
    """This process's part, as whoever started it says; (0, 1) for a process of its own.

    Asked are, in this order: RANK and WORLD_SIZE (torchrun, accelerate), TF_CONFIG (TensorFlow's
    strategies), and JAX, if it is imported and its distributed mode has begun.

    Args:
        environment: variables of the process.

    Raises:
        ValueError: they contradict themselves.
    """
    if "RANK" in environment or "WORLD_SIZE" in environment:
        return _of_rank(environment)
    if environment.get("TF_CONFIG"):
        return _of_tensorflow(environment["TF_CONFIG"])
    jax = sys.modules.get("jax")
    # To ask for the index begins JAX, and its distributed mode could not begin any more.
    if jax is not None and _has_begun(jax):
        return jax.process_index(), jax.process_count()
    return 0, 1


def check_shared_seed(shard: Shard | None, seed: int | None) -> None:
    """Raise where several processes would each draw a seed of their own."""
    if seed is None and shard is not None and shard[1] > 1:
        raise ValueError(
            f"shard={shard} needs a `seed`, the same one in all processes: without it each would "
            "shuffle for itself, and samples would come twice or not at all. Received: seed=None"
        )


def check_not_saved(shard: Any, save_to_dir: Any) -> None:
    """Raise where a part of a batch would be saved under names of whole ones."""
    if shard is not None and save_to_dir:
        raise ValueError(
            f"`save_to_dir` is for looking at batches, and needs shard=None. Received: {shard!r}"
        )


def part_of(rows: int, shard: Shard | None) -> tuple[int, int]:
    """From where to where the rows of a global batch are those of a part.

    All parts have the same number of rows, but for a batch that cannot be divided evenly: there
    some have one more.

    Args:
        rows: of the global batch.
        shard: which part.
    """
    index, count = shard or (0, 1)
    return rows * index // count, rows * (index + 1) // count


def _has_begun(jax: Any) -> bool:
    # Older releases cannot tell.
    is_initialized = getattr(jax.distributed, "is_initialized", None)
    return is_initialized is not None and is_initialized()


def _of_rank(environment: Mapping[str, str]) -> Shard:
    found = {name: environment.get(name, "") for name in ("RANK", "WORLD_SIZE")}
    try:
        index, count = (int(text) for text in found.values())
    except ValueError:
        index, count = -1, 0
    if not 0 <= index < count:
        raise ValueError(
            'shard="auto": RANK and WORLD_SIZE in the environment must be ints, '
            f"0 <= RANK < WORLD_SIZE. Received: {found}"
        )
    return index, count


def _of_tensorflow(text: str) -> Shard:
    """The place among chief and workers; parameter servers and evaluators train nothing."""
    try:
        settings = json.loads(text)
        cluster, task = settings.get("cluster") or {}, settings.get("task") or {}
        members = [
            (kind, number)
            for kind in ("chief", "worker")
            for number in range(len(cluster.get(kind, ())))
        ]
        if not members:
            return 0, 1
        return members.index((task["type"], int(task["index"]))), len(members)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            'shard="auto": TF_CONFIG in the environment must be JSON with "cluster" and "task", '
            f"and the task one of the chief and workers of the cluster. Received: {text!r}"
        ) from None
