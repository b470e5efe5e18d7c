"""From an opened file, a PIL image or an array to planes of levels in sRGB."""

from __future__ import annotations

import io
import logging
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from photochrom.color import Array
from photochrom.errors import BadPhoto
from photochrom.image import (
    icc,
    levels,
    limits,
    manifests,
    pillow,
    png,
    rescue,
    sixteen_bit,
    tiff_decoding,
    tiff_page,
)
from photochrom.image.icc import Space
from photochrom.image.levels import Levels
from photochrom.image.photo_file import PhotoFile, named_failures

_BAND = 1 << 18  # pixels that are copied at a time

for _library in ("imagecodecs", "tifffile"):  # their remarks on odd files are not for users
    logging.getLogger(_library).addHandler(logging.NullHandler())


class Planes(NamedTuple):
    """What a picture shows."""

    pixels: Levels  # (H, W) or (H, W, 3), uint8 or uint16
    alpha: Levels | None  # (H, W) of the same dtype
    notes: tuple[str, ...] = ()
    """What was left behind, as :attr:`photochrom.image.photo.Photo.notes`."""


_Decoded = tuple[Levels, Levels | None, Space]  # pixels and alpha in the picture's own colour space


def decode_image(image: Image.Image, name: str) -> Planes:
    """What a PIL image shows, in sRGB but not yet upright.

    Args:
        image: any mode. Of mode "I", numbers up to 255 are taken for 8 bits, and others for 16.
        name: for the errors.

    Raises:
        BadPhoto: it is too large, or cannot be decoded.
    """
    limits.check_size(image.size, name)
    with named_failures(name, damaged=False):
        found = _decode(image, name, None)
    return _to_srgb(found, image.info, [])


def decode_file(file: PhotoFile, name: str) -> Planes:
    """What a file's picture, or the page of it that was turned to, shows; as above.

    Args:
        file: ``file.image`` becomes the picture that was decoded.
        name: of the file or page, for the errors.

    Raises:
        BadPhoto: it is too large, by itself or for its file, or cannot be decoded.
    """
    limits.check_size(file.image.size, name, file.memory, file.size)
    with named_failures(name, damaged=file.damaged):
        if file.page:
            return _decode_page(file, file.page, name)
        try:
            found = _decode(file.image, name, file.pixels)
        except (BadPhoto, MemoryError):
            raise
        except Exception as error:
            image, pixels = _complete(file, error)
            found = _decode(image, name, pixels)
    return _to_srgb(found, file.image.info, file.notes)


def _decode(image: Image.Image, name: str, data: bytes | None) -> _Decoded:
    """A picture in its own colours, by whatever reads all of its bits."""
    array = None
    if data is not None and image.format == "QOI":  # which Pillow reads slowly
        import imagecodecs

        array = np.asarray(imagecodecs.qoi_decode(data))
    elif data is not None:
        array = sixteen_bit.decode(image, data)
    if array is not None:
        return _split_array(array, name)
    with pillow.without_limit():
        image.load()
    return _split_image(image, name, from_file=data is not None)


def _complete(file: PhotoFile, error: Exception) -> tuple[Image.Image, bytes]:
    """A picture whose file ends too early, if all of it is there or what is there is enough."""
    kind, missing = file.image.format, None
    if not file.damaged and kind not in ("JPEG", "MPO"):
        raise error
    data = file.pixels
    try:
        with pillow.without_limit():
            if kind == "PNG":
                data, missing = png.repair(data, limits.plausible_size(file.size))
                image = pillow.open_image(io.BytesIO(data))
            else:
                image, missing = rescue.decode_truncated(data, kind, pillow.open_image)
    except MemoryError:
        raise
    except Exception:
        raise error from None
    if missing != 0:
        if not file.damaged:
            raise ValueError(rescue.describe_missing(missing)) from error
        file.notes.append(rescue.note_missing(missing))
    return image, data


def _decode_page(file: PhotoFile, page: tiff_page.Page, name: str) -> Planes:
    tiff, notes = page.tiff, []
    if tiff.broken and page.place == tiff.pages[-1]:
        notes.append(f"the list of its pages is broken after page {len(tiff.pages)}")
    if tiff.signed and page.place == tiff.pages[-1]:
        notes.append(manifests.NOTE)
    with pillow.without_limit():
        file.image = page.open_image()
    if not isinstance(file.image, tiff_page.DescribedImage):
        info = file.image.info
        try:
            with pillow.without_limit():
                file.image.load()
            found = _split_image(file.image, name, from_file=True)
            return _to_srgb(found, info, notes + page.extra_channel_notes())
        except MemoryError:
            raise
        except Exception:  # where Pillow gives up, tifffile may not
            file.image = page.described()
    decoded = tiff_decoding.decode(page, name, damaged=file.damaged)
    notes += decoded.notes
    if decoded.missing:
        notes.append(rescue.note_missing(decoded.missing))
    return _to_srgb((decoded.pixels, decoded.alpha, decoded.space), file.image.info, notes)


def _to_srgb(found: _Decoded, info: dict[Any, Any], notes: list[str]) -> Planes:
    pixels, alpha, space = found
    profile, unheeded = icc.find_profile(info, space)
    pixels, ignored = icc.to_srgb(pixels, space, profile)
    alpha = None if alpha is None else np.ascontiguousarray(alpha)
    more = tuple(note for note in (unheeded, ignored) if note)
    return Planes(np.ascontiguousarray(pixels), alpha, (*notes, *more))


def decode_array(array: Array, name: str) -> Planes:
    """Levels (H, W) or (H, W, 3) and alpha (H, W) or None, uint8 or uint16, of an array.

    Args:
        array: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) or (H, W, 4); uint8,
            uint16, wider integers within 0..65535, or floating-point in 0..1.
        name: for the errors.

    Raises:
        BadPhoto: it is of another shape, or holds other numbers.
    """
    pixels, alpha, _ = _split_array(array, name)
    return Planes(pixels, alpha)


def _split_array(array: Array, name: str) -> _Decoded:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or array.size == 0:
        raise BadPhoto(f"{name} has shape {array.shape}: give (H, W), (H, W, 3) or (H, W, 4).")
    planes = levels.to_levels(array, name).reshape(*array.shape[:2], channels)
    pixels = planes[..., :3] if channels >= 3 else planes[..., 0]
    alpha = np.ascontiguousarray(planes[..., -1]) if channels in (2, 4) else None
    return np.ascontiguousarray(pixels), alpha, "RGB" if channels >= 3 else "grey"


def _split_image(image: Image.Image, name: str, *, from_file: bool) -> _Decoded:
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
    target = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}.get(mode, "RGB")
    if target != "LA" and image.has_transparency_data:
        target = {"L": "LA", "RGB": "RGBA"}[target]
    try:
        plain = image if mode == target else image.convert(target)
    except ValueError as error:
        raise BadPhoto(
            f"{name} is in colour mode {mode}, which cannot be read: convert it to RGB first."
        ) from error
    return _split_array(_to_array(plain), name)


def _to_array(image: Image.Image) -> Array:
    """As np.asarray, which on its way holds colour twice more, and takes four times as long."""
    if image.mode not in ("RGB", "RGBA"):
        return np.asarray(image)
    (width, height), rows = image.size, max(1, _BAND // image.width)
    array = np.empty((height, width, len(image.mode)), np.uint8)
    for top in range(0, height, rows):
        box = (0, top, width, min(top + rows, height))
        array[top : top + rows] = np.asarray(image.crop(box))
    return array


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


def turn_upright(plane: Levels, orientation: int) -> Levels:
    """Stored pixels (H, W, ...) turned the way EXIF orientation 1..8 says."""
    turn = _UPRIGHT.get(orientation)
    return np.ascontiguousarray(turn(plane)) if turn else plane
