"""``state_dict`` and ``load_state_dict``: a flow goes on where another one was, to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augflow import ImageDataGenerator, Iterator, flow_from_arrays, flow_from_loader
from augflow.flow.from_source import SourceFlow
from augflow.order.fingerprint import digest
from augflow.order.position_set import PositionSet
from tests.faults.batches import difference
from tests.faults.kinds import KINDS, write_world
from tests.flow.line_source import LineSource
from tests.flow_world import numbered_images, table_of, write_folder

QUICK = ["dataframe", "arrays", "loader", "csv words", "csv units", "masks", "rows of arrays"]
LIMIT_BYTES = 1000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("resume"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("images") / "all")


def written(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it comes back from a file."""
    text = json.dumps(state)
    assert len(text) < LIMIT_BYTES, text
    return json.loads(text)


def check_goes_on(make: Callable[[int], Any], workers: int, read: int) -> None:
    """A flow that was left after so many batches, by another one; into the epoch after next."""
    with make(0) as flow, make(workers) as other:
        for _ in range(read):
            next(flow)
        other.load_state_dict(written(flow.state_dict()))
        for number in range(len(flow) + 2):
            assert not difference(next(flow), next(other)), number
        assert flow.state_dict() == other.state_dict()


def check_goes_on_by_index(make: Callable[[int], Any], workers: int) -> None:
    """Left in the middle of a pass by index, in its second epoch."""
    with make(0) as flow, make(workers) as other:
        length = len(flow)
        for position in range(length):
            flow[position]
        flow.on_epoch_end()
        for position in range(length // 2 + 1):
            flow[position]
        other.load_state_dict(written(flow.state_dict()))
        for _ in range(2):
            for position in reversed(range(length)):
                assert not difference(flow[position], other[position]), position
            flow.on_epoch_end()
            other.on_epoch_end()
        assert not difference(next(flow), next(other))


@pytest.mark.parametrize("kind", QUICK)
def test_next_goes_on(kind: str, world: Path) -> None:
    check_goes_on(lambda workers: KINDS[kind](world, workers, 3), 0, 2)


@pytest.mark.parametrize("kind", QUICK)
def test_access_by_index_goes_on(kind: str, world: Path) -> None:
    check_goes_on_by_index(lambda workers: KINDS[kind](world, workers, 3), 0)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_workers_go_on(kind: str, world: Path) -> None:
    check_goes_on(lambda workers: KINDS[kind](world, workers, 3), 2, 3)
    check_goes_on_by_index(lambda workers: KINDS[kind](world, workers, 3), 1)


@pytest.mark.parametrize("read", [0, 1, 5, 6, 7, 12])
def test_before_in_and_after_an_epoch(read: int, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"line {number}\n" for number in range(21)))
    source = LineSource(str(path), np.arange(21))
    check_goes_on(lambda workers: SourceFlow(source, 4, seed=1, workers=workers), 0, read)
    check_goes_on(
        lambda workers: SourceFlow(source, 4, seed=1, workers=workers, drop_remainder=True), 0, read
    )


@pytest.mark.parametrize("read", [0, 3])
def test_a_flow_without_a_seed_goes_on(read: int, folder: Path) -> None:
    def make(workers: int) -> Any:
        generator = ImageDataGenerator(rotation_range=20, workers=workers)
        return generator.flow_from_directory(folder, target_size=(8, 8), batch_size=4)

    np.random.seed(5)
    # Workers that have read ahead, by the other's own seed.
    with make(0) as flow, make(2) as other:
        for _ in range(read):
            next(flow)
        state = written(flow.state_dict())
        # Its own seed is drawn, and batches of it are there.
        for _ in range(2):
            next(other)
        other.load_state_dict(state)
        for _ in range(len(flow) + 1):
            assert not difference(next(flow), next(other))


def test_a_pass_of_keras_that_has_ended_is_followed_by_another() -> None:
    flow, other = (flow_from_arrays(np.arange(20), batch_size=3, seed=2) for _ in range(2))
    flow.on_epoch_begin()
    first = [flow[position] for position in range(flow.num_batches)]
    flow.on_epoch_end()
    other.load_state_dict(written(flow.state_dict()))
    second = [other[position] for position in range(len(flow))]
    assert sorted(np.concatenate(second)) == list(range(20))
    for position, batch in enumerate(second):
        assert batch.tolist() == flow[position].tolist() != first[position].tolist()


def test_a_flow_goes_back_to_its_own_state(folder: Path) -> None:
    flow = flow_from_arrays(np.arange(20), batch_size=3, seed=2)
    next(flow)
    state = flow.state_dict()
    first = [next(flow).tolist() for _ in range(9)]
    flow.load_state_dict(state)
    assert [next(flow).tolist() for _ in range(9)] == first


def test_an_order_of_a_subclass_is_made_again() -> None:
    class Own(Iterator):
        def _set_index_array(self) -> None:
            self.index_array = np.random.permutation(self.n)[::-1]

        def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> np.ndarray:
            return index_array + np.random.uniform(size=len(index_array))

    check_goes_on(lambda _: Own(10, 3, True, 4), 0, 6)


def settings(folder: Path) -> dict[str, Callable[[], Any]]:
    """Flows that differ from the first in what their name says."""
    table = table_of(folder)
    other = table.copy()
    other.loc[2, "class"] = "flower" if other.loc[2, "class"] == "cat" else "cat"

    def make(table: Any = table, rotation: int = 10, **more: Any) -> Any:
        return ImageDataGenerator(rotation_range=rotation, workers=0).flow_from_dataframe(
            table, folder, **{"target_size": (8, 8), "batch_size": 4, "seed": 1, **more}
        )

    return {
        "": make,
        "`batch_size` (of all shards) was 4 and is 5": lambda: make(batch_size=5),
        "`seed` was 1 and is 2": lambda: make(seed=2),
        "`seed` was 1 and is None": lambda: make(seed=None),
        "`shuffle` was True and is False": lambda: make(shuffle=False),
        "`drop_remainder` was False and is True": lambda: make(drop_remainder=True),
        "`samples` was 19 and is 18; the file list changed": lambda: make(table[1:]),
        "the file list changed": lambda: make(table[::-1].reset_index(drop=True)),
        "labels or weights changed": lambda: make(other),
        "settings of the images changed": lambda: make(rotation=11),
        "images changed": lambda: make(interpolation="bilinear"),
        "of the images changed": lambda: make(sampler="balanced"),
    }


def test_another_flow_is_refused_in_words(folder: Path) -> None:
    makers = settings(folder)
    flow = makers.pop("")()
    for _ in range(3):
        next(flow)
    state = flow.state_dict()
    for words, make in makers.items():
        other = make()
        with pytest.raises(ValueError, match="of other data or settings") as caught:
            other.load_state_dict(state)
        assert words in str(caught.value) and "strict=False" in str(caught.value)
        with pytest.warns(UserWarning, match="of other data or settings"):
            other.load_state_dict(state, strict=False)
        assert other.batch_index == 3 and other.total_batches_seen == 3
        next(other)
    # Nothing was changed by what was refused.
    assert flow.state_dict() == state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version 2"),
        ({"seed": None}, "'seed'"),
        ({"batch_index": "3"}, "'batch_index'"),
        ({"batches_seen": -1}, "0 or more"),
        ({"asked": "?"}, "no set of positions"),
        ({"flow": []}, "'flow'"),
    ],
)
def test_what_is_no_state_is_refused(change: dict[str, Any], words: str) -> None:
    flow = flow_from_arrays(np.arange(20), batch_size=3, seed=2)
    with pytest.raises(ValueError, match=words):
        flow.load_state_dict({**flow.state_dict(), **change})
    with pytest.raises(TypeError, match="what state_dict"):
        flow.load_state_dict("state")  # type: ignore[arg-type]


def test_an_order_from_outside_is_refused() -> None:
    flow = ImageDataGenerator(workers=0).flow(numbered_images(6), batch_size=2, seed=1)
    flow.index_array = np.arange(6)[::-1]
    with pytest.raises(ValueError, match="set from outside"):
        flow.state_dict()
    flow.index_generator = iter([])
    flow.index_array = None
    with pytest.raises(ValueError, match="of its own"):
        flow.state_dict()


def test_functions_and_ids_of_a_loader_are_told() -> None:
    flow = flow_from_loader(np.float32, range(9), seed=1, workers=0)
    state = flow.state_dict()
    for other, words in [
        (flow_from_loader(np.float32, range(1, 10), seed=1, workers=0), "the IDs changed"),
        (flow_from_loader(np.float64, range(9), seed=1, workers=0), "functions or padding"),
    ]:
        with pytest.raises(ValueError, match=words):
            other.load_state_dict(state)


# The parts


@given(st.sets(st.integers(0, 300)))
def test_positions_come_back(positions: set[int]) -> None:
    before = PositionSet()
    for position in positions:
        before.add(position)
    after = PositionSet.unpacked(before.packed())
    assert len(after) == len(positions)
    assert {position for position in range(400) if position in after} == positions


def test_digests() -> None:
    same = [
        (np.int64(3), 3),
        ([1, 2], (1, 2)),
        (Path("a/b"), "a/b"),
        (np.array(["a", "b"], dtype=object), ["a", "b"]),
    ]
    for one, other in same:
        assert digest(one) == digest(other)
    values = [None, 0, False, "", "a", ["a"], ["a", "b"], [["a"], "b"], {"a": 1}, range(3), b"a"]
    values += [np.arange(3), np.arange(3.0), np.arange(3)[:, np.newaxis], ["ab"], len, 1.5]
    assert len({digest(value) for value in values}) == len(values)
    assert digest(1, 2) != digest(12) and len(digest()) == 16
