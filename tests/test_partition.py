"""``partition``: every ID in one part, every class in fair shares, files read with their errors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augflow import partition

few = settings(max_examples=150, deadline=None, derandomize=True)


@few
@given(
    counts=st.lists(st.integers(10, 60), min_size=1, max_size=5),
    validation=st.sampled_from([0.1, 0.2, 0.25, 0.29, 0.5]),
    test=st.sampled_from([0, 0.1, 0.29]),
    seed=st.integers(0, 99),
    names=st.booleans(),
)
def test_fair_shares(
    counts: list[int], validation: float, test: float, seed: int, names: bool
) -> None:
    labels = {f"s{n}{kind}": kind for kind, count in enumerate(counts) for n in range(count)}
    source = {each: f"class {label}" for each, label in labels.items()} if names else labels
    parts = partition(source, validation=validation, test=test, seed=seed)
    assert sorted(parts.train + parts.validation + parts.test) == sorted(labels)
    order = list(labels)
    for name, share in (
        ("validation", validation),
        ("test", test),
        ("train", 1 - validation - test),
    ):
        part = parts[name]
        assert part == sorted(part, key=order.index)
        assert abs(len(part) - share * len(labels)) <= 2
        found = Counter(labels[each] for each in part)
        for kind, count in enumerate(counts):
            assert abs(found[kind] - share * count) <= 2, (name, kind)
    assert len(parts.validation) == int(len(labels) * validation + 1e-9)
    assert parts.labels == labels and parts.num_classes == len(counts)
    assert parts.class_indices == ({f"class {n}": n for n in range(len(counts))} if names else None)


def test_the_seed_decides() -> None:
    one, same, other = (partition(range(100), seed=seed) for seed in (1, 1, 2))
    assert one == same and one != other
    assert one.labels is None and one.num_classes is None
    # By chance: neither the first, nor the last, nor every fifth.
    assert len({each % 5 for each in one.validation}) > 1
    assert 0 < np.mean([each < 50 for each in one.validation]) < 1


def test_labels_given_apart() -> None:
    ids = ["a", "b", "c", "d"]
    by_place = partition(ids, [1.5, 2.5, 3.5, 4.5], validation=0.5)
    by_id = partition(ids, {"d": 4.5, "c": 3.5, "b": 2.5, "a": 1.5, "x": 0}, validation=0.5)
    assert by_place == by_id
    assert by_place.labels == {"a": 1.5, "b": 2.5, "c": 3.5, "d": 4.5}
    assert by_place.num_classes is None
    assert partition(np.arange(4), np.array([0, 1, 0, 1]), validation=0.5).num_classes == 2
    assert partition(np.arange(4), np.array([-1, 1, -1, 1]), validation=0.5).num_classes is None


def test_text_files(tmp_path: Path) -> None:
    file = tmp_path / "all.txt"
    file.write_text("\ufeffcats/a 1.png cat\n\n  dogs/b.png\tdog  \ncats/c.png cat\n")
    parts = partition(file, validation=0.4, root="photos")
    assert sorted(parts.train + parts.validation) == sorted(
        ["photos/cats/a 1.png", "photos/dogs/b.png", "photos/cats/c.png"]
    )
    assert parts.class_indices == {"cat": 0, "dog": 1}
    assert parts.labels is not None and parts.labels["photos/dogs/b.png"] == 1
    file.write_text("a 3\nb 05\nc 1\n")
    assert partition(str(file), validation=0.4).labels == {"a": 3, "b": 5, "c": 1}
    file.write_text("a 3\nb 0.5\nc 1e2\n")
    assert partition(str(file), validation=0.4).labels == {"a": 3, "b": 0.5, "c": 100}
    file.write_text("a nan\nb 1\nc inf\n")
    assert partition(str(file), validation=0.4).class_indices == {"1": 0, "inf": 1, "nan": 2}


def test_parts_that_are_given(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a cat\nb dog\n")
    (tmp_path / "val.txt").write_text("c newt\n")
    parts = partition({"train": tmp_path / "train.txt", "validation": tmp_path / "val.txt"})
    assert (parts.train, parts.validation, parts.test) == (["a", "b"], ["c"], [])
    assert parts.labels == {"a": 0, "b": 1, "c": 2}
    lists = partition({"train": ["a", "b"], "test": ["c"]}, {"a": 1, "b": 0, "c": 1})
    assert lists["test"] == ["c"] and lists.labels == {"a": 1, "b": 0, "c": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1\nb\n", r"all.txt, line 2: expected a path and a label. Received: 'b'"),
        ("a 1\n\na 2\n", r"all.txt, line 3: path 'a' stands there twice"),
        ("\n", "all.txt has no line"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "all.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        partition(file)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ((["a", "b", "a"],), {}, ValueError, "ID 'a' stands twice"),
        (([],), {}, ValueError, "`source` is empty"),
        (({},), {}, ValueError, "`source` is empty"),
        ((7,), {}, TypeError, "`source` must be a list.*7"),
        (("/nowhere/all.txt",), {}, FileNotFoundError, "all.txt"),
        ((["a", "b"], [1]), {}, ValueError, "1 values for 2 IDs"),
        ((["a", "b"], {"a": 1}), {}, ValueError, "no value for 1 of 2 IDs: 'b'"),
        (({"a": 1}, [1]), {}, ValueError, "labels of its own"),
        (({"a": 1, "b": "x"},), {}, TypeError, "some labels are names, but that of ID 'a' is 1"),
        ((["a"] * 1,), {}, ValueError, "validation=0.2 of 1 samples leaves none"),
        ((range(9),), {"validation": 1.0}, ValueError, "`validation` must be"),
        ((range(9),), {"test": -0.1}, ValueError, "`test` must be"),
        ((range(9),), {"validation": 0.5, "test": 0.5}, ValueError, "leave something"),
        (({"a": "7", "b": "8", "c": "007"},), {}, ValueError, "'7' and '007' .of ID 'c'. are the"),
        (({"train": ["a"], "test": ["a"]},), {}, ValueError, "'a' is in two parts: 'train' and"),
        (({"train": {"a": 1}, "test": ["b"]},), {}, ValueError, "others have none"),
        (({"train": ["a"]}, [1]), {}, TypeError, "must be a dict from ID to label.*list"),
    ],
)
def test_bad_sources(
    arguments: tuple[Any, ...], options: dict[str, Any], kind: Any, message: str
) -> None:
    with pytest.raises(kind, match=message):
        partition(*arguments, **options)


def test_an_unknown_part() -> None:
    with pytest.raises(KeyError, match="'train', 'validation', 'test'"):
        partition(range(10))["val"]
