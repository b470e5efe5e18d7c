"""Many photos: what lies in the folders given, and where each result goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from photochrom.errors import BadData, BadOption, CannotWrite
from photochrom.photo import SUFFIXES


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
        for photo in inside(given, out):
            below = photo.relative_to(given) if given.is_dir() else Path(photo.name)
            found.append((photo, out if out is None or into_file else out / below))
    found = list(dict.fromkeys(found))  # a photo that is named twice is coloured once
    _refuse_clashes(found)
    return found


def _refuse_clashes(found: list[tuple[Path, Path | None]]) -> None:
    """Two photos for one target would lose a result."""
    taken: dict[Path, Path] = {}
    for photo, target in found:
        if target is not None and target in taken:
            raise BadOption(
                f"{taken[target]} and {photo} would both become {target}: colour them apart."
            )
        if target is not None:
            taken[target] = photo


def numbered(target: Path, versions: int | None) -> list[Path]:
    """The files for so many versions, ``name-1.jpg`` and on; for None, the target itself."""
    if versions is None:
        return [target]
    return [target.with_stem(f"{target.stem}-{i}") for i in range(1, versions + 1)]


def make_room(target: Path) -> None:
    """Make the folder that ``target`` goes to.

    Raises:
        CannotWrite: it cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"{target.parent} cannot be made ({error.strerror}): choose another folder."
        ) from error


def inside(given: Path, out: Path | None = None) -> list[Path]:
    """The photo itself, or every photo in the folder and its sub-folders, in a fixed order.

    Results are not photos: what lies below ``out``, and what is called ``<name>.color.<suffix>``
    or ``<name>.color-1.<suffix>`` beside a ``<name>.<suffix>``, is passed over.

    Raises:
        BadData: the folder holds none.
    """
    if not given.is_dir():
        return [given]
    found = sorted(
        path
        for path in given.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not _is_result(path, given, out)
    )
    if not found:
        raise BadData(f"No photos in {given}: photochrom looks for {', '.join(sorted(SUFFIXES))}.")
    return found


def _is_result(path: Path, given: Path, out: Path | None) -> bool:
    if out is not None:
        top, results = given.resolve(), out.resolve()
        inside_given = results != top and results.is_relative_to(top)
        if inside_given and path.resolve().is_relative_to(results):
            return True
    stem = re.sub(r"\.color(-\d+)?$", "", path.stem)
    kinds = {path.suffix, *SUFFIXES, *map(str.upper, SUFFIXES)}
    return stem != path.stem and any(path.with_name(stem + kind).exists() for kind in kinds)
