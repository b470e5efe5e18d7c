"""What a photo may ask of a machine, told by its headers before a decoder sees it."""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

from photochrom.errors import BadPhoto
from photochrom.image import sixteen_bit

MAX_PIXELS = 1_000_000_000
"""Beyond this a file is more likely an attack, or a mistake, than a photograph."""
MAX_SIDE = 300_000
"""Pixels along a side: decoders keep tables of every row, and rows of every width."""
MAX_BYTES = 8_000_000_000
"""Memory that decoding may take: 200 megapixels of 16 bits take 5 GB at most."""
PLAUSIBLE = 200_000_000, 600
"""Beyond so many bytes, planes have at most so many a byte of the file: of a photo of a grey wall
they have that. The first are a blank page in black and white, 200 megapixels in a few bytes."""

_HELD = {"1": 2, "L": 2, "RGBA": 8, "P": 5, "LA": 4, "La": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes of a pixel in Pillow's modes, others having 4, and of what it becomes on its way to one."""
_CONVERTED = ("PA", "YCbCr", "HSV", "RGBa", "RGBX", "CMYK", "LAB", "I", "F")
_SHOWN = {"1": 1, "L": 1, "LA": 2, "La": 2, "I": 2, "F": 2, "I;16": 2, "I;16B": 2, "I;16L": 2}
_SHOWN |= {"RGBA": 4, "P": 4, "PA": 4}
_WORK = {"WEBP": 16, "AVIF": 16, "HEIF": 12, "JPEG2000": 24, "JXL": 16}
"""Bytes of a pixel that decoders take beside: canvases, numbers that are not rounded yet."""


class Excess(Exception):
    """A file asks for what no photo does; the text ends "it has ..."."""


class Memory(NamedTuple):
    """Bytes that decoding a picture takes, the file's own not counted."""

    planes: int  # what is shown in the end
    total: int  # that, and what decoders hold beside it


def check_size(
    size: tuple[int, int], name: str, memory: Memory | None = None, file_size: int = 0
) -> None:
    """Refuse a picture, or a page, that is larger than any photo.

    Args:
        size: width and height.
        name: for the errors.
        memory: what decoding takes, where it comes from a file.
        file_size: bytes of that file.

    Raises:
        BadPhoto: it is too large, by itself or for its file.
    """
    width, height = size
    large = f"{name} has {width:,} × {height:,} pixels"
    if width * height > MAX_PIXELS:
        raise BadPhoto(f"{large}, and at most {MAX_PIXELS:,} can be read: scale it down first.")
    if max(width, height) > MAX_SIDE:
        raise BadPhoto(f"{large}, and at most {MAX_SIDE:,} along a side: cut it into parts first.")
    if memory is None:
        return
    if memory.planes > plausible_size(file_size):
        raise BadPhoto(
            f"{large} in only {file_size:,} bytes, as no photo has: fetch it again, or scale it "
            "down first."
        )
    if memory.total > MAX_BYTES:
        raise BadPhoto(
            f"{large}, which take {memory.total / 1e9:.1f} GB to read, and at most "
            f"{MAX_BYTES / 1e9:g} GB can be had: scale it down or lower its depth first."
        )


def plausible_size(file_size: int) -> int:
    """How many bytes of planes are believable in a file of so many bytes."""
    most, share = PLAUSIBLE
    return max(most, file_size * share)


def estimate_memory(image: Image.Image, *, buffered: bool = False) -> Memory:
    """The memory that decoding a picture takes, from what its headers say.

    Args:
        image: opened by Pillow and not loaded; no TIFF, whose pages know themselves.
        buffered: whether a JPEG's pixels come in several scans, and are held until the last.
    """
    pixels, work = image.width * image.height, _WORK.get(image.format or "", 0)
    if deep := sixteen_bit.pixel_size(image):
        return Memory(pixels * deep, pixels * (2 * deep + work))
    planes = pixels * _SHOWN.get(image.mode, 3)
    work += 4 * (image.mode in _CONVERTED) + _HELD.get(image.mode, 4)
    if buffered:
        work += 2 * len(image.getbands())
    return Memory(planes, planes + pixels * work)
