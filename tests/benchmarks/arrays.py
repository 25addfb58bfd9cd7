"""Images in memory: for contestants that have no cache, and for small images."""

from __future__ import annotations

import cv2
import numpy as np

from tests.benchmarks.photos import cached_photos
from tests.benchmarks.work import Work

SMALL_SOURCES = 200


def read_image(path: str, work: Work) -> np.ndarray:
    """Decode a file and resize it to (height, width, 3), uint8, RGB."""
    image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    filters = {"nearest": cv2.INTER_NEAREST_EXACT, "bilinear": cv2.INTER_LINEAR}
    return cv2.resize(image, work.size[::-1], interpolation=filters[work.interpolation])


def list_photos(work: Work) -> tuple[list[str], np.ndarray]:
    """The paths of the photographs, and the number of the class of each, float32."""
    folder = work.make_folder()
    names = sorted(path.name for path in folder.iterdir())
    paths, classes = [], []
    for number, name in enumerate(names):
        found = sorted(str(path) for path in (folder / name).iterdir())
        paths += found
        classes += [number] * len(found)
    return paths, np.array(classes, np.float32)


def photo_arrays(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """All photographs, decoded and resized: (images, height, width, 3), uint8; their classes."""
    paths, classes = list_photos(work)
    images = np.empty((len(paths), *work.size, 3), np.uint8)
    for path, image in zip(paths, images, strict=True):
        image[...] = read_image(path, work)
    return images, classes


def small_arrays(count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Small pictures as in CIFAR: (count, side, side, 3), uint8; classes 0 to 9.

    Pieces of photographs, at half their size.
    """
    paths = sorted(cached_photos(SMALL_SOURCES).glob("*/*.jpg"))
    photos = [cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2) for path in paths]
    stream = np.random.RandomState(0)
    images = np.empty((count, side, side, 3), np.uint8)
    for image in images:
        photo = photos[stream.randint(len(photos))]
        top = stream.randint(photo.shape[0] - side)
        left = stream.randint(photo.shape[1] - side)
        image[...] = photo[top : top + side, left : left + side]
    return images, stream.randint(0, 10, count)
