"""Keras's preprocess_input functions: recognised, and computed to the same bits."""

from __future__ import annotations

import functools
import importlib
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from augflow.base import defaults
from augflow.transform.preprocess_input import KerasPreprocessing, recognise


def family_names() -> list[str]:
    """Every module of the installed Keras that has a preprocess_input."""
    applications = pytest.importorskip("keras.src.applications")
    return [
        found.name
        for found in pkgutil.iter_modules(applications.__path__)
        if not found.name.endswith("_test")
        and hasattr(
            importlib.import_module(f"keras.src.applications.{found.name}"), "preprocess_input"
        )
    ]


def preprocess_input_of(family: str) -> Any:
    return importlib.import_module(f"keras.src.applications.{family}").preprocess_input


def grey_levels(shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return (np.random.RandomState(7).random_sample(shape) * 255).astype(dtype)


SHAPES = {
    "channels_last": [(6, 5, 3), (2, 6, 5, 3), (6, 5, 4)],
    "channels_first": [(3, 6, 5), (2, 3, 6, 5), (4, 6, 5)],
}


def assert_same_bits(function: Any, twin: Any, data_format: str) -> None:
    for shape in SHAPES[data_format]:
        for dtype in ("float32", "float64", "uint8"):
            for layout in (np.ascontiguousarray, np.asfortranarray):
                values = layout(grey_levels(shape, dtype))
                expected = function(values.copy(order="K"))
                result = twin(values.copy(order="K"))
                assert result.dtype == expected.dtype
                np.testing.assert_array_equal(result, expected)


def test_every_family_of_the_installed_keras() -> None:
    families = family_names()
    assert len(families) >= 16
    for family in families:
        function = preprocess_input_of(family)
        twin = recognise(function)
        assert twin is not None, family
        assert twin.data_format == "channels_last"
        assert_same_bits(function, twin, "channels_last")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("mode", ["tf", "torch", "caffe", None])
def test_partial_with_mode_and_data_format(mode: str | None, data_format: str) -> None:
    pytest.importorskip("keras")
    keywords = {"data_format": data_format} | ({"mode": mode} if mode else {})
    function = functools.partial(preprocess_input_of("imagenet_utils"), **keywords)
    twin = recognise(function)
    assert twin == KerasPreprocessing(mode or "caffe", data_format)
    assert_same_bits(function, twin, data_format)
    family = functools.partial(preprocess_input_of("densenet"), data_format=data_format)
    assert recognise(family) == KerasPreprocessing("torch", data_format)


def test_configured_data_format_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    function = pytest.importorskip("keras.src.applications.vgg16").preprocess_input
    monkeypatch.setattr(defaults, "data_format", lambda: "channels_first")
    twin = recognise(function)
    assert twin == KerasPreprocessing("caffe", "channels_first")
    values = grey_levels((3, 3, 4))
    unsaid = KerasPreprocessing("caffe")(values.copy())
    np.testing.assert_array_equal(unsaid, twin(values.copy()))
    monkeypatch.undo()
    assert not np.array_equal(
        KerasPreprocessing("torch")(grey_levels((3, 4, 3))),
        KerasPreprocessing("torch", "channels_first")(grey_levels((3, 4, 3))),
    )


def module_with_function(
    monkeypatch: pytest.MonkeyPatch, name: str, function_name: str = "preprocess_input"
) -> Any:
    """A module as another version of Keras would have it, with its own function."""

    def function(x: Any) -> Any:
        return x

    function.__name__ = function_name
    function.__module__ = name
    module = ModuleType(name)
    setattr(module, function_name, function)
    monkeypatch.setitem(sys.modules, name, module)
    return function


@pytest.mark.parametrize(
    ("module", "mode"),
    [
        ("keras.applications.resnet50", "caffe"),
        ("keras.applications.resnet", "caffe"),
        ("tf_keras.src.applications.resnet_v2", "tf"),
        ("tf_keras.src.applications.regnet", "identity"),
        ("tensorflow.python.keras.applications.densenet", "torch"),
        ("tensorflow.keras.applications.vgg19", "caffe"),
        ("keras_applications.nasnet", "tf"),
        ("keras_applications.imagenet_utils", "caffe"),
        ("keras.src.applications.mobilenet_v3", "identity"),
        ("keras_applications.mobilenet_v3", None),
        ("keras_applications.efficientnet", None),
        ("keras.src.applications.unheard_of", None),
        ("my.keras.applications.resnet", None),
        ("keras.applications.resnet.mine", None),
        ("segmentation_models.resnet", None),
        ("__main__x", None),
    ],
)
def test_modules(monkeypatch: pytest.MonkeyPatch, module: str, mode: str | None) -> None:
    twin = recognise(module_with_function(monkeypatch, module))
    assert (twin.mode if twin else None) == mode


def test_functions_that_only_look_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "keras.applications.resnet50"
    original = module_with_function(monkeypatch, name)
    assert recognise(original) is not None

    @functools.wraps(original)
    def wrapped(x: Any) -> Any:
        return original(x) + 1

    assert wrapped.__module__ == name
    assert recognise(wrapped) is None
    assert recognise(lambda x: original(x)) is None
    assert recognise(module_with_function(monkeypatch, name, "decode_predictions")) is None
    monkeypatch.delitem(sys.modules, name)
    assert recognise(original) is None
    for nothing in (None, np.negative, 3, KerasPreprocessing("tf")):
        assert recognise(nothing) is None  # type: ignore[arg-type]


def test_partials_that_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    utilities = module_with_function(monkeypatch, "keras.applications.imagenet_utils")
    family = module_with_function(monkeypatch, "keras.applications.xception")
    assert recognise(functools.partial(family)) is not None
    for partial in (
        functools.partial(family, np.zeros(3)),
        functools.partial(family, mode="torch"),
        functools.partial(utilities, mode="unheard of"),
        functools.partial(utilities, mode="identity"),
        functools.partial(utilities, data_format="CHW"),
        functools.partial(utilities, unknown=1),
    ):
        assert recognise(partial) is None


def test_overwrites_writable_floats_and_nothing_else() -> None:
    for mode in ("tf", "torch"):
        values = grey_levels((4, 5, 3))
        assert KerasPreprocessing(mode, "channels_last")(values) is values
    for mode in ("tf", "torch", "caffe"):
        for values in (grey_levels((4, 5, 3)), grey_levels((4, 5, 3), "uint8")):
            before = values.copy()
            values.flags.writeable = False
            result = KerasPreprocessing(mode, "channels_last")(values)
            np.testing.assert_array_equal(values, before)
            assert result.flags.writeable
            assert result.dtype == np.float32


def test_small_and_picklable() -> None:
    twin = KerasPreprocessing("caffe", "channels_first")
    assert pickle.loads(pickle.dumps(twin)) == twin
    assert len(pickle.dumps(twin)) < 200
    assert hash(twin) == hash(KerasPreprocessing("caffe", "channels_first"))


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"mode must be.*Received: 'cafe'"):
        KerasPreprocessing("cafe")
    with pytest.raises(ValueError, match="data_format must be"):
        KerasPreprocessing("tf", "CHW")
    for mode in ("torch", "caffe"):
        with pytest.raises(ValueError, match=r"3 channels.*\(4, 5, 1\).*rgb"):
            KerasPreprocessing(mode, "channels_last")(grey_levels((4, 5, 1)))
    assert KerasPreprocessing("tf")(grey_levels((4, 5, 1))).shape == (4, 5, 1)


def test_recognising_imports_no_framework() -> None:
    code = (
        "import sys; from augflow.transform.preprocess_input import recognise; recognise(len);"
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'torch')))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
