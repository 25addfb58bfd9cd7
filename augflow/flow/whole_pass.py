"""One pass over all samples, beside a flow: by an engine of its own, in batches of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from augflow.base.progress import Progress
from augflow.batch.request import Request
from augflow.runtime.engine import Batch, Engine, Expected


def whole_pass(
    engine: Engine,
    samples: int,
    batch_size: int,
    request_of: Callable[[int, int], Request],
    doing: str,
    unit: str,
) -> Iterator[tuple[int, Batch]]:
    """All batches, one after the other, with a progress line; then the engine is closed.

    Args:
        engine: builds them.
        samples: in all.
        batch_size: samples a batch.
        request_of: for samples from one place up to another, the request, whose key is the first.
        doing: words in front of the progress line, e.g. "Verifying".
        unit: what the line counts, e.g. "files".

    Yields:
        The place of the batch's first sample, and the batch.
    """
    starts = range(0, samples, batch_size)

    def request(start: int) -> Request:
        return request_of(start, min(start + batch_size, samples))

    def ahead(start: int) -> Iterator[Expected]:
        for later in starts[start // batch_size + 1 :]:
            yield later, partial(request, later)

    try:
        with Progress(doing, unit, samples) as progress:
            for start in starts:
                wanted = request(start)
                yield start, engine.fetch(wanted, ahead(start))
                progress.update(wanted.samples)
    finally:
        engine.close()
