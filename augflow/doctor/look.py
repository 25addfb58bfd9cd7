"""What a worker notes of one file: what kind of image it is, and what it looks like."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import Image

from augflow.base.regular_file import read_regular
from augflow.base.stage_times import StageClock
from augflow.batch.plan import BadSample, Built, Job
from augflow.cache.slots import SlotStore
from augflow.errors import ImageReadError, is_broken_file, reason_of
from augflow.memory.layout import Field, Layout
from augflow.order.held_generators import NO_GENERATORS, HeldGenerators
from augflow.read.decode import decode, describe_failure, is_jpeg, plain_size

FORMATS = ("", "JPEG", "PNG", "BMP", "PPM", "TIFF", "GIF", "WEBP", "MPO", "other")
MODES = ("", "1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "other")
# What stands in a row of notes.
FORMAT, MODE, WIDTH, HEIGHT, ORIENTATION, TRANSPARENT, LOW, HIGH, VALUES = range(9)
_NOTES = 9
THUMBNAIL = 16  # pixels a side
DIGEST = 16  # bytes
_ORIENTATION_TAG = 0x0112
_DCT_SIDE, _LOW_SIDE = 32, 8
_KEPT_SIDE = 64
_EXIF_WORDS = (b"Exif", b"eXIf", b"exif", b"adobe", b"MPF")
_SCAN_BEGINS = b"\xff\xda"
_HAS_ALPHA = ("RGBA", "LA", "PA", "P")


@dataclass(frozen=True)
class LookPlan:
    """A ``BatchPlan``: for each file its notes, the digest of its bytes, and how it looks.

    The name of a sample is (path, whether it is a mask).
    """

    cache: ClassVar[None] = None
    is_indivisible: ClassVar[bool] = False
    calls_user_code: ClassVar[bool] = False
    leaves_out: ClassVar[bool] = True
    held_generators: ClassVar[HeldGenerators] = NO_GENERATORS

    @property
    def layout(self) -> Layout:
        """Notes, digest, thumbnail, hash."""
        return Layout(
            (
                Field((_NOTES,), "<i8"),
                Field((DIGEST,), "|u1"),
                Field((THUMBNAIL, THUMBNAIL), "|u1"),
                Field((_LOW_SIDE,), "|u1"),
            )
        )

    def build(
        self,
        job: Job,
        arrays: list[np.ndarray],
        clock: StageClock,
        store: SlotStore | None = None,
    ) -> Built:
        """Look at the job's files, see ``BatchPlan``."""
        built = Built()
        for place, name in enumerate(job.names):
            row = job.start + place
            clock.begin(row, name)
            for array in arrays:
                array[row] = 0
            try:
                path, is_mask = name
                self._look(path, is_mask, [array[row] for array in arrays])
            except MemoryError:
                raise
            except Exception as error:
                # Pillow's plugins raise many types for damaged files; all are what is asked for.
                if isinstance(error, OSError) and not is_broken_file(error):
                    raise
                built.bad.append(BadSample(row, name, reason_of(error)))
        return built

    def _look(self, path: str, is_mask: bool, row: list[np.ndarray]) -> None:
        notes, digest, thumbnail, hashed = row
        data = read_regular(path)
        if is_mask:
            pixels = _mask_pixels(data, path)
            notes[HEIGHT], notes[WIDTH] = pixels.shape[:2]
            notes[LOW], notes[HIGH] = pixels.min(), pixels.max()
            notes[VALUES] = _few_values(pixels)
            return
        digest[:] = np.frombuffer(hashlib.blake2b(data, digest_size=DIGEST).digest(), np.uint8)
        try:
            if not _note_plain(data, notes):
                with Image.open(io.BytesIO(data)) as image:
                    _note_kind(image, notes)
            decoded = decode(data, "rgb")
        except Exception as error:
            raise ImageReadError(path, describe_failure(data, error)) from error
        gray = _gray(np.asarray(decoded))
        thumbnail[:] = cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
        hashed[:] = _perceptual_hash(gray)

    def user_code(self) -> str:
        """See ``BatchPlan``."""
        return "the look at a file"

    def describe(self, name: Any) -> str:
        """See ``BatchPlan``."""
        return f"file {name[0]!r}"


def _note_plain(data: bytes, notes: np.ndarray) -> bool:
    """Note what a plain file without EXIF data is; False for others, which Pillow has to open."""
    size = plain_size(data)
    # A JPEG has it in front of its pixels; a thumbnail in there comes after the word.
    head = data[: data.find(_SCAN_BEGINS)] if is_jpeg(data) else data
    if size is None or any(word in head for word in _EXIF_WORDS):
        return False
    notes[FORMAT] = FORMATS.index("JPEG" if is_jpeg(data) else "PNG")
    notes[HEIGHT], notes[WIDTH], channels = size
    notes[MODE] = MODES.index("L" if channels == 1 else "RGB")
    notes[ORIENTATION] = 1
    return True


def _note_kind(image: Image.Image, notes: np.ndarray) -> None:
    """What the file says of itself."""
    kind, mode = image.format or "", image.mode
    notes[FORMAT] = FORMATS.index(kind if kind in FORMATS else "other")
    if mode.startswith("I;16"):
        mode = "I;16"
    notes[MODE] = MODES.index(mode if mode in MODES else "other")
    notes[WIDTH], notes[HEIGHT] = image.size
    notes[ORIENTATION] = image.getexif().get(_ORIENTATION_TAG, 1)
    if mode in _HAS_ALPHA and (mode != "P" or "transparency" in image.info):
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        notes[TRANSPARENT] = int(alpha.min() < 255)


def _gray(pixels: np.ndarray) -> np.ndarray:
    """Gray levels, uint8 of shape (32, 32)."""
    if pixels.ndim == 3:
        one = pixels.shape[2] == 1
        pixels = pixels[..., 0] if one else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = pixels.shape
    factor = min(height, width) // _KEPT_SIDE
    if factor > 1:
        # By a whole number OpenCV is many times faster, and what remains is little.
        height, width = height // factor, width // factor
        whole = pixels[: height * factor, : width * factor]
        pixels = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (_DCT_SIDE, _DCT_SIDE), interpolation=cv2.INTER_AREA)


def _perceptual_hash(gray: np.ndarray) -> np.ndarray:
    """64 bits, uint8 of shape (8,): which low frequencies of the image are above their median.

    A copy that was resized or compressed again differs in a few of them.
    """
    low = cv2.dct(gray.astype(np.float32))[:_LOW_SIDE, :_LOW_SIDE].reshape(-1)
    # The first one is the brightness, which says nothing.
    return np.packbits(low > np.partition(low[1:], low.size // 2)[low.size // 2])


def _mask_pixels(data: bytes, path: str) -> np.ndarray:
    """The values of a mask, (height, width) or (height, width, channels)."""
    if path.lower().endswith(".npy"):
        return np.load(io.BytesIO(data), allow_pickle=False)  # type: ignore[no-any-return]
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image)
    except Exception as error:
        raise ImageReadError(path, describe_failure(data, error), "mask") from error


def _few_values(pixels: np.ndarray) -> int:
    """How many different values there are, 3 for more than two."""
    low, high = pixels.min(), pixels.max()
    if low == high:
        return 1
    return 2 if ((pixels == low) | (pixels == high)).all() else 3
