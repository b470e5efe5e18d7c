"""JPEG files: segments read and written, and pixels encoded, strips of them side by side.

A file is a row of segments: FF, a kind, a length and content; what else lies between two of them is
passed over (ITU-T T.81, annex B). The pixels follow in one scan, or in several that each make them
finer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import cv2

from photochrom.color import Pixels
from photochrom.image.limits import Excess
from photochrom.parallel import map_side_by_side

_START, _END = b"\xff\xd8", b"\xff\xd9"
_RESTART, _SCAN, _FRAME = 0xD0, 0xDA, 0xC0
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # without tables
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Kinds without content: restarts, beginning and end, and a byte FF that is no kind."""
_METADATA = frozenset(range(0xE0, 0xF0)) | {0xFE}  # APP0..APP15 and the comment
_NEEDED = {0xE0: (b"JFIF\0", 14), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}
"""Of applications' segments those by which pixels are shown: how they begin, and their length."""
_NEXT = re.compile(rb"\xff([^\x00\xff])")
_AMID = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # what ends a scan: anything but a restart
_JUNK = 1 << 20  # bytes between two segments at most
MAX_SEGMENTS = 5_000
"""Beside the pixels: a profile and the parts of an XMP packet are some hundred at most."""
MAX_SCANS = 100
"""Encoders make ten or so; each goes over all pixels."""
ROOM = 65_533
"""Bytes that a segment holds."""
XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
_LONGEST = 65_500  # libjpeg's own limit for a side
_BLOCK = 8
_STRIP = 1 << 19  # pixels; their blocks have to be counted by 16 bits
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


# --- reading ----------------------------------------------------------------------------------


def strip_remarks(data: bytes) -> bytes:
    """Take the remarks out of a file, which are read apart, and what is nowhere amid the others.

    Raises:
        Excess: it has more segments than any photo.
    """
    parts, pixels = [data[:2]], len(data)
    for kind, start, end in _places(data):
        if kind == _SCAN:
            pixels = start
            break
        begins, least = _NEEDED.get(kind, (b"", 0))
        needed = least and end - start >= 4 + least and data.startswith(begins, start + 4)
        if kind not in _METADATA or needed:
            parts.append(data[start:end])
    return b"".join((*parts, data[pixels:]))


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a file tells, or None."""
    for kind, start, _ in _places(data):
        if kind in _FRAMES:
            height, width = (int.from_bytes(data[start + i : start + i + 2], "big") for i in (5, 7))
            return width, height
    return None


def count_scans(data: bytes) -> int:
    """How many scans a file has, up to one more than it may. Raises Excess: too many segments."""
    at, many, found = 2, 0, 0
    while (match := _AMID.search(data, at)) and match[0] != _END and found <= MAX_SCANS:
        many += 1
        _check_count(many)
        found += match[1][0] == _SCAN
        at = _end_of(data, match)
    return found


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each segment before the pixels, as far as they are whole."""
    return (
        (kind, data[start + 4 : end])
        for kind, start, end in _places(data)
        if kind != _SCAN and end <= len(data)
    )


def _places(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, beginning and end of each segment up to the first scan's, found as decoders do."""
    at, many = 2, 0
    while match := _NEXT.search(data, at, at + _JUNK):
        kind, at = match[1][0], _end_of(data, match)
        many += 1
        _check_count(many)
        if kind not in _ALONE:
            yield kind, match.start(), at
        if kind == _SCAN:
            return


def _check_count(many: int) -> None:
    if many > MAX_SEGMENTS:
        raise Excess(f"it has more than {MAX_SEGMENTS:,} segments")


def _end_of(data: bytes, match: re.Match[bytes]) -> int:
    """Where a segment ends."""
    at = match.end()
    if match[1][0] in _ALONE:
        return at
    return at + max(2, int.from_bytes(data[at : at + 2], "big"))


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """The quality 1..100 whose lightness is quantized as finely, by libjpeg's own scale."""
    luma = tables.get(0)
    if not luma or len(luma) != len(_LUMA):
        return None
    return next((q for q, steps in enumerate(_luma_sums(), 1) if steps <= sum(luma)), 100)


@cache
def _luma_sums() -> list[int]:
    """Of the quantization of lightness at each quality 1..100."""
    scales = [5000 // q if q < 50 else 200 - 2 * q for q in range(1, 101)]
    return [sum(min(255, max(1, (step * s + 50) // 100)) for step in _LUMA) for s in scales]


# --- writing ----------------------------------------------------------------------------------


def encode(pixels: Pixels, quality: int, head: bytes = b"") -> bytes:
    """Encode a photo, its colour at full resolution (4:4:4), by all cores.

    A baseline scan may be cut by restart markers, each of which begins anew (ITU-T T.81, sections
    B.2.4.4 and E.1.4). So strips of a photo are encoded as files of their own, and their scans laid
    end to end: the same pixels as from one go.

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

    def encode_strip(start: int) -> bytes:
        part = pixels[start : start + down * _BLOCK]
        stored = cv2.cvtColor(part, cv2.COLOR_RGB2BGR) if part.ndim == 3 else part
        return bytes(cv2.imencode(".jpg", stored, [n for flag in flags.items() for n in flag])[1])

    starts = range(0, height, down * _BLOCK)
    encoded = map_side_by_side(encode_strip, starts, cv2.getNumThreads())
    strips = [_split_scan(data) for data in encoded]
    parts = []
    for kind, part in strips[0][0]:
        if kind == _FRAME:
            part = part[:5] + height.to_bytes(2, "big") + part[7:]
        if kind not in _METADATA:
            parts.append(part)
    scans = [scan for _, scan in strips]
    body = [bytes([0xFF, _RESTART + i % 8]) + scan for i, scan in enumerate(scans[1:])]
    return b"".join([_START, head, *parts, scans[0], *body, _END])


def _split_scan(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The segments of a file of ours, each with its kind, and the scan after them."""
    found = [(kind, data[start:end]) for kind, start, end in _places(data)]
    return found, data[sum(len(part) for _, part in found) + len(_START) : -len(_END)]


def segment(kind: int, content: bytes) -> bytes:
    """A segment of metadata: APP0 is 0xE0, a comment 0xFE. Raises ValueError: it is too long."""
    if len(content) > ROOM:
        raise ValueError(f"a segment holds at most {ROOM:,} bytes")
    return bytes([0xFF, kind]) + (len(content) + 2).to_bytes(2, "big") + content


def jfif_segment(dpi: tuple[float, float] | None) -> bytes:
    """The first segment, with pixels per inch (JFIF 1.02)."""
    across, down = (min(65535, round(value)) for value in dpi or (1, 1))
    unit = 1 if dpi else 0
    numbers = across.to_bytes(2, "big") + down.to_bytes(2, "big")
    return segment(0xE0, b"JFIF\0\1\1" + bytes([unit]) + numbers + bytes(2))


def profile_segments(profile: bytes) -> bytes:
    """A colour profile, in as many segments as it takes (ICC.1:2022, B.4)."""
    head = b"ICC_PROFILE\0"
    parts = _chunked(profile, ROOM - len(head) - 2)
    return b"".join(
        segment(0xE2, head + bytes([i, len(parts)]) + part) for i, part in enumerate(parts, 1)
    )


def xmp_segments(packet: bytes, extension: bytes, guid: str) -> bytes:
    """An XMP packet and its extension (XMP specification part 3, 1.1.3)."""
    found = segment(0xE1, XMP + packet) if packet else b""
    head = XMP_EXTENSION + guid.encode() + len(extension).to_bytes(4, "big")
    room = 65_000
    for i, part in enumerate(_chunked(extension, room)):
        found += segment(0xE1, head + (i * room).to_bytes(4, "big") + part)
    return found


def resource_segments(resources: bytes) -> bytes:
    """Photoshop's image resources."""
    parts = _chunked(resources, ROOM - len(PHOTOSHOP))
    return b"".join(segment(0xED, PHOTOSHOP + part) for part in parts)


def _chunked(data: bytes, room: int) -> list[bytes]:
    return [data[i : i + room] for i in range(0, len(data), room)]
