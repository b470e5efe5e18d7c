"""JPEG files as decoders get them: without remarks, and with no more scans than photos have.

A file is a row of segments: FF, a kind, a length and content; what else lies between two of them is
passed over (ITU-T T.81, annex B). The pixels follow in one scan, or in several that each make them
finer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from photochrom.image.limits import Excess

_START, _END, _SCAN, _TABLES = 0xD8, 0xD9, 0xDA, (0xC4, 0xCC)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {*_TABLES, 0xC8}
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Kinds without content: restarts, beginning and end, and a byte FF that is no kind."""
_NEEDED = {0xE0: (b"JFIF\0", 14), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}
"""Of applications' segments those by which pixels are shown: how they begin, and their length."""
_NEXT = re.compile(rb"\xff([^\x00\xff])")
_AMID = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""What ends a scan: anything but a restart."""
_JUNK = 1 << 20
"""Bytes between two segments at most."""
MAX_SEGMENTS = 5_000
"""Beside the pixels: a profile and the parts of an XMP packet are some hundred at most."""
MAX_SCANS = 100
"""Encoders make ten or so; each goes over all pixels."""


def lean(data: bytes) -> bytes:
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
        remark = 0xE0 <= kind <= 0xEF or kind == 0xFE
        if not remark or (
            least and end - start >= 4 + least and data.startswith(begins, start + 4)
        ):
            parts.append(data[start:end])
    return b"".join((*parts, data[pixels:]))


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a file tells, or None."""
    for kind, start, _ in _places(data):
        if kind in _FRAMES:
            height, width = (int.from_bytes(data[start + i : start + i + 2], "big") for i in (5, 7))
            return width, height
    return None


def scans(data: bytes) -> int:
    """How many scans a file has, up to one more than it may."""
    at, many, found = 2, 0, 0
    while (match := _AMID.search(data, at)) and match[1][0] != _END and found <= MAX_SCANS:
        many += 1
        if many > MAX_SEGMENTS:
            raise Excess(f"it has more than {MAX_SEGMENTS:,} segments")
        found += match[1][0] == _SCAN
        at = _end(data, match)
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
        kind, at = match[1][0], _end(data, match)
        many += 1
        if many > MAX_SEGMENTS:
            raise Excess(f"it has more than {MAX_SEGMENTS:,} segments")
        if kind not in _ALONE:
            yield kind, match.start(), at
        if kind == _SCAN:
            return


def _end(data: bytes, match: re.Match[bytes]) -> int:
    """Where a segment ends."""
    at = match.end()
    if match[1][0] in _ALONE:
        return at
    return at + max(2, int.from_bytes(data[at : at + 2], "big"))
