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
from PIL import Image, PngImagePlugin

from photochrom import deep, heif, icc, jp2, jpeg, metadata, tiff
from photochrom.errors import CannotWrite, PhotochromError

if TYPE_CHECKING:
    from photochrom.photo import Photo

_QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},  # colour is what we add: keep all of it
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "HEIF": {"quality": 90},  # at 4:2:0, as devices show no other
    "WEBP": {"quality": 95, "exact": True},  # also where it is transparent
}
_OPAQUE = ("JPEG", "PPM", "BMP")
"""No alpha: BMP has one that few programs read, Pillow not among them."""
_RESOLUTION_IN_EXIF = ("AVIF", "HEIF", "WEBP")
"""They have no other place for it."""
_BIG = 1 << 31
"""Bytes of pixels, by the first page, from which on a TIFF is a BigTIFF: half of what needs it."""


@dataclass(frozen=True)
class Encoding:
    """How a result is compressed."""

    quality: int | None = None
    """Of JPEG, 1..100; None for 95, or the original's where that is higher."""
    compression: Literal["deflate", "lzw", "none"] | None = None
    """Of TIFF; None for deflate."""


DEFAULT = Encoding()


def fitted(photo: Photo, format: str) -> Photo:  # noqa: A002
    """The photo with only what a format can hold; what is left out is told in its notes."""
    return photo


@cache
def writable() -> frozenset[str]:
    """Pillow's names of the formats that can be written."""
    Image.init()
    heif.available()
    return frozenset(Image.SAVE) - {"GIF"}  # 256 colours would not keep lightness


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
    try:
        if format == "TIFF":
            big = first.pictures * first.pixels.nbytes >= _BIG
            tiff.write(file, map(_page, itertools.chain([first], photos)), big=big)
            return
        file.write(_encode(first, format))
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


def _page(photo: Photo) -> tuple[npt.NDArray[Any], metadata.Tags]:
    profile = icc.srgb() if photo.profiled else None
    return planes(photo), tiff.tags(photo.exif, photo.xmp, photo.iptc, profile, photo.dpi)


def _encode(photo: Photo, format: str) -> bytes:  # noqa: A002
    if format in _OPAQUE:
        photo = replace(photo, alpha=None)
    pixels, options = planes(photo), _options(photo, format)
    if pixels.dtype == np.uint16 and format in deep.FORMATS and pixels.ndim == 3:
        return deep.encode(pixels, format, options)
    if format == "JPEG" and pixels.ndim == 3:
        return jpeg.encode(shallow(pixels), options)
    file = io.BytesIO()
    is_deep_grey = pixels.dtype == np.uint16 and format in deep.FORMATS
    image = Image.fromarray(pixels if is_deep_grey else shallow(pixels))
    image.save(file, format, **options)
    if format == "JPEG2000":
        parts = {"exif": photo.exif, "iptc": photo.iptc, "xmp": photo.xmp}
        return jp2.with_metadata(file.getvalue(), parts, photo.dpi)
    return file.getvalue()


def planes(photo: Photo) -> npt.NDArray[Any]:
    """Pixels and alpha in one array: (H, W), (H, W, 3) or (H, W, 4)."""
    if photo.alpha is None:
        return photo.pixels
    if photo.pixels.ndim == 2:
        return np.dstack([photo.pixels] * 3 + [photo.alpha])
    return np.dstack([photo.pixels, photo.alpha])


def shallow(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
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
    exif = photo.exif
    if format in _RESOLUTION_IN_EXIF:
        exif = metadata.with_dpi(exif, photo.dpi)
    if exif:
        options["exif"] = exif
    if photo.xmp:
        options["xmp"] = photo.xmp
    text = dict(photo.text)
    if format in ("JPEG", "JPEG2000") and "Comment" in text:
        options["comment"] = text["Comment"].encode()
    if format == "JPEG" and photo.iptc:
        options["extra"] = metadata.app13(photo.iptc)
    if format == "PNG":
        options["pnginfo"] = _png_text(photo)
    return options


def _png_text(photo: Photo) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for keyword, text in photo.text:
        info.add_text(keyword, text)  # as iTXt where Latin-1 does not do
    if photo.xmp:
        info.add_itxt("XML:com.adobe.xmp", photo.xmp.decode(errors="replace"))
    if photo.iptc:  # as ImageMagick does, for lack of a standard
        data = metadata.photoshop(photo.iptc)
        info.add_text("Raw profile type iptc", f"\niptc\n{len(data):8}\n{data.hex()}\n", zip=True)
    return info
