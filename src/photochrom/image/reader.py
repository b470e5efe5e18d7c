"""From a file, a PIL image or an array to sRGB planes."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from photochrom import files
from photochrom.color import Array
from photochrom.errors import BadPhoto, MissingExtra
from photochrom.image import (
    headers,
    heif,
    icc,
    jpeg_read,
    kinds,
    levels,
    limits,
    metadata,
    pillow,
    png_read,
    rescue,
    sixteen_bit,
    tiff_page,
    tiff_pixels,
    tiff_read,
)
from photochrom.image.icc import Space
from photochrom.image.levels import Levels
from photochrom.image.limits import bytes_needed as bytes_needed

MOST_BYTES = 2**31
"""Of a file that is read whole."""
MOST_BYTES_PAGED = 2**36
"""Of a TIFF, of which only a page is."""

_BAND = 1 << 18  # pixels that are copied at a time
_HEAD = 1024  # bytes by which a file is recognized
_JUNK = 1 << 16  # bytes before a JPEG at most
_MOVING = ("AVIF", "HEIF", "WEBP")


class Planes(NamedTuple):
    """What a picture shows."""

    pixels: Levels
    """(H, W) or (H, W, 3), uint8 or uint16."""
    alpha: Levels | None
    """(H, W) of the same dtype."""
    notes: tuple[str, ...] = ()
    """What was left behind, as :attr:`photochrom.image.photo.Photo.notes`."""


@dataclass(eq=False)
class File:
    """A file that was opened; of a TIFF, its pages can be gone through."""

    image: Image.Image
    """The picture, or the page that was turned to."""
    name: str
    """For the errors."""
    size: int
    """Bytes."""
    data: Callable[[], bytes]
    """All of them, without what is broken and not needed."""
    pages: tuple[int, ...] = (0,)
    """Numbers of the pictures that are pages of their own, and no smaller copies or masks."""
    pictures: int = 1
    """Pages, or the pictures of an animation."""
    damaged: bool = False
    """Whether what can be read of it is enough."""
    notes: list[str] = field(default_factory=list)
    """What was left behind of it as a whole."""
    tiff: tiff_read.Tiff | None = None
    page: tiff_page.Page | None = None
    """Of a TIFF, the page that was turned to."""
    pixels: bytes = b""
    """What the picture is read from, without what is read apart."""
    buffered: bool = False
    """Whether a JPEG's pixels come in several scans, and are held until the last."""

    @property
    def directory(self) -> metadata.Page | None:
        """Where the page of a TIFF tells of itself."""
        if self.page is None:
            return None
        return metadata.Page(self.page.read, self.page.place.at, self.page.tiff.layout)


@contextmanager
def opened(source: Path | bytes, *, damaged: bool = False) -> Iterator[File]:
    """A file's picture, its pixels not read yet.

    Args:
        source: its path, or its bytes.
        damaged: whether what can be read of a broken file is enough.

    Raises:
        BadPhoto: it is missing, empty, or not a picture.
        MissingExtra: it needs one.
    """
    if isinstance(source, bytes):
        yield _file(io.BytesIO(source), "the photo", len(source), lambda: source, damaged)
        return
    name = str(source)
    try:
        if source.is_dir():
            raise BadPhoto(f"{name} is a folder: give the path of one photo.")
        if source.exists() and not source.is_file():
            raise BadPhoto(f"{name} is a device or a pipe: give the path of a file.")
        with files.open_plain(source) as file:
            size = check_size(name, file)
            if tiff_read.begins(file.read(4)):  # of which only a page is read at a time
                file.seek(0)
                yield _file(file, name, size, source.read_bytes, damaged)
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
    yield _file(io.BytesIO(data), name, len(data), lambda: data, damaged)


def check_size(name: str, file: BinaryIO) -> int:
    """The bytes of an open file, if they may be read: whole, but for a TIFF.

    Raises:
        BadPhoto: they are more than any photo has.
    """
    size = os.fstat(file.fileno()).st_size
    if size > MOST_BYTES:
        paged = tiff_read.begins(file.read(4))
        file.seek(0)
        if size > (MOST_BYTES_PAGED if paged else MOST_BYTES):
            raise BadPhoto(f"{name} has {size:,} bytes, more than any photo: check what it is.")
    return size


def _file(stream: BinaryIO, name: str, size: int, data: Callable[[], bytes], damaged: bool) -> File:
    if not size:
        raise BadPhoto(f"{name} is empty (0 bytes): fetch or export it again.")
    head = stream.read(_HEAD)
    stream.seek(0)
    is_tiff = tiff_read.begins(head)
    try:
        if is_tiff:
            return _tiff(stream, name, size, data, damaged)
        return _other(data(), head, name, damaged)
    except (BadPhoto, MissingExtra, MemoryError):
        raise
    except limits.Excess as error:
        raise _excessive(name, error) from error
    except Exception as error:  # decoders raise whatever the bytes provoke
        raise _damaged(name, error, damaged or is_tiff) from error


def _tiff(stream: BinaryIO, name: str, size: int, data: Callable[[], bytes], damaged: bool) -> File:
    found = tiff_read.find_pages(stream, size)
    if found.raw or kinds.named_raw(name):
        raise BadPhoto(kinds.raw(name))
    page = tiff_page.Page(found, found.pages[0])
    numbers = tuple(range(len(found.pages)))
    file = File(page.described(), name, size, data, numbers, len(numbers), damaged)
    file.tiff, file.page = found, page
    return file


def _other(data: bytes, head: bytes, name: str, damaged: bool) -> File:
    lacking = heif.looks_like(head) and not heif.available()
    if head.startswith(kinds.JPEG_XL):
        kinds.jpeg_xl_available()
    if kinds.named_raw(name) and not head.startswith(b"\xff\xd8"):
        raise BadPhoto(kinds.raw(name))
    if head.startswith(png_read.SIGNATURE):
        return _png(data, name, damaged)
    if head.startswith(headers.JPEG):
        return _jpeg(data, name, damaged)
    headers.check(data)
    lost: list[str] = []
    try:
        image = pillow.opened(io.BytesIO(data))
    except UnidentifiedImageError as error:
        if lacking:
            raise MissingExtra("pillow-heif", "heif") from error
        start = data.find(headers.JPEG, 1, _JUNK)
        if start < 0 or kinds.known(name, head):
            raise BadPhoto(kinds.refusal(name, head)) from error
        return _jpeg(data[start:], name, damaged)
    except Exception as error:
        image, lost = _opened_in_part(data, name, damaged, error)
    file = File(image, name, len(data), lambda: data, damaged=damaged, notes=lost, pixels=data)
    file.pictures = headers.pictures(data) if image.format == "GIF" else _pictures(image)
    if image.format == "JPEG2000":
        metadata.from_jp2(image, data)
    return file


def _jpeg(data: bytes, name: str, damaged: bool) -> File:
    headers.check(data)
    lean = jpeg_read.lean(data)
    lost: list[str] = []
    try:
        image = pillow.opened(io.BytesIO(lean))
    except UnidentifiedImageError as error:
        raise BadPhoto(
            f"{name} is a JPEG whose beginning is damaged: fetch or export it again."
        ) from error
    except Exception as error:
        image, lost = _opened_in_part(lean, name, damaged, error)
    image.info["exif"] = metadata.exif_of_jpeg(data)
    file = File(image, name, len(data), lambda: data, damaged=damaged, notes=lost, pixels=lean)
    file.buffered = "progressive" in image.info or jpeg_read.scans(lean) > 1
    return file


def _png(data: bytes, name: str, damaged: bool) -> File:
    prepared = _prepared(data, damaged)
    image = pillow.opened(io.BytesIO(prepared.pixels))
    image.info.update(prepared.info)
    file = File(image, name, len(data), lambda: prepared.data, damaged=damaged)
    file.pictures, file.pixels, file.notes = prepared.pictures, prepared.pixels, prepared.notes
    return file


def _opened_in_part(
    data: bytes, name: str, damaged: bool, error: Exception
) -> tuple[Image.Image, list[str]]:
    """A file that Pillow does not even open, if what is there of it is enough."""
    if not damaged or isinstance(error, MemoryError):
        raise error

    def small(stream: BinaryIO) -> Image.Image:
        image = pillow.opened(stream)
        limits.check_size(image, name, File(image, name, len(data), lambda: data))
        return image

    image, lost = rescue.complete(data, None, small)
    return image, [_lost(lost)]


def _prepared(data: bytes, damaged: bool) -> png_read.Prepared:
    try:
        return png_read.prepare(data)
    except ValueError:
        if not damaged:
            raise
    whole, missing = png_read.repair(data, limits.plausible(len(data)))
    prepared = png_read.prepare(whole)
    prepared.notes.append(_lost(missing))
    return prepared


def _pictures(image: Image.Image) -> int:
    try:
        return max(1, getattr(image, "n_frames", 1)) if image.format in _MOVING else 1
    except Exception:
        return 1


for _library in ("imagecodecs", "tifffile"):  # their remarks on odd files are not for users
    logging.getLogger(_library).addHandler(logging.NullHandler())


def turn_to(file: File, page: int) -> None:
    """Go to a page of a TIFF; :func:`image_planes` then reads it."""
    if file.tiff is None:
        return
    try:
        file.page = tiff_page.Page(file.tiff, file.tiff.pages[page])
        file.image = file.page.described()
    except MemoryError:
        raise
    except limits.Excess as error:
        raise _excessive(f"Page {page + 1} of {file.name}", error) from error
    except Exception as error:  # as above
        raise _damaged(f"Page {page + 1} of {file.name}", error, damaged=True) from error


def image_planes(image: Image.Image, name: str, file: File | None = None) -> Planes:
    """What a PIL image shows, in sRGB but not yet upright.

    Args:
        image: any mode. Of mode "I", numbers up to 255 are taken for 8 bits, and others for 16.
        name: for the errors.
        file: what it was opened from, out of which 16-bit colour can be read.
    """
    limits.check_size(image, name, file)
    try:
        if file and file.page:
            return _page_planes(file, name)
        found = _loaded(image, name, file)
    except (BadPhoto, MemoryError):
        raise
    except limits.Excess as error:
        raise _excessive(name, error) from error
    except Exception as error:  # as above
        raise _damaged(name, error, bool(file and file.damaged)) from error
    notes = tuple(file.notes) if file else ()
    return _in_srgb(*found, image.info, notes)


def _loaded(
    image: Image.Image, name: str, file: File | None
) -> tuple[Levels, Levels | None, Space]:
    """A picture's planes in its own colours; what is missing of it is added to its file's notes."""
    try:
        return _read(image, name, file.pixels if file else None)
    except (BadPhoto, MemoryError):
        raise
    except Exception as error:
        if file is None:
            raise
        image, pixels = _rescued(file, name, error)
        return _read(image, name, pixels)


def _read(image: Image.Image, name: str, data: bytes | None) -> tuple[Levels, Levels | None, Space]:
    array = _by_others(image, data) if data is not None else None
    if array is not None:
        pixels, alpha, _ = array_planes(array, name)
        return pixels, alpha, "RGB" if pixels.ndim == 3 else "grey"
    with pillow.without_limit():
        image.load()
    return _image_levels(image, name, from_file=data is not None)


def _by_others(image: Image.Image, data: bytes) -> Array | None:
    """What Pillow does not read, or not quickly."""
    if image.format == "QOI":
        import imagecodecs

        return np.asarray(imagecodecs.qoi_decode(data))
    return sixteen_bit.read(image, data)


def _rescued(file: File, name: str, error: Exception) -> tuple[Image.Image, bytes]:
    """A picture whose file ends too early, if all of it is there or what is there is enough."""
    kind, lost = file.image.format, None
    if not file.damaged and kind not in ("JPEG", "MPO"):
        raise error
    data = file.pixels
    try:
        with pillow.without_limit():
            if kind == "PNG":
                data, lost = png_read.repair(data, limits.plausible(file.size))
                image = pillow.opened(io.BytesIO(data))
            else:
                image, lost = rescue.complete(data, kind, pillow.opened)
    except MemoryError:
        raise
    except Exception:
        raise error from None
    if lost != 0 and not file.damaged:
        raise _damaged(name, f"{_share(lost)} of it is missing", damaged=False) from error
    if lost != 0:
        file.notes.append(_lost(lost))
    return image, data


def _lost(share: float | None) -> str:
    return f"it is damaged: {_share(share)} of it is missing"


def _share(share: float | None) -> str:
    return "part" if share is None else f"{max(1, round(100 * share))} %"


def _page_planes(file: File, name: str) -> Planes:
    """What a page of a TIFF shows."""
    page, tiff = file.page, file.tiff
    assert page is not None
    assert tiff is not None
    notes = []
    if tiff.broken and page.place == tiff.pages[-1]:
        notes.append(f"the list of its pages is broken after page {len(tiff.pages)}")
    with pillow.without_limit():
        file.image = page.image()
    if not isinstance(file.image, tiff_page.DescribedImage):
        info = file.image.info
        try:
            with pillow.without_limit():
                file.image.load()
            pixels, alpha, space = _image_levels(file.image, name, from_file=True)
            notes += [note] if (note := page.note()) else []
            return _in_srgb(pixels, alpha, space, info, tuple(notes))
        except MemoryError:
            raise
        except Exception:  # where Pillow gives up, tifffile may not
            file.image = page.described()
    decoded = tiff_pixels.decode(page, name, damaged=file.damaged)
    notes += decoded.notes
    if decoded.missing:
        notes.append(_lost(decoded.missing))
    return _in_srgb(decoded.pixels, decoded.alpha, decoded.space, file.image.info, tuple(notes))


def _in_srgb(
    pixels: Levels,
    alpha: Levels | None,
    space: Space,
    info: dict[Any, Any],
    notes: tuple[str, ...],
) -> Planes:
    profile, unheeded = icc.told_by(info, space)
    pixels, ignored = icc.to_srgb(pixels, space, profile)
    alpha = None if alpha is None else np.ascontiguousarray(alpha)
    more = tuple(note for note in (unheeded, ignored) if note)
    return Planes(np.ascontiguousarray(pixels), alpha, (*notes, *more))


def array_planes(array: Array, name: str) -> Planes:
    """Levels (H, W) or (H, W, 3) and alpha (H, W) or None, uint8 or uint16, of an array.

    Args:
        array: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) or (H, W, 4); uint8,
            uint16, wider integers within 0..65535, or floating-point in 0..1.
        name: for the errors.
    """
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or array.size == 0:
        raise BadPhoto(f"{name} has shape {array.shape}: give (H, W), (H, W, 3) or (H, W, 4).")
    planes = levels.to_levels(array, name).reshape(*array.shape[:2], channels)
    pixels = planes[..., :3] if channels >= 3 else planes[..., 0]
    alpha = np.ascontiguousarray(planes[..., -1]) if channels in (2, 4) else None
    return Planes(np.ascontiguousarray(pixels), alpha)


def _image_levels(
    image: Image.Image, name: str, *, from_file: bool
) -> tuple[Levels, Levels | None, Space]:
    """A loaded picture as numbers, in its own colours."""
    mode = image.mode
    if mode == "CMYK":
        return np.asarray(image), None, "CMYK"
    if mode == "LAB":
        lab = np.array(image)
        lab[..., 1:] ^= 128  # Pillow gives a and b with a sign
        return lab, None, "Lab"
    if mode in ("F", "I") or mode.startswith("I;16"):
        array: Array = np.asarray(image)
        if mode == "I" and not from_file and array.size and 0 <= array.min() <= array.max() <= 255:
            array = array.astype(np.uint8)  # 16 bits would be black all over
        return levels.to_levels(array, name), None, "grey"
    pixels, alpha, _ = array_planes(_array(_plain(image, name)), name)
    return pixels, alpha, "RGB" if pixels.ndim == 3 else "grey"


def _plain(image: Image.Image, name: str) -> Image.Image:
    """The picture in a mode that numpy takes: grey or RGB, with or without alpha."""
    mode = image.mode
    target = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}.get(mode, "RGB")
    if target != "LA" and image.has_transparency_data:
        target = {"L": "LA", "RGB": "RGBA"}[target]
    try:
        return image if mode == target else image.convert(target)
    except ValueError as error:
        raise BadPhoto(
            f"{name} is in colour mode {mode}, which cannot be read: convert it to RGB first."
        ) from error


def _array(image: Image.Image) -> Array:
    """As np.asarray, which on its way holds colour twice more, and takes four times as long."""
    if image.mode not in ("RGB", "RGBA"):
        return np.asarray(image)
    (width, height), rows = image.size, max(1, _BAND // image.width)
    array = np.empty((height, width, len(image.mode)), np.uint8)
    for top in range(0, height, rows):
        box = (0, top, width, min(top + rows, height))
        array[top : top + rows] = np.asarray(image.crop(box))
    return array


def _excessive(name: str, reason: limits.Excess) -> BadPhoto:
    return BadPhoto(f"{name} is no photo that can be read, as {reason}: export it again.")


def _damaged(name: str, reason: object, damaged: bool) -> BadPhoto:
    advice = "" if damaged else ", or colour what can be read of it by --damaged"
    return BadPhoto(f"{name} is cut short or damaged ({reason}): fetch or export it again{advice}.")


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


def upright(plane: Levels, orientation: int) -> Levels:
    """Stored pixels (H, W, ...) turned the way EXIF orientation 1..8 says."""
    turn = _UPRIGHT.get(orientation)
    return np.ascontiguousarray(turn(plane)) if turn else plane
