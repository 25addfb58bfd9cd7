"""``augflow.prediction_report``: how right predictions are, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.look.extras import imported, new_figure

if TYPE_CHECKING:
    import pandas

# More classes than this are not written beside the picture.
_MOST_NAMES = 40


@dataclass(frozen=True, eq=False)
class Report:
    """How right predictions are; ``print`` it, or look at its ``figure()``.

    Attributes:
        samples: that were predicted.
        left_out: rows without a prediction.
        accuracy: the part of the samples that is right; with several labels a sample, those of
            which all labels are.
        classes: a dataframe with a row for each class: precision, recall, f1, samples.
        confusion: a dataframe of counts: rows are true classes, columns predicted ones. With
            several labels a sample a row for each class: how often it was right and wrong, there
            and not.
    """

    samples: int
    left_out: int
    accuracy: float
    classes: pandas.DataFrame
    confusion: pandas.DataFrame

    def __str__(self) -> str:
        left = f", {self.left_out:,} without a prediction left out" if self.left_out else ""
        with_three_digits = self.classes.to_string(float_format=lambda value: f"{value:.3f}")
        return (
            f"{self.samples:,} samples{left}, accuracy {self.accuracy:.3f}\n\n"
            f"{with_three_digits}\n\nrows: true, columns: predicted\n{self.confusion.to_string()}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{self.classes.round(3).to_html()}{self.confusion.to_html()}"

    def figure(self) -> Any:
        """The confusion matrix as a picture: each row is coloured by its parts of a whole.

        Returns:
            A ``matplotlib.figure.Figure``, which a notebook shows; ``figure.savefig(path)``.

        Raises:
            ImportError: matplotlib is missing.
        """
        counts = self.confusion.to_numpy()
        side = 0.35 * max(6, *counts.shape) + 1.5
        figure = new_figure(1, 1, "the picture of a report", side, side)
        axes = figure.subplots()
        whole = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        shares = counts / whole
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        if max(counts.shape) <= _MOST_NAMES:
            axes.set_xticks(range(counts.shape[1]), map(str, self.confusion.columns), rotation=90)
            axes.set_yticks(range(counts.shape[0]), map(str, self.confusion.index))
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        axes.set_ylabel("true")
        axes.set_xlabel("predicted")
        axes.set_title(f"accuracy {self.accuracy:.3f} of {self.samples:,}")
        return figure


def prediction_report(frame: pandas.DataFrame) -> Report:
    """How right predictions are, class by class.

    Args:
        frame: from ``flow.predictions(model)``, or any with the columns "true" and "predicted" of
            class names (tuples of names for several labels). Rows without a prediction are left
            out.

    Returns:
        See ``Report``. Classes are in the order of their numbers, or sorted where the frame does
        not say.

    Raises:
        ValueError: the columns are missing, hold no classes, or no row is left.
        ImportError: scikit-learn is missing.
    """
    metrics = imported("sklearn.metrics", "augflow.prediction_report")
    missing = [name for name in ("true", "predicted") if name not in frame.columns]
    if missing:
        raise ValueError(
            f'report needs the columns "true" and "predicted" of flow.predictions(model), '
            f"for a flow with classes. Received columns: {list(frame.columns)[:10]}"
        )
    known = frame[frame["predicted"].notna() & frame["true"].notna()]
    if not len(known):
        raise ValueError("prediction_report needs predictions; no row of the table has one")
    true, predicted = known["true"].tolist(), known["predicted"].tolist()
    if any(isinstance(one, float | np.floating) and one % 1 for one in (*true, *predicted)):
        raise ValueError(
            "prediction_report counts classes, and these are numbers with fractions: for values "
            'of a regression compare frame["true"] and frame["predicted"] themselves'
        )
    several = any(isinstance(one, tuple | list) for one in (*true, *predicted))
    classes = _classes(frame, true, predicted, several)
    count = _counted_labels if several else _counted_classes
    accuracy, scores, confusion = count(metrics, true, predicted, classes)
    return Report(len(known), len(frame) - len(known), accuracy, scores, confusion)


def _classes(
    frame: pandas.DataFrame, true: list[Any], predicted: list[Any], several: bool
) -> list[Any]:
    found = (
        {*true, *predicted}
        if not several
        else {one for ones in (*true, *predicted) for one in ones}
    )
    named = frame.attrs.get("classes")
    if named is not None and found <= set(named):
        return list(named)
    return sorted(found, key=lambda name: (str(type(name)), name))


def _scores(metrics: Any, true: Any, predicted: Any, classes: list[Any], **which: Any) -> Any:
    import pandas

    precision, recall, f1, samples = metrics.precision_recall_fscore_support(
        true, predicted, zero_division=0, **which
    )
    return pandas.DataFrame(
        {"precision": precision, "recall": recall, "f1": f1, "samples": samples},
        index=pandas.Index(classes, name="class", tupleize_cols=False),
    )


def _counted_classes(
    metrics: Any, true: list[Any], predicted: list[Any], classes: list[Any]
) -> tuple[float, Any, Any]:
    import pandas

    # By numbers: scikit-learn takes no names of several kinds.
    numbers = {name: number for number, name in enumerate(classes)}
    true, predicted = [numbers[one] for one in true], [numbers[one] for one in predicted]
    which = {"labels": list(range(len(classes)))}
    counts = metrics.confusion_matrix(true, predicted, **which)
    confusion = pandas.DataFrame(
        counts,
        index=pandas.Index(classes, name="true"),
        columns=pandas.Index(classes, name="predicted"),
    )
    scores = _scores(metrics, true, predicted, classes, **which)
    return float(metrics.accuracy_score(true, predicted)), scores, confusion


def _counted_labels(
    metrics: Any, true: list[Any], predicted: list[Any], classes: list[Any]
) -> tuple[float, Any, Any]:
    import pandas

    truth, made = (
        np.array([[name in labels for name in classes] for labels in ones])
        for ones in (true, predicted)
    )
    counts = metrics.multilabel_confusion_matrix(truth, made).reshape(-1, 4)
    words = ["rightly absent", "wrongly predicted", "missed", "rightly predicted"]
    confusion = pandas.DataFrame(
        counts, index=pandas.Index(classes, name="true"), columns=pandas.Index(words)
    )
    scores = _scores(metrics, truth, made, classes, average=None)
    return float(metrics.accuracy_score(truth, made)), scores, confusion
