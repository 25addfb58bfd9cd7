"""``augflow migrate``: what is changed, what is left alone, and every other byte."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("libcst")

from augflow.command.main import main
from augflow.preprocessing import image
from augflow.rewrite.notebook import rewrite_file
from augflow.rewrite.outcome import Outcome

OURS = frozenset(image.__all__)


def rewritten(code: str) -> tuple[str, Outcome]:
    new, outcome = rewrite_file(code.encode(), "train.py", OURS)
    return new.decode(), outcome


K = "keras.preprocessing.image"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"from {K} import ImageDataGenerator", "from augflow import ImageDataGenerator"),
        (
            f"from tensorflow.{K} import ImageDataGenerator  # x",
            "from augflow import ImageDataGenerator  # x",
        ),
        (
            f"from tensorflow.python.{K} import ImageDataGenerator as G",
            "from augflow import ImageDataGenerator as G",
        ),
        ("from keras_preprocessing.image import Iterator", "from augflow import Iterator"),
        (
            "from keras.src.legacy.preprocessing.image import DirectoryIterator",
            "from augflow import DirectoryIterator",
        ),
        (
            f"from tf_{K} import (\n    load_img,  # a\n    Iterator,\n)",
            "from augflow.preprocessing.image import (\n    load_img,  # a\n    Iterator,\n)",
        ),
        (
            f"from {K} import smart_resize, load_img",
            f"from {K} import smart_resize\nfrom augflow.preprocessing.image import load_img",
        ),
        (
            "from tensorflow.keras.preprocessing import image\nimage.load_img(x)",
            "from augflow.preprocessing import image\nimage.load_img(x)",
        ),
        (
            "if True:\n    from keras.preprocessing import image as i, sequence",
            "if True:\n    from keras.preprocessing import sequence\n"
            "    from augflow.preprocessing import image as i",
        ),
        (f"import tensorflow.{K} as image", "import augflow.preprocessing.image as image"),
        (
            '"""Doc."""\n\nimport tensorflow as tf\n'
            "g = tf.keras.preprocessing.image.ImageDataGenerator(1)",
            '"""Doc."""\n\nimport augflow\nimport tensorflow as tf\n'
            "g = augflow.ImageDataGenerator(1)",
        ),
        (
            "# top\nimport keras\nkeras.preprocessing.image.ImageDataGenerator()",
            "# top\nimport augflow\nimport keras\naugflow.ImageDataGenerator()",
        ),
        (
            "model.fit_generator(f, 10, 2, workers = 4, verbose=1)",
            "model.fit(f, steps_per_epoch=10, epochs=2, verbose=1)",
        ),
        (
            "m.fit_generator(generator=f,\n    nb_epoch=2,\n    max_queue_size=3,\n)",
            "m.fit(x=f,\n    epochs=2,\n)",
        ),
        ("self.m.predict_generator(f, use_multiprocessing=True)", "self.m.predict(f)"),
        (
            "m.evaluate_generator(f, len(f), None, 10, 4, True)",
            "m.evaluate(f, steps=len(f), callbacks=None)",
        ),
        ("m.fit(f, workers=2)", "m.fit(f)"),
        (
            "f = g.flow_from_directory('x')\nx, y = f.next()",
            "f = g.flow_from_directory('x')\nx, y = next(f)",
        ),
        (
            "Adam(lr=1e-3)\noptimizers.SGD( lr=0.1, momentum=0.9 )",
            "Adam(learning_rate=1e-3)\noptimizers.SGD( learning_rate=0.1, momentum=0.9 )",
        ),
    ],
)
def test_what_is_changed(old: str, new: str) -> None:
    found, outcome = rewritten(old)
    assert found == new
    assert outcome.changes >= 1
    again, after = rewritten(found)
    assert again == found and after.changes == 0


@pytest.mark.parametrize(
    ("code", "line", "why"),
    [
        ("\nx = iterator.next()", 2, "not seen to be a flow"),
        (f"from {K} import *", 1, "import the names"),
        (f"from {K} import smart_resize", 1, "smart_resize, which stays Keras's"),
        ("from keras.preprocessing import image\nimage.smart_resize(x)", 1, "no smart_resize"),
        ("import keras_preprocessing.image", 1, "whole name"),
        ("m.fit_generator(*all)", 1, r"\* stands for"),
        ("m.fit(f, **settings)", 1, r"whether \*\* holds workers"),
        ("m.fit(zip(a, b))", 1, "takes no zip"),
        ("m.fit(f, samples_per_epoch=100)", 1, "counts samples"),
        ("SGD(decay=0.1)", 1, "use a schedule"),
    ],
)
def test_what_is_left_alone(code: str, line: int, why: str) -> None:
    new, outcome = rewritten(code)
    assert new == code
    assert outcome.left[0].line == line
    assert re.search(why, outcome.left[0].why)


@pytest.mark.parametrize(
    "code",
    [
        "x = my.fit_generators(1)\n",
        "from keras.layers import Dense\r\nimport keras  # \u00e4\r\nx = 1",
        "from .preprocessing.image import ImageDataGenerator",
        "def next(): return other(workers=4)\n\n\n",
        "",
    ],
)
def test_other_code_stays(code: str) -> None:
    new, outcome = rewritten(code)
    assert (new, outcome.changes, outcome.left) == (code, 0, [])


@settings(max_examples=30)
@given(
    before=st.text("abc =1\n#\t\u00e4", max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
    space=st.text(" \t", max_size=3),
    note=st.text("xyz \u00e4#'\"", max_size=10),
)
def test_every_other_byte_stays(before: str, end: str, space: str, note: str) -> None:
    around = "".join(f"# {line.strip()}{end}" for line in before.split("\n"))
    old = "from keras.preprocessing.image import ImageDataGenerator"
    new = "from augflow import ImageDataGenerator"
    code = f"{around}{{}}{space}# {note}{end}x = [1,{space}2]{end}"
    assert rewritten(code.format(old))[0] == code.format(new)


def notebook(*cells: str, indent: int | None = 1) -> str:
    found = [
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": ["# \u00dcberschrift\n", "fit_generator"],
        },
        *(
            {"cell_type": "code", "outputs": [], "source": cell.splitlines(keepends=True)}
            for cell in cells
        ),
    ]
    value = {"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"


def test_a_notebook() -> None:
    old = notebook(
        "%matplotlib inline\n!pip install x\nimport tensorflow as tf",
        "%%bash\nls fit_generator",
        "g = tf.keras.preprocessing.image.ImageDataGenerator()\nf = g.flow(x)\n",
        "if True:\n    !ls\n    f.next()\nmodel?",
        "model.fit_generator(f, workers=2)",
    )
    new, outcome = rewrite_file(old.encode(), "train.ipynb", OURS)
    assert new.decode() == notebook(
        "import augflow\n%matplotlib inline\n!pip install x\nimport tensorflow as tf",
        "%%bash\nls fit_generator",
        "g = augflow.ImageDataGenerator()\nf = g.flow(x)\n",
        "if True:\n    !ls\n    next(f)\nmodel?",
        "model.fit(f)",
    )
    assert outcome.left == []
    same = notebook("x = 1", "", "y = 2\n", indent=3)
    assert rewrite_file(same.encode(), "train.ipynb", OURS)[0] == same.encode()
    odd = notebook("model.fit_generator(f)", indent=3)
    with pytest.raises(ValueError, match="was not written as Jupyter does it"):
        rewrite_file(odd.encode(), "train.ipynb", OURS)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "train.py"
    code = "from keras.preprocessing.image import ImageDataGenerator\r\nmodel.fit_generator(f)\r\n"
    script.write_bytes(code.encode())
    assert main(["migrate", str(script)]) == 1
    out = capsys.readouterr().out
    assert "+from augflow import ImageDataGenerator" in out and "-model.fit_generator(f)" in out
    assert script.read_bytes() == code.encode()
    assert main(["migrate", "--write", str(script)]) == 0
    assert "2 changed, 0 left alone" in capsys.readouterr().out
    expected = b"from augflow import ImageDataGenerator\r\nmodel.fit(f)\r\n"
    assert script.read_bytes() == expected
    assert main(["migrate", str(script)]) == 0
    assert capsys.readouterr().out == ""
    script.write_text("m.fit(zip(a, b))")
    assert main(["migrate", "--json", str(script)]) == 1
    assert json.loads(capsys.readouterr().out)[0]["left"][0]["code"] == "m.fit(zip(a, b))"
    assert main(["migrate", str(script), "--write"]) == 1
    assert "takes no zip" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"), [(b"print(", "no Python"), (b"x = '\xff'", "UTF-8"), (None, "No such")]
)
def test_what_cannot_be_read(
    content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, well = tmp_path / "train.py", tmp_path / "well.py"
    well.write_text("m.fit_generator(f)")
    if content is not None:
        script.write_bytes(content)
    assert main(["migrate", "--write", str(well), str(script)]) == 2
    assert words in capsys.readouterr().err
    assert well.read_text() == "m.fit_generator(f)"


def test_results_are_python() -> None:
    for code in ("m.fit_generator(f, workers=4)", "m.fit(workers=1)", "m.fit(f, workers=1,)"):
        ast.parse(rewritten(code)[0])
