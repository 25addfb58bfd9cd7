"""Random generators in a user's functions: each sample's numbers are its own, in any process."""

from __future__ import annotations

import functools
import random
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augflow import ImageDataGenerator, flow_from_csv, flow_from_loader
from augflow.batch.sample_plan import SamplePlan
from augflow.flow.from_source import SourceFlow
from augflow.flow.source import Source
from augflow.memory.layout import Field, Layout
from augflow.order.find_generators import find_generators
from augflow.order.streams import SampleSeeds
from tests.flow_world import force_workers, numbered_images, table_of, write_folder

RNG = np.random.default_rng(0)
OTHER = np.random.default_rng(0)
LEGACY = np.random.RandomState(3)
PYTHON = random.Random(1)
BITS = np.random.Philox(2)


class Holder:
    def __init__(self) -> None:
        self.nested = {"rng": [np.random.default_rng(5)]}

    def __call__(self) -> float:
        return self.nested["rng"][0].random()

    def method(self) -> float:
        return self()


class Slotted:
    __slots__ = ("rng",)

    def __init__(self) -> None:
        self.rng = np.random.default_rng(6)

    def draw(self) -> float:
        return self.rng.random()


class NamesAGlobal:
    def draw(self) -> float:
        return RNG.random()


def closure() -> Callable[[], float]:
    rng = np.random.default_rng(7)
    return lambda: rng.random()


def of_a_default(rng: np.random.Generator = np.random.default_rng(8)) -> float:  # noqa: B008
    return rng.random()


def calls_another() -> float:
    return of_a_default() + LEGACY.uniform()


def of_a_nested_function() -> float:
    def inner() -> float:
        return RNG.random()

    return inner()


@functools.lru_cache(maxsize=0)
def wrapped() -> float:
    return RNG.random()


DRAWS: dict[str, Callable[[], float]] = {
    "a global Generator": lambda: RNG.random(),
    "two of the same seed": lambda: RNG.random() + 1000 * OTHER.random(),
    "RandomState": lambda: LEGACY.uniform(),
    "random.Random": lambda: PYTHON.random(),
    "a BitGenerator": lambda: np.random.Generator(BITS).random(),
    "the module random": lambda: random.random(),
    "a function of random": functools.partial(random.uniform, 0, 1),
    "a bound method": RNG.random,
    "an object": Holder(),
    "its method": Holder().method,
    "slots": Slotted().draw,
    "a method that names a global": NamesAGlobal().draw,
    "a closure": closure(),
    "a default": of_a_default,
    "a function that calls another": calls_another,
    "a nested function": of_a_nested_function,
    "a wrapped function": wrapped.__wrapped__,
    "a partial": functools.partial(lambda draw: draw(), draw=RNG.random),
}
each_draw = pytest.mark.parametrize("name", DRAWS)


def seeds(*samples: int) -> SampleSeeds:
    return SampleSeeds(1, 0, list(samples))


@each_draw
def test_numbers_belong_to_the_sample(name: str) -> None:
    draw = DRAWS[name]
    held = find_generators([("draw", draw)])
    before = draw()
    with held.borrowed():
        values = []
        for place in (0, 1, 0):
            held.seed(seeds(4, 5), place)
            values.append(draw())
        held.seed(SampleSeeds(1, 3, [4]), 0)
        of_another_epoch = draw()
    assert values[0] == values[2]
    assert len({*values, of_another_epoch, before}) == 4


@each_draw
def test_the_users_own_go_on_as_if_nothing_had_been(name: str) -> None:
    draw = DRAWS[name]
    held = find_generators([("draw", draw)])
    with held.borrowed():
        expected = draw()
    with held.borrowed():
        held.seed(seeds(4), 0)
        draw()
    with held.borrowed():
        assert draw() == expected


def test_two_of_the_same_state_draw_different_numbers() -> None:
    held = find_generators([("draw", DRAWS["two of the same seed"])])
    with held.borrowed():
        held.seed(seeds(4), 0)
        assert RNG.random() != OTHER.random()


def test_a_module_of_the_users_is_looked_into(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "users_noise.py").write_text(
        "import numpy as np\nrng = np.random.default_rng(0)\ndef draw():\n    return rng.random()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import users_noise  # type: ignore[import-not-found]

    for function in (
        users_noise.draw,
        lambda: users_noise.draw(),
        lambda: users_noise.rng.random(),
    ):
        held = find_generators([("function", function)])
        with held.borrowed():
            held.seed(seeds(4), 0)
            first = function()
            held.seed(seeds(4), 0)
            assert function() == first
    # Not by monkeypatch, which would put it back.
    del sys.modules["users_noise"]


def test_frameworks_that_come_along(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "tensorflow.py").write_text("")
    (tmp_path / "users_heavy.py").write_text(
        "import tensorflow\ndef load(path):\n    return path\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    import users_heavy  # type: ignore[import-not-found]

    assert find_generators([("load", users_heavy.load)]).frameworks == {"tensorflow"}
    assert find_generators([("load", lambda path: users_heavy.load(path))]).frameworks
    assert not find_generators([("load", lambda path: path)]).frameworks
    for name in ("users_heavy", "tensorflow"):
        del sys.modules[name]


def test_nothing_is_found_where_nothing_is() -> None:
    large = list(range(10**6))
    held = find_generators(
        [("function", lambda image: image + len(large)), ("none", None), ("module", types)]
    )
    with held.borrowed():
        held.seed(seeds(4), 0)
    assert held._found == [] and held.beyond_reach == []


def test_circles_end() -> None:
    first: dict[str, Any] = {}
    first["self"] = first
    first["rng"] = RNG
    assert len(find_generators([("first", first)])._found) == 1


def test_what_takes_no_seed_is_named() -> None:
    system = random.SystemRandom()
    assert find_generators([("load", lambda: system.random())]).beyond_reach == ["load.system"]


# Whole flows.


def noise(name: str, image: np.ndarray) -> np.ndarray:
    return image * 0 + np.float32(DRAWS[name]())


def read_noise(path: str) -> np.ndarray:
    return RNG.integers(256, size=(9, 9, 3)).astype("uint8")


def random_mask(path: str) -> np.ndarray:
    with Image.open(path) as image:
        width, height = image.size
    return RNG.integers(200, size=(height, width)).astype("uint8")


@dataclass(frozen=True)
class NoisePlan(SamplePlan):
    draw: Callable[[], float]
    layout = Layout((Field((), "<f8"),))

    def write(self, job: Any, place: int, arrays: list[np.ndarray], clock: Any) -> None:
        arrays[0][job.start + place] = self.draw()


class NoiseSource(Source):
    def __len__(self) -> int:
        return 19

    def plan(self) -> NoisePlan:
        return NoisePlan(RNG.random)

    def names(self, indices: np.ndarray) -> list[int]:
        return indices.tolist()

    def output(self, arrays: list[np.ndarray], indices: np.ndarray) -> Any:
        return arrays[0], indices


class OwnGenerator(ImageDataGenerator):
    def standardize(self, x: Any) -> Any:
        return x * 0 + RNG.random()


def of_images(folder: Path, workers: int, **settings: Any) -> Any:
    generator = settings.pop("generator", ImageDataGenerator)(workers=workers, **settings)
    return generator.flow_from_directory(folder, target_size=(4, 4), batch_size=4, seed=1)


FLOWS: dict[str, Callable[[Path, int], Any]] = {
    "preprocessing_function": lambda folder, workers: of_images(
        folder, workers, preprocessing_function=functools.partial(noise, "a global Generator")
    ),
    "dataframe": lambda folder, workers: ImageDataGenerator(
        workers=workers, preprocessing_function=functools.partial(noise, "RandomState")
    ).flow_from_dataframe(table_of(folder), folder, target_size=(4, 4), batch_size=4, seed=1),
    "cache": lambda folder, workers: ImageDataGenerator(
        workers=workers, preprocessing_function=functools.partial(noise, "random.Random")
    ).flow_from_directory(folder, target_size=(4, 4), batch_size=4, seed=1, cache="ram"),
    "arrays": lambda folder, workers: force_workers(
        ImageDataGenerator(
            workers=workers, preprocessing_function=functools.partial(noise, "a closure")
        ).flow(numbered_images(19), np.arange(19), batch_size=4, seed=1)
    ),
    "masks": lambda folder, workers: ImageDataGenerator(workers=workers).flow_from_directory(
        folder,
        mask_directory=folder,
        mask_loader=random_mask,
        target_size=(4, 4),
        batch_size=4,
        seed=1,
    ),
    "a source": lambda folder, workers: SourceFlow(NoiseSource(), 4, seed=1, workers=workers),
    "augmentation": lambda folder, workers: of_images(
        folder, workers, augmentation=lambda image, rng: image * 0 + RNG.integers(256)
    ),
    "methods": lambda folder, workers: of_images(folder, workers, generator=OwnGenerator),
    "formats": lambda folder, workers: ImageDataGenerator(workers=workers).flow_from_directory(
        folder,
        formats=dict.fromkeys([".png", ".jpg"], read_noise),
        target_size=(4, 4),
        batch_size=4,
        seed=1,
    ),
    "loader": lambda folder, workers: flow_from_loader(
        lambda number: np.array([PYTHON.random(), RNG.random(), random.random()]),
        range(30),
        np.arange(30),
        batch_size=4,
        seed=1,
        workers=workers,
    ),
}


@pytest.mark.parametrize("kind", FLOWS)
def test_flows_are_the_same_for_any_number_of_workers(kind: str, tmp_path: Path) -> None:
    write_folder(tmp_path)
    drawn = 1 if kind == "masks" else 0
    with FLOWS[kind](tmp_path, 0) as flow:
        expected = [np.array(next(flow)[drawn]) for _ in range(2 * len(flow))]
    rows = [row.tobytes() for batch in expected for row in batch]
    assert len(set(rows)) > 0.9 * len(rows), "samples share their numbers"
    for workers in (1, 2):
        with FLOWS[kind](tmp_path, workers) as flow:
            for batch in expected:
                np.testing.assert_array_equal(next(flow)[drawn], batch)


def test_a_csv_flow_warns(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("word,y\n" + "a,1\n" * 20)
    flow = flow_from_csv(
        tmp_path / "words.csv",
        ["word"],
        "y",
        preprocess={"word": lambda words: RNG.random(len(words))},
        workers=0,
    )
    with pytest.warns(UserWarning, match=r"preprocess\['word'\]\.RNG.*not the same for any number"):
        next(flow)


@pytest.mark.heavy
def test_generators_of_frameworks() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    own = tensorflow.random.Generator.from_seed(1)
    layer = keras.layers.Dropout(0.5)
    draws: list[Callable[[], Any]] = [
        lambda: own.normal(()).numpy(),
        lambda: tensorflow.random.uniform(()).numpy(),
        lambda: np.asarray(layer(np.ones((1, 64)), training=True)).tobytes(),
    ]
    for draw in draws:
        held = find_generators([("draw", draw)])
        values = []
        with held.borrowed():
            for place in (0, 1, 0):
                held.seed(seeds(4, 5), place)
                values.append(draw())
        assert values[0] == values[2] != values[1]
