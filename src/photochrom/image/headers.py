"""What the heads of files tell of their size, read before a decoder sees them."""

from __future__ import annotations

import re

from photochrom.image import jpeg, png
from photochrom.image.limits import Excess, plausible_size

JPEG = b"\xff\xd8\xff"
_CODESTREAM = b"\xff\x4f\xff\x51"
_TILE_PART = 14  # bytes that a tile of JPEG 2000 takes at least
_COMPONENTS = 64
_GIF_BLOCKS = 20_000
_GIF_REMARKS = 1 << 20  # bytes before the first picture
_PPM_HEAD = 1 << 16
_PPM = re.compile(rb"P(?:[14](?:(?:\s|#[^\r\n]*)+\d+){2}|[2356](?:(?:\s|#[^\r\n]*)+\d+){3})")
"""A head and its numbers, with remarks anywhere, which Pillow reads byte by byte."""


def check_header(data: bytes) -> None:
    """Refuse a file whose head alone would make a decoder take what no photo does.

    Raises:
        Excess: it does.
    """
    width, height = _webp_size(data) or (0, 0)
    if 3 * width * height > plausible_size(len(data)):
        raise Excess(f"it has {width:,} × {height:,} pixels in {len(data):,} bytes")
    if data.startswith(b"GIF"):
        count_gif_frames(data)
    plain = re.match(rb"P[1-6][\s#]", data) and len(data) > _PPM_HEAD
    if plain and not _PPM.match(data[:_PPM_HEAD]):
        raise Excess("it has more remarks than picture")
    if data.startswith(JPEG[:2]) and jpeg.count_scans(data) > jpeg.MAX_SCANS:
        raise Excess(f"it has more than {jpeg.MAX_SCANS} scans")
    at = data.find(_CODESTREAM, 0, 1 << 16)
    if at >= 0 and not data.startswith((JPEG[:2], png.SIGNATURE)):
        _check_codestream(data, at)


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a file tells, where its decoder would take memory for it at once.

    That is JPEG, PNG, JPEG 2000 and WebP; of others None.
    """
    number = int.from_bytes
    if data.startswith(JPEG[:2]):
        return jpeg.read_size(data)
    if data.startswith(png.SIGNATURE):
        return number(data[16:20], "big"), number(data[20:24], "big")
    if found := _webp_size(data):
        return found
    at = data.find(_CODESTREAM, 0, 1 << 16)
    if at >= 0 and (at == 0 or data[4:8] in (b"jP  ", b"jP\x1a\x1a")):
        right, down, left, top = (number(data[at + i : at + i + 4], "big") for i in (8, 12, 16, 20))
        return max(0, right - left), max(0, down - top)
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"RIFF") or data[8:12] != b"WEBP":
        return None
    kind, number = data[12:16], int.from_bytes
    if kind == b"VP8X":
        return 1 + number(data[24:27], "little"), 1 + number(data[27:30], "little")
    if kind == b"VP8L":
        bits = number(data[21:25], "little")
        return 1 + bits % (1 << 14), 1 + (bits >> 14) % (1 << 14)
    if kind == b"VP8 ":
        width, height = (number(data[i : i + 2], "little") % (1 << 14) for i in (26, 28))
        return width, height
    return None


def _check_codestream(data: bytes, at: int) -> None:
    """Refuse tiles and components that a file has no room for (ISO/IEC 15444-1, A.5.1)."""
    numbers = [int.from_bytes(data[i : i + 4], "big") for i in range(at + 8, at + 40, 4)]
    right, down, _, _, wide, tall, left, top = numbers
    components = int.from_bytes(data[at + 40 : at + 42], "big")
    if not wide or not tall or components > _COMPONENTS:
        raise Excess(f"it has {components:,} channels, in tiles of {wide:,} × {tall:,} pixels")
    many = -(-(right - left) // wide) * -(-(down - top) // tall)
    if many > max(1, len(data) // _TILE_PART):
        raise Excess(f"it has {many:,} tiles")


def count_gif_frames(data: bytes) -> int:
    """Count the pictures of an animation, up to as many as are worth it (GIF89a, 20 to 26).

    Raises:
        Excess: there are more remarks before the first than Pillow can read in a second.
    """
    at, found = 13 + _colors_size(data[10:11]), 0
    for block in range(_GIF_BLOCKS):
        kind = data[at : at + 1]
        if not found and (at > _GIF_REMARKS or block > _GIF_BLOCKS // 2):
            raise Excess("it has more remarks than picture")
        if kind == b",":
            found += 1
            at += 10 + _colors_size(data[at + 9 : at + 10]) + 1
        elif kind == b"!":
            at += 2
        else:
            break
        while length := int.from_bytes(data[at : at + 1], "little"):
            at += 1 + length
        at += 1
    return max(1, found)


def _colors_size(flags: bytes) -> int:
    """Bytes of the colours that follow."""
    told = flags[0] if flags else 0
    return 3 << 1 + (told & 7) if told & 0x80 else 0
