"""What an import of augflow costs and brings: little time, no framework."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FRAMEWORKS = {"albumentations", "jax", "keras", "tensorflow", "torch"}
MOST_SECONDS = 0.3


def run_python(code: str, *, timeout: float = 60) -> str:
    """Run code in a fresh Python in the repository's root and return what it printed."""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def modules_after(code: str) -> set[str]:
    """The top-level names in ``sys.modules`` of a fresh Python after ``code``."""
    report = 'import sys; print(*sorted({name.split(".")[0] for name in sys.modules}))'
    return set(run_python(f"{code}\n{report}").split())


def test_import_is_quick() -> None:
    code = "import time; s = time.perf_counter(); import augflow; print(time.perf_counter() - s)"
    # The best of several: the test is about the package, not about the machine's other work.
    assert min(float(run_python(code)) for _ in range(5)) < MOST_SECONDS


def test_import_brings_nothing_heavy() -> None:
    brought = modules_after("import augflow")
    assert "augflow" in brought
    assert brought & (FRAMEWORKS | {"cv2", "loky", "pandas", "scipy"}) == set()


@pytest.mark.parametrize(
    "code",
    [
        "from augflow import ImageDataGenerator; ImageDataGenerator(rotation_range=10)",
        "from augflow import DirectoryIterator, Iterator, NumpyArrayIterator",
        "from augflow.preprocessing import image; image.load_img",
    ],
)
def test_public_names_bring_no_framework(code: str) -> None:
    assert modules_after(code) & FRAMEWORKS == set()


def test_what_a_worker_imports() -> None:
    brought = modules_after("import augflow.runtime.worker")
    assert brought & (FRAMEWORKS | {"pandas"}) == set()


def test_public_names() -> None:
    code = (
        "import augflow; missing = [n for n in augflow.__all__ if not hasattr(augflow, n)];"
        "assert not missing, missing; assert set(augflow.__all__) <= set(dir(augflow));"
        "assert not hasattr(augflow, 'no_such_name')"
    )
    run_python(code)


# A finder in front of all others, so that Keras is not there even where it is installed.
WITHOUT_KERAS = """
import sys

class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"keras", "tensorflow"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotThere())

import pytest

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/house/test_without_keras.py"]))
"""


def test_works_where_keras_cannot_be_imported() -> None:
    output = run_python(WITHOUT_KERAS, timeout=110)
    assert "passed" in output
    assert "skipped" not in output
