"""Many photos: what lies in the folders given, and where each result goes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from photochrom import photo as photographs
from photochrom.errors import BadData, BadOption, CannotWrite
from photochrom.photo import SUFFIXES


class Job(NamedTuple):
    """A photo to colour."""

    photo: Path
    target: Path
    """The file its result goes to."""
    root: Path | None = None
    """The folder of results that ``target`` lies in or below; None where it stands alone."""
    trouble: str = ""
    """Why it cannot even be looked for."""


def jobs(photos: Sequence[Path], out: Path | None) -> list[Job]:
    """What there is to do.

    Args:
        photos: files, and folders that are searched whole and mirrored below ``out``.
        out: a file for a single photo, else a folder; None for beside each photo.

    Raises:
        BadOption: no photos, or several for one file. BadData: a folder holds none.
    """
    if not photos:
        raise BadOption("Name at least one photograph, or a folder of them.")
    into_file = out is not None and out.suffix.lower() in SUFFIXES and not _is_folder(out)
    if into_file and (len(photos) != 1 or _is_folder(photos[0])):
        raise BadOption(f"-o {out} is one file, but there may be many photos: name a folder.")
    found = []
    for given in photos:
        album = given if _is_folder(given) else None
        troubles: list[Job] = []
        for photo in inside(given, out, troubles):
            if out is None:
                found.append(Job(photo, photographs.default_output(photo), album))
            elif into_file:
                found.append(Job(photo, out))
            else:
                below = photo.relative_to(given) if album else Path(photo.name)
                found.append(Job(photo, photographs.writable(out / below), out))
        found += troubles
    found = list(dict.fromkeys(found))  # a photo that is named twice is coloured once
    refuse_clashes(found)
    return found


def refuse_clashes(found: Iterable[tuple[Path | str, Path | str, object, str]]) -> None:
    """Two photos for one target would lose a result; a target that is a photo would lose it.

    Args:
        found: each as a :class:`Job`, of paths or of URLs.

    Raises:
        BadOption: there are such.
    """
    jobs = [(_place(job[0]), _place(job[1]), job[2]) for job in found if not job[3]]
    photos = {photo for photo, _, root in jobs if root is not None}
    taken: dict[str, str] = {}
    for photo, target, _ in jobs:
        other = taken.setdefault(target, photo)
        if other != photo:
            raise BadOption(f"{other} and {photo} would both become {target}: colour them apart.")
        if target != photo and target in photos:
            raise BadOption(f"{photo} would replace {target}, a photo, too: choose another folder.")


def _place(named: Path | str) -> str:
    return str(named) if "://" in str(named) else os.path.abspath(named)  # noqa: PTH100 - with ..


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


def inside(given: Path, out: Path | None = None, troubles: list[Job] | None = None) -> list[Path]:
    """The photo itself, or every photo in the folder and its sub-folders, in a fixed order.

    Results are not photos: what lies below ``out``, and what is called ``<name>.color.<suffix>``
    or ``<name>.color-1.<suffix>`` beside a ``<name>.<suffix>``, is passed over. So is what is
    hidden.

    Args:
        given: a file or a folder; links in it are followed, but never in circles.
        out: where results go.
        troubles: gets the sub-folders that cannot be searched.

    Raises:
        BadData: the folder holds none.
    """
    if not _is_folder(given):
        return [given]
    unread = [] if troubles is None else troubles
    found = sorted(_photos(given, out, unread))
    if not found and not unread:
        raise BadData(f"No photos in {given}: photochrom looks for {', '.join(sorted(SUFFIXES))}.")
    return found


def _photos(given: Path, out: Path | None, troubles: list[Job]) -> Iterator[Path]:
    seen = {_identity(out)} if out is not None and _is_folder(out) else set()
    waiting = [given]
    while waiting:
        here = waiting.pop()
        try:
            identity = _identity(here)
            names = sorted(os.listdir(here), reverse=True)  # noqa: PTH208 - names are enough
        except OSError as error:  # or it is gone since it was found
            reason = f"{here} cannot be searched ({error.strerror}): check its permissions."
            troubles.append(Job(here, here, trouble=reason))
            continue
        if identity in seen and here != given:  # a link led back, or to the results
            continue
        seen.add(identity)
        folders = {name for name in names if _is_folder(here / name)}
        waiting += [here / name for name in names if name in folders and name[0] != "."]
        present = set(names) - folders
        yield from (here / name for name in present if _is_photo(here / name, present))


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - as the other raises for a name that is too long


def _identity(path: Path) -> tuple[int, int]:
    known = path.stat()
    return known.st_dev, known.st_ino


def _is_photo(path: Path, present: set[str]) -> bool:
    if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
        return False
    stem = re.sub(r"\.color(-\d+)?$", "", path.stem)
    kinds = {path.suffix, *SUFFIXES, *map(str.upper, SUFFIXES)}
    return stem == path.stem or not any(stem + kind in present for kind in kinds)
