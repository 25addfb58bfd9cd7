"""How much faster large photographs are read, and how near: ``decode="fast"`` beside Keras.

    python -m tests.benchmarks.large_photos [--rounds 5]

Photographs of 12 megapixels and about 2 MB are read at 224 x 224 on one core: by Keras's
``load_img``, by augflow exactly, and by augflow with ``decode="fast"``, in turns. Times are the
process's CPU time, so that other work on the machine counts little; medians over all reads. The
allocator keeps its memory as it does in augflow's workers (``augflow.runtime.pool``).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from augflow.base.settings import ReadSettings
from augflow.read.image_file import read_image
from augflow.runtime.processes import worker_environment
from tests.benchmarks.photos import encode_near, load_sources

TARGET = (224, 224)
BYTES = 2_000_000
# How strong the grain of a sensor is, in grey levels: enlarged crops alone are too smooth.
GRAIN = 4.0
RESTARTED = "AUGFLOW_BENCHMARK_RESTARTED"
FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def large_photo(photograph: np.ndarray, stream: np.random.RandomState) -> np.ndarray:
    """Twelve enlarged crops of a photograph, three rows of four: 3000 x 4000 x 3, uint8."""
    rows = []
    for _ in range(3):
        row = []
        for _ in range(4):
            side = min(*photograph.shape[:2], stream.randint(250, 427))
            top = stream.randint(0, photograph.shape[0] - side + 1)
            left = stream.randint(0, photograph.shape[1] - side + 1)
            crop = np.ascontiguousarray(photograph[top : top + side, left : left + side])
            row.append(cv2.resize(crop, (1000, 1000), interpolation=cv2.INTER_CUBIC))
        rows.append(np.hstack(row))
    picture = np.vstack(rows)
    grain = stream.normal(0, GRAIN, picture.shape[:2])[:, :, None]
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def write_large_photos(folder: Path) -> list[Path]:
    """One file of 12 megapixels from each source photograph."""
    paths = []
    for photographs in load_sources().values():
        for photograph in photographs:
            stream = np.random.RandomState(len(paths))
            path = folder / f"{len(paths)}.jpg"
            path.write_bytes(encode_near(large_photo(photograph, stream), BYTES).tobytes())
            paths.append(path)
    return paths


def decibels(image: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio for 8 bits."""
    error = np.mean((image.astype(float) - reference.astype(float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def measure(paths: list[Path], rounds: int) -> None:
    """Print the table."""
    from keras.src.utils.image_utils import img_to_array, load_img

    cv2.setNumThreads(1)
    print(
        "filter      Keras ms  exact ms  fast ms   exact / Keras  fast / Keras  dB (least to most)"
    )
    for name in FILTERS:
        ways: dict[str, Callable[[str], np.ndarray]] = {
            "Keras": lambda path, name=name: img_to_array(
                load_img(path, target_size=TARGET, interpolation=name)
            ),
            "exact": lambda path, name=name: read_image(
                path, ReadSettings(TARGET, interpolation=name)
            ).astype("float32"),
            "fast": lambda path, name=name: read_image(
                path, ReadSettings(TARGET, interpolation=name, decode="fast")
            ).astype("float32"),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        quality = []
        for _ in range(rounds):
            for path in paths:
                images = {}
                for way, read in ways.items():
                    begin = time.process_time()
                    images[way] = read(str(path))
                    times[way].append(time.process_time() - begin)
                assert np.array_equal(images["Keras"], images["exact"])
                quality.append(decibels(images["fast"], images["exact"]))
        keras, exact, fast = (statistics.median(values) * 1000 for values in times.values())
        ratios = [
            statistics.median(a / b for a, b in zip(times["Keras"], times[way], strict=True))
            for way in ("exact", "fast")
        ]
        print(
            f"{name:<10}{keras:>10.1f}{exact:>10.1f}{fast:>9.1f}{ratios[0]:>16.2f}"
            f"{ratios[1]:>14.2f}  {min(quality):.1f} to {max(quality):.1f}",
            flush=True,
        )


def main() -> None:
    """Make the photographs and measure, with the allocator's settings of the workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain-allocator", action="store_true", help="as in a fresh process")
    options = parser.parse_args()
    if not options.plain_allocator and RESTARTED not in os.environ:
        # The allocator reads its settings when the process starts.
        arguments = [sys.executable, "-m", "tests.benchmarks.large_photos", *sys.argv[1:]]
        os.execve(sys.executable, arguments, os.environ | worker_environment() | {RESTARTED: "1"})
    with tempfile.TemporaryDirectory() as folder:
        paths = write_large_photos(Path(folder))
        sizes = [path.stat().st_size for path in paths]
        print(f"{len(paths)} photographs, {np.mean(sizes) / 1e6:.1f} MB on average")
        measure(paths, options.rounds)


if __name__ == "__main__":
    main()
