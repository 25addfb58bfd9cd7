"""How many files this process may still open.

Each piece of shared memory takes a descriptor, that of its mapping, and a consumer may hold many.
Without the last ones nobody can open a file or start a process.
"""

from __future__ import annotations

import errno
import math
import os
import sys

# Above this share of the limit consumers get copies, and above the second no piece more is made.
_SCARCE = 0.5
_EXHAUSTED = 0.75

# As counted when the last piece was made; known beforehand, since each batch asks.
_open = 0
_scarce_from = math.inf


def check_descriptors() -> None:
    """Count descriptors, and raise before the last ones are taken.

    Raises:
        OSError: EMFILE, too many open files.
    """
    global _open, _scarce_from
    limit = _limit()
    _open, _scarce_from = _count(), _SCARCE * limit
    if _open >= _EXHAUSTED * limit:
        raise OSError(
            errno.EMFILE,
            f"{_open} of {limit:.0f} file descriptors are taken; close() flows that are not needed "
            "any more, or raise the limit: ulimit -n",
        )


def descriptors_are_scarce() -> bool:
    """Whether shared memory should not be given away. Counts only where it was so before."""
    global _open
    if _open >= _scarce_from:
        _open = _count()
    return _open >= _scarce_from


def _limit() -> float:
    try:
        import resource
    except ImportError:
        # Windows counts no descriptors.
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def _count() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder))
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return sys.maxsize
            # The other system's folder.
            continue
    return 0
