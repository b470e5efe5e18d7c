"""What a file says beside its pixels, made to fit upright sRGB pixels.

What described the old pixels is left behind: how they were stored, their profile and orientation,
and thumbnails, which would go on showing the photo in grey. What cannot be read is left behind
too, and told; it never costs the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PIL import Image
from PIL.ExifTags import Base as Tag

from photochrom.image import exif, ifd, jpeg, manifests, png, xmp
from photochrom.image.tiff_page import Page

_IPTC_RESOURCE = 0x0404  # Adobe Photoshop File Formats Specification, "Image Resource IDs"
_EXIF = b"Exif\0\0"
_APP1, _APP13, _COMMENT = 0xE1, 0xED, 0xFE
_SEGMENTS = {"COM": _COMMENT, "APP1": _APP1, "APP13": _APP13}


@dataclass
class Metadata:
    """What a picture says of itself, and what of it was left behind."""

    exif: bytes = b""
    orientation: int = 1  # 1..8: how the stored pixels are to be turned
    xmp: bytes = b""
    iptc: bytes = b""
    text: list[tuple[str, str]] = field(default_factory=list)
    """Remarks by keyword, as :attr:`photochrom.image.photo.Photo.text`."""
    dpi: tuple[float, float] | None = None
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, read: Callable[[], Any]) -> Any:
        """What ``read`` gives; whatever goes wrong costs this alone, and is told."""
        try:
            return read()
        except MemoryError:
            raise
        except Exception:  # parsers raise whatever the bytes provoke
            self.notes.append(f"its {name} could not be read and was left out")
            return None

    def take_iptc(self, read: Callable[[], bytes]) -> None:
        """Set the IPTC records to what ``read`` gives, if that goes well."""
        self.iptc = self.take("IPTC data", read) or b""


def read_metadata(
    image: Image.Image, size: tuple[int, int], data: bytes = b"", page: Page | None = None
) -> Metadata:
    """Read what a picture says of itself.

    Args:
        image: loaded; Pillow turns a TIFF upright then, and takes the orientation from its EXIF.
        size: width and height of its pixels, not turned yet unless Pillow has done so.
        data: the bytes of its file, of which a PNG's and a JPEG's matter; without, Pillow is asked.
        page: where it is a page of a TIFF.
    """
    found = Metadata()
    turned = False
    if page is not None:
        found.take("metadata", lambda: _find_in_page(page, found))
        turned = found.take("EXIF", lambda: Tag.Orientation not in image.getexif()) is not False
    elif image.format in ("JPEG", "MPO"):
        found.take("metadata", lambda: _find_in_jpeg(image, data, found))
    else:
        found.take("metadata", lambda: _find_elsewhere(image, data, found))
    none = exif.Tidied(b"", 1, True)
    tidied = found.take("EXIF", lambda: exif.tidy(found.exif, size, turned=turned)) or none
    found.exif, found.orientation = tidied.block, tidied.orientation
    if not tidied.whole:
        lost = "part of its EXIF data" if tidied.block else "its EXIF data"
        found.notes.append(f"{lost} could not be read and was left out")
    found.xmp, appended = found.take("XMP", lambda: _tidy_packet(found.xmp)) or (b"", False)
    if appended:
        found.notes.append("the video or gain map that came with it was left out")
    found.dpi = found.take("resolution", lambda: _find_dpi(image, tidied.block))
    return found


def _tidy_packet(packet: bytes) -> tuple[bytes, bool]:
    if len(packet) > xmp.MAX_BYTES:
        raise xmp.Broken("it is too long")
    return xmp.tidy(packet)


def _find_dpi(image: Image.Image, block: bytes) -> tuple[float, float] | None:
    """Pixels per inch across and down, where the file says so believably."""
    told = image.info.get("dpi")
    if not told and image.format != "TIFF":  # which has looked there, and found no unit
        told = exif.read_resolution(block)
    if not told:
        return None
    try:
        across, down = (float(value) for value in told)
    except (ValueError, TypeError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None


# --- where it lies ----------------------------------------------------------------------------


def _find_in_jpeg(image: Image.Image, data: bytes, found: Metadata) -> None:
    if data:
        segments = list(jpeg.segments(data))
        found.exif = jpeg_exif(data)
        packets = [part for kind, part in segments if kind == _APP1 and part.startswith(jpeg.XMP)]
        found.xmp = packets[0][len(jpeg.XMP) :] if packets else b""
    else:
        found.exif, found.xmp = _bytes(image.info.get("exif")), _bytes(image.info.get("xmp"))
        told: list[tuple[str, bytes]] = list(getattr(image, "applist", ()))
        segments = [(_SEGMENTS[name], part) for name, part in told if name in _SEGMENTS]
    found.text += [("Comment", _escape(part)) for kind, part in segments if kind == _COMMENT]
    resources = b"".join(
        part[len(jpeg.PHOTOSHOP) :]
        for kind, part in segments
        if kind == _APP13 and part.startswith(jpeg.PHOTOSHOP)
    )
    if resources:
        found.take_iptc(lambda: find_resource(resources))
    parts = [part for kind, part in segments if kind == _APP1]
    parts = [part for part in parts if part.startswith(jpeg.XMP_EXTENSION)]
    extension = parts and found.take("extended XMP", lambda: _join_parts(parts, found.xmp))
    if extension:
        try:
            found.xmp = xmp.merge(found.xmp, extension)
        except xmp.Broken:
            found.notes.append("the second part of its XMP could not be read and was left out")


def jpeg_exif(data: bytes) -> bytes:
    """The EXIF block of a JPEG; long ones lie in several segments."""
    blocks = [part for kind, part in jpeg.segments(data) if kind == _APP1]
    return b"".join(part[len(_EXIF) :] for part in blocks if part.startswith(_EXIF))


def _join_parts(parts: list[bytes], packet: bytes) -> bytes:
    """The second part of an XMP packet, from the segments that it lies in."""
    places: dict[int, bytes] = {}
    total = 0
    for part in parts:
        start = len(jpeg.XMP_EXTENSION)
        guid, rest = part[start : start + 32], part[start + 32 :]
        if guid in packet:
            total = int.from_bytes(rest[:4], "big")
            places[int.from_bytes(rest[4:8], "big")] = rest[8:]
    whole = b"".join(content for _, content in sorted(places.items()))
    if len(whole) != total:
        raise ValueError("a part is missing")
    return whole


def _find_in_page(page: Page, found: Metadata) -> None:
    place, layout = page.place.at, page.tiff.layout
    told = ifd.read_directory(page.read, place, layout).entries
    found.exif, whole = exif.read_from_tiff(page.read, place, layout)
    if not whole:
        found.notes.append("part of its EXIF data could not be read and was left out")
    if manifests.TIFF_TAG in told:
        found.notes.append(manifests.NOTE)
    if Tag.XMLPacket in told:
        found.xmp = told[Tag.XMLPacket].data
    if Tag.IPTCNAA in told:
        found.take_iptc(lambda: restore_tiff_iptc(told[Tag.IPTCNAA].data))
    if not found.iptc and Tag.ImageResources in told:
        found.take_iptc(lambda: find_resource(told[Tag.ImageResources].data))


def restore_tiff_iptc(data: bytes) -> bytes:
    """IPTC as old software writes it: as 4-byte numbers, some in the wrong byte order."""
    if data[:1] != b"\x1c" and data[3:4] == b"\x1c":  # 1C begins each record: IIM 4.2, 1.5
        data = b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
    return data.rstrip(b"\0")


def _find_elsewhere(image: Image.Image, data: bytes, found: Metadata) -> None:
    """Formats that Pillow reads, some of whose metadata it passes over."""
    told: dict[Any, Any] = dict(image.info)
    if not told.get("exif") and len(image.getexif()):  # a TIFF that Python gave, say
        told["exif"] = image.getexif().tobytes()
    remarks: list[tuple[str, str]] = []
    if image.format == "PNG":
        texts = getattr(image, "text", None) or {}
        shown = [(str(key), str(value)) for key, value in texts.items()]
        remarks = png.read_texts(data) if data else shown
    for keyword, text in remarks:
        kind = keyword.removeprefix("Raw profile type ").lower()
        if kind != keyword.lower():
            raw = found.take(kind.upper(), partial(png.parse_raw_profile, text))
            key = {"app1": "exif", "8bim": "iptc"}.get(kind, kind)
            if raw and key == "exif" and raw.startswith(jpeg.XMP):
                key, raw = "xmp", raw[len(jpeg.XMP) :]
            if raw and not told.get(key):
                told[key] = raw
        elif keyword == png.XMP:
            told["xmp"] = text
        else:
            found.text.append((keyword, text.rstrip("\0")))
    found.exif, found.xmp, found.iptc = (_bytes(told.get(key)) for key in ("exif", "xmp", "iptc"))
    if found.iptc.startswith(b"8BIM"):
        found.take_iptc(partial(find_resource, found.iptc))
    comments = told.get("comment")
    if comments and not any(keyword == "Comment" for keyword, _ in found.text):
        found.text.append(("Comment", _escape(comments)))


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return remark_bytes(value)
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else b""


# --- remarks, whose bytes stay as they were ---------------------------------------------------


def _escape(comment: Any) -> str:
    return _bytes(comment).decode("utf-8", "surrogateescape").rstrip("\0")


def remark_bytes(text: str) -> bytes:
    """A remark's bytes, as they were."""
    return text.encode("utf-8", "surrogateescape")


def readable_remark(text: str) -> str:
    """A remark as it is to be read: UTF-8, or where it is none Latin-1."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return remark_bytes(text).decode("latin-1")
    return text


# --- Photoshop's image resources --------------------------------------------------------------


def find_resource(block: bytes, number: int = _IPTC_RESOURCE) -> bytes:
    """Find one of Photoshop's image resources: "8BIM", number, name, length, data, and so on.

    Returns:
        Its data; nothing if it is not there.

    Raises:
        ValueError: the block ends amid one.
    """
    offset = 0
    while block[offset : offset + 4] == b"8BIM":
        if offset + 7 > len(block):
            raise ValueError("it ends amid a resource")
        named = 1 + block[offset + 6]
        start = offset + 6 + named + named % 2
        length = int.from_bytes(block[start : start + 4], "big")
        end = start + 4 + length
        if start + 4 > len(block) or end > len(block):
            raise ValueError("it ends amid a resource")
        if int.from_bytes(block[offset + 4 : offset + 6], "big") == number:
            return block[start + 4 : end]
        offset = end + length % 2
    return b""


def pack_iptc(iptc: bytes) -> bytes:
    """IPTC records as Photoshop's image resource."""
    head = b"8BIM" + _IPTC_RESOURCE.to_bytes(2, "big") + bytes(2) + len(iptc).to_bytes(4, "big")
    return head + iptc + bytes(len(iptc) % 2)
