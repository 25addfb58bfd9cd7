"""``flow.map``: a function of a whole batch, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import augflow
from augflow import ImageDataGenerator
from tests.flow_world import force_workers, signatures, table_of, take, write_folder

SIZE = {"target_size": (20, 24), "batch_size": 8, "verbose": False, "seed": 1}
HELD = np.random.default_rng(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("map") / "photos")


def directory(folder: Path, workers: int = 0, **changes: Any) -> Any:
    generator = ImageDataGenerator(rotation_range=40, rescale=1 / 255, workers=workers)
    return generator.flow_from_directory(folder, **SIZE | changes)


def noisy(x: Any, y: Any, rng: np.random.Generator) -> Any:
    """Draws from all that it can reach."""
    noise = rng.normal(0, 1, x.shape) + np.random.normal() + HELD.normal()
    return x + noise, y


def other_shapes(x: Any, y: Any, rng: np.random.Generator) -> Any:
    return {"image": x[:, ::2].astype("float16"), "mean": x.mean(axis=(1, 2, 3))}, [y, y[:, 0] > 0]


@pytest.mark.parametrize(
    ("function", "workers"),
    [
        (noisy, [2]),
        pytest.param(noisy, [1, 5], marks=pytest.mark.heavy),
        pytest.param(other_shapes, [1, 2, 5], marks=pytest.mark.heavy),
        pytest.param(augflow.mixup(), [1, 2, 5], marks=pytest.mark.heavy),
        pytest.param(augflow.cutmix(), [2], marks=pytest.mark.heavy),
    ],
)
def test_any_number_of_workers_gives_the_same(
    function: Any, workers: list[int], folder: Path
) -> None:
    def batches(count: int) -> list[Any]:
        with directory(folder, count).map(function) as flow:
            return [flat(batch) for batch in take(flow, len(flow) + 2)]

    expected = signatures(batches(0))
    assert len({str(each) for each in expected}) == len(expected)
    for count in workers:
        assert signatures(batches(count)) == expected


def flat(batch: Any) -> Any:
    """A batch without dicts."""
    if isinstance(batch, dict):
        return tuple(flat(value) for value in batch.values())
    return tuple(map(flat, batch)) if isinstance(batch, list | tuple) else batch


def test_the_function_gets_the_batch_that_would_have_come(folder: Path) -> None:
    for settings in ({}, {"class_mode": "sparse"}, {"class_mode": None}, {"class_mode": "input"}):
        plain = directory(folder, **settings)
        flow = directory(folder, **settings).map(lambda x, y, rng: (x * 2, y))
        for _ in range(4):
            expected, got = next(plain), next(flow)
            if isinstance(expected, tuple):
                assert np.array_equal(got[0], expected[0] * 2)
                assert np.array_equal(got[1], expected[1])
            else:
                assert np.array_equal(got, expected * 2)
    by_index = directory(folder).map(noisy)
    assert np.array_equal(by_index[2][0], take(directory(folder).map(noisy), 3)[2][0])


def test_maps_follow_each_other_and_leave_the_first_flow_alone(folder: Path) -> None:
    plain = directory(folder)
    doubled = plain.map(lambda x, y, rng: (x * 2, y))
    both = doubled.map(lambda x, y, rng: (x + 1, y))
    one, two, three = next(plain)[0], next(doubled)[0], next(both)[0]
    assert np.array_equal(two, one * 2) and np.array_equal(three, two + 1)
    drawn = directory(folder).map(noisy).map(noisy)
    once, twice = next(directory(folder).map(noisy))[0], next(drawn)[0]
    assert not np.allclose(twice - once, once - one)


def test_weights_and_other_inputs(folder: Path) -> None:
    def flow(**settings: Any) -> Any:
        generator = ImageDataGenerator(workers=0)
        return generator.flow_from_dataframe(table_of(folder), folder, **SIZE | settings)

    settings = {"weight_col": "weight", "extra_cols": ["id"]}
    plain, mapped = (
        next(flow(**settings)),
        next(flow(**settings).map(lambda x, y, rng: ((x[0] / 2, x[1]), y))),
    )
    assert np.array_equal(mapped[0][0], plain[0][0] / 2)
    for place in (1, 2):
        assert np.array_equal(mapped[place], plain[place])
    alone = flow(extra_cols=["id"], class_mode=None).map(lambda x, y, rng: ((x[0], x[1] + 1), y))
    assert isinstance(next(alone), tuple) and len(next(alone)) == 1


def test_broken_files_are_left_out_before(tmp_path: Path) -> None:
    broken = write_folder(tmp_path / "photos")
    for name in ("00.png", "05.jpg"):
        (broken / "cat" / name).write_bytes(b"no image")
    seen: list[int] = []

    def note(x: Any, y: Any, rng: np.random.Generator) -> Any:
        seen.append(len(x))
        return x * 2, y

    settings = {"on_error": "skip", "shuffle": False}
    plain, flow = directory(broken, **settings), directory(broken, **settings).map(note)
    with pytest.warns(UserWarning, match="left out"):
        for expected, got in zip(take(plain, 3), take(flow, 3), strict=True):
            assert np.array_equal(expected[0] * 2, got[0])
            assert np.array_equal(expected[1], got[1])
    assert seen[1:] == [6, 8, 3] and len(flow.bad_files) == 2
    single = directory(broken, batch_size=1, **settings | {"shuffle": True}).map(note)
    with pytest.warns(UserWarning, match="left out"):
        assert len(take(single, 19)) == 19


MAKERS: dict[str, Callable[[Path], Any]] = {
    "array": lambda folder: ImageDataGenerator(workers=2, rotation_range=9).flow(
        np.random.default_rng(0).random((20, 8, 8, 3)), np.arange(20.0), batch_size=8, seed=1
    ),
    "loader": lambda folder: augflow.flow_from_loader(
        lambda number: np.full(3, number, "float32"), range(20), np.arange(20.0), batch_size=8,
        seed=1, workers=0,
    ),
    "arrays": lambda folder: augflow.flow_from_arrays(
        np.arange(20.0), np.arange(20.0), batch_size=8, seed=1
    ),
    "csv": lambda folder: augflow.flow_from_csv(
        rows_in(folder), ["a"], "b", batch_size=8, seed=1, shuffle=True, workers=0
    ),
    "save_to_dir": lambda folder: directory(folder, save_to_dir=str(folder)),
}  # fmt: skip


def rows_in(folder: Path) -> Path:
    file = folder.parent / "rows.csv"
    if not file.exists():
        pd.DataFrame({"a": range(20), "b": range(20)}).to_csv(file, index=False)
    return file


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_of_flow(kind: str, folder: Path, tmp_path: Path) -> None:
    if kind == "save_to_dir":
        folder = write_folder(tmp_path / "photos")

    def shifted(x: Any, y: Any, rng: np.random.Generator) -> Any:
        return x + rng.random(), y

    make = MAKERS[kind]
    plain, first, again = make(folder), make(folder).map(shifted), make(folder).map(shifted)
    if kind == "array":
        force_workers(again)
    moves = []
    for one, two, three in zip(take(plain, 4), take(first, 4), take(again, 4), strict=True):
        assert np.array_equal(two[0], three[0]) and np.array_equal(two[1], one[1])
        difference = two[0] - one[0]
        assert np.allclose(difference, difference.ravel()[0], atol=1e-5)
        moves.append(float(difference.ravel()[0]))
    assert len(set(moves)) == 4


def test_changed_settings_are_taken_up(folder: Path) -> None:
    flow = directory(folder).map(lambda x, y, rng: (x * 2, y))
    next(flow)
    flow.target_size = (10, 12)
    flow.image_shape = (10, 12, 3)
    assert next(flow)[0].shape == (8, 10, 12, 3)


def test_explain_has_the_mapped_batch(folder: Path) -> None:
    flow = directory(folder).map(noisy)
    images = next(flow)[0]
    assert np.array_equal(flow.explain(row=2).inputs, images[2])
    assert flow.explain(row=2).parameters is not None
    assert repr(flow).startswith("<DirectoryIterator: 19 images")


def test_mixup_is_the_formula() -> None:
    x = np.random.default_rng(0).random((64, 4, 4, 3)).astype("float32")
    y = np.eye(8, dtype="float32")[np.arange(64) % 8]
    mixed, targets = augflow.mixup(0.4)(x.copy(), y.copy(), np.random.default_rng(5))
    rng = np.random.default_rng(5)
    partner, share = rng.permutation(64), rng.beta(0.4, 0.4, 64)
    for row in range(64):
        wanted = share[row] * x[row] + (1 - share[row]) * x[partner[row]]
        assert np.allclose(mixed[row], wanted, atol=1e-6)
        wanted = share[row] * y[row] + (1 - share[row]) * y[partner[row]]
        assert np.allclose(targets[row], wanted, atol=1e-6)
    assert mixed.dtype == targets.dtype == np.float32


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_cutmix_mixes_targets_by_the_area(data_format: str) -> None:
    numbers = np.arange(32, dtype="float32")
    x = np.tile(numbers.reshape(-1, 1, 1, 1), (1, 10, 20, 3))
    x = x if data_format == "channels_last" else np.moveaxis(x, 3, 1)
    y = np.eye(32, dtype="float32")
    function = augflow.cutmix(data_format=data_format)
    mixed, targets = function(x.copy(), y, np.random.default_rng(5))
    cut = 0
    for row in range(32):
        values, counts = np.unique(mixed[row], return_counts=True)
        shares = dict(zip(values.astype(int).tolist(), (counts / 600).tolist(), strict=True))
        wanted = np.array([shares.get(number, 0.0) for number in range(32)])
        assert np.allclose(targets[row], wanted, atol=1e-6)
        cut += len(values) == 2
    assert cut > 16
    # A rectangle: the other image's pixels fill the box around them.
    image = mixed[0] if data_format == "channels_last" else np.moveaxis(mixed[0], 0, 2)
    rows, columns, _ = np.nonzero(image)
    if len(rows):
        inside = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (inside != 0).all()


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (3, TypeError, "must be a function.*Received: 3"),
        (lambda x, y, rng: x, TypeError, "must return a pair.*ndarray"),
        (lambda x, y, rng: (x[:1], y), ValueError, "one row a sample"),
        (lambda x, y, rng: (x, 3.0), ValueError, "one row a sample"),
        (lambda x, y, rng: 1 / 0, ZeroDivisionError, "zero"),
    ],
)
def test_functions_that_cannot_be_used(
    function: Any, error: type[Exception], message: str, folder: Path
) -> None:
    with pytest.raises(error, match=message):
        next(directory(folder).map(function))


def test_batches_of_other_shapes_are_an_error(folder: Path) -> None:
    def odd(x: Any, y: Any, rng: np.random.Generator) -> Any:
        return x[:, : 8 + len(x)], y

    with pytest.raises(ValueError, match="the same arrays of every batch"):
        next(directory(folder).map(odd))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: augflow.mixup(0), ValueError, "above 0. Received: 0"),
        (lambda: augflow.mixup("a"), TypeError, "alpha"),
        (lambda: augflow.cutmix(-1.0), ValueError, "above 0"),
        (lambda: augflow.cutmix(1.0, "last"), ValueError, "Received: 'last'"),
    ],
)
def test_mixing_by_what_is_no_share(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_class_numbers_cannot_be_mixed(folder: Path) -> None:
    x = np.zeros((4, 3, 3, 1), "float32")
    with pytest.raises(TypeError, match="targets of dtype int64"):
        augflow.mixup()(x, np.arange(4), np.random.default_rng(0))
    with pytest.raises(TypeError, match="a dict of"):
        augflow.mixup()(x, {"boxes": x}, np.random.default_rng(0))
    with pytest.raises(TypeError, match="one array of floats"):
        augflow.mixup()([x, x], None, np.random.default_rng(0))
    with pytest.raises(ValueError, match='class_mode="sparse"'):
        directory(folder, class_mode="sparse").map(augflow.mixup())


@pytest.mark.heavy
def test_fit_takes_mixed_batches(folder: Path) -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((20, 24, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    )
    model.compile("adam", "categorical_crossentropy")
    with directory(folder, workers=2).map(augflow.mixup()) as flow:
        history = model.fit(flow, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
