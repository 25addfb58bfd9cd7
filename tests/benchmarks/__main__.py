"""Measure augflow against every peer that is installed, and write docs/performance.md.

    python -m tests.benchmarks                              # everything
    python -m tests.benchmarks --only cold cached fit --pairs 3 --images 700   # the headline
    python -m tests.benchmarks --only cold --pairs 1 --images 320 --output /tmp/try
    python -m tests.benchmarks --dry-run                    # what it would do, and how long
    python -m tests.benchmarks --render                     # tables and chart from the JSON again

Peers that are not installed are left out, and the tables say so. To have them all:

    pip install '.[test]' simplejpeg torch albumentations==2.0.8 grain nvidia-dali-cuda120 pyarrow

Sections keep their place: running some of them leaves the others' results as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.chart import write_chart
from tests.benchmarks.contestants import CONTESTANTS
from tests.benchmarks.csv_files import DEFAULT_ROWS, cached_rows
from tests.benchmarks.empty_files import DEFAULT_FILES, MILLION, empty_files
from tests.benchmarks.in_process import REPOSITORY
from tests.benchmarks.jobs import Scale
from tests.benchmarks.photos import CAMERA, DEFAULT_COUNT, IMAGENET
from tests.benchmarks.report import CHART, section_report, write_report
from tests.benchmarks.results import Results, describe_machine, read_results, write_results
from tests.benchmarks.rounds import (
    Measured,
    estimate_seconds,
    leave_out_uninstalled,
    run_rounds,
)
from tests.benchmarks.sections import SECTIONS
from tests.benchmarks.volumes import DEFAULT_COUNT as DEFAULT_VOLUMES
from tests.benchmarks.volumes import cached_volumes
from tests.benchmarks.work import Job


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SECTIONS,
        metavar="SECTION",
        help=f"sections to run: {', '.join(SECTIONS)}",
    )
    parser.add_argument(
        "--contestants",
        nargs="+",
        choices=CONTESTANTS,
        metavar="CONTESTANT",
        help="run only these; a section's results then hold no others: " + ", ".join(CONTESTANTS),
    )
    parser.add_argument("--pairs", type=int, default=5, help="rounds, each with all contestants")
    parser.add_argument("--images", type=int, default=DEFAULT_COUNT, help="of 25 KB")
    parser.add_argument("--imagenet-images", type=int, default=IMAGENET.count, help="of 110 KB")
    parser.add_argument("--camera-images", type=int, default=CAMERA.count, help="of 2 MB")
    parser.add_argument("--memory-images", type=int, default=320, help="for measuring memory")
    parser.add_argument("--small-images", type=int, default=10_000, help="arrays of 32 x 32")
    parser.add_argument("--csv-rows", type=int, default=DEFAULT_ROWS, help="of two columns")
    parser.add_argument("--volumes", type=int, default=DEFAULT_VOLUMES, help="of 32 x 32 x 32")
    parser.add_argument("--files", type=int, default=DEFAULT_FILES, help="empty files to find")
    parser.add_argument(
        "--million",
        dest="files",
        action="store_const",
        const=MILLION,
        help="find a million files in 1,000 folders",
    )
    parser.add_argument("--epochs", type=int, default=50, help="for measuring memory")
    parser.add_argument("--workers", type=int, default=2, help="worker processes or threads")
    parser.add_argument("--cores", type=int, default=2, help="cores for each contestant; 0: all")
    parser.add_argument(
        "--output",
        type=Path,
        default=REPOSITORY / "docs",
        help="folder for performance.md, performance.json and images/",
    )
    parser.add_argument("--dry-run", action="store_true", help="list the jobs and their time")
    parser.add_argument("--render", action="store_true", help="only write the tables again")
    return parser.parse_args(arguments)


def jobs_by_section(options: argparse.Namespace) -> dict[str, list[Job]]:
    """The jobs of the sections that are asked for."""
    scale = Scale(**{name: getattr(options, name) for name in Scale.__dataclass_fields__})
    wanted = options.contestants or CONTESTANTS
    return {
        name: [job for job in SECTIONS[name].jobs(scale) if job.contestant in wanted]
        for name in options.only or SECTIONS
    }


def rounds_of(sections: dict[str, list[Job]], pairs: int) -> dict[Job, int]:
    """How many rounds each job takes part in; a job of several sections runs once a round."""
    rounds: dict[Job, int] = {}
    for name, jobs in sections.items():
        for job in jobs:
            rounds[job] = max(rounds.get(job, 0), 1 if SECTIONS[name].once else pairs)
    return rounds


def make_data(jobs: Sequence[Job]) -> None:
    """Write the photographs and empty files that the jobs need and that are not there yet."""
    for job in jobs:
        if job.measurement.startswith("scan"):
            # Looked through once, so that the first contestant, too, finds it in the cache.
            sum(1 for _ in empty_files(job.work.images).glob("*/*"))
        elif job.measurement == "rows":
            cached_rows(job.work.images, job.work.columns)
        elif job.measurement == "volumes":
            cached_volumes(job.work.images)
        elif job.measurement != "small_arrays":
            job.work.make_folder()


def collect(
    sections: dict[str, list[Job]], measured: Measured, about: dict[str, object]
) -> dict[str, Results]:
    """What was measured, by section; sections without a figure are left out."""
    collected = {}
    for name, jobs in sections.items():
        rounds = {job: measured.figures[job] for job in jobs if job in measured.figures}
        missing = {job.contestant: measured.missing[job] for job in jobs if job in measured.missing}
        if rounds:
            count = max(len(each) for each in rounds.values())
            collected[name] = Results(rounds, missing, about | {"rounds": count})
    return collected


def write_all(output: Path, new: dict[str, Results]) -> None:
    """Add the new results to those in the folder, and write JSON, chart and tables."""
    output.mkdir(parents=True, exist_ok=True)
    sections = read_results(output / "performance.json") | new
    if not sections:
        raise SystemExit(f"there are no results in {output / 'performance.json'} yet")
    write_results(output / "performance.json", sections)
    has_chart = write_chart(output / CHART, sections)
    write_report(output / "performance.md", sections, has_chart)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 if one of augflow's own jobs failed."""
    options = parse_options(arguments)
    if options.render:
        write_all(options.output, {})
        return 0
    sections = jobs_by_section(options)
    measured = Measured()
    rounds = rounds_of(sections, options.pairs)
    installed = leave_out_uninstalled(rounds, measured)
    rounds = {job: rounds[job] for job in installed}
    seconds = sum(estimate_seconds(job) * count for job, count in rounds.items())
    print(
        f"{len(rounds)} jobs, {sum(rounds.values())} measurements, about {seconds / 60:.0f} "
        "minutes on a quiet machine (and once, making the data)"
    )
    if options.dry_run:
        for job, count in rounds.items():
            print(
                f"{count} x {estimate_seconds(job):4.0f} s  {job.measurement:<12} "
                f"{CONTESTANTS[job.contestant].label}"
            )
        return 0
    about = describe_machine(options.cores) | {"workers": options.workers}
    if about["load_at_start"] and about["load_at_start"] > 0.5:
        print(f"the machine is busy (load {about['load_at_start']}): the numbers will be noisy")
    make_data(list(rounds))
    # Written after every round, so that an interrupted run leaves what it has.
    run_rounds(
        rounds,
        measured,
        lambda number: write_all(options.output, collect(sections, measured, about)),
    )
    for name, results in collect(sections, measured, about).items():
        print("\n" + section_report(SECTIONS[name], results))
    failed = [
        job for job, reason in measured.missing.items() if reason.startswith(("failed", "not"))
    ]
    return 1 if any(job.contestant.startswith("augflow") for job in failed) else 0


if __name__ == "__main__":
    sys.exit(main())
