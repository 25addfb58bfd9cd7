"""``augflow migrate``: scripts and notebooks of Keras 2, for augflow and Keras 3."""

from __future__ import annotations

import argparse
import difflib
import json
import sys

from augflow.command.terminal import styled
from augflow.rewrite.notebook import rewrite_file
from augflow.rewrite.outcome import Outcome

_DESCRIPTION = """\
Change the imports of Keras's ImageDataGenerator into augflow's, and what Keras 3 has removed into
what it takes: fit_generator, evaluate_generator, predict_generator, flow.next(), the arguments
workers, use_multiprocessing and max_queue_size, nb_epoch, and lr of optimizers. Every other byte
stays as it is. What is left alone is listed with the reason.
"""
_EPILOG = """\
exit codes: 0 nothing is left to do, 1 something is, 2 a file cannot be read

examples:
  augflow migrate train.py notebook.ipynb
  augflow migrate --write src/*.py
"""


def add_migrate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "migrate",
        help="change scripts and notebooks for augflow and Keras 3",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="scripts (.py), notebooks (.ipynb)"
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--diff", action="store_true", help="show what would change (default)")
    ways.add_argument("--write", action="store_true", help="change the files")
    ways.add_argument("--json", action="store_true", help="print counts and what is left as JSON")
    parser.set_defaults(function=_migrate)


def _migrate(given: argparse.Namespace) -> int:
    from augflow.preprocessing import image

    ours = frozenset(image.__all__)
    # All are read before one is written.
    done = []
    for path in given.files:
        with open(path, "rb") as file:
            data = file.read()
        done.append((path, data, *rewrite_file(data, path, ours)))
    for path, data, new, outcome in done:
        if given.write:
            if new != data:
                with open(path, "wb") as file:
                    file.write(new)
            print(f"{path}: {outcome.changes} changed, {len(outcome.left)} left alone")
        elif not given.json:
            _show(path, data, new)
        if not given.json:
            _list_left(path, outcome)
    if given.json:
        print(json.dumps([_as_json(path, outcome) for path, _, _, outcome in done], indent=2))
    is_done = given.write or all(new == data for _, data, new, _ in done)
    return 0 if is_done and not any(outcome.left for *_, outcome in done) else 1


def _show(path: str, data: bytes, new: bytes) -> None:
    """The change as ``diff -u`` shows it."""
    before, after = (text.decode("utf-8").splitlines(keepends=True) for text in (data, new))
    for line in difflib.unified_diff(before, after, path, path):
        style = {"+": "good", "-": "error", "@": "note"}.get(line[0])
        text = line.rstrip("\r\n")
        print(styled(text, style) if style else text)


def _list_left(path: str, outcome: Outcome) -> None:
    for left in outcome.left:
        where = styled(f"{path}, line {left.line}, left alone:", "warning", sys.stderr)
        print(f"{where} {left.code}\n    {left.why}", file=sys.stderr)


def _as_json(path: str, outcome: Outcome) -> dict[str, object]:
    left = [{"line": one.line, "code": one.code, "why": one.why} for one in outcome.left]
    return {"file": path, "changes": outcome.changes, "left": left}
