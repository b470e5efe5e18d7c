"""TIFF files, written page by page: 8 or 16 bits, each with its metadata.

Pillow writes neither 16-bit colour nor, beside compression, an EXIF directory. Each page is its
pixels and then its directories, so that no more than a page is held in memory. Beyond 4 GB a file
is a BigTIFF.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable
from typing import BinaryIO, Literal

import cv2
import numpy as np
from PIL.ExifTags import Base as Tag

from photochrom.color import Array
from photochrom.image import exif, icc, ifd
from photochrom.image.ifd import IfdEntry, Layout, Tree
from photochrom.image.photo import Photo
from photochrom.parallel import map_ahead

Compression = Literal["deflate", "lzw", "none"]

_STRIP = 1 << 20  # bytes of a strip at most, unless a row is longer
_LIMIT = 1 << 32
_LEVEL = 4  # of Deflate: beyond it photos get hardly smaller, and take twice as long
_CODES = {"none": 1, "lzw": 5, "deflate": 8}


def write_pages(
    file: BinaryIO, photos: Iterable[Photo], *, big: bool, compression: Compression = "deflate"
) -> None:
    """Write pages, one at a time.

    The file begins with the first page's EXIF block, so that whatever counts places in it, as
    maker notes do, still finds them.

    Args:
        file: empty, and can be read back and forth.
        photos: at least one.
        big: as a BigTIFF, as is needed beyond 4 GB.
        compression: of the pixels.

    Raises:
        ValueError: it is beyond 4 GB, and not ``big``.
    """
    layout, link = None, 0
    for photo in photos:
        pixels = photo.planes()
        block, tree = _parse_exif(photo.exif)
        if layout is None:
            layout = Layout(block.order if block and not big else "little", big)
            begun = photo.exif if block and not big else layout.head + bytes(layout.word)
            file.write(begun + bytes(len(begun) % 2))
            link = len(layout.head)
            if big and block:
                tree = ifd.reorder(tree, block.order, layout.order)
        elif block:
            tree = ifd.reorder(tree, block.order, layout.order)
        tree |= _metadata_entries(photo, tree, layout)
        tree |= _pixel_entries(pixels, compression, layout)
        places, lengths = _write_strips(file, pixels, compression, layout)
        tree[Tag.StripOffsets] = ifd.places_entry(places, layout)
        tree[Tag.StripByteCounts] = ifd.places_entry(lengths, layout)
        start = file.tell()
        data, at = ifd.serialize(tree, start, layout)
        if not big and start + len(data) >= _LIMIT:
            raise ValueError("pages that grow take it beyond 4 GB")
        file.write(data)
        file.seek(link)
        file.write(layout.pack(at))
        file.seek(0, io.SEEK_END)
        link = at + (8 if big else 2) + len(tree) * (20 if big else 12)


def _parse_exif(block: bytes) -> tuple[Layout | None, Tree]:
    """The layout and the entries of a block; None and none where there is none."""
    try:
        parsed = exif.parse(block)
    except ifd.Broken:
        return None, {}
    return parsed.layout, exif.without_tiff_tags(parsed.tree)


def _metadata_entries(photo: Photo, tree: Tree, layout: Layout) -> Tree:
    """What a TIFF keeps in entries of its own."""
    found: Tree = {}
    profile = icc.srgb_profile() if photo.profiled else b""
    for tag, kind, data in (
        (Tag.XMLPacket, ifd.BYTE, photo.xmp),
        (Tag.IPTCNAA, ifd.UNDEFINED, photo.iptc),
        (Tag.InterColorProfile, ifd.UNDEFINED, profile),
    ):
        if data:
            found[tag] = IfdEntry(kind, len(data), data)
    if photo.dpi and not exif.has_resolution(tree, layout, photo.dpi):
        found |= exif.resolution_entries(photo.dpi, layout)
    return found


def _pixel_entries(pixels: Array, compression: Compression, layout: Layout) -> Tree:
    """The entries that say how pixels are stored."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    values = {
        Tag.ImageWidth: (width,),
        Tag.ImageLength: (height,),
        Tag.BitsPerSample: (8 * pixels.itemsize,) * channels,
        Tag.Compression: (_CODES[compression],),
        Tag.PhotometricInterpretation: (1 if channels == 1 else 2,),  # black is 0; RGB
        Tag.SamplesPerPixel: (channels,),
        Tag.RowsPerStrip: (_rows_per_strip(pixels),),
        Tag.PlanarConfiguration: (1,),
    }
    if compression != "none":
        values[Tag.Predictor] = (2,)  # differences along the row
    if channels == 4:
        values[Tag.ExtraSamples] = (2,)  # alpha, not multiplied in
    wide = (Tag.ImageWidth, Tag.ImageLength, Tag.RowsPerStrip)
    return {
        tag: IfdEntry(
            ifd.LONG if tag in wide else ifd.SHORT,
            len(numbers),
            b"".join(layout.pack(n, 4 if tag in wide else 2) for n in numbers),
        )
        for tag, numbers in values.items()
    }


def _rows_per_strip(pixels: Array) -> int:
    return max(1, min(len(pixels), _STRIP * len(pixels) // max(1, pixels.nbytes)))


def _write_strips(
    file: BinaryIO, pixels: Array, compression: Compression, layout: Layout
) -> tuple[list[int], list[int]]:
    """Write the pixels; answers places and lengths of the strips."""
    rows, places, lengths = _rows_per_strip(pixels), [], []

    def pack(start: int) -> bytes:
        return _pack_strip(pixels[start : start + rows], compression, layout)

    starts = range(0, len(pixels), rows)
    for data in map_ahead(pack, starts, cv2.getNumThreads(), ahead=64):
        places.append(file.tell())
        lengths.append(len(data))
        file.write(data + bytes(len(data) % 2))
    return places, lengths


def _pack_strip(part: Array, compression: Compression, layout: Layout) -> bytes:
    if compression != "none":
        difference = part.copy()
        difference[:, 1:] -= part[:, :-1]
        part = difference
    data = np.ascontiguousarray(part, part.dtype.newbyteorder(layout.order)).tobytes()
    if compression == "deflate":
        return zlib.compress(data, _LEVEL)
    if compression == "lzw":
        import imagecodecs

        return bytes(imagecodecs.lzw_encode(data))
    return data
