"""XMP sidecars: what other programs wrote about a photo, in a file of its own beside it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import BinaryIO

from photochrom import files
from photochrom.errors import CannotWrite, DiskFull
from photochrom.image.reader import PHOTO_SUFFIXES
from photochrom.image.unreadable import RAW_SUFFIXES

_SUFFIXES = PHOTO_SUFFIXES | RAW_SUFFIXES | {".jxl", ".raw"}
"""Of photos to which a sidecar of their stem may belong."""
_MOST = 2**26  # bytes of a sidecar that is copied


def copy_sidecars(photo: Path, target: Path, *, force: bool) -> list[str]:
    """Copy the sidecars of a photo beside its result, under the result's name.

    ``a.jpg.xmp`` is always the photo's; ``a.xmp`` where no other photo is called ``a``.

    Args:
        photo: the photo.
        target: its result.
        force: replace sidecars that exist.

    Returns:
        What is to be said: which of them was not copied, and why.

    Raises:
        DiskFull: there is no room.
    """
    pairs = [(Path(f"{photo}.xmp"), Path(f"{target}.xmp"))]
    if _is_file(lone := photo.with_suffix(".xmp")) and not shares_stem(photo):
        pairs.append((lone, target.with_suffix(".xmp")))
    said = []
    for source, goal in pairs:
        if not _is_file(source):
            continue
        try:
            content = files.read_plain(source, _MOST)
            if b":RDF" not in content.replace(b"\0", b""):  # which may be UTF-16
                # It may be a link to what is nobody else's business.
                said.append("its XMP sidecar was not copied (it is no XMP)")
            elif not _holds(goal, content):
                files.write_atomically(goal, partial(_put, content), force=force)
        except DiskFull:
            raise
        except (OSError, CannotWrite) as error:
            said.append(f"its XMP sidecar was not copied ({str(error).rstrip('.')})")
    return said


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - as the other raises for a name that is too long


def _holds(goal: Path, content: bytes) -> bool:
    """Whether a file is there and has this content."""
    try:
        return goal.stat().st_size == len(content) and files.read_plain(goal, _MOST) == content
    except OSError:
        return False


def shares_stem(photo: Path) -> bool:
    """Whether another photo in the folder has the same stem, as ``a.jpg`` and ``a.tif`` have."""
    return any(
        other.stem == photo.stem and other.name != photo.name and other.suffix.lower() in _SUFFIXES
        for other in map(Path, os.listdir(photo.parent))  # noqa: PTH208 - names are enough
    )


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)
