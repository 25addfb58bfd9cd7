"""House rules about augflow's own code, read from its syntax: rooms, sizes, randomness.

A room is a folder. Its ``__init__.py`` says which rooms it knows, and in which order to read its
files; here both are compared with what is there.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.rooms import PATHS, ROOMS, TREES, files_of, said

MOST_FILES_OF_A_ROOM = 14
MOST_LINES_OF_A_MODULE = 400
# Without the signature and the docstring, which grow with the number of arguments.
MOST_LINES_OF_A_BODY = 60

# Where a framework may be imported: when a user asks for something of it.
FACES = {
    "command.bench_folder",
    "companions.check_pipeline",
    "faces.for_tensorflow",
    "faces.for_torch",
    "faces.resume_callback",
    "report.stats_callback",
}
FRAMEWORKS = {"albumentations", "jax", "keras", "tensorflow", "torch"}

# The room above what users import, which knows that, too.
TOP = "command"

# The one place that may know NumPy's global generator: unseeded flows take their seed there.
GLOBAL_GENERATOR_MODULE = "order.streams"
# What numpy.random offers besides functions that share one hidden state.
STATELESS = {
    "BitGenerator",
    "Generator",
    "MT19937",
    "PCG64",
    "RandomState",
    "SeedSequence",
    "default_rng",
}


each_room = pytest.mark.parametrize("room", ROOMS)
each_module = pytest.mark.parametrize("module", list(TREES), ids=lambda name: name or "__init__")


def imported_names(tree: ast.Module, module: str) -> set[str]:
    """Absolute dotted names of everything that a module imports, anywhere in it.

    ``from augflow import draw`` gives "augflow.draw": whether the last part is a module or a
    name in one is for the caller to see.
    """
    names: set[str] = set()
    is_package = PATHS[module].name == "__init__.py" if module in PATHS else False
    home = ["augflow", *filter(None, module.split("."))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = len(home) - node.level + is_package
                base = ".".join([*home[:kept], *filter(None, [node.module])])
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def imported_modules(tree: ast.Module, module: str) -> set[str]:
    """Which of augflow's own modules a module imports, by their names below augflow."""
    found = set()
    for name in imported_names(tree, module):
        parts = name.split(".")
        if parts[0] != "augflow":
            continue
        whole, outer = ".".join(parts[1:]), ".".join(parts[1:-1])
        # A name that is no module belongs to the module in front of it.
        found.add(whole if whole in TREES else outer)
    return found - {module}


def room_of(module: str) -> str:
    """The room of a module; "" for those that lie outside of all rooms."""
    return module.split(".")[0] if module.split(".")[0] in ROOMS else ""


def rooms_imported(tree: ast.Module, module: str) -> set[str]:
    """The other rooms that a module knows; "" for what lies outside of all rooms."""
    # What the errors are anybody may know.
    imported = imported_modules(tree, module) - {"errors"}
    return {room_of(other) for other in imported} - {room_of(module)}


def global_random_uses(tree: ast.Module) -> list[str]:
    """Every use of numpy.random that shares NumPy's global state, as "line: what"."""
    numpy_names, random_names, found = set(), set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "numpy.random" and alias.asname:
                    random_names.add(alias.asname)
                elif alias.name.split(".")[0] == "numpy":
                    numpy_names.add(alias.asname or "numpy")
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy":
            random_names.update(
                alias.asname or alias.name for alias in node.names if alias.name == "random"
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numpy.random"):
            found += [
                f"{node.lineno}: from {node.module} import {alias.name}"
                for alias in node.names
                if alias.name not in STATELESS
            ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr in STATELESS:
            continue
        text = ast.unparse(node.value)
        if text in random_names or text in {f"{name}.random" for name in numpy_names}:
            found.append(f"{node.lineno}: {text}.{node.attr}")
    return found


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its first statement after the docstring to its end."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    return (function.end_lineno or 0) - body[0].lineno + 1


@each_room
def test_a_room_can_be_overlooked(room: str) -> None:
    files = files_of(room)
    assert len(files) <= MOST_FILES_OF_A_ROOM
    assert [name for name in files if room in name.split("_")] == [], "says the room's name again"
    assert not [node for node in TREES[room].body if not isinstance(node, ast.Expr)], (
        "workers run it: nothing but a docstring"
    )


@each_room
def test_a_room_says_how_to_read_it(room: str) -> None:
    order = said(room, "Read")
    assert sorted(order) == sorted(files_of(room))
    assert len(order) == len(set(order))
    for word in ("In", "Out"):
        assert said(room, word)


@each_room
def test_a_room_says_which_rooms_it_knows(room: str) -> None:
    known: set[str] = set()
    for module, tree in TREES.items():
        if room_of(module) == room:
            known |= rooms_imported(tree, module)
    if room == TOP:
        known -= {""}
    assert "" not in known, "a room knows nothing that lies above all rooms"
    assert sorted(known) == sorted(said(room, "Knows"))


def test_rooms_know_only_rooms_below_them() -> None:
    try:
        TopologicalSorter({room: said(room, "Knows") for room in ROOMS}).prepare()
    except CycleError as error:
        pytest.fail(f"rooms know each other: {' -> '.join(error.args[1])}")


def test_nobody_knows_the_command() -> None:
    knows = {module for module, tree in TREES.items() if TOP in rooms_imported(tree, module)}
    assert knows == {"__main__"}


def test_no_circle_of_modules() -> None:
    graph = {
        module: imported_modules(tree, module)
        for module, tree in TREES.items()
        # The package gives its names lazily, so its arrows are never followed at import.
        if module
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


@each_module
def test_only_faces_know_a_framework(module: str) -> None:
    if module in FACES:
        pytest.skip("a face")
    roots = {name.split(".")[0] for name in imported_names(TREES[module], module)}
    assert roots & FRAMEWORKS == set()


@each_module
def test_sizes(module: str) -> None:
    lines = len(PATHS[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES_OF_A_MODULE
    long_functions = {
        node.name: body_lines(node)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and body_lines(node) > MOST_LINES_OF_A_BODY
    }
    assert long_functions == {}


@each_module
def test_streams_are_explicit(module: str) -> None:
    if module == GLOBAL_GENERATOR_MODULE:
        pytest.skip("the one place that may")
    assert global_random_uses(TREES[module]) == []


# The rules themselves, on code that breaks them.


@pytest.mark.parametrize(
    ("module", "code", "expected"),
    [
        ("transform.draw", "from augflow.runtime.engine import Engine", {"runtime"}),
        ("transform.draw", "def f():\n    from augflow.runtime import pool", {"runtime"}),
        ("transform.draw", "import augflow.runtime.worker", {"runtime"}),
        ("transform.draw", "from ..generator import ImageDataGenerator", {""}),
        ("transform.draw", "if TYPE_CHECKING:\n    from augflow.batch.plan import Job", {"batch"}),
        ("transform.draw", "from augflow import ImageDataGenerator", {""}),
        ("transform.draw", "from augflow.base.settings import ReadSettings", {"base"}),
        ("transform.draw", "from augflow.transform.warp import warp", set()),
        ("transform.draw", "from .warp import warp", set()),
        ("transform.draw", "from augflow.errors import ImageReadError", set()),
    ],
)
def test_rooms_that_are_imported_are_seen(module: str, code: str, expected: set[str]) -> None:
    assert rooms_imported(ast.parse(code), module) == expected


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("import numpy as np\nnp.random.uniform()", 1),
        ("import numpy\nnumpy.random.seed(1)", 1),
        ("from numpy import random\nrandom.shuffle(x)", 1),
        ("import numpy.random as r\nr.rand()", 1),
        ("from numpy.random import randint", 1),
        ("import numpy as np\nnp.random.mtrand._rand", 1),
        ("import numpy as np\nnp.random.RandomState(1).uniform()", 0),
        ("from numpy.random import RandomState", 0),
        ("def f(stream):\n    return stream.uniform()", 0),
    ],
)
def test_global_randomness_is_seen(code: str, uses: int) -> None:
    assert len(global_random_uses(ast.parse(code))) == uses
