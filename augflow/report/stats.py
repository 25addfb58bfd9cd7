"""What ``flow.stats()`` gives: where the time of an epoch went, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from augflow.base.stage_times import AUGMENT, DECODE, READ, RESIZE, STAGES, STANDARDIZE, Work
from augflow.native import kernel

# Below this share of waiting nobody would notice the difference.
_HARDLY = 0.05
# Workers that are busy less than this are not what the training waits for.
_BUSY = 0.7
_MOSTLY = 0.4
# What decoding and resizing one photograph costs that "fast" could shorten.
_LARGE_PHOTO_SECONDS = 0.006
# From here on the text names the slowest sample.
_SLOW_SECONDS = 1.0


@dataclass(frozen=True)
class EpochStats:
    """One epoch, or the part of it that is over.

    Attributes:
        images: handed over.
        batches: handed over.
        seconds: from the request for the first batch to the handing over of the last one.
        wait_for_worker: seconds of these that the consumer waited for a batch.
        wait_for_consumer: the other seconds: the consumer was at work.
        workers: worker processes; 0: the batches were built by the consumer's own process.
        work: what building these batches took, summed over all workers.
        complete: whether the epoch is over.
        unit: what the samples are called in the text.
    """

    images: int
    batches: int
    seconds: float
    wait_for_worker: float
    wait_for_consumer: float
    workers: int
    work: Work
    complete: bool
    unit: str = "images"

    @property
    def images_per_second(self) -> float:
        """Images handed over a second."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def waiting_share(self) -> float:
        """The share of time that the consumer waited for batches, 0 to 1."""
        return self.wait_for_worker / self.seconds if self.seconds else 0.0

    @property
    def busy_share(self) -> float:
        """The share of time that the workers were at work, 0 to 1.

        Batches that were prepared before the epoch began count with it.
        """
        available = self.seconds * max(1, self.workers)
        return min(1.0, self.work.busy / available) if available else 0.0

    @property
    def stage_shares(self) -> dict[str, float]:
        """The share of the building time of each stage, and "other" for the rest; sum 1."""
        busy = self.work.busy
        if not busy:
            return dict.fromkeys((*STAGES, "other"), 0.0)
        shares = {name: spent / busy for name, spent in zip(STAGES, self.work.seconds, strict=True)}
        return {**shares, "other": 1.0 - sum(shares.values())}

    @property
    def slowest(self) -> tuple[Any, float] | None:
        """Name and seconds of the sample that took longest to build, or stood still longest
        with its worker; None where samples are not built one by one."""
        slowest = self.work.slowest
        return None if slowest is None else (slowest[1], slowest[0])

    def _shown_shares(self) -> dict[str, float]:
        """Those of the stages that this kind of sample goes through."""
        shares = self.stage_shares
        if self.unit == "images":
            return shares
        spent = dict(zip(STAGES, self.work.seconds, strict=True))
        return {name: share for name, share in shares.items() if spent.get(name, 1)}

    def __str__(self) -> str:
        which = "epoch" if self.complete else "epoch so far"
        stages = ", ".join(f"{name} {share:.0%}" for name, share in self._shown_shares().items())
        if self.workers:
            names = "1 worker" if self.workers == 1 else f"{self.workers} workers"
            builders = f"{names}: {self.busy_share:.0%} busy"
        else:
            builders = "no workers: batches are built while the training waits"
        lines = [
            f"{which}: {self.images} {self.unit} in {self.batches} batches, {self.seconds:.2f} s, "
            f"{self.images_per_second:.0f} {self.unit}/s",
            f"  training: {self.waiting_share:.0%} wait for worker, "
            f"{1 - self.waiting_share if self.seconds else 0:.0%} wait for consumer",
            f"  {builders}",
        ]
        if self.work.busy:
            lines.append(f"  building: {stages}")
        slow = self.slowest
        if slow is not None and slow[1] > _SLOW_SECONDS:
            lines.append(f"  slowest: {slow[0]!r}, {slow[1]:.1f} s")
        return "\n".join(lines)


@dataclass(frozen=True)
class FlowStats:
    """Where the time of a flow goes; ``print`` it to read it.

    Attributes:
        last: the last epoch that is complete, None before that.
        current: the epoch that is being read, None between epochs.
        advice: one sentence.
    """

    last: EpochStats | None
    current: EpochStats | None
    advice: str

    @property
    def latest(self) -> EpochStats | None:
        """The current epoch, or else the last."""
        return self.current or self.last

    def __str__(self) -> str:
        epochs = [str(epoch) for epoch in (self.last, self.current) if epoch is not None]
        return "\n".join([*epochs, self.advice])


def make_stats(
    last: EpochStats | None,
    current: EpochStats | None,
    cpus: int,
    decode: str | None,
    is_cached: bool = False,
    unit: str = "images",
) -> FlowStats:
    """The statistics with their advice, which is taken from the last complete epoch if any.

    Args:
        last: see ``FlowStats``.
        current: see ``FlowStats``.
        cpus: what this process may use; 0 for a flow that has no workers.
        decode: how files are decoded; None where there are no files.
        is_cached: whether the flow has a cache.
        unit: what the samples are called.
    """
    last, current = (epoch and replace(epoch, unit=unit) for epoch in (last, current))
    epoch = last or current
    advice = "No batch has been handed over yet."
    if epoch:
        no_kernel = kernel.why_off() if unit == "images" else None
        advice = advise(epoch, cpus, decode, is_cached, no_kernel)
    return FlowStats(last, current, advice)


def advise(
    epoch: EpochStats,
    cpus: int,
    decode: str | None,
    is_cached: bool = False,
    no_kernel: str | None = None,
) -> str:
    """One sentence: what the training waits for, and what would help.

    Args:
        epoch: the times.
        cpus: what this process may use; 0 for a flow that has no workers.
        decode: how files are decoded, "exact" or "fast"; None where there are no files.
        is_cached: whether the flow has a cache, so that files are decoded only to fill it.
        no_kernel: why the compiled kernel does not warp the images; None where it does.
    """
    waiting = epoch.waiting_share
    if waiting < _HARDLY:
        return f"Training hardly waits for input ({waiting:.0%} of the time): the flow keeps up."
    begin = f"Training waits {waiting:.0%} of the time for input: "
    if not epoch.workers:
        found = "batches are built in the training's own process"
        if not cpus:
            return f"{begin}{found}."
        remedies = ["let workers do it (workers=None)"]
        return _sentence(begin + found, remedies, epoch, decode, is_cached, no_kernel)
    names = "1 worker is" if epoch.workers == 1 else f"{epoch.workers} workers are"
    if epoch.busy_share < _BUSY:
        return (
            f"{begin}yet {names} only {epoch.busy_share:.0%} busy; other work on the CPUs may slow "
            "them, or an order of access that cannot be foreseen: read the flow in order, "
            "by next() or by fit."
        )
    remedies = [f"add workers ({cpus} CPUs)"] if epoch.workers < cpus else []
    return _sentence(f"{begin}{names} busy", remedies, epoch, decode, is_cached, no_kernel)


def _sentence(
    begin: str,
    remedies: list[str],
    epoch: EpochStats,
    decode: str | None,
    is_cached: bool,
    no_kernel: str | None,
) -> str:
    shares = epoch.stage_shares
    seconds, images = epoch.work.seconds, max(1, epoch.work.samples)
    names = [STAGES[stage] for stage in (READ, DECODE, RESIZE)]
    if decode is not None and sum(shares[name] for name in names) >= _MOSTLY:
        if is_cached:
            return f"{begin}; they decode images for the cache, which later epochs find there."
        remedies.append("cache='ram'" if remedies else "use cache='ram'")
        if decode == "exact" and (seconds[DECODE] + seconds[RESIZE]) / images > (
            _LARGE_PHOTO_SECONDS
        ):
            remedies.append("decode='fast'")
    if no_kernel and shares[STAGES[AUGMENT]] >= _MOSTLY:
        use = "" if remedies else "use "
        remedies.append(f"{use}augflow's compiled kernel, which is off ({no_kernel})")
    if not remedies:
        slowest = max((AUGMENT, STANDARDIZE, DECODE, READ, RESIZE), key=lambda i: seconds[i])
        remedies.append(f"most of their time is {STAGES[slowest]}, and every CPU has a worker")
        return f"{begin}; {remedies[0]}."
    *others, final = remedies
    return f"{begin}; {', '.join(others)}{' or ' if others else ''}{final}."
