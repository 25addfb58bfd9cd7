"""Weights, text, encodings, guessed separators and whole batches of ``flow_from_csv``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from augflow import CsvReadError, flow_from_csv


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    frame = pd.DataFrame({"a": np.arange(100), "y": np.arange(100) * 2, "w": np.arange(100) / 4})
    frame["word"] = ["dry", "größe", "", "NA"] * 25
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_weights_come_third(table_file: Path, workers: int, shuffle: bool) -> None:
    reading: dict[str, Any] = {"batch_size": 30, "shuffle": shuffle, "workers": workers, "seed": 1}
    with flow_from_csv(table_file, ["a"], "y", sample_weight="w", **reading) as flow:
        for _ in range(len(flow)):
            x, y, weights = next(flow)
            assert weights.dtype == np.float32
            assert (weights * 4).tolist() == x[:, 0].tolist() == (y / 2).tolist()
    outputs = {"one": "y", "two": "a"}
    weighed = {"one": "w", "two": "y"}
    with flow_from_csv(table_file, "a", outputs, sample_weight=weighed, **reading) as flow:
        x, _, weights = flow[1]
        assert (weights["one"] * 4).tolist() == x.tolist() == (weights["two"] / 2).tolist()


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_of_whole_batches(table_file: Path, shuffle: bool) -> None:
    reading: dict[str, Any] = {"batch_size": 30, "shuffle": shuffle, "workers": 0, "seed": 1}
    flow = flow_from_csv(table_file, "a", drop_remainder=True, **reading)
    whole = flow_from_csv(table_file, "a", **reading)
    assert len(flow) == 3
    batches = [next(flow) for _ in range(4)]
    assert [len(batch) for batch in batches] == [30] * 4
    assert np.concatenate(batches[:3]).tolist() == np.concatenate(list(whole.epoch())[:3]).tolist()
    if not shuffle:
        assert batches[3].tolist() == list(range(30))


@pytest.mark.parametrize("workers", [0, 2])
def test_text_stays_text(table_file: Path, workers: int) -> None:
    columns = {"words": ["word", "word"], "a": "a"}
    kinds = {"word": "U5", "a": "int16"}
    with flow_from_csv(table_file, columns, dtype=kinds, batch_size=40, workers=workers) as flow:
        batch = next(flow)
        assert batch["words"].dtype == "U5" and batch["a"].dtype == np.int16
        assert batch["words"][:5].tolist() == [
            [word] * 2 for word in ["dry", "größe", "", "", "dry"]
        ]


def test_text_that_is_too_long_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("word\n" + "abc\n" * 50 + "x" * 65 + "\n")
    flow = flow_from_csv(path, "word", dtype=str, batch_size=10, workers=0)
    assert flow[0].dtype == "U64"
    with pytest.raises(CsvReadError, match=r"line 52, column 'word': .*65 characters.*'U65'"):
        flow[5]


def test_a_preprocess_may_make_text(table_file: Path) -> None:
    flow = flow_from_csv(
        table_file,
        "word",
        dtype="U3",
        preprocess={"word": lambda words: words.fillna("?").str[:3].str.upper()},
        workers=0,
    )
    assert flow[0][:4].tolist() == ["DRY", "GRÖ", "?", "?"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8-sig", "gbk", "shift_jis"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    words = {"gbk": ["汉字", "丂"], "shift_jis": ["ソ表", "かな"]}.get(encoding, ["é", "größe"])
    path = tmp_path / "words.csv"
    text = f"n,{words[0]}\n" + "".join(f"{n},{words[n % 2]}\n" for n in range(50))
    path.write_bytes(text.encode(encoding))
    reading: dict[str, Any] = {"encoding": encoding, "batch_size": 50, "workers": 0}
    columns = {"n": "n", "word": words[0]}
    batch = flow_from_csv(path, columns, dtype={words[0]: "U5"}, **reading)[0]
    expected = pd.read_csv(path, encoding=encoding)
    assert batch["word"].tolist() == expected[words[0]].tolist()
    assert batch["n"].tolist() == expected["n"].tolist()
    made = flow_from_csv(path, words[0], preprocess={words[0]: lambda w: w.str.len()}, **reading)
    assert made[0].tolist() == expected[words[0]].str.len().tolist()


def test_the_wrong_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_bytes("word\né\n".encode())
    with pytest.raises(CsvReadError, match="is no ASCII; encoding="):
        flow_from_csv(path, "word", dtype="U5", encoding="ascii", workers=0)
    path.write_bytes("wört\n1\n".encode("latin-1"))
    with pytest.raises(CsvReadError, match=r"the header is no UTF-8 .*; encoding="):
        flow_from_csv(path, 0, workers=0)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ":"])
def test_a_separator_is_guessed_and_told(
    tmp_path: Path, separator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.csv"
    frame = pd.DataFrame({"a": np.arange(50), "b": np.arange(50) * 2, "word": ["x y", "z"] * 25})
    frame.to_csv(path, sep=separator, index=False)
    flow = flow_from_csv(path, ["a", "b"], sep=None, workers=0)
    assert flow[0][2].tolist() == [2, 4]
    told = capsys.readouterr().out
    assert told.count(f"sep={separator!r}") == 1 and str(path) in told


def test_a_guess_is_logged_where_nothing_is_printed(
    table_file: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="augflow"):
        flow_from_csv(table_file, "a", sep=None, verbose=False, workers=0)
    assert not capsys.readouterr().out
    assert "sep=','" in caplog.text


def test_no_guess_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("one\ntwo\n\n")
    with pytest.raises(ValueError, match="`sep` cannot be guessed from the beginning of"):
        flow_from_csv(path, "one", sep=None, workers=0)


@pytest.mark.heavy
def test_text_reaches_a_model(table_file: Path) -> None:
    keras = pytest.importorskip("keras")
    if keras.config.backend() != "tensorflow":
        pytest.skip("only TensorFlow has tensors of text")
    word = keras.Input((), dtype="string", name="word")
    number = keras.Input((1,), name="a")
    known = keras.layers.StringLookup(vocabulary=["dry", "größe", ""])(word)
    vector = keras.layers.Embedding(4, 2)(known)
    output = keras.layers.Dense(1)(keras.layers.Concatenate()([vector, number]))
    model = keras.Model({"word": word, "a": number}, output)
    model.compile("adam", "mse")
    columns = {"word": "word", "a": ["a"]}
    reading: dict[str, Any] = {"dtype": {"word": "U5"}, "batch_size": 32, "workers": 0}
    model.fit(flow_from_csv(table_file, columns, "y", **reading), epochs=2, verbose=0)
    flow = flow_from_csv(table_file, columns, **reading)
    assert model.predict(flow, verbose=0).shape == (100, 1)
    lookup = keras.Model(word, known)
    found = lookup.predict(flow_from_csv(table_file, "word", **reading), verbose=0)
    assert found[:5].tolist() == [1, 2, 3, 3, 1]
    # Beside Keras they stay what NumPy has.
    assert flow[0]["word"].dtype == "U5"
