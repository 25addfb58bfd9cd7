"""Folders of real photographs to measure with, made from photographs that packages ship.

No download and no data in the repository: scikit-learn ships two colour photographs,
scikit-image some more. Crops of them at random places and scales, mirrored and lit
differently, are stored as JPEGs in two class folders. ``KINDS`` says of what size: like those
of a common small data set, like those of ImageNet, or as a camera writes them.

Run ``python -m tests.benchmarks.photos FOLDER [--kind 110KB]`` to look at them.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

# (package, file) by class. scikit-image ships these in its wheel; none is fetched.
SOURCES = {
    "living": (
        ("sklearn.datasets.images", "flower.jpg"),
        ("skimage.data", "astronaut.png"),
        ("skimage.data", "chelsea.png"),
    ),
    "things": (
        ("sklearn.datasets.images", "china.jpg"),
        ("skimage.data", "coffee.png"),
        ("skimage.data", "motorcycle_left.png"),
        ("skimage.data", "rocket.jpg"),
    ),
}

DEFAULT_COUNT = 1_399


@dataclass(frozen=True)
class PhotoKind:
    """How large the photographs of a folder are.

    Attributes:
        name: what the command line calls it; its average file size.
        height: pixels of a typical photograph; each differs by up to 10 %.
        width: likewise.
        median_bytes: file size in the middle; the average is a little larger.
        noise: standard deviation of what is added, in grey levels. The sources are smaller
            than a camera's pictures, and enlarged ones are too smooth to be worth their bytes:
            noise of the size that a sensor has stands for the detail that is missing.
        count: files, if nothing else is asked for.
    """

    name: str
    height: int
    width: int
    median_bytes: int
    noise: float
    count: int


SMALL = PhotoKind("25KB", 375, 445, 24_200, 0, DEFAULT_COUNT)
IMAGENET = PhotoKind("110KB", 375, 500, 110_000, 3.5, 600)
CAMERA = PhotoKind("2MB", 3000, 4000, 1_940_000, 2.5, 48)
KINDS = {kind.name: kind for kind in (SMALL, IMAGENET, CAMERA)}

# Raised whenever the pictures change, so that an old cached folder is not taken for a new one.
RECIPE = 1


def load_sources() -> dict[str, list[np.ndarray]]:
    """The source photographs as BGR arrays of shape (height, width, 3), uint8, by class."""
    photographs: dict[str, list[np.ndarray]] = {}
    for class_name, files in SOURCES.items():
        photographs[class_name] = []
        for package, name in files:
            encoded = np.frombuffer((resources.files(package) / name).read_bytes(), np.uint8)
            photograph = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
            if photograph is None:
                raise ValueError(f"cannot decode {name} of {package}")
            photographs[class_name].append(photograph)
    return photographs


def vary(
    photograph: np.ndarray, stream: np.random.RandomState, kind: PhotoKind = SMALL
) -> np.ndarray:
    """A random crop of a photograph, resized to about ``kind``'s size, mirrored, lit at random.

    Args:
        photograph: (height, width, 3), uint8.
        stream: where the random numbers come from.
        kind: the size that is wanted, and the noise.

    Returns:
        An array of shape (height, width, 3), uint8, of another size each time; one in five
        is upright, as among photographs taken by people.
    """
    height = round(kind.height * stream.uniform(0.9, 1.1))
    width = round(kind.width * stream.uniform(0.9, 1.1))
    if stream.uniform() < 0.2:
        height, width = width, height
    # The largest crop of the wanted shape that fits, then a part of it.
    largest = min(photograph.shape[0] / height, photograph.shape[1] / width)
    scale = largest * stream.uniform(0.55, 1.0)
    crop_height, crop_width = int(height * scale), int(width * scale)
    top = stream.randint(0, photograph.shape[0] - crop_height + 1)
    left = stream.randint(0, photograph.shape[1] - crop_width + 1)
    crop = photograph[top : top + crop_height, left : left + crop_width]
    if stream.uniform() < 0.5:
        crop = crop[:, ::-1]
    crop = cv2.resize(np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_CUBIC)
    lit = cv2.convertScaleAbs(crop, alpha=stream.uniform(0.85, 1.15), beta=stream.uniform(0, 12))
    if kind.noise == 0:
        return lit
    # A quarter of the numbers, repeated: 36 million for each picture would take a second.
    grain = stream.normal(0, kind.noise, (height // 2 + 1, width // 2 + 1, 3)).astype(np.float32)
    return cv2.add(lit, np.tile(grain, (2, 2, 1))[:height, :width], dtype=cv2.CV_8U)


def encode_near(picture: np.ndarray, wanted_bytes: float) -> np.ndarray:
    """Encode as a JPEG at the quality whose size comes nearest to ``wanted_bytes``.

    The source photographs differ in detail; at one quality for all, the folder's mean size,
    and so the decoder's share of the work, would be an accident.

    Args:
        picture: (height, width, 3), uint8, BGR.
        wanted_bytes: the size to come near to.

    Returns:
        The JPEG's bytes as a uint8 array.
    """
    lowest, highest = 35, 99
    best: np.ndarray | None = None
    while lowest <= highest:
        quality = (lowest + highest) // 2
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if best is None or abs(encoded.size - wanted_bytes) < abs(best.size - wanted_bytes):
            best = encoded
        if encoded.size < wanted_bytes:
            lowest = quality + 1
        else:
            highest = quality - 1
    assert best is not None
    return best


def write_photos(
    folder: Path, count: int = DEFAULT_COUNT, seed: int = 0, kind: PhotoKind = SMALL
) -> None:
    """Write ``count`` photographs into two class folders below ``folder``.

    Args:
        folder: made if missing.
        count: number of files; classes alternate, so an odd count gives the first one more.
        seed: the same seed gives the same files, byte for byte.
        kind: their size.
    """
    photographs = load_sources()
    class_names = sorted(photographs)
    for class_name in class_names:
        (folder / class_name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        # A stream for each file: a smaller count gives a part of the same folder.
        stream = np.random.RandomState(seed * 1_000_003 + number)
        class_name = class_names[number % len(class_names)]
        choices = photographs[class_name]
        picture = vary(choices[stream.randint(len(choices))], stream, kind)
        # Sizes of photographs spread about like this around their median.
        spread = math.exp(np.clip(stream.normal(0, 0.25), -0.6, 0.6))
        encoded = encode_near(picture, kind.median_bytes * spread)
        (folder / class_name / f"{number:05d}.jpg").write_bytes(encoded.tobytes())


def benchmark_data() -> Path:
    """The folder in the system's temporary directory where benchmarks keep what they made."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"augflow-benchmark-photos-{user}"


def make_once(name: str, write: Callable[[Path], None]) -> Path:
    """A folder of benchmark data, written at first need and kept.

    Args:
        name: of the folder; another content needs another name.
        write: fills the folder whose path it is given, which does not exist yet.

    Returns:
        The folder's path.
    """
    parent = benchmark_data()
    folder = parent / name
    if not folder.exists():
        parent.mkdir(exist_ok=True)
        # Written beside and renamed, so that an interrupted run leaves no half folder behind.
        with tempfile.TemporaryDirectory(dir=parent) as unfinished:
            ready = Path(unfinished) / "ready"
            write(ready)
            try:
                ready.rename(folder)
            except OSError:
                # Another run finished the same folder first; its files are the same.
                if not folder.exists():
                    raise
    return folder


def cached_photos(count: int = DEFAULT_COUNT, seed: int = 0, kind: PhotoKind = SMALL) -> Path:
    """The folder of ``write_photos`` in the system's temporary directory, made at first need.

    Args:
        count: number of files.
        seed: see ``write_photos``.
        kind: see ``write_photos``.

    Returns:
        The folder that holds the two class folders.
    """
    suffix = "" if kind == SMALL else f"-{kind.name}"
    name = f"recipe{RECIPE}-seed{seed}-{count}{suffix}"
    return make_once(name, lambda folder: write_photos(folder, count, seed, kind))


def main() -> None:
    """Write the folder that the command line names and say what is in it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=sorted(KINDS), default=SMALL.name)
    parser.add_argument("--images", type=int, help="number of files")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kind = KINDS[options.kind]
    write_photos(options.folder, options.images or kind.count, options.seed, kind)
    sizes = [path.stat().st_size for path in options.folder.glob("*/*.jpg")]
    print(f"{len(sizes)} photographs, {np.mean(sizes) / 1000:.1f} KB on average")


if __name__ == "__main__":
    main()
