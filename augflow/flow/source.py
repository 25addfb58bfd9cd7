"""Where a flow's samples come from: what whoever adds a source has to say, and no more.

A ``SourceFlow`` brings the rest: order and shuffling, workers and reading ahead, the same batches
for any number of them, errors with names, statistics, and Keras's face.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from augflow.batch.plan import BatchPlan
from augflow.cache.flow_slots import FlowCache


class Source(Protocol):
    """Samples of one kind; see the section on sources in docs/architecture.md for a whole one.

    Inherit from it for the answers that most sources give to the last three questions.
    """

    def __len__(self) -> int:
        """How many samples there are."""

    def plan(self) -> BatchPlan:
        """How a batch is built.

        It is pickled once, and sent to the workers. Take ``ImagePlan`` for images,
        ``LoaderPlan`` for a function that loads a sample, or a ``SamplePlan`` of your own.
        """

    def names(self, indices: np.ndarray) -> list[Any]:
        """What a worker needs to know of some samples: a path, an offset, an ID.

        Args:
            indices: int array of shape (batch,), positions of the samples.
        """

    def output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        """What ``next(flow)`` gives for a batch: inputs, targets, weights.

        Args:
            arrays: of the batch, as the plan's layout says; views of shared memory.
            indices: as for ``names``.
        """

    def extras(self, indices: np.ndarray) -> list[Any] | None:
        """What else a worker needs to know of each of them, None for nothing."""
        return None

    def cache(self) -> FlowCache | None:
        """Where images stay that were read, None for nowhere."""
        return None

    def unit(self) -> str:
        """What statistics call the samples."""
        return "samples"
