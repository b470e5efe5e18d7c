"""The one search for photos, in folders and at URLs, and which names are no photos of anybody's.

Left out wherever a folder is searched: what is hidden, what network drives and other programs keep
for themselves (:data:`FOREIGN`), and our own results beside their photos.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar, overload

from photochrom.image.reader import PHOTO_SUFFIXES
from photochrom.storage.remote import Remote

P = TypeVar("P", Path, Remote)

FOREIGN = (
    ".*",  # hidden: .thumbnails, macOS's ._photo.jpg, our own .photochrom
    *("@eaDir", "#recycle", "#snapshot", "@tmp"),  # Synology
    *("@Recycle", "@Recently-Snapshot", "@__thumb"),  # QNAP
    *("$RECYCLE.BIN", "RECYCLER", "System Volume Information", "Thumbs.db", "desktop.ini"),
    *("*.lrdata", "*.lrcat-data"),  # Lightroom's previews
    *("__MACOSX", "lost+found", "~snapshot"),
)
"""Patterns of names, of files and of folders, in any case."""
_SIDECARS = frozenset(
    f".{kind}"
    for kind in (
        *("xmp", "json", "jsonl", "txt", "csv", "md", "html", "photochrom"),
        *("aae", "cos", "db", "dop", "ini", "log", "pp3", "thm", "url"),
    )
)
"""Of files that go with photos and are not worth a word."""


@dataclass
class Found(Generic[P]):
    """What a folder holds."""

    photos: list[P] = field(default_factory=list)
    """In a fixed order."""
    unsearched: dict[P, str] = field(default_factory=dict)
    """Folders below it that do not open, each with a sentence that says why."""
    others: Counter[str] = field(default_factory=Counter)
    """How many files are no photos, by suffix in lower case, "" for none."""


@overload
def find_photos(
    folder: Path,
    *,
    out: Path | None = None,
    exclude: Sequence[str] = (),
    suffixes: frozenset[str] = PHOTO_SUFFIXES,
) -> Found[Path]: ...


@overload
def find_photos(folder: Remote, *, suffixes: frozenset[str] = PHOTO_SUFFIXES) -> Found[Remote]: ...


def find_photos(
    folder: Path | Remote,
    *,
    out: Path | None = None,
    exclude: Sequence[str] = (),
    suffixes: frozenset[str] = PHOTO_SUFFIXES,
) -> Found[Path] | Found[Remote]:
    """Search a folder and its sub-folders for photos.

    Args:
        folder: where; links to folders are followed, but never in circles.
        out: where results go, which is not searched.
        exclude: patterns of names, or of paths below the folder, to be left out as well.
        suffixes: of what is looked for, in lower case.

    Raises:
        BadData: a URL cannot be looked at.
    """
    if isinstance(folder, Remote):
        files = folder.list_files()
        return Found([files[name] for name in photos_among(files, exclude, suffixes)])
    found: Found[Path] = Found()
    seen = {_identity(out)} if out is not None and is_folder(out) else set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            identity = _identity(here)
            kinds = _list_kinds(here)
        except OSError as error:  # or it is gone since it was found
            reason = f"{here} cannot be searched ({error.strerror}): check its permissions."
            found.unsearched[here] = reason
            continue
        if identity in seen and here != folder:  # a link led back, or to the results
            continue
        seen.add(identity)
        below = "" if here == folder else f"{here.relative_to(folder).as_posix()}/"
        names = sorted((n for n in kinds if not is_left_out(below + n, exclude)), reverse=True)
        waiting += [here / name for name in names if kinds[name]]
        files_here = [name for name in names if not kinds[name]]
        found.photos += [here / name for name in photos_among(files_here, suffixes=suffixes)]
        ends = map(_suffix, files_here)
        found.others.update(end for end in ends if end not in suffixes | _SIDECARS)
    found.photos.sort()
    return found


def photos_among(
    names: Iterable[str],
    exclude: Sequence[str] = (),
    suffixes: frozenset[str] = PHOTO_SUFFIXES,
) -> list[str]:
    """The photos among files that were found elsewhere, as in a tar or at a URL.

    Args:
        names: of all files, each with its place below what was searched, parted by ``/``.
        exclude: as for :func:`find_photos`.
        suffixes: likewise.
    """
    whole = {name: posixpath.normpath(name) for name in names}
    present = defaultdict(set)
    for path in whole.values():
        folder, name = posixpath.split(path)
        present[folder].add(name)
    return [
        name
        for name, path in whole.items()
        if _suffix(path) in suffixes
        and not any(is_left_out(part, exclude) for part in _prefixes(path))
        and not _is_result(posixpath.basename(path), present[posixpath.dirname(path)])
    ]


def is_left_out(path: str, exclude: Sequence[str] = ()) -> bool:
    """Whether a file or folder is passed over, by its name or its place below what is searched."""
    name = posixpath.basename(path).casefold()
    if _pattern(FOREIGN).match(name):
        return True
    asked = _pattern(tuple(exclude))
    return bool(asked.match(name) or asked.match(path.casefold()))


def expand_pattern(path: Path) -> list[Path]:
    """What a pattern such as ``*.jpg`` stands for, where no shell has seen to it, as on Windows.

    Returns:
        The path itself if it is there or is no pattern; else the photos, shards and folders that
        it matches, which may be none.
    """
    if not any(sign in str(path) for sign in "*?[") or os.path.lexists(path):
        return [path]
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - with its root
    wants_results = ".color" in path.name
    present: dict[Path, set[str]] = {folder: set() for folder in {m.parent for m in matches}}
    for folder, names in present.items():
        with contextlib.suppress(OSError):  # which whoever opens what is in it is told
            names.update(os.listdir(folder))  # noqa: PTH208 - names are enough

    def is_wanted(match: Path) -> bool:
        kept = wants_results or not _is_result(match.name, present[match.parent])
        photo = kept and _suffix(match.name) in PHOTO_SUFFIXES | {".tar"}
        return not is_left_out(match.name) and (photo or is_folder(match))

    return [match for match in matches if is_wanted(match)]


def _list_kinds(folder: Path) -> dict[str, bool]:
    """What is in a folder, and whether that is one, even where its path is too long to open it."""
    known = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                known[entry.name] = entry.is_dir()
            except OSError:  # a link in a circle
                known[entry.name] = False
    return known


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether it is a folder, also where its name is too long for any."""
    return os.path.isdir(path)  # noqa: PTH112 - as the other raises for such a name


def _identity(path: Path) -> tuple[int, int]:
    known = path.stat()
    return known.st_dev, known.st_ino


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _prefixes(path: str) -> Iterator[str]:
    """The folders that a file lies in, and the file."""
    for at, sign in enumerate(path):
        if sign == "/" and at:
            yield path[:at]
    yield path


@cache
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """What matches any of the patterns, in lower case."""
    parts = [fnmatch.translate(pattern.strip("/").casefold()) for pattern in patterns]
    return re.compile("|".join(parts) or r"(?!)")


def _is_result(name: str, present: set[str]) -> bool:
    """Whether it is called as we call results: ``a.color.jpg`` or ``a.color-1.jpg`` beside an
    ``a.jpg``, or ``a.gif.color.png`` beside an ``a.gif``; or as their maps of uncertainty.
    """
    stem = posixpath.splitext(name)[0]
    photo = re.sub(r"(\.color(-\d+)*)?((\.\w+)?\.uncertainty)?$", "", stem)
    if photo == stem:
        return False
    kinds = {"", posixpath.splitext(name)[1], *PHOTO_SUFFIXES, *map(str.upper, PHOTO_SUFFIXES)}
    return any(photo + kind in present for kind in kinds)
