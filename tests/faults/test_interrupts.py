"""Ctrl-C: at once, with one traceback, and nothing lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.scripts import interrupt, start


@pytest.mark.parametrize("moment", ["waiting", "idle"])
def test_ctrl_c_ends_at_once(folder: Path, moment: str) -> None:
    process = start(
        """
        def slow(image):
            time.sleep(0.3 if "MOMENT" == "waiting" else 0)
            return image
        f = flow(ImageDataGenerator(preprocessing_function=slow, workers=2))
        next(f)
        print("started", flush=True)
        while True:
            next(f) if "MOMENT" == "waiting" else time.sleep(1)
        """.replace("MOMENT", moment),
        folder,
        own_group=True,
    )
    interrupt(process)


def test_ctrl_c_while_workers_start(folder: Path, tmp_path: Path) -> None:
    # Python imports this module by itself, here to make the start of a worker long.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif 'loky.backend.popen_loky_posix' in sys.orig_argv: time.sleep(20)\n"
    )
    process = start(
        """
        def watch():
            while len(worker_pids()) < 2:
                time.sleep(0.01)
            # Long enough that Python itself is up in them.
            time.sleep(1)
            print("started", flush=True)
        f = flow()
        threading.Thread(target=watch).start()
        while True:
            next(f)
        """,
        folder,
        own_group=True,
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    )
    interrupt(process)
