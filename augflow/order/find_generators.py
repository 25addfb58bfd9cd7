"""Which random generators the functions of a user hold: in closures, defaults, attributes, and in
the modules they name."""

from __future__ import annotations

import functools
import os
import random
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np

from augflow.order.held_generators import Held, HeldGenerators, held, held_default

# What is larger than this holds no generator that anybody thinks of.
_MOST_VALUES = 20_000
_MOST_ITEMS = 1_000
# Their functions draw from a generator of the module named.
_DEFAULTS = {
    "random": "random",
    "torch": "torch",
    "torchvision": "torch",
    "tensorflow": "tensorflow",
}
# What takes long to be imported.
FRAMEWORKS = frozenset({"tensorflow", "tf_keras", "keras", "torch", "jax"})
_LEAVES = (str, bytes, int, float, complex, bool, type(None), np.ndarray, np.generic, np.dtype)
INSTALLED = tuple(
    os.path.join(sysconfig.get_path(name), "")
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def find_generators(roots: Iterable[tuple[str, Any]]) -> HeldGenerators:
    """All generators that can be reached.

    Args:
        roots: names and values: the functions and objects of a user.
    """
    search = _Search()
    return HeldGenerators(list(search.found_in(roots)), search.beyond_reach, search.frameworks)


class _Search:
    """A walk over values, in an order that is the same in every process.

    Attributes:
        beyond_reach: paths of generators that take no seed.
        frameworks: that the values come from, or the modules of functions.
    """

    def __init__(self) -> None:
        self.beyond_reach: list[str] = []
        self.frameworks: set[str] = set()
        # The values themselves, so that no number is given twice.
        self._seen: dict[int, Any] = {}
        self._defaults: set[str] = set()

    def found_in(self, roots: Iterable[tuple[str, Any]]) -> Iterator[Held]:
        """The generators; each once, with the first path that leads there."""
        waiting = [*reversed(list(roots))]
        while waiting and len(self._seen) < _MOST_VALUES:
            path, value = waiting.pop()
            if isinstance(value, _LEAVES) or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            found = held(value, path)
            if found is not None:
                self._seen[id(found.generator)] = found.generator
                yield found
                continue
            if isinstance(value, random.SystemRandom):
                self.beyond_reach.append(path)
                continue
            yield from self._defaults_of(value)
            waiting.extend(reversed([(f"{path}.{name}", part) for name, part in _parts(value)]))

    def _defaults_of(self, value: Any) -> Iterator[Held]:
        """The generator of the library that a value comes from."""
        owner = value if isinstance(value, types.ModuleType) else None
        name = owner.__name__ if owner else getattr(type(value), "__module__", "")
        if isinstance(value, type | types.FunctionType):
            name = value.__module__ or ""
        library = str(name).partition(".")[0]
        self.frameworks.update({library} & FRAMEWORKS)
        if isinstance(value, types.FunctionType) and is_users(value.__module__):
            # A worker imports the function's module, and what that imports.
            self.frameworks.update(_frameworks_in(value.__module__))
        default = _DEFAULTS.get(library)
        if default is None or default in self._defaults:
            return
        self._defaults.add(default)
        found = held_default(default)
        if found is not None and id(found.generator) not in self._seen:
            self._seen[id(found.generator)] = found.generator
            yield found


def _frameworks_in(module: str) -> set[str]:
    # A script's own functions travel by value, without what they do not name.
    names = vars(sys.modules[module]) if module != "__main__" and module in sys.modules else {}
    modules = [value for value in list(names.values()) if isinstance(value, types.ModuleType)]
    return {value.__name__.partition(".")[0] for value in modules} & FRAMEWORKS


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of what belongs to a value."""
    if isinstance(value, types.FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, types.MethodType):
        yield "self", value.__self__
        yield "function", value.__func__
    elif isinstance(value, functools.partial):
        yield "function", value.func
        yield "arguments", value.args
        yield "keywords", value.keywords
    elif isinstance(value, list | tuple):
        yield from ((str(place), part) for place, part in enumerate(value[:_MOST_ITEMS]))
    elif isinstance(value, dict):
        items = list(islice(value.items(), _MOST_ITEMS))
        yield from ((str(key), part) for key, part in items if isinstance(key, str | int))
    elif isinstance(value, type):
        if is_users(value.__module__):
            yield from vars(value).items()
    elif not isinstance(value, types.ModuleType):
        yield from _parts_of_object(value)


def _parts_of_object(value: Any) -> Iterator[tuple[str, Any]]:
    kind = type(value)
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        # A method of a compiled class, e.g. a generator's own.
        yield "self", owner
    if str(kind.__module__).partition(".")[0] in ("numpy", "pandas", "PIL", "tensorflow"):
        return
    yield from list(getattr(value, "__dict__", {}).items())
    for base in kind.__mro__:
        for name in getattr(base, "__slots__", ()):
            # Of a private name the attribute is called otherwise; those hold no generators.
            if isinstance(name, str) and hasattr(value, name):
                yield name, getattr(value, name)
        if is_users(base.__module__):
            # Its methods may name generators.
            yield base.__name__, base


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    names = list(dict.fromkeys(_names_in(function.__code__)))
    named = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        # Some are not filled yet.
        with suppress(ValueError):
            named[name] = cell.cell_contents
    for name, value in named.items():
        yield name, value
        if isinstance(value, types.ModuleType) and is_users(value.__name__):
            # Which of these are the module's, and which another object's, the code does not say.
            yield from (
                (f"{name}.{inner}", getattr(value, inner))
                for inner in names
                if hasattr(value, inner)
            )
    yield "defaults", function.__defaults__
    yield "keyword defaults", function.__kwdefaults__
    yield from function.__dict__.items()


def _names_in(code: types.CodeType) -> Iterator[str]:
    """The globals and attributes that code names, that of functions within it, too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def is_users(module: str | None) -> bool:
    """Whether a module is neither Python's own, nor installed, nor augflow's."""
    if module is None or module in ("builtins", "__main__"):
        return module == "__main__"
    if module.partition(".")[0] == "augflow":
        return False
    loaded = sys.modules.get(module)
    path = getattr(loaded, "__file__", None)
    if path is None:
        # Typed in, or pickled by its value: installed modules have files, but for Python's own.
        return module not in sys.builtin_module_names
    return not os.path.abspath(path).startswith(INSTALLED)
