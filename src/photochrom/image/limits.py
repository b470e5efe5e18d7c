"""What a photo may ask of a machine, told by its headers before a decoder sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from photochrom.errors import BadPhoto
from photochrom.image import sixteen_bit

if TYPE_CHECKING:
    from photochrom.image.reader import File

MAX_PIXELS = 1_000_000_000
"""Beyond this a file is more likely an attack, or a mistake, than a photograph."""
MAX_SIDE = 300_000
"""Levels along a side: decoders keep tables of every row, and rows of every width."""
MAX_BYTES = 8_000_000_000
"""Memory that decoding may take: 200 megapixels of 16 bits take 5 GB at most."""
PLAUSIBLE = 200_000_000, 600
"""Beyond so many bytes, planes have at most so many a byte of the file: of a photo of a grey wall
they have that. The first are a blank page in black and white, 200 megapixels in a few bytes."""

_HELD = {"1": 2, "L": 2, "RGBA": 8, "P": 5, "LA": 4, "La": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes of a pixel in Pillow's modes, others having 4, and of what it becomes on its way to one."""
_CONVERTED = ("PA", "YCbCr", "HSV", "RGBa", "RGBX", "CMYK", "LAB", "I", "F")
_SHOWN = {"1": 1, "L": 1, "LA": 2, "La": 2, "I": 2, "F": 2, "I;16": 2, "I;16B": 2, "I;16L": 2}
_WORK = {"WEBP": 16, "AVIF": 16, "HEIF": 12, "JPEG2000": 24, "JXL": 16}
"""Bytes of a pixel that decoders take beside: canvases, numbers that are not rounded yet."""


class Excess(Exception):
    """A file asks for what no photo does; the text ends "it has ..."."""


def check_size(image: Image.Image, name: str, file: File | None = None) -> None:
    """Refuse a picture, or a page, that is larger than any photo.

    Args:
        image: opened and not loaded.
        name: for the errors.
        file: what it was opened from.

    Raises:
        BadPhoto: it is too large, by itself or for its file.
    """
    width, height = image.size
    large = f"{name} has {width:,} × {height:,} pixels"
    if width * height > MAX_PIXELS:
        raise BadPhoto(f"{large}, and at most {MAX_PIXELS:,} can be read: scale it down first.")
    if max(width, height) > MAX_SIDE:
        raise BadPhoto(f"{large}, and at most {MAX_SIDE:,} along a side: cut it into parts first.")
    if file is None:
        return
    if _shown(file) > plausible(file.size):
        raise BadPhoto(
            f"{large} in only {file.size:,} bytes, as no photo has: fetch it again, or scale it "
            "down first."
        )
    needed = bytes_needed(file)
    if needed > MAX_BYTES:
        raise BadPhoto(
            f"{large}, which take {needed / 1e9:.1f} GB to read, and at most "
            f"{MAX_BYTES / 1e9:g} GB can be had: scale it down or lower its depth first."
        )


def plausible(size: int) -> int:
    """How many bytes of planes are believable in a file of so many bytes."""
    most, share = PLAUSIBLE
    return max(most, size * share)


def bytes_needed(file: File) -> int:
    """Tell the memory that decoding a picture takes, from what its headers say.

    Args:
        file: opened; of a TIFF, its page that was turned to.

    Returns:
        Bytes of the planes and of what decoders hold beside them; the file's own not counted.
    """
    pixels = file.image.width * file.image.height
    if file.page is not None:
        return pixels * file.page.shown + file.page.held
    mode, work = file.image.mode, _WORK.get(file.image.format or "", 0)
    if stored := sixteen_bit.wanted(file.image):
        return pixels * (2 * stored + work)
    work += 4 * (mode in _CONVERTED) + _HELD.get(mode, 4)
    if file.buffered:
        work += 2 * len(file.image.getbands())
    return _shown(file) + pixels * work


def _shown(file: File) -> int:
    """Bytes of the planes."""
    image = file.image
    pixels = image.width * image.height
    if file.page is not None:
        return pixels * file.page.shown
    return pixels * (
        sixteen_bit.wanted(image) or _SHOWN.get(image.mode, 3 + (image.mode in ("RGBA", "P", "PA")))
    )
