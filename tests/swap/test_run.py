"""``augflow run``: unchanged scripts and notebooks, with Keras's names and Keras's numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from augflow import ImageDataGenerator
from augflow.command.main import main
from tests.doctor import clinic

ROOT = Path(__file__).parents[2]

SCRIPT = """
import os
import sys
import numpy as np
from {module} import ImageDataGenerator

def shout(image):
    # By its name, as scripts do; found again in the workers.
    return image * FACTOR + (os.getpid() != {parent})

FACTOR = 2.0

def main():
    generator = ImageDataGenerator(
        rotation_range=30, zoom_range=0.2, horizontal_flip=True, preprocessing_function=shout
    )
    flow = generator.flow_from_directory(
        "data", target_size=(40, 48), batch_size=5, class_mode="sparse", seed=3
    )
    batches = [next(flow) for _ in range(6)]
    np.savez(sys.argv[1], *[part for batch in batches for part in batch])

if __name__ == "__main__":
    main()
"""
IMPORTS = """
from keras_preprocessing.image import ImageDataGenerator
from tensorflow.keras.preprocessing.image import ImageDataGenerator
from tensorflow.python.keras.preprocessing.image import ImageDataGenerator
from keras.preprocessing.image import ImageDataGenerator, load_img, img_to_array
from keras.src.legacy.preprocessing.image import ImageDataGenerator, DirectoryIterator
from keras.legacy.preprocessing.image import ImageDataGenerator
from keras.src.preprocessing.image import ImageDataGenerator
import tensorflow as tf; ImageDataGenerator = tf.keras.preprocessing.image.ImageDataGenerator
from tensorflow import keras; ImageDataGenerator = keras.preprocessing.image.ImageDataGenerator
import keras; ImageDataGenerator = keras.preprocessing.image.ImageDataGenerator
from tensorflow.keras.preprocessing import image; ImageDataGenerator = image.ImageDataGenerator
from keras.preprocessing import image; ImageDataGenerator = image.ImageDataGenerator
""".strip().splitlines()


def run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, as a user does."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )


def arrays_in(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[f"arr_{number}"] for number in range(len(file.files))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clinic.clean_folder(tmp_path / "all", images=4)
    (tmp_path / "all/train").rename(tmp_path / "data")
    return tmp_path


def test_a_script_with_a_function_of_its_own(folder: Path) -> None:
    script = SCRIPT.format(module="keras_preprocessing.image", parent="os.getpid()")
    (folder / "train.py").write_text(script)
    words = ("run", "--json", "numbers.json", "train.py", "got.npz")
    finished = run(folder, "-m", "augflow", *words)
    assert finished.returncode == 0, finished.stderr
    assert "augflow: 6 batches, 24 images in" in finished.stderr
    numbers = json.loads((folder / "numbers.json").read_text())
    assert (numbers["batches"], numbers["images"]) == (6, 24)
    generator = ImageDataGenerator(
        rotation_range=30,
        zoom_range=0.2,
        horizontal_flip=True,
        preprocessing_function=lambda image: image * 2.0,
        workers=0,
    )
    flow = generator.flow_from_directory(
        folder / "data", target_size=(40, 48), batch_size=5, class_mode="sparse", seed=3
    )
    wanted = [part for _ in range(6) for part in next(flow)]
    for one, other in zip(arrays_in(folder / "got.npz"), wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_functions_of_the_script_run_in_workers(folder: Path) -> None:
    script = SCRIPT.format(module="keras_preprocessing.image", parent="PARENT")
    script = script.replace("FACTOR = 2.0", "FACTOR = 0.0\nPARENT = os.getpid()")
    (folder / "train.py").write_text(script)
    finished = run(folder, "-m", "augflow", "run", "train.py", "got.npz", AUGFLOW_KERNEL="off")
    assert finished.returncode == 0, finished.stderr
    images = arrays_in(folder / "got.npz")[0::2]
    assert all((batch == 1).all() for batch in images)


def test_a_notebook(folder: Path) -> None:
    cells = [
        "%matplotlib inline\n!pip list\nfrom keras_preprocessing import image",
        "def half(x):\n    return x / 2\n",
        "g = image.ImageDataGenerator(preprocessing_function=half)",
        "f = g.flow_from_directory('data')",
        "display(next(f)[0].shape)",
    ]
    notebook = {
        "nbformat": 4,
        "cells": [{"cell_type": "code", "source": source.splitlines(True)} for source in cells],
    }
    (folder / "train.ipynb").write_text(json.dumps(notebook))
    finished = run(folder, "-m", "augflow", "run", "train.ipynb")
    assert finished.returncode == 0, finished.stderr
    assert "(12, 256, 256, 3)" in finished.stdout
    assert "1 batches, 12 images" in finished.stderr


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("import sys; sys.exit(7)", 7, "asked no flow for a batch"),
        ("import sys; sys.exit('no data')", 1, "no data\n"),
        ("import sys; assert sys.argv[1:] == ['--help', '-x']", 0, ""),
        ("1 / 0", 1, "line 1, in <module>\n    1 / 0\n"),
        ("print(", 1, "SyntaxError"),
        ("import beside; assert beside.__name__ == 'beside'", 0, ""),
        ("assert __name__ == '__main__' and __file__.endswith('train.py')", 0, ""),
    ],
)
def test_how_scripts_end(
    script: str,
    code: int,
    words: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "beside.py").touch()
    (tmp_path / "train.py").write_text(script)
    # In a process of its own: modules that were changed stay so.
    command = [sys.executable, "-m", "augflow", "run", str(tmp_path / "train.py"), "--help", "-x"]
    finished = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (finished.returncode, words in finished.stderr) == (code, True), finished.stderr


def test_a_script_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "/nowhere/train.py"]) == 2
    assert "nowhere/train.py" in capsys.readouterr().err


@pytest.mark.heavy
def test_all_forms_of_the_import(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    script = "import sys\nassert not {'tensorflow', 'keras'} & set(sys.modules)\nimport augflow\n"
    for line in IMPORTS:
        script += f"{line}\nassert ImageDataGenerator is augflow.ImageDataGenerator, {line!r}\n"
    script += "import keras\nassert load_img is keras.utils.load_img\nprint('all')\n"
    (tmp_path / "forms.py").write_text(script)
    finished = run(tmp_path, "-m", "augflow", "run", "forms.py")
    assert (finished.returncode, finished.stdout) == (0, "all\n"), finished.stderr


@pytest.mark.heavy
def test_numbers_are_those_of_keras(folder: Path) -> None:
    pytest.importorskip("tensorflow")
    script = SCRIPT.format(module="tensorflow.keras.preprocessing.image", parent="0")
    script = script.replace("(os.getpid() != 0)", "0").replace(
        "    np.savez",
        """    import keras
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(flow, epochs=1, verbose=0)
    np.savez""",
    )
    (folder / "train.py").write_text(script)
    plain = run(folder, "train.py", "keras.npz")
    assert plain.returncode == 0, plain.stderr
    finished = run(folder, "-m", "augflow", "run", "train.py", "ours.npz")
    assert finished.returncode == 0, finished.stderr
    assert "augflow: " in finished.stderr and "images a second" in finished.stderr
    for one, other in zip(
        arrays_in(folder / "ours.npz"), arrays_in(folder / "keras.npz"), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=0.11)  # twice 0.05 levels, and a rounding


@pytest.mark.heavy
def test_tf_keras(tmp_path: Path) -> None:
    pytest.importorskip("tf_keras")
    (tmp_path / "forms.py").write_text(
        "import augflow\nfrom tf_keras.preprocessing.image import ImageDataGenerator\n"
        "assert ImageDataGenerator is augflow.ImageDataGenerator\n"
    )
    finished = run(tmp_path, "-m", "augflow", "run", "forms.py")
    assert finished.returncode == 0, finished.stderr
