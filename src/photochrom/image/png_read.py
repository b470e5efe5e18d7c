"""PNG files made fit for decoders: broken remarks taken out, what is cut short filled up.

A chunk is its length, a name of four letters, content and a checksum (PNG 3rd edition, 5.3). A
small first letter marks what a picture can be shown without.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from photochrom.image.limits import Excess
from photochrom.image.rescue import inflate

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_METADATA = (b"iCCP", b"cICP", b"iTXt", b"tEXt", b"zTXt", b"iDOT", b"acTL", b"fcTL", b"fdAT")
"""Read here and by :mod:`photochrom.image.metadata`, with larger bounds than Pillow's; and how
pictures follow each other."""
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7, b"cICP": 4, b"acTL": 8}
_TRANSPARENT = {0: 2, 2: 6, 3: 1}
"""Bytes of tRNS at least, by colour type."""
_MOST = 1 << 26
"""Bytes of a profile, unpacked."""
MAX_CHUNKS = 200_000
"""A gigabyte of pixels in pieces of 8 kB, as most programs write them, has not so many."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (  # first column and row, steps
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4)),
    *((1, 0, 2, 2), (0, 1, 1, 2)),
)


class Chunk(NamedTuple):
    """One chunk of a file."""

    name: bytes
    content: bytes
    whole: bool
    """Whether all of it is there and its checksum is right."""


@dataclass
class Prepared:
    """A file as decoders take it."""

    data: bytes
    """Without chunks that are broken."""
    pixels: bytes
    """Without the metadata that is read apart as well."""
    info: dict[str, Any] = field(default_factory=dict)
    """``icc_profile`` and ``cicp``, where it has such."""
    notes: list[str] = field(default_factory=list)
    profiled: bool = False
    """Whether a colour profile was looked at: there can be one (11.3.2.3)."""
    moved: int = 0
    """Pictures of its animation."""
    begun: bool = False
    """Whether the picture that is shown by itself is the first of them."""

    @property
    def pictures(self) -> int:
        """How many it has."""
        return max(1, self.moved + (not self.begun))


def prepare(data: bytes) -> Prepared:
    """Take out of a file what would keep decoders from reading its pixels.

    Raises:
        ValueError: a chunk that is needed is broken.
        Excess: there are more chunks than any photo has.
    """
    result = Prepared(data, data)
    good, lean = [SIGNATURE], [SIGNATURE]
    ended = lost = changed = False
    pixels = 0
    for chunk in chunks(data):
        if len(good) > MAX_CHUNKS:
            raise Excess(f"it has more than {MAX_CHUNKS:,} chunks")
        sound = chunk.whole and _long_enough(chunk, data)
        if not sound and not _needed(chunk.name):
            lost = True
            good.append(b"")
            continue
        if not chunk.whole:
            raise ValueError(f"its {chunk.name.decode('latin-1')} chunk is damaged")
        stored = _stored(chunk.name, chunk.content)
        good.append(stored)
        if chunk.name in _METADATA:
            _take(chunk, result, pixels > 0)
            changed = True
            continue
        pixels += chunk.name == b"IDAT"
        ended = chunk.name == b"IEND"
        scaled = _scaled(chunk, data)
        changed |= scaled is not None
        lean.append(scaled or stored)
        if ended:
            break
    if not ended:
        if not pixels:
            raise ValueError("it has no pixels")
        good.append(_stored(b"IEND", b""))
        lean.append(good[-1])
    if lost:
        result.notes.append("a damaged part of its metadata was left out")
    if lost or not ended:
        result.data = b"".join(good)
    if changed or lost or not ended:
        result.pixels = b"".join(lean)
    return result


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a file, the last maybe in part."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        check = data[at + 8 + length : at + 12 + length]
        told = zlib.crc32(content, zlib.crc32(name)).to_bytes(4, "big")
        yield Chunk(name, content, check == told)
        at += 12 + length


def _needed(name: bytes) -> bool:
    return not name[:1].islower()


def _long_enough(chunk: Chunk, data: bytes) -> bool:
    length = len(chunk.content)
    if chunk.name == b"tRNS":
        return length >= _TRANSPARENT.get(data[25], 0)
    return length == _LENGTHS.get(chunk.name, length)


def _stored(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def _take(chunk: Chunk, result: Prepared, late: bool) -> None:
    if chunk.name == b"acTL" and not late:
        result.moved = int.from_bytes(chunk.content[:4], "big")
    elif chunk.name == b"fcTL" and not late:
        result.begun = True
    elif chunk.name == b"cICP":
        result.info["cicp"] = tuple(chunk.content)
    elif chunk.name == b"iCCP" and not result.profiled:
        result.profiled = True
        _, _, packed = chunk.content.partition(b"\0")
        profile = inflate(packed[1:], _MOST)
        if 128 < len(profile) < _MOST:
            result.info["icc_profile"] = profile
        else:
            result.notes.append("its colour profile is damaged and was ignored")


def _scaled(chunk: Chunk, data: bytes) -> bytes | None:
    """A transparent grey of 2 or 4 bits as one of 8, to which Pillow brings the pixels."""
    bits, kind = data[24:25], data[25:26]
    few_greys = kind == b"\0" and bits in (b"\2", b"\4")
    if chunk.name != b"tRNS" or not few_greys or len(chunk.content) != 2:
        return None
    highest = (1 << bits[0]) - 1
    level = (int.from_bytes(chunk.content, "big") & highest) * 255 // highest
    return _stored(b"tRNS", level.to_bytes(2, "big"))


def repair(data: bytes, most: int) -> tuple[bytes, float]:
    """Fill up what a file's pixels lack with black.

    Args:
        data: the file.
        most: bytes of pixels that are believable in it.

    Returns:
        A file that is whole, and the share of the pixels that is missing, 0..1.

    Raises:
        ValueError: there is nothing to be shown.
    """
    head, kept, parts = b"", [SIGNATURE], []
    for chunk in itertools.islice(chunks(data), MAX_CHUNKS):
        if chunk.name == b"IHDR" and not head:
            head = chunk.content
            kept.append(_stored(chunk.name, head))
        elif chunk.name == b"IDAT":
            parts.append(chunk.content)
        elif chunk.whole and chunk.name != b"IEND" and not parts:
            kept.append(_stored(chunk.name, chunk.content))
    whole = _unpacked_size(head, most)
    rows = inflate(b"".join(parts), whole)
    if not rows or whole > 100 * len(rows) + (1 << 16):
        raise ValueError("it has hardly any pixels")
    kept.append(_stored(b"IDAT", zlib.compress(rows.ljust(whole, b"\0"), 1)))
    kept.append(_stored(b"IEND", b""))
    return b"".join(kept), 1 - len(rows) / whole


def _unpacked_size(head: bytes, most: int) -> int:
    """Bytes of all rows, each with its filter."""
    if len(head) != 13 or head[9] not in _CHANNELS:
        raise ValueError("its head is damaged")
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    depth, size = bits * _CHANNELS[kind], 0
    if width * height * max(8, depth) > 8 * most or bits > 16:
        raise ValueError("its size is not believable")
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        w, h = max(0, -(-(width - left) // across)), max(0, -(-(height - top) // down))
        size += h * (1 + -(-w * depth // 8)) if w else 0
    return size
