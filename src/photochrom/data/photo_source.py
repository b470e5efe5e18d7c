"""One encoded photo where it lies, in a file of its own or within a tar; on disk, or at a URL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from photochrom.data.decode import as_bad_photo
from photochrom.errors import BadData, BadPhoto
from photochrom.names import is_plain
from photochrom.storage.remote import Remote

MOST_BYTES = 1_000_000_000
"""Of an encoded photo, which is read whole, and of an index."""


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
            return read_stretch(self.path, self.offset, self.size)
        except OSError as error:
            raise BadPhoto(f"it cannot be opened ({error.strerror or error}).") from error


def read_stretch(place: Path | Remote, at: int, size: int) -> bytes:
    """Bytes of a file from ``at`` on, fewer than ``size`` where it ends.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(place, Remote):
        return place.read(at, size)
    with place.open("rb") as file:
        file.seek(at)
        return file.read(size)


def stamp_file(path: Path | Remote) -> tuple[int, int]:
    """Size of a file, and what changes with it; zeros where it has gone, as to read it will say."""
    try:
        known = path.stat()
        return known.st_size, known.st_mtime_ns
    except (OSError, BadData):
        return 0, 0
