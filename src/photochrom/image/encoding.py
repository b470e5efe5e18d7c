"""From photos to the bytes of a file: what each format can hold, and where.

PNG, OpenRaster, TIFF and PPM keep 16 bits, other formats get 8; JPEG, BMP and PPM have no alpha.
An sRGB profile is embedded where there was a profile.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag

from photochrom.errors import CannotWrite, MissingExtra, PhotochromError
from photochrom.image import (
    exif,
    icc,
    jp2,
    jpeg,
    metadata,
    openraster,
    pillow,
    png,
    sixteen_bit,
    tiff_writer,
    xmp,
)
from photochrom.image.levels import Levels, to_8_bits
from photochrom.image.photo import Photo

_JPEG_QUALITY = 98  # at 4:4:4; at 95 lightness is off by twice as much (docs/log.md, 2026-11-27)
_QUALITY: dict[str, dict[str, Any]] = {
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "HEIF": {
        "quality": 90,  # at 4:2:0, as devices show no other
        "enc_params": {"preset": "ultrafast"},  # nine times as quick, and no larger
    },
    "WEBP": {"quality": 95, "exact": True},  # also where it is transparent
}
_OPAQUE = ("JPEG", "PPM", "BMP")
"""No alpha: BMP has one that few programs read, Pillow not among them."""
_PHOTOS = frozenset(
    (
        *("AVIF", "BMP", "DIB", "HEIF", "JPEG", "JPEG2000", "JXL", "PCX", "PNG", "PPM", "QOI"),
        *("SGI", "TGA", "TIFF", "WEBP"),
    )
)
"""Without GIF, whose 256 colours would not keep lightness, and what is for drawings and data."""
_WITHOUT_IPTC = ("AVIF", "HEIF", "WEBP")
_RESOLUTION_IN_EXIF = ("AVIF", "HEIF", "WEBP")  # they have no other place for it
_EXIF = b"Exif\0\0"
_XMP_ROOM = jpeg.ROOM - len(jpeg.XMP)
_BIG = 1 << 31
"""Bytes of pixels, by the first page, from which on a TIFF is a BigTIFF: half of what needs it."""


@dataclass(frozen=True)
class Encoding:
    """How a result is compressed."""

    quality: int | None = None
    """Of JPEG, 1..100; None for 98, or the original's where that is higher."""
    compression: Literal["deflate", "lzw", "none"] | None = None
    """Of TIFF; None for deflate."""


DEFAULT_ENCODING = Encoding()


@cache
def writable_formats() -> frozenset[str]:
    """Pillow's names of the formats that can be written."""
    Image.init()
    pillow.heif_available()
    return _PHOTOS.intersection(Image.SAVE) | {openraster.FORMAT}


def is_writable(format: str | None) -> bool:  # noqa: A002
    """Whether a format, by Pillow's name, can be written."""
    Image.preinit()
    return format in _PHOTOS.intersection(Image.SAVE) or format in writable_formats()


def encode_pages(
    photos: Iterator[Photo],
    format: str,  # noqa: A002
    file: BinaryIO,
    encoding: Encoding = DEFAULT_ENCODING,
) -> None:
    """Write photos as one file, one at a time; more than one are the pages of a TIFF.

    Raises:
        CannotWrite: the format does not take such photos, or so many.
        OSError: the disk does not take the file.
    """
    first = next(photos)
    if format == "HEIF" and not pillow.heif_available():
        raise MissingExtra("pillow-heif", "heif")
    if not is_writable(format):
        kinds = ", ".join(sorted(writable_formats()))
        raise CannotWrite(f"{format} cannot be written: choose one of {kinds}.")
    try:
        if format == "TIFF":
            big = first.pictures * first.pixels.nbytes >= _BIG
            pages = (fit_to_format(page, format) for page in itertools.chain([first], photos))
            compression = encoding.compression or "deflate"
            tiff_writer.write_pages(file, pages, big=big, compression=compression)
            return
        file.write(_encode(fit_to_format(first, format), format, encoding))
    except (PhotochromError, MemoryError):
        raise
    except Exception as error:  # encoders raise whatever the pixels provoke
        if isinstance(error, OSError) and error.errno:  # the disk
            raise
        raise CannotWrite(
            f"The photo cannot be written as {format} ({error}): choose .png or .tif instead."
        ) from error
    if next(photos, None) is not None:
        raise CannotWrite(f"{format} holds one page, and there are more: end the result in .tif.")


# --- what fits into a format ------------------------------------------------------------------


def fit_to_format(photo: Photo, format: str) -> Photo:  # noqa: A002
    """The photo with only what a format can hold; what is left out is told in its notes."""
    notes = list(photo.notes)
    if photo.alpha is not None and format in _OPAQUE:
        photo = replace(photo, alpha=None)
        notes.append(f"its transparency was left out, as {format} has none")
    if photo.iptc and format in _WITHOUT_IPTC:
        photo = replace(photo, iptc=b"")
        notes.append(f"its IPTC records were left out, as {format} has no place for them")
    if format == "JPEG":
        photo = _fit_to_segments(photo, notes)
    if photo.exif or photo.xmp or photo.iptc or photo.text or photo.dpi:
        photo = _drop_misfits(photo, format, notes)
    return replace(photo, notes=tuple(dict.fromkeys(notes)))


def _fit_to_segments(photo: Photo, notes: list[str]) -> Photo:
    block, packet = photo.exif, photo.xmp
    if len(block) + len(_EXIF) > jpeg.ROOM:
        block = b""
        notes.append("its EXIF data were left out, as they are too long for JPEG")
    try:
        xmp.split(packet, _XMP_ROOM)
    except xmp.Broken:
        packet = b""
        notes.append("its XMP packet was left out, as it is too long for JPEG")
    text = tuple(
        (keyword, remark)
        for keyword, remark in photo.text
        if keyword != "Comment" or len(metadata.remark_bytes(remark)) <= jpeg.ROOM
    )
    if len(text) < len(photo.text):
        notes.append("a remark was left out, as it is too long for JPEG")
    return replace(photo, exif=block, xmp=packet, text=text)


_PARTS = (
    *(("EXIF", "exif", b""), ("XMP", "xmp", b""), ("IPTC data", "iptc", b"")),
    *(("text", "text", ()), ("resolution", "dpi", None)),
)
"""What is said of a photo: its name, its field, and nothing of it."""


def _drop_misfits(photo: Photo, format: str, notes: list[str]) -> Photo:  # noqa: A002
    """Leave out what its encoder stumbles over, as it does on a small picture."""
    black = np.zeros((16, 16, 3), np.uint8)
    small = replace(photo, pixels=black, alpha=None, uncolored=None)
    nothing: dict[str, Any] = {field: empty for _, field, empty in _PARTS}
    silent = replace(small, **nothing)
    if _can_encode(small, format) or not _can_encode(silent, format):
        return photo
    for name, field, empty in _PARTS:
        part: dict[str, Any] = {field: getattr(photo, field)}
        if not _can_encode(replace(silent, **part), format):
            photo = replace(photo, **{field: empty})  # type: ignore[arg-type]  # of any field
            notes.append(f"its {name} could not be written and was left out")
    return photo


def _can_encode(sample: Photo, format: str) -> bool:  # noqa: A002
    try:
        if format == "TIFF":
            tiff_writer.write_pages(io.BytesIO(), [sample], big=False)
        elif format == "JPEG":
            _jpeg_head(sample)
        elif format == "PNG":
            list(_png_chunks(sample))
        else:
            _encode(sample, format, DEFAULT_ENCODING)
    except MemoryError:
        raise
    except Exception:  # encoders raise whatever the bytes provoke
        return False
    return True


# --- the formats but TIFF ---------------------------------------------------------------------


def _encode(photo: Photo, format: str, encoding: Encoding) -> bytes:  # noqa: A002
    pixels = photo.planes()
    is_deep = pixels.dtype == np.uint16
    if format == "JPEG":
        quality = encoding.quality or max(_JPEG_QUALITY, photo.quality or 0)
        return jpeg.encode(to_8_bits(pixels), quality, _jpeg_head(photo))
    if format == "PNG":
        return png.insert_chunks(_encode_png(pixels), _png_chunks(photo))
    if format == openraster.FORMAT:
        return openraster.encode_layers(photo, lambda layer: _encode(layer, "PNG", encoding))
    if format == "PPM" and is_deep and pixels.ndim == 3:
        return sixteen_bit.encode_ppm(pixels)
    file = io.BytesIO()
    image = Image.fromarray(pixels if is_deep and format == "PPM" else to_8_bits(pixels))
    image.save(file, format, **_pillow_options(photo, format))
    if format == "JPEG2000":
        parts = {"exif": photo.exif, "iptc": photo.iptc, "xmp": photo.xmp}
        return jp2.with_metadata(file.getvalue(), parts, photo.dpi)
    return file.getvalue()


def _jpeg_head(photo: Photo) -> bytes:
    """The segments before the pixels."""
    parts = [jpeg.jfif_segment(photo.dpi)]
    if photo.exif:
        parts.append(jpeg.segment(0xE1, _EXIF + photo.exif))
    parts.append(jpeg.xmp_segments(*xmp.split(photo.xmp, _XMP_ROOM)))
    if photo.profiled:
        parts.append(jpeg.profile_segments(icc.srgb_profile()))
    if photo.iptc:
        parts.append(jpeg.resource_segments(metadata.pack_iptc(photo.iptc)))
    return b"".join(parts + [jpeg.segment(0xFE, comment) for comment in _comments(photo)])


def _comments(photo: Photo) -> list[bytes]:
    return [metadata.remark_bytes(text) for keyword, text in photo.text if keyword == "Comment"]


def _encode_png(pixels: Levels) -> bytes:
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        return sixteen_bit.encode_png(pixels)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _png_chunks(photo: Photo) -> Iterator[tuple[bytes, bytes]]:
    if photo.profiled:
        yield png.profile_chunk(icc.srgb_profile())
    if photo.dpi:
        yield png.resolution_chunk(photo.dpi)
    if photo.exif:
        yield b"eXIf", photo.exif
    for keyword, text in photo.text:
        yield png.text_chunk(keyword, metadata.readable_remark(text))
    if photo.xmp:
        yield b"iTXt", png.XMP.encode() + bytes(5) + photo.xmp
    if photo.iptc:
        yield png.raw_profile_chunk("iptc", metadata.pack_iptc(photo.iptc))


def _pillow_options(photo: Photo, format: str) -> dict[str, Any]:  # noqa: A002
    """What Pillow's ``save`` takes, beside pixels, for a format; others pass over it."""
    options = dict(_QUALITY.get(format, {}))
    options["icc_profile"] = icc.srgb_profile() if photo.profiled else None
    if photo.dpi:
        options["dpi"] = photo.dpi
    block = photo.exif
    if format in _RESOLUTION_IN_EXIF and photo.dpi:
        block = exif.with_resolution(block, photo.dpi)
    if format == "AVIF" and block:  # or Pillow takes it out, and writes all else anew
        block = exif.edit(block, {Tag.Orientation: None})
    if block:
        options["exif"] = _EXIF + block
    if photo.xmp:
        options["xmp"] = photo.xmp
    if format == "JPEG2000" and (comments := _comments(photo)):
        options["comment"] = comments[0]
    return options
