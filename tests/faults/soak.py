"""Soak test: ``python -m tests.faults.soak --minutes 10``; ``--help`` and ``--list`` say more.

It ends with exit code 1 as soon as something is not as it has to be: a batch that differs from that
of a flow without workers, a held batch that changes, a call or a forked child that hangs, an error
that nobody asked for, something left behind. It then prints the command that plays this round
alone. The plan of a round is the same each time, the moments at which faults hit are not: so that
command plays the round again and again.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import os
import shlex
import shutil
import sys
import tempfile
import time
import traceback
from itertools import count, repeat
from pathlib import Path
from random import Random

from tests.faults.actions import Actions
from tests.faults.history import History
from tests.faults.inject import Injector, Interrupts
from tests.faults.kinds import KINDS, write_world
from tests.faults.leftovers import Growth, await_nothing_left
from tests.faults.plan import FAULTS, SEEDS, draw_plan
from tests.faults.reference import Reference
from tests.faults.stage import Stage
from tests.faults.watchdog import Watchdog

# No call of a flow may take longer.
_SECONDS = 30.0


class Soak:
    """Plays rounds until the time is over.

    Args:
        options: of the command line.
        folder: for the data.
    """

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._begin = time.monotonic()
        self._rounds = 0
        self._number = 0
        self._history = History()
        self._interrupts = Interrupts()
        self._injector = Injector(self._interrupts, self._history)
        self._watchdog = Watchdog(_SECONDS, self._report_fault)
        reference = Reference(folder, options.kinds, SEEDS)
        self._stage = Stage(
            reference, self._interrupts, self._injector, self._watchdog, self._history
        )

    def _warm_up(self) -> None:
        """Let all modules be imported: an interrupted import is Python's own to survive."""
        with KINDS["user function"](self._folder, 2, SEEDS[0]) as flow:
            for _ in range(3):
                next(flow)

    def run(self) -> bool:
        """Play; whether no fault was found."""
        if not self._options.cold:
            self._warm_up()
        end = self._begin + 60 * self._options.minutes
        numbers = count() if self._options.round is None else repeat(self._options.round)
        growth = Growth()
        for self._number in numbers:
            if self._rounds and time.monotonic() > end:
                break
            begin, compared = time.monotonic(), self._stage.compared
            try:
                self._play()
                gc.collect()
                await_nothing_left()
                self._stage.check_silence()
                words = growth.check()
            except Exception:
                self._report_fault(traceback.format_exc())
                return False
            self._rounds += 1
            _say(
                f"round {self._number}: {self._stage.compared - compared} batches,"
                f" {time.monotonic() - begin:.1f} s, {words}"
            )
        _say("no fault was found\n" + self._totals())
        return True

    def _play(self) -> None:
        options = self._options
        plan = draw_plan(options.seed, self._number, options.kinds, options.faults, options.actions)
        self._history.note(f"round {self._number} begins")
        seed = f"{options.seed} {self._number}"
        actions = Actions(self._stage, plan.flows, plan.readers, seed)
        for action in plan.actions:
            actions.carry_out(action)
        actions.end(Random(seed))
        # The next round fills its caches anew.
        for cache in (self._folder / "caches").iterdir():
            shutil.rmtree(cache) if cache.is_dir() else cache.unlink()

    def _report_fault(self, what: str) -> None:
        self._injector.let_go()
        _say(
            f"\nthe last things that happened:\n{self._history}\n\n{self._totals()}\n\n"
            f"FAULT in round {self._number}: {what}{self._stage.heard()}\n"
            f"play it again: {self._command()}\nwhat all threads are at:"
        )
        faulthandler.dump_traceback()

    def _command(self) -> str:
        """The command that plays this round."""
        options = self._options
        words = ["--seed", options.seed, "--round", self._number, "--minutes", 10]
        words += ["--actions", options.actions] + ["--cold"] * options.cold
        if options.kinds != list(KINDS):
            words += ["--kinds", *options.kinds]
        if options.faults != list(FAULTS):
            words += ["--faults", *options.faults]
        return "python -m tests.faults.soak " + shlex.join(map(str, words))

    def _totals(self) -> str:
        done = ", ".join(f"{kind} {number}" for kind, number in self._injector.done.items())
        longest = ", ".join(
            f"{what} {seconds:.1f} s" for what, seconds in self._stage.longest.items()
        )
        return (
            f"{self._rounds} rounds in {(time.monotonic() - self._begin) / 60:.1f} minutes,"
            f" {self._stage.compared} batches compared, held ones {self._stage.looked_at} times;"
            f" faults: {done}; interrupts: {self._interrupts.hits} inside of augflow"
            f" ({self._stage.swallowed} of them swallowed by finalizers),"
            f" {self._interrupts.misses} elsewhere and ignored; longest: {longest}"
        )


def _say(text: str) -> None:
    # Flows print what they found to stdout, which is silenced.
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.soak", description=__doc__.split("\n\n")[1]
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the plans (0)")
    parser.add_argument("--round", type=int, help="play this round alone, again and again")
    parser.add_argument("--actions", type=int, default=30, help="in a round (30)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument(
        "--faults", nargs="*", choices=FAULTS, default=list(FAULTS), metavar="FAULT"
    )
    parser.add_argument(
        "--cold", action="store_true", help="interrupt the first batch, with its imports, too"
    )
    parser.add_argument("--list", action="store_true", help="list kinds and faults, and end")
    return parser


def main() -> None:
    """The command line."""
    options = _parser().parse_args()
    if options.list:
        print("kinds:", *KINDS, "faults:", *FAULTS, sep="\n  ")
        return
    folder = Path(tempfile.mkdtemp(prefix="augflow-soak-"))
    with open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):
        is_sound = Soak(options, write_world(folder / "world")).run()
    # A forked child does not come by here: it leaves by an exception.
    shutil.rmtree(folder)
    if not is_sound:
        # What a fault has left behind may keep the interpreter from its end.
        os._exit(1)


if __name__ == "__main__":
    main()
