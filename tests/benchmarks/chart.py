"""Results as bars: ``docs/images/performance.png``."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.contestants import CONTESTANTS
from tests.benchmarks.report import format_number
from tests.benchmarks.results import Results
from tests.benchmarks.sections import HEADLINE, SECTIONS
from tests.benchmarks.targets import RATE
from tests.benchmarks.work import Job

OURS, LIMIT, THEIRS = "#0b6e8a", "#b9b9b9", "#e0a458"
MEASUREMENTS = {"cold": "rate", "cached": "rate", "fit": "fit"}


def _colour(job: Job) -> str:
    if job.contestant.startswith("augflow"):
        return OURS
    return LIMIT if job.contestant.startswith(("limit", "training")) else THEIRS


def _draw(axes: object, name: str, results: Results, jobs: list[Job]) -> None:
    jobs = sorted(jobs, key=lambda job: results.spread(job, RATE).median)
    spreads = [results.spread(job, RATE) for job in jobs]
    medians = [spread.median for spread in spreads]
    reach = [
        [spread.median - spread.least for spread in spreads],
        [spread.most - spread.median for spread in spreads],
    ]
    labels = [CONTESTANTS[job.contestant].label.replace("`", "") for job in jobs]
    axes.barh(labels, medians, xerr=reach, color=[_colour(job) for job in jobs], capsize=2)
    for position, spread in enumerate(spreads):
        axes.text(spread.most, position, f"  {format_number(spread.median)}", va="center")
    axes.set_title(SECTIONS[name].title.replace("`", ""), loc="left", fontweight="bold")
    axes.set_xlabel("images a second (median; lines: least and most)")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)


def write_chart(path: Path, sections: dict[str, Results]) -> bool:
    """Draw a panel for each of the headline sections that were measured.

    Returns:
        Whether there was anything to draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = {}
    for name in HEADLINE:
        if name in sections:
            rounds = sections[name].rounds
            jobs = [job for job in rounds if job.measurement == MEASUREMENTS[name]]
            if jobs:
                panels[name] = jobs
    if not panels:
        return False
    heights = [len(jobs) + 2 for jobs in panels.values()]
    figure = Figure(figsize=(10, 0.36 * sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, (name, jobs) in zip(grid[:, 0], panels.items(), strict=True):
        _draw(axes, name, sections[name], jobs)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return True
