"""``shard``: several processes share each batch, and a global batch is the same for any number."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from augflow import ImageDataGenerator, flow_from_arrays, flow_from_csv, flow_from_loader
from augflow.flow.from_source import SourceFlow
from augflow.order.shard import checked_shard, shard_of_process
from tests.faults.batches import difference
from tests.faults.kinds import KINDS, write_world
from tests.flow.line_source import LineSource
from tests.flow_world import numbered_images, table_of, write_folder

QUICK = ["dataframe", "arrays", "arrays with others", "loader", "csv words", "masks", "boxes"]
QUICK += ["csv units", "extra columns", "rows of arrays", "augmentation"]
# Their functions draw from the stream of the whole batch, so another process's rows count.
DRAWING = {"user function", "own methods"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


def joined(parts: list[Any]) -> Any:
    """The global batch of the parts of all shards, whatever it is made of."""
    first = parts[0]
    if isinstance(first, dict):
        return {name: joined([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple | list):
        return type(first)(joined([part[k] for part in parts]) for k in range(len(first)))
    return np.concatenate(parts)


def sharded(flow: Any, index: int, count: int) -> Any:
    """A flow, as a part of itself."""
    assert flow.batch_size % count == 0
    flow.batch_size //= count
    flow.shard = (index, count)
    return flow


def check_parts_are_the_whole(make: Callable[[int], Any], counts: list[int], workers: int) -> None:
    for count in counts:
        whole = make(0)
        parts = [sharded(make(workers), index, count) for index in range(count)]
        for number in range(len(whole) + 2):
            due = next(whole)
            assert not difference(joined([next(part) for part in parts]), due), (count, number)
        position = len(whole) // 2
        assert not difference(joined([part[position] for part in parts]), whole[position])
        for flow in (whole, *parts):
            flow.close()


@pytest.mark.parametrize("kind", QUICK)
def test_parts_are_the_whole(kind: str, world: Path) -> None:
    check_parts_are_the_whole(lambda workers: KINDS[kind](world, workers, 3), [2], 0)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - DRAWING - {"on_error skip", "loader skip"}))
def test_parts_with_workers_are_the_whole(kind: str, world: Path) -> None:
    check_parts_are_the_whole(lambda workers: KINDS[kind](world, workers, 3), [2], 2)


@pytest.mark.parametrize("kind", sorted(DRAWING))
def test_functions_that_draw_have_other_numbers_in_each_part(kind: str, world: Path) -> None:
    flows = [sharded(KINDS[kind](world, 0, 3), index, 2) for index in range(2)]
    again = sharded(KINDS[kind](world, 0, 3), 1, 2)
    for _ in range(3):
        (first, labels), (second, _), (same, _) = (next(flow) for flow in (*flows, again))
        assert len(first) == len(labels) == len(second)
        assert not difference(second, same)


def test_functions_that_draw_nothing_have_the_same_pixels(folder: Path) -> None:
    def make(generator: Any) -> Any:
        return generator.flow_from_directory(folder, target_size=(9, 8), batch_size=12, seed=1)

    class Own(ImageDataGenerator):
        def apply_transform(self, x: Any, transform_parameters: Any) -> Any:
            return super().apply_transform(x, transform_parameters) / 2

    settings: dict[str, Any] = {"rotation_range": 30, "width_shift_range": [1, 2], "workers": 0}
    for generator in (
        ImageDataGenerator(**settings, preprocessing_function=lambda image: image / 127.5 - 1),
        Own(**settings),
    ):
        check_parts_are_the_whole(lambda _, own=generator: make(own), [2, 4], 0)


def test_another_number_of_processes_goes_on(folder: Path) -> None:
    def make(batch_size: int, **more: Any) -> Any:
        return ImageDataGenerator(rotation_range=30, workers=0).flow_from_directory(
            folder, target_size=(9, 8), batch_size=batch_size, seed=1, **more
        )

    whole = make(12)
    halves = [make(6, shard=(index, 2)) for index in range(2)]
    for _ in range(4):
        due = next(whole)
        assert not difference(joined([next(half) for half in halves]), due)
    state = halves[1].state_dict()
    assert state == whole.state_dict() == halves[0].state_dict()
    quarters = [make(3, shard=(index, 4)) for index in range(4)]
    for quarter in quarters:
        quarter.load_state_dict(json.loads(json.dumps(state)))
    for _ in range(4):
        assert not difference(joined([next(quarter) for quarter in quarters]), next(whole))


@given(
    samples=st.integers(1, 200),
    batch_size=st.integers(1, 12),
    count=st.integers(1, 7),
    shuffle=st.booleans(),
    drop_remainder=st.booleans(),
    by_index=st.booleans(),
)
def test_each_sample_comes_once(
    samples: int, batch_size: int, count: int, shuffle: bool, drop_remainder: bool, by_index: bool
) -> None:
    size = batch_size * count
    if drop_remainder:
        assume(samples >= size)
    elif 0 < samples % size < count:
        with pytest.raises(ValueError, match="too few"):
            flow_from_arrays(np.arange(samples), batch_size=batch_size, shard=(0, count), seed=1)
        return
    settings: dict[str, Any] = {"shuffle": shuffle, "drop_remainder": drop_remainder, "seed": 1}
    data = np.arange(samples)
    whole = flow_from_arrays(data, batch_size=size, **settings)
    parts = [
        flow_from_arrays(data, batch_size=batch_size, shard=(index, count), **settings)
        for index in range(count)
    ]
    assert {len(part) for part in parts} == {len(whole)}
    for _ in range(2):
        seen = []
        for position in range(len(whole)):
            batches = [part[position] if by_index else next(part) for part in parts]
            sizes = sorted(len(batch) for batch in batches)
            assert sizes[0] >= 1 and sizes[-1] - sizes[0] <= 1 and sizes[-1] <= batch_size
            due = whole[position] if by_index else next(whole)
            assert np.concatenate(batches).tolist() == due.tolist()
            seen += np.concatenate(batches).tolist()
        due_count = samples - samples % size if drop_remainder else samples
        assert len(seen) == len(set(seen)) == due_count
        for flow in (whole, *parts):
            flow.on_epoch_end()


def test_every_call_takes_it(folder: Path, tmp_path: Path) -> None:
    generator = ImageDataGenerator(workers=0)
    table = tmp_path / "rows.csv"
    table.write_text("a,b\n" + "".join(f"{number},{number}\n" for number in range(19)))
    lines = LineSource(str(table), np.arange(20))
    files: dict[str, Any] = {"target_size": (8, 8), "verbose": False}
    calls: list[Callable[..., Any]] = [
        lambda **more: generator.flow(numbered_images(20), **more),
        lambda **more: generator.flow_from_directory(folder, **files, **more),
        lambda **more: generator.flow_from_dataframe(table_of(folder), folder, **files, **more),
        lambda **more: flow_from_loader(np.float32, range(20), workers=0, **more),
        lambda **more: flow_from_arrays(np.arange(20), **more),
        lambda **more: flow_from_csv(table, "a", workers=0, **more),
        lambda **more: SourceFlow(lines, workers=0, **more),
    ]
    for call in calls:
        flow = call(shard=(1, 2), batch_size=2, seed=1, shuffle=True)
        assert flow.shard == (1, 2) and len(flow) == 5
        next(flow)
        with pytest.raises(ValueError, match="needs a `seed`, the same one"):
            call(shard=(1, 2), batch_size=2)
        with pytest.raises(ValueError, match="0 <= index < count"):
            call(shard=(2, 2), batch_size=2, seed=1)
        # A process of its own needs no seed.
        assert call(shard="auto", batch_size=2).shard == (0, 1)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("Auto", ValueError),
        (2, TypeError),
        ((1,), TypeError),
        ((0.0, 2), TypeError),
        ((-1, 2), ValueError),
        ((0, 0), ValueError),
    ],
)
def test_what_is_no_shard_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="`shard` must be"):
        flow_from_arrays(np.arange(4), shard=value, seed=1)


def test_parts_are_not_saved(folder: Path, tmp_path: Path) -> None:
    generator = ImageDataGenerator(workers=0)
    settings: dict[str, Any] = {"shard": (0, 2), "seed": 1, "save_to_dir": str(tmp_path)}
    with pytest.raises(ValueError, match="`save_to_dir` is for looking"):
        generator.flow_from_directory(folder, **settings)
    with pytest.raises(ValueError, match="`save_to_dir` is for looking"):
        generator.flow(numbered_images(6), **settings)


# Who says which part it is


def of_tensorflow(**settings: Any) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps(settings)}


TWO_AND_CHIEF = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": ["d:1"]}


@pytest.mark.parametrize(
    ("environment", "due"),
    [
        ({}, (0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, (2, 4)),
        ({"RANK": "0", "WORLD_SIZE": "1", **of_tensorflow(cluster={})}, (0, 1)),
        (of_tensorflow(cluster=TWO_AND_CHIEF, task={"type": "worker", "index": 1}), (2, 3)),
        (of_tensorflow(cluster=TWO_AND_CHIEF, task={"type": "chief", "index": 0}), (0, 3)),
        (of_tensorflow(task={"type": "worker", "index": 0}), (0, 1)),
    ],
)
def test_the_environment_says_it(environment: dict[str, str], due: tuple[int, int]) -> None:
    assert shard_of_process(environment) == due


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "2"},
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "first", "WORLD_SIZE": "2"},
        {"TF_CONFIG": "worker"},
        of_tensorflow(cluster=TWO_AND_CHIEF, task={"type": "ps", "index": 0}),
        of_tensorflow(cluster=TWO_AND_CHIEF),
    ],
)
def test_an_environment_that_contradicts_itself(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match='shard="auto"'):
        shard_of_process(environment)


def test_jax_says_it_where_it_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = False
    jax = SimpleNamespace(
        distributed=SimpleNamespace(is_initialized=lambda: begun),
        process_index=lambda: 1,
        process_count=lambda: 2,
    )
    monkeypatch.setitem(sys.modules, "jax", jax)
    for name in ("RANK", "WORLD_SIZE", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert checked_shard("auto") == (0, 1)
    begun = True
    assert checked_shard("auto") == (1, 2)
