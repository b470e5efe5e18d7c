"""Files that are no photos which can be read: what they are, and what to do with them."""

from __future__ import annotations

import re
from pathlib import PurePath

RAW_SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf", "rw2", "orf"),
        *("pef", "srw", "x3f", "3fr", "fff", "iiq", "erf", "mef", "mos", "mrw", "kdc", "dcr"),
    )
)
"""Of cameras' raw files, many of which are TIFFs whose first page is a thumbnail."""

JPEG_XL = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_RAW = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
_RAW_BRAND = b"crx "
_VIDEO_BRANDS = (b"iso", b"mp4", b"avc1", b"qt  ", b"M4V", b"3g", b"XAVC", b"dash")
_VIDEO = (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"OggS", b"\x30\x26\xb2\x75")
_ARCHIVES = (b"PK\3\4", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
_PICTURES = {
    b"8BPS": "a Photoshop file of a kind",
    b"\0\0\1\0": "an icon",
    b"v/1\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"SIMPLE  =": "a FITS picture",
    b"gimp xcf": "a GIMP picture",
    b"II\xbc\x01": "a JPEG XR picture",
    b"DDS ": "a DirectX texture",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile",
    b"AT&TFORM": "a DjVu document",
}


def explain(name: str, head: bytes) -> str:
    """Say in a sentence why a file is not read, and what to do.

    Args:
        name: of the file.
        head: its first kilobyte or so.
    """
    return recognize(name, head) or (
        f"{name} is not a picture that can be read: check that it is a photo, or export it again "
        "as JPEG, PNG or TIFF."
    )


def recognize(name: str, head: bytes) -> str | None:
    """As :func:`explain`, where the contents are recognized as something else than a photo."""
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if head.startswith(_RAW) or brand == _RAW_BRAND:
        return explain_raw(name)
    if head.startswith(JPEG_XL):
        return f"{name} is a JPEG XL picture: install pillow-jxl-plugin, or export it as PNG."
    if head.startswith(b"%PDF") or b"%PDF-" in head[:1024]:
        return f"{name} is a PDF: export its pages as TIFF or PNG first."
    if brand.startswith(_VIDEO_BRANDS) or head.startswith(_VIDEO) or head[8:12] == b"AVI ":
        return (
            f"{name} is a video, not a photo: colour it with photochrom video, or save pictures "
            "from it as PNG."
        )
    if head.startswith(_ARCHIVES):
        return f"{name} is an archive, not a photo: unpack it first."
    for start, kind in _PICTURES.items():
        if head.startswith(start):
            return f"{name} is {kind} that cannot be read: export it as PNG or TIFF first."
    if head[128:132] == b"DICM":
        return f"{name} is a DICOM picture, which cannot be read: export it as PNG or TIFF first."
    return _recognize_text(name, head)


def _recognize_text(name: str, head: bytes) -> str | None:
    if head.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return f"{name} is a PostScript drawing, not a photo: export it as PNG first."
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return f"{name} is a web page, not a photo: download the photo itself."
    if re.search(rb"<svg[\s>]", head) and start.startswith(b"<"):
        return f"{name} is a drawing (SVG): export it as PNG first."
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # and not a letter cut in two
            return None
        text = head[: error.start].decode()
    if len(head) >= 8 and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text):
        return f"{name} is a text file, not a photo: choose the photo itself."
    return None


def explain_raw(name: str) -> str:
    """Say what to do with a camera's raw file."""
    return f"{name} is a camera's raw file: develop it and export it as TIFF or JPEG first."


def has_raw_suffix(name: str) -> bool:
    """Whether a file is called like a camera's raw file."""
    return PurePath(name).suffix.lower() in RAW_SUFFIXES
