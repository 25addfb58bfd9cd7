"""Every example runs, ends well and says what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("keras")
pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parents[1] / "examples"
TIME_LIMIT_SECONDS = 120

pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIME_LIMIT_SECONDS + 30)]


def run_example(name: str, folder: Path, *arguments: str) -> str:
    """Run an example with ``folder`` as current directory; returns what it printed."""
    finished = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        # The examples' data goes below the folder, which pytest removes.
        env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(EXAMPLES.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIME_LIMIT_SECONDS,
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
    return finished.stdout


def number_in(output: str, pattern: str) -> float:
    """The number that the pattern's group finds in what an example printed."""
    match = re.search(pattern, output)
    assert match, f"{pattern!r} is not in: {output[-500:]}"
    return float(match[1])


def check_picture(path: Path) -> None:
    """The file is a picture of a sensible size that is not all one colour."""
    with Image.open(path) as picture:
        assert min(picture.size) > 150
        assert len(picture.convert("L").getcolors()) > 50


def test_classify_folder(tmp_path: Path) -> None:
    digits = str(tmp_path / "digits")
    output = run_example("classify_folder.py", tmp_path, "--data", digits, "--epochs", "8")
    last_line = output.strip().splitlines()[-1]
    assert number_in(last_line, r"^validation accuracy ([\d.]+) %$") >= 90
    assert len(list((tmp_path / "digits").glob("*/*.png"))) == 1797
    check_picture(tmp_path / "classify_folder.png")


def test_autoencoder(tmp_path: Path) -> None:
    picture = tmp_path / "pairs.png"
    output = run_example("autoencoder.py", tmp_path, "--epochs", "3", "--output", str(picture))
    loss = number_in(output, r"mean squared error ([\d.]+)")
    assert loss < number_in(output, r"of the mean image ([\d.]+)")
    check_picture(picture)


def test_replace_import(tmp_path: Path) -> None:
    output = run_example("replace_import.py", tmp_path, "--images", "96")
    assert "labels equal" in output
    assert number_in(output, r"largest difference of a pixel: ([\d.]+) of 255") <= 0.05
    assert number_in(output, r"augflow +([\d.]+) images/s") > 0


def test_image_and_table(tmp_path: Path) -> None:
    output = run_example("image_and_table.py", tmp_path, "--epochs", "8")
    pattern = r"mean error of the sum to pay: {}, without the table {}"
    # The sums differ from their median by 4.3 on average.
    assert number_in(output, pattern.format(r"([\d.]+)", r"[\d.]+")) < 1.5
    assert number_in(output, pattern.format(r"[\d.]+", r"([\d.]+)")) > 3


def test_predict_dataframe(tmp_path: Path) -> None:
    output = run_example("predict_dataframe.py", tmp_path, "--epochs", "5")
    assert "accuracy on 898 files" in output
    # Far above the 10 % of a guess, so that names and predictions cannot be mismatched.
    assert number_in(output, r"files: ([\d.]+) %") > 70


def test_segmentation(tmp_path: Path) -> None:
    output = run_example("segmentation.py", tmp_path, "--epochs", "6")
    last_line = output.strip().splitlines()[-1]
    score = number_in(last_line, r"^intersection over union ([\d.]+)")
    assert score >= 0.5 > number_in(last_line, r"all pixels digit ([\d.]+)$")
    assert len(list((tmp_path).glob("*/masks/*.png"))) == 600
    check_picture(tmp_path / "segmentation.png")


def test_albumentations_pipeline(tmp_path: Path) -> None:
    pytest.importorskip("albumentations")
    output = run_example("albumentations_pipeline.py", tmp_path, "--epochs", "5")
    assert "batches of 0, 1 and 2 workers are equal" in output
    assert number_in(output, r"validation accuracy ([\d.]+) %") >= 75
    check_picture(tmp_path / "albumentations_pipeline.png")


def test_volumes(tmp_path: Path) -> None:
    output = run_example("volumes.py", tmp_path, "--volumes", "600", "--epochs", "6")
    last_line = output.strip().splitlines()[-1]
    # Two classes of the same number.
    assert number_in(last_line, r"^accuracy on 120 validation volumes: ([\d.]+) %$") > 90


def test_recommender(tmp_path: Path) -> None:
    output = run_example("recommender.py", tmp_path, "--epochs", "3")
    error = number_in(output, r"on 20000 unseen ratings: ([\d.]+) stars")
    # The noise of the ratings and their steps of half a star leave about 0.29.
    assert error < 0.45 < number_in(output, r"of the mean rating: ([\d.]+)")


def test_csv_stream(tmp_path: Path) -> None:
    output = run_example("csv_stream.py", tmp_path, "--rows", "60000", "--epochs", "4")
    assert "108000 rows to train with, 12000 to judge by" in output
    error = number_in(output, r"mean absolute error ([\d.]+)")
    # Nobody gets below the noise; the mean is far above.
    assert 0.95 < error / number_in(output, r"of the noise alone ([\d.]+)") < 1.3
    assert error < 0.3 * number_in(output, r"of the mean demand ([\d.]+)")
