"""``partition``: every ID in one part, every class in fair shares, files read with their errors."""

from __future__ import annotations

import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from augflow import partition

TABLE = pd.DataFrame({"path": ["a", "b"], "label": [0, 1]})
few = settings(max_examples=150)


@few
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    validation=st.sampled_from([0.1, 0.2, 0.25, 0.29, 0.5]),
    test=st.sampled_from([0, 0.1, 0.29, 0.45]),
    seed=st.integers(0, 99),
    names=st.booleans(),
)
def test_fair_shares(
    counts: list[int], validation: float, test: float, seed: int, names: bool
) -> None:
    labels = {f"s{n}{kind}": kind for kind, count in enumerate(counts) for n in range(count)}
    shares = {"validation": validation, "test": test, "train": 1 - validation - test}
    source = {each: f"class {label}" for each, label in labels.items()} if names else labels
    assume(all(share * len(labels) >= 1 or not share for share in shares.values()))
    assume(len(labels) > len(counts) + 1)
    parts = partition(source, validation=validation, test=test, seed=seed)
    assert sorted(parts.train + parts.validation + parts.test) == sorted(labels)
    assert parts == partition(source, validation=validation, test=test, seed=seed)
    order = list(labels)
    are_classes = names or 2 * counts.count(1) <= len(labels)
    least = min(counts) * shares["train"]
    found = {name: Counter(labels[each] for each in parts[name]) for name in shares}
    for name, share in shares.items():
        part = parts[name]
        assert part == sorted(part, key=order.index)
        assert bool(part) == bool(share)
        if least >= 1 or not are_classes:
            assert abs(len(part) - share * len(labels)) < 1, name
        for kind, count in enumerate(counts):
            if least >= 1:
                assert abs(found[name][kind] - share * count) < 1, (name, kind)
            if are_classes and len(found["validation"]) > 1 and len(found["test"]) > 1:
                assert abs(found[name][kind] - share * count) < 2, (name, kind)
    if are_classes:
        assert set(found["train"]) == set(range(len(counts)))
    assert parts.labels == labels and parts.num_classes == len(counts)
    assert parts.class_indices == ({f"class {n}": n for n in range(len(counts))} if names else None)


def test_where_small_classes_go_is_by_chance() -> None:
    # A class each of 3 samples: the share of 0.2 is one for some of them.
    labels = {f"{kind} {n}": kind for kind in range(5) for n in range(3)}
    sizes = [
        Counter(labels[each] for each in partition(labels, validation=0.2, seed=seed).validation)
        for seed in range(400)
    ]
    assert all(sum(each.values()) == 3 for each in sizes)
    mean = [np.mean([each[kind] for each in sizes]) for kind in range(5)]
    assert np.allclose(mean, 0.6, atol=0.1), mean


@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_one_sample_is_for_training(seed: int) -> None:
    labels = {**{f"a{n}": "a" for n in range(9)}, "z": "z", "b0": "b", "b1": "b"}
    parts = partition(labels, validation=0.3, test=0.3, seed=seed)
    assert {label for each, label in labels.items() if each in parts.train} == {"a", "b", "z"}
    assert len(parts.validation) >= 2 and len(parts.test) >= 2
    # Numbers that are all different are no classes.
    numbers = partition({n: n for n in range(10)}, validation=0.3, seed=seed)
    assert len(numbers.validation) == 3


def test_shares_are_any_real_numbers() -> None:
    plain = partition(range(1000), validation=0.2)
    assert plain == partition(range(1000), validation=np.float32(0.2))
    assert plain == partition(range(1000), validation=Fraction(1, 5))


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
    file.write_text("a nan\nb cat\nc inf\n#1.png 1\ne dog\n")
    parts = partition({"train": str(file)})
    assert parts.class_indices == {"1": 0, "cat": 1, "dog": 2, "inf": 3, "nan": 4}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("path label\na 0\nb 1\n", {"a": 0, "b": 1}),
        ("File,Class\na.jpg,cat\nb.jpg,dog\n", {"a.jpg": 0, "b.jpg": 1}),
        ("# of 2020\na cat\n# and 2021\nb dog\n", {"a": 0, "b": 1}),
        ("my file.jpg,3\nmy b.jpg, 2\n", {"my file.jpg": 3, "my b.jpg": 2}),
        ('"a, b.jpg",3\n"c.jpg",2\n', {"a, b.jpg": 3, "c.jpg": 2}),
        ("a.jpg\nb.jpg\n", None),
        ("filename\na.jpg\nb.jpg\n", None),
        ('"a.jpg"\n"b.jpg"\n', None),
        ("'a.jpg'\n'b.jpg'\n", None),
        ("id\n'a.jpg'\nb.jpg\n", None),
        ('"a.jpg",\n"b.jpg",\n', None),
        ('"a.jpg",\n"b.jpg"\n', None),
        ("['a.jpg', 'b.jpg']", None),
        ('[\n  "a.jpg",\n  "b.jpg",\n]\n', None),
        ("a.jpg, b.jpg,", None),
        ("'a b.jpg' cat\n\"c.jpg\" dog\n", {"a b.jpg": 0, "c.jpg": 1}),
        ('a b.jpg "big cat"\nc.jpg "dog"\n', {"a b.jpg": 0, "c.jpg": 1}),
        ("'a, b.jpg', 'cat'\n'c.jpg', 'dog'\n", {"a, b.jpg": 0, "c.jpg": 1}),
        ("cats\\a.jpg 0\ndogs\\b.jpg 1\n", {"cats/a.jpg": 0, "dogs/b.jpg": 1}),
        ("O'Brien's.jpg 0\nb.jpg 1\n", {"O'Brien's.jpg": 0, "b.jpg": 1}),
        ("a 5' x 3'.jpg,0\nb.jpg,1\n", {"a 5' x 3'.jpg": 0, "b.jpg": 1}),
    ],
)
def test_other_text_files(tmp_path: Path, text: str, labels: dict[str, int] | None) -> None:
    file = tmp_path / "all.txt"
    file.write_text(text)
    parts = partition(file, validation=0.5) if labels is None else partition({"train": file})
    assert parts.labels == labels
    assert sorted(parts.train + parts.validation) == sorted(labels or ["a.jpg", "b.jpg"])


@settings(max_examples=60)
@given(
    names=st.lists(
        st.text(st.characters(codec="ascii", exclude_characters="\"'\\,"), min_size=1).map(
            lambda text: text.strip().replace("\n", " ").replace("\r", " ")
        ),
        min_size=3,
        unique=True,
    ),
    per_line=st.integers(1, 4),
    quote=st.sampled_from("\"'"),
    brackets=st.booleans(),
)
def test_lists_as_programs_write_them(
    names: list[str], per_line: int, quote: str, brackets: bool
) -> None:
    # None of them names a column.
    names = [f"n{name}" for name in names if name and name.isprintable()]
    assume(len(names) > 2)
    quoted = [f"{quote}{name}{quote}" for name in names]
    lines = [", ".join(quoted[n : n + per_line]) for n in range(0, len(quoted), per_line)]
    # Two to a line would be paths and labels.
    assume(per_line != 2)
    text = ",\n".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ids.txt"
        file.write_text(f"[{text}]" if brackets else text)
        assert partition({"train": file}).train == names


def test_ids_of_a_file_with_labels_given_apart(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nb\n")
    assert partition(tmp_path / "ids.txt", {"a": 1, "b": 2}, validation=0.5).labels == {
        "a": 1,
        "b": 2,
    }


def test_its_text_is_short() -> None:
    parts = partition(range(100_000), np.arange(100_000) % 2)
    assert repr(parts) == (
        "Partition(train=[80,000 IDs], validation=[20,000 IDs], test=[0 IDs], "
        "labels={100,000 labels}, class_indices=None)"
    )


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
        ("a 1\nb\n", r"all.txt, line 2: expected a path and a label, as most.* Received: 'b'"),
        ("a 1\n\na 2\n", r"all.txt, line 3: path 'a' stands there twice"),
        ("\n", "all.txt has no line"),
        ("a 1\nb 2\nc nan\n", "3 are numbers, but that of .*all.txt, line 3 is 'nan'"),
        ("a 1\nb -inf\nc nan\nd 2", "all.txt, line 2 is '-inf'"),
        ("rows cols\na 0\nb 1\n", "2 of 3 are numbers, but that of .*all.txt, line 1 is 'cols'"),
        ("a 0\nb 1\n#from 2020,a\nc 1", "all.txt, line 3 is '2020,a'"),
        ("a.jpg,3\nb.jpg,4,5\n", "all.txt, line 2: expected a path and a label, as most"),
        ("a.jpg,3\nb.jpg,\n", "all.txt, line 2: expected a path and a label"),
        ("a\nb\nc d\n", "all.txt, line 3: expected a path alone, as most lines have.*'c d'"),
        ("3 a.jpg\n2 b.jpg\n", r"label in front of the path.*with blanks, put them in quotes"),
        ("a.jpg,3,\nb.jpg,4,\n", "all.txt, line 1: expected"),
        ("'a.jpg' 1\n'b.jpg 2\n", "all.txt, line 2: expected a path in quotes.*'b.jpg 2"),
        ('a.jpg,1\n"b.jpg,2\n', "all.txt, line 2: unexpected end of data"),
        (
            "a.jpg\nb.jpg\na.jpg",
            r"all.txt, line 3: path 'a.jpg' .* twice, first in line 1",
        ),
        ("a caf\xe9\n", "all.txt is no text in UTF-8: .*0xe9.*Save"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "all.txt"
    file.write_text(text, encoding="latin-1")
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
        ((range(9),), {"seed": None}, TypeError, "`seed` must be an int.*None"),
        ((range(9),), {"seed": -1}, ValueError, "`seed` must be at least 0.*-1"),
        (({n: "abc"[n] for n in range(3)},), {"validation": 0.4}, ValueError, "beside one of each"),
        ((range(4),), {}, ValueError, "validation=0.2 of 4 samples leaves none for it$"),
        (({"a": "1", "b": "x", "c": "2"},), {}, ValueError, "2 of 3 .* ID 'b' is 'x'"),
        (({"a": "1", "b": "nan"},), {}, ValueError, "1 of 2 .* ID 'b' is 'nan'"),
        (([["a"], ["b"]],), {}, TypeError, r"keys of a dict.*\['a'\]"),
        ((TABLE,), {}, TypeError, r"`source` must be a list.*DataFrame.*table\['path'\]"),
        ((range(9),), {"validation": "x"}, ValueError, "`validation` must be"),
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
