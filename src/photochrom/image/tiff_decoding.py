"""The pixels of a TIFF's page, by tifffile: of any depth, layout, compression and colour space."""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL.ExifTags import Base as Tag

from photochrom.color import Array
from photochrom.errors import BadPhoto
from photochrom.image import headers, ifd, levels
from photochrom.image.icc import Space
from photochrom.image.levels import Levels
from photochrom.image.rescue import inflate
from photochrom.image.tiff_page import (
    ALPHA,
    LEFT_OUT,
    MAX_SAMPLES,
    MULTIPLIED,
    UNPACKED,
    YCBCR,
    Page,
)

_LZW, _DEFLATE = 5, (8, 32946)
_FLOATS = 3  # SampleFormat
_OF_THEIR_OWN = 6, 7, 33007, 34892, 33003, 33004, 33005, 34712, 50001
"""Compressions whose strips have heads with sizes of their own, which are checked."""
_BLOCK = 16  # levels to whole numbers of which JPEG may fill up a strip's sides
_REFUSED = 22610, 34933, 34934, 48124, 50002, 52546, 65000, 65001, 65002
"""Such ones as cannot be checked, like JPEG XR; for PNG see :mod:`photochrom.image.sixteen_bit`."""


class Decoded(NamedTuple):
    """Levels in a page's own colour space."""

    pixels: Levels
    """(H, W) grey, (H, W, 3) RGB or Lab, (H, W, 4) CMYK; uint8 or uint16, as profiles want them."""
    alpha: Levels | None
    space: Space
    notes: tuple[str, ...]
    missing: float  # share of the pixels that could not be read, 0..1; they are black


_SPACES: dict[int, tuple[Space, int]] = {
    **{0: ("grey", 1), 1: ("grey", 1), 2: ("RGB", 3), 3: ("grey", 1)},
    **{5: ("CMYK", 4), 6: ("RGB", 3), 8: ("Lab", 3), 9: ("Lab", 3)},
}
"""By PhotometricInterpretation: what the colours are, and how many samples they have."""
_WHITE_IS_ZERO, _PALETTE, _CIE_LAB = 0, 3, 8


def decode(page: Page, name: str, *, damaged: bool = False) -> Decoded:
    """Read a page's pixels.

    Args:
        page: whose size was found believable.
        name: for the errors.
        damaged: whether what is missing may be left out.

    Raises:
        BadPhoto: its pixels are of a kind that is not read.
        Exception: of any type, where the file is damaged.
    """
    import tifffile

    stream = page.stream()
    with tifffile.TiffFile(stream) as file:
        found = file.pages[0]
        assert isinstance(found, tifffile.TiffPage)
        kind = int(found.photometric if found.photometric is not None else 1)
        photometric = page.number(Tag.PhotometricInterpretation, kind)
        if photometric not in _SPACES or page.number(Tag.InkSet, 1) != 1:
            raise BadPhoto(f"{name} has colours of an unusual kind: export it as RGB first.")
        space, colors = _SPACES[photometric]
        samples = found.samplesperpixel
        if not colors <= samples <= MAX_SAMPLES or found.imagedepth != 1:
            raise BadPhoto(
                f"{name} has {samples} channels where {space} has {colors}: export it as RGB first."
            )
        if int(found.compression) in _REFUSED:
            raise BadPhoto(f"{name} is compressed in an unusual way: export it uncompressed first.")
        _check_agreement(found, page)
        if found.compression == _LZW:  # which is unpacked before tifffile gets it
            found.compression, found.fillorder = UNPACKED, 1
        if photometric == YCBCR and int(found.compression) not in (6, 7):
            return _decode_ycbcr(page)
        extra = page.numbers(Tag.ExtraSamples) or ((ALPHA,) if samples == colors + 1 else ())
        extra = (*extra, *(0,) * samples)[: samples - colors]
        alpha_at = next((i for i, sort in enumerate(extra) if sort in (MULTIPLIED, ALPHA)), None)
        keep = [*range(colors)] + ([] if alpha_at is None else [colors + alpha_at])
        values, missing = _read_samples(found, page, stream, keep, damaged)
        bits, form = found.bitspersample, int(found.sampleformat)
    notes = (LEFT_OUT,) if len(extra) > (alpha_at is not None) else ()
    if photometric == _PALETTE:
        return Decoded(_apply_palette(values[..., 0], page), None, "RGB", notes, missing)
    if space == "Lab":
        pixels, alpha = _convert_lab(values, photometric, name), None
        if alpha_at is not None:
            alpha = levels.to_levels(values[..., 3], name)
        return Decoded(pixels, alpha, space, notes, missing)
    planes = _to_levels(values, bits if isinstance(bits, int) else max(bits), form, name)
    pixels = planes[..., :colors] if colors > 1 else planes[..., 0]
    alpha = None if alpha_at is None else planes[..., -1]
    if alpha is not None and extra[alpha_at or 0] == MULTIPLIED:
        pixels = levels.unmultiply(pixels, alpha)
    if photometric == _WHITE_IS_ZERO:
        pixels = levels.invert(pixels)
    return Decoded(pixels, alpha, space, notes, missing)


def _check_agreement(found: Any, page: Page) -> None:
    """Refuse a page that tells tifffile something else than was checked."""
    tall, wide = (
        (found.tilelength, found.tilewidth)
        if found.is_tiled
        else (min(found.rowsperstrip, found.imagelength), found.imagewidth)
    )
    size = found.dtype.itemsize if found.dtype else 8
    told = (found.imagewidth, found.imagelength), (tall, wide)
    if told != (page.size, page.segment) or size > page.depth:
        raise ValueError("it tells two sizes")
    if sum(length for _, length in page.spans()) > 4 * page.tiff.size + (1 << 20):
        raise ValueError("its strips overlap")


def _read_samples(
    found: Any, page: Page, stream: BinaryIO, keep: list[int], damaged: bool
) -> tuple[Array, float]:
    """The samples that are kept, (H, W, samples) as stored, and the share that is missing."""
    height, width = found.imagelength, found.imagewidth
    planes = found.samplesperpixel if found.planarconfig == 2 else 1
    tall = found.tilelength if found.is_tiled else found.rowsperstrip
    wide = found.tilewidth if found.is_tiled else width
    segments = -(-height // tall) * -(-width // wide) * planes
    values: Array | None = None
    spans = list(zip(found.dataoffsets, found.databytecounts, strict=False))[:segments]
    missing = segments - len(spans)
    if missing and not damaged:
        raise ValueError("some of its pixels are nowhere")
    for index, span in enumerate(spans):
        try:
            data, (plane, _, top, left, _), _shape = _decode_segment(
                found, page, stream, index, span, damaged
            )
        except MemoryError:
            raise
        except Exception:
            if not damaged:
                raise
            missing += 1
            continue
        if values is None:
            values = np.zeros((height, width, len(keep)), data.dtype)
        part = data[0, : height - top, : width - left]
        if planes > 1:
            if plane in keep:
                values[top : top + len(part), left : left + part.shape[1], keep.index(plane)] = (
                    part[..., 0]
                )
        else:
            values[top : top + len(part), left : left + part.shape[1]] = part[..., keep]
    if values is None:
        raise ValueError("nothing of it can be read")
    return values, missing / segments


def _decode_segment(
    found: Any, page: Page, stream: BinaryIO, index: int, span: tuple[int, int], damaged: bool
) -> Any:
    """A strip or tile: samples (1, h, w, samples), its place and its shape."""
    at, length = span
    data = b""
    if at > 0 and length > 0:
        stream.seek(at)
        data = stream.read(min(length, page.tiff.size))
    if (len(data) < length or not data) and not (damaged and data):
        raise ValueError(f"strip {index + 1} is missing")
    _check_head(data, int(found.compression), page.segment)
    decode = found.decode
    if page.number(Tag.Compression, UNPACKED) == _LZW:
        data = _unpack_lzw(data, found, page, index)
    tables = {"jpegtables": found.jpegtables, "jpegheader": found.jpegheader}
    try:
        return decode(data, index, **tables)
    except MemoryError:
        raise
    except Exception:
        if not damaged:
            raise
        return decode(_fill_up(data, found, index), index, **tables)


def _check_head(data: bytes, compression: int, most: tuple[int, int]) -> None:
    """Refuse a strip that would become larger than its height and width."""
    if compression not in _OF_THEIR_OWN:
        return
    headers.check_header(data)
    told = headers.read_size(data)
    tall, wide = (-(-side // _BLOCK) * _BLOCK for side in most)
    if told is None or told[0] > wide or told[1] > tall:
        raise ValueError("a strip is of another size than it should be")


def _unpack_lzw(data: bytes, found: Any, page: Page, index: int) -> Any:
    """A strip's bytes, by libtiff: imagecodecs' own decoder may crash over it (2026.3.6)."""
    import imagecodecs

    bits = found.bitspersample
    deep, tall, wide, samples = found.decode(None, index)[2]
    of_a_pixel = bits * samples if isinstance(bits, int) else sum(bits)
    length = deep * tall * -(-wide * of_a_pixel // 8)
    numbers = {256: length, 257: 1, 258: 8, 259: _LZW, 262: 1, 266: page.number(Tag.FillOrder, 1)}
    numbers |= {273: 8, 277: 1, 278: 1, 279: len(data)}  # one row of grey pixels
    layout = ifd.Layout()
    tree: ifd.Tree = {
        tag: ifd.IfdEntry(ifd.LONG, 1, layout.pack(number)) for tag, number in numbers.items()
    }
    rest = bytes(len(data) % 2)
    directory, at = ifd.serialize(tree, 8 + len(data) + len(rest), layout)
    file = b"".join((layout.head, layout.pack(at), data, rest, directory))
    return imagecodecs.tiff_decode(file, index=0)[0]


def _fill_up(data: bytes, found: Any, index: int) -> bytes:
    """A strip that is cut short with nothing in place of what is missing."""
    whole = int(np.prod(found.decode(None, index)[2])) * found.dtype.itemsize
    if int(found.compression) == UNPACKED:
        return data.ljust(whole, b"\0")
    if int(found.compression) in _DEFLATE:
        return zlib.compress(inflate(data, whole).ljust(whole, b"\0"), 1)
    raise ValueError("it is cut short")


def _to_levels(values: Array, bits: int, form: int, name: str) -> Levels:
    if values.dtype == bool:
        values, bits = values.astype(np.uint8), 1
    if form == _FLOATS or values.dtype.kind == "f":
        return levels.to_levels(values, name)
    if values.dtype.kind == "i":
        if values.dtype.itemsize == 1 and values.min() >= 0:
            return values.astype(np.uint8)
        return levels.to_levels(values, name)
    if values.dtype.kind != "u":
        return levels.to_levels(values, name)  # which says what it holds
    return levels.stretch(values, min(bits, values.dtype.itemsize * 8))


def _apply_palette(indices: Array, page: Page) -> Levels:
    """Indices (H, W) as RGB."""
    table = page.numbers(Tag.ColorMap)
    if not table or len(table) % 3 or indices.dtype.kind not in "ub":
        raise ValueError("it has no palette")
    step = 256 if max(table) > 255 else 1  # 16 bits, as it should be; old programs wrote 8
    colors = (np.array(table) // step).astype(np.uint8).reshape(3, -1).T
    return np.asarray(colors[np.minimum(indices, len(colors) - 1)])


def _convert_lab(values: Array, photometric: int, name: str) -> Levels:
    """Lab as TIFF has it, (H, W, 3 or more), as version 4 profiles have it."""
    if values.dtype.kind not in "ui" or values.dtype.itemsize > 2:
        raise BadPhoto(f"{name} has Lab colours as {values.dtype}: export it as RGB first.")
    eight = values.dtype.itemsize == 1
    if photometric == _CIE_LAB:  # a and b have a sign
        L = values[..., :1].view(np.uint8 if eight else np.uint16)
        ab = values[..., 1:3].view(np.int8 if eight else np.int16)
        if eight:
            return np.concatenate([L, (ab.astype(np.int16) + 128).astype(np.uint8)], axis=-1)
        moved = np.rint((ab.astype(np.float32) / 256 + 128) * 257).clip(0, 65535)
        return np.concatenate([L, moved.astype(np.uint16)], axis=-1)
    if eight:
        return values[..., :3].astype(np.uint8)
    result = np.empty((*values.shape[:2], 3), np.uint16)  # 0xFF00 is 100, as in version 2
    for rows in levels.bands(values):
        wide = values[rows][..., :3].astype(np.float64) * (65535 / 65280)
        result[rows] = np.rint(wide).clip(0, 65535)
    return result


def _decode_ycbcr(page: Page) -> Decoded:
    """YCbCr that is not JPEG, which only libtiff unpacks."""
    import imagecodecs

    data = page.stream().read()
    rgb = imagecodecs.tiff_decode(data, index=0, asrgb=True)
    if rgb.ndim != 3 or rgb.dtype != np.uint8:
        raise ValueError("it has no colours")
    return Decoded(np.ascontiguousarray(rgb[..., :3]), None, "RGB", (), 0.0)
