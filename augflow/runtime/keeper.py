"""A thread that lives as long as the process: it starts workers, and frees what flows leave behind.

Linux ends a worker with the thread that started it (see ``worker.start``), and a training thread
may be gone before its process. And no code of Python's frees things in the thread that drops
them: a Ctrl-C would get lost there, in the middle, and a garbage collection may come while a lock
is held.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class Leftover(weakref.ref[Any]):
    """Remembers an owner, and what is to be freed when the owner is garbage.

    Args:
        owner: an object that can be referred to weakly.
        free: called without arguments, in the keeper's thread.
    """

    __slots__ = ("free",)
    free: Callable[[], None]
    # A reference is as hashable as what it refers to.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Keeper:
    """The thread, and what it is asked for."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._orders: SimpleQueue[Any] = SimpleQueue()
        self._leftovers: set[Leftover] = set()
        threading.Thread(target=self._serve, name="augflow-keeper", daemon=True).start()

    def call(self, function: Callable[[], None]) -> None:
        """Call a function in the thread, wait for it, and raise what it raises."""
        answer: SimpleQueue[BaseException | None] = SimpleQueue()
        self._orders.put((function, answer))
        error = answer.get()
        if error is not None:
            raise error

    def free_after(self, owner: Any, free: Callable[[], None]) -> Leftover:
        """Call ``free`` once the owner is garbage, unless ``forget`` comes before."""
        leftover = Leftover(owner, self._orders.put)
        leftover.free = free
        self._leftovers.add(leftover)
        return leftover

    def forget(self, leftover: Leftover) -> None:
        """What the owner would have left behind has been freed."""
        self._leftovers.discard(leftover)

    def belongs_to_this_process(self) -> bool:
        """False in a forked child, which does not have the thread."""
        return self._process == os.getpid()

    def _serve(self) -> None:
        while True:
            order = self._orders.get()
            if isinstance(order, Leftover):
                if order in self._leftovers:
                    self._leftovers.discard(order)
                    order.free()
            else:
                function, answer = order
                try:
                    function()
                except BaseException as error:
                    answer.put(error)
                else:
                    answer.put(None)
                del function, answer
            del order


_keeper: Keeper | None = None


def keeper() -> Keeper:
    """The keeper of this process."""
    global _keeper
    if _keeper is None or not _keeper.belongs_to_this_process():
        _keeper = Keeper()
    return _keeper
