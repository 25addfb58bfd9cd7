"""What a round does, drawn from (seed, round): the same flows, actions and faults each time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

# Faults that happen while something else is done, and how often, for each time that flows are read.
_TIMED = {"kill": 0.3, "stop": 0.2, "interrupt": 0.5, "close": 0.15}
# Faults that are actions of their own, and their weights beside those below.
_ACTIONS = {"drop": 2, "reset": 2, "fork": 3, "interrupted close": 2}
FAULTS = (*_TIMED, *_ACTIONS)

_WAYS = {"next": 4, "order": 3, "anywhere": 3, "threads by next": 3, "threads by index": 3}
_WORKERS = (1, 2, 2, 3, 5)
# The second wraps around after two batches.
SEEDS = (3, 2**32 - 2)

# Seconds after the beginning of an action.
_LATEST = 0.15
# Four deaths during one wait are an error of their own, by design.
_MOST_KILLS = 2


@dataclass(frozen=True)
class Cast:
    """A flow that takes part."""

    kind: str
    workers: int
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}, workers={self.workers}, seed={self.seed}"


@dataclass(frozen=True)
class Fault:
    """A fault at a moment.

    Attributes:
        kind: one of ``FAULTS``.
        delay: seconds after the beginning of the action.
        share: which of the workers, as a fraction of their number.
        seconds: for which a worker is stopped.
        seed: of the gaps between interrupts.
    """

    kind: str
    delay: float
    share: float
    seconds: float
    seed: int

    def __str__(self) -> str:
        return self.kind if self.kind == "interrupt" else f"{self.kind} at {self.delay:.3f} s"


@dataclass(frozen=True)
class Action:
    """A step of the main thread.

    Attributes:
        do: a way of reading, "epoch end", or a fault of its own.
        flow: which of the flows.
        count: how many batches, or children.
        threads: how many read beside the main thread.
        seed: of what is left to be drawn.
        faults: that happen meanwhile.
        cast: of a new flow in the place of a dropped one.
    """

    do: str
    flow: int
    count: int
    threads: int
    seed: int
    faults: tuple[Fault, ...]
    cast: Cast

    def __str__(self) -> str:
        words = f"{self.do}, {self.count} times"
        if self.do.startswith("threads"):
            words += f" in {self.threads + 1} threads"
        elif self.do in ("drop", "interrupted close"):
            words += f", {self.cast}"
        return ", ".join([words, *map(str, self.faults)])


@dataclass(frozen=True)
class Plan:
    """A round: flows of the main thread, flows that are read all the time, and the actions."""

    flows: tuple[Cast, ...]
    readers: tuple[Cast, ...]
    actions: tuple[Action, ...]


def draw_plan(
    seed: int, number: int, kinds: Sequence[str], faults: Collection[str], actions: int
) -> Plan:
    """The plan of a round.

    Args:
        seed, number: of the soak, of the round.
        kinds: names of kinds of flows.
        faults: which of ``FAULTS``.
        actions: how many.
    """
    random = Random(f"{seed} {number}")
    flows = tuple(_cast(random, kinds) for _ in range(random.randint(2, 4)))
    readers = tuple(_cast(random, kinds) for _ in range(random.randint(1, 2)))
    steps = tuple(_action(random, len(flows), kinds, faults) for _ in range(actions))
    return Plan(flows, readers, steps)


def _cast(random: Random, kinds: Sequence[str]) -> Cast:
    return Cast(random.choice(kinds), random.choice(_WORKERS), random.choice(SEEDS))


def _action(random: Random, flows: int, kinds: Sequence[str], faults: Collection[str]) -> Action:
    weights = _WAYS | {"epoch end": 2}
    weights |= {name: weight for name, weight in _ACTIONS.items() if name in faults}
    do = random.choices(list(weights), list(weights.values()))[0]
    meanwhile = set(faults) if do in _WAYS else set()
    if do == "fork":
        # Only calls of flows are interrupted.
        meanwhile = {"kill", "stop"} & set(faults)
    timed = _timed_faults(random, meanwhile)
    if do == "interrupted close":
        timed = [_fault(random, "interrupt")]
    is_interrupted = any(fault.kind == "interrupt" for fault in timed)
    # Many calls for the many interrupts.
    count = random.randint(4, 16) * (3 if is_interrupted else 1)
    if do == "fork":
        count = random.randint(2, 8)
    return Action(
        do,
        random.randrange(flows),
        count,
        random.randint(1, 3),
        random.randrange(2**32),
        tuple(timed),
        _cast(random, kinds),
    )


def _timed_faults(random: Random, faults: Collection[str]) -> list[Fault]:
    found = []
    for kind, chance in _TIMED.items():
        if kind not in faults or random.random() > chance:
            continue
        times = random.randint(1, _MOST_KILLS) if kind == "kill" else 1
        found += [_fault(random, kind) for _ in range(times)]
    return found


def _fault(random: Random, kind: str) -> Fault:
    return Fault(
        kind,
        delay=_LATEST * random.random() ** 2,
        share=random.random(),
        # From 0.1 to 2 seconds, mostly short.
        seconds=0.1 * 20 ** (random.random() ** 2),
        seed=random.randrange(2**32),
    )
