"""Whether a result is the original in colour: its lightness, its mark, and what it was made of.

Colour is put over the lightness of a photo, which stays. What is left of a difference is how a file
keeps pixels. A level of 8 bits is up to 0.4 of L wide: ten old photos as PNG, TIFF and JPEG 2000
were off by 0.25 of L at most. Formats that compress with loss change more, in fine and steep parts
most; there, what 99 % of the pixels are off by at most is bounded, too. Measured at most:

===============  ====  =====
.                99 %    all
===============  ====  =====
JPEG 98          0.78   1.82
JPEG 90          3.20   8.25
JPEG 75          7.01  20.61
JPEG 50         12.63  32.71
WebP, AVIF       1.45   3.73
===============  ====  =====

The bounds leave about twice as much.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photochrom.color import Array
from photochrom.errors import BadPhoto
from photochrom.image.mark import read_marks
from photochrom.image.photo import Photo
from photochrom.image.provenance import Original, marked_original
from photochrom.image.reader import read_pages

LOSSY = frozenset({"AVIF", "HEIF", "JPEG", "JXL", "WEBP"})
"""Formats, by Pillow's names, that results are compressed in with loss."""
_LOSSLESS = 0.5
"""L, 0..100, that no pixel may differ by."""
_MOST, _ALL = 2.0, 6.0
"""L that 99 % of the pixels, and all, may differ by in formats with loss at a high quality."""
_MOST_OF_JPEG, _ALL_OF_JPEG = 25.0, 65.0
"""The same of a JPEG of quality 50; beyond that they go down to 0 at 100, as its steps do."""
_STEPS = 256  # in one L: how finely differences are counted
_BAND = 1 << 20  # pixels compared at a time


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found of a result and the photo that it is said to be made of."""

    greatest: float
    """Difference in L of CIE Lab, 0..100, over all pages."""
    most: float
    """Difference in L that 99 % of the pixels have at most, to 1/256."""
    bound: float
    """Difference in L that no pixel may have."""
    bound_of_most: float | None
    """Difference in L that 99 % of the pixels may have at most, where the format is compressed with
    loss; None where it is not, and each pixel counts alike."""
    captioned: bool
    """Whether the result has a strip below the picture, which was left out."""
    tool: str
    """That the result's metadata name, such as "photochrom 0.1.0"; "" for none of ours."""
    system: str
    """The AI system, as IPTC has it; "" for none."""
    system_version: str
    when: str
    """ISO 8601, or ""."""
    note: str
    """What was done, in words."""
    recorded: Original | None
    """The file that the result says it is made of."""
    original: Original
    """The file that it was compared with."""

    @property
    def same_lightness(self) -> bool:
        """Whether the result has the original's lightness."""
        most = self.bound if self.bound_of_most is None else self.bound_of_most
        return self.greatest <= self.bound and self.most <= most

    @property
    def same_original(self) -> bool | None:
        """Whether the result says that it is made of this very file; None where it does not say."""
        return self.recorded.sha256 == self.original.sha256 if self.recorded else None


def verify(
    result: str | os.PathLike[str], original: str | os.PathLike[str], *, damaged: bool = False
) -> Verification:
    """Compare a result with the photo that it is said to be made of, page by page.

    A result that is taller than the original, and as wide, is compared without what is below, which
    is the strip of its caption.

    Args:
        result: the path of a coloured photo.
        original: that of the photo.
        damaged: take what can be read of an original that is broken.

    Raises:
        BadPhoto: one of them cannot be read, or they have not the same size or number of pages.
    """
    counts = np.zeros(100 * _STEPS + 2, np.int64)
    greatest, captioned = 0.0, False
    bound, bound_of_most = _LOSSLESS, None
    pairs = itertools.zip_longest(read_pages(result), read_pages(original, damaged))
    for number, (page, source) in enumerate(pairs, 1):
        if page is None or source is None:
            more = original if page is None else result
            raise BadPhoto(f"{more} has more pages than the other: give the photo and its result.")
        captioned |= _check_sizes(page, source, str(result), str(original), number)
        bound, bound_of_most = _bounds(page)  # pages are of one format
        for difference in _differences(page, source):
            greatest = max(greatest, float(difference.max()))
            steps = np.ceil(difference * _STEPS).astype(np.int64).ravel()
            counts += np.bincount(np.minimum(steps, len(counts) - 1), minlength=len(counts))
    share = np.cumsum(counts) / counts.sum()
    mark = next(read_marks(Path(result)), None)
    return Verification(
        greatest=greatest,
        most=min(int(np.argmax(share >= 0.99)) / _STEPS, greatest),
        bound=bound,
        bound_of_most=bound_of_most,
        captioned=captioned,
        tool=mark.tool if mark else "",
        system=mark.system if mark else "",
        system_version=mark.system_version if mark else "",
        when=mark.when if mark else "",
        note=mark.note if mark else "",
        recorded=marked_original(mark) if mark else None,
        original=Original.at(original),
    )


def _bounds(page: Photo) -> tuple[float, float | None]:
    """How far L may be off anywhere, and in a format with loss in 99 % of the pixels."""
    if page.format not in LOSSY:
        return _LOSSLESS, None
    coarse = 0.0 if page.quality is None else min(2 - page.quality / 50, 1)  # libjpeg's scale
    return max(_ALL, _ALL_OF_JPEG * coarse), max(_MOST, _MOST_OF_JPEG * coarse)


def _check_sizes(page: Photo, source: Photo, result: str, original: str, number: int) -> bool:
    """Whether a page has a strip below the picture.

    Raises:
        BadPhoto: it has another size.
    """
    (height, width), (high, wide) = page.pixels.shape[:2], source.pixels.shape[:2]
    if width != wide or height < high:
        which = f"Page {number} of {result}" if page.paged else result
        raise BadPhoto(
            f"{which} has {width} by {height} pixels and {original} has {wide} by {high}: give the "
            "photo that it was made of, at its full size."
        )
    return bool(height > high)


def _differences(page: Photo, source: Photo) -> Iterator[Array]:
    """How far L is off, some rows at a time."""
    height, width = source.pixels.shape[:2]
    step = max(1, _BAND // width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        yield np.abs(page.lightness(rows) - source.lightness(rows))
