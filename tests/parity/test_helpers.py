"""The methods of the generator, against those of Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.parity import images as parity_images
from tests.parity.checks import LEVELS, assert_close, generators, photo
from tests.parity.compare import state
from tests.parity.images import Images
from tests.parity.setting import AFFINE, COLOURS, FLIPS

SHIFTS: dict[str, dict[str, Any]] = {
    "floats": {"width_shift_range": 0.2, "height_shift_range": 0.4},
    "ints": {"width_shift_range": 6, "height_shift_range": 1},
    "lists": {"width_shift_range": [-4, 0, 7], "height_shift_range": (0.1, 0.3)},
    "pixels as floats": {"width_shift_range": 3.5, "height_shift_range": 1.0},
}
GENERATORS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "affine": AFFINE,
    "everything": {**AFFINE, **FLIPS, **COLOURS},
    "zoom as a pair": {"zoom_range": (0.4, 0.7)},
    "one flip": {"vertical_flip": True},
    "brightness": {"brightness_range": [0.2, 1.8]},
    "channels first": {**AFFINE, **FLIPS, "data_format": "channels_first"},
    **{f"shifts: {name}": {**value, "shear_range": 9} for name, value in SHIFTS.items()},
}


@pytest.fixture(scope="session")
def images() -> Images:
    return parity_images.shared()


# --- drawing parameters ---------------------------------------------------------------


@pytest.mark.parametrize("settings", GENERATORS.values(), ids=GENERATORS.keys())
@pytest.mark.parametrize("shape", [(40, 48, 3), (7, 91, 1)])
def test_get_random_transform_with_a_seed(settings: dict[str, Any], shape: Any) -> None:
    theirs, ours = generators(**settings)
    for seed in (0, 1, 2, 99, 2**32 - 1):
        wanted = theirs.get_random_transform(shape, seed=seed)
        np.random.seed(8)
        before = state()
        drawn = ours.get_random_transform(shape, seed)
        assert state() == before, "a seed must leave NumPy's global generator alone"
        assert list(drawn.items()) == list(wanted.items())


@pytest.mark.parametrize("settings", GENERATORS.values(), ids=GENERATORS.keys())
def test_get_random_transform_from_the_global_generator(settings: dict[str, Any]) -> None:
    results = []
    for generator in generators(**settings):
        np.random.seed(31)
        results.append(([generator.get_random_transform((20, 30, 3)) for _ in range(5)], state()))
    assert results[0] == results[1]


def test_drawn_parameters_vary() -> None:
    _, ours = generators(**AFFINE)
    drawn = {ours.get_random_transform((9, 9, 3), seed)["theta"] for seed in range(20)}
    assert len(drawn) == 20 and all(-25 <= theta <= 25 for theta in drawn)


@pytest.mark.parametrize("seed", [None, 4])
def test_random_transform(images: Images, seed: int | None) -> None:
    results = []
    x = photo(images)
    for generator in generators(**AFFINE, **FLIPS):
        np.random.seed(5)
        results.append([generator.random_transform(x, seed) for _ in range(3)])
    for wanted, got in zip(*results, strict=True):
        assert_close(got, wanted)
    assert_close(x, photo(images), levels=0)


# --- applying parameters --------------------------------------------------------------

PARAMETERS: dict[str, dict[str, Any]] = {
    "none": {},
    "theta": {"theta": 33.3},
    "theta=90": {"theta": 90},
    "theta=-180": {"theta": -180.0},
    "tx, whole": {"tx": 4},
    "ty, whole, negative": {"ty": -7},
    "tx and ty": {"tx": 2.25, "ty": -3.75},
    "far away": {"tx": 500},
    "shear": {"shear": 30.0},
    "zx": {"zx": 0.6},
    "zx and zy": {"zx": 2, "zy": 0.5},
    "horizontal": {"flip_horizontal": True},
    "vertical": {"flip_vertical": 1},
    "channel shift": {"channel_shift_intensity": -45.5},
    "channel shift of zero": {"channel_shift_intensity": 0.0},
    "brightness": {"brightness": 0.65},
    "brightness up": {"brightness": 1.7},
    "brightness of one": {"brightness": 1},
    "flips and rotation": {"flip_horizontal": True, "flip_vertical": True, "theta": -12},
    "all affine": {"theta": 8, "tx": 3.1, "ty": 2.2, "shear": -11, "zx": 1.2, "zy": 0.9},
    "all": {
        "theta": 8,
        "tx": 3.1,
        "ty": 2.2,
        "shear": -11,
        "zx": 1.2,
        "zy": 0.9,
        "flip_horizontal": True,
        "flip_vertical": False,
        "channel_shift_intensity": 20.0,
        "brightness": None,
    },
    "a key that nobody knows": {"theta": 5, "colour": "blue"},
}


@pytest.mark.parametrize("mode", ["nearest", "reflect", "constant", "wrap"])
@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_apply_transform(images: Images, parameters: dict[str, Any], mode: str) -> None:
    theirs, ours = generators(fill_mode=mode, cval=120.0)
    for square in (False, True):
        x = photo(images, square=square)
        assert_close(
            ours.apply_transform(x, dict(parameters)),
            theirs.apply_transform(photo(images, square=square), dict(parameters)),
        )
        assert_close(x, photo(images, square=square), levels=0)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_apply_transform_to_other_types(
    images: Images, parameters: dict[str, Any], dtype: str
) -> None:
    theirs, ours = generators()
    x = photo(images, dtype)
    assert_close(
        ours.apply_transform(x, parameters),
        theirs.apply_transform(x, parameters),
        levels=1 if dtype == "uint8" else LEVELS,
    )


@pytest.mark.parametrize("name", [name for name in PARAMETERS if not name.startswith("brightness")])
def test_apply_transform_channels_first(images: Images, name: str) -> None:
    theirs, ours = generators(data_format="channels_first", interpolation_order=1)
    x = photo(images).transpose(2, 0, 1)
    assert_close(
        ours.apply_transform(x, PARAMETERS[name]), theirs.apply_transform(x, PARAMETERS[name])
    )


# --- statistics and standardisation ----------------------------------------------------

NORMALISATIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "rescale": {"rescale": 0.5},
    "samplewise_center": {"samplewise_center": True},
    "samplewise both": {"samplewise_std_normalization": True},
    "featurewise_center": {"featurewise_center": True},
    "featurewise both": {"featurewise_center": True, "featurewise_std_normalization": True},
    "all, rescaled": {
        "samplewise_center": True,
        "samplewise_std_normalization": True,
        "featurewise_center": True,
        "featurewise_std_normalization": True,
        "rescale": 1 / 255,
    },
    "zca": {"zca_whitening": True, "zca_epsilon": 0.1},
    "zca and both": {
        "zca_whitening": True,
        "zca_epsilon": 0.1,
        "featurewise_std_normalization": True,
        "samplewise_center": True,
    },
    "function": {"preprocessing_function": lambda image: image / 2, "rescale": 3},
}


@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("settings", NORMALISATIONS.values(), ids=NORMALISATIONS.keys())
def test_standardize(images: Images, settings: dict[str, Any], rank: int) -> None:
    small = images.arrays["small"].astype("float32")
    results = []
    for generator in generators(**settings):
        generator.fit(small)
        x = small[:5].copy() if rank == 4 else small[0].copy()
        results.append((generator.standardize(x), x))
    (wanted, _), (got, _) = results
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-3)
    assert got.dtype == wanted.dtype


@pytest.mark.parametrize("settings", [{"rescale": 0.5}, {"samplewise_center": True}])
def test_standardize_works_in_place_as_documented(images: Images, settings: Any) -> None:
    for generator in generators(**settings):
        x = photo(images)
        assert np.shares_memory(generator.standardize(x), x)
        assert not np.array_equal(x, photo(images))


FITS: dict[str, dict[str, Any]] = {
    "plain": {},
    "augment": {"augment": True, "seed": 3},
    "augment, rounds": {"augment": True, "rounds": 3, "seed": 4},
    "rounds without augment": {"rounds": 3},
}


@pytest.mark.parametrize("source", ["rgb", "grey", "channels first"])
@pytest.mark.parametrize("arguments", FITS.values(), ids=FITS.keys())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fit(images: Images, source: str, arguments: dict[str, Any], dtype: str) -> None:
    first = source == "channels first"
    x = images.arrays["grey" if source == "grey" else "rgb"]
    x = x.transpose(0, 3, 1, 2) if first else x
    kept = x.copy()
    theirs, ours = generators(
        featurewise_center=True,
        featurewise_std_normalization=True,
        rescale=0.5,
        dtype=dtype,
        data_format="channels_first" if first else "channels_last",
        **AFFINE,
    )
    theirs.fit(x, **arguments)
    before = state()
    ours.fit(x, **arguments)
    assert state() == before or "seed" not in arguments
    assert_close(ours.mean, theirs.mean, 1e-3)
    assert_close(ours.std, theirs.std, 1e-3)
    assert ours.zca_whitening_matrix is None
    np.testing.assert_array_equal(x, kept)


def test_fit_augments_from_the_global_generator(images: Images) -> None:
    results = []
    for generator in generators(featurewise_center=True, **AFFINE, **FLIPS):
        np.random.seed(17)
        generator.fit(images.arrays["rgb"], augment=True)
        results.append((generator.mean, state()))
    assert_close(results[1][0], results[0][0], 1e-3)
    assert results[0][1] == results[1][1]


@pytest.mark.parametrize("epsilon", [1e-6, 0.1, 10.0])
def test_fit_whitening(images: Images, epsilon: float) -> None:
    theirs, ours = generators(zca_whitening=True, zca_epsilon=epsilon)
    for generator in (theirs, ours):
        generator.fit(images.arrays["small grey"])
    wanted = theirs.zca_whitening_matrix
    assert_close(ours.zca_whitening_matrix, wanted, 1e-4 * np.abs(wanted).max())
    assert_close(ours.mean, theirs.mean, 1e-3)


def test_fit_takes_a_list(images: Images) -> None:
    theirs, ours = generators(featurewise_center=True)
    for generator in (theirs, ours):
        generator.fit(images.arrays["rgb"].tolist())
    assert_close(ours.mean, theirs.mean, 1e-4)
