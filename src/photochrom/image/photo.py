"""Photographs: opened with what must survive, written so that nothing is ever half written.

What survives a round trip: 8 or 16 bits, alpha, EXIF, XMP, IPTC, remarks, resolution, the pages of
a TIFF and the file format, as far as the format can hold them. The EXIF orientation is applied to
the pixels and its tag removed; a colour profile is applied, so that pixels are always sRGB, and an
sRGB profile is embedded where there was one.

Limits: of an animation the first picture is read; PNG, TIFF and PPM keep 16 bits, other formats get
8; JPEG, BMP and PPM have no alpha.
"""

from __future__ import annotations

import io
import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photochrom import color, files
from photochrom.color import Array
from photochrom.errors import BadPhoto, CannotWrite, MissingExtra, PhotochromError
from photochrom.folder import Folder
from photochrom.image import heif, icc, jpeg, kinds, metadata, reader
from photochrom.image import writer as encoders
from photochrom.image.levels import Levels
from photochrom.image.writer import Encoding

SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "webp", "avif", "bmp", "gif"),
        *("jp2", "j2k", "pnm", "ppm", "pgm", "pbm", "psd", *heif.SUFFIXES),
        *(("jxl",) if kinds.jpeg_xl_available() else ()),
    )
)
"""What is taken for a photo when a folder is searched."""

DEPTHS = np.uint8, np.uint16

Encoded = bytes | bytearray | memoryview | BinaryIO
"""The bytes of a file, or one that is open in binary mode, such as an ``io.BytesIO``."""
Held = str | os.PathLike[str] | bytes | Image.Image | Array
Source = Held | Encoded
"""What photos are read from."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph: pixels in sRGB, upright, and the metadata that must survive."""

    pixels: Levels
    """(H, W) grey or (H, W, 3) RGB, uint8 or uint16."""
    alpha: Levels | None = None
    """(H, W), same dtype as the pixels."""
    exif: bytes = b""
    """The block, from its byte order on, made to fit the pixels as they are here."""
    xmp: bytes = b""
    """The XMP packet."""
    iptc: bytes = b""
    """The IPTC records (IIM)."""
    text: metadata.Text = ()
    """Remarks, each with its keyword."""
    dpi: tuple[float, float] | None = None
    """Levels per inch, across and down."""
    profiled: bool = False
    """Whether the file named its colour space; if so, what is written names sRGB."""
    format: str | None = None
    """Pillow's name, such as "JPEG"; None for an array."""
    source: Path | None = None
    """The file it came from, which is never written to."""
    pictures: int = 1
    """How many its file holds: pages of a TIFF, or what an animation moves through."""
    quality: int | None = None
    """Of the JPEG it came from, 1..100."""
    notes: tuple[str, ...] = ()
    """What was left behind, and why: a sentence each, such as "Its IPTC records are damaged and are
    left out."; the picture itself is whole."""

    def __post_init__(self) -> None:
        # What Pillow writes begins with the name of JPEG's segment.
        object.__setattr__(self, "exif", self.exif.removeprefix(b"Exif\0\0"))

    @property
    def paged(self) -> bool:
        """Whether it is one of the pages of a TIFF."""
        return self.format == "TIFF" and self.pictures > 1

    def lightness(self, rows: slice = slice(None)) -> npt.NDArray[np.float32]:
        """L of CIE Lab, (H, W) in 0..100. Colour and alpha, if any, are left out.

        Args:
            rows: of these alone, by default of all. A few at a time need little memory.
        """
        pixels, top = self.pixels[rows], int(np.iinfo(self.pixels.dtype).max)
        if pixels.ndim == 2:
            return _looked_up(_lightness_table(top), pixels)
        height, width = pixels.shape[:2]
        lightness = np.empty((height, width), np.float32)
        step = max(1, 1_000_000 // width)  # a megapixel at a time bounds the memory
        weights = np.array([color.XYZ_FROM_RGB[1]], np.float32)
        for start in range(0, height, step):
            linear = _looked_up(_linear_table(top), pixels[start : start + step])  # 0..1
            y = cv2.transform(linear, weights)
            curved = cv2.pow(y, 1 / 3) * 116 - 16  # several times faster than numpy's power
            dark = y <= color._EPSILON
            if dark.any():
                curved[dark] = y[dark] * np.float32(116 * color._KAPPA)
            lightness[start : start + step] = curved
        return lightness


def _looked_up(table: npt.NDArray[np.float32], pixels: Levels) -> npt.NDArray[np.float32]:
    """The table's entry for every number."""
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(pixels, table))  # cv2 has no larger tables
    return table[pixels]


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


def read(source: Source, damaged: bool = False) -> Photo:
    """Open a photograph; of several pages or pictures, the first.

    Args:
        source: a path; the bytes of a file, or one that is open in binary mode; a PIL image; or an
            array (H, W), (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4), uint8, uint16,
            or floating-point in 0..1, which is held as 16 bits. Of a PIL image of mode "I", numbers
            up to 255 are taken for 8 bits.
        damaged: give what can be read of a broken file, and tell in its notes what is missing.

    Raises:
        BadPhoto: it is missing, empty, cut short, too large, or not a picture.
        MissingExtra: it is in a format that needs one.
    """
    return next(pages(source, damaged))


def as_photo(source: Source | Photo) -> Photo:
    """What is opened already as it is; anything else as :func:`read` opens it."""
    return source if isinstance(source, Photo) else read(source)


def contents(source: Source) -> Held:
    """The bytes of what holds them; anything else as it is.

    A file is read from its beginning, if it can be turned back to that.

    Raises:
        BadPhoto: it does not let itself be read, is open for text, or is nothing of the kind.
    """
    if isinstance(source, str | os.PathLike | bytes | Image.Image | np.ndarray):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if not hasattr(source, "read"):
        raise BadPhoto(
            f"A {type(source).__name__} is no photo: give a path, the bytes of a file, a file that "
            "is open in binary mode, a PIL image or an array."
        )
    try:
        if source.seekable():
            source.seek(0)
        data = source.read()
    except (OSError, ValueError) as error:  # or it is closed
        raise BadPhoto(f"The open file cannot be read ({error}): open it for reading.") from error
    if not isinstance(data, bytes):
        raise BadPhoto("The open file gives text: open it in binary mode, 'rb'.")
    return data


def pages(source: Source, damaged: bool = False) -> Iterator[Photo]:
    """The pages of a TIFF, one at a time; of anything else the one picture that :func:`read` gives.

    Smaller copies of a page and masks, as some scanners add, are no pages.

    Raises:
        BadPhoto, MissingExtra: as :func:`read`; of a page when its turn comes.
    """
    source = contents(source)
    if isinstance(source, np.ndarray):
        if np.issubdtype(source.dtype, np.integer) and source.dtype.type not in DEPTHS:
            # 0..255 and 0..65535 look alike there, and a wrong guess would be a black photo.
            raise BadPhoto(f"The array holds {source.dtype}: convert it to uint8 or uint16 first.")
        yield Photo(*reader.array_planes(source, "the array")[:2])
        return
    if isinstance(source, Image.Image):
        yield _from_image(source, "the image")
        return
    path = None if isinstance(source, bytes) else Path(source)
    file_or_bytes = source if isinstance(source, bytes) else Path(source)
    with reader.opened(file_or_bytes, damaged=damaged) as file:
        *others, last = file.pages
        for page in others:
            yield _page(file, page, path)
        photo = _page(file, last, path)
    del file  # and with it Pillow's own pixels, before anything is made of ours
    yield photo


def _page(file: reader.File, page: int, path: Path | None) -> Photo:
    reader.turn_to(file, page)
    name = file.name if len(file.pages) == 1 else f"Page {page + 1} of {file.name}"
    photo = _from_image(file.image, name, file)
    return replace(photo, source=path, pictures=file.pictures)


def _from_image(image: Image.Image, name: str, file: reader.File | None = None) -> Photo:
    pixels, alpha, notes = reader.image_planes(image, name, file)
    image = file.image if file else image
    size = pixels.shape[1], pixels.shape[0]
    data = file.data() if file and image.format in ("JPEG", "MPO", "PNG") else b""
    found = metadata.read(image, size, data, file.directory if file else None)
    return Photo(
        pixels=reader.upright(pixels, found.orientation),
        alpha=None if alpha is None else reader.upright(alpha, found.orientation),
        exif=found.exif,
        xmp=found.xmp,
        iptc=found.iptc,
        text=found.text,
        dpi=found.dpi,
        profiled=bool(image.info.get("icc_profile")),
        format="JPEG" if image.format == "MPO" else image.format,  # MPO: a JPEG and its previews
        quality=jpeg.quality_of(getattr(image, "quantization", {})),
        notes=(*notes, *found.notes),
    )


# --- writing ----------------------------------------------------------------------------------

_GREY_SUFFIXES = (".pbm", ".pgm")  # which say that there is no colour


def check_size(source: Path) -> None:
    """Refuse a file that is larger than any photo, by a look at its size; what is none is left.

    Raises:
        BadPhoto: it is.
    """
    try:
        if source.stat().st_size > reader.MOST_BYTES:
            with files.open_plain(source) as file:
                reader.check_size(str(source), file)
    except OSError:
        return


def default_output(source: str | os.PathLike[str]) -> Path:
    """Where the result of a file goes by default: ``house.jpg`` becomes ``house.color.jpg``.

    A format that can be read but not written becomes PNG.
    """
    path = Path(source)
    suffix = path.suffix if _format_of(path) else ".png"
    return path.with_name(f"{path.stem}.color{suffix}")


def usual(format: str | None) -> str:  # noqa: A002
    """The format that a photo of one is written in by default: the same, or else PNG."""
    return format if format in encoders.writable() and format is not None else "PNG"


def writable(target: Path) -> Path:
    """The target, or where its format cannot be written ``<name>.png``, suffix and all."""
    return target if _format_of(target) else target.with_name(f"{target.name}.png")


def write(
    photo: Photo | Iterable[Photo],
    target: str | os.PathLike[str],
    *,
    force: bool = False,
    room: Folder | None = None,
    seal: Callable[[BinaryIO], object] | None = None,
    encoding: Encoding = encoders.DEFAULT,
    keep_times: bool = False,
) -> Path:
    """Write a photo in the format of the target's suffix: the whole file, or none.

    Args:
        photo: what to write; several are the pages of a TIFF, and taken one at a time.
        target: the file to make.
        force: replace a file that exists; even so never the file the photo was read from.
        room: the folder to make it in, on the same disk; by default the target's.
        seal: is shown the finished file before it gets its name.
        encoding: how it is compressed.
        keep_times: give the result the times of the file the photo was read from.

    Returns:
        The target.

    Raises:
        CannotWrite: it exists, its suffix names no format, or the folder does not take it.
    """
    path, photos = Path(target), _each(photo)
    first = next(photos)
    name = check_target(path, first.source, force=force)

    def make(file: BinaryIO) -> None:
        encoders.write(itertools.chain([first], photos), name, file, encoding)

    def finish(file: BinaryIO) -> None:
        if known is not None:
            files.set_attributes(file, _mode(known), known if keep_times else None)
        if seal is not None:
            seal(file)

    known = _known(first.source)
    mode = 0o666 if known is None else 0o600 | _mode(known)  # unfinished, too, others see no more
    files.write_atomically(path, make, force=force, room=room, mode=mode, seal=finish)
    return path


def _known(source: Path | None) -> os.stat_result | None:
    """What the disk knows of the file that a photo was read from."""
    try:
        return None if source is None else source.stat()
    except OSError:
        return None


def _mode(known: os.stat_result) -> int:
    return stat.S_IMODE(known.st_mode) & 0o777


def fitted(photo: Photo, format: str) -> Photo:  # noqa: A002
    """The photo with only what a format can hold; what is left out is told in its notes."""
    return encoders.fitted(photo, format)


def _each(photo: Photo | Iterable[Photo]) -> Iterator[Photo]:
    return iter([photo] if isinstance(photo, Photo) else photo)


def check_target(target: Path, source: Path | None, *, force: bool) -> str:
    """What :func:`write` refuses, found out before any work is done; answers the format."""
    if target.is_dir():
        raise CannotWrite(f"{target} is a folder: give the name of a file in it.")
    name = _format_of(target)
    if not name:
        raise _unwritable(target)
    if not target.exists():
        return name
    if source is not None and source.exists() and target.samefile(source):
        raise CannotWrite(f"{target} is the photo itself: choose another name for the result.")
    if not force:
        raise files.already_exists(target)
    return name


def _unwritable(target: Path) -> PhotochromError:
    """Why there is no format under a name, and what to choose instead."""
    suffix = target.suffix.lower()
    if suffix[1:] in heif.SUFFIXES and not heif.available():
        return MissingExtra("pillow-heif", "heif")
    instead = "end it in .jpg, .png, .tif or .webp"
    if suffix in _GREY_SUFFIXES:
        return CannotWrite(f"{target} has no room for colour: {instead}.")
    if suffix in Image.registered_extensions():
        return CannotWrite(f"{target} is of a format that is only read: {instead}.")
    return CannotWrite(f"{target} names no known format: {instead}.")


def encode(
    photo: Photo | Iterable[Photo],
    format: str | None = None,  # noqa: A002
    encoding: Encoding = encoders.DEFAULT,
) -> bytes:
    """The photo as the bytes of a file.

    Args:
        photo: what to write; several are the pages of a TIFF.
        format: Pillow's name of a format; by default the one it came in, else PNG.
        encoding: how it is compressed.
        encoding: how it is compressed.

    Raises:
        CannotWrite: the format does not exist, or does not take such a photo.
    """
    photos = _each(photo)
    first = next(photos)
    file = io.BytesIO()
    name = (format or usual(first.format)).upper()
    encoders.write(itertools.chain([first], photos), name, file, encoding)
    return file.getvalue()


def to_image(photo: Photo) -> Image.Image:
    """The photo as a PIL image of 8 bits a channel, which is all that Pillow has for colour."""
    image = Image.fromarray(encoders.shallow(encoders.planes(photo)))
    block = b"Exif\0\0" + photo.exif if photo.exif else b""
    known = {"exif": block, "xmp": photo.xmp, "dpi": photo.dpi}
    image.info |= {key: value for key, value in known.items() if value}
    if photo.profiled:
        image.info["icc_profile"] = icc.srgb()
    return image


def to_array(photo: Photo, dtype: npt.DTypeLike) -> Array:
    """Levels, and alpha as a fourth channel, in an array's own dtype; floating-point in 0..1."""
    planes = encoders.planes(photo)
    if np.issubdtype(dtype, np.floating):
        return (planes / np.iinfo(planes.dtype).max).astype(dtype)
    return planes.astype(dtype)


def _format_of(path: Path) -> str | None:
    """The format that can be written under a file's suffix, or None."""
    suffix = path.suffix.lower()
    writable = encoders.writable()  # asked first, as it learns of formats
    name = None if suffix in _GREY_SUFFIXES else Image.registered_extensions().get(suffix)
    return name if name in writable else None
