"""Whether a file came with Content Credentials: its C2PA manifest, which signs the file as it was.

They are found where the C2PA Technical Specification 2.2, appendix A.3, embeds them; what is in
them is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from photochrom.image import jpeg, png

NOTE = "its Content Credentials were left out, as they vouch for the picture as it was"
TIFF_TAG = 52545
_APP11 = 0xEB
_BMFF_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MOST_BOXES = 4096


def has_manifest(data: bytes) -> bool:
    """Whether a file other than a TIFF holds a manifest."""
    if data.startswith(b"\xff\xd8"):
        return any(
            kind == _APP11 and content[:2] == b"JP" and b"c2pa" in content
            for kind, content in jpeg.segments(data)
        )
    if data.startswith(png.SIGNATURE):
        return any(chunk.name == b"caBX" for chunk in png.read_chunks(data))
    if data[:4] == b"RIFF":
        return any(name == b"C2PA" for name, _ in _riff_chunks(data))
    return any(
        (name == b"uuid" and start == _BMFF_UUID) or (name == b"jumb" and b"c2pa" in start)
        for name, start in _boxes(data)
    )


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], length
        at += 8 + length + length % 2


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and the beginning of each box of the outermost level (ISO/IEC 14496-12, 4.2)."""
    at = 0
    for _ in range(_MOST_BOXES):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        start = data[at + head : at + head + (16 if name == b"uuid" else 64)]
        yield name, start
        if length < head or at + length >= len(data):
            return
        at += length
