"""What a flow turns into: one pass of itself, another flow, what other frameworks take."""

from __future__ import annotations

import copy
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Self

from augflow.batch.mapped_plan import BatchFunction
from augflow.flow.seen import Seen

if TYPE_CHECKING:
    from augflow.faces.for_torch import TorchLoader


class OtherForms(Seen):
    """The other forms of an ``Iterator``; see there for the arguments."""

    def epoch(self) -> Generator[Any, None, None]:
        """The batches of one epoch, each once: a loop over a flow itself never ends.

        An epoch that was begun by ``next()`` is left off, and this one is the one after it.
        """
        flow: Any = self
        flow.reset()
        for _ in range(len(self)):
            yield next(flow)

    def to_torch(
        self, *, channels_first: bool = False, pin_memory: bool | None = None
    ) -> TorchLoader:
        """This flow in the place of a ``torch.utils.data.DataLoader``.

        Each ``for`` loop over it is one epoch of tensors. They are the arrays of ``next()``, in
        the same memory; arrays of text stay arrays.

        Args:
            channels_first: give arrays of rank 4 and 5 (images, masks, volumes) as (batch,
                channels, height, width), by a view in torch's "channels_last" memory format,
                without a copy. Without effect if the flow has that format already. Defaults to
                False.
            pin_memory: copy batches to pinned memory, from which a GPU copies while it works; None
                (default): where torch has a GPU.

        Returns:
            An iterable with ``len``, ``set_epoch``, ``state_dict`` and ``load_state_dict``; see
            docs/torch.md.

        Raises:
            ImportError: torch is not installed.
        """
        from augflow.faces.for_torch import TorchLoader

        return TorchLoader(self, channels_first, pin_memory)

    def to_tf_dataset(self) -> Any:
        """This flow as a ``tf.data.Dataset``, for ``fit``, strategies and loops in ``tf.function``.

        Each pass over it is one epoch, and epochs differ.

        Returns:
            A dataset of batches as ``next()`` gives them, with tuples in the place of lists. Its
            ``cardinality()`` is ``len(flow)``; its ``element_spec`` has all axes, and that of the
            samples where all batches have the same number (``drop_remainder=True``). With
            ``pad="longest"`` the others are open.

        Raises:
            ImportError: TensorFlow is not installed.
        """
        from augflow.faces.for_tensorflow import to_tf_dataset

        return to_tf_dataset(self)

    def _shapes_vary(self) -> bool:
        """Whether batches differ in more than the number of their samples."""
        return False

    def map(self, function: BatchFunction) -> Self:
        """A flow of the same samples whose batches pass through a function as a whole.

        The function runs in the worker that builds the batch, which then builds all of it; in this
        process for flows that pick rows here (``flow_from_arrays``, ``flow_from_csv``) or build by
        a method of their own. It is seeded by the flow's seed, the epoch and the batch, so the
        batches are the same for any number of workers.

        Args:
            function: called with the inputs and targets (None for none) of a batch, and a
                ``numpy.random.Generator``; returns (inputs, targets), with one row a sample and
                for every batch the same shapes of a row and dtypes. It may write into what it
                gets. Weights stay as they are. ``augflow.mixup()`` and ``augflow.cutmix()`` make
                such functions.

        Returns:
            Another flow, at the point where this one stands; this one goes on as it is.

        Raises:
            TypeError, ValueError: it is no function, or would average class numbers.
        """
        if not callable(function):
            raise TypeError(
                "`function` must be a function (inputs, targets, generator) that returns (inputs, "
                f"targets). Received: {function!r}"
            )
        if self._meaning().kind in getattr(function, "refused_kinds", ()):
            raise ValueError(
                f"class numbers cannot be averaged, as {function!r} does: use "
                'class_mode="categorical". Received a flow with class_mode='
                f'"{self._meaning().kind}"'
            )
        other = copy.copy(self)
        other._functions = (*self._functions, function)
        other._mapped_example = None
        return other

    def _maps_in_workers(self) -> bool:
        """Whether functions of ``map`` run where the batch is built."""
        return False
