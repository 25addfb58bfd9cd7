"""How a flow becomes a ``keras.utils.PyDataset`` without importing Keras.

``model.fit`` takes a flow because ``isinstance(flow, PyDataset)``. Importing Keras for the sake
of that base class would cost seconds, and gigabytes where no Keras model is in sight. So the base
class is added at the moment somebody asks for a flow's class and Keras has been imported, which
is what ``isinstance`` does.
"""

from __future__ import annotations

import sys
from typing import Any, Self

_KERAS_MODULE = "keras.src.trainers.data_adapters.py_dataset_adapter"


class KerasDataset:
    """The interface of ``PyDataset``; a subclass of it as soon as Keras is imported."""

    # What ``fit`` reads: augflow's own processes take the place of Keras's threads.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # isinstance has looked at type(self) before it asks here, and would not look again:
        # the one time that the base changes under its hands, the answer is that base.
        return _adopt_keras_base() or type(self)

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


class _Placeholder:
    """Stands where ``PyDataset`` will stand: Python lets no class lose ``object`` as a base."""


class KerasBase(KerasDataset, _Placeholder):
    """Base of all flows; its second base is exchanged for ``PyDataset``."""

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        _adopt_keras_base()
        return super().__new__(cls)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # pickle compares __class__ with the type, so the exchange has to be over.
        _adopt_keras_base()
        return super().__reduce_ex__(protocol)


def _adopt_keras_base() -> type | None:
    """Make ``PyDataset`` a base of all flows if Keras is there; give it if that was new."""
    module: Any = sys.modules.get(_KERAS_MODULE)
    dataset = getattr(module, "PyDataset", None)
    if dataset is None or dataset in KerasBase.__bases__:
        return None
    KerasBase.__bases__ = (KerasDataset, dataset)
    adopted: type = dataset
    return adopted


_adopt_keras_base()
