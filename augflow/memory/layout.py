"""How the arrays of a batch lie in one buffer."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

# Where each array begins: a cache line, which also suits every dtype.
_ALIGNMENT = 64


@dataclass(frozen=True)
class Field:
    """One array of a batch.

    Attributes:
        shape: of one sample.
        dtype: as ``np.dtype.str`` gives it.
    """

    shape: tuple[int, ...]
    dtype: str

    def bytes_of(self, samples: int) -> int:
        """The bytes of this array, without what separates it from the next."""
        return samples * prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Layout:
    """The arrays of a batch, one after the other; each row belongs to one sample."""

    fields: tuple[Field, ...]

    def bytes_of(self, samples: int) -> int:
        """The size of the buffer for a batch."""
        return sum(_aligned(field.bytes_of(samples)) for field in self.fields)

    def views(self, samples: int, buffer: Any) -> list[np.ndarray]:
        """Arrays of shape (samples, *field.shape) laid over a buffer."""
        arrays = []
        start = 0
        for field in self.fields:
            count = samples * prod(field.shape)
            flat = np.frombuffer(buffer, dtype=field.dtype, count=count, offset=start)
            arrays.append(flat.reshape((samples, *field.shape)))
            start += _aligned(field.bytes_of(samples))
        return arrays

    def empty(self, samples: int) -> list[np.ndarray]:
        """Arrays of the same shapes in memory of their own, not initialised."""
        return [np.empty((samples, *field.shape), field.dtype) for field in self.fields]


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
