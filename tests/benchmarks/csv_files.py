"""CSV files of random numbers to measure with, written at first need and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.benchmarks.photos import make_once

DEFAULT_ROWS = 2_000_000
# The same text again and again is quickly written; nobody who parses it notices.
_BLOCK_ROWS = 200_000


def column_names(columns: int) -> list[str]:
    """The names in a file's header."""
    return [f"c{number}" for number in range(columns)]


def write_rows(folder: Path, rows: int, columns: int) -> None:
    """Write ``rows.csv``: a header, and numbers with five digits after the point."""
    import pandas as pd

    folder.mkdir()
    draw = np.random.default_rng(0)
    names = column_names(columns)
    block = pd.DataFrame(draw.normal(size=(min(rows, _BLOCK_ROWS), columns)).round(5))
    text = block.to_csv(index=False, header=False)
    with (folder / "rows.csv").open("w") as file:
        file.write(",".join(names) + "\n")
        for _ in range(rows // len(block)):
            file.write(text)
        file.writelines(text.splitlines(keepends=True)[: rows % len(block)])


def cached_rows(rows: int, columns: int) -> Path:
    """The file of so many rows, in the system's temporary directory."""
    folder = make_once(f"csv-{rows}-{columns}", lambda path: write_rows(path, rows, columns))
    return folder / "rows.csv"
