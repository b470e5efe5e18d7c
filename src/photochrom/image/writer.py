"""Photos, written: where a result goes, in which format, and whole or not at all."""

from __future__ import annotations

import io
import itertools
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from photochrom import files
from photochrom.errors import CannotWrite, MissingExtra, PhotochromError
from photochrom.held_folder import HeldFolder
from photochrom.image import encoding as encoders
from photochrom.image import openraster, pillow
from photochrom.image.encoding import DEFAULT_ENCODING, Encoding
from photochrom.image.photo import Photo

Sign = Callable[[BinaryIO, str, BinaryIO], object]
"""Takes an encoded file and Pillow's name of its format, and writes it signed into another."""
_GREY_SUFFIXES = (".pbm", ".pgm")  # which say that there is no colour


def default_output(source: str | os.PathLike[str]) -> Path:
    """Where the result of a file goes by default: ``house.jpg`` becomes ``house.color.jpg``.

    A format that can be read but not written becomes PNG.
    """
    path = Path(source)
    suffix = path.suffix if _format_of(path) else ".png"
    return path.with_name(f"{path.stem}.color{suffix}")


def default_format(source_format: str | None) -> str:
    """The format that a photo of one is written in by default: the same, or else PNG."""
    writable = encoders.is_writable(source_format)
    return source_format if source_format is not None and writable else "PNG"


def writable_target(target: Path) -> Path:
    """The target, or where its format cannot be written ``<name>.png``, suffix and all."""
    return target if _format_of(target) else target.with_name(f"{target.name}.png")


def check_target(target: Path, source: Path | None, *, force: bool) -> str:
    """Find out what :func:`write_photo` would refuse, before any work is done.

    Returns:
        Pillow's name of the target's format.

    Raises:
        CannotWrite: it exists, is the source, or names no format that can be written.
        MissingExtra: its format needs one.
    """
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


def write_photo(
    photo: Photo | Iterable[Photo],
    target: str | os.PathLike[str],
    *,
    force: bool = False,
    staging: HeldFolder | None = None,
    before_rename: Callable[[BinaryIO], object] | None = None,
    encoding: Encoding = DEFAULT_ENCODING,
    keep_times: bool = False,
    sign: Sign | None = None,
) -> Path:
    """Write a photo in the format of the target's suffix: the whole file, or none.

    Args:
        photo: what to write; several are the pages of a TIFF, and taken one at a time.
        target: the file to make.
        force: replace a file that exists; even so never the file the photo was read from.
        staging: the folder to make it in, on the same disk; by default the target's.
        before_rename: is shown the finished file before it gets its name.
        encoding: how it is compressed.
        keep_times: give the result the times of the file the photo was read from.
        sign: signs the encoded file.

    Returns:
        The target.

    Raises:
        CannotWrite: it exists, its suffix names no format, or the folder does not take it.
    """
    path = Path(target)
    first, pages = _peek(photo)
    name = check_target(path, first.source, force=force)

    def make(file: BinaryIO) -> None:
        _encode(pages, name, file, encoding, sign)

    def finish(file: BinaryIO) -> None:
        if known is not None:
            files.set_attributes(file, _permissions(known), known if keep_times else None)
        if before_rename is not None:
            before_rename(file)

    try:
        known = None if first.source is None else first.source.stat()
    except OSError:
        known = None
    # Also while it is unfinished others see no more of it than of the source.
    mode = 0o666 if known is None else 0o600 | _permissions(known)
    files.write_atomically(
        path, make, force=force, staging=staging, mode=mode, before_rename=finish
    )
    return path


def encode_photo(
    photo: Photo | Iterable[Photo],
    format: str | None = None,  # noqa: A002
    encoding: Encoding = DEFAULT_ENCODING,
    sign: Sign | None = None,
) -> bytes:
    """The photo as the bytes of a file.

    Args:
        photo: what to write; several are the pages of a TIFF.
        format: Pillow's name of a format; by default the one it came in, else PNG.
        encoding: how it is compressed.
        sign: signs the encoded file.

    Raises:
        CannotWrite: the format does not exist, or does not take such a photo.
    """
    first, pages = _peek(photo)
    file = io.BytesIO()
    name = (format or default_format(first.format)).upper()
    _encode(pages, name, file, encoding, sign)
    return file.getvalue()


def _encode(
    pages: Iterator[Photo], name: str, file: BinaryIO, encoding: Encoding, sign: Sign | None
) -> None:
    """Write photos as one file, which is signed last of all."""
    if sign is None:
        encoders.encode_pages(pages, name, file, encoding)
        return
    with tempfile.TemporaryFile() as plain:
        encoders.encode_pages(pages, name, plain, encoding)
        plain.seek(0)
        sign(plain, name, file)


def digest_photo(
    photo: Photo | Iterable[Photo],
    format: str,  # noqa: A002
    encoding: Encoding,
    folder: Path,
) -> str:
    """The SHA-256 of the file that :func:`write_photo` would make, of which nothing is left.

    Args:
        photo: what would be written.
        format: Pillow's name of the format.
        encoding: how it is compressed.
        folder: where there is room for it meanwhile.

    Raises:
        CannotWrite: the folder does not take it, or the format not such photos.
    """
    _, pages = _peek(photo)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            encoders.encode_pages(pages, format, file, encoding)
            return files.sha256(file)
    except OSError as error:
        raise files.cannot_write(folder, error) from error


def _peek(photo: Photo | Iterable[Photo]) -> tuple[Photo, Iterator[Photo]]:
    """The first of the photos, and all of them."""
    photos = iter([photo] if isinstance(photo, Photo) else photo)
    first = next(photos)
    return first, itertools.chain([first], photos)


def _permissions(known: os.stat_result) -> int:
    return stat.S_IMODE(known.st_mode) & 0o777


def _format_of(path: Path) -> str | None:
    """The format that can be written under a file's suffix, or None."""
    suffix = path.suffix.lower()
    if suffix in _GREY_SUFFIXES:
        return None
    name = openraster.FORMAT if suffix == openraster.SUFFIX else pillow.format_of(suffix)
    return name if encoders.is_writable(name) else None


def _unwritable(target: Path) -> PhotochromError:
    """Why there is no format under a name, and what to choose instead."""
    suffix = target.suffix.lower()
    if suffix[1:] in pillow.HEIF_SUFFIXES and not pillow.heif_available():
        return MissingExtra("pillow-heif", "heif")
    instead = "end it in .jpg, .png, .tif or .webp"
    if suffix in _GREY_SUFFIXES:
        return CannotWrite(f"{target} has no room for colour: {instead}.")
    if pillow.format_of(suffix):
        return CannotWrite(f"{target} is of a format that is only read: {instead}.")
    return CannotWrite(f"{target} names no known format: {instead}.")
