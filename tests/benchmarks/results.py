"""What was measured: figures by job and round, ratios of them, and their JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import augflow
from tests.benchmarks.measure import Figures
from tests.benchmarks.work import Contestant, Job

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "keras",
    "tensorflow",
    "torch",
    "albumentations",
    "grain",
    "nvidia-dali-cuda120",
    "nvidia-dali-cuda130",
    "simplejpeg",
    "pandas",
    "pyarrow",
)


@dataclass(frozen=True)
class Spread:
    """The middle, the least and the most of several values."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread | None:
        """The spread of values; None if there are none."""
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values))


def median_ratio(ours: list[float], theirs: list[float]) -> Spread:
    """The spread of ours / theirs, taken within each round: what slows the machine for a while
    slows both sides."""
    return Spread.of([our / their for our, their in zip(ours, theirs, strict=True)])


@dataclass
class Results:
    """The figures of one section.

    Attributes:
        rounds: by job: by number of the round: the figures.
        missing: by contestant's key: why it has no figures.
        about: when, where and how they were measured.
    """

    rounds: dict[Job, dict[int, Figures]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def find(self, measurement: str, contestant: Contestant, **work: Any) -> Job | None:
        """The first job that was measured, of this contestant and with these values of Work."""
        for job in self.rounds:
            wanted = all(getattr(job.work, name) == value for name, value in work.items())
            if (job.measurement, job.contestant) == (measurement, contestant.key) and wanted:
                return job
        return None

    def values(self, job: Job | None, figure: str) -> dict[int, float]:
        """One figure of a job by round; empty if it was not measured."""
        rounds = self.rounds.get(job, {}) if job else {}
        return {number: figures[figure] for number, figures in rounds.items()}

    def spread(self, job: Job | None, figure: str) -> Spread | None:
        """The spread of one figure of a job over the rounds."""
        return Spread.of(list(self.values(job, figure).values()))

    def ratio(self, ours: Job | None, theirs: Job | None, figure: str) -> Spread | None:
        """The spread of ours / theirs over the rounds that both have."""
        our, their = self.values(ours, figure), self.values(theirs, figure)
        both = sorted(our.keys() & their.keys())
        if not both:
            return None
        return median_ratio([our[number] for number in both], [their[number] for number in both])

    def best(self, jobs: list[Job | None], figure: str) -> Job | None:
        """The job with the highest median among those that were measured."""
        measured = [job for job in jobs if job in self.rounds]
        return max(measured, key=lambda job: self.spread(job, figure).median, default=None)

    def as_dict(self) -> dict[str, Any]:
        """The results as JSON can hold them."""
        measured = [
            job.as_dict() | {"rounds": {str(number): figures for number, figures in each.items()}}
            for job, each in self.rounds.items()
        ]
        return {"about": self.about, "missing": self.missing, "measured": measured}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Results:
        """The results that ``as_dict`` wrote down."""
        rounds = {
            Job.from_dict(each): {int(number): one for number, one in each["rounds"].items()}
            for each in values["measured"]
        }
        return cls(rounds, values["missing"], values["about"])


def describe_machine(cores: int) -> dict[str, Any]:
    """When and where this is, for the record: date, processor, load, versions."""
    versions = {"augflow": augflow.__version__}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": cores or os.cpu_count(),
        "cores_of_machine": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def read_results(path: Path) -> dict[str, Results]:
    """The results by section that are in the file; none if it does not exist."""
    if not path.exists():
        return {}
    sections = json.loads(path.read_text())["sections"]
    return {name: Results.from_dict(values) for name, values in sections.items()}


def write_results(path: Path, sections: dict[str, Results]) -> None:
    """Write all sections' results."""
    values = {name: results.as_dict() for name, results in sections.items()}
    rounded = json.loads(json.dumps({"sections": values}), parse_float=_shortened)
    path.write_text(json.dumps(rounded, indent=1) + "\n")


def _shortened(number: str) -> float:
    """Six digits are more than any of these numbers is good for."""
    value = float(number)
    return float(f"{value:.6g}") if math.isfinite(value) else value
