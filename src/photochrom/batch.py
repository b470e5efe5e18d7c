"""Many photos: what lies in the folders given, and where each result goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from photochrom.errors import BadData, BadOption

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".avif", ".gif", ".jp2"}


def jobs(photos: Sequence[Path], out: Path | None) -> list[tuple[Path, Path | None]]:
    """Each photo with the file its result goes to; None where that is beside the photo.

    Args:
        photos: files, and folders that are searched whole and mirrored below ``out``.
        out: a file for a single photo, else a folder; or None.

    Raises:
        BadOption: no photos, or several for one file. BadData: a folder holds none.
    """
    if not photos:
        raise BadOption("Name at least one photograph, or a folder of them.")
    into_file = out is not None and out.suffix.lower() in SUFFIXES and not out.is_dir()
    if into_file and (len(photos) != 1 or photos[0].is_dir()):
        raise BadOption(f"-o {out} is one file, but there may be many photos: name a folder.")
    found: list[tuple[Path, Path | None]] = []
    for given in photos:
        for photo in inside(given):
            below = photo.relative_to(given) if given.is_dir() else Path(photo.name)
            found.append((photo, out if out is None or into_file else out / below))
    return found


def inside(given: Path) -> list[Path]:
    """The photo itself, or every photo in the folder and its sub-folders, in a fixed order.

    Raises:
        BadData: the folder holds none.
    """
    if not given.is_dir():
        return [given]
    found = sorted(p for p in given.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise BadData(f"No photos in {given}: photochrom looks for {', '.join(sorted(SUFFIXES))}.")
    return found
