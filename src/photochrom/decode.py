"""From a file, a PIL image or an array to upright sRGB planes, and the metadata beside them."""

from __future__ import annotations

import io
import re
import struct
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from photochrom import deep, icc
from photochrom.errors import BadPhoto
from photochrom.icc import Pixels

MAX_PIXELS = 1_000_000_000
"""Beyond this a file is more likely an attack, or a mistake, than a photograph."""

_LIMIT_LOCK = threading.Lock()


def open_image(data: bytes, name: str) -> Image.Image:
    """The picture in a file's bytes, its pixels not read yet; ``name`` is for the errors."""
    if not data:
        raise BadPhoto(f"{name} is empty (0 bytes): fetch or export it again.")
    try:
        with _LIMIT_LOCK:  # Pillow's own limit is global, and lower than a large scan needs
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                return Image.open(io.BytesIO(data))
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except UnidentifiedImageError as error:
        raise BadPhoto(
            f"{name} is not a picture that can be read: convert it to JPEG, PNG or TIFF first."
        ) from error
    except Exception as error:  # decoders raise whatever the bytes provoke
        raise _damaged(name, error) from error


def image_planes(
    image: Image.Image, name: str, data: bytes | None = None
) -> tuple[Pixels, Pixels | None]:
    """Pixels and alpha of a PIL image, as :func:`array_planes`, in sRGB but not yet upright.

    Args:
        image: any mode.
        name: for the errors.
        data: the file it was opened from, out of which 16-bit colour can be read.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadPhoto(
            f"{name} has {width:,} × {height:,} pixels, and at most {MAX_PIXELS:,} can be read: "
            "scale it down first."
        )
    is_deep = data is not None and deep.is_deep(image)
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise _damaged(name, error) from error
    array = deep.decode(data) if data and is_deep else None
    pixels, alpha = array_planes(np.asarray(_plain(image, name)) if array is None else array, name)
    profile = image.info.get("icc_profile")
    if profile and image.mode != "CMYK":  # CMYK has been through its profile
        pixels = icc.to_srgb(pixels, profile)
    return pixels, alpha


def array_planes(array: npt.NDArray[Any], name: str) -> tuple[Pixels, Pixels | None]:
    """Pixels (H, W) or (H, W, 3) and alpha (H, W) or None, uint8 or uint16, of an array.

    Args:
        array: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) or (H, W, 4); uint8,
            uint16, wider integers within 0..65535, or floating-point in 0..1.
        name: for the errors.
    """
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or array.size == 0:
        raise BadPhoto(f"{name} has shape {array.shape}: give (H, W), (H, W, 3) or (H, W, 4).")
    planes = _levels(array, name).reshape(*array.shape[:2], channels)
    pixels = planes[..., :3] if channels >= 3 else planes[..., 0]
    alpha = np.ascontiguousarray(planes[..., -1]) if channels in (2, 4) else None
    return np.ascontiguousarray(pixels), alpha


def _plain(image: Image.Image, name: str) -> Image.Image:
    """The picture in a mode that numpy takes: grey or RGB, with or without alpha, or numbers."""
    mode = image.mode
    if mode == "CMYK":
        return icc.cmyk_to_srgb(image)
    if mode in ("F", "I") or mode.startswith("I;16"):
        return image
    target = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}.get(mode, "RGB")
    if target != "LA" and image.has_transparency_data:
        target = {"L": "LA", "RGB": "RGBA"}[target]
    try:
        return image if mode == target else image.convert(target)
    except ValueError as error:
        raise BadPhoto(
            f"{name} is in colour mode {mode}, which cannot be read: convert it to RGB first."
        ) from error


def _levels(array: npt.NDArray[Any], name: str) -> Pixels:
    """Any numbers as uint8 or uint16 in the machine's byte order."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and size <= 2:
        return array.astype(np.uint8 if size == 1 else np.uint16, copy=False)
    if kind not in "iuf":
        raise BadPhoto(f"{name} holds {array.dtype}: give uint8, uint16, or numbers in 0..1.")
    low, high, top = float(array.min()), float(array.max()), 1 if kind == "f" else 65535
    if not (low >= 0 and high <= top):  # in this form NaN fails as well
        raise BadPhoto(
            f"{name} holds numbers from {low:g} to {high:g}: scale them to 0..{top} first."
        )
    return np.rint(array * np.float32(65535 / top)).astype(np.uint16)


def _damaged(name: str, error: Exception) -> BadPhoto:
    return BadPhoto(f"{name} is cut short or damaged ({error}): fetch or export it again.")


# --- metadata ---------------------------------------------------------------------------------

_UPRIGHT = {  # EXIF 2.32, table 6: how to turn the stored pixels upright
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
    8: lambda p: p.swapaxes(0, 1)[::-1],
}

# TIFF 6.0's tags for how pixels are stored, and those that are carried apart from EXIF.
_STORAGE = {*range(254, 267), *range(273, 285), *range(288, 293), 296, 301, *range(317, 340)}
_STORAGE |= {347, *range(512, 533), 700, 33723, 34377, 34675}
_SIZE = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)


def exif_of(image: Image.Image) -> tuple[bytes, int]:
    """The EXIF block, made to fit upright sRGB pixels, and the orientation 1..8 it named.

    To be asked of a loaded image: Pillow and OpenCV turn a TIFF upright when they read its pixels,
    and only then does Pillow take the orientation out of its EXIF.
    """
    try:
        exif = Image.Exif()
        exif.load(image.getexif().tobytes())  # a copy: the image may belong to the caller
        orientation = exif.get(ExifTags.Base.Orientation)
        orientation = orientation if orientation in _UPRIGHT else 1
        for tag in _STORAGE & set(exif):
            del exif[tag]
        details = exif.get_ifd(ExifTags.IFD.Exif)
        if ExifTags.Base.ColorSpace in details:
            details[ExifTags.Base.ColorSpace] = 1  # sRGB
        size = image.size if orientation < 5 else image.size[::-1]
        for tag, length in zip(_SIZE, size, strict=True):
            if tag in details:
                details[tag] = length
        return (exif.tobytes() if exif else b""), orientation
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return b"", 1  # a broken EXIF block must not cost the user the photograph


def xmp_of(image: Image.Image) -> bytes:
    """The XMP packet, orientation reset to upright."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    data = packet.encode() if isinstance(packet, str) else bytes(packet)
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))\d", rb"\g<1>1", data)


def dpi_of(image: Image.Image) -> tuple[float, float] | None:
    """Pixels per inch across and down, where the file says so believably."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None


def upright(plane: Pixels, orientation: int) -> Pixels:
    """Stored pixels (H, W, ...) turned the way EXIF orientation 1..8 says."""
    turn = _UPRIGHT.get(orientation)
    return np.ascontiguousarray(turn(plane)) if turn else plane
