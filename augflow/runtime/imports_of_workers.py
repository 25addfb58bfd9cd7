"""Frameworks that a user's functions bring into the workers: what each of them pays for that."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from augflow.order.find_generators import FRAMEWORKS


@dataclass(frozen=True)
class Brought:
    """What a plan has brought into a worker.

    Attributes:
        names: of frameworks.
        seconds: until its first rows were built.
        megabytes: that the process has grown by; 0 where the system does not say.
    """

    names: tuple[str, ...]
    seconds: float
    megabytes: int

    def describe(self, code: str, workers: int) -> str:
        """What to tell the user, whose ``code`` it is."""
        memory = f" and takes {self.megabytes} MB" if self.megabytes else ""
        return (
            f"augflow: {code} brought {', '.join(self.names)} into the worker processes: it took "
            f"{self.seconds:.0f} s until the first rows were built{memory}, in each of {workers}. "
            "Put the function into a module that does not import it, and let the function itself "
            "use NumPy or OpenCV; or pass workers=0, if this process has it anyway."
        )


class ImportWatch:
    """Takes the time and the memory from now on."""

    def __init__(self) -> None:
        self._had = _loaded()
        self._begin = time.monotonic()
        self._bytes = _resident_bytes()

    def brought(self) -> Brought | None:
        """What has come since; None where no framework has."""
        names = tuple(name for name in _loaded() if name not in self._had)
        if not names:
            return None
        grown = max(0, _resident_bytes() - self._bytes)
        return Brought(names, time.monotonic() - self._begin, grown >> 20)


def _loaded() -> list[str]:
    return sorted(name for name in FRAMEWORKS if name in sys.modules)


def _resident_bytes() -> int:
    try:
        import resource

        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (ImportError, OSError):
        return 0
