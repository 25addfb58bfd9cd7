"""augflow gives what Keras's own class gives, in one process, setting by setting."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

from augflow.images import array as array_iterator
from augflow.runtime.pool import WorkerPool
from tests.parity import images as parity_images
from tests.parity.compare import (
    Library,
    augflow_library,
    check_bytes,
    compare,
    keras_library,
    make_flow,
    make_generator,
    record,
)
from tests.parity.images import Images
from tests.parity.setting import AFFINE, FLIPS, Setting, make, noise
from tests.parity.settings import SETTINGS

BY_TITLE = {setting.title: setting for setting in SETTINGS}
# Every third setting, and all where a worker process has more to do than pixels.
WITH_WORKERS = [
    setting
    for number, setting in enumerate(SETTINGS)
    if number % 3 == 0 or setting.group == "preprocessing_function"
]


def titles(settings: list[Setting]) -> list[str]:
    return [setting.title for setting in settings]


@pytest.fixture(scope="session")
def images() -> Images:
    return parity_images.shared()


@pytest.fixture(scope="session")
def keras() -> Library:
    return keras_library()


@pytest.fixture(scope="session")
def augflow() -> Library:
    return augflow_library(workers=0)


def test_the_table_is_large_and_its_names_are_unique() -> None:
    assert len(BY_TITLE) == len(SETTINGS) >= 120
    assert len(WITH_WORKERS) >= len(SETTINGS) // 3


@pytest.mark.parametrize("setting", SETTINGS, ids=titles(SETTINGS))
def test_same_as_keras(setting: Setting, images: Images, keras: Library, augflow: Library) -> None:
    compare(setting, record(setting, keras, images), record(setting, augflow, images))


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks that worker processes are given. Small arrays, too, go to workers here.

    Without this, augflow builds small batches of arrays in the calling process whatever
    ``workers`` is, and a comparison of the two would compare a thing with itself.
    """
    given: list[Any] = []
    submit = WorkerPool.submit

    def watched(self: WorkerPool, pending: Any, part: Any, task: Any, workers: int) -> None:
        given.append(task)
        submit(self, pending, part, task, workers)

    monkeypatch.setattr(WorkerPool, "submit", watched)
    monkeypatch.setattr(array_iterator, "_WORTH_WORKERS_SECONDS", -1.0)
    monkeypatch.setattr(array_iterator, "_BATCHES_TIMED", 0)
    return given


@pytest.mark.parametrize("setting", WITH_WORKERS, ids=titles(WITH_WORKERS))
def test_same_bytes_from_two_workers(
    setting: Setting, images: Images, augflow: Library, tasks: list[Any]
) -> None:
    alone = record(setting, augflow, images)
    assert not tasks or setting.generator is None, "workers=0 must stay in this process"
    tasks.clear()
    check_bytes(alone, record(setting, augflow_library(workers=2), images))
    # Saved images are named by the stream that drew them, so they are made in this process.
    works_here = setting.arguments.get("save_to_dir") or not setting.epochs
    assert bool(tasks) is not bool(works_here)


def _one(kind: str, source: str, generator: dict[str, Any], **arguments: Any) -> Setting:
    return make(kind, "", "", source, generator, **arguments)


@pytest.mark.parametrize("kind", ["flow", "flow_from_directory"])
def test_augment_false_is_the_plain_generator(
    kind: str, images: Images, keras: Library, augflow: Library
) -> None:
    source = "rgb" if kind == "flow" else "classes"
    plain = _one(kind, source, {"rescale": 1 / 255}, grey_level=1 / 255)
    silent = _one(kind, source, {"rescale": 1 / 255, **AFFINE, **FLIPS}, augment=False)
    theirs, ours = record(plain, keras, images), record(silent, augflow, images)
    for recording in theirs + ours:
        recording.generator = {}
    compare(plain, theirs, ours)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("function", [None, noise], ids=["no function", "function that draws"])
@pytest.mark.parametrize("kind", ["flow", "flow_from_directory"])
def test_a_seed_leaves_the_global_generator_alone(
    kind: str, function: Any, workers: int, images: Images, tasks: list[Any]
) -> None:
    """Keras seeds NumPy's global generator anew for each batch; augflow must not."""
    source = "rgb" if kind == "flow" else "classes"
    setting = _one(kind, source, {"preprocessing_function": function, **AFFINE, **FLIPS})
    assert record(setting, keras_library(), images)[0].random_state_changed
    assert not record(setting, augflow_library(workers), images)[0].random_state_changed
    assert bool(tasks) is bool(workers)


def _batches(library: Library, images: Images, global_seed: int, count: int) -> list[Any]:
    setting = _one("flow", "rgb", {**AFFINE, **FLIPS}, seed=None)
    np.random.seed(global_seed)
    flow = make_flow(setting, make_generator(setting, library, images), library, images, "")
    return [next(flow) for _ in range(count)]


def test_without_a_seed_the_global_seed_decides(images: Images, augflow: Library) -> None:
    first, again = (_batches(augflow, images, 5, 4) for _ in range(2))
    other = _batches(augflow, images, 6, 4)
    assert [batch.tobytes() for batch in first] == [batch.tobytes() for batch in again]
    assert [batch.tobytes() for batch in first] != [batch.tobytes() for batch in other]


def test_without_a_seed_two_flows_differ(images: Images, augflow: Library) -> None:
    setting = _one("flow", "rgb", {**AFFINE, **FLIPS}, seed=None)
    generator = make_generator(setting, augflow, images)
    one, other = (next(make_flow(setting, generator, augflow, images, "")) for _ in range(2))
    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", ["DirectoryIterator", "DataFrameIterator", "NumpyArrayIterator"])
def test_an_overridden_batch_method_is_used(name: str, workers: int, images: Images) -> None:
    """The recipe copied around for other sources of images."""
    source = {"DirectoryIterator": "classes", "DataFrameIterator": "table"}.get(name, "rgb")
    setting = _one(name, source, FLIPS)
    results = []
    for library in (keras_library(), augflow_library(workers)):

        class Own(getattr(library.module, name)):  # type: ignore[misc]
            def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
                return index_array * 2, [int(self.n)] * len(index_array)

        class Module:
            ImageDataGenerator = library.module.ImageDataGenerator

        setattr(Module, name, Own)
        own = Library(Module, library.options)
        results.append(record(setting, own, images))
    compare(setting, *results)


@pytest.mark.parametrize(
    "name",
    [
        "ImageDataGenerator",
        "DirectoryIterator",
        "DataFrameIterator",
        "NumpyArrayIterator",
        "Iterator",
    ],
)
def test_constructors_take_the_same_arguments(name: str, keras: Library, augflow: Library) -> None:
    _check_signature(getattr(keras.module, name).__init__, getattr(augflow.module, name).__init__)


@pytest.mark.parametrize(
    "name",
    [
        "flow",
        "flow_from_directory",
        "flow_from_dataframe",
        "fit",
        "standardize",
        "random_transform",
        "get_random_transform",
        "apply_transform",
    ],
)
def test_methods_take_the_same_arguments(name: str, keras: Library, augflow: Library) -> None:
    _check_signature(
        getattr(keras.module.ImageDataGenerator, name),
        getattr(augflow.module.ImageDataGenerator, name),
    )


def _check_signature(keras: Any, ours: Any) -> None:
    """The same names in the same order with the same defaults; more only by keyword."""
    theirs, own = (
        [
            (parameter.name, parameter.default)
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        for function in (keras, ours)
    )
    assert own == theirs


def test_raw_words_come_as_a_numpy_array(images: Images, keras: Library, augflow: Library) -> None:
    """With pandas 3, Keras hands out a pandas array; its documentation says NumPy array."""
    setting = _one("flow_from_dataframe", "table", {}, class_mode="raw", y_col="class")
    theirs, ours = (record(setting, library, images)[0] for library in (keras, augflow))
    for (_, wanted), (_, got) in zip(
        (step[0] for step in theirs.steps), (step[0] for step in ours.steps), strict=True
    ):
        assert type(got) is np.ndarray and got.tolist() == list(wanted)


def test_augmented_validation_is_warned_about_once(images: Images, augflow: Library) -> None:
    assert len(_augment_warnings(images, augflow, {}, **AFFINE)) == 1


@pytest.mark.parametrize("augment", [True, False])
def test_no_warning_where_augment_is_given(augment: bool, images: Images, augflow: Library) -> None:
    assert _augment_warnings(images, augflow, {"augment": augment}, **AFFINE) == []


def test_no_warning_without_random_transforms(images: Images, augflow: Library) -> None:
    assert _augment_warnings(images, augflow, {}, rescale=1 / 255) == []


def _augment_warnings(
    images: Images, library: Library, arguments: dict[str, Any], **generator: Any
) -> list[str]:
    generator["validation_split"] = 0.4
    setting = _one("flow_from_directory", "two", generator, subset="validation", **arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flow = make_flow(setting, make_generator(setting, library, images), library, images, "")
        for _ in range(3):
            next(flow)
    return [str(entry.message) for entry in caught if "augment=" in str(entry.message)]
