"""Whether a module has been loaded anew, as notebooks do after an edit (``importlib.reload``).

Workers import a module once and would go on with its old functions.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Reloads:
    """Remembers which load of each of the user's modules it has seen first."""

    def __init__(self) -> None:
        self._seen = _loads()

    def happened(self) -> bool:
        """Whether one of these modules has been loaded again since. Takes note of new ones."""
        loads = _loads()
        seen = self._seen
        self._seen = loads | seen
        return any(seen.get(name, load) is not load for name, load in loads.items())


def _loads() -> dict[str, Any]:
    """For each module that is a file of the user, what each load makes anew: its spec."""
    loads = {}
    for name, module in list(sys.modules.items()):
        # Not by getattr: modules that load parts of themselves on demand would do so.
        spec = getattr(module, "__dict__", {}).get("__spec__")
        origin = getattr(spec, "origin", None)
        if isinstance(origin, str) and origin.endswith(".py") and _is_users(origin):
            loads[name] = spec
    return loads


def _is_users(path: str) -> bool:
    if any(part in path for part in _INSTALLED):
        return False
    return not path.startswith(_LIBRARIES)
