"""``drop_remainder``: an epoch ends before a batch that would be shorter, in every kind of flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augflow import ImageDataGenerator
from tests.faults.batches import difference
from tests.faults.kinds import KINDS, write_world
from tests.flow_world import SAMPLES, SIZE, numbered_images, table_of, write_folder

QUICK = ["directory", "dataframe", "arrays", "loader", "csv words", "masks", "rows of arrays"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("drop"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


def image_flows(folder: Path, **given: Any) -> list[Any]:
    """One of each method of the generator, over the same number of images."""
    generator = ImageDataGenerator(workers=0)
    given = {"batch_size": 4, "seed": 3, **given}
    files = {"target_size": SIZE, "class_mode": None, "verbose": False, **given}
    return [
        generator.flow(numbered_images(SAMPLES), **given),
        generator.flow_from_directory(folder, **files),
        generator.flow_from_dataframe(table_of(folder), folder, **files),
    ]


@pytest.mark.parametrize("kind", QUICK)
def test_by_index_and_by_next_are_the_whole_batches(kind: str, world: Path) -> None:
    with KINDS[kind](world, 0, 3) as flow, KINDS[kind](world, 0, 3) as other:
        assert flow.n % flow.batch_size
        flow.drop_remainder = True
        assert len(flow) == flow.n // flow.batch_size
        first = [flow[position] for position in reversed(range(len(flow)))][::-1]
        with pytest.raises(IndexError):
            flow[len(flow)]
        # Those of the flow that drops nothing, but for its last.
        assert not any(difference(batch, next(other)) for batch in first)
        other.reset()
        other.drop_remainder = True
        other.total_batches_seen = 0
        for batch in first:
            assert not difference(next(other), batch)


def test_what_is_left_out_changes_with_the_epoch(folder: Path) -> None:
    for flow in image_flows(folder, drop_remainder=True):
        assert flow.drop_remainder and len(flow) == SAMPLES // 4
        left_out = set()
        for _ in range(8):
            for batch in flow.epoch():
                assert len(batch) == 4
            assert len(set(flow.index_array.tolist())) == SAMPLES
            left_out.add(frozenset(flow.index_array[len(flow) * 4 :].tolist()))
        assert len(left_out) > 4


def test_without_shuffling_it_is_the_last_samples(folder: Path) -> None:
    flow = image_flows(folder, drop_remainder=True, shuffle=False)[0]
    seen = [batch[:, 0, 0, 0].tolist() for _ in range(2) for batch in flow.epoch()]
    assert np.concatenate(seen).tolist() == [*range(16)] * 2


@pytest.mark.parametrize("value", ["yes", None, 0.5])
def test_something_else_than_a_switch_is_refused(folder: Path, value: Any) -> None:
    with pytest.raises(TypeError, match="`drop_remainder` must be a bool"):
        image_flows(folder, drop_remainder=value)


def test_no_batch_at_all_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=f"no batch of {SAMPLES} samples: batch_size is 32"):
        image_flows(folder, drop_remainder=True, batch_size=32)
