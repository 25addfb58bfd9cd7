"""What the tests of methods and helper functions share."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
from keras.src.legacy.preprocessing import image as keras_image

from tests.parity.compare import augflow_library
from tests.parity.images import Images

LEVELS = 0.05


def helper_module() -> Any:
    """augflow's helper functions."""
    return importlib.import_module("augflow.preprocessing.image")


def generators(**settings: Any) -> tuple[Any, Any]:
    """Keras's generator and augflow's, from the same arguments."""
    library = augflow_library(workers=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (
            keras_image.ImageDataGenerator(**settings),
            library.module.ImageDataGenerator(**settings, **library.options),
        )


def assert_close(ours: Any, theirs: Any, levels: float = LEVELS) -> None:
    """The same type, dtype and shape, and values at most ``levels`` grey levels apart."""
    assert type(ours) is type(theirs)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(
        ours.astype("float64"), theirs.astype("float64"), rtol=0, atol=levels
    )


def photo(images: Images, dtype: str = "float32", square: bool = False) -> np.ndarray:
    """A fresh photograph of 40 x 48 x 3 (40 x 40 x 3 if square), channels last."""
    image = images.arrays["rgb"][0].astype(dtype)
    return image[:, : image.shape[0]].copy() if square else image.copy()
