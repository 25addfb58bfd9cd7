"""The compiled kernel: which of its paths is used, and how it is called.

The environment variable ``AUGFLOW_KERNEL`` says which, when this module is first imported: "auto"
(the default) takes the best vector path that the processor has, "plain" the portable C, "off"
leaves all to OpenCV, as where the kernel was not compiled. All paths of the kernel give the same
bits. Without vectors it takes twice as long as OpenCV, which has some for every processor: "auto"
is then "off".
"""

from __future__ import annotations

import os

import numpy as np

try:
    from augflow.native import _kernel
except ImportError:  # there was no compiler when augflow was installed
    _kernel = None  # type: ignore[assignment]

# That of kernel.c.
_INTERFACE = 3
if _kernel is not None and getattr(_kernel, "INTERFACE", 0) != _INTERFACE:
    # A checkout that was updated and not installed again.
    _kernel = None  # type: ignore[assignment]
# The module itself.
COMPILED = _kernel

VARIABLE = "AUGFLOW_KERNEL"
OFF, PLAIN, AUTO = "off", "plain", "auto"
_CHOICES = (AUTO, PLAIN, OFF)
# In the kernel's order, the fastest last.
PATH_NAMES = (PLAIN, "avx2", "avx512")
# As the kernel numbers them.
FILL_MODES = {"nearest": 0, "reflect": 1, "constant": 2, "wrap": 3}
ORDERS = (0, 1)
# What describes one image: its matrix's first two rows, horizontal flip, vertical flip.
MOVE_LENGTH = 8


# Those that this processor runs.
PATHS = () if _kernel is None else PATH_NAMES[: _kernel.best() + 1]


def _choose(wanted: str) -> str:
    """The path for a value of the environment variable.

    Raises:
        ValueError: the value is unknown.
    """
    if wanted not in _CHOICES:
        raise ValueError(f"{VARIABLE} must be one of {', '.join(_CHOICES)}. Received: {wanted!r}")
    if wanted == OFF or not PATHS or (wanted == AUTO and PATHS[-1] == PLAIN):
        return OFF
    return PATHS[-1] if wanted == AUTO else PLAIN


PATH = _choose(os.environ.get(VARIABLE) or AUTO)
IS_ON = PATH != OFF


def why_off() -> str | None:
    """Why OpenCV warps and not the kernel, in a few words; None where the kernel does."""
    if IS_ON:
        return None
    if not PATHS:
        return "augflow was installed without a C compiler, or its sources are newer than that"
    return f"{VARIABLE}={OFF}" if PATHS[-1] != PLAIN else "it has no vectors for this processor"


def describe() -> str:
    """What warps, in a few words."""
    return f"the kernel, path {PATH!r}" if IS_ON else f"OpenCV, not the kernel: {why_off()}"


def warp_images(
    sources: np.ndarray,
    targets: np.ndarray,
    moves: np.ndarray,
    fill_mode: str,
    cval: float,
    order: int,
    multiply: np.ndarray,
    add: np.ndarray,
    path: str = PATH,
) -> None:
    """Warp, flip and scale images, in one pass.

    A value is that of ``scipy.ndimage.affine_transform``, within 0.001 for values from 0 to 255
    and ``order=1``, times ``multiply``, plus ``add``. Other threads run meanwhile.

    Args:
        sources: uint8 or float32 of shape (images, height, width, channels), any strides.
        targets: float32 of the same shape, any strides. The same memory as ``sources``, or other
            memory: an image may not overlap another one's row.
        moves: C-contiguous float64 of shape (images, 8): the first two rows of a matrix from
            output to input, then whether the result is mirrored left and right, and top and
            bottom (0 or 1).
        fill_mode: one of ``FILL_MODES``.
        cval: the value outside for "constant", before it is scaled.
        order: 0, the nearest pixel, or 1, bilinear.
        multiply, add: float32 of shape (channels,).
        path: one of ``PATHS``.

    Raises:
        ValueError: shapes or dtypes do not fit, or a matrix is not finite or leads farther than
            1e12 pixels.
        OverflowError: an image would take more bytes than a number of 64 bits can say.
    """
    fill = np.float32(cval) * multiply + add
    mode = FILL_MODES[fill_mode]
    _kernel.warp(sources, targets, moves, mode, order, fill, multiply, add, PATH_NAMES.index(path))


def pick_pixels(
    sources: np.ndarray,
    targets: np.ndarray,
    moves: np.ndarray,
    fill_mode: str,
    cval: float | int,
    path: str = PATH,
) -> None:
    """Warp and flip images of any dtype by the nearest pixel, which none changes.

    Args:
        sources: any dtype of fixed size, shape (images, height, width, channels), any strides.
        targets: of the same dtype and shape.
        moves: see ``warp_images``.
        fill_mode: one of ``FILL_MODES``.
        cval: the value outside for "constant"; it must fit into the dtype.
        path: one of ``PATHS``.

    Raises:
        ValueError, OverflowError: as ``warp_images``.
    """
    fill = np.full(sources.shape[3], cval, sources.dtype)
    mode = FILL_MODES[fill_mode]
    _kernel.warp(sources, targets, moves, mode, 0, fill, None, None, PATH_NAMES.index(path))
