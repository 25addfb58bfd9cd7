"""Training, validation and test parts of IDs, by chance or as files say."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augflow.sample_values import checked_ids, in_order

_PARTS = ("train", "validation", "test")
# Shares such as 0.29 of 100 are a little less than a whole number in binary.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Partition:
    """IDs in three parts; also by name: ``parts["train"]``.

    Attributes:
        train, validation, test: lists of IDs, each in the order of the source.
        labels: a dict from ID to label for all parts, None where there are none.
        class_indices: a dict from class name to class number where labels were names.
    """

    train: list[Any]
    validation: list[Any]
    test: list[Any]
    labels: dict[Any, Any] | None = None
    class_indices: dict[str, int] | None = None

    def __getitem__(self, name: str) -> list[Any]:
        if name not in _PARTS:
            raise KeyError(f"{name!r}; the parts are {', '.join(map(repr, _PARTS))}")
        part: list[Any] = getattr(self, name)
        return part

    @property
    def num_classes(self) -> int | None:
        """One more than the highest class number; None where labels are no class numbers."""
        labels = () if self.labels is None else self.labels.values()
        if not labels or not all(_is_int(each) and each >= 0 for each in labels):
            return None
        return 1 + max(int(each) for each in labels)


def partition(
    source: Any,
    labels: Mapping[Any, Any] | Sequence[Any] | np.ndarray | None = None,
    *,
    validation: float = 0.2,
    test: float = 0.0,
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
) -> Partition:
    """Divide samples into parts for training, validation and test.

    By chance, and class by class where labels are ints or names: each class gives the same share
    to each part, to within one sample. The same arguments give the same parts.

    Args:
        source: one of

            - a list of IDs;
            - a dict from ID to label;
            - the path of a text file with a line "path label" for each sample. The last word of a
              line is its label, the rest its path, which becomes the ID;
            - a dict with the keys "train", "validation" and "test", or some of these, of such
              lists, dicts or paths. It is divided already: ``validation``, ``test`` and ``seed``
              have no effect.
        labels: for lists of IDs: a dict from ID to label or a sequence in their order, or None.
        validation: the fraction that is for validation. Defaults to 0.2.
        test: the fraction that is for testing. Defaults to none.
        seed: of the division, an int of at least 0. Defaults to 0.
        root: a folder that the paths of text files are joined to. Defaults to none: paths stay as
            they are in the file.

    Returns:
        The parts and the labels. Labels that are text have become numbers: what it says, or for
        names of classes their places in sorted order.

    Raises:
        TypeError, ValueError: a source of another kind, wrong fractions, an ID that stands there
            twice, an ID without label, or a line without label; it names file and line.
        OSError: a file cannot be read.
    """
    if isinstance(source, Mapping) and source and set(source) <= set(_PARTS):
        return _divided_already(source, labels, root)
    ids, by_id = _ids_and_labels(source, labels, root, "source")
    for name, share in (("validation", validation), ("test", test)):
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {share!r}")
    if validation + test >= 1:
        raise ValueError(
            "`validation` and `test` must leave something for training. Received: "
            f"{validation!r} and {test!r}"
        )
    by_id, class_indices = _numbered(by_id)
    drawn = _draw_parts(ids, by_id, (float(validation), float(test)), seed)
    lists = {name: [ids[n] for n in sorted(numbers)] for name, numbers in drawn.items()}
    for name, share in (("validation", validation), ("test", test)):
        if share and not lists[name]:
            raise ValueError(f"{name}={share!r} of {len(ids)} samples leaves none for it")
    return Partition(**lists, labels=by_id, class_indices=class_indices)


def _draw_parts(
    ids: list[Any], by_id: dict[Any, Any] | None, shares: tuple[float, float], seed: int
) -> dict[str, list[int]]:
    """Positions of IDs for each part."""
    order = np.random.default_rng(operator.index(seed)).permutation(len(ids)).tolist()
    if by_id is not None and all(_is_int(label) for label in by_id.values()):
        order.sort(key=lambda n: int(by_id[ids[n]]))
    # Taken at even distances from the order: each class gives its share, and so does the whole.
    validation, rest = _spread(order, shares[0])
    test, train = _spread(rest, shares[1] / (1 - shares[0]))
    return {"train": train, "validation": validation, "test": test}


def _spread(order: list[int], share: float) -> tuple[list[int], list[int]]:
    """Every so many-th of a list, and the others."""
    marks = np.floor(np.arange(len(order) + 1) * share + _ROUNDING)
    taken = np.diff(marks) > 0
    chosen = [number for number, take in zip(order, taken, strict=True) if take]
    return chosen, [number for number, take in zip(order, taken, strict=True) if not take]


def _divided_already(source: Mapping[str, Any], labels: Any, root: Any) -> Partition:
    lists: dict[str, list[Any]] = {name: [] for name in _PARTS}
    found: list[dict[Any, Any]] = []
    home: dict[Any, str] = {}
    for name, content in source.items():
        if labels is not None and not isinstance(labels, Mapping):
            raise TypeError(
                "for parts that are given, `labels` must be a dict from ID to label. Received a "
                f"{type(labels).__name__}"
            )
        lists[name], by_id = _ids_and_labels(content, labels, root, f"source[{name!r}]")
        for each in lists[name]:
            if each in home:
                raise ValueError(f"ID {each!r} is in two parts: {home[each]!r} and {name!r}")
            home[each] = name
        if by_id is not None:
            found.append(by_id)
    if found and len(found) < len(source):
        raise ValueError("some parts have labels and others have none")
    by_id, class_indices = _numbered({k: v for each in found for k, v in each.items()} or None)
    return Partition(**lists, labels=by_id, class_indices=class_indices)


def _ids_and_labels(
    source: Any, labels: Any, root: Any, what: str
) -> tuple[list[Any], dict[Any, Any] | None]:
    """IDs in order, and their labels by ID."""
    by_id: dict[Any, Any] | None = None
    if isinstance(source, str | os.PathLike):
        by_id = _read_lines(Path(source), root)
    elif isinstance(source, Mapping):
        by_id = dict(source)
    if by_id is not None:
        if labels is not None:
            raise ValueError(f"`{what}` has labels of its own; leave `labels` out")
        return list(checked_ids(list(by_id), what)), by_id
    ids = list(checked_ids(source, what))
    twice = _first_twice(ids)
    if twice is not None:
        raise ValueError(
            f"ID {twice[0]!r} stands twice in `{what}`: it could be trained on in one part and "
            "tested on in another"
        )
    if labels is None:
        return ids, None
    values = in_order(labels, ids, "labels")
    values = values.tolist() if hasattr(values, "tolist") else values
    return ids, dict(zip(ids, values, strict=True))


def _first_twice(ids: list[Any]) -> tuple[Any] | None:
    seen = set()
    for each in ids:
        if each in seen:
            return (each,)
        seen.add(each)
    return None


def _read_lines(file: Path, root: Any) -> dict[str, Any]:
    """Labels by path, from "path label" lines; blank lines are left out."""
    by_path: dict[str, Any] = {}
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            words = line.strip().rsplit(None, 1)
            if not words:
                continue
            if len(words) < 2:
                raise ValueError(
                    f"{file}, line {number}: expected a path and a label. Received: "
                    f"{line.strip()!r}"
                )
            path = words[0] if root is None else os.path.join(os.fspath(root), words[0])
            if path in by_path:
                raise ValueError(f"{file}, line {number}: path {words[0]!r} stands there twice")
            by_path[path] = words[1]
    if not by_path:
        raise ValueError(f"{file} has no line with a path and a label")
    return by_path


def _numbered(
    by_id: dict[Any, Any] | None,
) -> tuple[dict[Any, Any] | None, dict[str, int] | None]:
    """Labels with names made numbers, and the number of each name."""
    if by_id is None or not any(isinstance(label, str) for label in by_id.values()):
        return by_id, None
    odd = next((name for name, label in by_id.items() if not isinstance(label, str)), None)
    if odd is not None:
        raise TypeError(f"some labels are names, but that of ID {odd!r} is {by_id[odd]!r}")
    # A text file cannot say that 3 is a number.
    for kind in (int, float):
        try:
            numbers = {name: kind(label) for name, label in by_id.items()}
        except ValueError:
            continue
        if np.isfinite(list(numbers.values())).all():
            if kind is int:
                _check_spelling(by_id, numbers)
            return numbers, None
    class_indices = {label: number for number, label in enumerate(sorted(set(by_id.values())))}
    return {name: class_indices[label] for name, label in by_id.items()}, class_indices


def _check_spelling(texts: dict[Any, str], numbers: Mapping[Any, float]) -> None:
    """Raise where two names, such as "7" and "007", would silently become one class."""
    spelling: dict[float, str] = {}
    for each, number in numbers.items():
        text = texts[each]
        if spelling.setdefault(number, text) != text:
            raise ValueError(
                f"labels {spelling[number]!r} and {text!r} (of ID {each!r}) are the same number, "
                "written differently. Write it in one way, or give labels that are names, such as "
                f"{'id ' + text!r}"
            )


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer)
