"""Functions of modules that import a framework: workers get them without it, where they need none.

A framework that says in which processes it was imported takes the place of a real one.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# As a framework: slow to import, with submodules and base classes.
FRAMEWORK = """
import os, pathlib
with open(pathlib.Path(__file__).parents[1] / "imported.txt", "a") as file:
    file.write(f"{os.getpid()}\\n")
class Sequence:
    pass
class Layer:
    pass
def decorate(function):
    return function
def double(array):
    return 2 * array
"""

# The layout of tutorials: everything in one module.
MODULE = """
import numpy as np
import jax
from jax import layers
from jax.layers import Dense
from jax import Sequence, decorate

MEANS = {number: float(number) for number in range(20)}
stream = np.random.default_rng(5)

class Missing(KeyError):
    pass

class Data(Sequence):
    def __len__(self):
        return 3

class Layered(jax.Layer):
    pass

@decorate
def build_model():
    return Dense

def scaled(sample, number):
    return sample + MEANS[number]

def load(number):
    if number == 13:
        raise Missing(number)
    return scaled(np.full(3, number, "float32"), number).astype("float32")

def augment(sample, rng):
    return sample + np.float32(stream.normal())

def with_framework(number):
    return jax.double(np.full(3, number, "float32"))

class Loader:
    def __call__(self, number):
        return load(number)
"""

SCRIPT = """
import os, sys, warnings
sys.path[:0] = [{root!r}, {here!r}]
import numpy as np
import augflow
from users import {module} as own

def read(load, workers, **options):
    with augflow.flow_from_loader(
        load, range(12), batch_size=4, seed=3, workers=workers, **options
    ) as flow:
        return [next(flow).copy() for _ in range(5)]
{body}
with open({here!r} + "/imported.txt") as file:
    print("imported by", len(set(file.read().split())), "process(es)")
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text(textwrap.dedent(FRAMEWORK))
    (tmp_path / "jax" / "layers.py").write_text("class Dense:\n    pass\n")
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "__init__.py").write_text("")
    (tmp_path / "users" / "heavy.py").write_text(MODULE)
    (tmp_path / "users" / "beside.py").write_text(
        "import numpy as np\nfrom users.heavy import build_model, load as heavy_load\n"
        "def load(number):\n    return heavy_load(number) * 2\n"
    )
    return tmp_path


def run(here: Path, body: str, module: str = "heavy") -> str:
    script = SCRIPT.format(
        root=str(ROOT), here=str(here), module=module, body=textwrap.dedent(body)
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout + found.stderr


def test_workers_do_without_it(here: Path) -> None:
    output = run(
        here,
        """
        for load in (own.load, own.Loader()):
            here, there = (read(load, workers, augment=own.augment) for workers in (0, 2))
            assert all(np.array_equal(*pair) for pair in zip(here, there, strict=True))
        """,
    )
    assert "imported by 1 process(es)" in output and "augflow:" not in output


@pytest.mark.heavy
def test_a_module_that_imports_such_a_one(here: Path) -> None:
    output = run(
        here,
        """
        here, there = (read(own.load, workers) for workers in (0, 2))
        assert all(np.array_equal(*pair) for pair in zip(here, there, strict=True))
        """,
        "beside",
    )
    assert "imported by 1 process(es)" in output


def test_errors_keep_the_users_type(here: Path) -> None:
    output = run(
        here,
        """
        with augflow.flow_from_loader(own.load, [1, 13], shuffle=False, workers=2) as flow:
            try:
                next(flow)
            except own.Missing as error:
                print("caught", error.args, any("ID 13" in note for note in error.__notes__))
        """,
    )
    assert "caught (13,) True" in output and "imported by 1 process(es)" in output


@pytest.mark.heavy
def test_a_function_that_uses_it_has_it(here: Path) -> None:
    output = run(
        here,
        """
        here, there = (read(own.with_framework, workers) for workers in (0, 2))
        assert all(np.array_equal(*pair) for pair in zip(here, there, strict=True))
        """,
    )
    # By this one, and by whichever workers had something to do.
    assert "imported by 1 process(es)" not in output and "imported by" in output


def test_what_cannot_travel_is_imported(here: Path) -> None:
    with open(here / "users" / "heavy.py", "a") as file:
        file.write("import threading\nlock = threading.Lock()\n")
        file.write("def locked(number):\n    with lock:\n        return load(number)\n")
    output = run(
        here,
        """
        here, there = (read(own.locked, workers) for workers in (0, 2))
        assert all(np.array_equal(*pair) for pair in zip(here, there, strict=True))
        """,
    )
    # By this one, and by whichever workers had something to do.
    assert "cannot be pickled" not in output
    assert "imported by 1 process(es)" not in output and "imported by" in output


@pytest.mark.heavy
def test_cloudpickles_register_is_left_as_it_was(here: Path) -> None:
    run(
        here,
        """
        import cloudpickle
        from users import beside
        cloudpickle.register_pickle_by_value(beside)
        read(own.load, 2)
        assert cloudpickle.list_registry_pickle_by_value() == {"users.beside"}
        """,
    )
