"""The progress line: silent for short work, and nothing left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas
import pytest

from augflow.base import progress
from augflow.base.progress import Progress
from augflow.scan.dataframe import keep_valid_files
from augflow.scan.folders import scan_classes


def test_short_work_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("Scanning", "files", total=3) as line:
        for _ in range(3):
            line.update()
    assert capfd.readouterr().err == ""


def test_long_work_shows_what_was_done(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = threading.enumerate()
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    with Progress("Scanning", "files", total=4000) as line:
        line.update(1000)
        now[0] += 10
        line.update(1000)
        assert threading.enumerate() == threads
    shown = capfd.readouterr().err
    assert "Scanning" in shown
    assert "2.00k/4.00k" in shown
    # 2,000 steps in 10 seconds, whatever the bar itself has seen of them.
    assert "200 files/s" in shown or "199 files/s" in shown
    # The line is wiped out at the end.
    assert shown.endswith("\r")
    assert threading.enumerate() == threads


def test_long_scans_show_a_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [f"class/{number:03}.png" for number in range(20)]
    (tmp_path / "class").mkdir()
    for name in names:
        (tmp_path / name).touch()
    table = pandas.DataFrame({"filename": names})

    def both() -> str:
        assert scan_classes(tmp_path, ["class"], ("png",)).filenames == names
        assert len(keep_valid_files(table, tmp_path, "filename", ("png",))) == 20
        return capfd.readouterr().err

    assert both() == ""
    monkeypatch.setattr(progress, "_DELAY_SECONDS", -1.0)
    shown = both()
    assert f"Finding images in {str(tmp_path)!r}" in shown
    assert "20.0 files" in shown
    assert "Looking for the files of the dataframe" in shown
    assert "20.0/20.0" in shown
