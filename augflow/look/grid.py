"""Grids of pictures: originals beside what the model gets."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from augflow.look.explanation import Explanation, parameters_in_words
from augflow.look.extras import new_figure
from augflow.look.facts import Meaning
from augflow.look.overlays import Overlay, draw_overlay, overlay_of
from augflow.look.pixels import picture_of
from augflow.look.strip import first_picture, label_of

# Samples side by side, each with its draws.
_SAMPLES_A_ROW = 2
_LONGEST_TITLE = 26
_SIDE_INCHES = 1.7
_LINE_INCHES = 0.12
_GAP_INCHES = 0.12


class Cell(NamedTuple):
    """One picture of a grid.

    Attributes:
        title: above it.
        picture: uint8 of shape (height, width, 3 or 4); a text in the place of one.
        overlay: what lies on it, None for nothing.
    """

    title: str
    picture: np.ndarray | str
    overlay: Overlay | None = None


def checked_count(name: str, value: Any, least: int) -> int:
    """An int of at least so many.

    Raises:
        TypeError, ValueError: it is none.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an int. Received: {value!r}") from None
    if count < least or isinstance(value, bool):
        raise ValueError(f"`{name}` must be an int of at least {least}. Received: {value!r}")
    return count


def grid_of_samples(
    samples: int,
    originals: Callable[..., Any] | None,
    drawn: Callable[..., Any],
    count: int,
    draws: int,
    seed: int,
    meaning: Meaning,
    names: Callable[[np.ndarray], list[Any]],
) -> Any:
    """A figure of samples from all over the data.

    Args:
        samples: how many there are.
        originals: gives the ``Part`` of some places without random transforms, see
            ``flow.beside.some_beside``; None to show only draws.
        drawn: likewise with them.
        count: of samples to show.
        draws: of each.
        seed: of the draws.
        meaning: of the batches.
        names: of samples, by their numbers.

    Returns:
        A ``matplotlib.figure.Figure``.
    """
    spread = np.linspace(0, samples - 1, min(count, samples))
    cells: list[Cell] = []
    for number, place in enumerate(spread.astype(int).tolist()):
        first = seed * 1_000_003 + number * draws
        if originals is not None:
            cells.append(_cell(originals, place, 0, meaning, names))
        cells += [
            _cell(drawn, place, first + draw, meaning, names if originals is None else None)
            for draw in range(draws)
        ]
    each = draws + (originals is not None)
    columns = each * _SAMPLES_A_ROW
    if each == 1:
        columns = math.ceil(math.sqrt(len(cells)))
    return figure_of(cells, min(columns, len(cells)), "flow.show")


def grid_of_draws(original: np.ndarray, drawn: Sequence[Explanation], channels_first: bool) -> Any:
    """A figure of one image and many draws of it, each with its parameters.

    Args:
        original: the image.
        drawn: what was made of it.
        channels_first: whether both are (channels, height, width).
    """
    cells = [Cell("original", picture_of(original, channels_first))]
    for each in drawn:
        words = parameters_in_words(each.parameters).split(", ")
        pairs = [", ".join(words[place : place + 2]) for place in range(0, len(words), 2)]
        cells.append(Cell("\n".join(pairs), picture_of(each.inputs, channels_first)))
    columns = math.ceil(math.sqrt(len(cells)))
    return figure_of(cells, columns, "generator.show", side=2.6)


def figure_of(cells: Sequence[Cell], columns: int, what: str, side: float = _SIDE_INCHES) -> Any:
    """A figure with a cell for each picture, row by row.

    Args:
        cells: at least one.
        columns: of the grid.
        what: is drawn, for the message where matplotlib is missing.
        side: of a picture, in inches.
    """
    rows = -(-len(cells) // columns)
    lines = max(cell.title.count("\n") + 1 for cell in cells)
    height = side * _aspect(cells) + lines * _LINE_INCHES + _GAP_INCHES
    figure = new_figure(columns, rows, what, side, height)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, cell in zip(grid, cells, strict=False):
        axes.set_title(cell.title, fontsize=6)
        if isinstance(cell.picture, str):
            axes.text(0.5, 0.5, cell.picture, wrap=True, ha="center", va="center", fontsize=5)
            continue
        axes.imshow(cell.picture)
        if cell.overlay is not None:
            limits = axes.get_xlim(), axes.get_ylim()
            draw_overlay(axes, cell.overlay)
            axes.set_xlim(limits[0])
            axes.set_ylim(limits[1])
    return figure


def _aspect(cells: Sequence[Cell]) -> float:
    """Height to width of the tallest picture."""
    shapes = [cell.picture.shape for cell in cells if not isinstance(cell.picture, str)]
    return max((shape[0] / shape[1] for shape in shapes), default=1.0)


def _cell(
    read: Callable[..., Any],
    place: int,
    draw: int,
    meaning: Meaning,
    names: Callable[[np.ndarray], list[Any]] | None,
) -> Cell:
    part = read([place], draw)
    if part.left_out:
        ((number, reason),) = part.left_out.items()
        return Cell(_title(str(names(np.array([number]))[0])) if names else "", reason)
    image = first_picture(part.batch, meaning)
    if image is None:
        raise TypeError(
            "show draws images (height, width[, channels]) and volumes (depth, height, width"
            "[, channels]); the inputs of this flow are neither. print(flow) says what they are"
        )
    title = ""
    if names is not None:
        label = label_of(part.batch, 0, meaning)
        name = _title(str(names(part.indices)[0]))
        title = f"{name}\n{label}" if label else name
    overlay = overlay_of(part.batch, 0, meaning, image.shape)
    return Cell(title, picture_of(image, meaning.channels_first), overlay)


def _title(name: str) -> str:
    """A file's name, without its folder where that would be too long."""
    short = name if len(name) <= _LONGEST_TITLE else os.path.basename(name)
    return short if len(short) <= _LONGEST_TITLE else f"...{short[3 - _LONGEST_TITLE :]}"
