"""Photographs where they lie: in folders, in tar shards, or both; on disk, or at a URL.

A photo is named by its path, or by ``shard.tar/member``. Nothing here decodes more than one photo
at a time; :mod:`photochrom.data.cache` keeps a decoded set, :mod:`photochrom.data.stream` goes
through one that is too large for that.
"""

from __future__ import annotations

import itertools
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TypeVar

from photochrom.color import Pixels
from photochrom.data.decode import as_bad_photo, decode
from photochrom.data.members import Members, Shard, Told
from photochrom.data.photo_source import MOST_BYTES, PhotoSource, read_stretch
from photochrom.errors import BadData, BadPhoto
from photochrom.image.reader import PHOTO_SUFFIXES
from photochrom.storage.remote import STORES, Remote, parse_place, why_refused
from photochrom.storage.search import expand_pattern, find_photos

R = TypeVar("R")

INDEX = "index.json"
"""Beside packed shards: their names, photos and bytes."""
MEMBERS = "members.jsonl"
"""Beside it: what is in each of them, so that none need be gone through to be found out."""


def find_sources(paths: Iterable[str | Path | Remote]) -> list[PhotoSource]:
    """Every photo under ``paths``, as :func:`find_shards` finds them.

    Raises:
        BadData: as there, or nothing was found. MissingExtra: a URL needs one.
    """
    shards = find_shards(paths)
    tables = ((shard, shard.read_members()) for shard in shards)
    found = [shard.source(members, i) for shard, members in tables for i in members]
    if not found:
        raise no_photos(paths)
    return found


def no_photos(paths: Iterable[str | Path | Remote]) -> BadData:
    """The error of places that hold none."""
    return BadData(
        f"No photos in {', '.join(map(str, paths))}: photochrom looks for "
        f"{', '.join(sorted(PHOTO_SUFFIXES))} and .tar."
    )


def find_shards(paths: Iterable[str | Path | Remote]) -> list[Shard]:
    """Every file with photos under ``paths`` in a fixed order: a folder is searched whole.

    What :mod:`photochrom.storage.search` leaves out is left out here too, in tars and at URLs as
    well: hidden files, those of network drives, and our own results beside their photos. No photo
    is opened, nor is any tar: what an index beside it tells of it is taken.

    Args:
        paths: folders, tars, patterns and URLs of those, or lists of photos by name, a line
            each (.txt).

    Raises:
        BadData: a path does not exist, is none of those, cannot be searched, or nothing was found.
        MissingExtra: a URL needs one.
    """
    places: list[Path | Remote] = []
    for place in map(parse_place, paths):
        places += [place] if isinstance(place, Remote) else expand_pattern(place) or [place]
    found = [shard for place in places for shard in _find_at(place)]
    if not found:
        raise no_photos(places)
    return found


def _find_at(place: Path | Remote) -> list[Shard]:
    if place.is_dir():
        return _search_folder(place)
    there = isinstance(place, Remote) or place.is_file()
    if place.suffix == ".tar" and there:
        return [Shard(place, place.stat().st_size)]
    if isinstance(place, Remote):
        if place.stat() and place.suffix.lower() in PHOTO_SUFFIXES:
            return [Shard(place, place.stat().st_size, 1)]
        raise BadData(f"{place} is neither a folder nor a .tar of photos: name one of those.")
    if place.suffix == ".txt" and there:
        return _read_list(place)
    if place.exists():
        raise BadData(
            f"{place} is neither a folder nor a .tar of photos, nor a .txt that lists some: "
            "name one of those."
        )
    raise BadData(f"{place} does not exist: name a folder or a .tar of photos.")


def _search_folder(folder: Path | Remote) -> list[Shard]:
    suffixes = PHOTO_SUFFIXES | {".tar", Path(INDEX).suffix}
    sizes: dict[Path | Remote, int] = {}
    if isinstance(folder, Remote):
        sizes = {file: file.size for file in find_photos(folder, suffixes=suffixes).photos}
    else:
        listed = find_photos(folder, suffixes=suffixes)
        for reason in listed.unsearched.values():  # or the set would not be what is meant
            raise BadData(reason)
        for path in listed.photos:
            try:
                known = path.stat()
            except OSError:  # a link to nothing: who reads it says so
                sizes[path] = 0
                continue
            if stat.S_ISREG(known.st_mode):
                sizes[path] = known.st_size
    told: dict[str, Shard] = {}
    for file, size in sizes.items():
        if file.name == INDEX and size <= MOST_BYTES:
            told |= _read_index(file, size)
    found = []
    for file, size in sizes.items():
        if file.suffix.lower() in PHOTO_SUFFIXES:
            found.append(Shard(file, size, 1))
        elif file.suffix == ".tar":
            shard = told.get(str(file))
            same = shard is not None and shard.size == size
            found.append(replace(shard, path=file) if shard and same else Shard(file, size))
    return found


def _read_index(index: Path | Remote, length: int) -> dict[str, Shard]:
    """What an index tells of the shards beside it, by their names."""
    shards = {}
    try:
        folder, place = str(index).removesuffix(INDEX), type(index)
        tables = place(folder + MEMBERS)
        for told in json.loads(read_stretch(index, 0, length))["shards"]:
            name, size, count = str(told["name"]), int(told["bytes"]), int(told["count"])
            if count < 0:
                raise ValueError("fewer photos than none")
            if "members" in told:
                at, many = map(int, told["members"])
                if not (at >= 0 and 0 <= many <= MOST_BYTES):
                    raise ValueError("a table that cannot be")
                table: Told | Members = Told(tables, at, many)
            else:  # as it was written before version 2
                table = Members.from_json(json.dumps(told["photos"]).encode(), size)
                count = len(table)
            shards[folder + name] = Shard(index, size, count, table)
    except Exception:  # somebody else's file of that name, which may hold anything
        return {}
    return shards


def _read_list(path: Path) -> list[Shard]:
    """Photos by their names; of a tar that is named it is found out once what is in it.

    A list may have come from elsewhere: what it may not name, is left to whoever reads it to tell.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        names = [line.removesuffix("\r") for line in text.split("\n") if line.strip("\r")]
    except (OSError, ValueError) as error:
        raise BadData(f"{path} is no list of photos ({error}): give one name a line.") from error
    tars: dict[str, dict[str, PhotoSource]] = {}
    found: list[PhotoSource] = []
    for name in names:
        if refused := not_to_name(name):
            found.append(PhotoSource(parse_place(name), refused=refused))
            continue
        tar, inside, _ = name.partition(".tar/")
        if inside:
            tar += ".tar"
            if tar not in tars:
                tars[tar] = {source.name: source for source in find_sources([tar])}
            source = tars[tar].get(name)
        else:
            source = _one(parse_place(name))
        if source is None:
            raise BadData(f"{path} lists {name}, which is not there: make the list anew.")
        found.append(source)
    return group_by_file(found)


def group_by_file(sources: Iterable[PhotoSource]) -> list[Shard]:
    """Photos as shards, in their order: those of one file that stand side by side are one."""
    shards = []
    for path, listed in itertools.groupby(sources, lambda source: source.path):
        rows = [(s.member, s.offset, s.size, s.refused) for s in listed]
        size = max(offset + size for _, offset, size, _ in rows)
        shards.append(Shard(path, size, len(rows), Members.from_rows(rows)))
    return shards


def not_to_name(name: str) -> str:
    """Why a list, or another file that may have come from elsewhere, may not name this; or ""."""
    found = parse_place(name)
    if trouble := PhotoSource(found).trouble:
        return trouble
    if isinstance(found, Remote) and (reason := why_refused(found.url, STORES)):
        return f"a list may not name it ({reason}): name it yourself, or copy it to this machine."
    if os.name == "nt" and PureWindowsPath(name).drive[:1] in ("\\", "/"):
        return "a list may not name other machines: give the drive a letter."
    return ""


def _one(path: Path | Remote) -> PhotoSource | None:
    try:
        if isinstance(path, Path) and path.exists() and not path.is_file():
            return PhotoSource(path, refused="it is no file.")  # to open a pipe may wait for ever
        return PhotoSource(path, size=path.stat().st_size)
    except (OSError, BadData):
        return None


def none_readable(unreadable: Mapping[str, str]) -> BadData:
    """The error of photos of which none can be read, by their reasons."""
    name, reason = next(iter(unreadable.items()))
    return BadData(f"None of the photos can be read; the first, {name}: {reason}")


def decode_sources(sources: Sequence[PhotoSource]) -> Iterator[tuple[str, Pixels | BadPhoto]]:
    """Name and pixels of each photo, one at a time; a bad one comes as its error."""
    return ((source.name, process_photo(source, decode)) for source in sources)


def process_photo(source: PhotoSource, work: Callable[[bytes], R]) -> R | BadPhoto:
    """What ``work`` makes of the bytes of a photo; where anything goes wrong, that as an error."""
    try:
        with as_bad_photo():
            return work(source.read())
    except BadPhoto as error:
        return error
