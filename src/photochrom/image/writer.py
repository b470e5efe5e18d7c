"""From planes and metadata to the bytes of a file: what each format can hold, and where."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photochrom.color import Array
from photochrom.errors import CannotWrite, MissingExtra, PhotochromError
from photochrom.image import exif, heif, icc, jp2, jpeg, metadata, png, sixteen_bit, tiff, xmp

if TYPE_CHECKING:
    from photochrom.image.photo import Photo

_JPEG_QUALITY = 98
"""At 4:4:4; at 95 lightness is off by twice as much (docs/log.md, 2026-11-27)."""
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
_RESOLUTION_IN_EXIF = ("AVIF", "HEIF", "WEBP")
"""They have no other place for it."""
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


DEFAULT = Encoding()


@cache
def writable() -> frozenset[str]:
    """Pillow's names of the formats that can be written."""
    Image.init()
    heif.available()
    return _PHOTOS.intersection(Image.SAVE)


def write(
    photos: Iterator[Photo],
    format: str,  # noqa: A002
    file: BinaryIO,
    encoding: Encoding = DEFAULT,
) -> None:
    """Write photos as one file, one at a time; more than one are the pages of a TIFF.

    Raises:
        CannotWrite: the format does not take such photos, or so many.
        OSError: the disk does not take the file.
    """
    first = next(photos)
    if format == "HEIF" and not heif.available():
        raise MissingExtra("pillow-heif", "heif")
    if format not in writable():
        kinds = ", ".join(sorted(writable()))
        raise CannotWrite(f"{format} cannot be written: choose one of {kinds}.")
    try:
        if format == "TIFF":
            big = first.pictures * first.pixels.nbytes >= _BIG
            pages = (_page(fitted(page, format)) for page in itertools.chain([first], photos))
            tiff.write(file, pages, big=big, compression=encoding.compression or "deflate")
            return
        file.write(_encode(fitted(first, format), format, encoding))
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


def fitted(photo: Photo, format: str) -> Photo:  # noqa: A002
    """The photo with only what a format can hold; what is left out is told in its notes."""
    notes = list(photo.notes)
    if photo.alpha is not None and format in _OPAQUE:
        photo = replace(photo, alpha=None)
        notes.append(f"its transparency was left out, as {format} has none")
    if photo.iptc and format in _WITHOUT_IPTC:
        photo = replace(photo, iptc=b"")
        notes.append(f"its IPTC records were left out, as {format} has no place for them")
    if format == "JPEG":
        photo = _fitted_to_segments(photo, notes)
    if photo.exif or photo.xmp or photo.iptc or photo.text or photo.dpi:
        photo = _without_misfits(photo, format, notes)
    return replace(photo, notes=tuple(dict.fromkeys(notes)))


def _fitted_to_segments(photo: Photo, notes: list[str]) -> Photo:
    if len(photo.exif) + len(_EXIF) > jpeg.ROOM:
        photo = replace(photo, exif=b"")
        notes.append("its EXIF data were left out, as they are too long for JPEG")
    try:
        xmp.split(photo.xmp, _XMP_ROOM)
    except xmp.Broken:
        photo = replace(photo, xmp=b"")
        notes.append("its XMP packet was left out, as it is too long for JPEG")
    text = tuple(
        (keyword, said)
        for keyword, said in photo.text
        if keyword != "Comment" or len(metadata.stored(said)) <= jpeg.ROOM
    )
    if len(text) < len(photo.text):
        notes.append("a remark was left out, as it is too long for JPEG")
    return replace(photo, text=text)


_PARTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("EXIF", {"exif": b""}),
    ("XMP", {"xmp": b""}),
    ("IPTC data", {"iptc": b""}),
    ("text", {"text": ()}),
    ("resolution", {"dpi": None}),
)
"""What is said of a photo, and each as nothing."""


def _without_misfits(photo: Photo, format: str, notes: list[str]) -> Photo:  # noqa: A002
    """Leave out what its encoder stumbles over, as it does on a small picture."""
    small = replace(photo, pixels=np.zeros((16, 16, 3), np.uint8), alpha=None)
    silent = replace(
        small, **{name: nothing for _, part in _PARTS for name, nothing in part.items()}
    )
    if _writes(small, format) or not _writes(silent, format):
        return photo
    for name, part in _PARTS:
        if not _writes(replace(silent, **{key: getattr(photo, key) for key in part}), format):
            photo = replace(photo, **part)
            notes.append(f"its {name} could not be written and was left out")
    return photo


def _writes(sample: Photo, format: str) -> bool:  # noqa: A002
    try:
        if format == "TIFF":
            tiff.write(io.BytesIO(), [_page(sample)], big=False)
        elif format == "JPEG":
            _jpeg_head(sample)
        elif format == "PNG":
            list(_png_chunks(sample))
        else:
            _encode(sample, format, DEFAULT)
    except MemoryError:
        raise
    except Exception:  # encoders raise whatever the bytes provoke
        return False
    return True


def _page(photo: Photo) -> tiff.Page:
    profile = icc.srgb() if photo.profiled else b""
    return tiff.Page(planes(photo), photo.exif, photo.xmp, photo.iptc, profile, photo.dpi)


def _encode(photo: Photo, format: str, encoding: Encoding) -> bytes:  # noqa: A002
    pixels = planes(photo)
    if format == "JPEG":
        quality = encoding.quality or max(_JPEG_QUALITY, photo.quality or 0)
        return jpeg.encode(shallow(pixels), quality, _jpeg_head(photo))
    if format == "PNG":
        return png.with_chunks(_png_of(pixels), _png_chunks(photo))
    if format == "PPM" and pixels.dtype == np.uint16 and pixels.ndim == 3:
        return sixteen_bit.ppm(pixels)
    file = io.BytesIO()
    is_deep_grey = pixels.dtype == np.uint16 and format == "PPM"
    image = Image.fromarray(pixels if is_deep_grey else shallow(pixels))
    image.save(file, format, **_options(photo, format))
    if format == "JPEG2000":
        parts = {"exif": photo.exif, "iptc": photo.iptc, "xmp": photo.xmp}
        return jp2.with_metadata(file.getvalue(), parts, photo.dpi)
    return file.getvalue()


def _jpeg_head(photo: Photo) -> bytes:
    """The segments before the pixels."""
    parts = [jpeg.jfif(photo.dpi)]
    if photo.exif:
        parts.append(jpeg.segment(0xE1, _EXIF + photo.exif))
    parts.append(jpeg.xmp_segments(*xmp.split(photo.xmp, _XMP_ROOM)))
    if photo.profiled:
        parts.append(jpeg.profile_segments(icc.srgb()))
    if photo.iptc:
        parts.append(jpeg.resource_segments(metadata.photoshop(photo.iptc)))
    remarks = [said for keyword, said in photo.text if keyword == "Comment"]
    return b"".join(parts + [jpeg.segment(0xFE, metadata.stored(said)) for said in remarks])


def _png_of(pixels: Array) -> bytes:
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        return sixteen_bit.png(pixels)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _png_chunks(photo: Photo) -> Iterator[png.Chunk]:
    if photo.profiled:
        yield png.profile_chunk(icc.srgb())
    if photo.dpi:
        yield png.resolution_chunk(photo.dpi)
    if photo.exif:
        yield b"eXIf", photo.exif
    for keyword, said in photo.text:
        yield png.text_chunk(keyword, metadata.shown(said))
    if photo.xmp:
        yield b"iTXt", png.XMP.encode() + bytes(5) + photo.xmp
    if photo.iptc:
        yield png.raw_profile("iptc", metadata.photoshop(photo.iptc))


def planes(photo: Photo) -> Array:
    """Levels and alpha in one array: (H, W), (H, W, 3) or (H, W, 4)."""
    if photo.alpha is None:
        return photo.pixels
    if photo.pixels.ndim == 2:
        return np.dstack([photo.pixels] * 3 + [photo.alpha])
    return np.dstack([photo.pixels, photo.alpha])


def shallow(pixels: Array) -> npt.NDArray[np.uint8]:
    """8 bits a channel, which is all that Pillow has for colour."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / 257))  # rounds; 65535 / 257 = 255


def _options(photo: Photo, format: str) -> dict[str, Any]:  # noqa: A002
    """What Pillow's ``save`` takes, beside pixels, for a format; others pass over it."""
    options = dict(_QUALITY.get(format, {}))
    options["icc_profile"] = icc.srgb() if photo.profiled else None
    if photo.dpi:
        options["dpi"] = photo.dpi
    block = photo.exif
    if format in _RESOLUTION_IN_EXIF and photo.dpi:
        block = exif.with_resolution(block, photo.dpi)
    if format == "AVIF" and block:  # or Pillow takes it out, and writes all else anew
        block = exif.edit(block, {exif.ORIENTATION: None})
    if block:
        options["exif"] = _EXIF + block
    if photo.xmp:
        options["xmp"] = photo.xmp
    comments = [said for keyword, said in photo.text if keyword == "Comment"]
    if format == "JPEG2000" and comments:
        options["comment"] = metadata.stored(comments[0])
    return options
