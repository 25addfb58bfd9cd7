"""A set of batch positions that takes a bit for each, also in epochs of millions of batches."""

from __future__ import annotations

import base64
import zlib


class PositionSet:
    """Non-negative ints, added one by one and forgotten all at once."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._count = 0

    def add(self, position: int) -> None:
        """Add a position, if it is not there yet."""
        place, bit = position >> 3, 1 << (position & 7)
        if place >= len(self._bits):
            # Longer than needed, so that positions that come upwards seldom lengthen it.
            self._bits.extend(bytes(place + 64 - len(self._bits) + place // 8))
        if not self._bits[place] & bit:
            self._bits[place] |= bit
            self._count += 1

    def __contains__(self, position: int) -> bool:
        place = position >> 3
        return place < len(self._bits) and bool(self._bits[place] & 1 << (position & 7))

    def __len__(self) -> int:
        return self._count

    def clear(self) -> None:
        """Forget all."""
        self._bits.clear()
        self._count = 0

    def packed(self) -> str:
        """The positions as a short text, for ``unpacked``."""
        return base64.b64encode(zlib.compress(bytes(self._bits).rstrip(b"\0"))).decode()

    @classmethod
    def unpacked(cls, text: str) -> PositionSet:
        """The set whose ``packed`` gave the text.

        Raises:
            ValueError: none did.
        """
        try:
            bits = zlib.decompress(base64.b64decode(text, validate=True))
        except (ValueError, zlib.error) as error:
            raise ValueError(f"no set of positions: {error}") from None
        other = cls()
        other._bits = bytearray(bits)
        other._count = int.from_bytes(bits, "little").bit_count()
        return other

    def copy(self) -> PositionSet:
        """Another set of the same positions."""
        other = PositionSet()
        other._bits, other._count = self._bits.copy(), self._count
        return other
