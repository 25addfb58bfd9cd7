"""What a script makes and calls, read from its syntax: generators, flows, calls of a model."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_GENERATOR = "ImageDataGenerator"
_FLOW_METHODS = ("flow", "flow_from_directory", "flow_from_dataframe")
# The first arguments that scripts give by position, per method.
_POSITIONS = {
    "flow": ("x", "y", "batch_size", "shuffle"),
    "flow_from_directory": ("directory", "target_size", "color_mode", "classes", "class_mode"),
    "flow_from_dataframe": ("dataframe", "directory", "x_col", "y_col"),
    "fit": ("x", "y", "batch_size", "epochs"),
    "fit_generator": ("x", "steps_per_epoch", "epochs"),
    "evaluate": ("x", "y"),
    "evaluate_generator": ("x", "steps"),
    "predict": ("x", "batch_size", "verbose", "steps"),
    "predict_generator": ("x", "steps"),
    "compile": ("optimizer", "loss"),
}
MODEL_METHODS = tuple(name for name in _POSITIONS if not name.startswith("flow"))


@dataclass(eq=False)
class Call:
    """A call, with its arguments by name.

    Attributes:
        line: where it begins.
        arguments: expressions by name.
        complete: whether all arguments are known: no ``**`` of something that is not.
    """

    line: int
    arguments: dict[str, ast.expr]
    complete: bool = True

    def value(self, name: str, default: Any = None) -> Any:
        """The value of an argument: a constant, a sum or product of such, else ``...``."""
        return constant(self.arguments[name]) if name in self.arguments else default


@dataclass(eq=False)
class Generator(Call):
    """``ImageDataGenerator(...)``; ``is_fitted``: its ``fit`` is called."""

    is_fitted: bool = False


@dataclass(eq=False)
class Flow(Call):
    """``generator.flow...(...)``; ``name``: of the variable, if there is one."""

    generator: Generator | None = None
    method: str = ""
    name: str = ""


@dataclass(eq=False)
class ModelCall(Call):
    """``model.fit(...)`` and the like; ``flows``: of its arguments that are flows."""

    method: str = ""
    flows: dict[str, Flow] = field(default_factory=dict)


@dataclass
class Script:
    """All that was found."""

    generators: list[Generator] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    calls: list[ModelCall] = field(default_factory=list)
    zips: list[tuple[int, list[Flow]]] = field(default_factory=list)


def read_script(code: str) -> Script:
    """Read a script.

    Raises:
        SyntaxError: it is no Python.
    """
    reader = _Reader()
    for statement in _in_order(ast.parse(code)):
        reader.read(statement)
    return reader.script


def constant(node: ast.expr) -> Any:
    """The value of a constant expression, e.g. ``1./255``; ``...`` for any other."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult):
        left, right = constant(node.left), constant(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            if isinstance(node.op, ast.Mult):
                return left * right
            return left / right if right else ...
    return ...


def name_of(node: ast.expr) -> str:
    """The last part of a name: "predict" of ``self.model.predict``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _in_order(tree: ast.AST) -> Iterator[ast.stmt]:
    """All simple statements and heads of blocks, as they stand in the file."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            yield node
        yield from _in_order(node)


class _Reader:
    """Goes through a script once and remembers what names mean."""

    def __init__(self) -> None:
        self.script = Script()
        self._meaning: dict[str, Any] = {}
        self._seen: dict[ast.Call, Call] = {}

    def read(self, statement: ast.stmt) -> None:
        """Take up one statement, after those before it."""
        for node in ast.iter_child_nodes(statement):
            if not isinstance(node, ast.stmt):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Call):
                        self._call(inner)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                self._name(target, statement.value)

    def _name(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._name(one, other)
            return
        meaning: Any = self._object(value) or value
        if isinstance(meaning, Flow) and not meaning.name:
            meaning.name = ast.unparse(target)
        self._meaning[ast.unparse(target)] = meaning

    def _object(self, node: ast.expr) -> Any:
        """The generator or flow that an expression is, None for any other."""
        if isinstance(node, ast.Call):
            return self._call(node)
        found = self._meaning.get(ast.unparse(node))
        return found if isinstance(found, Call) else None

    def _call(self, node: ast.Call) -> Call | None:
        if node in self._seen:
            return self._seen[node]
        made = self._made(node)
        if made is not None:
            self._seen[node] = made
        return made

    def _made(self, node: ast.Call) -> Call | None:
        method, owner = name_of(node.func), None
        if isinstance(node.func, ast.Attribute):
            owner = self._object(node.func.value)
        if method == _GENERATOR:
            generator = Generator(node.lineno, *self._arguments(node, method))
            self.script.generators.append(generator)
            return generator
        if method in _FLOW_METHODS and isinstance(owner, Generator):
            flow = Flow(node.lineno, *self._arguments(node, method), owner, method)
            self.script.flows.append(flow)
            return flow
        if method == "fit" and isinstance(owner, Generator):
            owner.is_fitted = True
        elif method in MODEL_METHODS and owner is None and isinstance(node.func, ast.Attribute):
            call = ModelCall(node.lineno, *self._arguments(node, method), method)
            for name, value in call.arguments.items():
                found = self._object(value)
                if isinstance(found, Flow):
                    call.flows["x" if name == "generator" else name] = found
            self.script.calls.append(call)
        elif method == "zip":
            flows = [self._object(one) for one in node.args]
            if len(flows) > 1 and all(isinstance(one, Flow) for one in flows):
                self.script.zips.append((node.lineno, flows))
        return None

    def _arguments(self, node: ast.Call, method: str) -> tuple[dict[str, ast.expr], bool]:
        found = dict(zip(_POSITIONS.get(method, ()), node.args, strict=False))
        complete = True
        for keyword in node.keywords:
            if keyword.arg is not None:
                found[keyword.arg] = self._value(keyword.value)
                continue
            unpacked = self._value(keyword.value)
            if isinstance(unpacked, ast.Dict):
                for key, value in zip(unpacked.keys, unpacked.values, strict=True):
                    name = None if key is None else constant(key)
                    if isinstance(name, str):
                        found[name] = self._value(value)
                    else:
                        complete = False
            elif isinstance(unpacked, ast.Call) and name_of(unpacked.func) == "dict":
                found.update(
                    {one.arg: self._value(one.value) for one in unpacked.keywords if one.arg}
                )
            else:
                complete = False
        return found, complete

    def _value(self, node: ast.expr) -> ast.expr:
        """What a variable was set to, where that is no generator and no flow."""
        if isinstance(node, ast.Name):
            meaning = self._meaning.get(node.id)
            if isinstance(meaning, ast.expr):
                return meaning
        return node
