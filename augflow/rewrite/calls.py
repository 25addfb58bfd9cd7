"""What Keras 3 has removed from models, and how it is said now."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst.metadata import PositionProvider

from augflow.rewrite.outcome import Left, dotted

# Arguments by position in Keras 2, behind the generator.
_GENERATOR_METHODS = {
    "fit_generator": (
        "steps_per_epoch",
        "epochs",
        "verbose",
        "callbacks",
        "validation_data",
        "validation_steps",
        "validation_freq",
        "class_weight",
        "max_queue_size",
        "workers",
        "use_multiprocessing",
        "shuffle",
        "initial_epoch",
    ),
    "evaluate_generator": (
        "steps",
        "callbacks",
        "max_queue_size",
        "workers",
        "use_multiprocessing",
        "verbose",
    ),
    "predict_generator": (
        "steps",
        "callbacks",
        "max_queue_size",
        "workers",
        "use_multiprocessing",
        "verbose",
    ),
}
_METHODS = frozenset({"fit", "evaluate", "predict"})
_REMOVED = frozenset({"workers", "use_multiprocessing", "max_queue_size"})
_RENAMED = {"generator": "x", "nb_epoch": "epochs"}
_OPTIMIZERS = frozenset(
    {"Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "Ftrl", "Nadam", "RMSprop", "SGD"}
)
_FLOWS = ("flow", "flow_from_directory", "flow_from_dataframe")


class FlowNames(cst.CSTVisitor):
    """Names that flows are given."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_Assign(self, node: cst.Assign) -> None:
        call = node.value
        if (
            isinstance(call, cst.Call)
            and isinstance(call.func, cst.Attribute)
            and call.func.attr.value in _FLOWS
        ):
            self.found.update(dotted(target.target) for target in node.targets)


class RewriteCalls(cst.CSTTransformer):
    """Changes the calls of one module.

    Args:
        flows: names of flows.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, flows: set[str]) -> None:
        super().__init__()
        self._flows = flows
        self.changes = 0
        self.left: list[Left] = []

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        """One call."""
        function = updated_node.func
        name = function.attr.value if isinstance(function, cst.Attribute) else dotted(function)
        if name in _OPTIMIZERS:
            return self._optimizer(original_node, updated_node)
        if not isinstance(function, cst.Attribute):
            return updated_node
        if name == "next" and not updated_node.args:
            return self._next(original_node, updated_node, function)
        if name in _GENERATOR_METHODS:
            return self._generator_method(original_node, updated_node, function)
        if name in _METHODS:
            return self._method(original_node, updated_node)
        return updated_node

    def _tell(self, node: cst.Call, why: str) -> None:
        line = self.get_metadata(PositionProvider, node).start.line
        code = " ".join(cst.Module([]).code_for_node(node).split())
        self.left.append(Left(line, code if len(code) < 80 else f"{code[:76]} ...", why))

    def _next(self, old: cst.Call, new: cst.Call, function: cst.Attribute) -> cst.Call:
        if dotted(function.value) not in self._flows:
            self._tell(old, "it is not seen to be a flow; of one, write next(...)")
            return new
        self.changes += 1
        return new.with_changes(func=cst.Name("next"), args=[cst.Arg(function.value)])

    def _generator_method(self, old: cst.Call, new: cst.Call, function: cst.Attribute) -> cst.Call:
        places = _GENERATOR_METHODS[function.attr.value]
        if any(arg.star == "*" for arg in new.args):
            self._tell(old, "which arguments * stands for is not seen")
            return new
        self.changes += 1
        args = []
        for place, arg in enumerate(new.args):
            if place and arg.keyword is None and not arg.star:
                plain = cst.SimpleWhitespace("")
                equal = cst.AssignEqual(whitespace_before=plain, whitespace_after=plain)
                arg = arg.with_changes(keyword=cst.Name(places[place - 1]), equal=equal)
            args.append(arg)
        method = cst.Name(function.attr.value.removesuffix("_generator"))
        called = new.with_changes(func=function.with_changes(attr=method), args=args)
        return self._method(old, called)

    def _method(self, old: cst.Call, new: cst.Call) -> cst.Call:
        """``fit``, ``evaluate`` or ``predict``, without what Keras 3 does not take."""
        kept = []
        for arg in new.args:
            name = arg.keyword.value if arg.keyword else ""
            if name in _REMOVED:
                self.changes += 1
                continue
            if name in _RENAMED:
                self.changes += 1
                arg = arg.with_changes(keyword=cst.Name(_RENAMED[name]))
            if name in ("samples_per_epoch", "nb_val_samples"):
                self._tell(old, f"{name} counts samples, and its successor batches: leave it out")
            if arg.star == "**":
                self._tell(old, "look whether ** holds workers, use_multiprocessing or the like")
            kept.append(arg)
        if len(kept) < len(new.args) and kept and new.args[-1] is not kept[-1]:
            # What stood behind the last argument stays there.
            kept[-1] = kept[-1].with_changes(
                comma=new.args[-1].comma, whitespace_after_arg=new.args[-1].whitespace_after_arg
            )
        for arg in kept:
            if isinstance(arg.value, cst.Call) and dotted(arg.value.func) == "zip":
                self._tell(old, "Keras 3 takes no zip: give it a generator, or one flow of masks")
        return new.with_changes(args=kept)

    def _optimizer(self, old: cst.Call, new: cst.Call) -> cst.Call:
        args = []
        for arg in new.args:
            name = arg.keyword.value if arg.keyword else ""
            if name == "lr":
                self.changes += 1
                arg = arg.with_changes(keyword=cst.Name("learning_rate"))
            if name == "decay":
                self._tell(
                    old, "Keras 3 has no decay: use a schedule of keras.optimizers.schedules"
                )
            args.append(arg)
        return new.with_changes(args=args)
