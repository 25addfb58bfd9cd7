"""The benchmark runs end to end, computes what it says, and keeps what others wrote."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("psutil")
pytest.importorskip("skimage")
pytest.importorskip("sklearn")

from PIL import Image

import augflow
from tests.benchmarks import rounds
from tests.benchmarks.__main__ import main, write_all
from tests.benchmarks.contestants import AUGFLOW_NEXT, DALI, KERAS_FIT, KERAS_NEXT, LIMIT
from tests.benchmarks.csv_files import column_names, write_rows
from tests.benchmarks.in_process import MeasurementFailedError
from tests.benchmarks.photos import CAMERA, IMAGENET, SMALL, PhotoKind, write_photos
from tests.benchmarks.read_csv import READERS
from tests.benchmarks.read_volumes import READERS as VOLUME_READERS
from tests.benchmarks.report import BEGIN, END, section_report
from tests.benchmarks.results import Results, read_results
from tests.benchmarks.sections import SECTIONS
from tests.benchmarks.volumes import LOADS, SIDE, load_function, write_volumes
from tests.benchmarks.work import Contestant, Job, UnavailableError, Work

ABOUT = {
    "date": "2026-01-01",
    "rounds": 3,
    "cores": 2,
    "cores_of_machine": 2,
    "processor": "a processor",
    "load_at_start": 0.1,
    "python": "3.11",
    "versions": {"numpy": "2.4"},
    "workers": 2,
}


def cold_results(rates: dict[Contestant, list[float]]) -> Results:
    """Results of the section "cold" with these images a second, round by round."""
    figures = {
        Job("rate", contestant.key): {
            number: {"images_per_second": rate, "megabytes": 100.0}
            for number, rate in enumerate(values)
        }
        for contestant, values in rates.items()
    }
    return Results(figures, {DALI.key: "nvidia.dali is not installed"}, dict(ABOUT))


@pytest.mark.parametrize(
    ("kind", "count", "least", "most"),
    [(SMALL, 100, 22, 28), (IMAGENET, 40, 95, 125), (CAMERA, 2, 1_300, 3_200)],
    ids=lambda value: value.name if isinstance(value, PhotoKind) else "",
)
def test_photos_are_as_large_as_they_say(
    tmp_path: Path, kind: PhotoKind, count: int, least: float, most: float
) -> None:
    write_photos(tmp_path, count, kind=kind)
    paths = sorted(tmp_path.glob("*/*.jpg"))
    assert len(paths) == count
    assert len({path.parent for path in paths}) == 2
    assert least <= np.mean([path.stat().st_size for path in paths]) / 1000 <= most
    for path in paths:
        with Image.open(path) as photo:
            assert 0.75 <= photo.width * photo.height / (kind.width * kind.height) <= 1.25


def test_one_section_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The photographs go below the folder, too; measuring processes read the variable.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    little = ["--only", "cold", "--contestants", "augflow", "limit", "--pairs", "1"]
    assert main([*little, "--images", "24", "--output", str(tmp_path / "docs")]) == 0

    results = read_results(tmp_path / "docs" / "performance.json")["cold"]
    work = Work(images=24)
    assert set(results.rounds) == {Job("rate", "augflow", work), Job("rate", "limit", work)}
    for job in results.rounds:
        assert results.spread(job, "images_per_second").median > 10
        assert results.spread(job, "megabytes").median > 20
    text = (tmp_path / "docs" / "performance.md").read_text()
    assert "| augflow, `next()` |" in text
    assert "| limit: decoding alone, OpenCV |" in text
    assert "| decoding alone | at least 0.5 |" in text
    with Image.open(tmp_path / "docs" / "images" / "performance.png") as chart:
        assert min(chart.size) > 100


def test_dry_run_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rounds, "measure_in_process", None)
    assert main(["--dry-run", "--pairs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "minutes on a quiet machine" in printed
    # Memory is measured once, everything else in every round.
    assert {line[:3] for line in printed.splitlines() if " memory " in line} == {"1 x"}
    assert {line[:3] for line in printed.splitlines() if " rate " in line} == {"2 x"}


def test_ratios_are_taken_within_rounds() -> None:
    # The machine is ten times slower in the second round; the ratio is 4 in each.
    results = cold_results({AUGFLOW_NEXT: [4000, 400, 4000], KERAS_NEXT: [1000, 100, 800]})
    report = section_report(SECTIONS["cold"], results)
    assert "| Keras legacy, `next()` | 800 (100 to 1,000) | 4.00 times (4.00 to 5.00) |" in report
    assert "| Keras `next()` | at least 10 | 4.00 (4.00 to 5.00) | no |" in report
    assert "| DALI's CPU pipeline | at least 3 |  | not measured |" in report
    assert "not measured, nvidia.dali is not installed" in report


def test_target_is_against_the_best_setting_and_at_the_limit() -> None:
    slow, fast, *_ = KERAS_FIT
    rates = {AUGFLOW_NEXT: [3000.0], slow: [200.0], fast: [500.0], LIMIT: [6000.0]}
    report = section_report(SECTIONS["cold"], cold_results(rates))
    assert "| Keras at its best | at least 4.5 | 6.00 | yes |" in report
    assert "| decoding alone | at least 0.5 | 0.50 | yes |" in report


def test_epoch_is_compared_with_the_sum_of_its_parts() -> None:
    figures = {
        ("fit", "augflow-fit"): 1000,
        ("fit", "training"): 2500,
        ("rate", "augflow-fit"): 2500,
    }
    results = Results(
        {Job(*key): {0: {"images_per_second": rate}} for key, rate in figures.items()}
    )
    target = next(each for each in SECTIONS["fit"].targets if each.text.startswith("an epoch"))
    epoch = target.reach(results)
    # 1/1000 of a second an image; alone, 1/2500 + 1/2500.
    assert epoch.median == pytest.approx(1.25)


def test_rows_say_what_differs() -> None:
    work = [Work(workers=1), Work(workers=2)]
    rows = {
        Job("rate", key, each): {0: {"images_per_second": 1000.0 * each.workers, "megabytes": 1.0}}
        for key in ("augflow", "keras")
        for each in work
    }
    rows |= {Job("fit", "augflow-fit"): {0: {"images_per_second": 1.0, "megabytes": 1.0}}}
    report = section_report(SECTIONS["workers"], Results(rows, {}, dict(ABOUT)))
    assert "| augflow, `next()`, `workers=2`, input alone, no model | 2,000 |" in report
    # Keras's next() has no workers; it is compared with augflow's row of the same work.
    assert "| Keras legacy, `next()`, input alone, no model | 2,000 | 1.00 times |" in report


def test_written_prose_and_other_sections_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text(f"# Mine\n\nBefore.\n\n{BEGIN}\nof last year\n{END}\n\nAfter.\n")
    write_all(tmp_path, {"cold": cold_results({AUGFLOW_NEXT: [2000.0], KERAS_NEXT: [250.0]})})
    write_all(tmp_path, {"plain": cold_results({AUGFLOW_NEXT: [5000.0]})})
    text = path.read_text()
    assert text.startswith(f"# Mine\n\nBefore.\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nAfter.\n")
    assert "of last year" not in text
    assert "8.00 times" in text and "5,000" in text
    assert set(json.loads((tmp_path / "performance.json").read_text())["sections"]) == {
        "cold",
        "plain",
    }
    before = path.read_bytes()
    assert main(["--render", "--output", str(tmp_path)]) == 0
    assert path.read_bytes() == before


def test_what_fails_hangs_or_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measure(job: Job, limit: float) -> dict[str, float] | None:
        asked.append(job.contestant)
        if job.contestant == "keras":
            raise MeasurementFailedError("Traceback\nValueError: no")
        if job.contestant == "augflow-cached":
            raise UnavailableError("this version has no cache")
        return None if job.contestant == "grain" else {"images_per_second": 1.0}

    monkeypatch.setattr(rounds, "measure_in_process", measure)
    measured = rounds.Measured()
    jobs = {Job("rate", key): 2 for key in ("augflow", "keras", "augflow-cached", "grain")}
    rounds.run_rounds(jobs, measured, log=lambda line: None)
    assert asked == ["augflow", "keras", "augflow-cached", "grain", "augflow"]
    assert set(measured.figures[Job("rate", "augflow")]) == {0, 1}
    reasons = {job.contestant: reason for job, reason in measured.missing.items()}
    assert reasons["keras"] == "failed: ValueError: no"
    assert reasons["augflow-cached"] == "this version has no cache"
    assert reasons["grain"].startswith("not done in")


def test_uninstalled_peers_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Contestant("unknown", "Unknown", "read_limit", ("no_such_package.module",))
    monkeypatch.setitem(rounds.CONTESTANTS, "unknown", unknown)
    measured = rounds.Measured()
    jobs = [Job("rate", "unknown"), Job("rate", "limit")]
    assert rounds.leave_out_uninstalled(jobs, measured) == [Job("rate", "limit")]
    assert measured.missing[Job("rate", "unknown")] == "no_such_package.module is not installed"


def test_all_read_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "data" / "rows.csv"
    write_rows(path.parent, 1000, 3)
    work = Work(images=1000, columns=3, batch_size=300)
    expected = pd.read_csv(path, dtype="float32").to_numpy()
    assert expected.shape == (1000, 3)
    flow = augflow.flow_from_csv(path, column_names(3), batch_size=300, workers=0)
    assert (np.concatenate(list(flow.epoch())) == expected).all()
    for reader in ("generator", "pandas", "pyarrow", "torch"):
        if reader in ("pyarrow", "torch") and find_spec(reader) is None:
            continue
        # In this process: threads that other tests have left do not survive torch's fork.
        batches = list(READERS[reader](path, replace(work, workers=0))())
        assert [len(batch) for batch in batches] == [300, 300, 300, 100]
        assert (np.concatenate(batches) == expected).all()


@pytest.mark.parametrize(
    ("reader", "module", "settings"),
    [("flow", "augflow", {}), ("PyDataset", "keras", {"workers": 2}), ("torch", "torch", {})],
)
def test_all_read_the_same_volumes(
    tmp_path: Path, reader: str, module: str, settings: dict[str, int]
) -> None:
    pytest.importorskip(module)
    write_volumes(tmp_path / "volumes", 10)
    for load in LOADS:
        work = Work(images=10, batch_size=4, workers=0, load=load)
        own = load_function(str(tmp_path / "volumes"), load)
        read_epoch = VOLUME_READERS[reader](own, work, **settings)
        for _ in range(2):
            volumes, labels = map(np.concatenate, zip(*read_epoch(), strict=True))
            # Each comes once, in another order than that of the files.
            assert sorted(labels) == list(range(10)) != list(labels)
            expected = np.stack([own(int(label)) for label in labels])
            assert volumes.shape == (10, SIDE, SIDE, SIDE) and volumes.dtype == "float32"
            assert (volumes == expected).all()


def test_loader_is_compared_with_the_best_pydataset() -> None:
    rates = {"augflow-loader": 3000, "loader-pydataset-1": 1000, "loader-pydataset-2": 1500}
    rows = {
        Job("volumes", key, Work(load=load)): {0: {"volumes_per_second": rate, "megabytes": 1.0}}
        for load in ("real work", "no work")
        for key, rate in rates.items()
    }
    missing = {"loader-torch": "torch is not installed"}
    report = section_report(SECTIONS["loader"], Results(rows, missing, dict(ABOUT)))
    assert "| `PyDataset` at its best, real work | at least 1.7 | 2.00 | yes |" in report
    assert "| `PyDataset`, `workers=1`, no work | 1,000 | 3.00 times |" in report
    assert "- torch DataLoader: not measured, torch is not installed." in report
