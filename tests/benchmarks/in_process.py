"""Measure in a process of one's own: no contestant inherits another's threads or memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

# A flow that forks after TensorFlow has started threads may hang; it is then left out.
TIME_LIMIT_SECONDS = 300
REPOSITORY = Path(__file__).resolve().parents[2]

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # The accelerator is no part of this, and starting it takes seconds.
    "CUDA_VISIBLE_DEVICES": "-1",
    # albumentations asks the network for a newer version when it is imported.
    "NO_ALBUMENTATIONS_UPDATE": "1",
}


class MeasurementFailedError(Exception):
    """A measuring process ended with an error; the message is the end of what it wrote."""


def run_in_process(
    module: str, order: Any, time_limit: float = TIME_LIMIT_SECONDS
) -> dict[str, Any] | None:
    """Run ``python -m module --measure ORDER``, and read what its last line says.

    Args:
        module: prints one JSON object as the last line of its output.
        order: anything that JSON can hold.
        time_limit: seconds.

    Returns:
        The object, or None if the process did not end in time.

    Raises:
        MeasurementFailedError: it ended with an error.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--measure", json.dumps(order)],
        cwd=REPOSITORY,
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that its workers can be ended with it.
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=time_limit)
    except BaseException as problem:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(problem, subprocess.TimeoutExpired):
            return None
        raise
    if process.returncode != 0:
        raise MeasurementFailedError("\n".join(errors.strip().splitlines()[-25:]))
    return json.loads(output.splitlines()[-1])


def keep_to_cores(count: int) -> None:
    """Allow this process and its children only the first ``count`` cores; 0 leaves it as is."""
    if count and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
