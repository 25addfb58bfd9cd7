"""Settings about the order of batches, attributes set by scripts, and saved files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.parity.setting import (
    AFFINE,
    FLIPS,
    UNIT,
    Setting,
    arrays,
    folder,
    make,
    table,
)


def order() -> Iterator[Setting]:
    group = "Order of batches"
    yield arrays(group, "four epochs", generator=AFFINE, y="=labels", epochs=4)
    yield folder(group, "four epochs, from files", generator=FLIPS, epochs=4)
    yield table(
        group,
        "three epochs, from a dataframe, not shuffled",
        epochs=3,
        shuffle=False,
        generator=FLIPS,
    )
    for after in (1, 2, 3):
        yield arrays(group, f"reset() after {after} batches", generator=AFFINE, reset_after=after)
    yield folder(group, "reset() after 4 batches, from files", reset_after=4, generator=FLIPS)
    for size in (1, 2, 11, 12, 100):
        yield arrays(group, f"batch_size={size} of 11", batch_size=size, generator=FLIPS, epochs=2)
    yield folder(group, "batch_size=21 of 21", batch_size=21, epochs=2)
    yield folder(group, "batch_size=64 of 21", batch_size=64, epochs=2)
    for seed in (0, 1, 12345, 2**32 - 20):
        yield arrays(group, f"seed={seed}", seed=seed, generator=AFFINE, epochs=2)
    yield arrays(group, "by index, first epoch", by_index=True, generator=AFFINE, y="=labels")
    yield folder(group, "by index, first epoch, from files", by_index=True, generator=FLIPS)
    pairs: dict[str, Any] = {"class_mode": None, "seed": 7}
    moves: dict[str, dict[str, Any]] = {
        "all affine": {**AFFINE, **FLIPS},
        "shifts": {
            "width_shift_range": [-3, 4],
            "height_shift_range": 0.2,
            "rescale": UNIT,
        },
    }
    for name, generator in moves.items():
        level = generator.get("rescale", 1.0)
        mask = make(
            "flow_from_directory",
            group,
            "masks",
            "pair_masks",
            generator,
            color_mode="grayscale",
            grey_level=level,
            **pairs,
        )
        yield folder(
            group,
            f"zip of images and masks, one seed, {name}",
            "pair_images",
            partner=mask,
            generator=generator,
            epochs=2,
            grey_level=level,
            **pairs,
        )
    fitted: dict[str, Any] = {"featurewise_center": True, "rotation_range": 20}
    masks = make(
        "flow",
        group,
        "masks",
        "masks",
        fitted,
        seed=9,
        fit={"x": "masks", "augment": True, "seed": 9},
    )
    yield arrays(
        group,
        "zip of images and masks, both fitted",
        generator=fitted,
        partner=masks,
        seed=9,
        fit={"x": "rgb", "augment": True, "seed": 9},
        epochs=2,
    )


def _change(**attributes: Any) -> Callable[[Any], None]:
    def prepare(iterator: Any) -> None:
        for name, value in attributes.items():
            setattr(iterator, name, value)

    return prepare


def attributes_set_from_outside() -> Iterator[Setting]:
    group = "Attributes set from outside"
    changes: dict[str, dict[str, Any]] = {
        "n": {"n": 6},
        "batch_size": {"batch_size": 3},
        "shuffle": {"shuffle": False},
        "seed": {"seed": 21},
        "total_batches_seen": {"total_batches_seen": 17},
    }
    for name, change in changes.items():
        yield arrays(group, name, prepare=_change(**change), generator=AFFINE, y="=labels")
        yield folder(group, f"{name}, from files", prepare=_change(**change), generator=FLIPS)
    yield arrays(
        group,
        "index_array, by index",
        by_index=True,
        generator=FLIPS,
        prepare=_change(index_array=np.arange(11)[::-1].copy()),
    )


def saving() -> Iterator[Setting]:
    group = "save_to_dir"
    saved: dict[str, Any] = {"save_to_dir": "saved"}
    yield arrays(group, "arrays, png", generator=AFFINE, **saved)
    yield arrays(
        group,
        "arrays, jpeg, a prefix",
        generator=FLIPS,
        save_prefix="seen",
        save_format="jpeg",
        **saved,
    )
    yield arrays(group, "arrays, grey, two epochs", "grey", generator=FLIPS, epochs=2, **saved)
    yield folder(group, "files, png, a prefix", generator=FLIPS, save_prefix="seen", **saved)
    yield folder(
        group,
        "files, grayscale, all affine, rescale",
        color_mode="grayscale",
        generator={**AFFINE, "rescale": UNIT},
        grey_level=UNIT,
        **saved,
    )
    yield table(group, "dataframe, bmp", generator=FLIPS, save_format="bmp", **saved)
    yield arrays(
        group,
        "arrays, channels_first",
        channels_first=True,
        generator={"data_format": "channels_first", **FLIPS},
        **saved,
    )
