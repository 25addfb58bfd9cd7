"""A folder of real photographs to measure with, made from photographs that packages ship.

No download and no data in the repository: scikit-learn ships two colour photographs,
scikit-image some more. Crops of them at random places and scales, mirrored and lit
differently, are stored as JPEGs like those of a common data set: about 375 x 445 pixels
(height x width) and 25 KB each, in two class folders.

Run ``python -m tests.benchmarks.photos FOLDER`` to look at them.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
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

TYPICAL_HEIGHT, TYPICAL_WIDTH = 375, 445
MEDIAN_BYTES = 24_200
DEFAULT_COUNT = 1_399

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


def vary(photograph: np.ndarray, stream: np.random.RandomState) -> np.ndarray:
    """A random crop of a photograph, resized to about 375 x 445, mirrored and lit at random.

    Args:
        photograph: (height, width, 3), uint8.
        stream: where the random numbers come from.

    Returns:
        An array of shape (height, width, 3), uint8, of another size each time; one in five
        is upright, as among photographs taken by people.
    """
    height = round(TYPICAL_HEIGHT * stream.uniform(0.9, 1.1))
    width = round(TYPICAL_WIDTH * stream.uniform(0.9, 1.1))
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
    return cv2.convertScaleAbs(crop, alpha=stream.uniform(0.85, 1.15), beta=stream.uniform(0, 12))


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
    lowest, highest = 35, 97
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


def write_photos(folder: Path, count: int = DEFAULT_COUNT, seed: int = 0) -> None:
    """Write ``count`` photographs into two class folders below ``folder``.

    Args:
        folder: made if missing.
        count: number of files; classes alternate, so an odd count gives the first one more.
        seed: the same seed gives the same files, byte for byte.
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
        picture = vary(choices[stream.randint(len(choices))], stream)
        # Sizes of photographs spread about like this around their median.
        wanted_bytes = MEDIAN_BYTES * math.exp(np.clip(stream.normal(0, 0.25), -0.6, 0.6))
        encoded = encode_near(picture, wanted_bytes)
        (folder / class_name / f"{number:05d}.jpg").write_bytes(encoded.tobytes())


def cached_photos(count: int = DEFAULT_COUNT, seed: int = 0) -> Path:
    """The folder of ``write_photos`` in the system's temporary directory, made at first need.

    Args:
        count: number of files.
        seed: see ``write_photos``.

    Returns:
        The folder that holds the two class folders.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    parent = Path(tempfile.gettempdir()) / f"augflow-benchmark-photos-{user}"
    folder = parent / f"recipe{RECIPE}-seed{seed}-{count}"
    if not folder.exists():
        parent.mkdir(exist_ok=True)
        # Written beside and renamed, so that an interrupted run leaves no half folder behind.
        with tempfile.TemporaryDirectory(dir=parent) as unfinished:
            ready = Path(unfinished) / "photos"
            write_photos(ready, count, seed)
            try:
                ready.rename(folder)
            except OSError:
                # Another run finished the same folder first; its files are the same.
                if not folder.exists():
                    raise
    return folder


def main() -> None:
    """Write the folder that the command line names and say what is in it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_photos(options.folder, options.images, options.seed)
    sizes = [path.stat().st_size for path in options.folder.glob("*/*.jpg")]
    print(f"{len(sizes)} photographs, {np.mean(sizes) / 1000:.1f} KB on average")


if __name__ == "__main__":
    main()
