"""Training, validation and test parts of IDs, by chance or as files say."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from augflow.base.shorten import shortened
from augflow.scan.fair_shares import fair_counts
from augflow.scan.label_files import numbered_labels, read_label_lines
from augflow.scan.sample_values import checked_ids, in_order

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}=[{len(self[name]):,} IDs]" for name in _PARTS)
        labels = "None" if self.labels is None else f"{{{len(self.labels):,} labels}}"
        return f"Partition({sizes}, labels={labels}, class_indices={shortened(self.class_indices)})"

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
    to each part, to within one sample, and so does the whole. But each class keeps at least one
    sample for training. Ints of which most occur only once are taken for numbers, not for classes.
    The same arguments give the same parts.

    Args:
        source: one of

            - a list of IDs;
            - a dict from ID to label;
            - the path of a text file with a line for each sample: "path label", where the last
              word is the label and the rest the path, which becomes the ID; "path,label"; or
              IDs alone, one a line or as a list with commas. Each may be in quotes. Backslashes
              separate folders, as slashes do. A first line that names these columns, and lines
              that begin with "# ", are left out;
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
    shares = _checked_share(validation, "validation"), _checked_share(test, "test")
    if sum(shares) >= 1:
        raise ValueError(
            "`validation` and `test` must leave something for training. Received: "
            f"{validation!r} and {test!r}"
        )
    seed = _checked_seed(seed)
    by_id, class_indices = numbered_labels(by_id)
    drawn = _draw_parts(ids, by_id, class_indices is not None, shares, seed)
    lists = {name: [ids[n] for n in numbers] for name, numbers in drawn.items()}
    for name, share in zip(_PARTS[1:], shares, strict=True):
        if share and (share * len(ids) < 1 or not lists[name]):
            alone = " beside one of each class for training" if share * len(ids) >= 1 else ""
            raise ValueError(f"{name}={share!r} of {len(ids)} samples leaves none for it{alone}")
    return Partition(**lists, labels=by_id, class_indices=class_indices)


def _checked_share(share: Any, name: str) -> float:
    number = -1.0 if isinstance(share, bool) or not isinstance(share, Real) else float(share)
    if not 0 <= number < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {share!r}")
    # np.float32(0.2) is meant to be 0.2, and not the 0.20000000298 that it is.
    return round(number, 7)


def _checked_seed(seed: Any) -> int:
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(
            "`seed` must be an int of at least 0, so that the parts stay the same. Received: "
            f"{seed!r}"
        ) from None
    if number < 0:
        raise ValueError(f"`seed` must be at least 0. Received: {seed!r}")
    return number


def _draw_parts(
    ids: list[Any],
    by_id: dict[Any, Any] | None,
    are_names: bool,
    shares: tuple[float, float],
    seed: int,
) -> dict[str, list[int]]:
    """Positions of IDs for each part."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(ids))
    sizes = np.array([len(ids)])
    if by_id is not None and all(_is_int(label) for label in by_id.values()):
        numbers = np.unique([int(by_id[each]) for each in ids], return_inverse=True)[1]
        found = np.bincount(numbers)
        # Whole numbers that mostly occur once, such as distances, are no classes.
        if are_names or 2 * np.count_nonzero(found == 1) <= len(ids):
            order = order[np.argsort(numbers[order], kind="stable")]
            sizes = found
    counts = fair_counts(sizes, (1 - sum(shares), *shares), generator)
    parts = np.repeat(np.tile(np.arange(len(_PARTS)), len(sizes)), counts.ravel())
    return {name: np.sort(order[parts == n]).tolist() for n, name in enumerate(_PARTS)}


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
    by_id, class_indices = numbered_labels(
        {k: v for each in found for k, v in each.items()} or None
    )
    return Partition(**lists, labels=by_id, class_indices=class_indices)


def _ids_and_labels(
    source: Any, labels: Any, root: Any, what: str
) -> tuple[list[Any], dict[Any, Any] | None]:
    """IDs in order, and their labels by ID."""
    by_id: dict[Any, Any] | None = None
    if isinstance(source, str | os.PathLike):
        by_id = read_label_lines(Path(source), root)
        if None in by_id.values():
            if labels is None:
                return list(by_id), None
            source, by_id = list(by_id), None
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
        try:
            known = each in seen
        except TypeError as error:
            raise TypeError(
                f"IDs to divide must be usable as keys of a dict ({error}), e.g. a tuple in the "
                f"place of a list. Received: {each!r}"
            ) from error
        if known:
            return (each,)
        seen.add(each)
    return None


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer)
