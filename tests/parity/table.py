"""Prints the table of ``docs/parity.md``: ``python -m tests.parity.table [--write PAGE]``.

Runs every setting in Keras and in augflow, compares them and measures how far apart the
pixels are. A setting that fails is printed with its reason, and the exit status is 1. With
``--write`` the table takes the place of the one between the page's markers.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.parity import images as parity_images
from tests.parity.compare import augflow_library, compare, keras_library, record
from tests.parity.setting import Setting
from tests.parity.settings import SETTINGS

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
EXACTLY = "order, shapes, dtype, attributes, printed lines"


def what_is_compared(setting: Setting) -> str:
    """What has to agree besides what always has to."""
    arguments = setting.arguments
    extra = []
    mode = arguments.get("class_mode", "categorical")
    has_labels = "y" in arguments if setting.kind == "flow" else mode is not None
    if has_labels:
        extra.append("input as target" if mode == "input" else "labels")
    if arguments.get("weight_col") or arguments.get("sample_weight"):
        extra.append("weights")
    if "misc" in arguments:
        extra.append("other arrays")
    if "save_to_dir" in arguments:
        extra.append("saved files")
    if setting.partner is not None:
        extra.append("both flows")
    return ", ".join(["pixels", *extra])


def limit(setting: Setting) -> str:
    text = f"{setting.levels:g}"
    return text if setting.levels <= 0.05 else f"{text} (0.05 for {1 - setting.share:.0%})"


def measure(setting: Setting) -> tuple[str, bool]:
    """The largest difference as text, and whether the setting passed."""
    images = parity_images.shared()
    keras, ours = keras_library(), augflow_library(workers=0)
    try:
        largest = compare(setting, record(setting, keras, images), record(setting, ours, images))
    except Exception as error:  # a row says what failed; the exit status says that it did
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return f"**differs**: {reason[:200]}", False
    return ("0" if largest == 0 else f"{largest:.2g}"), True


def label(setting: Setting) -> str:
    """The setting's name as the table shows it."""
    return setting.name.replace("|", "\\|")


def table() -> tuple[str, int]:
    """The table as Markdown, and how many settings failed."""
    failures = 0

    def lines() -> Iterator[str]:
        nonlocal failures
        yield f"{len(SETTINGS)} settings. Always compared exactly: {EXACTLY}."
        yield "Differences and limits are in grey levels (of 255)."
        for group, settings in itertools.groupby(SETTINGS, key=lambda setting: setting.group):
            yield f"\n### {group}\n"
            yield "| setting | compared | largest difference | limit |"
            yield "|---|---|---|---|"
            for setting in settings:
                difference, passed = measure(setting)
                failures += not passed
                compared = what_is_compared(setting)
                yield f"| {label(setting)} | {compared} | {difference} | {limit(setting)} |"

    return "\n".join(lines()), failures


def between_markers(page: str, text: str) -> str:
    """The page with ``text`` between its markers.

    Raises:
        ValueError: the page does not have both markers.
    """
    head, tail = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:head]}\n{text}\n{page[tail:]}"


def main() -> int:
    """Print the table, or write it into a page; 1 if a setting failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="PAGE", help="e.g. docs/parity.md")
    options = parser.parse_args()
    text, failures = table()
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(between_markers(page, text), encoding="utf-8")
    else:
        print(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
