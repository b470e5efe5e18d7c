"""What a file says beside its pixels, made to fit upright sRGB pixels.

What described the old pixels is left behind: how they were stored, their profile and orientation,
and thumbnails, which would go on showing the photo in grey.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from PIL import ExifTags, Image

from photochrom import jp2

Tags = dict[int, Any]
Text = tuple[tuple[str, str], ...]
"""Remarks by keyword, such as ("Comment", "the old house"); keywords as PNG has them."""

# TIFF 6.0's tags for how pixels are stored, and those that are carried apart from EXIF.
_STORAGE = {*range(254, 267), *range(273, 285), *range(288, 293), 296, 301, *range(317, 340)}
_STORAGE |= {347, *range(512, 533), 700, 33723, 34377, 34675}
_SIZE = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
_WITHIN = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_INTEROP = ExifTags.IFD.Interop
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, OverflowError, struct.error)
"""What Pillow raises at metadata that is broken, which must not cost the user the photograph."""

_IPTC_TAG = 33723  # TIFF: "IPTC-NAA"
_IPTC_RESOURCE = 0x0404  # Adobe Photoshop File Formats Specification, "Image Resource IDs"
_PHOTOSHOP = b"Photoshop 3.0\0"
_CENTIMETRES = 3  # EXIF 2.32, ResolutionUnit


def exif_of(image: Image.Image) -> tuple[bytes, int]:
    """The EXIF block, made to fit upright sRGB pixels, and the orientation 1..8 it named.

    To be asked of a loaded image: Pillow and OpenCV turn a TIFF upright when they read its pixels,
    and only then does Pillow take the orientation out of its EXIF.
    """
    try:
        tags = _tags(image)
        turned = tags.get(ExifTags.Base.Orientation)
        orientation = int(turned) if turned in range(2, 9) else 1  # type: ignore[arg-type]
        tags = {tag: value for tag, value in tags.items() if tag not in _STORAGE}
        details = tags.get(ExifTags.IFD.Exif, {})
        if ExifTags.Base.ColorSpace in details:
            details[ExifTags.Base.ColorSpace] = 1  # sRGB
        size = image.size if orientation < 5 else image.size[::-1]
        for tag, length in zip(_SIZE, size, strict=True):
            if tag in details:
                details[tag] = length
        return dump(tags), orientation  # without IFD 1, the thumbnail
    except _BROKEN:
        return b"", 1


def _tags(image: Image.Image) -> Tags:
    if image.format == "JPEG2000" and "exif" in image.info:
        return load(image.info["exif"])
    return _from_pillow(image.getexif())


def load(block: bytes) -> Tags:
    """An EXIF block as tags; the directories within are such tags themselves."""
    exif = Image.Exif()
    exif.load(block)
    return _from_pillow(exif)


def _from_pillow(exif: Image.Exif) -> Tags:
    """A copy: the image may belong to the caller."""
    tags = {tag: _as_stored(value) for tag, value in exif.items() if tag not in _WITHIN}
    for pointer in _WITHIN:
        if pointer in exif:
            within = exif.get_ifd(pointer).items()
            tags[pointer] = {tag: _as_stored(value) for tag, value in within}
    details = tags.get(ExifTags.IFD.Exif, {})
    if _INTEROP in details:
        details[_INTEROP] = dict(exif.get_ifd(_INTEROP))
    return tags


def _as_stored(value: Any) -> Any:
    """Letters beyond ASCII as bytes: Pillow reads all as Latin-1, and would write "?"."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1", "replace")
    return value


def dump(tags: Tags) -> bytes:
    """Tags as an EXIF block; none as none."""
    exif = Image.Exif()
    exif.update(tags)
    return exif.tobytes() if tags else b""


def xmp_of(image: Image.Image) -> bytes:
    """The XMP packet, orientation reset to upright."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    data = packet.encode() if isinstance(packet, str) else bytes(packet)
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))\d", rb"\g<1>1", data)


def dpi_of(image: Image.Image) -> tuple[float, float] | None:
    """Pixels per inch across and down, where the file says so believably."""
    try:
        across, down = (float(value) for value in image.info.get("dpi") or _exif_dpi(image))
    except (*_BROKEN, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None


def _exif_dpi(image: Image.Image) -> list[float]:
    """For formats that have no other place for it, such as WebP."""
    if image.format == "TIFF":  # which has looked there, and found that it has no unit
        return []
    exif = _tags(image)
    scale = 2.54 if exif.get(ExifTags.Base.ResolutionUnit) == _CENTIMETRES else 1
    tags = ExifTags.Base.XResolution, ExifTags.Base.YResolution
    return [float(exif[tag]) * scale for tag in tags]


def with_dpi(exif: bytes, dpi: tuple[float, float] | None) -> bytes:
    """EXIF that names the resolution."""
    if dpi is None:
        return exif
    tags = load(exif)
    tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = dpi
    tags[ExifTags.Base.ResolutionUnit] = 2  # inches
    return dump(tags)


# --- IPTC and remarks -------------------------------------------------------------------------


def iptc_of(image: Image.Image) -> bytes:
    """The IPTC records (IIM), which JPEG, TIFF, PNG and JPEG 2000 have each in their own place."""
    try:
        if image.format == "TIFF":
            return _iptc_of_tiff(getattr(image, "tag_v2", {}).get(_IPTC_TAG, b""))
        if image.format in ("JPEG", "MPO"):
            segments = [data for name, data in getattr(image, "applist", ()) if name == "APP13"]
            kept = [data[len(_PHOTOSHOP) :] for data in segments if data.startswith(_PHOTOSHOP)]
            return _resource(b"".join(kept))
        if image.format == "JPEG2000":
            return bytes(image.info.get("iptc", b""))
        for profile in ("iptc", "8bim"):
            if text := image.info.get(f"Raw profile type {profile}"):
                data = bytes.fromhex("".join(text.split()[2:]))  # after its name and length
                return _resource(data) if data.startswith(b"8BIM") else data
    except _BROKEN:
        pass
    return b""


def _iptc_of_tiff(value: Any) -> bytes:
    """Old software says it is made of 4-byte numbers, which then come as such."""
    if isinstance(value, bytes):
        return value
    numbers = value if isinstance(value, tuple) else (value,)
    data = b"".join(int(number).to_bytes(4, "little") for number in numbers)
    if data[:1] != b"\x1c" and data[3:4] == b"\x1c":  # 1C begins each record: IIM 4.2, 1.5
        data = b"".join(int(number).to_bytes(4, "big") for number in numbers)
    return data.rstrip(b"\0")


def _resource(block: bytes) -> bytes:
    """The IPTC records in Photoshop's image resources: "8BIM", number, name, length, data, …"""
    offset = 0
    while block[offset : offset + 4] == b"8BIM":
        number = int.from_bytes(block[offset + 4 : offset + 6], "big")
        named = 1 + block[offset + 6]
        start = offset + 6 + named + named % 2
        length = int.from_bytes(block[start : start + 4], "big")
        if number == _IPTC_RESOURCE:
            return block[start + 4 : start + 4 + length]
        offset = start + 4 + length + length % 2
    return b""


def photoshop(iptc: bytes) -> bytes:
    """IPTC records as Photoshop's image resource."""
    head = b"8BIM" + _IPTC_RESOURCE.to_bytes(2, "big") + bytes(2) + len(iptc).to_bytes(4, "big")
    return head + iptc + bytes(len(iptc) % 2)


def app13(iptc: bytes) -> bytes:
    """IPTC records as JPEG segments, of 65,533 bytes at most each."""
    data, room, segments = photoshop(iptc), 65533 - len(_PHOTOSHOP), b""
    for start in range(0, len(data), room):
        part = _PHOTOSHOP + data[start : start + room]
        segments += b"\xff\xed" + (len(part) + 2).to_bytes(2, "big") + part
    return segments


def text_of(image: Image.Image) -> Text:
    """Remarks: PNG's text, and the comment of JPEG, GIF and JPEG 2000."""
    found = dict(getattr(image, "text", {}))
    comment = image.info.get("comment")
    if comment and "Comment" not in found:
        found["Comment"] = comment.decode("utf-8", "replace") if bytes is type(comment) else comment
    return tuple(
        (str(key), str(value).rstrip("\0"))
        for key, value in found.items()
        if not key.startswith(("Raw profile type", "XML:com.adobe.xmp"))
    )


def from_jp2(image: Image.Image, data: bytes) -> None:
    """Put what a JPEG 2000 file says into ``image.info``, as Pillow passes over it."""
    image.info.update(jp2.metadata(data))
