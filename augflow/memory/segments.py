"""Memory that worker processes write batches into and that consumers keep without a copy.

A ``Segment`` is one mapping. On Linux it is anonymous memory (``memfd_create``): bound by memory
alone, not by the size of /dev/shm, and gone with its last holder even if every process is killed.
A worker opens it as ``/proc/PID/fd/N``. Elsewhere it is a temporary file, its blocks reserved
when it is made so that a full disk is an error then and not a SIGBUS later.

An ``Arena`` lends segments out. NumPy collapses chains of views, so a finalizer on the array
that was handed out would fire while its views live; each lease therefore hangs on a ctypes
object under all of them, and a segment comes back after the last view is gone.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import secrets
import tempfile
import weakref
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any

from augflow.memory.descriptors import check_descriptors, descriptors_are_scarce

_PAGE = 4096


@dataclass(frozen=True)
class Address:
    """Where another process finds a segment: a path, and the inode that must be behind it."""

    path: str
    inode: int
    size: int


class SharedFile:
    """A file in memory (or a temporary one) that other processes can open; zeros at first.

    Its owner may write to it and make it longer at any time. Only what is written takes memory. An
    anonymous one is gone with this object, and with all views of ``memory``.

    Args:
        size: bytes that are mapped here.
        anonymous: whether it is in memory; None: where the system supports that.

    Attributes:
        memory: the mapping.
        path, inode: where another process finds it, and what must be behind the path.

    Raises:
        OSError: no memory, no room on the disk, or no file descriptor left.
    """

    def __init__(self, size: int = _PAGE, anonymous: bool | None = None) -> None:
        self._temporary: str | None = None
        self.size = max(_PAGE, -(-size // _PAGE) * _PAGE)
        check_descriptors()
        anonymous = supports_anonymous() if anonymous is None else anonymous
        if anonymous:
            self.memory, self._descriptor, self.inode = _map_anonymous(self.size)
            self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        else:
            self._make_temporary()

    def _make_temporary(self) -> None:
        name = f"augflow-{os.getpid()}-{secrets.token_hex(8)}"
        self.path = os.path.join(tempfile.gettempdir(), name)
        self._owner = os.getpid()
        # First: if this process is killed right now, nothing is left behind.
        _track(self.path)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self.path, flags, 0o600)
        except OSError:
            _untrack(self.path)
            raise
        self._temporary = self.path
        self.inode = os.fstat(self._descriptor).st_ino
        try:
            os.ftruncate(self._descriptor, self.size)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, 0, self.size)
            self.memory = mmap.mmap(self._descriptor, self.size)
        except OSError:
            self.close()
            raise

    def lengthen(self, size: int) -> None:
        """Make the file at least ``size`` bytes long; what is new reads as zeros."""
        if os.fstat(self._descriptor).st_size < size:
            os.ftruncate(self._descriptor, size)

    def close(self) -> None:
        """Give the memory back as soon as the last view of it is gone."""
        self.__dict__.pop("memory", None)
        # An anonymous file's descriptor belongs to its mapping.
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            os.close(self._descriptor)
            if os.getpid() == self._owner:
                os.unlink(temporary)
                _untrack(temporary)

    def __del__(self) -> None:
        if getattr(self, "_temporary", None) is not None:
            self.close()


def _map_anonymous(size: int) -> tuple[mmap.mmap, int, int]:
    """A mapping of a new file in memory, the descriptor that the mapping keeps, and the inode.

    A mapping closes its descriptor when it is freed, and no step of Python's takes part, in which
    a Ctrl-C could get lost.
    """
    own = os.memfd_create("augflow", os.MFD_CLOEXEC)
    try:
        os.ftruncate(own, size)
        memory = mmap.mmap(own, size)
        wanted = os.fstat(own)
        for name in os.listdir("/proc/self/fd"):
            try:
                found = os.fstat(int(name))
            except OSError:
                # That of the listing itself, or of another thread.
                continue
            if int(name) != own and (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return memory, int(name), wanted.st_ino
    finally:
        os.close(own)
    raise OSError(errno.ENOENT, "this system's mappings keep no descriptor")


class Segment(SharedFile):
    """Shared memory of a fixed size, owned by this process; see ``SharedFile``."""

    def __init__(self, size: int, anonymous: bool | None = None) -> None:
        super().__init__(size, anonymous)
        self.address = Address(self.path, self.inode, self.size)


def supports_anonymous() -> bool:
    """Whether anonymous memory can be shared by way of /proc on this system."""
    return hasattr(os, "memfd_create") and os.path.isdir(f"/proc/{os.getpid()}/fd")


def _track(path: str) -> None:
    # loky's resource tracker outlives a killed parent and removes what it left behind.
    from loky.backend import resource_tracker

    resource_tracker.register(path, "file")


def _untrack(path: str) -> None:
    from loky.backend import resource_tracker

    resource_tracker.unregister(path, "file")


class Arena:
    """Segments of one size, lent to batches.

    All waiting and locking is the caller's. What the end of a lease calls is ``deque.append``:
    no code of Python's, so it may run at any moment, in any thread, and a Ctrl-C cannot get lost
    in it.

    Args:
        size: bytes a segment.
        most_leased: how many segments consumers may hold; a batch beyond that is to be copied.
        anonymous: whether to use anonymous memory; None: where the system supports it.
    """

    def __init__(self, size: int, most_leased: int, anonymous: bool | None = None) -> None:
        self.size = size
        self.most_leased = most_leased
        self._anonymous = anonymous
        self._free: deque[Segment] = deque()
        self._returned: deque[_Lease] = deque()
        self._leases: set[_Lease] = set()

    def take(self) -> Segment:
        """A segment that nobody uses.

        Raises:
            OSError: a new one was needed and could not be made.
        """
        self._collect()
        try:
            return self._free.pop()
        except IndexError:
            return Segment(self.size, self._anonymous)

    def give_back(self, segment: Segment) -> None:
        """Return a segment that was taken and not leased. Safe in any thread."""
        self._free.append(segment)

    @property
    def may_lease(self) -> bool:
        """Whether another segment may be handed to a consumer."""
        self._collect()
        return len(self._leases) < self.most_leased and not descriptors_are_scarce()

    def lease(self, segment: Segment) -> Any:
        """A buffer over the segment; the segment returns when the buffer and all views die."""
        buffer = (ctypes.c_ubyte * self.size).from_buffer(segment.memory)
        lease = _Lease(buffer, self._returned.append)
        lease.segment = segment
        self._leases.add(lease)
        return buffer

    def _collect(self) -> None:
        while self._returned:
            lease = self._returned.popleft()
            self._leases.discard(lease)
            self._free.append(lease.segment)

    def close(self) -> None:
        """Free what is not lent; what is lent lives as long as its holder."""
        self._free.clear()
        # A lent segment's mapping is kept by the buffer over it; nobody waits for its end now.
        self._leases.clear()
        self._returned.clear()


class _Lease(weakref.ref[Any]):
    """A reference to a buffer that was handed out, and the segment below it."""

    __slots__ = ("segment",)
    segment: Segment
    # A reference is as hashable as what it refers to, and ctypes' arrays are not.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Mappings:
    """A worker's mappings of other processes' segments, kept between jobs.

    Mapping anew would cost a page fault for each page of each batch.
    """

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._open: OrderedDict[Address, mmap.mmap] = OrderedDict()

    def attach(self, address: Address) -> mmap.mmap:
        """The memory at an address.

        Raises:
            OSError: it is gone, or this process may not open it.
        """
        memory = self._open.get(address)
        if memory is None:
            memory = _map(address)
            self._open[address] = memory
            if len(self._open) > self._limit:
                self._open.popitem(last=False)
        return memory

    def drop_vanished(self) -> list[Address]:
        """Let go of memory that its owner has closed, and say which."""
        vanished = [address for address in list(self._open) if not _exists(address)]
        for address in vanished:
            self._open.pop(address, None)
        return vanished


def _map(address: Address) -> mmap.mmap:
    descriptor = os.open(address.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        if os.fstat(descriptor).st_ino != address.inode:
            raise FileNotFoundError(f"another file has taken the place of {address.path}")
        return mmap.mmap(descriptor, address.size)
    finally:
        os.close(descriptor)


def _exists(address: Address) -> bool:
    try:
        return os.stat(address.path).st_ino == address.inode
    except OSError:
        return False
