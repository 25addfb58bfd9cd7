"""Trainings that are killed at random steps, on each backend, go on to the same weights.

Each process has another number of workers.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.flow_world import SAMPLES, write_folder

ROOT = Path(__file__).parents[2]
STEPS = 3 * -(-SAMPLES // 2)
EVERY = 3

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


def run(backend: str, folder: Path, name: Path, workers: int, kill_at: int) -> int:
    """One process; its exit status."""
    files = [name / file for file in ("checkpoint", "log", "weights.npz")]
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faces.killed_training",
            *map(str, (folder, *files, workers, kill_at)),
        ],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert finished.returncode in (0, -signal.SIGKILL), finished.stderr[-3000:]
    return finished.returncode


def steps_of(name: Path) -> list[Any]:
    return [json.loads(line) for line in (name / "log").read_text().splitlines()]


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_killed_at_random_steps(backend: str, tmp_path: Path) -> None:
    if find_spec(backend) is None or find_spec("keras") is None:
        pytest.skip(f"{backend} is not installed")
    folder = write_folder(tmp_path / "all")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for name in (whole, killed):
        name.mkdir()
    assert run(backend, folder, whole, 0, 0) == 0
    due = steps_of(whole)
    assert len(due) == STEPS

    # The sum of what they do is less than the whole.
    kills = [random.Random(len(backend)).randint(4, 8), random.Random(7).randint(6, 12)]
    for workers, kill_at in enumerate(kills, 1):
        assert run(backend, folder, killed, workers, kill_at) == -signal.SIGKILL
    assert run(backend, folder, killed, 0, 0) == 0

    # After each kill the log goes back by less than ``EVERY`` steps, to the same from there on.
    steps, place, kept = steps_of(killed), 0, 0
    for kill_at in (*kills, STEPS):
        part = steps[place : place + kill_at]
        assert part == due[kept : kept + len(part)]
        place += len(part)
        done = kept + len(part)
        kept = max(step for step in range(kept, done + 1) if step % 10 % EVERY == 0)
    assert done == STEPS
    with np.load(whole / "weights.npz") as one, np.load(killed / "weights.npz") as other:
        for array in one.files:
            assert one[array].tobytes() == other[array].tobytes()
