"""Builds the compiled kernel; all else is in pyproject.toml.

One build serves every Python from 3.11 on (the stable ABI). Without a C compiler augflow installs
without it, and warps by OpenCV and resizes by Pillow.
"""

from glob import glob

from setuptools import Extension, setup

_SOURCES = "augflow/native"
_KERNEL = Extension(
    "augflow.native._kernel",
    sorted(glob(f"{_SOURCES}/*.c")),
    depends=glob(f"{_SOURCES}/*.h"),
    # No fused multiply-add: all processors are to give the same bits.
    extra_compile_args=["-std=c11", "-O3", "-ffp-contract=off"],
    libraries=["m"],
    py_limited_api=True,
    optional=True,
)

setup(ext_modules=[_KERNEL], options={"bdist_wheel": {"py_limited_api": "cp311"}})
