"""What a tar holds: by its headers, which are gone through with care, or by a table made before."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from photochrom import files
from photochrom.data.photo_source import PhotoSource, read_stretch, stamp_file
from photochrom.errors import BadData, CannotWrite, PhotochromError
from photochrom.storage.remote import Remote
from photochrom.storage.search import photos_among

MOST_HEADER = 1 << 16
"""Bytes of a tar's header, with long names and whatever else is told of a member."""


@dataclass(frozen=True)
class Members:
    """The photos of a file: where each lies, and what it is called; some 30 bytes each."""

    names: bytes
    """One after another."""
    ends: npt.NDArray[np.int64]
    """``(n,)``: where each name ends."""
    places: npt.NDArray[np.int64]
    """``(n, 2)``: where each photo begins, and how many bytes it has."""
    refused: Mapping[int, str]
    """Those that may not be read, each with the reason."""

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[Any]]) -> Members:
        """Make the table of ``[name, offset, size]`` each, or ``[name, offset, size, reason]``.

        Raises:
            ValueError, TypeError, OverflowError: they are none.
        """
        names, places, refused = [], [], {}
        for i, (name, offset, size, *reason) in enumerate(rows):
            names.append(str(name).encode("utf-8", "surrogateescape"))
            places.append((int(offset), int(size)))
            if any(reason):
                refused[i] = str(reason[0])
        ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        table = np.array(places, np.int64).reshape(-1, 2)
        return cls(b"".join(names), ends, table, refused)

    @classmethod
    def from_json(cls, text: bytes, most: int) -> Members:
        """Read what :meth:`to_json` wrote, of a file of ``most`` bytes, perhaps changed since.

        Raises:
            ValueError, TypeError, OverflowError, RecursionError: it is no table of that file.
        """
        members = cls.from_rows(json.loads(text))
        offsets, sizes = members.places.T
        if not ((offsets >= 0) & (sizes >= 0) & (offsets <= most - sizes)).all():
            raise ValueError("a photo that is not in it")
        return members

    def to_json(self) -> bytes:
        """The table as a line of JSON, in ASCII."""
        rows = [[*self[i][:3], self[i][3]] if i in self.refused else self[i][:3] for i in self]
        return json.dumps(rows, separators=(",", ":")).encode("ascii") + b"\n"

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __getitem__(self, i: int) -> tuple[str, int, int, str]:
        """Name, offset, size, and why photo i may not be read or ""."""
        name = self.names[self.ends[i - 1] if i else 0 : self.ends[i]]
        offset, size = self.places[i].tolist()
        return name.decode("utf-8", "surrogateescape"), offset, size, self.refused.get(i, "")


class Told(NamedTuple):
    """Where it is told what a shard holds."""

    file: Path | Remote
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A file that photos lie in: a tar of them, or a photo of its own."""

    path: Path | Remote
    size: int = 0
    """Bytes."""
    count: int | None = None
    """Photos in it, where that is known."""
    told: Members | Told | None = None
    """What they are, where that need not be found out."""

    @property
    def is_tar(self) -> bool:
        """Whether it has members."""
        return self.path.suffix == ".tar"

    def read_members(self, cache: Path | None = None) -> Members:
        """The table of its photos.

        Args:
            cache: folder where tables are kept of tars that had to be gone through.

        Raises:
            BadData: it cannot be read.
        """
        if isinstance(self.told, Members):
            return self.told
        if not self.is_tar:
            return Members.from_rows([["", 0, self.size]])
        if self.told:
            with suppress(*_NO_TABLE):
                text = read_stretch(*self.told)
                members = Members.from_json(text, self.size)
                if len(members) == self.count:
                    return members
        return _scan_once(self.path, cache) if cache else scan_tar(self.path)

    def source(self, members: Members, i: int) -> PhotoSource:
        """Photo i of its table."""
        return PhotoSource(self.path, *members[i])


_NO_TABLE = OSError, ValueError, TypeError, OverflowError, RecursionError
"""What is raised where a table has gone, or is something else."""


def _scan_once(path: Path | Remote, cache: Path) -> Members:
    size, changed = stamp_file(path)
    key = hashlib.sha256(repr((1, str(path.resolve()), size, changed)).encode()).hexdigest()
    kept = cache / f"{key[:16]}.json"
    with suppress(*_NO_TABLE):
        return Members.from_json(kept.read_bytes(), size)
    members = scan_tar(path)
    with suppress(OSError, CannotWrite):  # then it is gone through again
        cache.mkdir(parents=True, exist_ok=True)
        files.write_bytes(kept, members.to_json())
    return members


def scan_tar(path: Path | Remote) -> Members:
    """Go through the headers of a tar, and tell which photos it holds.

    Raises:
        BadData: it cannot be read.
    """
    try:
        with path.open() if isinstance(path, Remote) else path.open("rb") as file:
            members = list(list_members(file))
    except PhotochromError:
        raise
    except Exception as error:  # headers may provoke anything, too
        raise BadData(f"{path} is not a readable tar ({error}): pack it anew.") from error
    photos = set(photos_among(member.name for member in members))
    holed = "it is stored with holes, not as it is: pack it anew."
    return Members.from_rows(
        (member.name, member.offset_data, member.size, holed * member.issparse())
        for member in members
        if member.isfile() and member.name in photos
    )


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
