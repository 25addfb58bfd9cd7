"""Results as tables in Markdown: ``docs/performance.md``, between two marks."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tests.benchmarks.contestants import (
    AUGFLOW_CACHED,
    AUGFLOW_CSV,
    AUGFLOW_FIT,
    AUGFLOW_LOADER,
    AUGFLOW_NEXT,
    CONTESTANTS,
)
from tests.benchmarks.results import Results, Spread
from tests.benchmarks.sections import SECTIONS, Section
from tests.benchmarks.work import Job, Work

BEGIN = "<!-- written by python -m tests.benchmarks: begin -->"
END = "<!-- written by python -m tests.benchmarks: end -->"
INTRODUCTION = """# Performance

Measured by `python -m tests.benchmarks`; the raw numbers are in
[performance.json](performance.json).

"""
CHART = "images/performance.png"

METHOD = """Every contestant runs in a process of its own on the same {cores} cores, and all of \
them take turns, round after round: whatever slows the machine for a while then slows all. \
A ratio is taken within each round; tables show the median over the rounds, and the smallest and \
largest in brackets. "augflow is" says how many times faster augflow does the work of the row: \
by `next()` where that was measured, else as the table's first row names it.

Unless a table says otherwise: photographs of 25 KB (about 375 x 445 pixels) made from crops of \
real ones, resized with the nearest neighbour, full affine augmentation (rotation 20 degrees, \
shifts 0.2, shear 20 degrees, zoom 0.2, horizontal flip), scaled to 0 to 1, \
224 x 224 x 3 float32, batches of 32, {workers} workers or threads.
"""

# Parts of the work that tell rows of one table apart.
WORK_WORDS = {
    "photos": "{} photographs",
    "side": "{0} x {0}",
    "columns": "{} columns",
    "load": "{}",
    "batch_size": "batches of {}",
    "flows": "{} in turn",
    "workers": "`workers={}`",
    "interpolation": "{}",
    "epochs": "{} epochs",
}
# Likewise, where one table has several measurements.
MEASUREMENT_WORDS = {
    "rate": "input alone, no model",
    "scan_folder": "folder",
    "scan_table": "dataframe",
}


def format_number(value: float) -> str:
    """Three digits, and no more than are needed."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def format_spread(spread: Spread | None, unit: str = "") -> str:
    """The median, and the least and the most in brackets if they differ."""
    if spread is None:
        return ""
    text = format_number(spread.median) + unit
    if spread.least == spread.most:
        return text
    return f"{text} ({format_number(spread.least)} to {format_number(spread.most)})"


def differing_parts(jobs: list[Job]) -> list[str]:
    """The names of the parts of the work that are not the same in all jobs; ``measurement``, too,
    if that differs."""
    measurements = {job.measurement for job in jobs}
    return ["measurement"] * (len(measurements) > 1) + [
        each.name
        for each in fields(Work)
        if each.name in WORK_WORDS and len({getattr(job.work, each.name) for job in jobs}) > 1
    ]


def describe_job(job: Job, parts: list[str]) -> str:
    """The name of a job's row."""
    contestant = CONTESTANTS[job.contestant]
    words = [
        WORK_WORDS[part].format(getattr(job.work, part))
        for part in parts
        if part in WORK_WORDS and (part != "workers" or contestant.has_workers)
    ]
    if "measurement" in parts and job.measurement in MEASUREMENT_WORDS:
        words.append(MEASUREMENT_WORDS[job.measurement])
    label = contestant.label
    return f"{label}, {', '.join(words)}" if words else label


def compared_with(job: Job, jobs: list[Job]) -> Job | None:
    """The job of augflow that a job's ratio is taken with: of the same measurement and work.

    None for augflow's own jobs.
    """
    if job.contestant.startswith("augflow"):
        return None
    for contestant in (AUGFLOW_NEXT, AUGFLOW_FIT, AUGFLOW_CACHED, AUGFLOW_CSV, AUGFLOW_LOADER):
        for other in jobs:
            same = (other.measurement, other.work) == (job.measurement, job.work)
            if same and other.contestant == contestant.key:
                return other
    return None


def section_table(section: Section, results: Results) -> list[str]:
    """The lines of a section's main table."""
    jobs = list(results.rounds)
    parts = differing_parts(jobs)
    first, *others = section.figures
    lines = [
        f"| pipeline | {' | '.join([section.figures[first], 'augflow is'])} | "
        + "".join(f"{section.figures[name]} | " for name in others),
        "|---|" + "---|" * (len(section.figures) + 1),
    ]
    for job in jobs:
        ours = compared_with(job, jobs)
        pair = (ours, job) if section.faster_is == "more" else (job, ours)
        ratio = results.ratio(*pair, first) if ours else None
        cells = [describe_job(job, parts), format_spread(results.spread(job, first))]
        cells.append(format_spread(ratio, " times"))
        cells += [_median(results.spread(job, name)) for name in others]
        lines.append(f"| {' | '.join(cells)} |")
    return [line.rstrip() for line in lines]


def _median(spread: Spread | None) -> str:
    return "" if spread is None else format_number(spread.median)


def target_table(section: Section, results: Results) -> list[str]:
    """The lines of the table of what is wanted; none if nothing is."""
    rows = []
    for target in section.targets:
        reached = target.reach(results)
        if reached is None:
            verdict = "not measured"
        elif target.at_most:
            verdict = "yes" if reached.median <= target.wanted else "no"
        else:
            verdict = "yes" if reached.median >= target.wanted else "no"
        sign = "at most" if target.at_most else "at least"
        rows.append(
            f"| {target.text} | {sign} {target.wanted:g} | {format_spread(reached)} | {verdict} |"
        )
    if not rows:
        return []
    return ["| augflow against | wanted | measured | reached |", "|---|---|---|---|", *rows]


def notes(results: Results) -> list[str]:
    """What differs between the contestants, and who is missing."""
    lines = []
    for key in dict.fromkeys(job.contestant for job in results.rounds):
        if CONTESTANTS[key].note:
            lines.append(f"- {CONTESTANTS[key].label}: {CONTESTANTS[key].note}")
    for key, reason in results.missing.items():
        lines.append(f"- {CONTESTANTS[key].label}: not measured, {reason}.")
    return lines


def describe_about(results: Results) -> str:
    """When and where a section was measured, as a sentence."""
    about = results.about
    return (
        f"{about['date']}, {about['rounds']} rounds, {about['cores']} of "
        f"{about['cores_of_machine']} cores, load {about['load_at_start']} at the start."
    )


def describe_versions(sections: dict[str, Results]) -> str:
    """On which processor and with which versions the sections were measured."""
    sections_by_versions: dict[str, list[str]] = {}
    for name, results in sections.items():
        about = results.about
        versions = ", ".join(f"{package} {number}" for package, number in about["versions"].items())
        text = f"{about['processor']}, Python {about['python']}, {versions}"
        sections_by_versions.setdefault(text, []).append(name)
    return "\n".join(
        ["## Versions", ""]
        + [f"- {', '.join(names)}: {text}." for text, names in sections_by_versions.items()]
    )


def section_report(section: Section, results: Results) -> str:
    """A section's heading, tables and notes."""
    parts = [[f"## {section.title}"], [section.text], section_table(section, results)]
    parts += [target_table(section, results), notes(results), [describe_about(results)]]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def write_report(path: Path, sections: dict[str, Results], has_chart: bool) -> None:
    """Write the report between its marks in the file; what stands around them is kept."""
    known = {name: sections[name] for name in SECTIONS if name in sections}
    about = next(iter(known.values())).about
    pieces = [METHOD.format(cores=about["cores"], workers=about["workers"]).strip()]
    if has_chart:
        pieces.append(f"![Images a second by pipeline]({CHART})")
    pieces += [section_report(SECTIONS[name], results) for name, results in known.items()]
    pieces.append(describe_versions(known))
    written = f"{BEGIN}\n\n" + "\n\n".join(pieces) + f"\n\n{END}\n"
    old = path.read_text() if path.exists() else INTRODUCTION
    before, mark, rest = old.partition(BEGIN)
    if not mark:
        before = old if old.endswith("\n\n") else old.rstrip("\n") + "\n\n"
        path.write_text(before + written)
        return
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{path} has the mark {BEGIN!r}, but not {END!r} after it; add it")
    path.write_text(before + written.rstrip("\n") + after)
