"""What is wanted, and how it is computed from what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.contestants import (
    AUGFLOW_CSV,
    AUGFLOW_FAST,
    AUGFLOW_FIT,
    AUGFLOW_LOADER,
    AUGFLOW_NEXT,
    CSV_PANDAS,
    KERAS_NEXT,
    LOADER_PYDATASET,
    TRAINING_ALONE,
)
from tests.benchmarks.photos import CAMERA
from tests.benchmarks.results import Results, Spread
from tests.benchmarks.work import Contestant

RATE = "images_per_second"


@dataclass(frozen=True)
class Target:
    """Something that is wanted.

    Attributes:
        text: what is compared.
        wanted: the number to reach.
        reach: computes the spread of what was reached; None if it was not measured.
        at_most: whether smaller is better.
    """

    text: str
    wanted: float
    reach: Callable[[Results], Spread | None]
    at_most: bool = False


def compare(
    measurement: str, ours: Contestant, *theirs: Contestant, figure: str = RATE
) -> Callable[[Results], Spread | None]:
    """Ours / theirs; of several of theirs, against the best."""

    def reach(results: Results) -> Spread | None:
        found = [results.find(measurement, each) for each in theirs]
        return results.ratio(results.find(measurement, ours), results.best(found, figure), figure)

    return reach


def rows_against_pandas(
    columns: int, batch_size: int, flow: Contestant = AUGFLOW_CSV
) -> Callable[[Results], Spread | None]:
    """A flow's rows a second / those of pandas's chunks, cut to size."""

    def reach(results: Results) -> Spread | None:
        work = {"columns": columns, "batch_size": batch_size}
        ours, theirs = (results.find("rows", each, **work) for each in (flow, CSV_PANDAS))
        return results.ratio(ours, theirs, "rows_per_second")

    return reach


def volumes_against_pydataset(load: str) -> Callable[[Results], Spread | None]:
    """A flow's volumes a second / those of ``PyDataset`` at its best."""

    def reach(results: Results) -> Spread | None:
        figure = "volumes_per_second"
        theirs = [results.find("volumes", each, load=load) for each in LOADER_PYDATASET]
        ours = results.find("volumes", AUGFLOW_LOADER, load=load)
        return results.ratio(ours, results.best(theirs, figure), figure)

    return reach


def how_much_faster(measurement: str, ours: Contestant, theirs: Contestant) -> Callable:
    """Their seconds / ours."""
    return lambda results: results.ratio(
        results.find(measurement, theirs), results.find(measurement, ours), "seconds"
    )


def epoch_against_parts(results: Results) -> Spread | None:
    """An epoch of ``fit`` / (training alone + input alone), by the times for one image."""
    both = results.values(results.find("fit", AUGFLOW_FIT), RATE)
    training = results.values(results.find("fit", TRAINING_ALONE), RATE)
    reading = results.values(results.find("rate", AUGFLOW_FIT), RATE)
    common = both.keys() & training.keys() & reading.keys()
    return Spread.of(
        [1 / both[each] / (1 / training[each] + 1 / reading[each]) for each in sorted(common)]
    )


def fast_against_keras(results: Results) -> Spread | None:
    work = {"photos": CAMERA.name, "workers": 1, "interpolation": "bilinear"}
    ours, theirs = (results.find("rate", each, **work) for each in (AUGFLOW_FAST, KERAS_NEXT))
    return results.ratio(ours, theirs, RATE)


def filter_against_keras(interpolation: str, side: int) -> Callable[[Results], Spread | None]:
    """Ours / Keras's ``next()``, with a filter and a size."""

    def reach(results: Results) -> Spread | None:
        work = {"interpolation": interpolation, "side": side}
        ours, theirs = (results.find("rate", each, **work) for each in (AUGFLOW_NEXT, KERAS_NEXT))
        return results.ratio(ours, theirs, RATE)

    return reach


def small_in_process(results: Results) -> Spread | None:
    ours = results.find("small_arrays", AUGFLOW_NEXT, workers=0)
    return results.ratio(ours, results.find("small_arrays", KERAS_NEXT), RATE)
