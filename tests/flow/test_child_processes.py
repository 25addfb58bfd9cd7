"""Flows in processes that multiprocessing starts, under interrupts, and with few descriptors."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow import ImageDataGenerator
from augflow.runtime.pool import WorkerPool
from tests.flow_world import SAMPLES, SIZE, signature, write_folder

BATCHES = -(-SAMPLES // 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("children"))


def make_flow(folder: Path, workers: int) -> Any:
    generator = ImageDataGenerator(rotation_range=20, workers=workers)
    return generator.flow_from_directory(folder, target_size=SIZE, batch_size=4, seed=1)


def run_script(folder: Path, text: str) -> tuple[str, str, float]:
    """Run a script file, as a spawned process needs one; what it printed, and its seconds."""
    start = """
    import multiprocessing, sys, time
    from augflow import ImageDataGenerator

    def make_flow():
        generator = ImageDataGenerator(rotation_range=20, workers=2)
        return generator.flow_from_directory(
            sys.argv[1], target_size=(24, 24), batch_size=4, seed=1
        )
    """
    script = folder.parent / "script.py"
    script.write_text(textwrap.dedent(start) + textwrap.dedent(text))
    begin = time.monotonic()
    finished = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout, finished.stderr, time.monotonic() - begin


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_child_that_keeps_a_flow_ends(folder: Path, method: str) -> None:
    output, errors, seconds = run_script(
        folder,
        f"""
        def read(flow):
            global kept
            kept = flow
            for _ in range(9):
                next(flow)
            print("read", flush=True)

        if __name__ == "__main__":
            process = multiprocessing.get_context({method!r}).Process(
                target=read, args=(make_flow(),)
            )
            process.start()
            process.join(20)
            print(process.exitcode)
            process.kill()
        """,
    )
    assert output.split("\n")[-3:] == ["read", "0", ""] and seconds < 15
    assert "Traceback" not in errors


def test_the_processes_of_a_pool_build_batches_themselves(folder: Path) -> None:
    output, errors, _ = run_script(
        folder,
        """
        def total(number):
            return float(next(make_flow())[0].sum())

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                found = pool.map(total, range(2))
            assert found == [total(0)] * 2 and found[0] > 0
            print("equal")
        """,
    )
    assert output.endswith("equal\n") and "Traceback" not in errors


@pytest.mark.parametrize("moment", range(1, 8))
def test_an_interrupt_leaves_no_half_made_batch(
    folder: Path, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_flow(folder, 0) as plain:
        expected = [signature(plain[number]) for number in range(BATCHES)]
    submit, calls = WorkerPool.submit, itertools.count(1)

    def interrupted(pool: WorkerPool, *arguments: Any) -> Any:
        if next(calls) == moment:
            raise KeyboardInterrupt
        return submit(pool, *arguments)

    monkeypatch.setattr(WorkerPool, "submit", interrupted)
    with make_flow(folder, 2) as flow:
        interrupts = 0
        for number in [0, *range(BATCHES)]:
            try:
                found = flow[number]
            except KeyboardInterrupt:
                interrupts += 1
                found = flow[number]
            assert signature(found) == expected[number]
        assert interrupts == 1


def test_some_descriptors_are_left_for_others(folder: Path) -> None:
    output, errors, _ = run_script(
        folder,
        """
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (110, 110))
        flows, held = [], []
        for fold in range(12):
            flows.append(make_flow())
            held += [next(flows[-1]) for _ in range(30)]
        more = [open(sys.argv[0]) for _ in range(20)]
        assert all(images.any() for images, _ in held)
        print(len(held))
        """,
    )
    assert output.endswith("360\n")
    assert "file descriptors are taken; close() flows" in errors


def test_the_list_of_paths_stays_and_may_be_changed(folder: Path) -> None:
    flow = make_flow(folder, 0)
    flow.shuffle = False
    whole = [signature(flow[number]) for number in range(BATCHES)]
    assert flow.filepaths is flow.filepaths
    flow.filepaths[:4] = flow.filepaths[4:8]
    images, _ = flow[0]
    flow.filenames.reverse()
    assert flow.filepaths == [str(folder / name) for name in flow.filenames]
    assert len(whole) == BATCHES and not np.array_equal(images, flow[0][0])
    plain = make_flow(folder, 0)
    plain.shuffle = False
    plain.filenames[:4] = plain.filenames[4:8]
    assert np.array_equal(images, plain[0][0])
