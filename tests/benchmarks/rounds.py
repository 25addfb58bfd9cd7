"""Run jobs by turns, round after round, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.benchmarks.contestants import CONTESTANTS, missing_module
from tests.benchmarks.in_process import TIME_LIMIT_SECONDS, MeasurementFailedError
from tests.benchmarks.measure import (
    LEAST_SECONDS,
    LEAST_SECONDS_OF_VOLUMES,
    Figures,
    measure_in_process,
)
from tests.benchmarks.photos import CAMERA, IMAGENET
from tests.benchmarks.work import Job, UnavailableError

# What one image of another kind costs more than one of 25 KB, in seconds of one core.
EXTRA_SECONDS = {IMAGENET.name: 0.001, CAMERA.name: 0.05}


def estimate_seconds(job: Job) -> float:
    """Roughly how long a job takes on two cores."""
    contestant, work = CONTESTANTS[job.contestant], job.work
    if job.measurement.startswith("scan"):
        return contestant.start_seconds + 15e-6 * work.images
    image = 1 / contestant.rate * max(0.2, (work.side / 224) ** 2)
    image += EXTRA_SECONDS.get(work.photos, 0) / 2
    epoch = image * work.images
    if job.measurement == "first_batch":
        return contestant.start_seconds + 1 + epoch
    if job.measurement == "volumes":
        epoch = work.images / contestant.rate
        return contestant.start_seconds + epoch + LEAST_SECONDS_OF_VOLUMES + epoch / 2
    if job.measurement == "memory":
        return contestant.start_seconds + work.epochs * epoch
    if job.measurement == "small_arrays":
        epoch /= 3
    compiling = 3 if job.measurement == "fit" else 0
    return contestant.start_seconds + compiling + epoch + max(epoch, LEAST_SECONDS + epoch / 2)


@dataclass
class Measured:
    """What the rounds gave.

    Attributes:
        figures: by job: by number of the round.
        missing: by job: why there are no figures, or no more.
    """

    figures: dict[Job, dict[int, Figures]] = field(default_factory=dict)
    missing: dict[Job, str] = field(default_factory=dict)


def leave_out_uninstalled(jobs: Iterable[Job], measured: Measured) -> list[Job]:
    """The jobs whose contestants' modules are installed; the others are noted as missing."""
    installed = []
    for job in jobs:
        module = missing_module(CONTESTANTS[job.contestant])
        if module is None:
            installed.append(job)
        else:
            measured.missing[job] = f"{module} is not installed"
    return installed


def run_rounds(
    rounds_by_job: dict[Job, int],
    measured: Measured,
    after_round: Callable[[int], None] = lambda number: None,
    log: Callable[[str], None] = print,
) -> None:
    """Run every job once a round, in turn, until each has had its number of rounds.

    A job that fails or does not end in time is left out from then on.

    Args:
        rounds_by_job: how many rounds each job takes part in.
        measured: filled.
        after_round: called with the number of each round that is over.
        log: takes a line of progress.
    """
    last = max(rounds_by_job.values(), default=0)
    for number in range(last):
        start = time.perf_counter()
        for job, rounds in rounds_by_job.items():
            if number >= rounds or job in measured.missing:
                continue
            figures = _run(job, measured)
            if figures is None:
                log(f"round {number + 1}  {_describe(job)}{measured.missing[job]}")
                continue
            measured.figures.setdefault(job, {})[number] = figures
            log(f"round {number + 1}  {_describe(job)}{next(iter(figures.values())):>9.4g}")
        seconds = time.perf_counter() - start
        left = seconds * (last - number - 1)
        log(f"round {number + 1} took {seconds:.0f} s; at most about {left / 60:.0f} minutes left")
        after_round(number)


def _run(job: Job, measured: Measured) -> Figures | None:
    # A loaded machine takes several times as long; what hangs shall not cost all the time.
    limit = min(4 * TIME_LIMIT_SECONDS, 60 + 8 * estimate_seconds(job))
    try:
        figures = measure_in_process(job, limit)
    except UnavailableError as problem:
        measured.missing[job] = str(problem)
    except MeasurementFailedError as problem:
        measured.missing[job] = "failed: " + str(problem).splitlines()[-1]
        print(problem)
    else:
        if figures is None:
            measured.missing[job] = f"not done in {limit:.0f} s"
        return figures
    return None


def _describe(job: Job) -> str:
    work = job.work
    label = CONTESTANTS[job.contestant].label.replace("`", "")
    return (
        f"{job.measurement:<12} {label:<42.42} {work.photos:>5} {work.side:>3} px, "
        f"batch {work.batch_size:>3}, {work.workers} workers  "
    )
