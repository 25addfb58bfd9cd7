"""``fit(flow)``: what ``fit(array)`` gives for the same images, in one pass, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from augflow import ImageDataGenerator
from augflow.flow import whole_pass
from augflow.flow.iterator import Iterator
from augflow.transform.pixel_moments import PixelMoments
from augflow.transform.standardize import fit_statistics
from tests.flow_world import SAMPLES, numbered_images, signatures, table_of, take, write_folder

SWITCHES = {
    "mean": {"featurewise_center": True},
    "mean and std": {"featurewise_center": True, "featurewise_std_normalization": True},
    "zca": {"featurewise_center": True, "zca_whitening": True},
}
READING: dict[str, Any] = {"target_size": (5, 4), "batch_size": 7, "seed": 3}
# fit(array) adds up in float32: of so few images that is good to this.
CLOSE = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("fit") / "images")


def raw_images(folder: Path, data_format: str = "channels_last", **reading: Any) -> np.ndarray:
    """All images in the flow's order, as ``fit(array)`` wants them."""
    flow = ImageDataGenerator(workers=0, data_format=data_format).flow_from_directory(
        folder, **{**READING, "shuffle": False, "class_mode": None, **reading}
    )
    return np.concatenate(take(flow, len(flow)))


def close(ours: Any, theirs: Any, tolerance: float = CLOSE) -> None:
    """Shapes and dtypes are equal, values to a part of the largest."""
    for name in ("mean", "std", "zca_whitening_matrix"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.shape == other.shape and one.dtype == other.dtype, name
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rescale", [None, 1 / 255, -2.0])
@pytest.mark.parametrize("switches", SWITCHES)
def test_it_is_fit_of_the_array(
    switches: str, rescale: float | None, data_format: str, workers: int, folder: Path
) -> None:
    options = {**SWITCHES[switches], "rescale": rescale, "data_format": data_format}
    ours, theirs = ImageDataGenerator(**options), ImageDataGenerator(**options)
    theirs.fit(raw_images(folder, data_format))
    plain = ImageDataGenerator(workers=workers, data_format=data_format)
    with plain.flow_from_directory(folder, **READING) as flow:
        ours.fit(flow)
    close(ours, theirs)
    assert (ours.mean is not None) and (ours.zca_whitening_matrix is None) == (switches != "zca")


@pytest.mark.parametrize("kind", ["directory", "dataframe", "flow", "cache", "subset", "weights"])
def test_any_flow_of_images(kind: str, folder: Path) -> None:
    images = raw_images(folder)
    table = table_of(folder)
    generator = ImageDataGenerator(workers=0, rotation_range=90, rescale=5, validation_split=0.4)
    if kind == "directory":
        flow: Any = generator.flow_from_directory(folder, **READING, sampler="balanced")
    elif kind == "dataframe":
        flow = generator.flow_from_dataframe(
            table, folder, **READING, class_mode="input", extra_cols=["id"]
        )
    elif kind == "cache":
        flow = generator.flow_from_directory(folder, **READING, cache="ram")
    elif kind == "subset":
        flow = generator.flow_from_dataframe(
            table, folder, **READING, subset="training", augment=True
        )
        images = images[int(0.4 * SAMPLES) :]
    elif kind == "weights":
        flow = generator.flow(images, np.arange(SAMPLES), sample_weight=np.ones(SAMPLES))
    else:
        flow = generator.flow((images, np.ones(SAMPLES)), np.arange(SAMPLES), batch_size=4)
    ours, theirs = (ImageDataGenerator(**SWITCHES["mean and std"]) for _ in range(2))
    ours.fit(flow)
    theirs.fit(images)
    close(ours, theirs)
    if kind == "cache":
        assert flow.cache_info().cached == SAMPLES
        ours.fit(flow)
        close(ours, theirs)
    flow.close()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("rescale", [None, 1 / 255])
@pytest.mark.parametrize("seed", [4, None])
def test_augmented_as_the_array(
    seed: int | None, rescale: float | None, workers: int, folder: Path
) -> None:
    """The same random transforms of the same images, in the same order."""
    options: dict[str, Any] = {
        **SWITCHES["mean and std"], "rescale": rescale, "rotation_range": 40,
        "width_shift_range": [1, 2], "zoom_range": 0.4, "horizontal_flip": True,
        "channel_shift_range": 0.2, "fill_mode": "constant", "cval": 9.0,
    }  # fmt: skip
    ours, theirs = ImageDataGenerator(**options), ImageDataGenerator(**options)
    after = []
    for generator in (theirs, ours):
        np.random.seed(8)
        fitting = {"augment": True, "rounds": 3, "seed": seed}
        if generator is theirs:
            theirs.fit(raw_images(folder), **fitting)
        else:
            with ImageDataGenerator(workers=workers).flow_from_directory(folder, **READING) as flow:
                ours.fit(flow, **fitting)
        after.append(np.random.random())
    close(ours, theirs)
    # Also what is left of NumPy's global generator is the same.
    assert after[0] == after[1]
    plain = ImageDataGenerator(**options)
    plain.fit(raw_images(folder))
    assert not np.allclose(plain.std, ours.std, rtol=1e-3)


def test_a_subclass_transforms_in_its_own_way(folder: Path) -> None:
    class Brighter(ImageDataGenerator):
        def apply_transform(self, x: np.ndarray, transform_parameters: Any) -> np.ndarray:
            return super().apply_transform(x, transform_parameters) + 100

    ours, theirs = (Brighter(rotation_range=9, featurewise_center=True) for _ in range(2))
    ours.fit(ImageDataGenerator(workers=2).flow_from_directory(folder, **READING), True, seed=1)
    theirs.fit(raw_images(folder), True, seed=1)
    close(ours, theirs)
    assert ours.mean.min() > 150


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64"])
def test_dtypes(dtype: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 4, 3, 3)).astype(dtype)
    ours, theirs = (ImageDataGenerator(dtype=dtype, **SWITCHES["mean and std"]) for _ in range(2))
    flow = ImageDataGenerator(dtype=dtype).flow(images)
    ours.fit(flow)
    theirs.fit(images)
    close(ours, theirs)


def test_the_flow_does_not_move(folder: Path) -> None:
    """Neither its position nor its seed nor NumPy's global generator."""
    for seed in (3, None):
        flows = []
        for fitted in (False, True):
            np.random.seed(1)
            generator = ImageDataGenerator(rotation_range=20, workers=0)
            flow = generator.flow_from_directory(folder, **{**READING, "seed": seed})
            batches = take(flow, 1)
            if fitted:
                ImageDataGenerator(featurewise_center=True).fit(flow)
                assert generator.mean is None and flow.total_batches_seen == 1
            batches += take(flow, 2)
            if fitted:
                ImageDataGenerator(featurewise_center=True).fit(flow)
            flows.append(signatures([*batches, *take(flow, 4), flow[1]]))
        assert flows[0] == flows[1]


def test_the_flow_takes_up_what_was_fitted(folder: Path) -> None:
    """The usual order: generator, flow, fit, train."""
    generator = ImageDataGenerator(**SWITCHES["mean and std"], workers=0)
    with pytest.warns(UserWarning, match="no effect yet"):
        flow = generator.flow_from_directory(folder, **{**READING, "batch_size": SAMPLES})
    generator.fit(flow)
    images, _ = next(flow)
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(images.std(axis=(0, 1, 2)), 1, atol=1e-5)


# Broken files and other hindrances


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_files(workers: int, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images")
    images = raw_images(folder)
    (folder / "cat" / "03.png").write_bytes(b"no image")
    plain = ImageDataGenerator(workers=workers)
    ours, theirs = (ImageDataGenerator(featurewise_center=True) for _ in range(2))
    with pytest.raises(OSError, match=r"03\.png"):
        ours.fit(plain.flow_from_directory(folder, **READING))
    with pytest.warns(UserWarning, match=r"left out 1 broken file\(s\): .*03\.png"):
        ours.fit(plain.flow_from_directory(folder, **READING, on_error="skip"))
    theirs.fit(np.delete(images, 3, axis=0))
    close(ours, theirs)


def test_what_cannot_be_fitted(folder: Path) -> None:
    generator = ImageDataGenerator(featurewise_center=True)
    with pytest.raises(TypeError, match=r"flow of images\. Received: Iterator"):
        generator.fit(Iterator(3, 2, False, None))
    first = ImageDataGenerator(data_format="channels_first").flow_from_directory(folder, **READING)
    with pytest.raises(ValueError, match=r"'channels_first', the generator .* 'channels_last'"):
        generator.fit(first)
    with pytest.raises(ValueError, match="has none"):
        generator.fit(ImageDataGenerator().flow(np.zeros((0, 4, 4, 3))))
    own = _OwnFlow(numbered_images(3), None, ImageDataGenerator())
    with pytest.raises(TypeError, match="_OwnFlow makes its batches by a method of its own"):
        generator.fit(own)
    with pytest.warns(UserWarning, match="nothing to compute"):
        ImageDataGenerator().fit(ImageDataGenerator().flow(numbered_images(3)))


class _OwnFlow(type(ImageDataGenerator().flow(numbered_images(1)))):  # type: ignore[misc]
    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        return self.x[index_array]


def test_zca_of_large_images_is_refused_before_anything_is_read(folder: Path) -> None:
    generator = ImageDataGenerator(zca_whitening=True, featurewise_center=True)
    flow = ImageDataGenerator(workers=0).flow_from_directory(folder, target_size=(400, 300))
    flow.filenames = ["none.png"] * SAMPLES
    with pytest.raises(MemoryError, match=r"\(400, 300, 3\) .* 360000 x 360000 .* 5\.2 TB in all"):
        generator.fit(flow)
    assert generator.mean is None


def test_progress_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, int]] = []

    class Line(whole_pass.Progress):
        def __init__(self, *arguments: Any) -> None:
            seen.append(arguments)
            super().__init__(*arguments)

        def update(self, steps: int = 1) -> None:
            seen.append(steps)

    monkeypatch.setattr(whole_pass, "Progress", Line)
    generator = ImageDataGenerator(featurewise_center=True, rotation_range=3)
    generator.fit(ImageDataGenerator(workers=0).flow_from_directory(folder, **READING))
    assert seen == [("Fitting", "images", SAMPLES), 7, 7, 5]


# The sums


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    offset=st.sampled_from([0.0, 100.0, 1e6]),
    centred=st.booleans(),
    scaled=st.booleans(),
    factor=st.sampled_from([1.0, 1 / 255, -3.0]),
    axis=st.sampled_from([0, 2]),
    seed=st.integers(0, 99),
)
def test_moments_are_those_of_all_images(
    counts: list[int],
    offset: float,
    centred: bool,
    scaled: bool,
    factor: float,
    axis: int,
    seed: int,
) -> None:
    """However the images are cut into batches, and far from zero, too."""
    # A common offset of all pixels is itself the largest singular value, unless it is taken off;
    # the squares of the others drown in its rounding errors.
    offset = offset if centred else min(offset, 100.0)
    shape = (2, 3, 2) if axis == 2 else (2, 3, 3)
    images = np.random.default_rng(seed).normal(offset, 20, (sum(counts), *shape))
    wanted = fit_statistics(
        images * factor,
        featurewise_center=centred,
        featurewise_std_normalization=scaled,
        zca_whitening=True,
        zca_epsilon=1e-6,
        channel_axis=axis + 1,
    )
    moments = PixelMoments(shape, axis, True, factor)
    for part in np.split(images, np.cumsum(counts)[:-1]):
        moments.add(part)
    if centred:
        np.testing.assert_allclose(moments.mean(), wanted[0], rtol=1e-12)
    if scaled:
        np.testing.assert_allclose(moments.deviation(), wanted[1], rtol=1e-8)
    matrix = moments.whitening(centred, scaled, 1e-6)
    # The largest value belongs to the smallest singular value, whose square carries the rounding
    # errors of the largest one's.
    np.testing.assert_allclose(matrix, wanted[2], atol=1e-5 * np.abs(wanted[2]).max(), rtol=0)


def test_many_images_are_added_up_exactly() -> None:
    """Where fit(array) in float32 has lost digits."""
    images = np.full((3000, 32, 32, 3), 200, dtype=np.float32)
    images[::2] += np.float32(0.1)
    exact = images.astype(np.float64)
    ours, theirs = (ImageDataGenerator(**SWITCHES["mean and std"]) for _ in range(2))
    ours.fit(ImageDataGenerator().flow(images, batch_size=500))
    theirs.fit(images)
    np.testing.assert_allclose(ours.mean.ravel(), exact.mean(axis=(0, 1, 2)), rtol=1e-7)
    np.testing.assert_allclose(ours.std.ravel(), exact.std(axis=(0, 1, 2)), rtol=1e-6)
    lost = np.abs(theirs.std.ravel() / exact.std(axis=(0, 1, 2)) - 1)
    assert lost.max() > 1e-4, "fit(array) is better than docs/statistics.md says"


@pytest.mark.heavy
def test_memory_is_bounded(tmp_path: Path) -> None:
    """1,500 images of 256 x 256 pixels would be 1.2 GB as an array."""
    (tmp_path / "images" / "a").mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        tmp_path / "images" / "a" / "0.png"
    )
    code = """
import resource, pandas
from augflow import ImageDataGenerator
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rows = pandas.DataFrame({"filename": ["a/0.png"] * 1500})
flow = ImageDataGenerator(workers=WORKERS).flow_from_dataframe(rows, "images", class_mode=None)
next(flow)
before = peak()
generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
generator.fit(flow)
print(peak() - before)
"""
    for workers in (0, 2):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("WORKERS", str(workers))],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert float(done.stdout.split()[-1]) < 200, done.stdout


def test_keras_gives_the_same(folder: Path) -> None:
    keras_image = pytest.importorskip("keras.src.legacy.preprocessing.image")
    options = {**SWITCHES["mean and std"], "rescale": 1 / 255}
    ours, theirs = ImageDataGenerator(**options), keras_image.ImageDataGenerator(**options)
    ours.fit(ImageDataGenerator(workers=0).flow_from_directory(folder, **READING))
    theirs.fit(raw_images(folder))
    for name in ("mean", "std"):
        np.testing.assert_allclose(
            getattr(ours, name).ravel(), getattr(theirs, name).ravel(), rtol=CLOSE
        )
    table = pd.DataFrame({"filename": ["cat/00.png"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.fit(
            ImageDataGenerator(workers=0).flow_from_dataframe(
                table, folder, class_mode=None, target_size=(5, 4)
            )
        )


@pytest.mark.parametrize("wrong", ["folder", pd.DataFrame({"a": ["x"]}), iter([1, 2])])
def test_what_is_no_images_is_said_to_be(wrong: Any) -> None:
    with pytest.raises(
        (TypeError, ValueError), match=r"`fit` takes an array of images .*, or a fl"
    ):
        ImageDataGenerator(featurewise_center=True).fit(wrong)
