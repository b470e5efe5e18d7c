"""From a file, a PIL image or an array to sRGB planes."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from photochrom import deep, heif, icc, metadata, tiff
from photochrom.errors import BadPhoto, MissingExtra
from photochrom.icc import Pixels

MAX_PIXELS = 1_000_000_000
"""Beyond this a file is more likely an attack, or a mistake, than a photograph."""
PLAUSIBLE = 50_000_000, 1000
"""Beyond so many pixels, at most so many a byte of the file: a photo of a grey wall has 200."""

FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PCX", "PNG", "PPM"),
    *("PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP"),
)
"""Pillow's names of what is read. Others are for drawings and data; EPS would start a program."""
_BAND = 1 << 18  # pixels that are copied at a time
_MOVING = ("AVIF", "GIF", "HEIF", "PNG", "WEBP")
_REDUCED, _MASK = 1, 4  # TIFF 6.0, NewSubfileType: a smaller copy of a page; where it is opaque


@dataclass(frozen=True, eq=False)
class File:
    """A file that was opened; of a TIFF, its pages can be gone through."""

    image: Image.Image
    name: str
    """For the errors."""
    size: int
    """Bytes."""
    data: Callable[[], bytes]
    """All of them."""
    pages: tuple[int, ...] = (0,)
    """Numbers of the pictures that are pages of their own, and no smaller copies or masks."""
    pictures: int = 1
    """Pages, or the pictures of an animation."""
    stream: BinaryIO | None = None
    """Of a TIFF: what its pages are read from."""


@contextmanager
def opened(source: Path | bytes) -> Iterator[File]:
    """A file's picture, its pixels not read yet.

    Raises:
        BadPhoto: it is missing, empty, or not a picture.
        MissingExtra: it needs one.
    """
    if isinstance(source, bytes):
        yield _file(io.BytesIO(source), "the photo", len(source), lambda: source)
        return
    name = str(source)
    try:
        if source.is_dir():
            raise BadPhoto(f"{name} is a folder: give the path of one photo.")
        if source.exists() and not source.is_file():
            raise BadPhoto(f"{name} is a device or a pipe: give the path of a file.")
        with source.open("rb") as file:
            size = source.stat().st_size
            if tiff.begins(file.read(4)):  # of which only a page is read at a time
                file.seek(0)
                yield _file(file, name, size, source.read_bytes)
                return
            file.seek(0)
            data = file.read()
    except FileNotFoundError as error:
        raise BadPhoto(f"{name} does not exist: check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadPhoto(
            f"{name} cannot be opened ({reason}): check path and permissions."
        ) from error
    yield _file(io.BytesIO(data), name, len(data), lambda: data)


def _file(stream: BinaryIO, name: str, size: int, data: Callable[[], bytes]) -> File:
    if not size:
        raise BadPhoto(f"{name} is empty (0 bytes): fetch or export it again.")
    head = stream.read(16)
    stream.seek(0)
    lacking = heif.looks_like(head) and not heif.available()
    Image.init()
    try:
        if tiff.begins(head):
            kinds = tiff.subfile_types(stream)
            stream.seek(0)
        with _without_limit():
            image = Image.open(stream, formats=[kind for kind in FORMATS if kind in Image.OPEN])
        if image.format == "TIFF":
            whole = [i for i, kind in enumerate(kinds) if not kind & (_REDUCED | _MASK)]
            pages = tuple(whole) or (0,)
            return File(image, name, size, data, pages, len(pages), stream)
        if image.format == "JPEG2000":
            metadata.from_jp2(image, data())
    except UnidentifiedImageError as error:
        if lacking:
            raise MissingExtra("pillow-heif", "heif") from error
        raise BadPhoto(
            f"{name} is not a picture that can be read: convert it to JPEG, PNG or TIFF first."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever the bytes provoke
        raise _damaged(name, error) from error
    return File(image, name, size, data, pictures=_pictures(image))


def _pictures(image: Image.Image) -> int:
    try:
        return max(1, getattr(image, "n_frames", 1)) if image.format in _MOVING else 1
    except Exception:
        return 1


_LIMIT_LOCK = threading.Lock()
_lifted: list[int | None] = []
"""Pillow's limit, as often as it is lifted now."""


@contextmanager
def _without_limit() -> Iterator[None]:
    """Lift Pillow's own limit, which is global, and lower than a large scan needs."""
    with _LIMIT_LOCK:
        _lifted.append(_lifted[0] if _lifted else Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _LIMIT_LOCK:
            limit = _lifted.pop()
            if not _lifted:
                Image.MAX_IMAGE_PIXELS = limit


def turn_to(file: File, page: int) -> None:
    """Go to a page of a TIFF; :func:`image_planes` then reads it."""
    for told in ("icc_profile", "dpi", "resolution"):  # which Pillow carries over between pages
        if page:
            file.image.info.pop(told, None)
    try:
        with _without_limit():
            file.image.seek(page)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise _damaged(f"Page {page + 1} of {file.name}", error) from error


def image_planes(
    image: Image.Image, name: str, file: File | None = None
) -> tuple[Pixels, Pixels | None]:
    """Pixels and alpha of a PIL image, as :func:`array_planes`, in sRGB but not yet upright.

    Args:
        image: any mode.
        name: for the errors.
        file: what it was opened from, out of which 16-bit colour can be read.
    """
    _check_size(image, name, file)
    stored = _Stored.of(image)
    sixteen_bits = deep.reader(image)
    try:
        with _without_limit():
            image.load()
        array = sixteen_bits(file.data()) if file and sixteen_bits else None
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise _damaged(name, error) from error
    if array is None:
        array = stored.as_meant(_array(_plain(image, name)))
    pixels, alpha = array_planes(array, name)
    profile = image.info.get("icc_profile")
    if profile and image.mode not in ("CMYK", "LAB"):  # CMYK has been through its profile
        pixels = icc.to_srgb(pixels, profile)
    return pixels, alpha


def _check_size(image: Image.Image, name: str, file: File | None) -> None:
    pixels = image.width * image.height
    large = f"{name} has {image.width:,} × {image.height:,} pixels"
    if pixels > MAX_PIXELS:
        raise BadPhoto(f"{large}, and at most {MAX_PIXELS:,} can be read: scale it down first.")
    most, share = PLAUSIBLE
    if file is not None and pixels > max(most, file.size * share):
        raise BadPhoto(
            f"{large} in only {file.size:,} bytes, as no photo has: fetch or export it again."
        )


@dataclass(frozen=True)
class _Stored:
    """What Pillow leaves undone for TIFF's rarer kinds of numbers."""

    negative: bool
    """White is 0, which Pillow heeds up to 8 bits."""
    bits: int | None
    """Of each number, if not those of its type."""

    @classmethod
    def of(cls, image: Image.Image) -> _Stored:
        tags = getattr(image, "tag_v2", {})
        inverse = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
        twelve = tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,)
        return cls(inverse and image.mode in ("I;16", "F"), 12 if twelve else None)

    def as_meant(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.bits:
            array = array << (16 - self.bits) | array >> (2 * self.bits - 16)
        if self.negative:
            array = (65535 if array.dtype.kind == "u" else 1) - array
        return array


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
    if mode == "LAB":
        return icc.lab_to_srgb(image)
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


def _array(image: Image.Image) -> npt.NDArray[Any]:
    """As np.asarray, which on its way holds colour twice more, and takes four times as long."""
    if image.mode not in ("RGB", "RGBA"):
        return np.asarray(image)
    (width, height), rows = image.size, max(1, _BAND // image.width)
    array = np.empty((height, width, len(image.mode)), np.uint8)
    for top in range(0, height, rows):
        box = (0, top, width, min(top + rows, height))
        array[top : top + rows] = np.asarray(image.crop(box))
    return array


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


# EXIF 2.32, table 6: how to turn the stored pixels upright.
_UPRIGHT = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
    8: lambda p: p.swapaxes(0, 1)[::-1],
}


def upright(plane: Pixels, orientation: int) -> Pixels:
    """Stored pixels (H, W, ...) turned the way EXIF orientation 1..8 says."""
    turn = _UPRIGHT.get(orientation)
    return np.ascontiguousarray(turn(plane)) if turn else plane
