"""Builds the compiled kernel; all else is in pyproject.toml.

One build serves every Python from 3.11 on (the stable ABI). Without a C compiler augflow installs
without it, and warps by OpenCV.
"""

from setuptools import Extension, setup

_SOURCES = "augflow/native"
_KERNEL = Extension(
    "augflow.native._kernel",
    [f"{_SOURCES}/kernel.c"],
    depends=[f"{_SOURCES}/{name}.h" for name in ("warp", "rows", "wide")],
    # No fused multiply-add: all processors are to give the same bits.
    extra_compile_args=["-std=c11", "-O3", "-ffp-contract=off"],
    py_limited_api=True,
    optional=True,
)

setup(ext_modules=[_KERNEL], options={"bdist_wheel": {"py_limited_api": "cp311"}})
