"""What is wrong with how a script uses its flows; the script is read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from augflow.base.words import RANDOM_TRANSFORMS
from augflow.script.calls import (
    Flow,
    Generator,
    ModelCall,
    Script,
    constant,
    name_of,
)

_SCALING = (
    "rescale",
    "preprocessing_function",
    "samplewise_center",
    "samplewise_std_normalization",
    "featurewise_center",
    "featurewise_std_normalization",
)
_OF_DATA = ("featurewise_center", "featurewise_std_normalization", "zca_whitening")
_NOTHING = (None, 0, False, 0.0)
# With these the targets are others than class_mode's default says.
_OTHER_TARGETS = {"mask_directory", "mask_loader", "boxes", "keypoints"}
_STEPS = ("steps_per_epoch", "validation_steps", "steps")


@dataclass(frozen=True)
class Fault:
    """What is wrong in a line.

    Attributes:
        code: of its kind.
        line: of the script, from 1.
        text: the part of the line that is meant.
    """

    code: str
    line: int
    text: str


def faults_of(script: Script) -> Iterator[Fault]:
    """All faults of a script."""
    for check in (_generators, _evaluation, _scaling, _steps, _pairs, _losses):
        for code, line, text in check(script):
            yield Fault(code, line, text)


def _is_random(generator: Generator | None) -> bool:
    return generator is not None and any(
        generator.value(name) not in _NOTHING for name in RANDOM_TRANSFORMS
    )


def _generators(script: Script) -> Iterator[tuple[str, int, str]]:
    """What is wrong with a generator by itself."""
    for one in script.generators:
        rescale = one.value("rescale")
        function = one.arguments.get("preprocessing_function")
        if isinstance(rescale, int | float) and rescale > 1:
            yield "rescale-above-one", one.line, f"rescale={rescale:g}"
        if (
            rescale not in (*_NOTHING, 1)
            and function is not None
            and "preprocess_input" in (ast.unparse(function))
        ):
            yield "preprocess-and-rescale", one.line, ast.unparse(function)
        flows = [flow for flow in script.flows if flow.generator is one]
        if (
            one.value("validation_split") not in _NOTHING
            and flows
            and not any("subset" in flow.arguments or not flow.complete for flow in flows)
        ):
            yield "split-unused", one.line, f"validation_split={one.value('validation_split')}"
        of_data = [name for name in _OF_DATA if one.value(name) not in _NOTHING]
        if of_data and flows and not one.is_fitted:
            yield "not-fitted", one.line, ", ".join(of_data)


def _evaluation(script: Script) -> Iterator[tuple[str, int, str]]:
    """Flows that a model is judged by."""
    judged: list[tuple[Flow, str]] = [
        (flow, 'subset="validation"')
        for flow in script.flows
        if flow.value("subset") == "validation"
    ]
    for call in script.calls:
        kind = call.method.removesuffix("_generator")
        if "validation_data" in call.flows:
            judged.append((call.flows["validation_data"], "validation_data"))
        flow = call.flows.get("x")
        if flow is None or kind not in ("evaluate", "predict"):
            continue
        judged.append((flow, kind))
        if kind == "predict" and flow.complete and flow.value("shuffle", True) is True:
            yield "shuffled-predict", call.line, f"{call.method} of the flow of line {flow.line}"
    told = set()
    for flow, why in judged:
        augments = flow.value("augment", True) is True and flow.complete
        if augments and flow not in told and _is_random(flow.generator):
            told.add(flow)
            yield "augmented-validation", flow.line, f"{flow.name or flow.method} ({why})"


def _scaling(script: Script) -> Iterator[tuple[str, int, str]]:
    """Training and validation that do not get the same values."""
    for call in script.calls:
        training, judged = call.flows.get("x"), call.flows.get("validation_data")
        if training is None or judged is None:
            continue
        one, other = training.generator, judged.generator
        if one is None or other is None or not (one.complete and other.complete):
            continue
        differ = [name for name in _SCALING if _text(one, name) != _text(other, name)]
        if differ:
            yield "scaling-differs", other.line, f"{', '.join(differ)}; training in line {one.line}"


def _text(generator: Generator, name: str) -> str:
    """An argument, the same for the same meaning as far as can be seen."""
    node = generator.arguments.get(name)
    if node is None:
        return "None"
    value = constant(node)
    if value in _NOTHING:
        return "None"
    return ast.unparse(node) if value is ... else repr(value)


def _steps(script: Script) -> Iterator[tuple[str, int, str]]:
    """Counts of batches that are rounded down."""
    for call in script.calls:
        if not call.flows:
            continue
        for name in _STEPS:
            node = call.arguments.get(name)
            if node is not None and _rounds_down(node):
                yield "steps-drop-data", call.line, f"{name}={ast.unparse(node)}"


def _rounds_down(node: ast.expr) -> bool:
    """Whether an expression divides samples by a batch and drops the rest; constants are well."""
    if isinstance(node, ast.Call) and name_of(node.func) in ("int", "floor") and node.args:
        inner = node.args[0]
        return isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Div)
    if isinstance(node, ast.Call) and name_of(node.func) == "max":
        return any(map(_rounds_down, node.args))
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv)):
        return False
    # (n + batch - 1) // batch rounds up, -(-n // batch) is no FloorDiv itself.
    left = constant(node.left), constant(node.right)
    if all(isinstance(value, int) for value in left):
        return bool(left[0] % left[1]) if left[1] else False
    return not isinstance(node.left, ast.BinOp)


def _pairs(script: Script) -> Iterator[tuple[str, int, str]]:
    """Flows that are read side by side."""
    for line, flows in script.zips:
        if not all(flow.complete for flow in flows):
            continue
        first = flows[0]
        is_random = any(_is_random(flow.generator) for flow in flows)
        shuffled = any(flow.value("shuffle", True) is not False for flow in flows)
        if not (is_random or shuffled):
            continue
        for other in flows[1:]:
            names = ("seed", "shuffle")
            differ = [name for name in names if _unparsed(first, name) != _unparsed(other, name)]
            if "seed" not in first.arguments:
                differ = ["no seed"]
            if differ:
                yield (
                    "mask-seeds",
                    line,
                    f"lines {first.line} and {other.line}: {', '.join(differ)}",
                )


def _unparsed(flow: Flow, name: str) -> str | None:
    node = flow.arguments.get(name)
    return None if node is None else ast.unparse(node)


def _losses(script: Script) -> Iterator[tuple[str, int, str]]:
    """A loss for other targets than the training flow has."""
    losses = [call for call in script.calls if call.method == "compile"]
    fits = [call for call in script.calls if call.method.startswith("fit") and "x" in call.flows]
    if len(losses) != 1 or not fits:
        return
    loss = _loss(losses[0])
    for call in fits:
        flow = call.flows["x"]
        if flow.method == "flow" or not flow.complete or _OTHER_TARGETS & set(flow.arguments):
            continue
        mode = flow.value("class_mode", "categorical")
        wrong = {
            "categorical_crossentropy": ("binary", "sparse"),
            "sparse_categorical_crossentropy": ("categorical",),
        }.get(loss, ())
        if mode in wrong:
            yield "loss-and-classes", flow.line, f'class_mode="{mode}" with {loss}'


def _loss(call: ModelCall) -> str:
    """The loss of ``compile`` as a word: "categorical_crossentropy"."""
    node = call.arguments.get("loss")
    if node is None:
        return ""
    value = constant(node)
    if isinstance(value, str):
        return value
    name = name_of(node.func if isinstance(node, ast.Call) else node)
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.lstrip("_")
