"""``augflow doctor`` as it is typed: its text, JSON, page and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from augflow.command.main import main
from augflow.command.terminal import has_colours, styled
from tests.doctor import clinic

ROOT = Path(__file__).parents[2]
QUICK = ("--no-measure", "--workers", "0")


def test_a_clean_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = clinic.clean_folder(tmp_path)
    assert main(["doctor", str(folder), *QUICK]) == 0
    text = capsys.readouterr().out
    assert "Nothing is wrong." in text
    assert "\033" not in text


def test_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "train.py"
    script.write_text(clinic.BAD_SCRIPT)
    folder, page = clinic.bad_folder(tmp_path / "data"), tmp_path / "report.html"
    words = ["doctor", str(folder), "--script", str(script), "--html", str(page), *QUICK]
    assert main(words) == 1
    text = capsys.readouterr().out
    assert text.index("train/cat/0.jpg = val/cat/leak.jpg") < text.index("cut off")
    html = page.read_text()
    assert html.count("<section") == len(clinic.BAD_FOLDER_CODES | clinic.BAD_SCRIPT_CODES)
    assert html.count("data:image/jpeg;base64,") >= 10
    assert "http" not in html
    assert main([*words, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["code"] for one in found["findings"]} >= clinic.BAD_FOLDER_CODES
    assert found["recommendation"] is None
    assert {one["level"] for one in found["findings"]} == {"error", "warning", "note"}


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = clinic.clean_folder(tmp_path / "data")
    (folder / "train/cat/<script>.jpg").write_bytes(b"<b>")
    page = tmp_path / "report.html"
    assert main(["doctor", str(folder), "--html", str(page), *QUICK]) == 1
    assert "<script>" not in page.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/nowhere"], "does not exist"),
        ([".", "--script", "/nowhere.py"], "no images|nowhere.py"),
        ([".", "--x-col", "file"], "are for tables"),
    ],
)
def test_what_cannot_be_looked_at(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", *words, *QUICK]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("augflow: ") and captured.out == ""
    assert any(one in captured.err for one in message.split("|"))


def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert styled("x", "error", Terminal()) == "\033[1;31mx\033[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "")
    assert not has_colours(Terminal())  # type: ignore[arg-type]
    assert styled("x", "error") == "x"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["doctor", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    assert "exit codes: 0" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


def test_the_command_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["augflow"].partition(":")
    assert getattr(import_module(module), function) is main
    finished = subprocess.run(
        [sys.executable, "-m", "augflow", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (finished.returncode, finished.stdout.split()[0]) == (0, "augflow")
