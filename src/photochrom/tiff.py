"""TIFF files, written page by page: 8 or 16 bits, without compression, each with its metadata.

Pillow writes neither 16-bit colour nor, beside compression, an EXIF directory. Numbers are little
endian; each page is its directories and then its pixels, so that no more than a page is held in
memory. Beyond 4 GB a file is a BigTIFF.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from PIL import TiffImagePlugin, TiffTags

from photochrom import metadata
from photochrom.metadata import Tags

MAX_PAGES = 10_000
"""Beyond this a file is more likely an attack than a scan."""

_STRIP = 1 << 20
"""Bytes of a strip at most, unless a row is longer."""
_LIMIT = 1 << 32
_NEW_SUBFILE_TYPE = 254
_HEADS = {False: b"II*\0\0\0\0\0", True: b"II+\0\x08\0\0\0" + bytes(8)}
_TYPES = {700: TiffTags.BYTE, 33723: TiffTags.UNDEFINED, 34675: TiffTags.UNDEFINED}
_OFFSETS = (TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.STRIPBYTECOUNTS)


def begins(head: bytes) -> bool:
    """Whether a file with these first bytes is a TIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def subfile_types(file: BinaryIO) -> list[int]:
    """``NewSubfileType`` of every directory, found without looking at anything else.

    Raises:
        ValueError: the file ends amid them, or there are more than any scan has.
    """
    file.seek(0)
    head = file.read(16)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    big = 43 in head[2:4]
    word, counter, entry = (8, 8, 20) if big else (4, 2, 12)

    def number(data: bytes) -> int:
        return int.from_bytes(data, order)

    place = number(head[8:16] if big else head[4:8])
    seen, types = set(), []
    while place and place not in seen:
        seen.add(place)
        file.seek(place)
        entries = number(_exactly(file, counter))
        data = _exactly(file, entries * entry if entries < 65536 else 1 << 62)
        of = {number(data[i : i + 2]): data[i : i + entry] for i in range(0, len(data), entry)}
        kind = of.get(_NEW_SUBFILE_TYPE, b"")
        types.append(number(kind[entry - word : entry - word + 4]))
        place = number(_exactly(file, word))
        if len(types) > MAX_PAGES:
            raise ValueError(f"it has more than {MAX_PAGES:,} pages")
    return types


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count) if count < 1 << 32 else b""
    if len(data) < count:
        raise ValueError("a directory is missing")
    return data


def tags(
    exif: bytes = b"",
    xmp: bytes = b"",
    iptc: bytes = b"",
    profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> Tags:
    """A page's metadata as tags; directories within are tags themselves."""
    found = metadata.load(exif)
    carried = {TiffImagePlugin.XMP: xmp, 33723: iptc, TiffImagePlugin.ICCPROFILE: profile}
    found |= {tag: value for tag, value in carried.items() if value}
    if dpi:
        found[TiffImagePlugin.X_RESOLUTION], found[TiffImagePlugin.Y_RESOLUTION] = dpi
        found[TiffImagePlugin.RESOLUTION_UNIT] = 2  # inches
    return found


def write(file: BinaryIO, pages: Iterable[tuple[npt.NDArray[Any], Tags]], *, big: bool) -> None:
    """Write pages, one at a time.

    Args:
        file: empty, and can be read back and forth.
        pages: pixels (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16, and what :func:`tags` made.
        big: as a BigTIFF, as is needed beyond 4 GB.

    Raises:
        ValueError: it is beyond 4 GB, and not ``big``.
    """
    word = 8 if big else 4
    file.write(_HEADS[big])
    link = len(_HEADS[big]) - word  # where the place of the next directory is written
    for pixels, described in pages:
        whole = described | _layout(pixels)
        start = _directory(file, whole, big)
        if not big and start + pixels.nbytes >= _LIMIT:
            raise ValueError("pages that grow take it beyond 4 GB")
        _rows(file, pixels)
        if pixels.nbytes % 2:
            file.write(b"\0")  # directories begin at even places: TIFF 6.0, section 2
        file.seek(link)
        file.write(start.to_bytes(word, "little"))
        file.seek(0, io.SEEK_END)
        link = start + (8 if big else 2) + len(whole) * (20 if big else 12)


def _layout(pixels: npt.NDArray[Any]) -> Tags:
    """The tags that say how pixels lie in the file; strips are counted from its directory's end."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    row = width * channels * pixels.itemsize
    rows = max(1, min(height, _STRIP // row))
    starts = range(0, height, rows)
    found: Tags = {
        TiffImagePlugin.IMAGEWIDTH: width,
        TiffImagePlugin.IMAGELENGTH: height,
        TiffImagePlugin.BITSPERSAMPLE: (8 * pixels.itemsize,) * channels,
        TiffImagePlugin.COMPRESSION: 1,  # none
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 1 if channels == 1 else 2,  # black is 0; RGB
        TiffImagePlugin.STRIPOFFSETS: tuple(start * row for start in starts),
        TiffImagePlugin.SAMPLESPERPIXEL: channels,
        TiffImagePlugin.ROWSPERSTRIP: rows,
        TiffImagePlugin.STRIPBYTECOUNTS: tuple(min(rows, height - s) * row for s in starts),
        TiffImagePlugin.PLANAR_CONFIGURATION: 1,
    }
    if channels == 4:
        found[TiffImagePlugin.EXTRASAMPLES] = 2  # alpha, not multiplied in
    return found


def _directory(file: BinaryIO, entries: Tags, big: bool, group: int | None = None) -> int:
    """Write a directory, and before it those within; answers where it begins."""
    offset = TiffTags.LONG8 if big else TiffTags.LONG
    directory = TiffImagePlugin.ImageFileDirectory_v2(_HEADS[big], group=group)
    for tag, value in entries.items():
        if isinstance(value, dict):
            directory.tagtype[tag] = offset
            directory[tag] = _directory(file, value, big, tag)
            continue
        if group is None and tag in _TYPES:
            directory.tagtype[tag] = _TYPES[tag]
        elif group is None and tag in _OFFSETS:
            directory.tagtype[tag] = offset
        directory[tag] = value
    start = file.tell()
    data = directory.tobytes(start)
    file.write(data + bytes(len(data) % 2))
    return start


def _rows(file: BinaryIO, pixels: npt.NDArray[Any]) -> None:
    height = len(pixels)
    rows = max(1, _STRIP * height // max(1, pixels.nbytes))
    for start in range(0, height, rows):
        part = pixels[start : start + rows]
        file.write(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).data)
