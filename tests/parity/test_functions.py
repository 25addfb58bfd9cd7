"""The functions of ``augflow.preprocessing.image``, against Keras's."""

from __future__ import annotations

import io
import itertools
import os
import warnings
from pathlib import Path
from typing import Any

import keras.utils
import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as keras_image
from PIL import Image

from tests.parity import images as parity_images
from tests.parity.checks import assert_close, helper_module, photo
from tests.parity.compare import augflow_library, state
from tests.parity.images import Images


@pytest.fixture(scope="session")
def images() -> Images:
    return parity_images.shared()


@pytest.fixture(scope="session")
def helpers() -> Any:
    return helper_module()


# --- functions that draw ----------------------------------------------------------------

LAST: dict[str, int] = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
RANDOM: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "random_rotation": ("random_rotation", (40,), {}),
    "random_rotation, reflect": ("random_rotation", (180,), {"fill_mode": "reflect"}),
    "random_shift": ("random_shift", (0.2, 0.4), {}),
    "random_shift, wrap": ("random_shift", (0.3, 0.0), {"fill_mode": "wrap"}),
    "random_shear": ("random_shear", (25,), {}),
    "random_shear, order 3": ("random_shear", (25,), {"interpolation_order": 3}),
    "random_zoom": ("random_zoom", ((0.6, 1.8),), {}),
    "random_zoom, constant": ("random_zoom", ([1.5, 2],), {"fill_mode": "constant", "cval": 9.0}),
    "random_zoom of one": ("random_zoom", ((1, 1),), {}),
    "random_rotation, order 0": ("random_rotation", (40,), {"interpolation_order": 0}),
}


@pytest.mark.parametrize("axes", ["channels last", "defaults"])
@pytest.mark.parametrize("case", RANDOM.values(), ids=RANDOM.keys())
def test_random_affine_functions(images: Images, helpers: Any, case: Any, axes: str) -> None:
    name, arguments, settings = case
    x = photo(images) if axes == "channels last" else photo(images).transpose(2, 0, 1)
    results = []
    for function in (getattr(keras_image, name), getattr(helpers, name)):
        np.random.seed(12)
        extra = LAST if axes == "channels last" else {}
        results.append([function(x, *arguments, **extra, **settings) for _ in range(3)] + [state()])
    assert results[0].pop() == results[1].pop(), "as many draws as Keras"
    for wanted, got in zip(*results, strict=True):
        assert_close(got, wanted)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_channel_shifts(images: Images, helpers: Any, axis: int, dtype: str) -> None:
    x = photo(images, dtype)
    for intensity in (30.0, -45.5, 0):
        assert_close(
            helpers.apply_channel_shift(x, intensity, channel_axis=axis),
            keras_image.apply_channel_shift(x, intensity, channel_axis=axis),
        )
    results = []
    for module in (keras_image, helpers):
        np.random.seed(2)
        results.append([module.random_channel_shift(x, 50.0, axis), state()])
    assert results[0][1] == results[1][1]
    assert_close(results[1][0], results[0][0])
    np.testing.assert_array_equal(x, photo(images, dtype))


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("source", ["rgb", "grey", "rgba", "deep", "negative"])
def test_brightness(images: Images, helpers: Any, source: str, scale: bool) -> None:
    x = images.arrays[source][0].astype("float32")
    for factor in (0, 0.4, 1.0, 1.7):
        assert_close(
            helpers.apply_brightness_shift(x, factor, scale),
            keras_image.apply_brightness_shift(x, factor, scale),
            levels=1,
        )
    results = []
    for module in (keras_image, helpers):
        np.random.seed(2)
        results.append([module.random_brightness(x, (0.5, 1.5), scale), state()])
    assert results[0][1] == results[1][1]
    assert_close(results[1][0], results[0][0], levels=1)


# --- geometry -----------------------------------------------------------------------------

LEGAL_AXES = [
    (row, column, channel)
    for row, column, channel in itertools.permutations(range(3))
    if channel in (0, 2)
]
MOVES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "theta": {"theta": 25},
    "shift": {"tx": 3.5, "ty": -6.25},
    "shear": {"shear": 18},
    "zoom": {"zx": 0.7, "zy": 1.4},
    "all": {"theta": -14, "tx": 2, "ty": 5.5, "shear": 7, "zx": 1.1, "zy": 0.8},
}


@pytest.mark.parametrize("axes", LEGAL_AXES)
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_apply_affine_transform(images: Images, helpers: Any, move: Any, axes: Any) -> None:
    names = dict(zip(("row_axis", "col_axis", "channel_axis"), axes, strict=True))
    for square, mode, order in itertools.product((True, False), ("nearest", "constant"), (1, 3)):
        x = photo(images, square=square)
        x = x if axes[2] == 2 else x.transpose(2, 0, 1)
        settings = {**move, **names, "fill_mode": mode, "cval": 55.0, "order": order}
        assert_close(
            helpers.apply_affine_transform(x, **settings),
            keras_image.apply_affine_transform(x, **settings),
        )


@pytest.mark.parametrize("size", [(10, 10), (7, 12), (1, 3), (5.5, 2)])
def test_transform_matrix_offset_center(helpers: Any, size: Any) -> None:
    matrix = np.random.RandomState(1).normal(size=(3, 3))
    got = helpers.transform_matrix_offset_center(matrix.copy(), *size)
    wanted = keras_image.transform_matrix_offset_center(matrix.copy(), *size)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_flip_axis(images: Images, helpers: Any, axis: int) -> None:
    x = photo(images)
    assert_close(helpers.flip_axis(x, axis), keras_image.flip_axis(x, axis), levels=0)
    assert not np.array_equal(helpers.flip_axis(x, axis), x)
    listed = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert_close(helpers.flip_axis(listed, axis), keras_image.flip_axis(listed, axis), levels=0)


# --- files ------------------------------------------------------------------------------


def assert_same_image(ours: Image.Image, theirs: Image.Image) -> None:
    assert ours.mode == theirs.mode and ours.size == theirs.size
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("data_format", [None, "channels_last", "channels_first"])
@pytest.mark.parametrize("source", ["rgb", "grey", "rgba", "deep"])
def test_array_to_img(
    images: Images, helpers: Any, source: str, data_format: str | None, scale: bool
) -> None:
    x = images.arrays[source][0].astype("float32")
    x = x.transpose(2, 0, 1) if data_format == "channels_first" else x
    kept = x.copy()
    for dtype in (None, "float64"):
        for value in (x, np.full_like(x, 7), x.tolist()):
            assert_same_image(
                helpers.array_to_img(value, data_format, scale, dtype),
                keras.utils.array_to_img(value, data_format, scale, dtype),
            )
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "I;16", "I", "1"])
@pytest.mark.parametrize("data_format", [None, "channels_last", "channels_first"])
def test_img_to_array(images: Images, helpers: Any, mode: str, data_format: str | None) -> None:
    image = Image.fromarray(images.arrays["rgb"][0])
    image = parity_images.sixteen_bits(image) if mode == "I;16" else image.convert(mode)
    for dtype in (None, "uint8", "float64"):
        assert_close(
            helpers.img_to_array(image, data_format, dtype),
            keras.utils.img_to_array(image, data_format, dtype),
            levels=0,
        )


def _files(images: Images) -> list[Path]:
    folders = (Path(images.directories[name]) for name in ("classes", "deep_grey"))
    found = (path for folder in folders for path in sorted(folder.rglob("*.*")))
    return [path for path in found if path.suffix not in (".txt",)]


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"])
def test_load_img(images: Images, helpers: Any, color_mode: str, method: str) -> None:
    for path in _files(images):
        for size, keep in ((None, False), ((20, 31), False), ((31, 20), True)):
            settings: dict[str, Any] = {"target_size": size, "keep_aspect_ratio": keep}
            settings.update(color_mode=color_mode, interpolation=method)
            assert_same_image(
                helpers.load_img(str(path), **settings), keras.utils.load_img(str(path), **settings)
            )


def test_load_img_from_other_kinds_of_path(images: Images, helpers: Any) -> None:
    path = Path(images.directories["classes"]) / "chelsea" / "a.jpg"
    wanted = keras.utils.load_img(path)
    for source in (path, str(path), os.fsencode(path), io.BytesIO(path.read_bytes())):
        assert_same_image(helpers.load_img(source), wanted)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.bmp", "a.tiff"])
@pytest.mark.parametrize("source", ["rgb", "grey", "rgba"])
def test_save_img(images: Images, helpers: Any, name: str, source: str, tmp_path: Path) -> None:
    x = images.arrays[source][0].astype("float32")
    contents = []
    for module in (keras.utils, helpers):
        for scale in (True, False):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module.save_img(tmp_path / name, x, scale=scale)
                module.save_img(str(tmp_path / name), x, data_format="channels_last", scale=scale)
            contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[2] and contents[1] == contents[3]


def test_save_img_as_tif(images: Images, helpers: Any, tmp_path: Path) -> None:
    """Keras 3.15 takes the ending for the format's name, and Pillow knows no "TIF"."""
    x = images.arrays["rgb"][0]
    helpers.save_img(tmp_path / "a.tif", x, scale=False)
    with Image.open(tmp_path / "a.tif") as image:
        np.testing.assert_array_equal(np.asarray(image), x)


def test_save_img_options(images: Images, helpers: Any) -> None:
    x = images.arrays["rgb"][0].transpose(2, 0, 1)
    contents = []
    for module in (keras.utils, helpers):
        for file_format, extra in (("png", {}), ("jpg", {"quality": 40}), ("JPG", {})):
            stream = io.BytesIO()
            module.save_img(
                stream, x, data_format="channels_first", file_format=file_format, **extra
            )
            contents.append(stream.getvalue())
    assert contents[:3] == contents[3:]


def test_save_img_warns_where_alpha_is_lost(images: Images, helpers: Any, tmp_path: Path) -> None:
    for module in (keras.utils, helpers):
        with pytest.warns(UserWarning, match="(?i)jpeg"):
            module.save_img(tmp_path / "a.jpg", images.arrays["rgba"][0])


def test_list_pictures(images: Images, helpers: Any) -> None:
    """Gone from Keras 3; Keras 2 listed the tree's pictures by their endings."""
    directory = images.directories["classes"]
    found = {os.path.relpath(path, directory) for path in helpers.list_pictures(directory)}
    everything = {str(path.relative_to(directory)) for path in Path(directory).rglob("*.*")}
    assert found == everything - {"chelsea/notes.txt", "flower/ignored.gif"}
    assert len(found) == 21
    only = helpers.list_pictures(directory, ext="png")
    assert only and all(path.endswith(".png") for path in only)


@pytest.mark.parametrize(
    "name",
    [
        "ImageDataGenerator",
        "Iterator",
        "DirectoryIterator",
        "DataFrameIterator",
        "NumpyArrayIterator",
    ],
)
def test_the_classes_are_there_too(helpers: Any, name: str) -> None:
    assert getattr(helpers, name) is getattr(augflow_library(0).module, name)
