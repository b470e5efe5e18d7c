"""A photo's file, opened and checked by its headers; no pixel of it is decoded yet."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from photochrom import files
from photochrom.errors import BadPhoto, MissingExtra, PhotochromError
from photochrom.image import (
    headers,
    ifd,
    jp2,
    jpeg,
    limits,
    manifests,
    metadata,
    openraster,
    pillow,
    png,
    rescue,
    tiff_directories,
    tiff_page,
    unreadable,
)
from photochrom.image.limits import Memory

MAX_FILE_BYTES = 2**31
"""Of a file that is read whole."""
MAX_TIFF_BYTES = 2**36
"""Of a TIFF, of which only a page is."""

DAMAGED_ADVICE = ", or colour what can be read of it with --damaged"
"""How the sentence on a broken file goes on where that was not tried yet."""

_HEAD = 1024  # bytes by which a file is recognized
_JUNK = 1 << 16  # bytes before a JPEG at most
_MOVING = ("AVIF", "HEIF", "WEBP")


@dataclass(eq=False)
class PhotoFile:
    """A file that was opened; of a TIFF, its pages can be turned to."""

    image: Image.Image
    """The picture, or the page that was turned to."""
    name: str
    """For the errors."""
    size: int
    """Bytes."""
    data: bytes = b""
    """All of them, without what is broken and not needed; nothing of a TIFF."""
    pixels: bytes = b""
    """What the picture is decoded from, without metadata that are read apart."""
    pictures: int = 1
    """Pages, or frames of an animation."""
    damaged: bool = False
    """Whether what can be read of it is enough."""
    notes: list[str] = field(default_factory=list)
    """What was left behind of it as a whole."""
    page: tiff_page.Page | None = None
    """Of a TIFF, the page that was turned to."""
    buffered: bool = False
    """Whether a JPEG's pixels come in several scans, and are held until the last."""

    @property
    def pages(self) -> int:
        """How many pages a TIFF has, without smaller copies and masks; of others 1."""
        return len(self.page.tiff.pages) if self.page else 1

    @property
    def memory(self) -> Memory:
        """What decoding takes, of a TIFF its page that was turned to."""
        if self.page:
            return self.page.memory
        return limits.estimate_memory(self.image, buffered=self.buffered)

    def turn_to(self, page: int) -> None:
        """Go to a page of a TIFF, counted from 0.

        Raises:
            BadPhoto: the page cannot be read.
        """
        if self.page is None:
            return
        tiff = self.page.tiff
        with named_failures(f"Page {page + 1} of {self.name}", damaged=True):
            self.page = tiff_page.Page(tiff, tiff.pages[page])
            self.image = self.page.described()


@contextmanager
def open_file(source: Path | bytes, *, damaged: bool = False) -> Iterator[PhotoFile]:
    """Open a file, its pixels not decoded yet.

    Args:
        source: its path, or its bytes.
        damaged: whether what can be read of a broken file is enough.

    Raises:
        BadPhoto: it is missing, empty, or not a picture.
        MissingExtra: it needs one.
    """
    if isinstance(source, bytes):
        yield _open_bytes(source, "the photo", damaged)
        return
    name = str(source)
    try:
        if source.is_dir():
            raise BadPhoto(f"{name} is a folder: give the path of one photo.")
        if source.exists() and not source.is_file():
            raise BadPhoto(f"{name} is a device or a pipe: give the path of a file.")
        with files.open_plain(source) as file:
            size = _check_open_file(name, file)
            is_tiff = ifd.is_tiff(file.read(4))
            file.seek(0)
            if is_tiff:  # of which only a page is read at a time
                yield _open_stream(file, name, size, damaged)
                return
            data = file.read()
    except FileNotFoundError as error:
        raise BadPhoto(f"{name} does not exist: check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadPhoto(
            f"{name} cannot be opened ({reason}): check path and permissions."
        ) from error
    yield _open_bytes(data, name, damaged)


def _open_bytes(data: bytes, name: str, damaged: bool) -> PhotoFile:
    """A file that was read whole; of layers, the picture that they make."""
    if openraster.is_openraster(data):
        data = openraster.read_merged(data, name, MAX_FILE_BYTES)
    return _open_stream(io.BytesIO(data), name, len(data), damaged)


def check_file_size(path: Path) -> None:
    """Refuse a file that is larger than any photo, by a look at its size; what is none is left.

    Raises:
        BadPhoto: it is.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            with files.open_plain(path) as file:
                _check_open_file(str(path), file)
    except OSError:
        return


def _check_open_file(name: str, file: BinaryIO) -> int:
    """The bytes of an open file, if they may be read: whole, but for a TIFF."""
    size = os.fstat(file.fileno()).st_size
    if size > MAX_FILE_BYTES:
        is_tiff = ifd.is_tiff(file.read(4))
        file.seek(0)
        if size > (MAX_TIFF_BYTES if is_tiff else MAX_FILE_BYTES):
            raise BadPhoto(f"{name} has {size:,} bytes, more than any photo: check what it is.")
    return size


@contextmanager
def named_failures(name: str, *, damaged: bool) -> Iterator[None]:
    """Turn whatever reading raises into a sentence.

    Args:
        name: of the file or page.
        damaged: whether to read what can be read was tried already, or cannot help.
    """
    try:
        yield
    except (PhotochromError, MemoryError):
        raise
    except limits.Excess as error:
        raise BadPhoto(f"{name} cannot be read as a photo ({error}): export it again.") from error
    except Exception as error:  # decoders raise whatever the bytes provoke
        advice = "" if damaged else DAMAGED_ADVICE
        raise BadPhoto(
            f"{name} is cut short or damaged ({error}): download or export it again{advice}."
        ) from error


def _open_stream(stream: BinaryIO, name: str, size: int, damaged: bool) -> PhotoFile:
    if not size:
        raise BadPhoto(f"{name} is empty (0 bytes): download or export it again.")
    head = stream.read(_HEAD)
    stream.seek(0)
    is_tiff = ifd.is_tiff(head)
    with named_failures(name, damaged=damaged or is_tiff):
        if unreadable.has_raw_suffix(name) and not head.startswith(headers.JPEG[:2]):
            raise BadPhoto(unreadable.explain_raw(name))
        if is_tiff:
            file = _open_tiff(stream, name, size)
        elif head.startswith(png.SIGNATURE):
            file = _open_png(data := stream.read(), name, damaged)
        elif head.startswith(headers.JPEG):
            file = _open_jpeg(data := stream.read(), name, damaged)
        else:
            file = _open_other(data := stream.read(), head, name, damaged)
        if not is_tiff and manifests.has_manifest(data):
            file.notes.append(manifests.NOTE)
    file.damaged = damaged
    return file


def _open_tiff(stream: BinaryIO, name: str, size: int) -> PhotoFile:
    tiff = tiff_directories.find_pages(stream, size)
    if tiff.raw:
        raise BadPhoto(unreadable.explain_raw(name))
    page = tiff_page.Page(tiff, tiff.pages[0])
    return PhotoFile(page.described(), name, size, pictures=len(tiff.pages), page=page)


def _open_png(data: bytes, name: str, damaged: bool) -> PhotoFile:
    try:
        prepared = png.prepare(data)
    except ValueError:
        if not damaged:
            raise
        whole, missing = png.repair(data, limits.plausible_size(len(data)))
        prepared = png.prepare(whole)
        prepared.notes.append(rescue.note_missing(missing))
    image = pillow.open_image(io.BytesIO(prepared.pixels))
    image.info.update(prepared.info)
    file = PhotoFile(image, name, len(data), prepared.data, prepared.pixels, notes=prepared.notes)
    file.pictures = prepared.pictures
    return file


def _open_jpeg(data: bytes, name: str, damaged: bool) -> PhotoFile:
    headers.check_header(data)
    lean = jpeg.strip_remarks(data)
    try:
        image, notes = _open_image(lean, name, damaged)
    except UnidentifiedImageError as error:
        raise BadPhoto(
            f"{name} is a JPEG whose beginning is damaged: download or export it again."
        ) from error
    image.info["exif"] = metadata.jpeg_exif(data)
    file = PhotoFile(image, name, len(data), data, lean, notes=notes)
    file.buffered = "progressive" in image.info or jpeg.count_scans(lean) > 1
    return file


def _open_other(data: bytes, head: bytes, name: str, damaged: bool) -> PhotoFile:
    if head.startswith(unreadable.JPEG_XL):
        pillow.jpeg_xl_available()
    needs_heif = pillow.looks_like_heif(head) and not pillow.heif_available()
    headers.check_header(data)
    try:
        image, notes = _open_image(data, name, damaged)
    except UnidentifiedImageError as error:
        if needs_heif:
            raise MissingExtra("pillow-heif", "heif") from error
        start = data.find(headers.JPEG, 1, _JUNK)
        if start < 0 or unreadable.recognize(name, head):
            raise BadPhoto(unreadable.explain(name, head)) from error
        return _open_jpeg(data[start:], name, damaged)
    file = PhotoFile(image, name, len(data), data, data, notes=notes)
    file.pictures = headers.count_gif_frames(data) if image.format == "GIF" else _frames(image)
    if image.format == "JPEG2000":
        image.info.update(jp2.read_metadata(data))  # as Pillow passes over it
    return file


def _open_image(data: bytes, name: str, damaged: bool) -> tuple[Image.Image, list[str]]:
    """Let Pillow open a file, or what is there of it if that is enough; notes tell what is not."""

    def open_small(stream: BinaryIO) -> Image.Image:
        image = pillow.open_image(stream)
        limits.check_size(image.size, name, limits.estimate_memory(image), len(data))
        return image

    try:
        return pillow.open_image(io.BytesIO(data)), []
    except (UnidentifiedImageError, MemoryError):
        raise
    except Exception:
        if not damaged:
            raise
        image, missing = rescue.decode_truncated(data, None, open_small)
        return image, [rescue.note_missing(missing)]


def _frames(image: Image.Image) -> int:
    try:
        return max(1, getattr(image, "n_frames", 1)) if image.format in _MOVING else 1
    except Exception:  # whatever a broken animation provokes; its first frame may be whole
        return 1
