"""House rules about augflow's own code, read from its syntax: floors, sizes, randomness.

The floors are explained in docs; a module may import from its own floor or a lower one.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "augflow"

# The lowest floor first. A new module has to be entered here.
FLOORS = {
    "values": [
        "errors",
        "settings",
        "defaults",
        "streams",
        "opencv",
        "stage_times",
        "layout",
        "descriptors",
        "progress",
        "warn_user",
        "user_code",
        "position_set",
        "interrupts",
        "heartbeat",
        "regular_file",
        "cache_file",
    ],
    "pure stages": [
        "list_images",
        "table_rows",
        "class_order",
        "scan_labels",
        "scan_table",
        "table_inputs",
        "order",
        "draw",
        "decode",
        "placement",
        "orientation",
        "decode_pillow",
        "decode_tiff",
        "decode_unchanged",
        "loaders",
        "resize",
        "read_scaled",
        "read_image",
        "coordinates",
        "affine_matrix",
        "geometry",
        "colour",
        "augment",
        "standardize",
        "pixel_moments",
        "keras_preprocessing",
        "targets",
        "image_io",
        "run_length",
        "image_size",
        "transform_matrix",
        "read_mask",
        "annotations",
        "pair_masks",
        "companions",
        "companion_columns",
        "augmentation",
        "sample_structure",
        "sample_values",
        "subset",
        "fair_shares",
        "label_text",
        "split_ids",
        "table_tree",
        "csv_records",
        "csv_index",
        "csv_table",
        "csv_order",
        "csv_read",
        "csv_numbers",
        "csv_preprocess",
    ],
    "one batch": [
        "free_space",
        "slot_store",
        "batch_plan",
        "image_settings",
        "batch",
        "check_plan",
        "loader_plan",
        "csv_plan",
    ],
    "runtime": [
        "shared_memory",
        "cache_table",
        "cache_folder",
        "image_cache",
        "pickle_plan",
        "worker",
        "reloads",
        "keeper",
        "worker_processes",
        "pool",
        "request",
        "pending",
        "flow_memory",
        "waiting",
        "exit_guard",
        "csv_index_file",
    ],
    "flow": [
        "schedule",
        "access_pattern",
        "sample_count",
        "flow_cache",
        "bad_files",
        "image_kind",
        "kept_paths",
        "flow_stats",
        "epoch_meter",
        "engine",
        "worker_engine",
        "make_engine",
        "csv_sources",
        "csv_columns",
    ],
    "faces": [
        "keras_base",
        "stats_callback",
        "iterator",
        "engine_iterator",
        "check_pipeline",
        "augmentation_settings",
        "planned_iterator",
        "class_iterator",
        "companion_iterator",
        "file_iterator",
        "directory_iterator",
        "directory_table",
        "dataframe_iterator",
        "array_iterator",
        "csv_iterator",
        "loader_iterator",
        "arrays_iterator",
        "generator_settings",
        "fit_flow",
        "image_transformer",
        "generator",
        "check_files",
        "preprocessing",
        "preprocessing.image",
        "",  # augflow/__init__.py itself
    ],
}
HEIGHTS = {module: height for height, modules in enumerate(FLOORS.values()) for module in modules}

MOST_LINES_OF_A_MODULE = 400
# Without the signature and the docstring, which grow with the number of arguments.
MOST_LINES_OF_A_BODY = 60

FRAMEWORKS = {"albumentations", "jax", "keras", "tensorflow", "torch"}

# The one place that may know NumPy's global generator: unseeded flows take their seed there.
GLOBAL_GENERATOR_MODULE = "streams"
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


def module_name(path: Path) -> str:
    """The dotted name below augflow: "draw", "preprocessing.image", "" for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"), str(path))
    for path in sorted(PACKAGE.rglob("*.py"))
}
PATHS = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
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
        found.add(whole if whole in HEIGHTS else outer)
    return found - {module}


def arrows_up(tree: ast.Module, module: str) -> set[str]:
    """The modules on higher floors that ``module`` imports."""
    return {
        other
        for other in imported_modules(tree, module)
        if HEIGHTS.get(other, len(FLOORS)) > HEIGHTS.get(module, len(FLOORS))
    }


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


def test_every_module_has_a_floor() -> None:
    assert set(TREES) - set(HEIGHTS) == set(), "enter these modules in FLOORS"
    assert set(HEIGHTS) - set(TREES) == set(), "FLOORS lists modules that do not exist"


@each_module
def test_no_arrow_points_up(module: str) -> None:
    assert arrows_up(TREES[module], module) == set()


def test_no_circle_within_a_floor() -> None:
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
    if module in FLOORS["faces"]:
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
        ("draw", "from augflow.engine import Engine", {"engine"}),
        ("draw", "def f():\n    from augflow import pool", {"pool"}),
        ("draw", "import augflow.worker", {"worker"}),
        ("draw", "from .generator import ImageDataGenerator", {"generator"}),
        ("draw", "if TYPE_CHECKING:\n    from augflow.batch import ImagePlan", {"batch"}),
        ("draw", "from augflow import ImageDataGenerator", {""}),
        ("draw", "from augflow.settings import TransformSettings", set()),
        ("draw", "from augflow.order import chunk_bounds", set()),
        ("engine", "from augflow.batch import ImagePlan", set()),
        ("preprocessing.image", "from ..generator import ImageDataGenerator", set()),
    ],
)
def test_arrows_up_are_seen(module: str, code: str, expected: set[str]) -> None:
    assert arrows_up(ast.parse(code), module) == expected


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
