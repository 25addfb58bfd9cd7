"""A small world of real images for the parity suite, built once per process.

All pixels are crops of the photographs inside the scikit-learn and scikit-image wheels.
The files are as varied as the folders people have: seven formats, eight pixel modes,
odd sizes, an EXIF orientation, nested folders, a link, names that are no images.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

PHOTOGRAPHS = {
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
}


@dataclass(frozen=True)
class Images:
    """Everything the settings draw on.

    Attributes:
        root: the temporary directory all files are in.
        directories: name to folder with class folders.
        tables: name to (dataframe, directory or None).
        arrays: name to array; images are (samples, height, width, channels) uint8.
    """

    root: Path
    directories: dict[str, str]
    tables: dict[str, tuple[pd.DataFrame, str | None]]
    arrays: dict[str, np.ndarray]


@functools.cache
def photograph(name: str) -> Image.Image:
    """One photograph as RGB, at half its size so that a small crop shows something."""
    package, path = PHOTOGRAPHS[name]
    specification = importlib.util.find_spec(package)
    assert specification is not None and specification.origin is not None
    with Image.open(Path(specification.origin).parent / path) as image:
        return image.convert("RGB").reduce(2)


def crop(name: str, number: int, width: int, height: int) -> Image.Image:
    """The ``number``-th of a fixed sequence of crops of one photograph."""
    image = photograph(name)
    stream = np.random.RandomState(1000 + number)
    left = stream.randint(0, image.width - width)
    top = stream.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _with_alpha(image: Image.Image) -> Image.Image:
    ramp = np.linspace(0, 255, image.width).astype("uint8")
    result = image.convert("RGBA")
    result.putalpha(Image.fromarray(np.tile(ramp, (image.height, 1))))
    return result


def sixteen_bits(image: Image.Image) -> Image.Image:
    """The image as 16-bit grey, with values that 8 bits cannot hold."""
    grey = np.asarray(image.convert("L"), dtype="uint16")
    return Image.fromarray(grey * 257 + (grey % 7))


def _write_classes(folder: Path) -> None:
    """Three classes of 7, 5 and 9 files, and some files that are no images."""
    for name in ("chelsea/nested/deep", "flower", "space"):
        (folder / name).mkdir(parents=True)
    cat = functools.partial(crop, "chelsea")
    cat(1, 61, 47).save(folder / "chelsea/a.jpg", quality=92)
    cat(2, 52, 64).save(folder / "chelsea/b.png")
    cat(3, 60, 60).save(folder / "chelsea/C.JPG", quality=75, subsampling=0)
    cat(4, 57, 43).convert("L").save(folder / "chelsea/d.jpeg", quality=90)
    cat(5, 49, 55).save(folder / "chelsea/e.bmp")
    cat(6, 48, 40).save(folder / "chelsea/nested/f.png")
    cat(7, 63, 50).convert("P", palette=Image.Palette.ADAPTIVE).save(
        folder / "chelsea/nested/deep/g.png"
    )
    (folder / "chelsea/notes.txt").write_text("no image")

    flower = functools.partial(crop, "flower")
    flower(1, 60, 44).convert("CMYK").save(folder / "flower/cmyk.jpg", quality=92)
    _with_alpha(flower(2, 55, 60)).save(folder / "flower/alpha.png")
    turned = flower(3, 66, 42)
    orientation = turned.getexif()
    orientation[0x0112] = 6
    turned.save(folder / "flower/turned.jpg", quality=92, exif=orientation)
    flower(4, 58, 58).save(folder / "flower/progressive.jpg", progressive=True)
    flower(5, 17, 13).save(folder / "flower/tiny.ppm")
    flower(6, 40, 40).convert("P").save(folder / "flower/ignored.gif")

    space = functools.partial(crop, "astronaut")
    space(1, 54, 62).save(folder / "space/01.tif", compression="tiff_lzw")
    space(2, 62, 54).save(folder / "space/02.tiff")
    space(3, 50, 50).convert("1").save(folder / "space/03.png")
    space(4, 51, 45).convert("LA").save(folder / "space/04.png")
    space(5, 48, 40).save(folder / "space/05.jpg", quality=95)
    space(6, 150, 120).save(folder / "space/06.jpg", quality=85)
    space(7, 30, 91).save(folder / "space/07.png")
    space(8, 95, 31).save(folder / "space/08.jpg", quality=92)
    space(9, 33, 33).save(folder / "space/09.png")


def _write_plain(folder: Path, counts: dict[str, int], photo: str) -> None:
    number = 100
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for position in range(count):
            number += 1
            image = crop(photo, number, 44 + number % 13, 40 + number % 11)
            image.save(folder / name / f"{position:02d}.jpg", quality=90)


def _write_pairs(root: Path) -> None:
    """Photographs and masks of the same names and sizes; a mask is bright or not."""
    for name in ("pair_images/all", "pair_masks/all"):
        (root / name).mkdir(parents=True)
    for position in range(7):
        image = crop("coffee", position, 56 + position, 61 - position)
        image.save(root / f"pair_images/all/p{position}.jpg", quality=92)
        mask = image.convert("L").point(lambda grey: 255 * (grey > 110))
        mask.save(root / f"pair_masks/all/p{position}.png")


def _write_directories(root: Path) -> dict[str, str]:
    _write_classes(root / "classes")
    _write_plain(root / "two", {"no": 5, "yes": 6}, "china")
    _write_plain(root / "numbered", {"1": 3, "10": 2, "2": 4, "empty": 0}, "coffee")
    _write_plain(root / "one", {"only": 1}, "flower")
    _write_pairs(root)
    _write_plain(root / "linked", {"a": 2, "b": 3}, "china")
    os.symlink(root / "two" / "yes", root / "linked" / "b" / "more", target_is_directory=True)
    (root / "deep_grey" / "x").mkdir(parents=True)
    for position, suffix in enumerate(("png", "png", "tif", "png")):
        image = sixteen_bits(crop("astronaut", 50 + position, 50 + position, 46))
        image.save(root / "deep_grey" / "x" / f"{position}.{suffix}")
    names = (
        "classes",
        "two",
        "numbered",
        "one",
        "pair_images",
        "pair_masks",
        "linked",
        "deep_grey",
    )
    return {name: str(root / name) for name in names}


def _tables(root: Path) -> dict[str, tuple[pd.DataFrame, str | None]]:
    classes = root / "classes"
    files = sorted(
        str(path.relative_to(classes))
        for path in classes.rglob("*")
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff"}
    )
    stream = np.random.RandomState(5)
    files = [files[position] for position in stream.permutation(len(files))]
    count = len(files)
    table = pd.DataFrame(
        {
            "filename": files,
            "class": [name.split(os.sep)[0] for name in files],
            "weight": np.round(stream.uniform(0.1, 3, count), 3),
            "whole_weight": stream.randint(1, 5, count),
            "size": stream.normal(size=count),
            "age": stream.randint(0, 90, count),
            "path": [str(classes / name) for name in files],
        }
    )
    table["tags"] = [["pet", "red"], ["red"], ["night"]] * (count // 3)
    table["pair"] = [("night",), ("pet", "red", "night"), ("red",)] * (count // 3)
    table["vector"] = [[float(row), row / 2] for row in range(count)]
    table["kind"] = np.where(table["class"] == "flower", "plant", "other")
    table["word"] = pd.Series(table["class"].tolist(), index=table.index, dtype=object)
    table["category"] = table["class"].astype("category")
    table.index = pd.Index(stream.permutation(count) * 3)

    names = list(files)
    names[2], names[5], names[9] = (
        "chelsea/missing.png",
        "chelsea/notes.txt",
        "flower/ignored.gif",
    )
    broken = table.assign(filename=names)
    mixed = table.copy()
    mixed["tags"] = [tag if row % 2 else tag[0] for row, tag in enumerate(table["tags"])]
    directory = str(classes)
    return {
        "table": (table, directory),
        "absolute": (table.assign(filename=table["path"]), None),
        "broken": (broken, directory),
        "repeated": (pd.concat([table.iloc[:6], table.iloc[2:5]]), directory),
        "mixed tags": (mixed, directory),
        "one": (table.iloc[:1], directory),
    }


def _arrays() -> dict[str, np.ndarray]:
    def stack(photo: str, count: int, width: int, height: int) -> np.ndarray:
        return np.stack([np.asarray(crop(photo, 300 + k, width, height)) for k in range(count)])

    colour = stack("coffee", 11, 48, 40)
    grey = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colour])[
        ..., None
    ]
    alpha = np.stack([np.asarray(_with_alpha(Image.fromarray(image))) for image in colour[:6]])
    stream = np.random.RandomState(6)
    labels = np.tile([2, 0, 1], 4)[:11]
    return {
        "rgb": colour,
        "grey": grey,
        "rgba": alpha,
        "two channels": colour[:5, ..., :2],
        "five channels": np.concatenate([colour, colour[::-1]], axis=-1)[:5, ..., :5],
        "odd": stack("astronaut", 5, 37, 53),
        "small": stack("china", 160, 6, 6),
        "small grey": stack("china", 120, 8, 8).mean(axis=-1, keepdims=True).round(),
        "flat": stack("coffee", 4, 19, 1),
        "one": colour[:1],
        "deep": grey[:5].astype("float32") * 257,
        "negative": colour[:6].astype("float32") - 128,
        "masks": (grey > 110).astype("float32") * 255,
        "labels": labels,
        "sorted labels": np.sort(labels),
        "one hot": np.eye(3, dtype="float32")[labels],
        "targets": stream.normal(size=(11, 2)),
        "words": np.array(["c", "a", "b"] * 4)[:11],
        "weights": np.round(stream.uniform(0.1, 3, 11), 3),
        "misc": stream.normal(size=(11, 4)).astype("float32"),
        "more misc": stream.randint(0, 9, 11),
    }


@functools.cache
def _temporary_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="parity_images_")


@functools.cache
def shared() -> Images:
    """The images of this process; the directory goes when the process ends."""
    root = Path(_temporary_directory().name).resolve()
    directories = _write_directories(root)
    return Images(root, directories, _tables(root), _arrays())
