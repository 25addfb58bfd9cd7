"""``augflow.verify``: which samples of a flow, or files of a folder, cannot be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from augflow.base.checks import checked_workers
from augflow.base.settings import ReadSettings
from augflow.batch.request import Request
from augflow.batch.verify_plan import VerifyPlan
from augflow.flow.iterator import Iterator as Flow
from augflow.flow.whole_pass import whole_pass
from augflow.images.files import FileIterator
from augflow.loader.flow import LoaderIterator
from augflow.runtime.make_engine import make_engine
from augflow.scan.folders import find_classes, list_flat, scan_classes
from augflow.store.open_folder import joined_path, open_folder

if TYPE_CHECKING:
    import pandas

_FILES_A_BATCH = 32


def verify(flow_or_directory: Any, workers: int | None = None) -> pandas.DataFrame:
    """Read all files or load all samples once, in the workers, and list those that are wrong.

    A progress line is shown once it has taken three seconds. Only names and reasons are kept, so
    memory does not grow with the number of images.

    Args:
        flow_or_directory: a flow of files, whose settings are used (a cache is not) and whose
            masks, boxes and keypoints are read, too; a
            directory, of which all images with Keras's endings are read, those in it and those in
            its class folders at any depth; or a list of paths. Of a flow from a loader, samples
            are loaded, augmented and compared with the first; what ``augment`` raises is raised.
        workers: worker processes; None (default): the CPUs this process may use; 0: this one.

    Returns:
        A dataframe with a row for each file that is wrong, none if all are well: "filename" (as
        in the flow's ``filenames``, relative to the directory, or as listed), for a flow from a
        loader "id", and "reason".

    Raises:
        TypeError: none of these.
        ValueError: the directory has no images.
        FileNotFoundError, NotADirectoryError: there is no such directory.
    """
    import pandas

    count = checked_workers(workers)
    if isinstance(flow_or_directory, LoaderIterator):
        return _wrong_samples(flow_or_directory, count)
    names, paths_of, read = _files_of(flow_or_directory)
    flow = flow_or_directory if isinstance(flow_or_directory, FileIterator) else None
    companions = None if flow is None else flow._companion_settings()
    wrong: dict[int, str] = {}
    if count is None:
        from augflow.runtime.processes import cpu_count

        count = cpu_count()
    engine = make_engine(VerifyPlan(read, companions), count, _FILES_A_BATCH)

    def request(start: int, stop: int) -> Request:
        rows = np.arange(start, stop)
        moving = None if flow is None else flow._arrangement
        extras = None if moving is None else moving.of(rows)
        return Request(start, stop - start, 0, paths_of(rows), extras=extras)

    size = _FILES_A_BATCH
    for start, batch in whole_pass(engine, len(names), size, request, "Verifying", "files"):
        wrong.update({start + bad.row: bad.reason for bad in batch.bad})
    return pandas.DataFrame(
        {"filename": [names[row] for row in wrong], "reason": list(wrong.values())}, dtype=object
    )


def _wrong_samples(flow: LoaderIterator, workers: int | None) -> pandas.DataFrame:
    import pandas

    bad = [one for batch in flow.shapes(workers, "Verifying") for one in batch.bad]
    columns = {"id": [one.name for one in bad], "reason": [one.reason for one in bad]}
    return pandas.DataFrame(columns, dtype=object)


def _files_of(
    given: Any,
) -> tuple[Sequence[Any], Callable[[np.ndarray], list[Any]], ReadSettings]:
    """Names as they are to be reported, how to get their paths, and how to read them."""
    if isinstance(given, FileIterator):
        return given.filenames, given._names, given._read_settings()
    if isinstance(given, str | os.PathLike):
        stored, endings = open_folder(given), Flow.white_list_formats
        directory = stored or os.fspath(given)
        names = list_flat(directory, endings, keeps_bands=True)
        folders = find_classes(directory)
        names += scan_classes(directory, folders, endings, keeps_bands=True).filenames
        if not names:
            raise ValueError(
                f"no images with one of the endings {', '.join(endings)} were found in "
                f"{directory!r} or its folders, so nothing was verified. Files of other kinds: "
                "verify(generator.flow_from_directory(directory, formats=...))"
            )

        def paths_below(rows: np.ndarray) -> list[Any]:
            return [joined_path(directory, names[row]) for row in rows.tolist()]

        return names, paths_below, ReadSettings()
    if hasattr(given, "tolist"):
        # A column of a dataframe, an array.
        given = given.tolist()
    if isinstance(given, list | tuple) and all(isinstance(one, str | os.PathLike) for one in given):
        paths = [joined_path("", os.fspath(one)) for one in given]
        return given, lambda rows: [paths[row] for row in rows.tolist()], ReadSettings()
    raise TypeError(
        "verify takes a flow from flow_from_directory, flow_from_dataframe or flow_from_loader, a "
        "directory, or a list of paths, such as dataframe['filename']. Received: "
        f"{type(given).__name__}"
    )
