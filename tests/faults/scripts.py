"""Scripts in processes of their own, so that what they leave behind can be counted from outside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import psutil
import pytest
from skimage import data

REPOSITORY = Path(__file__).parents[2]

START = """
import os, signal, sys, threading, time, warnings
import numpy as np
from augflow import ImageDataGenerator
from augflow.runtime.pool import shared_pool

def flow(generator=None, **settings):
    generator = generator or ImageDataGenerator(rotation_range=20, workers=2)
    return generator.flow_from_directory(
        sys.argv[1], target_size=(96, 96), batch_size=8, seed=1, **settings
    )

def worker_pids():
    return shared_pool().pids()

def gone(pids, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
            return True
        time.sleep(0.05)
    return False

def own_segments():
    return sum("memfd:augflow" in os.readlink(f"/proc/self/fd/{fd}")
               for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))
"""


def write_photos(root: Path) -> Path:
    """Sixty real crops in two class folders."""
    photo = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    for number in range(60):
        home = root / ("even" if number % 2 == 0 else "odd")
        home.mkdir(exist_ok=True)
        top, left = 5 * number, 6 * number % 300
        cv2.imwrite(str(home / f"{number:03d}.jpg"), photo[top : top + 120, left : left + 110])
    return root


def start(
    script: str,
    folder: Path,
    prefix: tuple[str, ...] = (),
    own_group: bool = False,
    **environment: str,
):
    """Start a script after ``START``; its arguments are the folder."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", START + textwrap.dedent(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=own_group,
        # A test run in the background of a shell would pass on that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(process: subprocess.Popen, seconds: float) -> tuple[int, str, str]:
    """Wait for a script; then no process that it started may be left."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    output, errors = process.communicate(timeout=seconds)
    assert_gone(children)
    return process.returncode, output, errors


def assert_gone(processes: list[psutil.Process], seconds: float = 5.0) -> None:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not alive, f"left behind: {[process.cmdline() for process in alive]}"


def run(script: str, folder: Path, seconds: float = 30.0, prefix: tuple[str, ...] = (), **env: str):
    """Run a script that has to end well; give what it printed and its errors."""
    code, output, errors = finish(start(script, folder, prefix, **env), seconds)
    assert code == 0, errors
    return output, errors


def await_line(process: subprocess.Popen, line: str) -> str:
    assert process.stdout is not None
    for text in process.stdout:
        if line in text:
            return text
    raise AssertionError(f"{line!r} never came: {process.stderr.read() if process.stderr else ''}")


def interrupt(process: subprocess.Popen) -> None:
    """Press Ctrl-C once a script says "started": it ends at once, with one traceback."""
    await_line(process, "started")
    children = psutil.Process(process.pid).children(recursive=True)
    # As a terminal does: the whole process group hears it.
    os.killpg(process.pid, signal.SIGINT)
    # Not the time until the system has also cleared the workers away.
    process.wait(timeout=3.0)
    code, _, errors = finish(process, 5.0)
    assert_gone(children)
    assert code in (1, -signal.SIGINT)
    # loky's tracker may have a word on semaphores after it.
    assert errors.count("Traceback") == 1 and "\nKeyboardInterrupt\n" in errors, errors


def can_unshare() -> bool:
    """Whether this system lets the tests mount a /dev/shm of their own."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /dev/shm"]
    return subprocess.run(probe, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not can_unshare(), reason="mounting is not permitted here")
