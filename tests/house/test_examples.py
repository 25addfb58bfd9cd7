"""Every example runs, ends well and says what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.flow_world import write_folder

pytest.importorskip("keras")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TIME_LIMIT_SECONDS = 120

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(TIME_LIMIT_SECONDS + 30)]


# What follows each example's name: as much work as shows that it works.
ARGUMENTS = {
    "segmentation": ["--epochs", "6"],
    "image_and_table": ["--epochs", "8"],
    "albumentations_pipeline": ["--epochs", "5"],
    "classify_folder": ["--epochs", "8"],
    "predict_dataframe": ["--epochs", "5"],
    "csv_stream": ["--rows", "60000", "--epochs", "4"],
    "parquet": ["--rows", "20000", "--epochs", "5"],
    "autoencoder": ["--epochs", "3", "--output", "pairs.png"],
    "volumes": ["--volumes", "600", "--epochs", "6"],
    "recommender": ["--epochs", "3"],
    "bucket": ["--epochs", "6"],
    "replace_import": ["--images", "96"],
    "torch_loop": ["--epochs", "5"],
    "jax_loop": ["--epochs", "8"],
    "resume_training": ["--epochs", "2"],
    "two_processes": ["--epochs", "2"],
}


@dataclass(frozen=True)
class Run:
    """An example that has ended: what it printed, and the folder it ran in."""

    output: str
    folder: Path


def run_example(name: str, folder: Path, arguments: list[str] | None = None) -> Run:
    """Run an example with ``folder`` as current directory."""
    arguments = ARGUMENTS[name] if arguments is None else arguments
    finished = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder,
        # The examples' data goes below the folder, which pytest removes.
        env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(EXAMPLES.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIME_LIMIT_SECONDS,
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
    return Run(finished.stdout, folder)


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """That of the test's own example."""
    return run_example(request.node.name.removeprefix("test_"), tmp_path)


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


def test_classify_folder(run: Run) -> None:
    last_line = run.output.strip().splitlines()[-1]
    assert number_in(last_line, r"^validation accuracy ([\d.]+) %$") >= 90
    assert len(list(run.folder.glob("augflow-*/*/*.png"))) == 1797
    check_picture(run.folder / "classify_folder.png")


@pytest.mark.parametrize("name", ["classify_folder", "autoencoder", "albumentations_pipeline"])
def test_a_folder_of_the_users_is_read_and_left_alone(name: str, tmp_path: Path) -> None:
    if name == "albumentations_pipeline":
        pytest.importorskip("albumentations")
    write_folder(tmp_path / "photos")
    before = sorted(tmp_path.glob("photos/**/*"))
    run = run_example(name, tmp_path, ["--data", "photos", "--epochs", "1"])
    assert "belonging to 2 classes" in run.output
    assert sorted(tmp_path.glob("photos/**/*")) == before


def test_sample_data_goes_into_empty_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    sys.path.insert(0, str(EXAMPLES))
    try:
        import sample_data  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(EXAMPLES))
    for write in (sample_data.write_digits, lambda folder: sample_data.write_photos(folder, 2)):
        with pytest.raises(FileExistsError, match="is not empty"):
            write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_autoencoder(run: Run) -> None:
    loss = number_in(run.output, r"mean squared error ([\d.]+)")
    assert loss < number_in(run.output, r"of the mean image ([\d.]+)")
    check_picture(run.folder / "pairs.png")


def test_replace_import(run: Run) -> None:
    assert "labels equal" in run.output
    assert number_in(run.output, r"largest difference of a pixel: ([\d.]+) of 255") <= 0.05
    assert number_in(run.output, r"augflow +([\d.]+) images/s") > 0


def test_image_and_table(run: Run) -> None:
    pattern = r"mean error of the sum to pay: {}, without the table {}"
    # The sums differ from their median by 4.3 on average.
    assert number_in(run.output, pattern.format(r"([\d.]+)", r"[\d.]+")) < 1.5
    assert number_in(run.output, pattern.format(r"[\d.]+", r"([\d.]+)")) > 3


def test_predict_dataframe(run: Run) -> None:
    assert "accuracy on 898 files" in run.output
    # Far above the 10 % of a guess, so that names and predictions cannot be mismatched.
    assert number_in(run.output, r"files: ([\d.]+) %") > 70


def test_segmentation(run: Run) -> None:
    last_line = run.output.strip().splitlines()[-1]
    score = number_in(last_line, r"^intersection over union ([\d.]+)")
    assert score >= 0.5 > number_in(last_line, r"all pixels digit ([\d.]+)$")
    assert len(list(run.folder.glob("*/masks/*.png"))) == 600
    check_picture(run.folder / "segmentation.png")


def test_albumentations_pipeline(run: Run) -> None:
    pytest.importorskip("albumentations")
    assert "batches of 0, 1 and 2 workers are equal" in run.output
    assert number_in(run.output, r"validation accuracy ([\d.]+) %") >= 75
    check_picture(run.folder / "albumentations_pipeline.png")


def test_volumes(run: Run) -> None:
    last_line = run.output.strip().splitlines()[-1]
    # Two classes of the same number.
    assert number_in(last_line, r"^accuracy on 120 validation volumes: ([\d.]+) %$") > 90


def test_recommender(run: Run) -> None:
    error = number_in(run.output, r"on 20000 unseen ratings: ([\d.]+) stars")
    # The noise of the ratings and their steps of half a star leave about 0.29.
    assert error < 0.45 < number_in(run.output, r"of the mean rating: ([\d.]+)")


def test_parquet(run: Run) -> None:
    assert "16000 rows to train with, 4000 to judge by" in run.output
    error = number_in(run.output, r"mean absolute error in thousands: ([\d.]+)")
    assert error == number_in(run.output, r"from the Feather file ([\d.]+)")
    # The noise leaves 0.4.
    assert 0.35 < error < 0.2 * number_in(run.output, r"of the mean price ([\d.]+)")


def test_csv_stream(run: Run) -> None:
    assert "epoch 4: " in run.output and "120000 of 120000 rows are in the cache" in run.output
    assert "108000 rows to train with, 12000 to judge by" in run.output
    error = number_in(run.output, r"mean absolute error ([\d.]+)")
    # Nobody gets below the noise; the mean is far above.
    assert 0.95 < error / number_in(run.output, r"of the noise alone ([\d.]+)") < 1.3
    assert error < 0.3 * number_in(run.output, r"of the mean demand ([\d.]+)")


def test_torch_loop(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    run = run_example("torch_loop", tmp_path)
    assert "went on with the 12 batches that were left" in run.output
    assert number_in(run.output, r"validation accuracy ([\d.]+) %") > 85


def test_jax_loop(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    run = run_example("jax_loop", tmp_path)
    assert number_in(run.output, r"validation accuracy ([\d.]+) %") > 80


def test_resume_training(run: Run) -> None:
    assert "exit status -9" in run.output
    assert "final weights: the same, to the bit" in run.output


def test_two_processes(tmp_path: Path) -> None:
    """A real run of two, over torch's gloo."""
    pytest.importorskip("torch", reason="torch is not installed")
    run = run_example("two_processes", tmp_path)
    assert "batches an epoch: 28 and 28" in run.output
    assert "those of one process, each once" in run.output
    assert number_in(run.output, r"from one process: ([\d.e-]+)") < 1e-5


@pytest.mark.parametrize("name", ["torch_loop", "jax_loop", "two_processes"])
def test_examples_of_frameworks_skip_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "missing").mkdir()
    for module in ("torch", "jax"):
        (tmp_path / "missing" / f"{module}.py").write_text(f"raise ImportError({module!r})")
    finished = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "missing"), str(ROOT)])},
        capture_output=True,
        encoding="utf-8",
    )
    assert finished.returncode == 1 and "skipped: " in finished.stderr
    assert "is not installed (pip install" in finished.stderr


def test_bucket(tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="the extra `store` brings s3fs")
    pytest.importorskip("moto.server", reason='pip install "moto[server]"')
    run = run_example("bucket", tmp_path)
    assert number_in(run.output, r"validation accuracy ([\d.]+) %$") >= 75
    first = number_in(run.output, r"from the bucket: ([\d.]+) s")
    assert number_in(run.output, r"cached: ([\d.]+) s") < first
