"""What a function computes, as a text that changes when its code does.

Not by pickling it: pickles of equal functions differ from run to run, and those of functions in
modules are no more than a name.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...))


def fingerprint(function: Any) -> str:
    """A digest of a function's code, and of the values that it refers to.

    Of what lies in modules beyond its own, or in objects that cannot be pickled, only the names
    count.

    Args:
        function: any callable.

    Returns:
        64 hexadecimal digits, the same in every run of the same code on the same Python.
    """
    digest = hashlib.sha256()
    for part in _parts(function, set()):
        digest.update(part.encode(errors="surrogatepass") + b"\0")
    return digest.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterable[str]:
    if isinstance(value, _PLAIN):
        yield f"{type(value).__name__} {value!r}"
        return
    if id(value) in seen:
        yield "again"
        return
    seen.add(id(value))
    if isinstance(value, types.FunctionType):
        yield from _of_function(value, seen)
    elif isinstance(value, types.CodeType):
        yield from _of_code(value, seen)
    elif isinstance(value, types.MethodType):
        yield from _parts(value.__func__, seen)
        yield from _parts(value.__self__, seen)
    elif isinstance(value, functools.partial):
        yield from _parts((value.func, value.args, value.keywords), seen)
    elif isinstance(value, types.ModuleType):
        yield f"module {value.__name__}"
    elif isinstance(value, type):
        yield f"class {value.__module__}.{value.__qualname__}"
    else:
        yield from _of_object(value, seen)


def _of_object(value: Any, seen: set[int]) -> Iterable[str]:
    yield f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _parts(key, seen)
            yield from _parts(item, seen)
    elif isinstance(value, set | frozenset):
        # Their order changes from run to run.
        yield from sorted("\0".join(_parts(item, set())) for item in value)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, seen)
    elif isinstance(value, np.ndarray) and value.dtype.kind != "O":
        yield f"{value.dtype.str} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, types.BuiltinFunctionType | np.ufunc):
        yield str(getattr(value, "__qualname__", value.__name__))
    elif hasattr(value, "__dict__") and not hasattr(value, "__getstate__"):
        yield from _parts(vars(value), seen)
    else:
        try:
            yield hashlib.sha256(pickle.dumps(value, 4)).hexdigest()
        except Exception:
            # Whatever it raises: what cannot be written down counts by the name of its class.
            return
    call = vars(type(value)).get("__call__")
    if isinstance(call, types.FunctionType):
        yield from _parts(call, seen)


def _of_function(function: types.FunctionType, seen: set[int]) -> Iterable[str]:
    yield from _of_code(function.__code__, seen)
    yield from _parts(function.__defaults__, seen)
    yield from _parts(function.__kwdefaults__, seen)
    for cell in function.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, seen)
        except ValueError:
            yield "empty cell"
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], seen)


def _of_code(code: types.CodeType, seen: set[int]) -> Iterable[str]:
    yield code.co_code.hex()
    yield " ".join(code.co_names)
    for constant in code.co_consts:
        yield from _parts(constant, seen)


def _names(code: types.CodeType) -> list[str]:
    """Of the globals that code may look up, also in functions within it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_names(constant))
    return sorted(names)
