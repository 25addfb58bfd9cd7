"""``augflow bench``: Keras beside augflow, with these images and settings, on this machine."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from augflow.command.generator_options import add_generator_options, generator_settings
from augflow.command.terminal import styled
from augflow.doctor.samples import samples_of_folder

_DESCRIPTION = """\
Measure how many images a second Keras's ImageDataGenerator and augflow's give by next(), with the
same images and settings. They take turns; the ratio is taken within each round.
"""
_EPILOG = """\
Without any option of augmentation: rotation, shifts, zoom, flip. What a model takes besides is not
in the numbers; augflow run tells that of a script.

example:
  augflow bench photos --rotation-range 20 --horizontal-flip --batch-size 64
"""
_USUAL = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "zoom_range": 0.1,
    "horizontal_flip": True,
}
_WARM_UP = 2  # batches


def add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "bench",
        help="measure Keras beside augflow, with your images and settings",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="a folder of images, see augflow doctor")
    parser.add_argument("--batch-size", type=int, default=32, help="images (default: 32)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each turn (default: 3)")
    parser.add_argument(
        "--target-size",
        nargs=2,
        type=int,
        default=(224, 224),
        metavar=("HEIGHT", "WIDTH"),
        help="in pixels (default: 224 224)",
    )
    parser.add_argument("--workers", type=int, help="of augflow (default: one a CPU)")
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    add_generator_options(parser)
    parser.set_defaults(function=_bench)


def _bench(given: argparse.Namespace) -> int:
    if given.rounds < 1:
        raise ValueError(f"--rounds must be at least 1. Received: {given.rounds}")
    settings = {"rescale": 1 / 255, **(generator_settings(given) or _USUAL)}
    paths = samples_of_folder(given.directory).paths
    makers = _makers(paths, settings, given)
    speeds: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(given.rounds):
        for name, make in makers.items():
            speeds[name].append(_speed(make, given.seconds))
    pairs = zip(speeds["keras"], speeds["augflow"], strict=True)
    found = {
        "images_per_second": {name: round(median(each), 1) for name, each in speeds.items()},
        "ratio": round(median(ours / keras for keras, ours in pairs), 2),
        "images": len(paths),
        "settings": settings,
    }
    if given.json:
        print(json.dumps(found, indent=2))
        return 0
    height, width = given.target_size
    print(
        f"{len(paths):,} images, {height} x {width} pixels, batches of {given.batch_size}, "
        f"{', '.join(f'{name}={value:.4g}' for name, value in _numbers(settings))}"
    )
    for name, each in speeds.items():
        print(f"  {name:<8} {median(each):>8,.0f} images a second")
    print(styled(f"  augflow is {found['ratio']} times as fast", "bold"))
    return 0


def _numbers(settings: dict[str, Any]) -> list[tuple[str, float]]:
    return [(name, value) for name, value in settings.items() if isinstance(value, int | float)]


def _makers(
    paths: list[str], settings: dict[str, Any], given: argparse.Namespace
) -> dict[str, Callable[[], Any]]:
    """Functions that make a flow of each."""
    import pandas

    from augflow.generator import ImageDataGenerator

    try:
        from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator
    except ImportError as error:
        raise ImportError(
            "augflow bench compares with Keras 3, which cannot be imported: pip install keras "
            f"tensorflow ({error})"
        ) from error
    table = pandas.DataFrame({"filename": paths})
    reading = {
        "class_mode": None,
        "target_size": tuple(given.target_size),
        "batch_size": given.batch_size,
        "seed": 0,
        "validate_filenames": False,
    }

    def keras() -> Any:
        # It prints what it found.
        with contextlib.redirect_stdout(io.StringIO()):
            return KerasGenerator(**settings).flow_from_dataframe(table, **reading)

    def augflow() -> Any:
        generator = ImageDataGenerator(**settings, workers=given.workers)
        return generator.flow_from_dataframe(table, **reading, verbose=False)

    return {"keras": keras, "augflow": augflow}


def _speed(make: Callable[[], Any], seconds: float) -> float:
    """Images a second of a new flow, by ``next()``."""
    flow = make()
    try:
        for _ in range(_WARM_UP):
            next(flow)
        images, begin = 0, time.perf_counter()
        while (taken := time.perf_counter() - begin) < seconds or not images:
            images += len(next(flow))
        return images / taken
    finally:
        if hasattr(flow, "close"):
            flow.close()
