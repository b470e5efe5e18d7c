"""JPEG, its strips encoded side by side.

A baseline scan may be cut by restart markers, each of which begins anew (ITU-T T.81, sections
B.2.4.4 and E.1.4). So strips of a photo are encoded as files of their own, by all cores, and their
scans laid end to end: the same pixels as from one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

_LONGEST = 65_500  # libjpeg's own limit for a side
_BLOCK = 8
_STRIP = 1 << 19  # pixels; their blocks have to be counted by 16 bits
_START, _END = b"\xff\xd8", b"\xff\xd9"
_RESTART, _SCAN, _FRAME = 0xD0, 0xDA, 0xC0
_METADATA = frozenset(range(0xE0, 0xF0)) | {0xFE}  # APP0..APP15 and the comment
ROOM = 65_533
"""Bytes that a segment holds."""
XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
"""ITU-T T.81, table K.1: steps of lightness at quality 50."""


def encode(pixels: npt.NDArray[np.uint8], quality: int, head: bytes = b"") -> bytes:
    """Encode a photo, its colour at full resolution (4:4:4).

    Args:
        pixels: grey (H, W) or RGB (H, W, 3).
        quality: 1..100.
        head: segments that come first, as of :func:`segment`.

    Raises:
        ValueError: JPEG holds no such photo.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > _LONGEST:
        raise ValueError(f"it holds at most {_LONGEST:,} pixels along a side")
    across = -(-width // _BLOCK)
    down = max(1, _STRIP // (across * _BLOCK**2))  # blocks of a strip
    flags = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        cv2.IMWRITE_JPEG_RST_INTERVAL: across * down,
    }

    def strip(start: int) -> bytes:
        part = pixels[start : start + down * _BLOCK]
        stored = cv2.cvtColor(part, cv2.COLOR_RGB2BGR) if part.ndim == 3 else part
        return bytes(cv2.imencode(".jpg", stored, [n for flag in flags.items() for n in flag])[1])

    with ThreadPoolExecutor(cv2.getNumThreads()) as pool:
        strips = [_split(data) for data in pool.map(strip, range(0, height, down * _BLOCK))]
    parts = []
    for kind, part in strips[0][0]:
        if kind == _FRAME:
            part = part[:5] + height.to_bytes(2, "big") + part[7:]
        if kind not in _METADATA:
            parts.append(part)
    scans = [scan for _, scan in strips]
    body = [bytes([0xFF, _RESTART + i % 8]) + scan for i, scan in enumerate(scans[1:])]
    return b"".join([_START, head, *parts, scans[0], *body, _END])


def segment(kind: int, content: bytes) -> bytes:
    """A segment of metadata: APP0 is 0xE0, a comment 0xFE. Raises ValueError: it is too long."""
    if len(content) > ROOM:
        raise ValueError(f"a segment holds at most {ROOM:,} bytes")
    return bytes([0xFF, kind]) + (len(content) + 2).to_bytes(2, "big") + content


def jfif(dpi: tuple[float, float] | None) -> bytes:
    """The first segment, with pixels per inch (JFIF 1.02)."""
    across, down = (min(65535, round(value)) for value in dpi or (1, 1))
    unit = 1 if dpi else 0
    numbers = across.to_bytes(2, "big") + down.to_bytes(2, "big")
    return segment(0xE0, b"JFIF\0\1\1" + bytes([unit]) + numbers + bytes(2))


def profile_segments(profile: bytes) -> bytes:
    """A colour profile, in as many segments as it takes (ICC.1:2022, B.4)."""
    head = b"ICC_PROFILE\0"
    room = ROOM - len(head) - 2
    parts = [profile[i : i + room] for i in range(0, len(profile), room)]
    return b"".join(
        segment(0xE2, head + bytes([i, len(parts)]) + part) for i, part in enumerate(parts, 1)
    )


def xmp_segments(packet: bytes, extension: bytes, guid: str) -> bytes:
    """An XMP packet and its extension (XMP specification part 3, 1.1.3)."""
    found = segment(0xE1, XMP + packet) if packet else b""
    whole = guid.encode() + len(extension).to_bytes(4, "big")
    room = 65_000
    for start in range(0, len(extension), room):
        part = extension[start : start + room]
        place = start.to_bytes(4, "big")
        found += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + whole + place + part)
    return found


def resource_segments(resources: bytes) -> bytes:
    """Photoshop's image resources."""
    head = b"Photoshop 3.0\0"
    room = ROOM - len(head)
    starts = range(0, len(resources), room)
    return b"".join(segment(0xED, head + resources[i : i + room]) for i in starts)


def quality_of(tables: Mapping[int, Sequence[int]]) -> int | None:
    """The quality 1..100 whose lightness is quantized as finely, by libjpeg's own scale."""
    luma = tables.get(0)
    if not luma or len(luma) != len(_LUMA):
        return None
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        scaled = (min(255, max(1, (step * scale + 50) // 100)) for step in _LUMA)
        if sum(scaled) <= sum(luma):
            return quality
    return 100


def _split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The segments of a file, each with its kind, and the scan after them."""
    segments, offset, kind = [], len(_START), 0
    while kind != _SCAN:
        kind = data[offset + 1]
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        segments.append((kind, data[offset:end]))
        offset = end
    return segments, data[offset : -len(_END)]
