"""OpenRaster files: the photo as it was and its colours above it, as layers for image editors.

The upper layer is the coloured picture in the usual mode, so every editor shows our result; its
opacity is the strength of the colours, and where one erases it, the photo is grey again. Modes
that only lend colour keep another lightness than L, and editors differ in them.

A file is a ZIP of PNGs (https://www.openraster.org/baseline/file-layout-spec.html). What is known
of the photo stands in ``mergedimage.png``, as the format has no other place for it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from html import escape

import cv2
import numpy as np

from photochrom.errors import BadPhoto
from photochrom.image.levels import to_8_bits
from photochrom.image.photo import Photo

FORMAT, SUFFIX = "ORA", ".ora"
_TYPE = "image/openraster"
_VERSION = "0.0.5"
_THUMBNAIL = 256
_OPAQUE, _HOLES = "svg:src-over", "svg:src-atop"
"""How the upper layer lies on the lower one; the other keeps the photo's transparency as it is."""


def is_openraster(data: bytes) -> bool:
    """Whether a file begins as one of these does."""
    return data.startswith(b"PK\3\4") and data[30:].startswith(b"mimetype" + _TYPE.encode())


def read_merged(data: bytes, name: str, most: int) -> bytes:
    """Read the picture that all layers make, the bytes of a PNG; nothing else is unpacked.

    Args:
        data: the file.
        name: what it is called.
        most: bytes that it may have.

    Raises:
        BadPhoto: there is none, or it is too large.
    """
    try:
        with (
            zipfile.ZipFile(io.BytesIO(data)) as archive,
            archive.open("mergedimage.png") as picture,
        ):
            found = picture.read(most + 1)
    except MemoryError:
        raise
    except Exception as error:  # whatever the bytes provoke
        raise BadPhoto(
            f"{name} is an OpenRaster file whose merged picture cannot be read: save it again in "
            "the program that made it."
        ) from error
    if len(found) > most:
        raise BadPhoto(f"{name} unpacks to more bytes than any photo has: check what it is.")
    return found


def encode_layers(photo: Photo, encode_png: Callable[[Photo], bytes]) -> bytes:
    """Make the file of a coloured photo.

    Args:
        photo: with ``uncolored``, or it has the one layer.
        encode_png: makes a PNG of a photo and of what is known of it.
    """
    layers = [("colour", "data/colour.png", _lay_colour(photo))]
    if photo.uncolored is not None:
        layers.append(("original", "data/original.png", _lay_original(photo, photo.uncolored)))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # PNGs are compressed already

        def add(name: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name), content)  # of no time, to be the same again

        add("mimetype", _TYPE.encode())
        add("stack.xml", _describe(photo, [(name, place) for name, place, _ in layers]))
        for _, place, layer in layers:
            add(place, encode_png(layer))
        add("mergedimage.png", encode_png(photo))
        add("Thumbnails/thumbnail.png", encode_png(_shrink(photo)))
    return file.getvalue()


def _lay_colour(photo: Photo) -> Photo:
    """Where anything is to be seen, all of it is: what lies below brings the transparency."""
    alpha = photo.alpha
    if alpha is not None and photo.uncolored is not None:
        alpha = np.where(alpha > 0, np.iinfo(alpha.dtype).max, 0).astype(alpha.dtype)
    return Photo(photo.pixels, alpha=alpha, profiled=photo.profiled)


def _lay_original(photo: Photo, pixels: np.ndarray) -> Photo:
    """As it was; all of a caption's strip, which it has not, is left to the layer above."""
    alpha = None if photo.alpha is None else photo.alpha[: pixels.shape[0]]
    return Photo(pixels, alpha=alpha, profiled=photo.profiled)


def _describe(photo: Photo, layers: list[tuple[str, str]]) -> bytes:
    """The stack of layers, the uppermost first."""
    height, width = photo.pixels.shape[:2]
    resolution = ""
    if photo.dpi and min(photo.dpi) >= 1:
        resolution = f' xres="{round(photo.dpi[0])}" yres="{round(photo.dpi[1])}"'
    covered = photo.alpha is not None and len(layers) > 1
    lines = [
        f'<layer name="{escape(name)}" src="{escape(place)}" '
        f'composite-op="{_HOLES if covered and place != layers[-1][1] else _OPAQUE}" '
        'opacity="1.0" visibility="visible" x="0" y="0"/>'
        for name, place in layers
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<image version="{_VERSION}" w="{width}" h="{height}"{resolution}>'
        f"<stack>{''.join(lines)}</stack></image>\n"
    ).encode()


def _shrink(photo: Photo) -> Photo:
    """The picture for file browsers: 8 bits, at most 256 pixels."""
    planes = to_8_bits(photo.planes())
    height, width = planes.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)
    if photo.alpha is None:
        return Photo(small)
    return replace(Photo(small[..., :3]), alpha=small[..., 3])
