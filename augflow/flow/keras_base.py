"""How a flow becomes what Keras asks for, without importing Keras.

``model.fit`` takes a flow because ``isinstance(flow, PyDataset)``, and Keras 2's because
``isinstance(flow, Sequence)``. Importing Keras for the sake of a base class would cost seconds, and
gigabytes where no Keras model is in sight. So the base class is added at the moment somebody asks
for a flow's class and Keras has been imported, which is what ``isinstance`` does.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar

# Keras 3, and Keras 2 as it goes on beside it.
_DATASETS = (
    ("keras.src.trainers.data_adapters.py_dataset_adapter", "PyDataset"),
    ("tf_keras.src.utils.data_utils", "Sequence"),
)
_IMAGE_MODULES = ("keras.src.legacy.preprocessing.image", "tf_keras.src.preprocessing.image")

# Classes of augflow, in the order in which they take on bases, and where these are found.
_faces: list[tuple[type, tuple[tuple[str, str], ...]]] = []
_adopting = threading.RLock()
_Class = TypeVar("_Class", bound=type)


class KerasFace:
    """A class that becomes a subclass of Keras's of its name, as soon as Keras is imported."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        new = [base for face, base in _adopt_keras_bases() if issubclass(type(self), face)]
        if not new:
            return type(self)
        # isinstance has looked at type(self) before it asks here, and would not look again: the
        # one time that bases change under its hands, the answer is a class with all of them.
        ends = [base for base in new if not any(base in other.__mro__[1:] for other in new)]
        return type(type(self).__name__, tuple(ends), {})

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        _adopt_keras_bases()
        return super().__new__(cls)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # pickle compares __class__ with the type, so the exchange has to be over.
        _adopt_keras_bases()
        return super().__reduce_ex__(protocol)


def faces_keras(name: str) -> Callable[[_Class], _Class]:
    """A decorator: the class is to be a subclass of Keras's image class of this name."""
    return _faces_any(tuple((module, name) for module in _IMAGE_MODULES))


def _faces_any(bases: tuple[tuple[str, str], ...]) -> Callable[[_Class], _Class]:
    def enlist(face: _Class) -> _Class:
        _faces.append((face, bases))
        return face

    return enlist


class KerasDataset:
    """The interface of ``PyDataset`` and ``Sequence``."""

    # What ``fit`` reads: augflow's own processes take the place of Keras's threads.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __len__(self) -> int:
        raise NotImplementedError("a flow's length is that of its samples")

    @property
    def num_batches(self) -> int:
        """Batches an epoch."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called by Keras before an epoch."""

    def on_epoch_end(self) -> None:
        """Called by Keras after an epoch."""


@_faces_any(_DATASETS)
class KerasBase(KerasFace, KerasDataset):
    """Base of all flows."""


def _adopt_keras_bases() -> list[tuple[type, type]]:
    """Give augflow's classes the bases that are there by now; those that are new."""
    new = []
    with _adopting:
        for face, sources in _faces:
            for module, name in sources:
                base = getattr(sys.modules.get(module), name, None)
                if not isinstance(base, type) or base in face.__bases__:
                    continue
                # Under ``augflow run`` Keras's module has augflow's own class.
                if not issubclass(base, face):
                    # Behind the others, so that augflow's own methods come first.
                    face.__bases__ = (*face.__bases__, base)
                    new.append((face, base))
    return new


def _after_fork() -> None:
    global _adopting
    _adopting = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def is_called_by_enqueuer(flow: Any) -> bool:
    """Whether this thread is that of a queue of Keras 2 (``OrderedEnqueuer``) over the flow."""
    owner = getattr(getattr(threading.current_thread(), "_target", None), "__self__", None)
    return getattr(owner, "sequence", None) is flow
