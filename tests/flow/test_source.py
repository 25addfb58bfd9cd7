"""Whoever adds a source writes one class, and gets the rest of a flow with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augflow.flow.from_source import SourceFlow
from tests.flow.line_source import LineSource

LINES = [f"line number {number}" for number in range(50)]


@pytest.fixture
def source(tmp_path: Path) -> LineSource:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n")
    return LineSource(str(path), np.arange(50))


def texts(codes: np.ndarray) -> list[str]:
    return ["".join(map(chr, row[row > 0])) for row in codes]


def test_each_line_comes_once_with_its_label(source: LineSource) -> None:
    with SourceFlow(source, 8, seed=3, workers=2) as flow:
        epoch = [next(flow) for _ in range(len(flow))]
        second = next(flow)
    labels = np.concatenate([labels for _, labels in epoch])
    assert sorted(labels) == list(range(50))
    assert labels.tolist() != list(range(50))
    assert [text for codes, _ in epoch for text in texts(codes)] == [
        LINES[label][:16] for label in labels
    ]
    assert second[1].tolist() != epoch[0][1].tolist()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_gives_the_same(source: LineSource, workers: int) -> None:
    expected = SourceFlow(source, 8, seed=3, workers=0)
    with SourceFlow(source, 8, seed=3, workers=workers) as flow:
        for index in (3, 0, -1):
            for batch, same in zip(flow[index], expected[index], strict=True):
                np.testing.assert_array_equal(batch, same)
        for _ in range(9):
            for batch, same in zip(next(flow), next(expected), strict=True):
                np.testing.assert_array_equal(batch, same)


def test_drop_remainder(source: LineSource) -> None:
    flow = SourceFlow(source, 8, shuffle=False, drop_remainder=True, workers=0)
    assert len(flow) == 6
    assert {len(next(flow)[1]) for _ in range(7)} == {8}


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_names_its_sample(source: LineSource, workers: int) -> None:
    Path(source.path).write_bytes(b"\xff" * 1000)
    with (
        SourceFlow(source, 8, shuffle=False, workers=workers) as flow,
        pytest.raises(UnicodeDecodeError) as caught,
    ):
        for _ in range(3):
            next(flow)
    assert f"the line at byte 0 of {source.path!r}" in "".join(caught.value.__notes__)


def test_statistics_know_its_samples(source: LineSource) -> None:
    with SourceFlow(source, 8, workers=2) as flow:
        for _ in range(8):
            next(flow)
        assert "samples" in str(flow.stats())


def test_a_copy_goes_on_where_it_was(source: LineSource) -> None:
    import pickle

    flow = SourceFlow(source, 8, seed=1, workers=0)
    next(flow)
    copy = pickle.loads(pickle.dumps(flow))
    for batch, same in zip(next(copy), next(flow), strict=True):
        np.testing.assert_array_equal(batch, same)


@pytest.mark.heavy
def test_fit_takes_it(source: LineSource) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse")
    with SourceFlow(source, 8, workers=2) as flow:
        history = model.fit(flow, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
