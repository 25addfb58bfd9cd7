"""``augflow doctor``: what is wrong with images, and with a script that trains on them."""

from __future__ import annotations

import argparse
import json

from augflow.command.page import page_of
from augflow.command.terminal import styled, wrapped
from augflow.doctor.examine import Report, examine

_DESCRIPTION = """\
Say what is wrong with images and with the way they are used, the most harmful first, each with
its cure; then measure which settings read them fastest on this machine.

Files: broken, empty, cut off, with an ending that lies, or with one that no flow reads. Copies and
near copies, between training and validation, too. Classes: empty, of one image, out of balance,
not the same in all parts. Pixels: 16 bits, transparency, EXIF orientation, modes, sizes. Masks:
missing, of another size, of 0 and 255, saved as JPEG. In a script (--script): augmented
validation, shuffled predict, preprocess_input with rescale, steps that leave samples out, and more.
"""
_EPILOG = """\
folders:
  DIR/CLASS/*.jpg                        one folder for each class
  DIR/train/CLASS/..., DIR/val/CLASS/... parts, by names like train, val, valid, test
  DIR/images/*.jpg, DIR/masks/*.png      images and masks by name, in each part, too

exit codes: 0 nothing is wrong (notes do not count), 1 something is, 2 it could not be looked at

examples:
  augflow doctor photos --script train.py --html report.html
  augflow doctor labels.csv --directory photos --x-col file --y-col label
  augflow doctor photos --json --no-measure
"""
_PLACES_SHOWN = 5


def add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "doctor",
        help="what is wrong with images and with a script that trains on them",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="DIR|TABLE.csv", help="a folder of images, or a CSV file")
    parser.add_argument("--script", metavar="FILE", help="a script (.py) or notebook (.ipynb)")
    parser.add_argument("--validation", metavar="DIR", help="where the validation images lie")
    parser.add_argument("--masks", metavar="DIR", help="where the masks lie, by the images' names")
    parser.add_argument("--directory", metavar="DIR", help="what the names in a table start at")
    parser.add_argument("--x-col", metavar="NAME", help="the table's column of file names")
    parser.add_argument("--y-col", metavar="NAME", help="the table's column of classes or masks")
    parser.add_argument(
        "--target-size",
        nargs=2,
        type=int,
        default=(224, 224),
        metavar=("HEIGHT", "WIDTH"),
        help="to measure with, in pixels (default: 224 224)",
    )
    parser.add_argument("--workers", type=int, help="processes that look (default: one a CPU)")
    parser.add_argument("--no-measure", action="store_true", help="do not measure speeds")
    parser.add_argument("--html", metavar="FILE", help="write a report with pictures")
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    parser.set_defaults(function=_doctor)


def _doctor(given: argparse.Namespace) -> int:
    report = examine(
        given.target,
        script=given.script,
        validation=given.validation,
        masks=given.masks,
        directory=given.directory,
        x_col=given.x_col,
        y_col=given.y_col,
        target_size=tuple(given.target_size),
        workers=given.workers,
        measure=not given.no_measure,
    )
    if given.html is not None:
        with open(given.html, "w", encoding="utf-8") as file:
            file.write(page_of(report))
    print(json.dumps(report.as_json(), indent=2) if given.json else text_of(report))
    return 0 if report.is_well else 1


def text_of(report: Report) -> str:
    """The report for people."""
    lines = [
        f"{styled(report.target, 'bold')}: {report.about}, looked at in {report.seconds:.1f} s"
    ]
    if not report.findings:
        lines += ["", styled("Nothing is wrong.", "good")]
    for finding in report.findings:
        lines += ["", f"{styled(finding.level, finding.level)}  {styled(finding.title, 'bold')}"]
        lines += [f"    {place}" for place in finding.where[:_PLACES_SHOWN]]
        left = len(finding.where) - _PLACES_SHOWN
        if left > 0:
            lines.append(f"    and {left:,} more (--json or --html lists all)")
        lines.append(wrapped(f"-> {finding.cure}", 2))
    measured = report.recommendation
    if measured is not None:
        height, width = measured.target_size
        lines += ["", styled(f"Measured here, {height} x {width} pixels, images a second:", "bold")]
        longest = max(map(len, measured.images_per_second))
        lines += [
            f"  {label:<{longest}}  {speed:>8,.0f}"
            for label, speed in measured.images_per_second.items()
        ]
        lines += [f"  -> {measured.code()}"]
    return "\n".join(lines)
