"""Photographs where they lie: in folders, in tar shards, or both; on disk, or at a URL.

A photo is named by its path, or by ``shard.tar/member``. Nothing here decodes more than one photo
at a time; :mod:`photochrom.data.cache` keeps a decoded set, :mod:`photochrom.data.stream` goes
through one that is too large for that.
"""

from __future__ import annotations

import csv
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, TypeVar

from photochrom.color import Pixels
from photochrom.data.decode import as_bad_photo, decode
from photochrom.errors import BadData, BadPhoto, PhotochromError
from photochrom.image.reader import PHOTO_SUFFIXES
from photochrom.names import is_plain
from photochrom.storage.remote import STORES, Remote, parse_place, why_refused
from photochrom.storage.search import expand_pattern, find_photos, photos_among

R = TypeVar("R")

INDEX = "index.json"
"""Beside packed shards: what is in them, so that they need not be gone through to be found out."""
MOST_BYTES = 1_000_000_000
"""Of an encoded photo, which is read whole, and of an index."""
MOST_HEADER = 1 << 16
"""Bytes of a tar's header, with long names and whatever else is told of a member."""


@dataclass(frozen=True)
class PhotoSource:
    """One encoded photo: a file, or a stretch of a tar file."""

    path: Path | Remote
    member: str = ""
    """Name inside the tar; empty for a file of its own."""
    offset: int = 0
    """Where its bytes begin in ``path``."""
    size: int = 0
    """How many bytes it has."""
    refused: str = ""
    """Why it may not be read, whatever it holds."""

    @property
    def name(self) -> str:
        """What the photo is called in reports."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @property
    def trouble(self) -> str:
        """Why it is left out without a look at what it holds; "" if it is not."""
        if not is_plain(self.name):  # in a list it would be two photos, or another one
            return "its name holds control characters: give it another."
        if self.size > MOST_BYTES:
            return f"it is said to have {self.size:,} bytes, and at most {MOST_BYTES:,} are read."
        return self.refused

    @as_bad_photo()
    def read(self) -> bytes:
        """The encoded bytes.

        Raises:
            BadPhoto: the file has gone, or may not be read.
        """
        if self.trouble:
            raise BadPhoto(self.trouble)
        try:
            if isinstance(self.path, Remote):
                return self.path.read(self.offset, self.size)
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return file.read(self.size)
        except OSError as error:
            raise BadPhoto(f"it cannot be opened ({error.strerror or error}).") from error


def find_sources(paths: Iterable[str | Path | Remote]) -> list[PhotoSource]:
    """Every photo under ``paths`` in a fixed order: a folder is searched whole, tars included.

    What :mod:`photochrom.storage.search` leaves out is left out here too, in tars and at URLs as
    well: hidden files, those of network drives, and our own results beside their photos.

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
    found = [source for place in places for source in _find_at(place)]
    if not found:
        where = ", ".join(map(str, places))
        raise BadData(
            f"No photos in {where}: photochrom looks for {', '.join(sorted(PHOTO_SUFFIXES))} "
            "and .tar."
        )
    return found


def _find_at(place: Path | Remote) -> list[PhotoSource]:
    if place.is_dir():
        return _search_folder(place)
    there = isinstance(place, Remote) or place.is_file()
    if place.suffix == ".tar" and there:
        return _list_tar(place)
    if isinstance(place, Remote):
        if place.stat() and place.suffix.lower() in PHOTO_SUFFIXES:
            return [PhotoSource(place, size=place.stat().st_size)]
        raise BadData(f"{place} is neither a folder nor a .tar of photos: name one of those.")
    if place.suffix == ".txt" and there:
        return _read_list(place)
    if place.exists():
        raise BadData(
            f"{place} is neither a folder nor a .tar of photos, nor a .txt that lists some: "
            "name one of those."
        )
    raise BadData(f"{place} does not exist: name a folder or a .tar of photos.")


def _search_folder(folder: Path | Remote) -> list[PhotoSource]:
    """At a URL, what an index tells of a shard is not fetched: that would be the whole shard."""
    found: list[PhotoSource] = []
    if isinstance(folder, Remote):
        suffixes = PHOTO_SUFFIXES | {".tar", Path(INDEX).suffix}
        files = find_photos(folder, suffixes=suffixes).photos
        packed: dict[str, tuple[int, list[PhotoSource]]] = {}
        for file in files:
            if file.name == INDEX and file.size <= MOST_BYTES:
                packed |= _read_shard_index(file)
        for file in files:
            size, photos = packed.get(str(file), (-1, []))
            found += photos if size == file.size else _open_file(file, file.size)
        return found
    listed = find_photos(folder, suffixes=PHOTO_SUFFIXES | {".tar"})
    for reason in listed.unsearched.values():  # or the set would not be what is meant
        raise BadData(reason)
    for path in listed.photos:
        if path.is_file():
            found += _open_file(path, path.stat().st_size)
        elif not path.exists():  # a link to nothing: who reads it says so
            found.append(PhotoSource(path))
    return found


def _open_file(file: Path | Remote, size: int) -> list[PhotoSource]:
    if file.suffix.lower() in PHOTO_SUFFIXES:
        return [PhotoSource(file, size=size)]
    return _list_tar(file) if file.suffix == ".tar" else []


def _list_tar(path: Path | Remote) -> list[PhotoSource]:
    try:
        with path.open() if isinstance(path, Remote) else path.open("rb") as file:
            members = list(list_members(file))
    except PhotochromError:
        raise
    except Exception as error:  # headers may provoke anything, too
        raise BadData(f"{path} is not a readable tar ({error}): pack it anew.") from error
    photos = set(photos_among(member.name for member in members))
    holed = "it is stored with holes, not as it is: pack it anew."
    return [
        PhotoSource(path, member.name, member.offset_data, member.size, holed * member.issparse())
        for member in members
        if member.isfile() and member.name in photos
    ]


def list_members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Every member of a tar, in order, from a file that can be read at any place.

    With care: it may have been made to harm whoever lists it.

    Raises:
        TarError, or whatever else tarfile raises at what is none.
    """
    with tarfile.open(fileobj=_Headers(file), mode="r:") as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            if tar.offset <= member.offset:  # a negative size leads back, and round in a circle
                raise tarfile.ReadError("a member of a negative size")
            yield member
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a bad header for the end
            raise tarfile.ReadError("damaged after the first members")


class _Headers:
    """What tarfile reads headers from: a header tells its own size, of which none is too large."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._read(size)


def _read_shard_index(index: Remote) -> dict[str, tuple[int, list[PhotoSource]]]:
    """Bytes and photos of each shard, by an index."""
    folder = str(index).removesuffix(INDEX)
    shards = {}
    try:
        for shard in json.loads(index.read())["shards"]:
            url = Remote(folder + shard["name"])
            photos = [
                PhotoSource(url, str(member), int(at), int(n)) for member, at, n in shard["photos"]
            ]
            size = int(shard["bytes"])
            if not all(0 <= photo.offset <= size - photo.size <= size for photo in photos):
                raise ValueError("a photo that is not in it")
            shards[str(url)] = size, photos
    except Exception:  # somebody else's file of that name, which may hold anything
        return {}
    return shards


def _read_list(path: Path) -> list[PhotoSource]:
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
    return found


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


def stamp_file(path: Path | Remote) -> tuple[int, int]:
    """Size of a file, and what changes with it; zeros where it has gone, as to read it will say."""
    try:
        known = path.stat()
        return known.st_size, known.st_mtime_ns
    except (OSError, BadData):
        return 0, 0


def is_held_out(digest: str, share: float) -> bool:
    """Whether the photo belongs to the ``share`` that is held out; the same on every machine."""
    return int(digest[:8], 16) < share * 2**32


def read_split_index(path: Path) -> dict[str, str]:
    """Photo name to split from a CSV with the columns ``name`` and ``split``.

    Raises:
        BadData: missing file or columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a BOM
            return {row["name"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise BadData(f"{path} is no index: it needs the columns name and split.") from error


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
