"""Frameworks that a user's functions bring into the workers: what each of them pays for that."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from augflow.order.find_generators import FRAMEWORKS, INSTALLED, is_users

# A script's own functions travel by value anyway.
_SCRIPTS = frozenset({"__main__", "__mp_main__"})


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


def modules_that_bring() -> list[ModuleType]:
    """The user's own modules that would bring a framework into a process that imports them.

    By what they name: a framework or something of it, a module of the user's that does so, or
    something of that one; and by the packages they are in.
    """
    if not _loaded():
        return []
    own = {
        name: module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and _is_own(name, module)
    }
    named = {name: _modules_named(module) for name, module in own.items()}
    heavy: set[str] = set()
    grown = True
    while grown:
        found = {
            name
            for name, others in named.items()
            if others & heavy or {other.partition(".")[0] for other in others} & FRAMEWORKS
        }
        grown = found > heavy
        heavy = found
    return [own[name] for name in sorted(heavy)]


def _is_own(name: str, module: ModuleType) -> bool:
    """Whether it is a file of the user's, that workers would import."""
    # Installed ones are thousands: most are told from their path alone.
    path = vars(module).get("__file__")
    if not isinstance(path, str) or path.startswith(INSTALLED):
        return False
    return name not in _SCRIPTS and name.partition(".")[0] not in FRAMEWORKS and is_users(name)


def _modules_named(module: ModuleType) -> set[str]:
    """The names of modules that a module, or what it holds, comes from."""
    parts = module.__name__.split(".")
    names = {".".join(parts[:count]) for count in range(1, len(parts))}
    for value in list(vars(module).values()):
        # Not by getattr on any value: those that load themselves on demand would do so.
        if isinstance(value, ModuleType):
            name: Any = value.__name__
        else:
            owner = value if isinstance(value, type | FunctionType) else type(value)
            name = owner.__module__
        if isinstance(name, str):
            names.add(name)
    return names - {module.__name__}


def _loaded() -> list[str]:
    return sorted(name for name in FRAMEWORKS if name in sys.modules)


def _resident_bytes() -> int:
    try:
        import resource

        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (ImportError, OSError):
        return 0
