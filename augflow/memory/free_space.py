"""How much memory or disk is left, and how sizes are written."""

from __future__ import annotations

import os
from dataclasses import dataclass

_MOST_RESERVED = 1 << 30
_CGROUP_ROOTS = {
    # The files of cgroup v2 and v1: the limit, what is used, and in memory.stat the part of it
    # that the kernel gives back when it is short (cached files that nobody uses).
    "": (("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), "memory.max", "memory.current"),
    "memory": (
        ("/sys/fs/cgroup/memory",),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
    ),
}
_RECLAIMABLE = ("total_inactive_file", "inactive_file")


@dataclass(frozen=True)
class Room:
    """Bytes of a memory or a disk.

    Attributes:
        free: what may still be taken.
        total: its whole size.
    """

    free: int
    total: int

    @property
    def usable(self) -> int:
        """What a cache may take: a twentieth of the whole, at most 1 GiB, stays free."""
        return max(0, self.free - min(_MOST_RESERVED, self.total // 20))


def free_memory() -> Room | None:
    """The memory this process may still use: the machine's, and that of its control group.

    Returns:
        The tighter of the two; None where the system does not say (no Linux).
    """
    rooms = _machine_memory() + _group_memory()
    return min(rooms, key=lambda room: room.usable) if rooms else None


def free_disk(folder: str) -> Room | None:
    """The room for files of this user in a folder, quotas aside; None if it cannot be asked."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def _machine_memory() -> list[Room]:
    values = dict(line.split(":", 1) for line in _lines("/proc/meminfo") if ":" in line)
    try:
        free, total = (1024 * int(values[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    except (KeyError, ValueError, IndexError):
        return []
    return [Room(free, total)]


def _group_memory() -> list[Room]:
    """The limits of all control groups this process is in, inner and outer."""
    rooms = []
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers not in _CGROUP_ROOTS:
            continue
        roots, limit_name, used_name = _CGROUP_ROOTS[controllers]
        for root in roots:
            # In a container the path may be that of the host; its root is then ours.
            folder = os.path.normpath(root + path)
            while folder.startswith(root):
                rooms += _limit_of(folder, limit_name, used_name)
                folder = os.path.dirname(folder)
    return rooms


def _limit_of(folder: str, limit_name: str, used_name: str) -> list[Room]:
    limit, used = (_number(os.path.join(folder, name)) for name in (limit_name, used_name))
    # v1 says "no limit" by a number near 2**63, v2 by "max".
    if limit is None or used is None or limit >= 1 << 60:
        return []
    stat = dict(line.split() for line in _lines(os.path.join(folder, "memory.stat")))
    reclaimable = next((int(stat[name]) for name in _RECLAIMABLE if name in stat), 0)
    return [Room(max(0, limit - max(0, used - reclaimable)), limit)]


def _lines(path: str) -> list[str]:
    """The lines of a file, none where it cannot be read: not every system has it."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _number(path: str) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def readable(size: int) -> str:
    """A size for people, in powers of 1000: "3.8 GB"."""
    if size < 1000:
        return f"{size} B"
    power = min(4, (len(str(size)) - 1) // 3)
    return f"{size / 1000**power:.1f} {('KB', 'MB', 'GB', 'TB')[power - 1]}"
