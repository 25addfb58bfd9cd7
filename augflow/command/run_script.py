"""``augflow run``: an unchanged script, with augflow in the place of Keras's ImageDataGenerator."""

from __future__ import annotations

import argparse
import json
import sys
from types import ModuleType

from augflow.command.terminal import styled
from augflow.report.totals import Totals
from augflow.swap.run_code import run_code

_DESCRIPTION = """\
Run an unchanged script or notebook with Keras's ImageDataGenerator, its iterators and its helper
functions replaced by augflow's, under all names they are imported by (keras, tensorflow.keras,
tf_keras, keras_preprocessing). The same seed gives the same batches. At the end it says on
standard error how many batches and images the script got, and how fast.
"""
_EPILOG = """\
In a notebook, lines that begin with % or ! are left out. What Keras 3 has removed (fit_generator,
fit(workers=...)) stays removed: augflow migrate changes it.

exit code: that of the script; 2 where it cannot be read

examples:
  augflow run train.py --epochs 3
  augflow run --json numbers.json train.ipynb
"""


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "run",
        help="run an unchanged script with augflow in the place of Keras's classes",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", metavar="FILE", help="also write the numbers into a file")
    parser.add_argument("script", help="a script (.py) or notebook (.ipynb)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="for the script")
    parser.set_defaults(function=_run)


def _run(given: argparse.Namespace) -> int:
    code, totals = run_code(given.script, given.arguments, _ours)
    sys.stdout.flush()
    print(f"{styled('augflow:', 'bold', sys.stderr)} {text_of(totals)}", file=sys.stderr)
    if given.json is not None:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(numbers_of(totals), file)
    return code


def _ours() -> ModuleType:
    from augflow.preprocessing import image

    return image


def numbers_of(totals: Totals) -> dict[str, float]:
    """The sums, for machines; seconds, and images a second of them."""
    return {
        "batches": totals.batches,
        "images": totals.images,
        "seconds": round(totals.seconds, 3),
        "seconds_waited": round(totals.waited, 3),
        "images_per_second": round(totals.images / totals.seconds if totals.seconds else 0, 1),
    }


def text_of(totals: Totals) -> str:
    """The sums as a sentence."""
    if not totals.batches:
        return (
            "the script asked no flow for a batch. Did it import ImageDataGenerator from "
            "somewhere else than Keras?"
        )
    numbers = numbers_of(totals)
    share = totals.waited / totals.seconds if totals.seconds else 0
    return (
        f"{totals.batches:,} batches, {totals.images:,} images in {totals.seconds:.1f} s: "
        f"{numbers['images_per_second']:,.0f} images a second. For {share:.0%} of that time the "
        "script waited for images."
    )
