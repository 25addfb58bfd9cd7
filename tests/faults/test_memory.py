"""Shared memory that is short, missing, or held for long."""

from __future__ import annotations

import textwrap
from pathlib import Path

import psutil
import pytest

from tests.faults.scripts import assert_gone, await_line, needs_mounts, run, start

pytestmark = pytest.mark.heavy


WITHOUT_MEMFD = """
import augflow.memory.segments
augflow.memory.segments.supports_anonymous = lambda: False
"""


@needs_mounts
@pytest.mark.parametrize("shm", ["size=64k", "none"])
def test_a_tiny_or_missing_dev_shm_is_enough(folder: Path, shm: str) -> None:
    mount = (
        "mount -t tmpfs -o size=64k tmpfs /dev/shm"
        if shm != "none"
        else "umount -l /dev/shm && mount -t tmpfs -o size=0,ro,nr_inodes=1 tmpfs /dev/shm"
    )
    output, errors = run(
        """
        expected = next(flow(ImageDataGenerator(rotation_range=20, workers=0)))[0]
        f = flow()
        kept = [next(f)[0] for _ in range(20)]
        print("same", np.array_equal(expected, kept[0]), len(worker_pids()))
        """,
        folder,
        prefix=("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"),
    )
    assert "same True" in output
    if shm == "none":
        # Semaphores live in /dev/shm: without it there are no workers, and one warning.
        assert errors.count("UserWarning: augflow: worker processes cannot be started") == 1
    else:
        assert output.rstrip().endswith("2")


def test_temporary_files_serve_where_there_is_no_memfd(folder: Path, tmp_path: Path) -> None:
    output, _ = run(
        WITHOUT_MEMFD
        + textwrap.dedent(
            """
            expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
            f = flow()
            kept = [next(f)[0] for _ in range(20)]
            print("same", all(np.array_equal(next(expected)[0], x) for x in kept))
            print("workers", len(worker_pids()), "segments", own_segments())
            """
        ),
        folder,
        TMPDIR=str(tmp_path),
    )
    assert "same True" in output and "workers 2 segments 0" in output
    assert not list(tmp_path.glob("augflow-*"))


def test_temporary_files_are_removed_after_a_killed_parent(folder: Path, tmp_path: Path) -> None:
    process = start(
        WITHOUT_MEMFD
        + textwrap.dedent(
            """
            f = flow()
            next(f)
            print("started", flush=True)
            while True:
                next(f)
            """
        ),
        folder,
        TMPDIR=str(tmp_path),
    )
    await_line(process, "started")
    children = psutil.Process(process.pid).children(recursive=True)
    assert list(tmp_path.glob("augflow-*"))
    process.kill()
    process.communicate(timeout=5)
    assert_gone(children, seconds=8.0)
    assert not list(tmp_path.glob("augflow-*"))


@needs_mounts
def test_a_full_disk_is_an_error_here_and_no_sigbus(folder: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    output, _ = run(
        WITHOUT_MEMFD
        + textwrap.dedent(
            """
            expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
            f = flow()
            kept = [next(f)[0] for _ in range(20)]
            print("same", all(np.array_equal(next(expected)[0], x) for x in kept))
            """
        ),
        folder,
        prefix=(
            "unshare",
            "-m",
            "sh",
            "-c",
            f'mount -t tmpfs -o size=2m tmpfs {disk} && exec "$@"',
            "sh",
        ),
        TMPDIR=str(disk),
    )
    assert "same True" in output


def test_without_descriptors_batches_still_come(folder: Path) -> None:
    output, _ = run(
        """
        import resource
        expected = flow(ImageDataGenerator(rotation_range=20, workers=0))
        f = flow()
        next(f), next(expected)
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 6, used + 6))
        kept = [next(f)[0] for _ in range(20)]
        print("same", all(np.array_equal(next(expected)[0], x) for x in kept))
        """,
        folder,
    )
    assert "same True" in output


def test_held_batches_are_never_overwritten(folder: Path) -> None:
    output, _ = run(
        """
        f = flow()
        kept, copies = [], []
        for _ in range(150):
            x, y = next(f)
            view = x[2:4].reshape(2, -1)[:, ::2]
            kept.append(view)
            copies.append(view.copy())
        print("same", all(np.array_equal(a, b) for a, b in zip(kept, copies)), own_segments() < 160)
        """,
        folder,
    )
    assert "same True True" in output
