"""``augflow.prediction_report``: the numbers are scikit-learn's, and the picture shows them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow.look import extras

metrics = pytest.importorskip("sklearn.metrics")


def frame_of(samples: int = 50, classes: int = 3) -> pd.DataFrame:
    random = np.random.default_rng(0)
    names = np.array(["b", "a", "c", "d"])
    frame = pd.DataFrame(
        {
            "filename": [f"{number}.jpg" for number in range(samples)],
            "true": names[random.integers(classes, size=samples)],
            "predicted": names[random.integers(classes, size=samples)],
        }
    )
    frame.attrs["classes"] = names.tolist()
    return frame


def test_the_numbers_are_those_of_scikit_learn() -> None:
    frame = frame_of()
    report = augflow.prediction_report(frame)
    order = ["b", "a", "c", "d"]
    expected = metrics.classification_report(
        frame["true"], frame["predicted"], labels=order, output_dict=True, zero_division=0
    )
    assert report.classes.index.tolist() == order
    for name in order:
        row, wanted = report.classes.loc[name], expected[name]
        assert np.isclose(row["precision"], wanted["precision"])
        assert np.isclose(row["recall"], wanted["recall"])
        assert np.isclose(row["f1"], wanted["f1-score"]) and row["samples"] == wanted["support"]
    matrix = metrics.confusion_matrix(frame["true"], frame["predicted"], labels=order)
    assert np.array_equal(report.confusion, matrix)
    assert report.confusion.loc["b", "a"] == matrix[0, 1]
    assert np.isclose(report.accuracy, (frame["true"] == frame["predicted"]).mean())
    assert "accuracy" in str(report) and "<table" in report._repr_html_()


def test_rows_without_a_prediction_are_left_out() -> None:
    frame = frame_of()
    frame.loc[3, "predicted"] = None
    report = augflow.prediction_report(frame)
    assert (report.samples, report.left_out) == (49, 1) and "1 without" in str(report)


def test_a_table_of_ones_own() -> None:
    frame = pd.DataFrame({"true": [1, 0, 1], "predicted": [1, 1, 1]})
    report = augflow.prediction_report(frame)
    assert report.classes.index.tolist() == [0, 1]
    assert report.confusion.to_numpy().tolist() == [[0, 1], [0, 2]]


def test_several_labels_a_sample() -> None:
    true = [("a",), ("a", "b"), ("b",), ()]
    predicted = [("a",), ("a",), ("b", "a"), ()]
    report = augflow.prediction_report(pd.DataFrame({"true": true, "predicted": predicted}))
    assert report.accuracy == 0.5
    assert report.classes.loc["a", "precision"] == 2 / 3
    assert report.confusion.loc["a"].tolist() == [1, 1, 0, 2]
    assert len(report.figure().axes) == 1


def test_the_picture_shows_the_counts() -> None:
    figure = augflow.prediction_report(frame_of()).figure()
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "a", "c", "d"]
    counts = augflow.prediction_report(frame_of()).confusion.to_numpy().ravel().tolist()
    assert [int(text.get_text()) for text in axes.texts] == counts
    # No window, and nothing kept by pyplot.
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"filename": ["a"], "error": [0.1]}), r"columns: \['filename', 'error'\]"),
        (pd.DataFrame({"true": [0.5], "predicted": [0.4]}), "regression"),
        (pd.DataFrame({"true": ["a"], "predicted": [None]}), "no row"),
    ],
)
def test_what_has_no_classes_is_an_error(frame: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        augflow.prediction_report(frame)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn.metrics", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        augflow.prediction_report(frame_of())
    with pytest.raises(ImportError, match="pip install matplotlib"):
        extras.new_figure(1, 1, "a picture", 2, 2)
