"""PNG's chunks: the metadata of a picture, read whole and put in after the head.

A chunk is its length, a name of four letters, content and a checksum (PNG 3rd edition, 5.3).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = len(SIGNATURE) + 25  # and IHDR, after which metadata may come: 5.6
_OURS = (b"iCCP", b"sRGB", b"eXIf", b"pHYs", b"iTXt", b"tEXt", b"zTXt", b"tIME")
_MOST = 64_000_000
"""Bytes of all texts, unpacked."""
XMP = "XML:com.adobe.xmp"

Chunk = tuple[bytes, bytes]


def chunks(data: bytes) -> Iterator[Chunk]:
    """Name and content of each chunk, as far as they are whole; the pixels' come too."""
    offset = len(SIGNATURE)
    while offset + 12 <= len(data):
        length = int.from_bytes(data[offset : offset + 4], "big")
        end = offset + 12 + length
        if end > len(data):
            return
        yield data[offset + 4 : offset + 8], data[offset + 8 : end - 4]
        offset = end


def texts(data: bytes) -> list[tuple[str, str]]:
    """Keyword and text of every remark, in order; those that are broken or too long left out."""
    found: list[tuple[str, str]] = []
    left = _MOST
    for name, content in chunks(data):
        many = len(found)
        try:
            if name == b"tEXt":
                keyword, _, text = content.partition(b"\0")
                found.append((keyword.decode("latin-1"), text.decode("latin-1")))
            elif name == b"zTXt":
                keyword, _, rest = content.partition(b"\0")
                found.append(
                    (keyword.decode("latin-1"), _unpacked(rest[1:], left).decode("latin-1"))
                )
            elif name == b"iTXt":
                keyword, _, rest = content.partition(b"\0")
                _language, _translated, text = rest[2:].split(b"\0", 2)
                text = _unpacked(text, left) if rest[:1] == b"\1" else text
                found.append((keyword.decode("latin-1"), text.decode()))
        except (ValueError, zlib.error):
            continue
        left -= sum(len(text) for _, text in found[many:])
    return found


def _unpacked(data: bytes, most: int) -> bytes:
    engine = zlib.decompressobj()
    text = engine.decompress(data, max(1, most))
    if not engine.eof:
        raise ValueError("it is too long, or cut short")
    return text


def text_chunk(keyword: str, text: str, *, packed: bool = False) -> Chunk:
    """A remark: Latin-1 where that does, else UTF-8."""
    name = keyword.encode("latin-1", "replace")[:79] + b"\0"
    if packed:
        return b"zTXt", name + b"\0" + zlib.compress(text.encode("latin-1"))
    try:
        return b"tEXt", name + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", name + bytes(4) + text.encode()


def raw_profile(kind: str, data: bytes) -> Chunk:
    """What PNG has no chunk for, the way ImageMagick keeps it."""
    text = f"\n{kind}\n{len(data):8}\n{data.hex()}\n"
    return text_chunk(f"Raw profile type {kind}", text, packed=True)


def profile_of(text: str) -> bytes:
    """What such a text holds. Raises ValueError."""
    return bytes.fromhex("".join(text.split()[2:]))  # after its name and length


def resolution_chunk(dpi: tuple[float, float]) -> Chunk:
    """Levels per metre across and down."""
    across, down = (round(value / 0.0254) for value in dpi)
    return b"pHYs", struct.pack(">IIB", across, down, 1)


def profile_chunk(profile: bytes) -> Chunk:
    """A colour profile."""
    return b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)


def with_chunks(data: bytes, added: Iterable[Chunk]) -> bytes:
    """A file with metadata of ours in place of its own."""
    parts = [data[:_HEAD], *(_stored(*chunk) for chunk in added)]
    rest = [_stored(*chunk) for chunk in chunks(data) if chunk[0] not in (*_OURS, b"IHDR")]
    return b"".join(parts + rest)


def _stored(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
