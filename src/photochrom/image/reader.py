"""Photos, read: from a path, the bytes of a file, a PIL image or an array.

The EXIF orientation is applied to the pixels and its tag removed; a colour profile is applied, so
that pixels are always sRGB. Of an animation the first picture is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from photochrom.color import Array
from photochrom.errors import BadPhoto
from photochrom.image import jpeg, metadata, photo_file, pillow
from photochrom.image.decoding import Planes, decode_array, decode_file, decode_image, turn_upright
from photochrom.image.photo import Photo
from photochrom.image.photo_file import PhotoFile

PHOTO_SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "webp", "avif", "bmp", "gif"),
        *("jp2", "j2k", "pnm", "ppm", "pgm", "pbm", "psd", "ora", *pillow.HEIF_SUFFIXES),
        *(("jxl",) if pillow.jpeg_xl_available() else ()),
    )
)
"""What is taken for a photo when a folder is searched."""

_DEPTHS = np.uint8, np.uint16

Held = str | os.PathLike[str] | bytes | Image.Image | Array
PhotoSource = Held | bytearray | memoryview | BinaryIO
"""What photos are read from; a file is open in binary mode, such as an ``io.BytesIO``."""


def read_photo(source: PhotoSource, damaged: bool = False) -> Photo:
    """Open a photograph; of several pages or pictures, the first.

    Args:
        source: a path; the bytes of a file, or one that is open in binary mode; a PIL image; or an
            array (H, W), (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4), uint8, uint16,
            or floating-point in 0..1, which is held as 16 bits. Of a PIL image of mode "I", numbers
            up to 255 are taken for 8 bits.
        damaged: give what can be read of a broken file, and tell in its notes what is missing.

    Raises:
        BadPhoto: it is missing, empty, cut short, too large, or not a picture.
        MissingExtra: it is in a format that needs one.
    """
    return next(read_pages(source, damaged))


def as_photo(source: PhotoSource | Photo) -> Photo:
    """What is a photo already as it is; anything else as :func:`read_photo` opens it."""
    return source if isinstance(source, Photo) else read_photo(source)


def read_pages(source: PhotoSource, damaged: bool = False) -> Iterator[Photo]:
    """The pages of a TIFF, one at a time; of anything else the picture of :func:`read_photo`.

    Smaller copies of a page and masks, as some scanners add, are no pages.

    Raises:
        BadPhoto, MissingExtra: as :func:`read_photo`; of a page when its turn comes.
    """
    source = hold_source(source)
    if isinstance(source, np.ndarray):
        if np.issubdtype(source.dtype, np.integer) and source.dtype.type not in _DEPTHS:
            # 0..255 and 0..65535 look alike there, and a wrong guess would be a black photo.
            raise BadPhoto(f"The array holds {source.dtype}: convert it to uint8 or uint16 first.")
        planes = decode_array(source, "the array")
        yield Photo(planes.pixels, planes.alpha)
        return
    if isinstance(source, Image.Image):
        yield _build_photo(source, decode_image(source, "the image"))
        return
    path = None if isinstance(source, bytes) else Path(source)
    contents = source if isinstance(source, bytes) else Path(source)
    with photo_file.open_file(contents, damaged=damaged) as file:
        for page in range(file.pages - 1):
            yield _read_page(file, page, path)
        photo = _read_page(file, file.pages - 1, path)
    del file  # and with it Pillow's own pixels, before anything is made of ours
    yield photo


def hold_source(source: PhotoSource) -> Held:
    """The bytes of what holds them, such as an open file; anything else as it is.

    A file is read from its beginning, if it can be turned back to that.

    Raises:
        BadPhoto: it does not let itself be read, is open for text, or is nothing of the kind.
    """
    if isinstance(source, str | os.PathLike | bytes | Image.Image | np.ndarray):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if not hasattr(source, "read"):
        raise BadPhoto(
            f"A {type(source).__name__} is no photo: give a path, the bytes of a file, a file that "
            "is open in binary mode, a PIL image or an array."
        )
    try:
        if source.seekable():
            source.seek(0)
        data = source.read()
    except (OSError, ValueError) as error:  # or it is closed
        raise BadPhoto(f"The open file cannot be read ({error}): open it for reading.") from error
    if not isinstance(data, bytes):
        raise BadPhoto("The open file gives text: open it in binary mode, 'rb'.")
    return data


def _read_page(file: PhotoFile, page: int, path: Path | None) -> Photo:
    file.turn_to(page)
    name = file.name if file.pages == 1 else f"Page {page + 1} of {file.name}"
    planes = decode_file(file, name)  # which may change the file's image
    photo = _build_photo(file.image, planes, file)
    return replace(photo, source=path, pictures=file.pictures)


def _build_photo(image: Image.Image, planes: Planes, file: PhotoFile | None = None) -> Photo:
    """Put together what a picture shows, and what its file says of it, made to fit."""
    size = planes.pixels.shape[1], planes.pixels.shape[0]
    found = metadata.read_metadata(
        image, size, file.data if file else b"", file.page if file else None
    )
    alpha = planes.alpha
    return Photo(
        pixels=turn_upright(planes.pixels, found.orientation),
        alpha=None if alpha is None else turn_upright(alpha, found.orientation),
        exif=found.exif,
        xmp=found.xmp,
        iptc=found.iptc,
        text=tuple(found.text),
        dpi=found.dpi,
        profiled=bool(image.info.get("icc_profile")),
        format="JPEG" if image.format == "MPO" else image.format,  # MPO: a JPEG and its previews
        quality=jpeg.estimate_quality(getattr(image, "quantization", {})),
        notes=(*planes.notes, *dict.fromkeys(found.notes)),
    )
