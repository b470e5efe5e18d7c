"""EXIF blocks by Pillow, which knows nothing of ours."""

from __future__ import annotations

from typing import Any

from PIL import ExifTags, Image

from photochrom.image.photo import Photo
from photochrom.image.provenance import Provenance, mark_colorized


def mark(photo: Photo, version: str = "1", model: str = "toy", **more: Any) -> Photo:
    """The photo with the note that it was colorized."""
    told = {
        "version": version,
        "model": model,
        "model_version": "2",
        "when": "2026-11-28T09:30:00Z",
    }
    return mark_colorized(photo, Provenance(**told | more))


def dump(tags: dict[int, Any]) -> bytes:
    """A block, from its byte order on; directories within are such tags themselves."""
    exif = Image.Exif()
    exif.update(tags)
    return exif.tobytes().removeprefix(b"Exif\0\0")


def load(block: bytes) -> dict[int, Any]:
    """What a block says, except of resolution, letters beyond ASCII as bytes."""
    exif = Image.Exif()
    exif.load(block)
    found = {tag: _plain(value) for tag, value in exif.items() if tag not in (34665, 34853)}
    for pointer in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if pointer in exif:
            found[pointer] = {t: _plain(v) for t, v in exif.get_ifd(pointer).items()}
    details = found.get(ExifTags.IFD.Exif, {})
    if ExifTags.IFD.Interop in details:
        details[ExifTags.IFD.Interop] = dict(exif.get_ifd(ExifTags.IFD.Interop))
    return {tag: value for tag, value in found.items() if tag not in (282, 283, 296)}


def _plain(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1", "replace")
    return value
