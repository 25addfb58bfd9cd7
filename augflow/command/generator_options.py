"""Options for the arguments of ``ImageDataGenerator``, read from its signature."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from typing import Any

from augflow.generator import ImageDataGenerator

# Functions, types, and what needs statistics of the data or a split: nothing to type, or to see.
_LEFT_OUT = re.compile(
    r"featurewise_\w+|samplewise_\w+|zca_\w+|preprocessing_function|augmentation|data_format|dtype"
    r"|validation_split|rescale|timeout|workers"
)
_SEVERAL = ("brightness_range", "width_shift_range", "height_shift_range", "zoom_range")
_PAIRS = ("brightness_range", "zoom_range")


def add_generator_options(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each argument: ``--rotation-range`` for ``rotation_range``."""
    group = parser.add_argument_group("augmentation, as ImageDataGenerator has it")
    explained = _explanations()
    for name, default in _arguments():
        option = f"--{name.replace('_', '-')}"
        text = explained[name].replace("%", "%%")
        if isinstance(default, bool):
            group.add_argument(option, action="store_true", help=text)
        elif isinstance(default, str):
            group.add_argument(option, default=default, metavar="WORD", help=text)
        elif name in _SEVERAL:
            group.add_argument(option, nargs="+", type=_number, metavar="NUMBER", help=text)
        else:
            group.add_argument(option, type=_number, metavar="NUMBER", help=text)


def generator_settings(given: argparse.Namespace) -> dict[str, Any]:
    """The arguments that were typed.

    Raises:
        ValueError: three numbers and more for a range of two.
    """
    settings = {}
    for name, default in _arguments():
        value = getattr(given, name)
        if isinstance(value, list):
            if name in _PAIRS and len(value) > 2:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{option} takes one number or two. Received: {value}")
            # One number is a number; of shifts, several are what is drawn from.
            value = value[0] if len(value) == 1 else (tuple if name in _PAIRS else list)(value)
        if value is not None and value != default:
            settings[name] = value
    return settings


def _arguments() -> Iterator[tuple[str, Any]]:
    """Names and defaults."""
    for name, parameter in inspect.signature(ImageDataGenerator).parameters.items():
        if not _LEFT_OUT.fullmatch(name):
            yield name, parameter.default


def _explanations() -> dict[str, str]:
    """What the docstring says of each argument, on one line."""
    docstring = inspect.getdoc(ImageDataGenerator) or ""
    section = docstring.partition("Args:\n")[2].partition("\n\n")[0]
    parts = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE)
    return {name: " ".join(text.replace("``", "").split()) for name, text in parts}


def _number(text: str) -> int | float:
    """A number: of shifts an int is pixels and a float a fraction, so ints stay ints."""
    try:
        return int(text)
    except ValueError:
        return float(text)
