"""What runs in a worker process: take a job, build its rows in shared memory, say how it went.

A worker imports numpy, OpenCV, Pillow and the rooms below this one, and no framework unless
a user's function brings one.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import OrderedDict
from dataclasses import dataclass, field

from augflow.base.stage_times import StageClock, Work
from augflow.batch.plan import BadSample, BatchPlan, Job
from augflow.cache.slots import CachePlace, SlotStore
from augflow.memory.heartbeat import LOADING, Heartbeat, TaskWithdrawnError
from augflow.memory.segments import Address, Mappings
from augflow.runtime.imports_of_workers import Brought, ImportWatch
from augflow.runtime.pickle_plan import Surroundings, load_plan

_WATCH_SECONDS = 0.5
_PLANS_KEPT = 32
# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Task:
    """A job as it travels: the plan and the batch by where they lie in shared memory.

    Attributes:
        plan, plan_size: where the pickled plan is.
        batch: where the rows are to be written.
        heartbeat: the offset in the batch's memory at which to say what is being done.
        job: which rows.
    """

    plan: Address
    plan_size: int
    batch: Address
    heartbeat: int
    job: Job


@dataclass(frozen=True)
class Failure:
    """What a worker says instead of a result.

    Attributes:
        kind: "raised" (the job itself), "plan" (the settings could not be loaded here),
            "memory" (shared memory could not be opened) or "withdrawn" (nobody wants it).
        exception: the pickled exception, None where it cannot be pickled.
        summary: type and message of the exception.
        traceback: its text.
    """

    kind: str
    exception: bytes | None
    summary: str
    traceback: str


# Of a task that nobody waits for any more.
WITHDRAWN = Failure("withdrawn", None, "nobody waits for this batch any more", "")


@dataclass(frozen=True)
class Report:
    """What a worker says after a task.

    Attributes:
        work: what was done, and how long it took.
        failure: what went wrong, None if nothing did.
        trouble: why this worker caches no more images, None if it does. Said with every task:
            the one that said it first may never be asked for its result.
        bad: rows that could not be built and are to be left out.
        brought: the frameworks that the plan has brought into this worker, None for none. Said
            with every task, too.
    """

    work: Work = field(default_factory=Work)
    failure: Failure | None = None
    trouble: str | None = None
    bad: list[BadSample] = field(default_factory=list)
    brought: Brought | None = None


@dataclass(frozen=True)
class BareException:
    """An exception taken apart, for types that pickle alone cannot restore."""

    kind: type[BaseException]
    args: tuple[object, ...]
    state: dict[str, object]

    def restore(self) -> BaseException:
        """The exception, made without its ``__init__``."""
        error = self.kind.__new__(self.kind, *self.args)
        error.args = self.args
        error.__dict__.update(self.state)
        return error


_mappings = Mappings()
_plans: OrderedDict[Address, tuple[Surroundings, BatchPlan]] = OrderedDict()
_stores: dict[CachePlace, SlotStore] = {}
_brought: dict[Address, Brought] = {}


def start(parent: int) -> None:
    """Make this process a worker: run once in each, before the first task."""
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        # The pool blocks it while it starts processes. What they start should not inherit that.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(parent)
    faulthandler.enable()
    import cv2

    # The pool already has a process for each CPU.
    cv2.setNumThreads(1)
    threading.Thread(target=_watch, args=(parent,), name="augflow-watch", daemon=True).start()


def _end_with(parent: int) -> None:
    """Let the system kill this process when its parent is gone, where the system can do that.

    ``_watch`` cannot, while code in C keeps the interpreter to itself or the process is stopped.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _watch(parent: int) -> None:
    """End this process when its parent is gone, and let go of memory the parent has closed."""
    while True:
        time.sleep(_WATCH_SECONDS)
        if os.getppid() != parent:
            os._exit(1)
        for address in _mappings.drop_vanished():
            _plans.pop(address, None)
            _brought.pop(address, None)
        for place in list(_stores):
            if not place.exists():
                _stores.pop(place, None)


def run(task: Task) -> Report:
    """Carry out a task. Whatever goes wrong comes back as a value, so no error is lost."""
    kind = "memory"
    try:
        memory = _mappings.attach(task.batch)
        heartbeat = Heartbeat(memory, task.heartbeat)
        heartbeat.at(LOADING)
        clock = StageClock(heartbeat)
        settings = _mappings.attach(task.plan) if task.plan not in _plans else None
        watch = ImportWatch() if settings is not None else None
        kind = "plan"
        plan = _load_plan(task, settings)
        kind = "raised"
        store = _store_of(plan.cache)
        clock.skip()
        arrays = plan.layout.views(task.job.samples, memory)
        built = plan.build(task.job, arrays, clock, store)
        brought = watch.brought() if watch is not None else None
        if brought is not None:
            _brought[task.plan] = brought
    except TaskWithdrawnError:
        return Report(failure=WITHDRAWN)
    except BaseException as error:
        # Also what is no Exception: loky would hand it on without its notes.
        return Report(failure=_failure(kind, error))
    trouble = None if store is None else store.trouble
    work = clock.work(len(task.job.names))
    return Report(work, None, trouble, built.bad, _brought.get(task.plan))


def _store_of(place: CachePlace | None) -> SlotStore | None:
    if place is None:
        return None
    store = _stores.get(place)
    if store is None:
        store = _stores[place] = SlotStore(place)
    return store


def _load_plan(task: Task, memory: mmap.mmap | None) -> BatchPlan:
    kept = _plans.get(task.plan)
    if kept is None:
        assert memory is not None
        kept = _plans[task.plan] = load_plan(memory[: task.plan_size])
        if len(_plans) > _PLANS_KEPT:
            _plans.popitem(last=False)
    surroundings, plan = kept
    # Flows made in other folders take turns here.
    surroundings.enter()
    return plan


def _failure(kind: str, error: BaseException) -> Failure:
    import cloudpickle

    text = traceback.format_exc()
    pickled = None
    # cloudpickle, because the type may be one of the user's script. Types whose ``__init__``
    # does not fit their ``args`` only survive without it.
    for form in (error, BareException(type(error), error.args, error.__dict__)):
        try:
            pickled = cloudpickle.dumps(form)
            pickle.loads(pickled)
            break
        except Exception:
            # Whatever a user's type raises here: it still arrives by its text.
            pickled = None
    return Failure(kind, pickled, f"{type(error).__name__}: {error}", text)
