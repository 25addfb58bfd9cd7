"""What the rows of the fault table share: folders of data, and the batches that have to come."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.kinds import KINDS, write_world
from tests.faults.reference import Reference
from tests.faults.scripts import write_photos

SEED = 11
collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty real crops in two class folders."""
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of all kinds of flows."""
    return write_world(tmp_path_factory.mktemp("faults") / "world")


@pytest.fixture(scope="session")
def reference(world: Path) -> Reference:
    """Flows without workers to compare with."""
    return Reference(world, list(KINDS), [SEED])
