"""Methods that subclasses and callers put in the place of a flow's own, as Keras lets them."""

from __future__ import annotations

import functools
import sys
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
    """A batch without lists of inputs or targets: TensorFlow takes none from Keras's ``fit``.

    Text in it becomes tensors, since Keras takes arrays of text from no flow.
    """
    if not isinstance(batch, tuple):
        made = _with_text_tensors(batch)
        # Keras takes an array by itself, but no tensor.
        return (made,) if isinstance(batch, np.ndarray) and made is not batch else made
    return tuple(
        _with_text_tensors(tuple(part) if isinstance(part, list) else part) for part in batch
    )


def _with_text_tensors(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        return _text_tensor(part) if part.dtype.kind == "U" else part
    if isinstance(part, dict):
        return {name: _with_text_tensors(each) for name, each in part.items()}
    if isinstance(part, tuple):
        return tuple(map(_with_text_tensors, part))
    return part


def _text_tensor(texts: np.ndarray) -> Any:
    """A tensor of strings, where Keras runs on TensorFlow.

    Raises:
        TypeError: it runs on something else, which has no text.
    """
    keras, tensorflow = sys.modules.get("keras"), sys.modules.get("tensorflow")
    # Keras 2 knows no other.
    backend = "tensorflow" if keras is None else keras.config.backend()
    if tensorflow is None or backend != "tensorflow":
        raise TypeError(
            f"Keras's backend {backend!r} has no tensors of text, as TensorFlow's has. Make "
            "numbers of the text: see preprocess= of augflow.flow_from_csv, or `load`."
        )
    return tensorflow.constant(texts)


def is_overridden(flow: Any, name: str, base: type) -> bool:
    """Whether a flow has a method of its own: by its class, or set on it alone."""
    return name in vars(flow) or getattr(type(flow), name) is not getattr(base, name)
