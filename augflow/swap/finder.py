"""Import hook: modules of Keras that have ``ImageDataGenerator`` get another one.

Nothing is imported before the script does it: a module is changed right after Python has run it,
so whoever imports from it afterwards, Keras's own modules included, gets what was put there.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

# Keras 3 and 2, alone and in TensorFlow, of all their releases.
_IMAGE_MODULE = re.compile(
    r"(?:keras|tf_keras|tensorflow)(?:\.\w+)*\.preprocessing\.image|keras_preprocessing\.image"
)
# Modules that were removed, or whose package nobody has any more, and the packages around them.
_GONE = (
    "tensorflow.python.keras.preprocessing.image",
    "keras.legacy.preprocessing.image",
    "keras.src.preprocessing.image",
    "keras_preprocessing.image",
)
_GONE_PACKAGES = tuple(name.rpartition(".")[0] for name in _GONE)
# What does the same in Keras 3 as ever: a script that imports it has it.
_KEPT = frozenset({"array_to_img", "img_to_array", "load_img", "save_img"})


class SwapFinder(importlib.abc.MetaPathFinder):
    """Stands in front of the other finders.

    Args:
        ours: gives the module whose names (``__all__``) take the place of Keras's.
    """

    def __init__(self, ours: Callable[[], ModuleType]) -> None:
        self._ours = ours

    def install(self) -> None:
        """Take up work, for modules that are imported already, too."""
        sys.meta_path.insert(0, self)
        for name, module in list(sys.modules.items()):
            if _IMAGE_MODULE.fullmatch(name):
                self.fill(module)

    def remove(self) -> None:
        """Stop; modules that were changed stay so."""
        sys.meta_path.remove(self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module that is to be changed; None for all others."""
        is_image = _IMAGE_MODULE.fullmatch(fullname) is not None
        if not is_image and fullname not in _GONE_PACKAGES:
            return None
        found = self._of_others(fullname, path, target)
        if found is None:
            if fullname not in (*_GONE, *_GONE_PACKAGES):
                return None
            loader = _StandIn(self.fill if is_image else None)
            return importlib.util.spec_from_loader(fullname, loader, is_package=not is_image)
        if is_image and found.loader is not None:
            found.loader = _Loader(found.loader, self.fill)
        return found

    def fill(self, module: ModuleType) -> None:
        """Put our names into a module, in the place of those that it has."""
        ours = self._ours()
        for name in ours.__all__:
            if name not in _KEPT or not hasattr(module, name):
                setattr(module, name, getattr(ours, name))

    def _of_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self:
                found = finder.find_spec(name, path, target)
                if found is not None:
                    return found
        return None


class _Loader(importlib.abc.Loader):
    """A loader that changes its module once it has run."""

    def __init__(self, loader: Any, fill: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._fill = fill

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._fill(module)

    def __getattr__(self, name: str) -> Any:
        # Sources and resources, which tracebacks and packages ask for.
        return getattr(self._loader, name)


class _StandIn(importlib.abc.Loader):
    """A module that has nothing but what is put into it."""

    def __init__(self, fill: Callable[[ModuleType], None] | None) -> None:
        self._fill = fill

    def exec_module(self, module: ModuleType) -> None:
        if self._fill is not None:
            self._fill(module)
