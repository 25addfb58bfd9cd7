"""Methods that subclasses and callers put in the place of a flow's own, as Keras lets them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


def with_live_stream(method: Any) -> Any:
    """A method that finds the batch's stream in np.random, also where ``next()`` of a subclass
    calls it, as it does in Keras."""

    @functools.wraps(method)
    def as_in_keras(self: Any, index_array: np.ndarray) -> Any:
        with self._live.lent(self._live.current()):
            return method(self, index_array)

    return as_in_keras


def with_tuples(batch: Any) -> Any:
    """A batch without lists of inputs or targets: TensorFlow takes none from Keras's ``fit``."""
    if not isinstance(batch, tuple):
        return batch
    return tuple(tuple(part) if isinstance(part, list) else part for part in batch)


def is_overridden(flow: Any, name: str, base: type) -> bool:
    """Whether a flow has a method of its own: by its class, or set on it alone."""
    return name in vars(flow) or getattr(type(flow), name) is not getattr(base, name)
