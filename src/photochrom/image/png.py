"""PNG files: made fit for decoders, what is cut short filled up, and metadata read and put in.

A chunk is its length, a name of four letters, content and a checksum (PNG 3rd edition, 5.3). A
small first letter marks what a picture can be shown without.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from photochrom.image.limits import Excess
from photochrom.image.rescue import inflate

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP = "XML:com.adobe.xmp"
_HEAD = len(SIGNATURE) + 25  # and IHDR, after which metadata may come: 5.6
_REPLACED = (b"iCCP", b"sRGB", b"eXIf", b"pHYs", b"iTXt", b"tEXt", b"zTXt", b"tIME")
_READ_APART = (b"iCCP", b"cICP", b"iTXt", b"tEXt", b"zTXt", b"iDOT", b"acTL", b"fcTL", b"fdAT")
"""Metadata that are read here, with larger bounds than Pillow's; and how pictures follow each
other."""
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7, b"cICP": 4, b"acTL": 8}
_TRANSPARENT = {0: 2, 2: 6, 3: 1}  # bytes of tRNS at least, by colour type
_MAX_PROFILE = 1 << 26  # bytes of a profile, unpacked
_MAX_TEXT = 64_000_000  # bytes of all texts, unpacked
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
    check: bytes

    @property
    def whole(self) -> bool:
        """Whether all of it is there and its checksum is right."""
        return self.check == zlib.crc32(self.content, zlib.crc32(self.name)).to_bytes(4, "big")


def read_chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a file, the last maybe in part."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + 8 + length
        yield Chunk(data[at + 4 : at + 8], data[at + 8 : end], data[end : end + 4])
        at = end + 4


def pack_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as it is stored."""
    check = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


# --- for decoders -----------------------------------------------------------------------------


@dataclass
class Prepared:
    """A file as decoders take it."""

    data: bytes  # without chunks that are broken
    pixels: bytes  # without the metadata that is read apart as well
    info: dict[str, Any] = field(default_factory=dict)
    """``icc_profile`` and ``cicp``, where it has such."""
    notes: list[str] = field(default_factory=list)
    pictures: int = 1  # how many it has


def prepare(data: bytes) -> Prepared:
    """Take out of a file what would keep decoders from reading its pixels.

    Raises:
        ValueError: a chunk that is needed is broken.
        Excess: there are more chunks than any photo has.
    """
    result = Prepared(data, data)
    good, lean = [SIGNATURE], [SIGNATURE]
    apart: dict[bytes, bytes] = {}
    ended = lost = scaled = has_pixels = False
    for many, chunk in enumerate(read_chunks(data), 1):
        if many > MAX_CHUNKS:
            raise Excess(f"it has more than {MAX_CHUNKS:,} chunks")
        if chunk.name == b"IHDR" and many > 1:  # decoders may take either's size
            lost = True
            continue
        is_optional = chunk.name[:1].islower()
        if is_optional and not (chunk.whole and _is_long_enough(chunk, data)):
            lost = True
            continue
        if not chunk.whole:
            raise ValueError(f"its {chunk.name.decode('latin-1')} chunk is damaged")
        stored = pack_chunk(chunk.name, chunk.content)
        good.append(stored)
        if chunk.name in _READ_APART:
            if not (has_pixels and chunk.name in (b"acTL", b"fcTL")):
                apart.setdefault(chunk.name, chunk.content)  # there can be one of each
            continue
        if fitted := _scale_transparent(chunk, data):
            stored, scaled = fitted, True
        lean.append(stored)
        has_pixels |= chunk.name == b"IDAT"
        ended = chunk.name == b"IEND"
        if ended:
            break
    if not ended:
        if not has_pixels:
            raise ValueError("it has no pixels")
        good.append(pack_chunk(b"IEND", b""))
        lean.append(good[-1])
    _take_apart(apart, result)
    if lost:
        result.notes.append("a damaged part of its metadata was left out")
    if lost or not ended:
        result.data = b"".join(good)
    if lost or not ended or scaled or len(good) > len(lean):
        result.pixels = b"".join(lean)
    return result


def _is_long_enough(chunk: Chunk, data: bytes) -> bool:
    length = len(chunk.content)
    if chunk.name == b"tRNS":
        return length >= _TRANSPARENT.get(data[25], 0)
    return length == _LENGTHS.get(chunk.name, length)


def _take_apart(apart: dict[bytes, bytes], result: Prepared) -> None:
    """Note the colour space and the animation, which are read apart."""
    if b"acTL" in apart:
        # The picture that is shown by itself need not be the first of them.
        moving = int.from_bytes(apart[b"acTL"][:4], "big")
        result.pictures = max(1, moving + (b"fcTL" not in apart))
    if b"cICP" in apart:
        result.info["cicp"] = tuple(apart[b"cICP"])
    if b"iCCP" in apart:
        _, _, packed = apart[b"iCCP"].partition(b"\0")
        profile = inflate(packed[1:], _MAX_PROFILE)
        if 128 < len(profile) < _MAX_PROFILE:
            result.info["icc_profile"] = profile
        else:
            result.notes.append("its colour profile is damaged and was ignored")


def _scale_transparent(chunk: Chunk, data: bytes) -> bytes | None:
    """A transparent grey of 2 or 4 bits as one of 8, to which Pillow brings the pixels."""
    bits, kind = data[24:25], data[25:26]
    few_greys = kind == b"\0" and bits in (b"\2", b"\4")
    if chunk.name != b"tRNS" or not few_greys or len(chunk.content) != 2:
        return None
    highest = (1 << bits[0]) - 1
    level = (int.from_bytes(chunk.content, "big") & highest) * 255 // highest
    return pack_chunk(b"tRNS", level.to_bytes(2, "big"))


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
    for chunk in itertools.islice(read_chunks(data), MAX_CHUNKS):
        if chunk.name == b"IHDR" and not head:
            head = chunk.content
            kept.append(pack_chunk(chunk.name, head))
        elif chunk.name == b"IDAT":
            parts.append(chunk.content)
        elif chunk.whole and chunk.name not in (b"IHDR", b"IEND") and not parts:
            kept.append(pack_chunk(chunk.name, chunk.content))
    whole = _unpacked_size(head, most)
    rows = inflate(b"".join(parts), whole)
    if not rows or whole > 100 * len(rows) + (1 << 16):
        raise ValueError("it has hardly any pixels")
    kept.append(pack_chunk(b"IDAT", zlib.compress(rows.ljust(whole, b"\0"), 1)))
    kept.append(pack_chunk(b"IEND", b""))
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


# --- metadata ---------------------------------------------------------------------------------


def read_texts(data: bytes) -> list[tuple[str, str]]:
    """Keyword and text of every remark, in order; those that are broken or too long left out."""
    found: list[tuple[str, str]] = []
    left = _MAX_TEXT
    for name, content, _ in read_chunks(data):
        keyword, _, text = content.partition(b"\0")
        encoding = "latin-1"
        try:
            if name == b"zTXt":
                text = _inflate_text(text[1:], left)
            elif name == b"iTXt":
                packed, encoding = text[:1] == b"\1", "utf-8"
                _language, _translated, text = text[2:].split(b"\0", 2)
                text = _inflate_text(text, left) if packed else text
            elif name != b"tEXt":
                continue
            found.append((keyword.decode("latin-1"), text.decode(encoding)))
        except (ValueError, zlib.error):
            continue
        left -= len(found[-1][1])
    return found


def _inflate_text(data: bytes, most: int) -> bytes:
    engine = zlib.decompressobj()
    text = engine.decompress(data, max(1, most))
    if not engine.eof:
        raise ValueError("it is too long, or cut short")
    return text


def text_chunk(keyword: str, text: str) -> tuple[bytes, bytes]:
    """A remark: Latin-1 where that does, else UTF-8."""
    name = keyword.encode("latin-1", "replace")[:79] + b"\0"
    try:
        return b"tEXt", name + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", name + bytes(4) + text.encode()


def raw_profile_chunk(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """What PNG has no chunk for, the way ImageMagick keeps it."""
    text = f"\n{kind}\n{len(data):8}\n{data.hex()}\n"
    return b"zTXt", f"Raw profile type {kind}\0\0".encode() + zlib.compress(text.encode())


def parse_raw_profile(text: str) -> bytes:
    """What such a text holds. Raises ValueError."""
    return bytes.fromhex("".join(text.split()[2:]))  # after its name and length


def resolution_chunk(dpi: tuple[float, float]) -> tuple[bytes, bytes]:
    """Pixels per metre across and down."""
    across, down = (round(value / 0.0254) for value in dpi)
    return b"pHYs", struct.pack(">IIB", across, down, 1)


def profile_chunk(profile: bytes) -> tuple[bytes, bytes]:
    """A colour profile."""
    return b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)


def insert_chunks(data: bytes, added: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A file with metadata of ours, names and contents of chunks, in place of its own."""
    rest = [
        pack_chunk(name, content)
        for name, content, _ in read_chunks(data)
        if name not in (*_REPLACED, b"IHDR")
    ]
    return b"".join((data[:_HEAD], *(pack_chunk(*chunk) for chunk in added), *rest))
