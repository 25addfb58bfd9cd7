"""README and docs: every Python snippet runs, every link leads somewhere, tables are current.

The snippets of one page are one script, started in a folder that holds ``photos/`` (two class
folders), ``masks/`` (the same files as masks), ``labels.csv``, ``volumes/`` with ``volumes.txt``,
and ``ratings.csv``. A snippet that cannot be run needs ``<!-- not run: reason -->`` on the line
above it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.house import rooms

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
TIME_LIMIT_SECONDS = 60
PHOTOS_OF_A_CLASS = 12
LARGEST_PICTURE_BYTES = 300_000

FENCE = re.compile(r"^```(\w*)\s*$")
NOT_RUN = re.compile(r"^<!-- not run: (\S.*) -->$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FRAMEWORK = re.compile(r"^\s*(import|from) (keras|tensorflow|torch)\b", re.MULTILINE)
# What is not installed everywhere; a page that needs it is skipped there.
EXTRA = re.compile(r"^\s*(?:import|from) (torch|datasets)\b", re.MULTILINE)
# What a page may hold besides Python. An unknown language would be a snippet that never runs.
OTHER_LANGUAGES = {"sh", "diff", "text"}


@dataclass(frozen=True)
class Snippet:
    """A fenced block: its language, the number of its first line (from 0), why it is not run."""

    language: str
    start: int
    lines: list[str]
    not_run: str | None


def snippets_of(page: str) -> list[Snippet]:
    """All fenced blocks of a page.

    Raises:
        ValueError: a block is never closed.
    """
    lines = page.splitlines()
    found = []
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if opening:
            start = number + 1
            end = next((n for n in range(start, len(lines)) if lines[n] == "```"), None)
            if end is None:
                raise ValueError(f"the block of line {number + 1} is never closed")
            reason = NOT_RUN.match(lines[number - 1]) if number else None
            found.append(
                Snippet(opening[1], start, lines[start:end], reason[1] if reason else None)
            )
            number = end
        number += 1
    return found


def script_of(page: str) -> str:
    """The page's Python snippets, each on its own lines, so that tracebacks tell the line."""
    script = [""] * len(page.splitlines())
    for snippet in snippets_of(page):
        if snippet.language == "python" and snippet.not_run is None:
            script[snippet.start : snippet.start + len(snippet.lines)] = snippet.lines
    return "\n".join(script) + "\n"


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.name


def pages_with_snippets() -> list[object]:
    """Pages to run; those that import a framework are slow."""
    scripts = {page: script_of(text_of(page)) for page in PAGES}
    return [
        pytest.param(
            page, id=page.name, marks=[pytest.mark.heavy] if FRAMEWORK.search(script) else []
        )
        for page, script in scripts.items()
        if script.strip()
    ]


def anchors_of(page: str) -> set[str]:
    """The names by which headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows_of(table: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, with heads and rules left out."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if not line.startswith("|---") and not line.startswith("| setting |")
    ]


def fill_folder(tmp_path: Path) -> None:
    """Write what the pages read, see above."""
    from sklearn.datasets import load_sample_images

    sample_images = load_sample_images().images
    rows = []
    for label, photograph in zip(("china", "flower"), sample_images, strict=True):
        for number in range(PHOTOS_OF_A_CLASS):
            crop = photograph[20 * number : 20 * number + 96, 30 * number : 30 * number + 128]
            file = Path(label) / f"{number:02d}.jpg"
            for folder in ("photos", "masks"):
                (tmp_path / folder / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(crop).save(tmp_path / "photos" / file)
            mask = np.where(crop.mean(axis=2) > 128, 255, 0).astype(np.uint8)
            Image.fromarray(mask).save((tmp_path / "masks" / file).with_suffix(".png"))
            rows.append({"file": str(file), "label": label})
    pd.DataFrame(rows).to_csv(tmp_path / "labels.csv", index=False)
    write_volumes(tmp_path)
    write_ratings(tmp_path / "ratings.csv")


def write_volumes(folder: Path) -> None:
    """Volumes of two classes, and the text file that lists them."""
    (folder / "volumes").mkdir()
    lines = []
    for number in range(16):
        volume = np.random.default_rng(number).normal(number % 2, 1, (32, 32, 32))
        np.save(folder / "volumes" / f"{number:02d}.npy", volume.astype("float16"))
        lines.append(f"volumes/{number:02d}.npy {('healthy', 'ill')[number % 2]}\n")
    (folder / "volumes.txt").write_text("".join(lines), encoding="utf-8")


def write_ratings(file: Path) -> None:
    """300 ratings of 20 items by 30 users."""
    random = np.random.default_rng(0)
    users, items = random.integers(30, size=300), random.integers(20, size=300)
    ratings = np.clip(3 + (users % 5 - items % 5) / 2, 0.5, 5)
    pd.DataFrame({"user_id": users, "item_id": items, "rating": ratings}).to_csv(file, index=False)


def run_page(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page's snippets as one script, in a folder with what they read."""
    fill_folder(folder)
    # Not the name of a module that the page imports.
    script = folder / f"page_{page.stem}.py"
    script.write_text(script_of(text_of(page)), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIME_LIMIT_SECONDS,
    )


@pytest.mark.parametrize("page", pages_with_snippets())
def test_snippets_run(page: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn.datasets")
    for extra in EXTRA.findall(script_of(text_of(page))):
        pytest.importorskip(extra, reason=f"{extra} is not installed")
    finished = run_page(page, tmp_path)
    assert finished.returncode == 0, finished.stderr[-4000:]
    # Advice that makes augflow warn is bad advice. loky's tracker, which cleans up after killed
    # workers at exit, sometimes warns that there was nothing left to clean.
    lines = finished.stderr.splitlines()
    own = [line for line in lines if "UserWarning" in line and "resource_tracker" not in line]
    assert not own, finished.stderr[-4000:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_snippet_is_left_out_silently(page: Path) -> None:
    text = text_of(page)
    snippets = snippets_of(text)
    assert {snippet.language for snippet in snippets} <= {"python"} | OTHER_LANGUAGES
    assert text.count("```") == 2 * len(snippets), "a fence that is not at the start of its line"
    marks = [line for line in text.splitlines() if "not run" in line and line.startswith("<!--")]
    assert len(marks) == sum(snippet.not_run is not None for snippet in snippets)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), f"{page.name}: {link}"
        assert ROOT in target.parents, f"{page.name}: {link} leads out of the repository"
        if anchor:
            assert anchor in anchors_of(text_of(target)), f"{page.name}: {link}"
        if target.suffix == ".png":
            assert target.stat().st_size < LARGEST_PICTURE_BYTES


def test_the_index_lists_all_pages() -> None:
    index = text_of(DOCS / "index.md")
    missing = [page.name for page in DOCS.glob("*.md") if f"({page.name})" not in index]
    assert missing == ["index.md"]


def test_the_readme_commands_are_right() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    commands = [
        line
        for snippet in snippets_of(text_of(ROOT / "README.md"))
        if snippet.language == "sh"
        for line in snippet.lines
    ]
    assert commands == [
        'pip install -e ".[tensorflow,examples]" && python examples/classify_folder.py',
        'pip install -e ".[test]" && pytest -n 2 --dist worksteal',
    ]
    assert {"tensorflow", "examples", "test"} <= set(project["optional-dependencies"])
    assert (ROOT / "examples" / "classify_folder.py").is_file()


def test_commands_install_this_project_and_no_other() -> None:
    """The package index has a stranger's project by the name of the import."""
    settings = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    assert settings["project"]["name"] == "keras-augflow"
    # An editable install is a path then, which type checkers and editors look into.
    assert settings["tool"]["setuptools"]["package-dir"] == {"": "."}
    sources = [*PAGES, *(ROOT / "augflow").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
    named = re.compile(r"""pip install[^`\n]*[ "']augflow\b""")
    assert [path for path in sources if named.search(text_of(path))] == []


def test_the_parity_table_is_current() -> None:
    pytest.importorskip("keras")
    from tests.parity import table as parity_table
    from tests.parity.settings import SETTINGS

    page = text_of(DOCS / "parity.md")
    table = page.partition(parity_table.BEGIN)[2].partition(parity_table.END)[0]
    # The measured difference, the third cell, may vary between machines.
    shown = [(name, compared, limit) for name, compared, _, limit in rows_of(table)]
    wanted = [
        (
            parity_table.label(setting),
            parity_table.what_is_compared(setting),
            parity_table.limit(setting),
        )
        for setting in SETTINGS
    ]
    assert shown == wanted, "run: python -m tests.parity.table --write docs/parity.md"
    assert table.strip().startswith(f"{len(SETTINGS)} settings.")
    groups = list(dict.fromkeys(setting.group for setting in SETTINGS))
    assert re.findall(r"^### (.+)$", table, re.MULTILINE) == groups
    assert "differs" not in table


def test_the_table_of_rooms_is_current() -> None:
    page = text_of(DOCS / "data-flow.md")
    shown = page.partition(rooms.BEGIN)[2].partition(rooms.END)[0].strip()
    assert shown == rooms.table(), "run: python -m tests.house.rooms --write"


# The reading of pages itself.

SAMPLE = """# A page

```python
x = 1
```

<!-- not run: needs a camera -->
```python
import camera
```

```sh
rm
```

```python
assert x == 1
```
"""


def test_a_page_becomes_a_script_with_its_line_numbers() -> None:
    lines = script_of(SAMPLE).splitlines()
    assert lines[3] == "x = 1" and lines[16] == "assert x == 1"
    assert [line for line in lines if line] == ["x = 1", "assert x == 1"]
    assert [snippet.not_run for snippet in snippets_of(SAMPLE)] == [
        None,
        "needs a camera",
        None,
        None,
    ]


def test_a_block_without_end_is_seen() -> None:
    with pytest.raises(ValueError, match="line 2"):
        snippets_of("text\n```python\nx = 1\n")


def test_anchors_are_those_of_github() -> None:
    page = "## 3. Validation\n# `next()`, `reset()` and access by index\n"
    assert anchors_of(page) == {"3-validation", "next-reset-and-access-by-index"}
