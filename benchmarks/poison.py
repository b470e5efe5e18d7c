"""Small files that ask for much: what ``hostile.py`` sends among honest photos.

Each function makes one file, of the kind that its name says; sizes are of the file. None holds
anything but headers, nothing, and zeros.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat

from PIL import Image


def endless_chunk() -> bytes:
    """A PNG of 16 bits, 145 bytes, whose pixels claim to be 2 GB."""
    broken = _chunk(b"IDAT", b"\0" * 100)
    return _png(16, 16, 16, 2)[0] + struct.pack(">I", 0x7FFFFFEF) + broken[4:]


def wide() -> bytes:
    """A PNG of 49,000,000 × 1 pixels, 48 KB."""
    return _flat_png(49_000_000, 1, 8, 0)


def deep() -> bytes:
    """A PNG of 100 megapixels, 16-bit RGBA, 0.8 MB."""
    return _flat_png(10_000, 10_000, 16, 6)


def large_tile() -> bytes:
    """A TIFF of 16 × 16 pixels in one tile of 26,000 × 26,000, 0.7 MB."""
    tile = _zeros(26_000**2)
    entries = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1)]
    entries += [(322, 26_000), (323, 26_000), (324, 8), (325, len(tile))]
    return struct.pack("<2sHI", b"II", 42, 8 + len(tile)) + tile + _directory(entries, 0)


def many_tiles() -> bytes:
    """A JPEG 2000 of 60,000 tiles, 96 bytes."""
    size = struct.pack(">HIIIIIIIIHBBB", 0, 60_000, 1, 0, 0, 1, 1, 0, 0, 1, 7, 1, 1)
    style = b"\0\0\0\0\1\0\5\4\4\0\0"
    quantum = b"\x40" + b"\x40" * 16
    parts = ((0x51, size), (0x52, style[:10]), (0x5C, quantum))
    head = b"\xff\x4f" + b"".join(
        struct.pack(">BBH", 255, mark, len(content) + 2) + content for mark, content in parts
    )
    return head + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\1\xff\x93\xff\xd9"


def empty_segments() -> bytes:
    """A JPEG of 15 million empty segments, 60 MB."""
    return _SMALL_JPEG[:2] + b"\xff\xef\0\2" * 15_000_000 + _SMALL_JPEG[2:]


def scans() -> bytes:
    """A progressive JPEG whose last scan comes 20,000 times, 0.3 MB."""
    file = io.BytesIO()
    Image.new("L", (2000, 2000)).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * 20_000 + whole[-2:]


def overlapping() -> bytes:
    """A TIFF of 30 directories, each of 9,000 entries that share their values, 3 MB."""
    values = 1 << 17
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8 + values) + bytes(values))
    for page in range(30):
        entries = [struct.pack("<HHII", 1000 + tag, 3, 65_535, 8) for tag in range(9000)]
        following = 0 if page == 29 else len(data) + 2 + 12 * len(entries) + 4
        data += struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
    return bytes(data)


def pages(count: int = 9999) -> bytes:
    """A TIFF of so many pages of one pixel, 1 MB."""
    data = bytearray(struct.pack("<2sHI", b"II", 42, 12) + b"\x80\0\0\0")
    entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, 1)]
    length = 2 + 12 * len(entries) + 4
    for page in range(count):
        data += _directory(entries, 0 if page == count - 1 else len(data) + length)
    return bytes(data)


def descriptions() -> bytes:
    """A PNG with 5,000 descriptions of namespaces of their own in its XMP, 0.4 MB."""
    described = "".join(
        f'<rdf:Description rdf:about="" xmlns:n{n}="http://n.example/{n}/" n{n}:a="1"/>'
        for n in range(5000)
    )
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{described}</rdf:RDF></x:xmpmeta>"
    )
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + packet.encode()
    head, pixels, end = _png(64, 64, 8, 0)
    return head + _chunk(b"iTXt", text) + pixels + end


def odd_exif(seed: int = 0) -> bytes:
    """A JPEG whose EXIF has entries of random kinds, counts and places, 3 KB."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    block = bytearray(b"II*\0\x08\0\0\0" + struct.pack("<H", 40))
    for tag in sorted(dice.sample(range(254, 42_000), 40)):
        block += struct.pack(
            "<HHII", tag, dice.randrange(14), dice.randrange(99), dice.randrange(900)
        )
    block += bytes(400)
    content = b"Exif\0\0" + bytes(block)
    segment = struct.pack(">BBH", 255, 0xE1, len(content) + 2) + content
    return _SMALL_JPEG[:2] + segment + _SMALL_JPEG[2:]


def cut() -> bytes:
    """Half a JPEG."""
    return _SMALL_JPEG[: len(_SMALL_JPEG) // 2]


FILES: tuple[Callable[[], bytes], ...] = (
    endless_chunk,
    wide,
    deep,
    large_tile,
    many_tiles,
    empty_segments,
    scans,
    overlapping,
    pages,
    descriptions,
    odd_exif,
    cut,
)


def pixel() -> bytes:
    """An honest PNG of one pixel."""
    return b"".join(_png(1, 1, 8, 0))


def unknown_keys(megabytes: float) -> Iterator[bytes]:
    """A JSON object of nothing that is asked for, in pieces."""
    piece = b",".join(b'"k%07d":0' % n for n in range(5000))
    yield b"{" + piece
    yield from repeat(b"," + piece, int(megabytes * 1e6 / len(piece)))
    yield b"}"


def _small_jpeg() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "JPEG")
    return file.getvalue()


_SMALL_JPEG = _small_jpeg()


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _png(width: int, height: int, depth: int, kind: int) -> tuple[bytes, bytes, bytes]:
    """A black PNG's beginning, pixels and end."""
    samples = {0: 1, 2: 3, 6: 4}[kind]
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    row = 1 + width * samples * depth // 8
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    return head, _chunk(b"IDAT", _zeros(height * row)), _chunk(b"IEND", b"")


def _flat_png(*header: int) -> bytes:
    return b"".join(_png(*header))


def _zeros(count: int) -> bytes:
    """So many zeros, deflated."""
    packer, piece = zlib.compressobj(9), bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join(parts) + packer.compress(bytes(count & ((1 << 20) - 1))) + packer.flush()


def _directory(entries: list[tuple[int, int]], following: int) -> bytes:
    """A TIFF directory of entries of one number each."""
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)
