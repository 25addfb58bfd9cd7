"""A cache that stays on disk: its folder, and the table that gives each file its slot.

The folder is named by the settings, so that others are other folders. In it:

- ``paths``: a first line that says what this is, then a line a slot, the absolute path. Lines
  are only ever appended, with ``lock`` held. A damaged or torn line does no harm: each record
  knows its path, so a slot that has come to a wrong file is filled anew.
- ``headers`` and ``pixels``: see ``slot_store``.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import time
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from augflow.settings import ReadSettings
from augflow.slot_store import RECORD_BYTES, CachePlace, slot_stride

# Raised whenever the files or the pixels that augflow reads change.
FORMAT = 1
_NAMES = ("paths", "headers", "pixels")
_MOST_SECONDS_TO_WAIT = 60.0
_FULL = frozenset(
    number
    for name in ("ENOSPC", "EDQUOT", "ENOMEM", "EFBIG", "EMFILE", "ENFILE", "EAGAIN")
    if (number := getattr(errno, name, None)) is not None
)


def is_full(error: OSError) -> bool:
    """Whether an error says that something has run out, rather than that it is wrong."""
    return error.errno in _FULL


def folder_name(settings: ReadSettings) -> str:
    """A readable name for the images that settings give: "224x224-rgb-nearest-v1"."""
    assert settings.target_size is not None
    height, width = settings.target_size
    parts = [f"{height}x{width}", settings.color_mode, settings.interpolation]
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in ("target_size", "color_mode", "interpolation") or value == field.default:
            continue
        parts.append(field.name if value is True else f"{field.name}={value}")
    return "-".join([*parts, f"v{FORMAT}"])


class CacheFolder:
    """The files of one cache.

    Args:
        directory: the user's, made if missing.
        name: of the folder in it.
        image_shape: (height, width, channels) of every image.

    Raises:
        OSError: the folder cannot be made or written to.
    """

    def __init__(self, directory: str, name: str, image_shape: tuple[int, int, int]) -> None:
        self.path = os.path.join(directory, name)
        self._image_shape = image_shape
        shape = " x ".join(map(str, image_shape))
        self._first_line = f"augflow image cache, version {FORMAT}, {shape}\n".encode()
        os.makedirs(self.path, exist_ok=True)
        with self._locked():
            self._make_files()

    def place(self) -> CachePlace:
        """See ``image_cache.Files``."""
        pixels, headers = self._file("pixels"), self._file("headers")
        return CachePlace(
            pixels,
            headers,
            os.stat(pixels).st_ino,
            os.stat(headers).st_ino,
            self._image_shape,
            False,
        )

    def assign(self, paths: list[bytes]) -> np.ndarray:
        """See ``image_cache.Files``."""
        with self._locked():
            table, slots = self._read_table()
            added = []
            for path in paths:
                if path not in table:
                    table[path] = slots
                    slots += 1
                    added.append(_line(path))
            # First, so that files too short for the table are known to have been cut.
            for name, size in self._sizes(slots):
                _lengthen(self._file(name), size)
            if added:
                with open(self._file("paths"), "ab") as file:
                    file.write(b"".join(added))
        return np.array([table[path] for path in paths], np.int32)

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def intact(self) -> bool:
        """See ``image_cache.Files``."""
        try:
            with open(self._file("paths"), "rb") as file:
                known = file.readline() == self._first_line
                lines = file.read().count(b"\n")
            sizes = self._sizes(lines)
            return known and all(os.path.getsize(self._file(name)) >= size for name, size in sizes)
        except FileNotFoundError:
            return False

    def _sizes(self, slots: int) -> list[tuple[str, int]]:
        stride = slot_stride(self._image_shape)
        return [("headers", slots * RECORD_BYTES), ("pixels", slots * stride)]

    def _make_files(self) -> None:
        """Begin anew where ``paths`` is none of ours, or files are missing or were cut."""
        if not self.intact():
            # New files, because other processes may have the old ones mapped.
            for name in _NAMES:
                if os.path.lexists(self._file(name)):
                    os.unlink(self._file(name))
            with open(self._file("paths"), "xb") as file:
                file.write(self._first_line)
        for name in _NAMES:
            with open(self._file(name), "ab"):
                pass

    def _read_table(self) -> tuple[dict[bytes, int], int]:
        """The slot of each path, and the number of slots."""
        with open(self._file("paths"), "r+b") as file:
            data = file.read()
            if not data.endswith(b"\n"):
                # A process was killed, or a disk full, in the middle of a line.
                file.write(b"\n")
                data += b"\n"
        lines = data.split(b"\n")[1:-1]
        table: dict[bytes, int] = {}
        for slot, line in enumerate(lines):
            table.setdefault(_path_of(line), slot)
        return table, len(lines)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Keep others, also flows of this process, from changing the table meanwhile."""
        import fcntl

        deadline = time.monotonic() + _MOST_SECONDS_TO_WAIT
        with open(self._file("lock"), "ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise TimeoutError(
                            errno.EAGAIN,
                            f"another process has held it for {_MOST_SECONDS_TO_WAIT:.0f} s",
                            file.name,
                        ) from error
                    time.sleep(0.01)
            # The kernel lets go of it when the file is closed, or its process killed.
            yield


def _line(path: bytes) -> bytes:
    return path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n") + b"\n"


def _path_of(line: bytes) -> bytes:
    if b"\\" not in line:
        return line
    # A character that no path has stands for the backslash meanwhile.
    return line.replace(b"\\\\", b"\0").replace(b"\\n", b"\n").replace(b"\0", b"\\")


def _lengthen(path: str, size: int) -> None:
    if os.path.getsize(path) < size:
        with open(path, "r+b") as file:
            file.truncate(size)
