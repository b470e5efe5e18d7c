"""Photographs: opened with what must survive, written so that nothing is ever half written.

What survives a round trip: 8 or 16 bits, alpha, EXIF, XMP, resolution and the file format. The
EXIF orientation is applied to the pixels and its tag removed; a colour profile is applied, so that
pixels are always sRGB, and an sRGB profile is embedded where there was one.

Limits: of an animation or a file of many pages the first picture is read; a profile on 16-bit
colour is exact for greys only; PNG and TIFF keep 16 bits, other formats get 8; JPEG has no alpha.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, TiffImagePlugin

from photochrom import atomic, color, decode, deep, icc
from photochrom.errors import BadPhoto, CannotWrite
from photochrom.icc import Pixels

SUFFIXES = frozenset(
    f".{kind}"
    for kind in ("jpg", "jpeg", "png", "tif", "tiff", "webp", "bmp", "avif", "gif", "jp2", "ppm")
)
"""What is taken for a photo when a folder is searched."""

DEPTHS = np.uint8, np.uint16

Source = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph: pixels in sRGB, upright, and the metadata that must survive."""

    pixels: Pixels
    """(H, W) grey or (H, W, 3) RGB, uint8 or uint16."""
    alpha: Pixels | None = None
    """(H, W), same dtype as the pixels."""
    exif: bytes = b""
    """As Pillow writes it, without what describes how the old pixels were stored."""
    xmp: bytes = b""
    """The XMP packet."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch, across and down."""
    profiled: bool = False
    """Whether the file named its colour space; if so, what is written names sRGB."""
    format: str | None = None
    """Pillow's name, such as "JPEG"; None for an array."""
    source: Path | None = None
    """The file it came from, which is never written to."""

    def lightness(self) -> npt.NDArray[np.float32]:
        """L of CIE Lab, (H, W) in 0..100. Colour and alpha, if any, are left out."""
        top = int(np.iinfo(self.pixels.dtype).max)
        if self.pixels.ndim == 2:
            return _lightness_table(top)[self.pixels]
        height, width = self.pixels.shape[:2]
        lightness = np.empty((height, width), np.float32)
        rows = max(1, 1_000_000 // width)  # a megapixel at a time bounds the memory
        for start in range(0, height, rows):
            linear = _linear_table(top)[self.pixels[start : start + rows]]  # (rows, W, 3), 0..1
            y = linear @ np.array(color.XYZ_FROM_RGB[1], np.float32)
            curved = cv2.pow(y, 1 / 3) * 116 - 16  # several times faster than numpy's power
            straight = y * np.float32(116 * color._KAPPA)
            lightness[start : start + rows] = np.where(y > color._EPSILON, curved, straight)
        return lightness


@cache
def _lightness_table(top: int) -> npt.NDArray[np.float32]:
    """L of every grey level 0..top."""
    return color.grey_to_lightness(np.linspace(0, 1, top + 1)).astype(np.float32)


@cache
def _linear_table(top: int) -> npt.NDArray[np.float32]:
    """Linear light of every level 0..top: the Y that belongs to its L."""
    f = (_lightness_table(top).astype(float) + 16) / 116
    straight = (f - color._OFFSET) / color._KAPPA
    return np.where(f**3 > color._EPSILON, f**3, straight).astype(np.float32)


def read(source: Source) -> Photo:
    """Open a photograph.

    Args:
        source: a path; the bytes of a file; a PIL image; or an array (H, W), (H, W, 1), (H, W, 2)
            with alpha, (H, W, 3) or (H, W, 4), uint8, uint16, or floating-point in 0..1, which is
            held as 16 bits.

    Raises:
        BadPhoto: it is missing, empty, cut short, too large, or not a picture.
    """
    if isinstance(source, np.ndarray):
        if np.issubdtype(source.dtype, np.integer) and source.dtype.type not in DEPTHS:
            # 0..255 and 0..65535 look alike there, and a wrong guess would be a black photo.
            raise BadPhoto(f"The array holds {source.dtype}: convert it to uint8 or uint16 first.")
        return Photo(*decode.array_planes(source, "the array"))
    if isinstance(source, Image.Image):
        return _from_image(source, "the image", None)
    if isinstance(source, bytes):
        return _from_image(decode.open_image(source, "the photo"), "the photo", source)
    path = Path(source)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BadPhoto(f"{path} does not exist: check the path.") from error
    except IsADirectoryError as error:
        raise BadPhoto(f"{path} is a folder: give the path of one photo.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadPhoto(
            f"{path} cannot be opened ({reason}): check path and permissions."
        ) from error
    image = decode.open_image(data, str(path))
    return replace(_from_image(image, str(path), data), source=path)


def _from_image(image: Image.Image, name: str, data: bytes | None) -> Photo:
    pixels, alpha = decode.image_planes(image, name, data)
    exif, orientation = decode.exif_of(image)
    return Photo(
        pixels=decode.upright(pixels, orientation),
        alpha=None if alpha is None else decode.upright(alpha, orientation),
        exif=exif,
        xmp=decode.xmp_of(image),
        dpi=decode.dpi_of(image),
        profiled=bool(image.info.get("icc_profile")),
        format="JPEG" if image.format == "MPO" else image.format,  # MPO: a JPEG and its previews
    )


# --- writing ----------------------------------------------------------------------------------

_QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},  # colour is what we add: keep all of it
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95},
}  # TIFF stays without compression, with which Pillow cannot write an EXIF directory


def default_output(source: str | os.PathLike[str]) -> Path:
    """Where the result of a file goes by default: ``house.jpg`` becomes ``house.color.jpg``.

    A format that can be read but not written becomes PNG.
    """
    path = Path(source)
    suffix = path.suffix if _format_of(path) else ".png"
    return path.with_name(f"{path.stem}.color{suffix}")


def write(photo: Photo, target: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a photo in the format of the target's suffix: the whole file, or none.

    Args:
        photo: what to write.
        target: the file to make.
        force: replace a file that exists; even so never the file the photo was read from.

    Returns:
        The target.

    Raises:
        CannotWrite: it exists, its suffix names no format, or the folder does not take it.
    """
    path = Path(target)
    data = encode(photo, check_target(path, photo.source, force=force))
    atomic.write(path, lambda part: part.write_bytes(data))
    return path


def check_target(target: Path, source: Path | None, *, force: bool) -> str:
    """What :func:`write` refuses, found out before any work is done; answers the format."""
    if target.is_dir():
        raise CannotWrite(f"{target} is a folder: give the name of a file in it.")
    name = _format_of(target)
    if not name:
        raise CannotWrite(f"{target} names no known format: end it in .jpg, .png, .tif or .webp.")
    if not target.exists():
        return name
    if source is not None and source.exists() and target.samefile(source):
        raise CannotWrite(f"{target} is the photo itself: choose another name for the result.")
    if not force:
        raise CannotWrite(
            f"{target} exists already: choose another name, or replace it by force (--force)."
        )
    return name


def encode(photo: Photo, format: str | None = None) -> bytes:  # noqa: A002  (Pillow's word)
    """The photo as the bytes of a file.

    Args:
        photo: what to write.
        format: Pillow's name of a format; by default the one it came in, else PNG.

    Raises:
        CannotWrite: the format does not exist, or does not take such a photo.
    """
    name = (format or (photo.format if photo.format in _writable() else None) or "PNG").upper()
    if name == "JPEG":
        photo = replace(photo, alpha=None)
    planes, options = _stack(photo), _save_options(photo, name)
    is_deep = planes.dtype == np.uint16 and name in deep.FORMATS
    file = io.BytesIO()
    try:
        if is_deep and planes.ndim == 3:
            return deep.encode(planes, name, options)
        image = Image.fromarray(planes) if is_deep else to_image(photo)
        image.save(file, name, **options)
    except Exception as error:  # encoders raise whatever the pixels provoke
        raise CannotWrite(
            f"The photo cannot be written as {name} ({error}): choose .png or .tif instead."
        ) from error
    return file.getvalue()


def to_image(photo: Photo) -> Image.Image:
    """The photo as a PIL image of 8 bits a channel, which is all that Pillow has for colour."""
    planes = _stack(photo)
    if planes.dtype == np.uint16:
        planes = cv2.convertScaleAbs(planes, alpha=1 / 257)  # rounds; 65535 / 257 = 255
    image = Image.fromarray(planes)
    known = {"exif": photo.exif, "xmp": photo.xmp, "dpi": photo.dpi}
    image.info |= {key: value for key, value in known.items() if value}
    if photo.profiled:
        image.info["icc_profile"] = icc.srgb()
    return image


def to_array(photo: Photo, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Pixels, and alpha as a fourth channel, in an array's own dtype; floating-point in 0..1."""
    planes = _stack(photo)
    if np.issubdtype(dtype, np.floating):
        return (planes / np.iinfo(planes.dtype).max).astype(dtype)
    return planes.astype(dtype)


def _stack(photo: Photo) -> npt.NDArray[Any]:
    """Pixels and alpha in one array: (H, W), (H, W, 3) or (H, W, 4)."""
    if photo.alpha is None:
        return photo.pixels
    if photo.pixels.ndim == 2:
        return np.dstack([photo.pixels] * 3 + [photo.alpha])
    return np.dstack([photo.pixels, photo.alpha])


def _save_options(photo: Photo, format: str) -> dict[str, Any]:  # noqa: A002
    """What Pillow's ``save`` takes, beside pixels, for a format."""
    options = dict(_QUALITY.get(format, {}))
    options["icc_profile"] = icc.srgb() if photo.profiled else None
    if photo.dpi:
        options["dpi"] = photo.dpi
    if format == "TIFF":
        exif = Image.Exif()
        exif.load(photo.exif)
        if photo.xmp:
            exif[TiffImagePlugin.XMP] = photo.xmp
        options["exif"] = exif
    elif photo.exif:
        options["exif"] = photo.exif
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        if photo.xmp:
            text.add_itxt("XML:com.adobe.xmp", photo.xmp.decode(errors="replace"))
        options["pnginfo"] = text
    elif photo.xmp:
        options["xmp"] = photo.xmp
    return options


def _format_of(path: Path) -> str | None:
    """The format that can be written under a file's suffix, or None."""
    name = Image.registered_extensions().get(path.suffix.lower())
    return name if name in _writable() else None


@cache
def _writable() -> frozenset[str]:
    Image.init()
    return frozenset(Image.SAVE) - {"GIF"}  # 256 colours would not keep lightness
