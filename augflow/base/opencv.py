"""OpenCV, in a version whose warps are exact.

OpenCV 4 rounds source coordinates to 1/32 of a pixel, which is up to 4.5 grey levels off. Two
wheels (opencv-python and opencv-python-headless) can overwrite each other's ``cv2``, so the
version is checked where it matters and not only when augflow is installed.
"""

from __future__ import annotations

import os

import cv2

if int(cv2.__version__.split(".")[0]) < 5:
    raise ImportError(
        f"augflow needs OpenCV 5 or later. Found cv2 {cv2.__version__} in {cv2.__file__}. "
        "Uninstall every opencv-python* package, then: pip install 'opencv-python-headless>=5'"
    )


def _use_no_threads() -> None:
    """A forked child has none of the threads of OpenCV's pool, and may wait for one for ever."""
    cv2.setNumThreads(0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_use_no_threads)

__all__ = ["cv2"]
