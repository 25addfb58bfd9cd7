"""A flow in the place of torch's ``DataLoader``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from augflow.base.checks import checked_switch
from augflow.faces.passes import Passes
from augflow.faces.tree import map_batch

# Batches of images are (samples, height, width, channels), of volumes with a depth before.
_RANKS_WITH_CHANNELS = (4, 5)
# What torch has no dtype for.
_KINDS_LEFT = "OSUMm"


class TorchLoader:
    """Batches of a flow as tensors; each ``for`` loop over it is one epoch.

    What ``flow.to_torch()`` gives. It has what training loops, Lightning and accelerate ask of a
    ``DataLoader`` that is no instance of it: ``len``, ``set_epoch``, ``state_dict`` and
    ``load_state_dict``. One pass at a time: a new one ends the one before.

    Args:
        flow: any flow of augflow.
        channels_first: see ``Iterator.to_torch``.
        pin_memory: likewise.

    Attributes:
        flow: as given.
    """

    def __init__(
        self, flow: Any, channels_first: bool = False, pin_memory: bool | None = None
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise ImportError(
                "flow.to_torch() needs torch, which is not installed: pip install torch"
            ) from error

        self.flow = flow
        self._torch = torch
        self._channels_first = checked_switch("channels_first", channels_first)
        has_gpu = torch.cuda.is_available()
        if pin_memory is not None and checked_switch("pin_memory", pin_memory) and not has_gpu:
            raise ValueError(
                "pin_memory=True needs a GPU that torch can use, and there is none: pass None "
                "(the default: where there is one) or False"
            )
        self._pins = has_gpu if pin_memory is None else bool(pin_memory)
        self._passes = Passes(flow)

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.flow)

    def __iter__(self) -> Iterator[Any]:
        """The batches of the next epoch; after ``load_state_dict`` the rest of that one."""
        return (map_batch(batch, self._tensor) for batch in self._passes.begin())

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be the epoch of this number, counted from 0.

        Without it each pass is the epoch after the last one. A pass that is to go on in the middle
        of this epoch, after ``load_state_dict``, does so.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer):
            raise TypeError(f"`epoch` must be an int. Received: {epoch!r}")
        if epoch < 0:
            raise ValueError(f"`epoch` must be 0 or more. Received: {epoch!r}")
        self._passes.go_to(int(epoch))

    def state_dict(self) -> dict[str, Any]:
        """Where the flow stands, see ``flow.state_dict()``: the batch after the last one given."""
        state: dict[str, Any] = self.flow.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Let the next pass go on there, see ``flow.load_state_dict()``."""
        self.flow.load_state_dict(state, strict)
        self._passes.stay()

    def _tensor(self, array: Any) -> Any:
        array = np.asarray(array)
        if array.dtype.kind in _KINDS_LEFT:
            return array
        tensor = self._torch.from_numpy(array)
        is_last = getattr(self.flow, "data_format", "channels_last") == "channels_last"
        if self._channels_first and is_last and array.ndim in _RANKS_WITH_CHANNELS:
            tensor = tensor.movedim(-1, 1)
        return tensor.pin_memory() if self._pins else tensor
