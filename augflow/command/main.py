"""The command line: ``augflow`` and ``python -m augflow``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from augflow.command.bench_folder import add_bench
from augflow.command.check_data import add_doctor
from augflow.command.migrate_files import add_migrate
from augflow.command.preview_folder import add_preview
from augflow.command.run_script import add_run
from augflow.command.terminal import styled

_DESCRIPTION = """\
augflow: Keras's ImageDataGenerator, from worker processes.
"""
_NOT_POSSIBLE = 2
_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        words: of the command line; None (default) for those of this process.

    Returns:
        The exit code: 0 all is well, 1 something is wrong, 2 it could not be done, 130 Ctrl-C.
    """
    given = _parser().parse_args(words)
    try:
        code: int = given.function(given)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (OSError, ValueError, ImportError) as error:
        print(f"{styled('augflow:', 'error', sys.stderr)} {error}", file=sys.stderr)
        return _NOT_POSSIBLE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="augflow",
        description=_DESCRIPTION,
        epilog="augflow COMMAND --help says more of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_doctor(commands)
    add_run(commands)
    add_migrate(commands)
    add_preview(commands)
    add_bench(commands)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"augflow {version('keras-augflow')}"
    except PackageNotFoundError:
        return "augflow (not installed)"
