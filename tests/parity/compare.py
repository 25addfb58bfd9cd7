"""Runs a setting in one library and compares two such runs."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from PIL import Image

from tests.parity.images import Images
from tests.parity.setting import KerasFunction, Setting

ATTRIBUTES = tuple(
    """
    samples n batch_size seed shuffle classes class_indices num_classes filenames
    filepaths labels sample_weight image_shape target_size color_mode class_mode
    data_format directory dtype split subset interpolation keep_aspect_ratio batch_index
    total_batches_seen index_array white_list_formats save_to_dir save_prefix save_format
    x y x_misc
    """.split()  # noqa: SIM905
)
GENERATOR_ATTRIBUTES = tuple(
    """
    featurewise_center samplewise_center featurewise_std_normalization
    samplewise_std_normalization zca_whitening zca_epsilon rotation_range
    width_shift_range height_shift_range shear_range zoom_range channel_shift_range
    fill_mode cval horizontal_flip vertical_flip rescale dtype interpolation_order
    data_format brightness_range channel_axis row_axis col_axis
    """.split()  # noqa: SIM905
)
SAVED_LEVELS = 1.0
SAVED_SHARE = 0.02


@dataclass(frozen=True)
class Library:
    """A module with the class, and what its constructor is given besides."""

    module: Any
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recording:
    """What one flow did.

    Attributes:
        attributes: public attributes after construction, those that exist.
        generator: attributes of its generator.
        printed: what construction printed.
        categories: the categories of warnings, from construction to the last batch.
        length: ``len(flow)``.
        steps: for each batch: the batch, batch_index, total_batches_seen, index_array.
        saved: file name to pixels, of what ``save_to_dir`` received.
        random_state_changed: whether NumPy's global generator was moved.
    """

    attributes: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)
    printed: str = ""
    categories: set[str] = field(default_factory=set)
    length: int = -1
    steps: list[tuple[Any, Any, Any, Any]] = field(default_factory=list)
    saved: dict[str, np.ndarray] = field(default_factory=dict)
    random_state_changed: bool = False


def keras_library() -> Library:
    return Library(importlib.import_module("keras.src.legacy.preprocessing.image"))


def augflow_library(workers: int) -> Library:
    return Library(importlib.import_module("augflow"), {"workers": workers})


def state() -> tuple[Any, ...]:
    """The state of NumPy's global generator, as a value that can be compared."""
    name, key, *rest = cast(tuple[Any, ...], np.random.get_state(legacy=True))
    return (name, key.tobytes(), *rest)


def resolve(value: Any) -> Any:
    if isinstance(value, KerasFunction):
        return importlib.import_module(f"keras.applications.{value.family}").preprocess_input
    return value


def make_generator(setting: Setting, library: Library, images: Images) -> Any:
    if setting.generator is None:
        return None
    settings = {key: resolve(value) for key, value in setting.generator.items()}
    generator = library.module.ImageDataGenerator(**settings, **library.options)
    if setting.fit is not None:
        rest = {key: value for key, value in setting.fit.items() if key != "x"}
        generator.fit(_array(setting, images, setting.fit["x"]), **rest)
    return generator


def _array(setting: Setting, images: Images, name: str) -> np.ndarray:
    array = images.arrays[name]
    return array.transpose(0, 3, 1, 2) if setting.channels_first else array


def _arguments(setting: Setting, images: Images, save_to: str) -> dict[str, Any]:
    arguments = {
        key: images.arrays[value[1:]] if isinstance(value, str) and value[:1] == "=" else value
        for key, value in setting.arguments.items()
        if key != "misc"
    }
    if "save_to_dir" in arguments:
        arguments["save_to_dir"] = save_to
    return arguments


def make_flow(setting: Setting, generator: Any, library: Library, images: Images, to: str) -> Any:
    """The iterator of a setting, by the generator's method or by its own constructor."""
    arguments = _arguments(setting, images, to)
    kind = setting.kind
    make: Any
    if kind.startswith("flow"):
        make = getattr(generator, kind)
    else:
        make = getattr(library.module, kind)
        arguments["image_data_generator"] = generator
    if kind in ("flow", "NumpyArrayIterator"):
        x: Any = _array(setting, images, setting.source)
        misc = [images.arrays[name] for name in setting.arguments.get("misc", ())]
        if misc:
            x = (x, misc[0] if len(misc) == 1 else misc)
        if kind == "NumpyArrayIterator":
            return make(x, arguments.pop("y", None), **arguments)
        return make(x, **arguments)
    if "dataframe" in kind.lower():
        frame, directory = images.tables[setting.source]
        return make(frame, directory, **arguments)
    name = setting.source
    path = images.directories[name.rstrip("/")] + name[len(name.rstrip("/")) :]
    return make(path, **arguments)


def _open(setting: Setting, library: Library, images: Images, to: str) -> tuple[Any, Recording]:
    recording = Recording()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        generator = make_generator(setting, library, images)
        flow = make_flow(setting, generator, library, images, to)
    recording.printed = printed.getvalue()
    recording.length = len(flow)
    recording.attributes = _read(flow, ATTRIBUTES)
    recording.generator = _read(generator, GENERATOR_ATTRIBUTES)
    if setting.prepare is not None:
        setting.prepare(flow)
    return flow, recording


def _read(owner: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def record(setting: Setting, library: Library, images: Images) -> list[Recording]:
    """Runs the setting (and its partner, in turns) and writes down all there is to see.

    NumPy's global generator starts from a fixed state, so that settings without a seed
    are repeatable too.
    """
    folder = tempfile.mkdtemp(dir=images.root)
    np.random.seed(77)
    before = state()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            recordings = _run(setting, library, images, folder)
        recordings[0].saved = _read_saved(folder)
    finally:
        shutil.rmtree(folder)
    for recording in recordings:
        recording.categories = {warning.category.__name__ for warning in caught}
        recording.random_state_changed = state() != before
    return recordings


def _run(setting: Setting, library: Library, images: Images, folder: str) -> list[Recording]:
    members = [setting] if setting.partner is None else [setting, setting.partner]
    opened = [_open(member, library, images, folder) for member in members]
    length = len(opened[0][0])
    if setting.by_index:
        for flow, recording in opened:
            recording.steps = [(flow[index], None, None, None) for index in range(length)]
    else:
        for count in range(setting.epochs * length + (1 if setting.epochs else 0)):
            for flow, recording in opened:
                if count == setting.reset_after:
                    flow.reset()
                recording.steps.append(_next(flow))
    for flow, _ in opened:
        if hasattr(flow, "close"):
            flow.close()
    return [recording for _, recording in opened]


def _next(flow: Any) -> tuple[Any, Any, Any, Any]:
    batch = next(flow)
    return batch, flow.batch_index, flow.total_batches_seen, np.copy(flow.index_array)


def _read_saved(folder: str) -> dict[str, np.ndarray]:
    saved = {}
    for name in sorted(os.listdir(folder)):
        with Image.open(os.path.join(folder, name)) as image:
            saved[name] = np.asarray(image)
    return saved


def _same(one: Any, other: Any) -> bool:
    """Equal in value, in type and, for arrays, in dtype and shape."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
            return False
        return bool(np.array_equal(one, other))
    if isinstance(one, pd.api.extensions.ExtensionArray):
        return type(one) is type(other) and one.tolist() == other.tolist()
    if isinstance(one, (list, tuple)):
        if type(one) is not type(other) or len(one) != len(other):
            return False
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one.items()) == list(other.items())
    return bool(one == other)


def _check_same(title: str, keras: Any, ours: Any) -> None:
    assert _same(keras, ours), f"{title}:\n  Keras:   {keras!r:.500}\n  augflow: {ours!r:.500}"


def compare(setting: Setting, keras: list[Recording], ours: list[Recording]) -> float:
    """Asserts that two runs are alike.

    Returns:
        the largest difference of pixels, in grey levels.
    """
    members = [setting] if setting.partner is None else [setting, setting.partner]
    return max(
        _compare_one(member, theirs, own)
        for member, theirs, own in zip(members, keras, ours, strict=True)
    )


def _compare_one(setting: Setting, keras: Recording, ours: Recording) -> float:
    for kind in ("attributes", "generator"):
        for name, value in getattr(keras, kind).items():
            if name == "save_to_dir":
                continue
            assert name in getattr(ours, kind), f"no attribute {name}"
            _check_same(name, value, getattr(ours, kind)[name])
    _check_same("printed", keras.printed, ours.printed)
    wanted = keras.categories - {"DeprecationWarning"}
    assert wanted <= ours.categories, f"warnings: Keras {wanted}, augflow {ours.categories}"
    _check_same("len()", keras.length, ours.length)
    _check_same("number of batches", len(keras.steps), len(ours.steps))
    largest = 0.0
    for number, (theirs, own) in enumerate(zip(keras.steps, ours.steps, strict=True)):
        title = f"batch {number}"
        for position, name in enumerate(("batch_index", "total_batches_seen", "index_array"), 1):
            _check_same(f"{title}: {name} afterwards", theirs[position], own[position])
        largest = max(largest, _compare_values(title, theirs[0], own[0], setting))
    _check_same("saved files", list(keras.saved), list(ours.saved))
    for name, pixels in keras.saved.items():
        _compare_pixels(name, pixels, ours.saved[name], SAVED_LEVELS, SAVED_SHARE)
    return largest


def _compare_values(title: str, keras: Any, ours: Any, setting: Setting) -> float:
    """A batch or a part of one: arrays of rank 4 are pixels, all else must be the same."""
    # Several outputs, or inputs, are a list in Keras, with which its own fit then fails on
    # TensorFlow; augflow gives a tuple.
    both_parts = isinstance(keras, list) and isinstance(ours, tuple)
    assert both_parts or type(keras) is type(ours), (
        f"{title}: {type(keras)} in Keras, {type(ours)} in augflow"
    )
    if isinstance(keras, (tuple, list)):
        _check_same(f"{title}: number of parts", len(keras), len(ours))
        parts = enumerate(zip(keras, ours, strict=True))
        return max(_compare_values(f"{title}[{k}]", a, b, setting) for k, (a, b) in parts)
    if getattr(keras, "ndim", 0) != 4:
        _check_same(title, keras, ours)
        return 0.0
    _check_same(f"{title}: dtype", keras.dtype, ours.dtype)
    return _compare_pixels(title, keras, ours, setting.levels, setting.share, setting.grey_level)


def _compare_pixels(
    title: str, keras: np.ndarray, ours: np.ndarray, levels: float, share: float, unit: float = 1.0
) -> float:
    _check_same(f"{title}: shape", keras.shape, ours.shape)
    if keras.size == 0:
        return 0.0
    difference = np.abs(keras.astype("float64") - ours.astype("float64")) / unit
    assert np.isfinite(difference).all(), f"{title}: a value is not finite"
    largest = float(difference.max())
    beyond = float(np.mean(difference > 0.05))
    assert largest <= levels, (
        f"{title}: {largest:.4f} grey levels apart at {np.argwhere(difference > levels)[0]} "
        f"({np.mean(difference > levels):.2%} of the values are more than {levels} apart)"
    )
    assert beyond <= share or levels <= 0.05, f"{title}: {beyond:.2%} more than 0.05 levels apart"
    return largest


def check_bytes(one: list[Recording], other: list[Recording]) -> None:
    """Asserts that two runs of augflow gave the same bytes and attributes."""
    for first, second in zip(one, other, strict=True):
        assert len(first.steps) == len(second.steps)
        for number, (left, right) in enumerate(zip(first.steps, second.steps, strict=True)):
            _check_bytes(f"step {number}", left, right)
        assert list(first.saved) == list(second.saved)
        for name, pixels in first.saved.items():
            _check_bytes(name, pixels, second.saved[name])


def _check_bytes(title: str, one: Any, other: Any) -> None:
    if isinstance(one, (tuple, list)):
        assert len(one) == len(other), title
        for position, (left, right) in enumerate(zip(one, other, strict=True)):
            _check_bytes(f"{title}[{position}]", left, right)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape, title
        if one.dtype == object:
            assert one.tolist() == other.tolist(), title
        else:
            assert one.tobytes() == other.tobytes(), f"{title}: other bytes"
    else:
        assert _same(one, other), title
