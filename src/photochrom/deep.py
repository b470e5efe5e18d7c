"""16-bit colour, which Pillow does not have: read by way of OpenCV, written as PNG and PPM.

TIFF is written by :mod:`photochrom.tiff`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Deep = npt.NDArray[np.uint16]

FORMATS = ("PNG", "PPM", "TIFF")
"""Those that keep 16 bits."""


def reader(image: Image.Image) -> Callable[[bytes], Deep | None] | None:
    """How to get at 16 bits that Pillow will not keep, or None if a picture has no such.

    Args:
        image: opened, but not yet loaded.

    Returns:
        A function from the file's bytes to pixels (H, W, 3) or (H, W, 4) in RGB order, or to None
        when they are not to be had; it raises cv2.error at a file that is damaged or too large.
    """
    if image.mode not in ("RGB", "RGBA", "LA"):
        return None
    tiles = getattr(image, "tile", ())
    if image.format == "PPM" and tiles and tiles[0].codec_name == "ppm":
        _, highest = tiles[0].args
        size = image.size
        return partial(_ppm, size, tiles[0].offset, highest) if highest > 255 else None
    if any(";16" in str(tile.args) for tile in tiles):
        return partial(_opencv, image.tell() if image.format == "TIFF" else None)
    return None


def _opencv(page: int | None, data: bytes) -> Deep | None:
    buffer = np.frombuffer(data, np.uint8)
    with _quiet():
        if page is None:
            pixels = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
        else:
            span = (page, page + 1)
            found = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=span)[1]
            pixels = found[0] if found else None
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    order = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(pixels, order))


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV would print warnings about every tag that it does not know."""
    logging = cv2.utils.logging
    before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)


def _ppm(size: tuple[int, int], start: int, highest: int, data: bytes) -> Deep | None:
    """Raw PPM: big-endian numbers up to a highest one, after a head that Pillow has read."""
    width, height = size
    if len(data) - start < 6 * width * height:
        return None
    stored: Deep = np.frombuffer(data, ">u2", 3 * width * height, start)
    levels = np.minimum(stored, highest).astype(np.uint32)
    scaled = (levels * 65535 + highest // 2) // highest
    return np.asarray(scaled.astype(np.uint16).reshape(height, width, 3))


def ppm(pixels: Deep) -> bytes:
    """Colour (H, W, 3) as a PPM; a fourth channel is left out."""
    height, width = pixels.shape[:2]
    return b"P6\n%d %d\n65535\n" % (width, height) + pixels[..., :3].astype(">u2").tobytes()


def png(pixels: Deep) -> bytes:
    """Colour (H, W, 3) or (H, W, 4) as a PNG, without metadata."""
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    if not done:
        raise OSError("the PNG encoder failed")
    return encoded.tobytes()
