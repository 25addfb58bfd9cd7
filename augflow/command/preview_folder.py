"""``augflow preview``: originals, and beside each what an augmentation makes of it."""

from __future__ import annotations

import argparse
import os
from typing import Any

import numpy as np
from PIL import Image

from augflow.command.generator_options import add_generator_options, generator_settings
from augflow.doctor.samples import samples_of_folder

_DESCRIPTION = """\
Draw some images of a folder, and beside each what the augmentation makes of it, into one picture.
Or, where the output is no image file, save them one by one into that folder.
"""
_EPILOG = """\
examples:
  augflow preview photos --rotation-range 20 --zoom-range 0.2 --horizontal-flip -o out.png
  augflow preview photos --brightness-range 0.7 1.3 --images 3 --draws 8 -o drawn/
"""
_GAP = 4  # pixels
_WHITE = 255
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def add_preview(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "preview",
        help="draw what an augmentation makes of images",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", help="a folder of images, see augflow doctor")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="out.png, or a folder to fill"
    )
    parser.add_argument("--images", type=int, default=4, help="how many (default: 4)")
    parser.add_argument("--draws", type=int, default=5, help="of each (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    parser.add_argument(
        "--target-size",
        nargs=2,
        type=int,
        default=(160, 160),
        metavar=("HEIGHT", "WIDTH"),
        help="in pixels (default: 160 160)",
    )
    add_generator_options(parser)
    parser.set_defaults(function=_preview)


def _preview(given: argparse.Namespace) -> int:
    for name in ("images", "draws"):
        if getattr(given, name) < 1:
            raise ValueError(f"--{name} must be at least 1. Received: {getattr(given, name)}")
    samples = samples_of_folder(given.directory)
    count = min(given.images, len(samples.paths))
    places = np.linspace(0, len(samples.paths) - 1, count).round().astype(int)
    chosen = [samples.paths[place] for place in places]
    settings = generator_settings(given)
    rows = drawn(chosen, settings, given.draws, given.seed, tuple(given.target_size))
    if given.output.lower().endswith(_ENDINGS):
        Image.fromarray(grid_of(rows)).save(given.output)
        print(f"{given.output}: {count} images, each followed by {given.draws} draws")
        return 0
    os.makedirs(given.output, exist_ok=True)
    for place, row in zip(places, rows, strict=True):
        stem = os.path.splitext(samples.names[place])[0].replace(os.sep, "_")
        for number, pixels in enumerate(row):
            name = f"{stem}_{number or 'original'}.png"
            Image.fromarray(pixels).save(os.path.join(given.output, name))
    print(f"{given.output}: {count * (given.draws + 1)} images")
    return 0


def drawn(
    paths: list[str],
    settings: dict[str, Any],
    draws: int,
    seed: int,
    target_size: tuple[int, int],
) -> np.ndarray:
    """Originals and draws, uint8 of shape (images, 1 + draws, height, width, 3).

    Args:
        paths: of the images.
        settings: of the generator.
        draws: of each image.
        seed: of the draws.
        target_size: (height, width) in pixels.
    """
    import pandas

    from augflow.generator import ImageDataGenerator

    generator = ImageDataGenerator(**settings, workers=0)
    table = pandas.DataFrame({"filename": paths})
    columns = []
    for augment in (False, True):
        flow = generator.flow_from_dataframe(
            table,
            class_mode=None,
            target_size=target_size,
            batch_size=len(paths),
            shuffle=False,
            seed=seed,
            augment=augment,
            validate_filenames=False,
            verbose=False,
        )
        columns += [next(flow) for _ in range(draws if augment else 1)]
    levels = np.stack(columns, axis=1)
    if generator.data_format == "channels_first":
        levels = np.moveaxis(levels, 2, -1)
    pixels: np.ndarray = np.clip(levels, 0, 255).round().astype(np.uint8)
    return pixels


def grid_of(rows: np.ndarray) -> np.ndarray:
    """One picture of images (rows, columns, height, width, 3), the first column set apart."""
    height, width = rows.shape[2] + _GAP, rows.shape[3] + _GAP
    shape = (rows.shape[0] * height + _GAP, rows.shape[1] * width + 2 * _GAP, 3)
    grid = np.full(shape, _WHITE, np.uint8)
    for row, column in np.ndindex(*rows.shape[:2]):
        top, left = row * height + _GAP, column * width + _GAP + (_GAP if column else 0)
        grid[top : top + rows.shape[2], left : left + rows.shape[3]] = rows[row, column]
    return grid
