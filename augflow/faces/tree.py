"""Batches are trees of arrays: arrays in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_batch(batch: Any, function: Callable[[Any], Any]) -> Any:
    """The same batch of what a function makes of its arrays; lists become tuples.

    TensorFlow takes a list for an array of its items, and torch's loops unpack both alike.
    """
    if isinstance(batch, dict):
        return {name: map_batch(part, function) for name, part in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(map_batch(part, function) for part in batch)
    return function(batch)
