"""JPEG 2000's boxes: the metadata that Pillow neither reads nor writes there.

A file is a row of boxes: length, type of four letters, content (ISO/IEC 15444-1, annex I). EXIF,
IPTC and XMP lie in boxes of type ``uuid``, told apart by the UUIDs that ExifTool and Photoshop use.
"""

from __future__ import annotations

from collections.abc import Iterator

_UUIDS = {
    "exif": b"JpgTiffExif->JP2",
    "iptc": bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"),
    "xmp": bytes.fromhex("be7acfcb97a942e89c71999491e3afac"),
}
_FINEST = 1600  # pixels per inch up to which pixels per metre go into two bytes


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each box."""
    offset = 0
    while len(data) - offset >= 8:
        length, start = int.from_bytes(data[offset : offset + 4], "big"), offset + 8
        if length == 1:  # the true length follows, in 8 bytes
            length, start = int.from_bytes(data[offset + 8 : offset + 16], "big"), offset + 16
        end = len(data) if length == 0 else offset + length
        if end < start or end > len(data):
            return
        yield data[offset + 4 : offset + 8], data[start:end]
        offset = end


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def read_metadata(data: bytes) -> dict[str, bytes]:
    """``exif``, ``iptc``, ``xmp`` and ``icc_profile`` of a file, as far as it has them."""
    found: dict[str, bytes] = {}
    for kind, content in _boxes(data):
        if kind == b"uuid":
            for name, uuid in _UUIDS.items():
                if content.startswith(uuid):
                    found.setdefault(name, content[16:])
        elif kind == b"jp2h":
            for inner, colour in _boxes(content):
                if inner == b"colr" and colour[:1] in (b"\2", b"\3"):  # METH: an ICC profile
                    found.setdefault("icc_profile", colour[3:])
    return found


def with_metadata(data: bytes, parts: dict[str, bytes], dpi: tuple[float, float] | None) -> bytes:
    """A file with its resolution, and after the pixels ``exif``, ``iptc`` and ``xmp``."""
    extra = b"".join(
        _box(b"uuid", _UUIDS[name] + content) for name, content in parts.items() if content
    )
    file = b""
    for kind, content in _boxes(data):
        if kind == b"jp2h" and dpi and max(dpi) < _FINEST:
            resolution = _box(b"resc", _per_metre(dpi[1]) + _per_metre(dpi[0]) + bytes(2))
            content += _box(b"res ", resolution)
        file += _box(kind, content)
    return file + extra


def _per_metre(dpi: float) -> bytes:
    """Numerator and denominator, two bytes each, of pixels per metre; the exponent is 0."""
    denominator = min(65535, int(65535 / (dpi / 0.0254)))
    numerator = round(dpi / 0.0254 * denominator)
    return numerator.to_bytes(2, "big") + denominator.to_bytes(2, "big")
