"""What tells functions apart, from run to run."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import augflow
from augflow.columnar.fingerprint import fingerprint

TABLE = {"a": 1, "b": [2, 3]}


def helper(x: Any) -> Any:
    return x + 1


def uses(x: Any) -> Any:
    return helper(x) + TABLE["a"]


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: Any) -> Any:
        return x * self.factor


def made(source: str, **names: Any) -> Any:
    exec(source, names)
    return names["f"]


def test_code_constants_and_defaults_count() -> None:
    sources = [
        "f = lambda x: x + 1",
        "f = lambda x: x + 2",
        "f = lambda x: x - 1",
        "f = lambda x, y=1: x + 1",
        "f = lambda x, *, y=1: x + 1",
        "f = lambda x: [y + 1 for y in x]",
        "f = lambda x: [y + 2 for y in x]",
        "f = lambda x: x in {'p', 'q', 'r'}",
        "f = lambda x: x in {'p', 'q', 's'}",
    ]
    found = [fingerprint(made(source)) for source in sources]
    assert len(set(found)) == len(sources)
    assert found == [fingerprint(made(source)) for source in sources]


def test_what_a_function_refers_to_counts() -> None:
    source = "def f(x): return g(x) + table"
    one = fingerprint(made(source, g=helper, table=1))
    assert one == fingerprint(made(source, g=helper, table=1))
    assert one != fingerprint(made(source, g=helper, table=2))
    assert one != fingerprint(made(source, g=uses, table=1))
    arrays = [np.arange(3), np.arange(4), np.arange(3.0)]
    assert len({fingerprint(made(source, g=helper, table=each)) for each in arrays}) == 3

    def closure(k: Any) -> Any:
        return lambda x: x + k

    assert fingerprint(closure(1)) == fingerprint(closure(1)) != fingerprint(closure(2))
    assert fingerprint(functools.partial(helper, 1)) != fingerprint(functools.partial(helper, 2))
    assert fingerprint(Scale(1)) == fingerprint(Scale(1)) != fingerprint(Scale(2))
    assert fingerprint(Scale(1).__call__) != fingerprint(Scale(2).__call__)
    assert fingerprint(np.sin) != fingerprint(np.cos)
    assert fingerprint(len) != fingerprint(sum)


def test_functions_that_refer_to_themselves() -> None:
    def again(x: Any) -> Any:
        return again(x - 1) if x else 0

    assert fingerprint(again) == fingerprint(again)


def test_it_is_the_same_in_every_run() -> None:
    script = (
        "from tests.columnar.test_fingerprint import *\n"
        "words = {'p', 'q', 'r', 's'}\n"
        "f = lambda x: (uses(x), x in words, x in {'p', 'q', 'r', 't'}, TABLE)\n"
        "print(fingerprint(f), fingerprint(Scale(2)))"
    )
    root = str(Path(augflow.__file__).parents[1])
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONPATH": root, "PYTHONHASHSEED": seed},
            cwd=root,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
