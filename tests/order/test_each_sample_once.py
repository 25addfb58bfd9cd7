"""Whatever goes with the images: each sample exactly once an epoch, with what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import Boxes, ImageDataGenerator, Keypoints

SAMPLES = 23
# (arguments of the generator, arguments of the flow, the numbers of a batch's rows by whatever
# goes with the images)
Kind = tuple[dict[str, Any], dict[str, Any], Callable[[Any], Any]]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Images and masks whose every pixel is their number; boxes that begin there; columns."""
    folder = tmp_path_factory.mktemp("numbered")
    names = [str(folder / f"{number}.png") for number in range(SAMPLES)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((40, 40), number, np.uint8)).save(name)
    numbers = list(range(SAMPLES))
    return pd.DataFrame(
        {
            "filename": names,
            "mask": names,
            "number": numbers,
            "boxes": [[[number, 0, number + 5, 5]] for number in numbers],
            "labels": [[number] for number in numbers],
            "points": [[[number, 3]] for number in numbers],
        }
    )


def unchanged(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A user's augmentation that draws, and changes nothing."""
    rng.integers(5)
    return image


KINDS: dict[str, Kind] = {
    "columns": ({}, {"extra_cols": ["number"], "y_col": "number"}, lambda batch: batch[0][1][:, 0]),
    "classes": ({}, {"class_mode": "sparse", "y_col": "number"}, lambda batch: batch[1]),
    "masks": ({}, {"class_mode": "mask", "y_col": "mask"}, lambda batch: batch[1][:, 0, 0, 0]),
    "boxes": (
        {},
        {"class_mode": None, "boxes": Boxes("boxes", labels="labels")},
        lambda batch: batch[1]["labels"][:, 0],
    ),
    "box coordinates": (
        {},
        {"class_mode": None, "boxes": Boxes("boxes")},
        lambda batch: batch[1]["boxes"][:, 0, 0],
    ),
    "keypoints": (
        {},
        {"class_mode": None, "keypoints": Keypoints("points")},
        lambda batch: batch[1]["keypoints"][:, 0, 0],
    ),
    "augmentation": ({"augmentation": unchanged}, {"y_col": "number"}, lambda batch: batch[1]),
    "bands": ({}, {"color_mode": "unchanged", "y_col": "number"}, lambda batch: batch[1]),
}


@pytest.mark.parametrize("kind", KINDS)
@given(
    batch_size=st.integers(1, SAMPLES + 2),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    split=st.sampled_from([0, 0.2, 0.5]),
    by_index=st.booleans(),
)
@settings(max_examples=12)
def test_each_sample_once_with_what_belongs_to_it(
    table: pd.DataFrame,
    kind: str,
    batch_size: int,
    shuffle: bool,
    seed: int,
    split: float,
    by_index: bool,
) -> None:
    of_generator, of_flow, numbers_of = KINDS[kind]
    generator = ImageDataGenerator(**of_generator, validation_split=split, workers=0)
    arguments = {"class_mode": "raw", "color_mode": "grayscale"} | of_flow
    border = int(SAMPLES * split)
    parts = {"validation": range(border), "training": range(border, SAMPLES)}
    for subset, expected in parts.items() if split else [(None, range(SAMPLES))]:
        flow = generator.flow_from_dataframe(
            table, target_size=(40, 40), batch_size=batch_size, shuffle=shuffle, seed=seed,
            subset=subset, augment=kind == "augmentation", **arguments,
        )  # fmt: skip
        for _ in range(2):
            received: list[float] = []
            for position in range(len(flow)):
                batch = flow[position] if by_index else next(flow)
                images = batch[0][0] if kind == "columns" else batch[0]
                numbers = np.asarray(numbers_of(batch)).tolist()
                assert images[:, 5, 5, 0].tolist() == numbers
                received += numbers
            assert sorted(received) == list(expected)
            flow.on_epoch_end()
