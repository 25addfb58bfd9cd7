"""Keras's ``preprocess_input`` functions, in NumPy and without Keras.

A worker process that unpickled ``keras.applications.resnet50.preprocess_input`` would
import Keras and its backend to subtract three numbers. So the known functions are
recognised by where they come from, and replaced by a small value that computes the same.
The numbers are the ImageNet channel statistics that Keras uses ("caffe": means of BGR
grey levels; "torch": means and deviations of RGB in [0, 1]; "tf": [-1, 1]).
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from augflow.base import defaults

_KERAS_MODES = ("tf", "torch", "caffe")
MODES = (*_KERAS_MODES, "identity")
_DATA_FORMATS = ("channels_first", "channels_last")
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_DEVIATION = (0.229, 0.224, 0.225)

_MODE_OF_FAMILY = {
    "convnext": "identity",
    "densenet": "torch",
    "efficientnet": "identity",
    "efficientnet_v2": "identity",
    "imagenet_utils": "caffe",
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "mobilenet_v3": "identity",
    "nasnet": "tf",
    "regnet": "identity",
    "resnet": "caffe",
    "resnet50": "caffe",
    "resnet_rs": "identity",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}
# The separate keras_applications package scales outside the model where Keras does it
# inside, and mobilenet_v2 changed between its releases: left to run as they are.
_DIFFERENT_IN_KERAS_APPLICATIONS = ("efficientnet", "mobilenet_v2", "mobilenet_v3")
_MODULE = re.compile(
    r"(?P<package>(?:keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras)"
    r"(?:\.src|\.api)?(?:\._v2\.keras)?\.applications|keras_applications)\.(?P<family>\w+)"
)


@dataclass(frozen=True)
class KerasPreprocessing:
    """What a ``preprocess_input`` of Keras computes, for NumPy arrays.

    Attributes:
        mode: "tf" scales to [-1, 1]; "torch" scales to [0, 1] and normalises each channel;
            "caffe" turns RGB into BGR and subtracts each channel's mean; "identity" does
            nothing.
        data_format: "channels_last" or "channels_first" of the arrays it is called with;
            None for the one Keras is configured to use.
    """

    mode: str
    data_format: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}. Received: {self.mode!r}")
        if self.data_format is not None and self.data_format not in _DATA_FORMATS:
            raise ValueError(
                f"data_format must be one of {_DATA_FORMATS} or None. "
                f"Received: {self.data_format!r}"
            )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Preprocess one image (3 axes) or a batch (4 axes) of RGB grey levels.

        A writable float array is overwritten, as Keras does; others are copied, and
        integers become Keras's float type. "torch" and "caffe" need 3 channels at least
        and leave those beyond the third as they are (but for the reversal).

        Returns:
            The result, of the input's shape.

        Raises:
            ValueError: fewer than 3 channels for "torch" or "caffe".
        """
        if self.mode == "identity":
            return image
        values = _writable_float(image)
        if self.mode == "tf":
            values /= 127.5
            values -= 1.0
            return values
        axis = -1 if self._data_format() == "channels_last" else -3
        channels = values.shape[axis]
        if channels < 3:
            raise ValueError(
                f'preprocess_input in mode "{self.mode}" needs 3 channels (RGB). Received '
                f'shape {values.shape}. Use color_mode="rgb".'
            )
        if self.mode == "torch":
            values /= 255.0
            _normalise(values, axis)
            return values
        reversed_channels = np.empty_like(values)
        for channel in range(channels):
            source = _channel(values, channels - 1 - channel, axis)
            target = _channel(reversed_channels, channel, axis)
            np.subtract(source, _CAFFE_MEAN[channel] if channel < 3 else 0.0, out=target)
        return reversed_channels

    def factors(
        self, channels: int, channels_first: bool
    ) -> tuple[np.ndarray, np.ndarray, bool] | None:
        """The same as a product and a sum, up to the rounding of a float32.

        Args:
            channels: of the images.
            channels_first: where the images that it is called with have them.

        Returns:
            What each channel, as it was read, is multiplied by, what is then added (float64 of
            shape (channels,)), and whether the channels are then reversed. None where it does
            something else.
        """
        ones, zeros = np.ones(channels), np.zeros(channels)
        if self.mode == "identity":
            return ones, zeros, False
        if self.mode == "tf":
            return ones / 127.5, zeros - 1.0, False
        if channels != 3 or channels_first != (self._data_format() == "channels_first"):
            return None
        if self.mode == "torch":
            deviation = np.array(_TORCH_DEVIATION)
            return 1.0 / (255.0 * deviation), -np.array(_TORCH_MEAN) / deviation, False
        return ones, -np.array(_CAFFE_MEAN[::-1]), True

    def _data_format(self) -> str:
        return self.data_format if self.data_format is not None else defaults.data_format()


def recognise(function: Callable[..., Any] | None) -> KerasPreprocessing | None:
    """The NumPy twin of a known ``preprocess_input``, or None for any other function.

    Known are those of Keras 3, Keras 2 (alone, in TensorFlow, tf_keras) and the
    keras_applications package, bare or as a ``functools.partial`` with ``data_format=`` or
    (imagenet_utils) ``mode=``. Nothing is imported.

    Args:
        function: what the user gave as ``preprocessing_function``.

    Returns:
        The twin, with the data format that holds now written into it, so that it means
        the same in a process that knows no Keras.
    """
    keywords: dict[str, Any] = {}
    inner: Any = function
    if isinstance(function, functools.partial):
        if function.args:
            return None
        inner, keywords = function.func, function.keywords
    family = _family(inner)
    if family is None:
        return None
    takes = {"data_format", "mode"} if family == "imagenet_utils" else {"data_format"}
    if not set(keywords) <= takes:
        return None  # the call fails; let Keras say so
    data_format = keywords.get("data_format")
    if keywords.get("mode", "tf") not in _KERAS_MODES or data_format not in (*_DATA_FORMATS, None):
        return None
    mode = keywords.get("mode", _MODE_OF_FAMILY[family])
    return KerasPreprocessing(mode, data_format or defaults.data_format())


def _family(function: Any) -> str | None:
    """The model family whose module owns this function as its ``preprocess_input``."""
    if getattr(function, "__name__", None) != "preprocess_input":
        return None
    module_name = getattr(function, "__module__", None)
    match = _MODULE.fullmatch(module_name) if isinstance(module_name, str) else None
    if match is None or module_name is None:
        return None
    family = match["family"]
    if family not in _MODE_OF_FAMILY:
        return None
    if match["package"] == "keras_applications" and family in _DIFFERENT_IN_KERAS_APPLICATIONS:
        return None
    # A function of the user's that borrowed the name (functools.wraps, say) is not Keras's.
    if getattr(sys.modules.get(module_name), "preprocess_input", None) is not function:
        return None
    return family


def _writable_float(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind != "f":
        return image.astype(defaults.floatx())
    return image if image.flags.writeable else image.copy()


def _channel(values: np.ndarray, channel: int, axis: int) -> np.ndarray:
    return values[..., channel] if axis == -1 else values[..., channel, :, :]


def _normalise(values: np.ndarray, axis: int) -> None:
    """Subtract the means and divide by the deviations, in place."""
    if axis == -1 and values.shape[-1] == 3 and values.flags.c_contiguous:
        # Whole rows at once: three times as fast as one channel in three numbers.
        width = values.shape[-2]
        rows = values.reshape(-1, width * 3)
        rows -= np.tile(np.array(_TORCH_MEAN, dtype=values.dtype), width)
        rows /= np.tile(np.array(_TORCH_DEVIATION, dtype=values.dtype), width)
        return
    for channel in range(3):
        part = _channel(values, channel, axis)
        part -= _TORCH_MEAN[channel]
        part /= _TORCH_DEVIATION[channel]
