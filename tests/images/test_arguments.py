"""Arguments that several calls share: the same names, defaults and words in all of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import pytest

from augflow import (
    DataFrameIterator,
    DirectoryIterator,
    ImageDataGenerator,
    NumpyArrayIterator,
    flow_from_arrays,
    flow_from_csv,
    flow_from_loader,
    partition,
    scan_directory,
    verify,
)
from augflow.base import words
from augflow.base.checks import FILL_MODES
from augflow.companions.arguments import CompanionArguments
from augflow.images.arguments import FileArguments
from augflow.read.resize import CHANNELS, FILTERS
from augflow.read.scaled import DECODE_MODES
from augflow.scan.dataframe import CLASS_MODES

FLOWS = {
    ImageDataGenerator.flow: NumpyArrayIterator,
    ImageDataGenerator.flow_from_directory: DirectoryIterator,
    ImageDataGenerator.flow_from_dataframe: DataFrameIterator,
}
CALLS = [
    *FLOWS,
    ImageDataGenerator,
    ImageDataGenerator.fit,
    flow_from_arrays,
    flow_from_csv,
    flow_from_loader,
    partition,
    scan_directory,
    verify,
]
# What means one thing for folders and another for tables.
DIFFERENT = {"classes", "class_mode", "class_order", "directory", "mask_directory", "mask_loader"}
# Of Keras's: what comes between the generator and its flow.
GIVEN_BY_THE_GENERATOR = {"image_data_generator", "data_format", "dtype"}


def parameters(call: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    found = inspect.signature(call).parameters
    return {name: parameter for name, parameter in found.items() if name != "self"}


def explanations(call: Callable[..., Any]) -> dict[str, str]:
    """What a docstring says of each argument, as one line; of several at once the same."""
    text = inspect.getdoc(call) or ""
    section = re.search(r"^Args:\n(.*?)(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"{call.__qualname__} explains no arguments"
    found = {}
    for entry in re.split(r"\n(?=    \S)", section[1].rstrip()):
        names, _, words = entry.partition(": ")
        for name in names.split(","):
            found[name.strip().lstrip("*")] = " ".join(words.split())
    return found


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__qualname__)
def test_each_argument_is_explained_where_it_is_typed(call: Callable[..., Any]) -> None:
    explained = explanations(call)
    assert list(explained) == [*parameters(call)]
    for name, told in explained.items():
        assert len(told) > 10, name
        assert not re.search(r"\bsee ``\w*Iterator``", told), name


def test_the_same_argument_has_the_same_words() -> None:
    in_folders = explanations(ImageDataGenerator.flow_from_directory)
    in_tables = explanations(ImageDataGenerator.flow_from_dataframe)
    in_arrays = explanations(ImageDataGenerator.flow)
    for name in (in_folders.keys() & in_tables.keys()) - DIFFERENT:
        assert in_folders[name] == in_tables[name], name
    for name in in_folders.keys() & in_arrays.keys():
        assert in_folders[name] == in_arrays[name], name


@pytest.mark.parametrize("call", FLOWS, ids=lambda call: call.__qualname__)
def test_a_flow_takes_what_its_method_takes(call: Callable[..., Any]) -> None:
    of_method, of_flow = parameters(call), parameters(FLOWS[call])
    extra = {name for name in of_method if of_method[name].kind is inspect.Parameter.VAR_KEYWORD}
    assert set(of_flow) - set(of_method) == GIVEN_BY_THE_GENERATOR
    assert set(of_method) - set(of_flow) == extra
    # Keras's own differ here.
    keras_differs = {"shuffle", "y"} if call is ImageDataGenerator.flow else set()
    for name in set(of_method) - extra - keras_differs:
        assert of_method[name].default == of_flow[name].default, name


@pytest.mark.parametrize(
    "call",
    [each for pair in FLOWS.items() for each in pair if each.__name__ != "flow"][1:],
    ids=lambda call: call.__qualname__,
)
def test_shared_arguments_are_declared_once(call: Callable[..., Any]) -> None:
    declared = {each.name: each.default for each in fields(FileArguments)}
    del declared["companions"]
    declared |= {each.name: each.default for each in fields(CompanionArguments)}
    found = parameters(call)
    for name, default in declared.items():
        assert found[name].default == default, name
        assert found[name].kind is inspect.Parameter.KEYWORD_ONLY, name


def words_of(kind: Any) -> set[str]:
    """All words that a type allows."""
    inner = [words_of(part) for part in get_args(kind) if not isinstance(part, str)]
    return {part for part in get_args(kind) if isinstance(part, str)}.union(*inner)


# Arguments that are one of a fixed set of words, and the words that their checks allow.
WORDS = {
    "class_order": {"text", "natural"},
    "color_mode": {*CHANNELS, "unchanged"},
    "data_format": {"channels_last", "channels_first"},
    "decode": set(DECODE_MODES),
    "fill_mode": set(FILL_MODES),
    "interpolation": set(FILTERS),
    "keep_aspect_ratio": {"crop", "pad"},
    "on_error": {"raise", "skip"},
    "sampler": {"balanced"},
    "subset": {"training", "validation"},
}


@pytest.mark.parametrize("call", [*CALLS, *FLOWS.values()], ids=lambda call: call.__qualname__)
def test_signatures_tell_the_words_that_are_allowed(call: Callable[..., Any]) -> None:
    function = call.__init__ if inspect.isclass(call) else call
    # pandas is imported for type checkers only, and so are other names of signatures.
    hints = {name: str(kind) for name, kind in function.__annotations__.items()}
    for name in WORDS.keys() & parameters(call).keys():
        kind = eval(hints[name], vars(words))
        assert words_of(kind) == WORDS[name], name


def test_class_modes_in_signatures_are_those_that_are_allowed() -> None:
    def of(call: Callable[..., Any]) -> set[str]:
        return words_of(eval(str(call.__annotations__["class_mode"]), vars(words)))

    assert of(ImageDataGenerator.flow_from_directory) == DirectoryIterator.allowed_class_modes - {
        None
    }
    assert of(ImageDataGenerator.flow_from_dataframe) == {*CLASS_MODES, "other"} - {None}


def test_what_next_gives_is_documented() -> None:
    assert "(inputs, targets, weights)" in (inspect.getdoc(DirectoryIterator.__next__) or "")
    for call, flow in FLOWS.items():
        assert "next()" in (inspect.getdoc(call) or "")
        assert "``next(flow)`` gives" in (inspect.getdoc(flow) or "")
