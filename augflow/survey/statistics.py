"""``augflow.statistics``: what the samples of a flow are like, in one pass and bounded memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from augflow.base.checks import checked_workers
from augflow.base.progress import Progress
from augflow.base.warn_user import warn_user
from augflow.flow.engine_iterator import EngineIterator
from augflow.flow.iterator import Iterator as Flow
from augflow.images.balance import CLASS_MODES_WITH_ONE_LABEL
from augflow.images.files import FileIterator
from augflow.images.fit import ImagesIterator, RawReading, check_raw, raw_plan
from augflow.loader.flow import LoaderIterator
from augflow.loader.moments import read_moments
from augflow.loader.targets import rows_of
from augflow.report.bad_files import reasons_of
from augflow.report.statistics import ClassCounts, Statistics, Tally
from augflow.scan.row_names import first_of

_DOING = "Measuring"
_PARTS = ("inputs", "targets", "weights")


def statistics(flow: Any, workers: int | None = None) -> Statistics:
    """Mean, deviation, range, shapes and classes of a flow's samples, each read once.

    The flow itself does not move. Samples count as they are read: before random transforms,
    ``augment``, ``preprocessing_function``, ``rescale`` and normalisation, and before padding.
    Everything is added up in float64, so that it is exact for any number of samples, and the same
    for any number of workers. Memory does not grow with them. A progress line is shown once it
    has taken three seconds.

    Args:
        flow: any flow: of images, from a loader, of arrays, of CSV files, of a source of one's
            own. One that makes its batches by itself counts as it hands them over.
        workers: worker processes, None (default) for those of the flow; 0 for none.

    Returns:
        ``samples``, ``arrays`` (by name: "inputs", "targets", "inputs['name']"), ``classes`` and
        ``left_out``; see ``Statistics``. ``generator.fit`` takes those of images.

    Raises:
        TypeError: no flow, or a flow of images that makes its batches by a method of its own.
        ValueError: a flow without samples.
        Exception: what reading a sample raises; with ``on_error="skip"`` it is left out, with a
            warning that names the first few.
    """
    if not isinstance(flow, Flow):
        raise TypeError(
            "statistics takes a flow, such as flow_from_directory or flow_from_loader give. "
            f"Received: {type(flow).__name__}"
        )
    workers = checked_workers(workers)
    if not flow.n:
        raise ValueError("statistics needs samples; this flow has none")
    if isinstance(flow, ImagesIterator):
        found = _of_images(flow, workers)
    elif isinstance(flow, LoaderIterator):
        found = _of_loader(flow, workers)
    else:
        found = _of_batches(flow, workers)
    if found.left_out:
        names = first_of([str(name) for name in found.left_out])
        warn_user(f"statistics has left out {len(found.left_out)} broken sample(s): {names}")
    if not found.samples:
        raise ValueError("statistics has nothing to compute: none of the samples can be read")
    return found


def _of_images(flow: ImagesIterator, workers: int | None) -> Statistics:
    check_raw(flow, "statistics")
    tally = Tally(0 if flow.data_format == "channels_first" else 2)
    kept = np.ones(int(flow.n), dtype=bool)
    left_out: dict[Any, str] = {}
    reading, start = RawReading(flow, raw_plan(flow, "float32"), doing=_DOING), 0
    for batch in reading.batches(workers):
        images = batch.arrays[0]
        bad = [one.row for one in batch.bad]
        left_out.update({str(one.name): one.reason for one in batch.bad})
        kept[[start + row for row in bad]] = False
        start += len(images)
        if len(bad) < len(images):
            tally.add(np.delete(images, bad, axis=0) if bad else images)
    samples = int(kept.sum())
    arrays = {"inputs": tally.result()} if samples else {}
    return Statistics(samples, arrays, _classes_of_images(flow, kept), left_out)


def _classes_of_images(flow: ImagesIterator, kept: np.ndarray) -> dict[Any, int] | None:
    counts = ClassCounts()
    if not isinstance(flow, FileIterator):
        counts.add(None if flow.y is None else flow.y[kept])
        return counts.result()
    if flow.class_mode not in CLASS_MODES_WITH_ONE_LABEL:
        return None
    found = dict.fromkeys(flow.class_indices, 0)
    names = {number: name for name, number in flow.class_indices.items()}
    for index in np.flatnonzero(kept).tolist():
        several = flow.classes[index]
        for number in several if isinstance(several, list | tuple) else [several]:
            found[names[int(number)]] += 1
    return found


def _of_loader(flow: LoaderIterator, workers: int | None) -> Statistics:
    structure, tallies, bad = read_moments(flow, workers, _DOING)
    kept = np.delete(np.arange(int(flow.n)), [one.row for one in bad])
    left_out = reasons_of(bad)
    if not len(kept):
        return Statistics(0, {}, None, left_out)
    # Without labels, a tuple from ``load`` has targets in it.
    has_parts = isinstance(structure.tree, tuple) and flow.labels is None and not flow.inputs_only
    arrays = {}
    for leaf, tally in zip(structure.leaves, tallies, strict=True):
        name = f"inputs{leaf.where}"
        if has_parts:
            number, rest = leaf.where[1:].split("]", 1)
            name = f"{_PARTS[int(number)]}{rest}"
        arrays[name] = tally.result()
    counts = ClassCounts()
    if flow.labels is not None:
        targets = rows_of(flow.labels, kept)
        arrays.update({name: each.result() for name, each in _added({}, targets, 1).items()})
        counts.add(targets if isinstance(targets, np.ndarray) else None)
    return Statistics(len(kept), arrays, counts.result(), left_out)


def _of_batches(flow: Flow, workers: int | None) -> Statistics:
    """Of batches as they are handed over, by a copy of the flow."""
    beside = copy.copy(flow)
    beside.shuffle = beside.drop_remainder = False
    if isinstance(beside, EngineIterator) and workers is not None:
        beside._user_workers = lambda: workers  # type: ignore[method-assign]
    tallies: dict[str, Tally] = {}
    counts, samples = ClassCounts(), 0
    try:
        with Progress(_DOING, "samples", int(flow.n)) as progress:
            for batch in beside.epoch():
                parts = batch if isinstance(batch, tuple) else (batch,)
                for number, part in enumerate(parts):
                    _added(tallies, part, number)
                targets = parts[1] if len(parts) > 1 else None
                counts.add(targets if isinstance(targets, np.ndarray) else None)
                rows = len(next(_arrays_in(parts[0], ""))[1])
                samples += rows
                progress.update(rows)
    finally:
        beside.close()
    arrays = {name: tally.result() for name, tally in tallies.items()}
    return Statistics(samples, arrays, counts.result())


def _added(tallies: dict[str, Tally], part: Any, number: int) -> dict[str, Tally]:
    """The tallies with a part of a batch, inputs, targets or weights, added to them."""
    for name, array in _arrays_in(part, _PARTS[number]):
        tallies.setdefault(name, Tally()).add(array)
    return tallies


def _arrays_in(part: Any, where: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(part, Mapping):
        for key, each in part.items():
            yield from _arrays_in(each, f"{where}[{key!r}]")
    elif isinstance(part, tuple | list):
        for number, each in enumerate(part):
            yield from _arrays_in(each, f"{where}[{number}]")
    else:
        yield where, np.asarray(part)
