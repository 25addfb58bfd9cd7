"""What each batch has to be: that of a flow of the same kind and seed without workers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.batches import difference, digest
from tests.faults.kinds import KINDS, UNCACHED

# The batches seen at the beginning of its epoch, and the position there.
Key = tuple[int, int]


class FoundFaultError(Exception):
    """What a soak is for: something that must not be."""


class Twin:
    """The expected batches of one kind and seed, by key; for any thread.

    Only digests are kept: a batch itself is made again where a fault is to be described.
    """

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        self.kind = kind
        self.seed = seed
        self._flow = KINDS[UNCACHED.get(kind, kind)](folder, 0, seed)
        self.length = len(self._flow)
        self._start: int | None = None
        self._digests: dict[Key, bytes] = {}
        self._lock = threading.Lock()

    def digest(self, key: Key) -> bytes:
        """The digest of the expected batch."""
        with self._lock:
            if key not in self._digests:
                self._digests[key] = digest(self._build(key))
            return self._digests[key]

    def _build(self, key: Key) -> Any:
        start, position = key
        if start != self._start:
            self._flow.reset()
            self._flow.total_batches_seen = start
            # Stepping to the first batch begins the epoch of that name.
            next(self._flow)
            self._start = start
        return self._flow[position]

    def compare(self, batch: Any, keys: list[Key], who: str) -> Key:
        """Which of some batches this one is.

        Raises:
            FoundFaultError: none of them; it says what differs.
        """
        found = digest(batch)
        for key in keys:
            if found == self.digest(key):
                return key
        with self._lock:
            words = [
                f"as {key}: {difference(batch, self._build(key)) or 'right by now, not before'}"
                for key in keys
            ]
            others = [key for key, other in self._digests.items() if other == found]
        if others:
            words.append(f"it is batch {others} instead")
        raise FoundFaultError(f"wrong batch, {who}: " + "; ".join(words))


class Reference:
    """The twins of kinds and seeds, made at once: memory that grows later is a flow's.

    Args:
        folder: holds the data.
        kinds, seeds: of the flows to come.
    """

    def __init__(self, folder: Path, kinds: Sequence[str], seeds: Sequence[int]) -> None:
        self.folder = folder
        self._twins = {(kind, seed): Twin(kind, seed, folder) for kind in kinds for seed in seeds}

    def twin(self, kind: str, seed: int) -> Twin:
        """The twin of a kind and seed."""
        return self._twins[kind, seed]
