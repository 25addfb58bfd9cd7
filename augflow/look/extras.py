"""Libraries that only whoever looks needs: imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PACKAGES = {"matplotlib": "matplotlib", "sklearn": "scikit-learn"}


def imported(module: str, what: str) -> Any:
    """A module of matplotlib or scikit-learn.

    Args:
        module: its dotted name.
        what: is in need of it, for the message.

    Raises:
        ImportError: it is not installed; says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = _PACKAGES[module.split(".")[0]]
        raise ImportError(
            f"{what} needs {package}, which cannot be imported ({error}). Install it: pip install "
            f'{package}, or with the extra "show" of keras-augflow'
        ) from error


def new_figure(columns: int, rows: int, what: str, width: float, height: float) -> Any:
    """A figure for a grid of pictures, which no window shows by itself.

    Made without pyplot: that would keep every figure open and choose a window system. A notebook
    shows what a cell returns.

    Args:
        columns, rows: of the grid.
        what: is drawn, for messages.
        width, height: of a picture with its title, in inches.
    """
    figures = imported("matplotlib.figure", what)
    return figures.Figure(figsize=(columns * width, rows * height), layout="constrained")
