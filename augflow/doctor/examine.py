"""All of the doctor's checks, one after the other."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

from augflow.doctor.check_classes import check_classes
from augflow.doctor.check_copies import check_copies
from augflow.doctor.check_files import check_files
from augflow.doctor.check_masks import check_masks
from augflow.doctor.check_pixels import check_pixels
from augflow.doctor.check_script import check_script
from augflow.doctor.finding import Finding, counted, most_harmful_first
from augflow.doctor.measure import Recommendation, recommend
from augflow.doctor.samples import Samples, samples_of_folder
from augflow.doctor.survey import survey
from augflow.doctor.table import samples_of_table

_OF_DATA = (check_files, check_copies, check_classes, check_pixels, check_masks)


@dataclass
class Report:
    """What the doctor says.

    Attributes:
        target: what was looked at.
        about: what was found there, one line.
        seconds: that looking at the files took.
        findings: the most harmful first.
        recommendation: None where nothing was measured.
    """

    target: str
    about: str
    seconds: float
    findings: list[Finding] = field(default_factory=list)
    recommendation: Recommendation | None = None

    @property
    def is_well(self) -> bool:
        """Whether there are neither errors nor warnings."""
        return all(one.level == "note" for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        measured = self.recommendation
        return {
            "target": self.target,
            "about": self.about,
            "seconds": round(self.seconds, 3),
            "findings": [one.as_json() for one in self.findings],
            "recommendation": None if measured is None else measured.as_json(),
        }


def examine(
    target: str,
    *,
    script: str | None = None,
    validation: str | None = None,
    masks: str | None = None,
    directory: str | None = None,
    x_col: str | None = None,
    y_col: str | None = None,
    target_size: tuple[int, int] = (224, 224),
    workers: int | None = None,
    measure: bool = True,
) -> Report:
    """Look at images and a script.

    Args:
        target: a folder, or a CSV file.
        script: a script or notebook that trains on them; None (default) for none.
        validation, masks: further folders, see ``samples_of_folder``.
        directory, x_col, y_col: of a table, see ``samples_of_table``.
        target_size: (height, width) to measure with.
        workers: worker processes; None (default): the CPUs this process may use; 0: this one.
        measure: whether speeds are measured. Defaults to True.

    Raises:
        OSError: something is not there.
        ValueError: there are no images, or a table without them.
    """
    if os.path.isfile(target):
        if validation is not None or masks is not None:
            raise ValueError(
                f"--validation and --masks are for folders; {target!r} is a table, which has "
                'columns for them: "split" and the one of --y-col'
            )
        samples = samples_of_table(target, directory, x_col, y_col)
    else:
        if (directory, x_col, y_col) != (None, None, None):
            raise ValueError(
                f"--directory, --x-col and --y-col are for tables; {target!r} is no file"
            )
        samples = samples_of_folder(target, validation, masks)
    begin = time.perf_counter()
    seen = survey(samples, workers)
    seconds = time.perf_counter() - begin
    findings = [finding for check in _OF_DATA for finding in check(seen)]
    if script is not None:
        findings += check_script(script)
    report = Report(target, _about(samples), seconds, most_harmful_first(findings))
    good = [samples.paths[row] for row in seen.good]
    if measure and good:
        report.recommendation = recommend(good, target_size)
    return report


def _about(samples: Samples) -> str:
    classes = {label for label in samples.classes if label is not None}
    parts = [part for part in dict.fromkeys(samples.parts) if part]
    text = counted(len(samples.paths), "image")
    if classes:
        text += f" of {counted(len(classes), 'class', 'classes')}"
    if parts:
        text += f", for {' and '.join(parts)}"
    masks = sum(mask is not None for mask in samples.masks)
    return text + (f", {counted(masks, 'mask')}" if masks else "")
