"""Random generators that a user's functions hold, seeded anew for each sample.

A worker gets a copy of every function, with a copy of each generator in it: left alone, all
workers would draw the same numbers. So the states of all of them are set for each sample, from
(seed, epoch, sample), in whatever process it is built, and the caller's own generators are as they
were afterwards.
"""

from __future__ import annotations

import hashlib
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from augflow.base.interrupts import InterruptsDeferred
from augflow.order.streams import SampleSeeds, borrowed_global


class Held(ABC):
    """One generator, whatever library it is of.

    Args:
        generator: to be seeded.
        path: where it was found, from the function on: the same in every process.
    """

    def __init__(self, generator: Any, path: str) -> None:
        self.generator = generator
        self.path = path

    def seed(self, seeds: SampleSeeds, place: int) -> None:
        """Set the state for one sample."""
        number = seeds.global_seed(place).to_bytes(4, "little")
        digest = hashlib.blake2b(self.path.encode(), digest_size=8, key=number).digest()
        self.set_seed(int.from_bytes(digest, "little"))

    @abstractmethod
    def set_seed(self, seed: int) -> None:
        """Set the state from an int in [0, 2**64)."""

    @abstractmethod
    def state(self) -> Any:
        """What ``restore`` takes."""

    @abstractmethod
    def restore(self, state: Any) -> None:
        """Set a state that there was before."""


class HeldNumPy(Held):
    """A ``numpy.random.BitGenerator``, as each ``numpy.random.Generator`` has one."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.state = type(self.generator)(seed).state

    def state(self) -> Any:
        """See ``Held``."""
        return self.generator.state

    def restore(self, state: Any) -> None:
        """See ``Held``."""
        self.generator.state = state


class HeldLegacyNumPy(Held):
    """A ``numpy.random.RandomState``."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.seed(seed % 2**32)

    def state(self) -> Any:
        """See ``Held``."""
        return self.generator.get_state(legacy=False)

    def restore(self, state: Any) -> None:
        """See ``Held``."""
        self.generator.set_state(state)


class HeldPython(Held):
    """A ``random.Random``, also that of the module ``random``."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.seed(seed)

    def state(self) -> Any:
        """See ``Held``."""
        return self.generator.getstate()

    def restore(self, state: Any) -> None:
        """See ``Held``."""
        self.generator.setstate(state)


class HeldTorch(Held):
    """A ``torch.Generator``, also torch's default one."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.manual_seed(seed % 2**63)

    def state(self) -> Any:
        """See ``Held``."""
        return self.generator.get_state()

    def restore(self, state: Any) -> None:
        """See ``Held``."""
        self.generator.set_state(state)


class HeldTensorFlow(Held):
    """A ``tf.random.Generator``."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.reset_from_seed(seed % 2**63)

    def state(self) -> Any:
        """See ``Held``."""
        return self.generator.state.numpy()

    def restore(self, state: Any) -> None:
        """See ``Held``."""
        self.generator.state.assign(state)


class HeldTensorFlowDefault(Held):
    """The module ``tf.random``, for functions such as ``tf.image.random_hue``."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.set_seed(seed % 2**31)

    def state(self) -> Any:
        """Nothing: TensorFlow does not give it away."""
        return None

    def restore(self, state: Any) -> None:
        """TensorFlow's default generator stays seeded for the last sample."""


class HeldKeras(Held):
    """A ``keras.random.SeedGenerator``, as layers have that draw."""

    def set_seed(self, seed: int) -> None:
        """See ``Held``."""
        self.generator.state.assign([seed % 2**31, 0])

    def state(self) -> Any:
        """See ``Held``."""
        return np.asarray(self.generator.state)

    def restore(self, state: Any) -> None:
        """See ``Held``."""
        self.generator.state.assign(state)


def held(value: Any, path: str) -> Held | None:
    """A value as something to be seeded; None for what is no random generator.

    Frameworks are not imported to find out: whose generator is there has been imported.
    """
    if isinstance(value, np.random.Generator):
        return HeldNumPy(value.bit_generator, path)
    if isinstance(value, np.random.BitGenerator):
        return HeldNumPy(value, path)
    if isinstance(value, np.random.RandomState):
        return HeldLegacyNumPy(value, path)
    if isinstance(value, random.Random):
        return None if isinstance(value, random.SystemRandom) else HeldPython(value, path)
    kind = type(value)
    # Of Cython's functions it is no text.
    framework, name = str(kind.__module__).partition(".")[0], kind.__name__
    if framework == "torch" and name == "Generator":
        return HeldTorch(value, path)
    if framework == "tensorflow" and name == "Generator":
        return HeldTensorFlow(value, path)
    if framework == "keras" and name == "SeedGenerator":
        return HeldKeras(value, path)
    return None


def held_default(module: str) -> Held | None:
    """The generator that the functions of a module draw from; None for one without such."""
    loaded: Any = sys.modules.get(module)
    if loaded is None:
        return None
    if module == "random":
        return HeldPython(loaded._inst, module)
    if module == "torch":
        return HeldTorch(loaded.default_generator, module)
    if module == "tensorflow":
        return HeldTensorFlowDefault(loaded.random, module)
    return None


class HeldGenerators:
    """All that a plan's functions hold.

    Args:
        found: each once.
        beyond_reach: where there are some that take no seed.
        frameworks: that the functions bring along, such as "tensorflow".
    """

    def __init__(
        self, found: list[Held], beyond_reach: list[str], frameworks: Iterable[str] = ()
    ) -> None:
        self._found = found
        self.beyond_reach = beyond_reach
        self.frameworks = frozenset(frameworks)

    def all_beyond_reach(self) -> HeldGenerators:
        """The same, where no sample is built by itself and so none can be seeded for."""
        paths = [*(each.path for each in self._found), *self.beyond_reach]
        return HeldGenerators([], paths, self.frameworks)

    def seed(self, seeds: SampleSeeds | None, place: int) -> None:
        """Set the states for one sample; ``seeds`` None: leave them as they are."""
        if seeds is not None:
            for each in self._found:
                each.seed(seeds, place)

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Let the states be set, and put back in the end what they were. One thread at a time."""
        if not self._found:
            yield
            return
        with borrowed_global():
            before = [each.state() for each in self._found]
            try:
                yield
            finally:
                with InterruptsDeferred():
                    for each, state in zip(self._found, before, strict=True):
                        each.restore(state)


NO_GENERATORS = HeldGenerators([], [])
