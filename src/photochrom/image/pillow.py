"""Pillow, with the formats that photos are in, plugins among them, and without its limit."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "JXL", "MPO", "PCX", "PNG", "PPM"),
    *("PSD", "QOI", "SGI", "TGA", "WEBP"),
)
"""Pillow's names of what is read beside TIFF. Others are for drawings and data; EPS would start a
program."""
HEIF_SUFFIXES = ("heic", "heif", "hif")
_HEIF_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
)
"""ISO/IEC 23008-12, annexes B and 10; AVIF files may begin with the last two as well."""

_LIMIT_LOCK = threading.Lock()
_lifted: list[int | None] = []  # Pillow's limit, as often as it is lifted now


@contextlib.contextmanager
def without_limit() -> Iterator[None]:
    """Lift Pillow's own limit, which is global, and lower than a large scan needs."""
    with _LIMIT_LOCK:
        _lifted.append(_lifted[0] if _lifted else Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _LIMIT_LOCK:
            limit = _lifted.pop()
            if not _lifted:
                Image.MAX_IMAGE_PIXELS = limit


def open_image(stream: BinaryIO) -> Image.Image:
    """Open a picture of a kind that photos are in. Raises what Pillow raises."""
    Image.preinit()  # some; the others take as long to import as a small photo to be decoded
    with without_limit():
        try:
            return Image.open(stream, formats=_readable())
        except UnidentifiedImageError:
            if not Image.init():  # nothing that was not tried
                raise
            return Image.open(stream, formats=_readable())


def _readable() -> list[str]:
    """What is read, as far as its plugins are loaded."""
    return [kind for kind in FORMATS if kind in Image.OPEN]


def format_of(suffix: str) -> str | None:
    """Pillow's name of the format that a suffix, such as ".jpg", stands for; None for no format."""
    Image.preinit()
    if suffix not in Image.EXTENSION:
        heif_available()
        Image.init()
    return Image.EXTENSION.get(suffix)


def looks_like_heif(head: bytes) -> bool:
    """Whether a file with these first bytes may be HEIC or HEIF, as phones take them."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


@cache
def heif_available() -> bool:
    """Whether pillow-heif is installed; if so, Pillow reads and writes HEIF from now on."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


@cache
def jpeg_xl_available() -> bool:
    """Whether Pillow reads JPEG XL: by itself, or by a plugin that is loaded here."""
    for plugin in ("pillow_jxl", "jxlpy.JXLImagePlugin"):
        with contextlib.suppress(Exception):  # it is not there, or does not fit this Pillow
            importlib.import_module(plugin)
    return "JXL" in Image.OPEN
