"""How many times faster than Keras's legacy ImageDataGenerator: ``next()`` and ``fit``.

    python -m tests.benchmarks.keras_ratio [--pairs 5] [--images 1399]

Real photographs (see ``photos.py``), "full affine" augmentation, 224 x 224 x 3, batches of
32. Every contestant runs in a process of its own, and all of them take turns, round after
round: whatever slows the machine for a while then slows both sides of a ratio. The ratio is
taken within each round; its median is the result, its smallest and largest are the spread.

"fit" reads the flow as ``model.fit`` does, through Keras's own epoch iterator, without a
model behind it: that is the rate at which a very fast model could be fed.

The quick question; ``python -m tests.benchmarks`` measures the same, and much more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks.contestants import (
    AUGFLOW_FIT,
    AUGFLOW_NEXT,
    CONTESTANTS,
    KERAS_FIT,
    KERAS_NEXT,
)
from tests.benchmarks.photos import DEFAULT_COUNT
from tests.benchmarks.results import Results, Spread
from tests.benchmarks.rounds import Measured, run_rounds
from tests.benchmarks.targets import RATE
from tests.benchmarks.work import Job, Work

WANTED_NEXT_RATIO = 8.0
WANTED_FIT_RATIO = 4.0


def describe(spread: Spread | None) -> str:
    """A ratio with its spread."""
    if spread is None:
        return "not measured"
    return f"{spread.median:.1f} times  ({spread.least:.1f} to {spread.most:.1f})"


def report(results: Results) -> bool:
    """Print rates and ratios; True if both wanted ratios are reached."""
    print(f"\n{'images/s':<40}{'median':>9}{'min':>9}{'max':>9}")
    for job in results.rounds:
        spread = results.spread(job, RATE)
        label = CONTESTANTS[job.contestant].label.replace("`", "")
        print(f"{label:<40}{spread.median:>9.0f}{spread.least:>9.0f}{spread.most:>9.0f}")

    our_next, our_fit, their_next, their_default = (
        results.find("rate", each) for each in (AUGFLOW_NEXT, AUGFLOW_FIT, KERAS_NEXT, KERAS_FIT[0])
    )
    best = results.best([results.find("rate", each) for each in KERAS_FIT], RATE)
    by_next = results.ratio(our_next, their_next, RATE)
    by_fit = results.ratio(our_fit, best, RATE)
    print(
        f"\nnext():  augflow / Keras                   {describe(by_next)}, "
        f"wanted {WANTED_NEXT_RATIO:.0f}\n"
        f"fit:     augflow / Keras at its best       {describe(by_fit)}, "
        f"wanted {WANTED_FIT_RATIO:.0f}\n"
        f"fit:     augflow / Keras by default        "
        f"{describe(results.ratio(our_fit, their_default, RATE))}\n"
        f"augflow next() / Keras fit at its best     "
        f"{describe(results.ratio(our_next, best, RATE))}"
    )
    if best is not None:
        print(f"Keras at its best is {CONTESTANTS[best.contestant].label!r}.")
    if by_next is None or by_fit is None:
        return False
    return by_next.median >= WANTED_NEXT_RATIO and by_fit.median >= WANTED_FIT_RATIO


def main() -> int:
    """Run the rounds that the command line asks for; 1 if a wanted ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="rounds, each with all contestants")
    parser.add_argument("--images", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--folder", type=Path, help="class folders to read instead of our own")
    parser.add_argument("--cores", type=int, default=2, help="cores for each contestant; 0: all")
    options = parser.parse_args()

    folder = str(options.folder.resolve()) if options.folder else ""
    work = Work(images=options.images, cores=options.cores, folder=folder)
    work.make_folder()
    # augflow beside what it is compared with.
    contestants = (KERAS_NEXT, AUGFLOW_NEXT, *KERAS_FIT, AUGFLOW_FIT)
    measured = Measured()
    run_rounds({Job("rate", each.key, work): options.pairs for each in contestants}, measured)
    return 0 if report(Results(measured.figures)) else 1


if __name__ == "__main__":
    sys.exit(main())
