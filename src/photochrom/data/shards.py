"""Photographs where they lie: in folders, in tar shards, or both.

A photo is named by its path, or by ``shard.tar/member``. Nothing here decodes more than one photo
at a time; :mod:`photochrom.data.cache` keeps a decoded set.
"""

from __future__ import annotations

import csv
import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photochrom import photo
from photochrom.errors import BadData, BadPhoto
from photochrom.photo import SUFFIXES

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """One encoded photo: a file, or a stretch of a tar file."""

    path: Path
    member: str = ""
    """Name inside the tar; empty for a file of its own."""
    offset: int = 0
    """Where its bytes begin in ``path``."""
    size: int = 0
    """How many bytes it has."""

    @property
    def name(self) -> str:
        """What the photo is called in reports."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def read(self) -> bytes:
        """The encoded bytes.

        Raises:
            BadPhoto: the file has gone, or may not be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return file.read(self.size)
        except OSError as error:
            raise BadPhoto(f"it cannot be opened ({error.strerror or error}).") from error


def find(paths: Iterable[Path]) -> list[Source]:
    """Every photo under ``paths`` in a fixed order: a folder is searched whole, tars included.

    Raises:
        BadData: a path does not exist, is neither folder nor tar, or nothing was found.
    """
    paths = [Path(path) for path in paths]
    found: list[Source] = []
    for path in paths:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.is_file())
            for file in files:
                found += _of_file(file)
        elif path.suffix == ".tar" and path.is_file():
            found += _members(path)
        elif path.exists():
            raise BadData(f"{path} is neither a folder nor a .tar of photos: name one of those.")
        else:
            raise BadData(f"{path} does not exist: name a folder or a .tar of photos.")
    if not found:
        where = ", ".join(map(str, paths))
        raise BadData(
            f"No photos in {where}: photochrom looks for {', '.join(sorted(SUFFIXES))} and .tar."
        )
    return found


def _of_file(file: Path) -> list[Source]:
    if file.suffix.lower() in SUFFIXES:
        return [Source(file, size=file.stat().st_size)]
    return _members(file) if file.suffix == ".tar" else []


def _members(path: Path) -> list[Source]:
    try:
        with tarfile.open(path, "r:") as tar, path.open("rb") as file:
            members = tar.getmembers()
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a bad header for the end
                raise tarfile.ReadError("damaged after the first members")
    except (OSError, tarfile.TarError) as error:
        raise BadData(f"{path} is not a readable tar ({error}): pack it anew.") from error
    return [
        Source(path, member.name, member.offset_data, member.size)
        for member in members
        if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES
    ]


def decode(data: bytes) -> Pixels:
    """Encoded bytes to ``(H, W, 3)`` uint8 sRGB, upright.

    Raises:
        BadPhoto: not an image, or cut short.
    """
    return np.asarray(photo.to_image(photo.read(data)).convert("RGB"))


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
