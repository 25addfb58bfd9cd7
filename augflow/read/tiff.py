"""TIFF files with their own dtype and bands: which decoder reads them without loss, by their tags.

Pillow knows few kinds beyond 8 bits and makes 16-bit colours 8-bit; OpenCV reads one, three and
four samples of any depth, but misreads others without a word; tifffile reads all, and needs
imagecodecs for LZW and JPEG. So the tags decide, and what comes out has to fit them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from augflow.read.orientation import swaps_sides, turn_pixels
from augflow.read.pillow import pixels_unchanged

# Tags of TIFF 6.0, sections 8 and 12.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 256, 257, 258, 262
_ORIENTATION, _SAMPLES, _PLANAR, _FORMAT = 274, 277, 284, 339
_KINDS = {1: "u", 2: "i", 3: "f"}
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB = 0, 1, 2
_CONTIGUOUS = 1
# Smaller copies and masks of the page before.
_NO_IMAGE = 0b101
# With more samples a page, it finds no mode and prints a line for each file.
_MOST_OF_PILLOW = 4
# Pages that are narrower than this, and more than they are wide, are the rows of an image whose
# bands lie in the last axis: (height, width, bands) written as if it were (pages, height, width).
_NARROWEST = 16
_OPENCV_DTYPES = frozenset({"i1", "u2", "i2", "u4", "i4", "f4", "f8"})

# The package index has another project by the name of augflow, which this must not install.
_INSTALL = 'in a clone of augflow pip install ".[tiff]"'


@dataclass(frozen=True)
class _Page:
    """What the tags of one page say."""

    number: int
    height: int
    width: int
    samples: int
    dtype: str
    photometric: int
    contiguous: bool
    orientation: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, samples) of the image, turned upright."""
        if swaps_sides(self.orientation):
            return self.width, self.height, self.samples
        return self.height, self.width, self.samples

    @property
    def suits_opencv(self) -> bool:
        if self.dtype not in _OPENCV_DTYPES:
            return False
        if self.samples == 1:
            return self.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK)
        if self.samples == 4 and self.dtype == "i1":
            # It multiplies 8 bits by their opacity.
            return False
        return self.samples in (3, 4) and self.photometric == _RGB and self.contiguous


def decode_tiff(data: bytes) -> np.ndarray:
    """Decode a TIFF with the values, dtype and bands that it holds.

    Pages of one band and of the same size and dtype are taken for the bands of one image.

    Args:
        data: the whole file.

    Returns:
        (height, width, bands), turned upright.

    Raises:
        ImportError: only tifffile, or imagecodecs, reads this kind, and it is not installed.
        Exception: whatever a decoder raises for a damaged file.
    """
    pages = _read_pages(data)
    if len(pages) == 1:
        page = pages[0]
        if page.dtype == "u1" and page.samples <= _MOST_OF_PILLOW:
            pixels = _by_pillow(data, page)
        else:
            pixels = _by_opencv(data, page) if page.suits_opencv else None
        if pixels is not None:
            return pixels
    elif len({(page.shape, page.dtype) for page in pages}) > 1 or pages[0].samples > 1:
        raise ValueError(
            f"it has {len(pages)} pages, and pages are taken for bands only if all have one "
            "band, the same size and the same dtype. Read it by a function of your own: "
            'formats={".tif": function}'
        )
    elif pages[0].width < min(_NARROWEST, len(pages)):
        raise ValueError(
            f"it has {len(pages)} pages of {pages[0].height} x {pages[0].width} pixels, as when an "
            "array of shape (height, width, bands) is written without saying so. Write it with "
            'tifffile.imwrite(path, array, photometric="minisblack", planarconfig="contig"), or '
            'read it by a function of your own: formats={".tif": function}'
        )
    return _by_tifffile(data, pages)


def _read_pages(data: bytes) -> list[_Page]:
    """The tags of all pages that are images of their own."""
    file = io.BytesIO(data)
    directory: Any = ImageFileDirectory_v2(data[: 16 if data[2:4] in (b"+\0", b"\0+") else 8])
    pages: list[_Page] = []
    seen: set[int] = set()
    number = 0
    while directory.next and directory.next not in seen:
        seen.add(directory.next)
        file.seek(directory.next)
        directory.load(file)
        if not int(directory.get(_SUBFILE, 0)) & _NO_IMAGE:
            pages.append(_page_of(directory, number))
        number += 1
    if not pages:
        raise UnidentifiedImageError("a TIFF without any image")
    return pages


def _page_of(tags: Any, number: int) -> _Page:
    bits, kinds = (
        set(value) if isinstance(value, tuple) else {value}
        for value in (tags.get(_BITS, 1), tags.get(_FORMAT, 1))
    )
    kind = _KINDS.get(max(kinds), "u")
    widest = max(bits)
    # Fewer than 8 bits become 8.
    dtype = f"{kind}{max(1, widest // 8)}"
    return _Page(
        number,
        int(tags[_HEIGHT]),
        int(tags[_WIDTH]),
        int(tags.get(_SAMPLES, 1)),
        dtype,
        int(tags.get(_PHOTOMETRIC, _MIN_IS_BLACK)),
        int(tags.get(_PLANAR, _CONTIGUOUS)) == _CONTIGUOUS,
        int(tags.get(_ORIENTATION, 1)),
    )


def _by_pillow(data: bytes, page: _Page) -> np.ndarray | None:
    """8 bits by Pillow; None where it does not know the kind, or would drop bands."""
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        # Not a verdict: tifffile reads the same bytes next.
        return None
    if len(image.getbands()) != page.samples:
        return None
    return pixels_unchanged(image)


def _by_opencv(data: bytes, page: _Page) -> np.ndarray | None:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        # Not a verdict either.
        return None
    if pixels is None or pixels.dtype != np.dtype(page.dtype):
        return None
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.shape != page.shape:
        return None
    return pixels if page.samples == 1 else pixels[:, :, [2, 1, 0, 3][: page.samples]].copy()


def _by_tifffile(data: bytes, pages: list[_Page]) -> np.ndarray:
    first = pages[0]
    what = f"a TIFF of {len(pages)} page(s) with {first.samples} band(s) of {first.dtype}"
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(f"{what} needs tifffile: {_INSTALL}") from error
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            bands = [_bands_last(file.pages[page.number], page) for page in pages]
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImportError(f"{what}: {error}: {_INSTALL}") from error
        raise
    return turn_pixels(np.concatenate(bands, axis=2), first.orientation)


def _bands_last(page: Any, tags: _Page) -> np.ndarray:
    """The pixels of tifffile's page, (height, width, samples), as stored."""
    pixels = page.asarray()
    if page.axes == "SYX":
        pixels = pixels.transpose(1, 2, 0)
    wanted = (tags.height, tags.width, tags.samples)
    if pixels.size != np.prod(wanted):
        raise ValueError(f"expected pixels of shape {wanted}, got {pixels.shape} ({page.axes})")
    return pixels.reshape(wanted)
