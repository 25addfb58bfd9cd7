"""What a flow asks its engine for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from augflow.streams import StreamState


@dataclass(frozen=True)
class Request:
    """One batch that is wanted, now or soon.

    Attributes:
        key: what tells it from every other batch of the flow.
        samples: rows.
        stream: where its random numbers come from.
        names: of the samples, see ``batch.Job``.
        slots: of the samples in the cache, see ``batch.Job``.
        lay: for arrays, writes the raw images into the rows before they are built.
    """

    key: Hashable
    samples: int
    stream: StreamState
    names: list[str]
    slots: list[int] | None = None
    lay: Callable[[np.ndarray], None] | None = None
