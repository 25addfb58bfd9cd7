"""What a model makes of a flow's samples: one row for each, however often it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class Outputs:
    """The mean of a model's outputs for each sample, over all that was read of it.

    Args:
        samples: how many there are.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._sums: list[np.ndarray] | None = None
        self._counts = np.zeros(samples, np.int64)
        self.names: tuple[Any, ...] | None = None

    def add(self, rows: np.ndarray, outputs: Any) -> None:
        """Add the outputs for some samples: int array of shape (batch,), rows of each output.

        Raises:
            ValueError: another number of rows.
        """
        names, arrays = _arrays_of(outputs)
        for array in arrays:
            if array.ndim == 0 or len(array) != len(rows):
                raise ValueError(
                    f"the model gave an output of shape {array.shape} for {len(rows)} samples; "
                    "expected one row a sample"
                )
        if self._sums is None:
            self.names = names
            shapes = [(self._samples, *array.shape[1:]) for array in arrays]
            self._sums = [np.zeros(shape, np.float64) for shape in shapes]
        for total, array in zip(self._sums, arrays, strict=True):
            np.add.at(total, rows, array)
        np.add.at(self._counts, rows, 1)

    def means(self) -> list[np.ndarray]:
        """Each output as float64 of shape (samples, ...); NaN where a sample was never read."""
        if self._sums is None:
            return []
        shapes = [(-1, *(1,) * (total.ndim - 1)) for total in self._sums]
        with np.errstate(invalid="ignore"):
            return [
                total / self._counts.reshape(shape)
                for total, shape in zip(self._sums, shapes, strict=True)
            ]

    def were_read(self) -> np.ndarray:
        """Which samples were read at all: bool of shape (samples,)."""
        return self._counts > 0


def asked(model: Any, inputs: Any) -> Any:
    """What a model makes of a batch of inputs.

    Args:
        model: one of Keras's, or anything with ``predict_on_batch`` or ``predict``, or a function.
        inputs: as a flow hands them over.

    Raises:
        TypeError: it is none of these.
    """
    # Inputs without targets come in a tuple, which is no input of its own.
    if isinstance(inputs, tuple) and len(inputs) == 1:
        inputs = inputs[0]
    for name in ("predict_on_batch", "predict"):
        method = getattr(model, name, None)
        if callable(method):
            return method(inputs)
    if callable(model):
        return model(inputs)
    raise TypeError(
        "`model` must have `predict_on_batch` (as Keras's models) or `predict`, or be a function "
        f"from inputs to outputs. Received: {type(model).__name__}"
    )


def _arrays_of(outputs: Any) -> tuple[tuple[Any, ...] | None, list[np.ndarray]]:
    """(names, arrays) of outputs; names of a dict's alone."""
    if isinstance(outputs, Mapping):
        return tuple(outputs), [np.asarray(one) for one in outputs.values()]
    if isinstance(outputs, list | tuple):
        return None, [np.asarray(one) for one in outputs]
    return None, [np.asarray(outputs)]
