"""Pillow, with the formats that photos are in, and without its limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "JXL", "MPO", "PCX", "PNG", "PPM"),
    *("PSD", "QOI", "SGI", "TGA", "WEBP"),
)
"""Pillow's names of what is read beside TIFF. Others are for drawings and data; EPS would start a
program."""

_LIMIT_LOCK = threading.Lock()
_lifted: list[int | None] = []
"""Pillow's limit, as often as it is lifted now."""


@contextmanager
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


def opened(stream: BinaryIO) -> Image.Image:
    """Open a picture of a kind that photos are in. Raises what Pillow raises."""
    Image.init()
    with without_limit():
        return Image.open(stream, formats=[kind for kind in FORMATS if kind in Image.OPEN])
