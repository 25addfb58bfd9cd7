"""``augflow.statistics``: against NumPy on all samples at once, for any flow and any workers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import augflow
from augflow import ImageDataGenerator, flow_from_arrays, flow_from_csv, flow_from_loader
from augflow.report.statistics import MOST_CHANNELS, moments_of
from tests.flow_world import SIZE, numbered_images, take, write_folder

BOTH = pytest.mark.parametrize("workers", [0, 2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("statistics") / "all")


def check(found: Any, rows: np.ndarray) -> None:
    """Compare with NumPy, by the last axis where there is one."""
    flat = rows.reshape(-1, rows.shape[-1]) if rows.ndim > 1 else rows
    assert np.allclose(found.mean, flat.mean(axis=0, dtype=np.float64), rtol=1e-9, atol=1e-12)
    assert np.allclose(found.deviation, flat.astype(np.float64).std(axis=0), rtol=1e-7, atol=1e-9)
    assert np.array_equal(found.minimum, flat.min(axis=0).astype(np.float64))
    assert np.array_equal(found.maximum, flat.max(axis=0).astype(np.float64))
    assert found.mean.shape == flat.shape[1:] and found.mean.dtype == np.float64
    assert found.values == rows.size and found.missing == 0
    assert found.shapes == {rows.shape[1:]: len(rows)} and found.dtype == rows.dtype
    assert np.allclose(found.total.mean, rows.mean(dtype=np.float64))
    assert np.allclose(found.total.deviation, rows.astype(np.float64).std())


numbers = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=60)
@given(
    rows=arrays_of.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 4)),
                          elements=numbers),
    cuts=st.lists(st.integers(0, 30), max_size=4),
)  # fmt: skip
def test_moments_of_parts_are_those_of_the_whole(rows: np.ndarray, cuts: list[int]) -> None:
    parts = np.split(rows, sorted(min(cut, len(rows)) for cut in cuts))
    merged = moments_of(parts[0])
    for part in parts[1:]:
        merged = merged.merged(moments_of(part))
    exact = rows.astype(np.float64)
    assert np.array_equal(merged.number, np.full(rows.shape[1], len(rows)))
    assert np.allclose(merged.mean, exact.mean(axis=0), rtol=1e-9, atol=1e-6)
    assert np.allclose(merged.squares / len(rows), exact.var(axis=0), rtol=1e-6, atol=1e-3)


def test_large_numbers_lose_no_digits() -> None:
    rows = 1e9 + np.random.default_rng(0).normal(size=(5000, 2))
    found = augflow.statistics(flow_from_arrays(rows, batch_size=7)).arrays["inputs"]
    assert np.allclose(found.deviation, rows.std(axis=0), rtol=1e-6)
    single = np.full((100_000, 1), 0.1, "float32")
    found = augflow.statistics(flow_from_arrays(single, batch_size=100)).arrays["inputs"]
    assert found.mean == np.float64(np.float32(0.1)) and found.deviation == 0


def test_arrays_dicts_and_what_is_left_over() -> None:
    stream = np.random.default_rng(1)
    inputs = {"image": stream.integers(0, 255, (33, 4, 5, 3), "uint8"), "age": stream.random(33)}
    targets = stream.integers(-2, 3, 33)
    flow = flow_from_arrays(inputs, targets, batch_size=8, drop_remainder=True, seed=3)
    first = next(flow)
    found = augflow.statistics(flow)
    assert found.samples == 33
    check(found.arrays["inputs['image']"], inputs["image"])
    check(found.arrays["inputs['age']"], inputs["age"])
    check(found.arrays["targets"], targets)
    assert found.classes == {int(n): int((targets == n).sum()) for n in np.unique(targets)}
    # The flow has not moved.
    other = flow_from_arrays(inputs, targets, batch_size=8, drop_remainder=True, seed=3)
    for one, two in zip([first, *take(flow, 5)], take(other, 6), strict=True):
        assert np.array_equal(one[1], two[1])


@BOTH
def test_csv(tmp_path: Path, workers: int) -> None:
    table = pd.DataFrame({"a": np.arange(500.0) ** 2, "b": np.arange(500) % 7, "y": 0.5})
    table.loc[3, "a"] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    flow = flow_from_csv(
        tmp_path / "table.csv", ["a", "b"], "y", batch_size=64, shuffle=True, seed=1,
        workers=workers, index_dir=tmp_path,
    )  # fmt: skip
    found = augflow.statistics(flow, workers)
    inputs = found.arrays["inputs"]
    assert (found.samples, inputs.missing, inputs.values) == (500, 1, 999)
    expected = table[["a", "b"]].astype("float32").astype("float64")
    assert np.allclose(inputs.mean, expected.mean()) and np.allclose(
        inputs.deviation, expected.std(ddof=0)
    )
    assert inputs.maximum.tolist() == [np.float32(499**2), 6]
    assert flow.total_batches_seen == 0 and found.classes is None
    flow.close()


@BOTH
@pytest.mark.parametrize("pad", [None, 9, "longest"])
def test_loader_counts_samples_as_they_are_loaded(workers: int, pad: Any) -> None:
    def load(each: int) -> Any:
        return np.arange(3 + each % 4 * (pad is not None), dtype="int16") * each

    def augment(sample: Any, rng: Any) -> Any:
        raise AssertionError("not for statistics")

    samples = [load(each) for each in range(20)]
    with flow_from_loader(
        load, range(20), {n: n % 3 for n in range(20)}, num_classes=3, pad=pad, pad_value=-99,
        workers=workers, batch_size=6, seed=0,
    ) as flow:  # fmt: skip
        flow.augment = augment
        found = augflow.statistics(flow)
    inputs = found.arrays["inputs"]
    if pad is None:
        check(inputs, np.stack(samples))
    else:
        numbers_ = np.concatenate(samples)
        assert np.allclose(inputs.total.mean, numbers_.mean())
        assert np.allclose(inputs.total.deviation, numbers_.std())
        assert (inputs.total.minimum, inputs.total.maximum) == (0, numbers_.max())
        assert inputs.shapes == {(3,): 5, (4,): 5, (5,): 5, (6,): 5}
    assert found.classes == {0: 7, 1: 7, 2: 6}
    assert found.arrays["targets"].mean == pytest.approx(np.mean(np.arange(20) % 3))


def test_loader_names_parts_and_leaves_out() -> None:
    def load(each: int) -> Any:
        if each == 4:
            raise OSError("gone")
        return {"wide": np.full((2, MOST_CHANNELS + 1), each, "f4"), "word": "ab"}, np.float32(each)

    flow = flow_from_loader(load, range(6), on_error="skip", workers=0, batch_size=4)
    with pytest.warns(UserWarning, match=r"left out 1 broken sample\(s\): .*4"):
        found = augflow.statistics(flow)
    assert found.samples == 5 and found.left_out == {4: "OSError: gone"}
    assert list(found.arrays) == ["inputs['wide']", "inputs['word']", "targets"]
    assert found.arrays["inputs['wide']"].mean.shape == ()
    assert found.arrays["inputs['word']"].mean is None
    assert found.arrays["targets"].mean == np.mean([0, 1, 2, 3, 5])
    flow.on_error = "raise"
    with pytest.raises(OSError, match="gone"):
        augflow.statistics(flow)


@BOTH
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_images_are_those_before_any_transform(
    folder: Path, workers: int, data_format: Any
) -> None:
    options: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 2}
    generator = ImageDataGenerator(
        rotation_range=90, rescale=1 / 255, samplewise_center=True, data_format=data_format,
        workers=workers,
    )  # fmt: skip
    flow = generator.flow_from_directory(folder, sampler="balanced", **options)
    plain = ImageDataGenerator().flow_from_directory(
        folder, shuffle=False, **{**options, "batch_size": 99}
    )
    images, _ = next(plain)
    found = augflow.statistics(flow)
    inputs = found.arrays["inputs"]
    shape = flow.image_shape
    check(inputs, images) if data_format == "channels_last" else None
    assert inputs.shapes == {shape: flow.n}
    assert np.allclose(inputs.mean, images.mean(axis=(0, 1, 2), dtype=np.float64))
    assert list(found.classes) == list(flow.class_indices)
    assert list(found.classes.values()) == np.bincount(plain.classes).tolist()
    assert flow.total_batches_seen == 0


def test_fit_takes_them(folder: Path) -> None:
    reading = {"target_size": SIZE, "batch_size": 5}
    flow = ImageDataGenerator().flow_from_directory(folder, **reading)
    found = augflow.statistics(flow)
    for data_format in ("channels_last", "channels_first"):
        switches: dict[str, Any] = {
            "featurewise_center": True, "featurewise_std_normalization": True, "rescale": -1 / 255,
            "data_format": data_format,
        }  # fmt: skip
        by_flow, by_statistics = ImageDataGenerator(**switches), ImageDataGenerator(**switches)
        by_flow.fit(
            ImageDataGenerator(data_format=data_format).flow_from_directory(folder, **reading)
        )
        by_statistics.fit(found)
        assert by_statistics.mean.shape == by_flow.mean.shape
        assert by_statistics.mean.dtype == by_statistics.std.dtype == np.float32
        assert np.allclose(by_statistics.mean, by_flow.mean, rtol=1e-6)
        assert np.allclose(by_statistics.std, by_flow.std, rtol=1e-6)
    only = ImageDataGenerator(featurewise_center=True)
    only.fit(found)
    assert only.std is None


def test_fit_says_what_it_cannot_take(folder: Path) -> None:
    found = augflow.statistics(ImageDataGenerator().flow(numbered_images(9), np.arange(9) % 2))
    assert set(found.classes) == {0, 1}
    with pytest.raises(ValueError, match="needs the images themselves for zca_whitening"):
        ImageDataGenerator(zca_whitening=True, featurewise_center=True).fit(found)
    with pytest.raises(ValueError, match="augment=True"):
        ImageDataGenerator(featurewise_center=True).fit(found, augment=True)
    vectors = augflow.statistics(flow_from_arrays(np.zeros((3, 2))))
    with pytest.raises(ValueError, match=r"statistics of images.*(?s:.*)inputs: shape \(2,\) x 3"):
        ImageDataGenerator(featurewise_center=True).fit(vectors)


def test_broken_images_are_left_out(folder: Path, tmp_path: Path) -> None:
    names = sorted(str(path) for path in folder.rglob("*.png"))[:4]
    (tmp_path / "broken.png").write_bytes(b"nothing")
    table = pd.DataFrame(
        {"filename": [*names, str(tmp_path / "broken.png")], "class": list("aabbb")}
    )
    flow = ImageDataGenerator().flow_from_dataframe(table, target_size=SIZE, on_error="skip")
    with pytest.warns(UserWarning, match=r"left out 1 broken sample"):
        found = augflow.statistics(flow, 0)
    assert found.samples == 4 and found.classes == {"a": 2, "b": 2}
    assert "4 samples" in str(found) and "1 left out" in str(found)


@pytest.mark.parametrize("given_", [np.zeros(3), "photos", None, ImageDataGenerator()])
def test_it_takes_flows(given_: Any) -> None:
    with pytest.raises(TypeError, match="statistics takes a flow"):
        augflow.statistics(given_)


@pytest.mark.parametrize("workers", [-1, 1.5, "two"])
def test_bad_workers(workers: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`workers`"):
        augflow.statistics(flow_from_arrays(np.zeros(3)), workers)


def test_it_is_silent_where_nothing_is_wrong() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = augflow.statistics(flow_from_arrays(np.array([np.nan, np.inf, 1.0]), [True] * 3))
    assert (found.arrays["inputs"].missing, found.arrays["inputs"].maximum) == (1, np.inf)
    assert found.classes == {True: 3}
    print(found)
