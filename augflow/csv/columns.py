"""Which columns of a CSV file make which arrays of a batch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from augflow.base.shorten import shortened
from augflow.base.stage_times import StageClock
from augflow.csv.plan import CsvPlan, Output
from augflow.csv.preprocess import Column
from augflow.csv.table import CsvTable, RowSpans, spans_of

# What of a batch's arrays goes where: one of them, or a dict of them.
Structure = int | dict[str, int]
# Of a column whose dtype is str: the longest text, in characters.
_DEFAULT_TEXT = np.dtype("U64")
# A first look at the data, for what can be said about it before the first batch.
_ROWS_TRIED = 8


@dataclass(frozen=True)
class Parts:
    """Which arrays of a batch are its inputs, targets and weights.

    Attributes:
        inputs: the number of an array, or a dict of those.
        targets, weights: likewise, None for none.
    """

    inputs: Structure
    targets: Structure | None
    weights: Structure | None

    def arranged(self, arrays: list[np.ndarray]) -> Any:
        """What ``next(flow)`` gives: the inputs, (inputs, targets) or with weights besides."""
        inputs = _arranged(self.inputs, arrays)
        if self.targets is None:
            return inputs
        targets = _arranged(self.targets, arrays)
        if self.weights is None:
            return inputs, targets
        return inputs, targets, _arranged(self.weights, arrays)


def _arranged(structure: Structure, arrays: list[np.ndarray]) -> Any:
    if isinstance(structure, int):
        return arrays[structure]
    return {name: arrays[number] for name, number in structure.items()}


def make_plan(
    table: CsvTable,
    x_cols: Any,
    y_cols: Any,
    dtype: Any,
    preprocess: Mapping[Any, Callable[[Any], Any]] | None,
    sample_weight: Any = None,
    on_error: str = "raise",
    plan_type: type[CsvPlan] = CsvPlan,
) -> tuple[CsvPlan, Parts]:
    """How batches are made of columns; the first rows are read to try it.

    Args:
        table: the files.
        x_cols, y_cols, dtype, preprocess, sample_weight, on_error: see ``flow_from_csv``.
        plan_type: of the plan.

    Returns:
        The plan, and which of its arrays are inputs, targets and weights.

    Raises:
        TypeError, ValueError: a column, dtype or function that cannot be used.
        CsvReadError: the first rows do not hold what they should.
    """
    functions = _functions(preprocess)
    columns = {
        name: Column(number, name, _dtype_of(name, dtype), _callable(name, functions))
        for number, name in enumerate(table.columns)
    }
    for argument, names in (("dtype", dtype), ("preprocess", functions)):
        for name in names if isinstance(names, Mapping) else ():
            _column(argument, name, columns)
    outputs: list[Output] = []
    inputs = _structure("x_cols", x_cols, columns, outputs)
    targets = None if y_cols is None else _structure("y_cols", y_cols, columns, outputs)
    weights = None
    if sample_weight is not None:
        _check_weights(sample_weight, y_cols)
        weights = _structure("sample_weight", sample_weight, columns, outputs)
    spans = RowSpans(np.array([0]), np.array([min(_ROWS_TRIED, table.rows)]))
    if functions:
        whole = np.delete(spans.rows(), np.isin(spans.rows(), table.malformed))
        outputs = _with_shapes(plan_type(table, ()), outputs, spans_of(whole[:1]))
    plan = plan_type(table, tuple(outputs), on_error == "skip")
    if weights is not None:
        numbers = weights.values() if isinstance(weights, dict) else [weights]
        for number in numbers:
            _check_weight(outputs[number])
    # Where some rows may be left out, an error of all the first ones is still one of the settings.
    if not plan.skips or len(plan.readable_values(spans, StageClock())[1]) == len(spans):
        plan.values(spans, StageClock())
    return plan, Parts(inputs, targets, weights)


def _check_weights(sample_weight: Any, y_cols: Any) -> None:
    what = "`sample_weight` must be a column, or where `y_cols` is a dict one of the same keys."
    if y_cols is None:
        raise ValueError("`sample_weight` weighs targets: give `y_cols`, too")
    if isinstance(sample_weight, Mapping):
        if not isinstance(y_cols, Mapping) or set(sample_weight) != set(y_cols):
            raise ValueError(f"{what} Received: {shortened(sample_weight)}")
    elif not isinstance(sample_weight, str | int | np.integer):
        raise TypeError(f"{what} Received: {shortened(sample_weight)}")


def _check_weight(output: Output) -> None:
    if output.shape or np.dtype(output.dtype).kind == "U" or output.is_stacked:
        raise ValueError(
            "`sample_weight` must be a column of one number a row. Received: "
            f"{output.columns[0].name!r}, of shape {output.shape} and dtype "
            f"{np.dtype(output.dtype).name}"
        )


def _functions(preprocess: Any) -> dict[Any, Any]:
    if preprocess is None:
        return {}
    if not isinstance(preprocess, Mapping):
        raise TypeError(
            "`preprocess` must be a dict of columns and functions, e.g. {'weather': one_hot}."
            f" Received: {shortened(preprocess)}"
        )
    return dict(preprocess)


def _structure(
    argument: str, given: Any, columns: dict[Any, Column], outputs: list[Output]
) -> Structure:
    if not isinstance(given, Mapping):
        outputs.append(_output(argument, given, columns))
        return len(outputs) - 1
    if not given:
        raise ValueError(f"`{argument}` is empty; name at least one column")
    structure: dict[str, int] = {}
    for name, part in given.items():
        if str(name) in structure:
            raise ValueError(f"`{argument}` has two inputs of the name {str(name)!r}")
        outputs.append(_output(f"{argument}[{name!r}]", part, columns))
        structure[str(name)] = len(outputs) - 1
    return structure


def _output(argument: str, given: Any, columns: dict[Any, Column]) -> Output:
    if isinstance(given, str | int | np.integer):
        return Output((_column(argument, given, columns),), is_stacked=False)
    if isinstance(given, set | frozenset):
        raise TypeError(
            f"`{argument}` must be a column, a list of columns, or a dict of those. A set has no "
            f"order that would be the same in the next run. Received: {shortened(given)}"
        )
    try:
        names = list(given)
    except TypeError:
        raise TypeError(
            f"`{argument}` must be a column, a list of columns, or a dict of those."
            f" Received: {shortened(given)}"
        ) from None
    if not names:
        raise ValueError(f"`{argument}` is empty; name at least one column")
    found = tuple(_column(argument, name, columns) for name in names)
    dtypes = sorted({np.dtype(column.dtype).name for column in found})
    if len(dtypes) > 1:
        raise ValueError(
            f"the columns of `{argument}` are one array and need one dtype, but have {dtypes}."
            " A dict of columns makes an array of each."
        )
    return Output(found, is_stacked=True)


def _column(argument: str, name: Any, columns: dict[Any, Column]) -> Column:
    # True equals 1 and 1.0, but is no number of a column.
    if isinstance(name, str | int | np.integer) and not isinstance(name, bool) and name in columns:
        return columns[name]
    near = difflib.get_close_matches(str(name), [str(column) for column in columns], 1, 0.6)
    hint = ""
    if near:
        hint = f" Did you mean {next(column for column in columns if str(column) == near[0])!r}?"
    elif len(columns) == 1:
        header = str(next(iter(columns)))
        separator = next((mark for mark in ";\t|" if mark in header), None)
        hint = f" Maybe the fields are separated otherwise: sep={separator!r}." if separator else ""
    shown = ", ".join(repr(column) for column in list(columns)[:12])
    more = f", … {len(columns)} in all" if len(columns) > 12 else ""
    raise ValueError(f"`{argument}`: there is no column {name!r}.{hint} Columns: {shown}{more}")


def _dtype_of(name: Any, dtype: Any) -> str:
    given = dtype.get(name, "float32") if isinstance(dtype, Mapping) else dtype
    try:
        # NumPy takes None for float64.
        kind = None if given is None else np.dtype(given)
    except TypeError:
        kind = None
    if kind is not None and kind.kind == "U" and not kind.itemsize:
        kind = _DEFAULT_TEXT
    if kind is None or kind.kind not in "fiubU":
        raise TypeError(
            "`dtype` must be a numeric dtype, e.g. 'float32', or one of text, as 'U16' for up to "
            "16 characters, or a dict of columns and theirs."
            f" Received for column {name!r}: {given!r}"
        )
    return kind.str


def _callable(name: Any, functions: Mapping[Any, Any]) -> Any:
    function = functions.get(name)
    if function is not None and not callable(function):
        raise TypeError(
            f"`preprocess` must be a dict of columns and functions. Received for column {name!r}:"
            f" {function!r}"
        )
    return function


def _with_shapes(probe: CsvPlan, outputs: list[Output], spans: RowSpans) -> list[Output]:
    """The same outputs; what the functions make of the first row tells their shapes."""
    return [
        replace(
            output,
            columns=tuple(_with_shape(probe, column, spans) for column in output.columns),
        )
        for output in outputs
    ]


def _with_shape(probe: CsvPlan, column: Column, spans: RowSpans) -> Column:
    if column.preprocess is None:
        return column
    return replace(column, shape=probe.shape_of(column, spans))
