"""One module of Python, rewritten."""

from __future__ import annotations

import libcst as cst
from libcst.metadata import MetadataWrapper

from augflow.rewrite.calls import FlowNames, RewriteCalls
from augflow.rewrite.imports import RewriteImports, Uses
from augflow.rewrite.outcome import Outcome


def rewrite_code(code: str, ours: frozenset[str]) -> Outcome:
    """Rewrite a script.

    Args:
        code: of it.
        ours: names that ``augflow.preprocessing.image`` has.

    Raises:
        ValueError: it is no Python.
    """
    try:
        module = cst.parse_module(code)
    except cst.ParserSyntaxError as error:
        raise ValueError(f"it is no Python: {error.message} (line {error.raw_line})") from error
    uses, flows = Uses(), FlowNames()
    module.visit(uses)
    module.visit(flows)
    imports, calls = RewriteImports(ours, uses.found), RewriteCalls(flows.found)
    # Lines are those of the file as it was, for both.
    after_calls = MetadataWrapper(module).visit(calls)
    after_imports = MetadataWrapper(after_calls).visit(imports)
    if imports.needs_augflow and not imports.has_augflow:
        after_imports = _with_augflow(after_imports)
    left = sorted({*imports.left, *calls.left})
    return Outcome(after_imports.code, imports.changes + calls.changes, left)


def _with_augflow(module: cst.Module) -> cst.Module:
    """The module with ``import augflow`` in front of its first other import."""
    place = 0
    for number, statement in enumerate(module.body):
        inner = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        is_docstring = number == 0 and isinstance(inner, cst.Expr)
        is_future = (
            isinstance(inner, cst.ImportFrom)
            and isinstance(inner.module, cst.Name)
            and inner.module.value == "__future__"
        )
        if not (is_docstring or is_future):
            break
        place = number + 1
    line = cst.SimpleStatementLine([cst.Import([cst.ImportAlias(cst.Name("augflow"))])])
    body = list(module.body)
    if place and place < len(body):
        # What separates the docstring from the imports stays in front of all of them.
        line = line.with_changes(leading_lines=body[place].leading_lines)
        body[place] = body[place].with_changes(leading_lines=[])
    return module.with_changes(body=[*body[:place], line, *body[place:]])
