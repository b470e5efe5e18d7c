"""Photographs where they lie: in folders, in tar shards, or both; on disk, or at a URL.

A photo is named by its path, or by ``shard.tar/member``. Nothing here decodes more than one photo
at a time; :mod:`photochrom.data.cache` keeps a decoded set, :mod:`photochrom.data.stream` goes
through one that is too large for that.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from photochrom.color import Pixels
from photochrom.data import tars
from photochrom.errors import BadData, BadPhoto, PhotochromError, kind_and_place
from photochrom.image.photo import to_image
from photochrom.image.reader import PHOTO_SUFFIXES, read_photo
from photochrom.names import is_plain
from photochrom.storage import folders
from photochrom.storage.urls import STORES, Remote, place, refusal

INDEX = "index.json"
"""Beside packed shards: what is in them, so that they need not be gone through to be found out."""
MOST_BYTES = 1_000_000_000
"""Of an encoded photo, which is read whole, and of an index."""


@contextmanager
def one_of_many() -> Iterator[None]:
    """Turn whatever goes wrong with one photo into BadPhoto, so that it costs that photo alone.

    Also a decorator.
    """
    try:
        yield
    except BadPhoto:
        raise
    except PhotochromError as error:
        raise BadPhoto(str(error)) from error
    except MemoryError as error:
        raise BadPhoto("it needs more memory than there is: make it smaller first.") from error
    except Exception as error:  # decoders raise whatever the bytes provoke
        raise BadPhoto(f"it cannot be used ({kind_and_place(error)}): please report it.") from error


@dataclass(frozen=True)
class Source:
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

    @one_of_many()
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


def find(paths: Iterable[str | Path | Remote]) -> list[Source]:
    """Every photo under ``paths`` in a fixed order: a folder is searched whole, tars included.

    What :mod:`photochrom.storage.folders` leaves out is left out here too, in tars and at URLs as
    well: hidden files, those of network drives, and our own results beside their photos.

    Args:
        paths: folders, tars, patterns and URLs of those, or lists of photos by name, a line
            each (.txt).

    Raises:
        BadData: a path does not exist, is none of those, cannot be searched, or nothing was found.
        MissingExtra: a URL needs one.
    """
    places = [found for path in paths for found in _places(place(path))]
    found: list[Source] = []
    for path in places:
        if isinstance(path, Remote):
            found += _there(path)
        elif path.is_dir():
            found += _of_folder(path)
        elif path.suffix == ".tar" and path.is_file():
            found += _members(path)
        elif path.suffix == ".txt" and path.is_file():
            found += _listed(path)
        elif path.exists():
            raise BadData(
                f"{path} is neither a folder nor a .tar of photos, nor a .txt that lists some: "
                "name one of those."
            )
        else:
            raise BadData(f"{path} does not exist: name a folder or a .tar of photos.")
    if not found:
        where = ", ".join(map(str, places))
        raise BadData(
            f"No photos in {where}: photochrom looks for {', '.join(sorted(PHOTO_SUFFIXES))} "
            "and .tar."
        )
    return found


def _places(path: Path | Remote) -> list[Path] | list[Remote]:
    if isinstance(path, Remote):
        return [path]
    return folders.expand(path) or [path]


def _of_folder(folder: Path) -> list[Source]:
    listed = folders.find_photos(folder, suffixes=PHOTO_SUFFIXES | {".tar"})
    for reason in listed.unsearched.values():  # or the set would not be what is meant
        raise BadData(reason)
    found: list[Source] = []
    for file in listed.photos:
        if file.is_file():
            found += _of_file(file, file.stat().st_size)
        elif not file.exists():  # a link to nothing: who reads it says so
            found.append(Source(file))
    return found


def _of_file(file: Path | Remote, size: int) -> list[Source]:
    if file.suffix.lower() in PHOTO_SUFFIXES:
        return [Source(file, size=size)]
    return _members(file) if file.suffix == ".tar" else []


_HOLED = "it is stored with holes, not as it is: pack it anew."


def _members(path: Path | Remote) -> list[Source]:
    try:
        opened = path.open() if isinstance(path, Remote) else path.open("rb")
        with opened as file:
            members = list(tars.members(file))
    except PhotochromError:
        raise
    except Exception as error:  # headers may provoke anything, too
        raise BadData(f"{path} is not a readable tar ({error}): pack it anew.") from error
    photos = set(folders.photos_among(member.name for member in members))
    return [
        Source(path, member.name, member.offset_data, member.size, _HOLED * member.issparse())
        for member in members
        if member.isfile() and member.name in photos
    ]


def _there(url: Remote) -> list[Source]:
    """At a URL. What an index tells is not fetched, as that would mean to fetch whole shards."""
    if not url.is_dir():
        if url.suffix == ".tar":
            return _members(url)
        if url.stat() and url.suffix.lower() in PHOTO_SUFFIXES:
            return [Source(url, size=url.stat().st_size)]
        raise BadData(f"{url} is neither a folder nor a .tar of photos: name one of those.")
    files = url.files(PHOTO_SUFFIXES | {".tar", Path(INDEX).suffix})
    told: dict[str, tuple[int, list[Source]]] = {}
    for file in files:
        if file.name == INDEX and files[file] <= MOST_BYTES:
            told |= _told(file)
    found: list[Source] = []
    for file, size in files.items():
        packed, photos = told.get(str(file), (-1, []))
        found += photos if packed == size else _of_file(file, size)
    return found


def _told(index: Remote) -> dict[str, tuple[int, list[Source]]]:
    """Bytes and photos of each shard, by an index."""
    folder = str(index).removesuffix(INDEX)
    told = {}
    try:
        for shard in json.loads(index.read())["shards"]:
            url = Remote(folder + shard["name"])
            photos = [
                Source(url, str(member), int(at), int(n)) for member, at, n in shard["photos"]
            ]
            size = int(shard["bytes"])
            if not all(0 <= photo.offset <= size - photo.size <= size for photo in photos):
                raise ValueError("a photo that is not in it")
            told[str(url)] = size, photos
    except Exception:  # somebody else's file of that name, which may hold anything
        return {}
    return told


def _listed(path: Path) -> list[Source]:
    """Photos by their names; of a tar that is named it is found out once what is in it.

    A list may have come from elsewhere: what it may not name, is left to whoever reads it to tell.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        names = [line.removesuffix("\r") for line in text.split("\n") if line.strip("\r")]
    except (OSError, ValueError) as error:
        raise BadData(f"{path} is no list of photos ({error}): give one name a line.") from error
    tars: dict[str, dict[str, Source]] = {}
    found: list[Source] = []
    for name in names:
        if refused := not_to_name(name):
            found.append(Source(place(name), refused=refused))
            continue
        tar, inside, _ = name.partition(".tar/")
        if inside:
            tar += ".tar"
            if tar not in tars:
                tars[tar] = {source.name: source for source in find([tar])}
            source = tars[tar].get(name)
        else:
            source = _one(place(name))
        if source is None:
            raise BadData(f"{path} lists {name}, which is not there: make the list anew.")
        found.append(source)
    return found


def not_to_name(name: str) -> str:
    """Why a list, or another file that may have come from elsewhere, may not name this; or ""."""
    found = place(name)
    if trouble := Source(found).trouble:
        return trouble
    if isinstance(found, Remote) and (reason := refusal(found.url, STORES)):
        return f"a list may not name it ({reason}): name it yourself, or copy it to this machine."
    if os.name == "nt" and PureWindowsPath(name).drive[:1] in ("\\", "/"):
        return "a list may not name other machines: give the drive a letter."
    return ""


def _one(path: Path | Remote) -> Source | None:
    try:
        if isinstance(path, Path) and path.exists() and not path.is_file():
            return Source(path, refused="it is no file.")  # to open a pipe may wait for ever
        return Source(path, size=path.stat().st_size)
    except (OSError, BadData):
        return None


@one_of_many()
def decode(data: bytes) -> Pixels:
    """Encoded bytes to ``(H, W, 3)`` uint8 sRGB, upright.

    Raises:
        BadPhoto: not an image, cut short, or whatever else is wrong with it.
    """
    return np.asarray(to_image(read_photo(data)).convert("RGB"))


def digest(data: bytes) -> str:
    """What a photo is recognised by wherever it lies: SHA-256 of its encoded bytes."""
    return hashlib.sha256(data).hexdigest()


def is_validation(digest: str, share: float) -> bool:
    """Whether the photo belongs to the ``share`` that is held out; the same on every machine."""
    return int(digest[:8], 16) < share * 2**32


def read_index(path: Path) -> dict[str, str]:
    """Photo name to split from a CSV with the columns ``name`` and ``split``.

    Raises:
        BadData: missing file or columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a BOM
            return {row["name"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise BadData(f"{path} is no index: it needs the columns name and split.") from error


def photos(sources: Sequence[Source]) -> Iterator[tuple[str, Pixels | BadPhoto]]:
    """Name and pixels of each photo, one at a time; a bad one comes as its error."""
    for source in sources:
        try:
            yield source.name, decode(source.read())
        except BadPhoto as error:
            yield source.name, error
