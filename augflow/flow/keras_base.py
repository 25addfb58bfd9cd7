"""How a flow becomes what Keras asks for, without importing Keras.

``model.fit`` takes a flow because ``isinstance(flow, PyDataset)``, and Keras 2's because
``isinstance(flow, Sequence)``. Importing Keras for the sake of a base class would cost seconds, and
gigabytes where no Keras model is in sight. So the base class is added at the moment somebody asks
for a flow's class and Keras has been imported, which is what ``isinstance`` does.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self, TypeVar

# Keras 3, and Keras 2 as it goes on beside it.
_DATASETS = (
    ("keras.src.trainers.data_adapters.py_dataset_adapter", "PyDataset"),
    ("tf_keras.src.utils.data_utils", "Sequence"),
)
_EPOCHS, _TRAINER = "keras.src.trainers.epoch_iterator", "keras.src.trainers.trainer"
_IMAGE_MODULES = ("keras.src.legacy.preprocessing.image", "tf_keras.src.preprocessing.image")

# Methods of a model that read a flow, and how far above the flow's own they may be.
_READING = frozenset({"fit", "evaluate", "predict"})
_MOST_CALLERS = 40

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


def shuffling_reader(flow: Any) -> Any:
    """Which reader of Keras's reads the flow's length just before it shuffles its batches' numbers.

    Returns:
        The adapter of a ``fit``, or the queue of its threads; None where it is somebody else who
        calls the flow at this moment.
    """
    frame = _calling_frame(flow)
    if frame is None or frame.f_globals.get("__name__") != _DATASETS[0][0]:
        return None
    reader = frame.f_locals.get("self")
    # Adapters read the length at other moments, too, and where threads read, it is their queue
    # that shuffles.
    begins = hasattr(reader, "uid") or frame.f_code.co_flags & inspect.CO_GENERATOR
    waits_for_queue = getattr(reader, "enqueuer", None) is not None
    return reader if begins and not waits_for_queue and getattr(reader, "shuffle", False) else None


def is_asked_by(flow: Any, reader: Any) -> bool:
    """Whether it is this reader of Keras's that calls the flow at this moment."""
    frame = _calling_frame(flow)
    if frame is None or frame.f_globals.get("__name__") != _DATASETS[0][0]:
        return False
    names = frame.f_locals
    # A thread of a queue knows no more than the queue's number.
    return names.get("self") is reader or ("uid" in names and names["uid"] == reader.uid)


def is_building_model() -> bool:
    """Whether Keras reads a batch only to build a model, as ``fit`` does on torch and JAX."""
    return any(
        frame.f_code.co_name == "_symbolic_build" and frame.f_globals.get("__name__") == _TRAINER
        for frame in _callers()
    )


def drop_unread_batches(flow: Any) -> None:
    """Empty the queue of Keras's threads where Keras, calling the flow now, begins to read anew.

    A queue that is stopped keeps what its threads have read, and gives it before the next pass. In
    the middle of a pass that is right. Of a pass that Keras has given up (``EpochIterator.reset``)
    it would be batches that the next one has, too.

    Raises:
        Exception: what a thread has raised meanwhile.
    """
    frame = _calling_frame(flow)
    if frame is None or frame.f_globals.get("__name__") != _DATASETS[0][0]:
        return
    above = frame.f_back
    if above is None or (above.f_globals.get("__name__"), above.f_code.co_name) != (
        _EPOCHS,
        "reset",
    ):
        return
    reader = getattr(frame.f_locals.get("self"), "enqueuer", None)
    if reader is None or reader.is_running():
        return
    while not reader.ready_queue.empty():
        reader.ready_queue.get_nowait()
    # A thread that was slow to put its last batch there; it must not ask within the next pass.
    while not reader.future_queue.empty():
        late = reader.future_queue.get_nowait()
        if isinstance(late, Exception):
            raise late
        late.get()


def _calling_frame(flow: Any) -> FrameType | None:
    """The innermost frame that belongs neither to augflow nor to a subclass of the flow's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (
        str(frame.f_globals.get("__name__")).startswith("augflow.")
        or frame.f_locals.get("self") is flow
    ):
        frame = frame.f_back
    return frame


def is_looked_at_by_keras() -> bool:
    """Whether Keras asks for a batch only to tell TensorFlow what batches are like."""
    return any(
        code.co_name == "get_tf_dataset" and code.co_filename.endswith("py_dataset_adapter.py")
        for code in (frame.f_code for frame in _callers())
    )


def model_of_caller() -> Any:
    """The model whose ``fit``, ``evaluate`` or ``predict`` is running here, None for none."""
    for frame in _callers():
        is_keras = frame.f_globals.get("__name__", "").startswith(("keras.", "tf_keras."))
        if is_keras and frame.f_code.co_name in _READING:
            return frame.f_locals.get("self")
    return None


def _callers() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MOST_CALLERS):
        if frame is not None:
            yield frame
            frame = frame.f_back
