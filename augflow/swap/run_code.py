"""Runs a script as ``python script.py`` does, and a notebook's cells in their order."""

from __future__ import annotations

import builtins
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType

from augflow.report.totals import Totals, watch
from augflow.script.source_code import read_code
from augflow.swap.finder import SwapFinder


def run_code(
    path: str, arguments: Sequence[str], ours: Callable[[], ModuleType]
) -> tuple[int, Totals]:
    """Run a script or a notebook as the main program of this process.

    Args:
        path: of it; ".ipynb" for a notebook, of which lines that begin with % or ! are left out.
        arguments: that it finds in ``sys.argv``.
        ours: gives the module that stands in for ``keras.preprocessing.image``.

    Returns:
        The exit code that it would have had, and the sums over its flows.

    Raises:
        OSError: the file cannot be read.
        ValueError: a notebook that is none.
        KeyboardInterrupt: as the script itself.
    """
    source = read_code(path)
    totals = watch()
    finder = SwapFinder(ours)
    finder.install()
    try:
        return _run(source, path, arguments), totals
    finally:
        finder.remove()


def _run(source: str, path: str, arguments: Sequence[str]) -> int:
    module = ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = builtins
    is_notebook = path.lower().endswith(".ipynb")
    if is_notebook:
        module.__dict__["display"] = _display()
        # So that tracebacks show lines of cells, and not of the file around them.
        linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    # What pickles functions of the script, and finds that they are of the main program.
    sys.modules["__main__"] = module
    sys.argv = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except SystemExit as ended:
        return _exit_code(ended)
    except SyntaxError as error:
        traceback.print_exception(type(error), error, None)
        return 1
    except Exception as error:
        # The first step is the exec above.
        steps = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, steps)
        return 1
    return 0


def _exit_code(ended: SystemExit) -> int:
    """What Python makes of ``sys.exit(...)``."""
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return 1


def _display() -> Callable[..., object]:
    """What notebooks show things with."""
    try:
        from IPython.display import display
    except ImportError:
        return print
    function: Callable[..., object] = display
    return function
